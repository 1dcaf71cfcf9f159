"""SIPp scenarios written step by step: one dialog, either side of it, requests both ways.

A step is a line of the scenario; what SIPp does not get ends it with a failure, so that a scenario
that ends well has seen every message it names, in that order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.peers.descriptions import sdp

RTP_PORT = 6100
"Nothing is sent there: SIPp has no audio here."


@dataclass
class Script:
    """A scenario under construction; `as_caller` or `as_callee` begin one."""

    steps: list[str] = field(default_factory=list)
    number: int = 0
    "Of our last request."
    is_caller: bool = True
    user: str = ""
    to: str = ""
    server: str = ""
    "`HOST:PORT` of the engine, for a caller."
    variables: int = 0

    @property
    def xml(self) -> str:
        head = '<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="one call">\n'
        return head + "".join(self.steps) + "</scenario>\n"

    # What both sides do

    def pause(self, ms: int) -> "Script":
        self.steps.append(f'  <pause milliseconds="{ms}"/>\n')
        return self

    def request(
        self, method: str, *headers: str, body: str = "", number: int | None = None
    ) -> "Script":
        """Send a request inside the dialog; an ACK has the number of the last INVITE."""
        if method not in ("ACK", "CANCEL") and number is None:
            self.number += 1
        number = self.number if number is None else number
        if self.is_caller:
            start, parties = (
                "[next_url]",
                [
                    f"From: <sip:{self.user}@{self.server}>;tag=[call_number]sipp",
                    f"To: <sip:peer@{self.server}>[peer_tag_param]",
                ],
            )
        else:
            start, parties = "[$3]", ["From: [$2];tag=[call_number]sipp", "To: [$1]"]
        lines = [
            f"{method} {start} SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
            *parties,
            "Call-ID: [call_id]",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self.user or 'sipp'}@[local_ip]:[local_port];transport=[transport]>",
            "Max-Forwards: 70",
            *headers,
        ]
        repeats = "" if method == "ACK" else ' retrans="500"'
        self._send(lines, body, repeats)
        return self

    def reply(self, code: int, *headers: str, body: str = "", to_tag: bool = False) -> "Script":
        """Answer the request that came last."""
        tag = ";tag=[call_number]sipp" if to_tag else ""
        lines = [
            f"SIP/2.0 {code} Whatever",
            "[last_Via:]",
            "[last_From:]",
            f"[last_To:]{tag}",
            "[last_Call-ID:]",
            "[last_CSeq:]",
            "[last_Record-Route:]",
            "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>",
            *headers,
        ]
        self._send(lines, body, ' retrans="500"' if code == 200 and body else "")
        return self

    def answer_invite(self, code: int, body: str = "") -> "Script":
        """Answer the INVITE that began the call, whatever has come since."""
        lines = [
            f"SIP/2.0 {code} Whatever",
            "Via: [$5]",
            "From: [$1]",
            "To: [$2];tag=[call_number]sipp",
            "[last_Call-ID:]",
            "CSeq: [$4] INVITE",
            "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>",
        ]
        self._send(lines, body, "")
        return self

    def cancel(self) -> "Script":
        """Cancel the INVITE that was sent last but for its ACK (RFC 3261 section 9.1)."""
        lines = [
            f"CANCEL sip:{self.to}@{self.server} SIP/2.0",
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-{self.since}];rport",
            f"From: <sip:{self.user}@{self.server}>;tag=[call_number]sipp",
            f"To: <sip:{self.to}@{self.server}>",
            "Call-ID: [call_id]",
            f"CSeq: {self.number} CANCEL",
            "Max-Forwards: 70",
        ]
        self._send(lines, "", ' retrans="500"')
        return self

    @property
    def since(self) -> int:
        """How many steps ago the last INVITE was sent."""
        messages = [step for step in self.steps if "<Reference" not in step]
        at = max(n for n, step in enumerate(messages) if "      INVITE " in step)
        return len(messages) - at

    def keep(self, method: str) -> "Script":
        """Wait for a request of the engine's that `answer_kept` answers later."""
        names = {"From:": 6, "To:": 7, "Via:": 8, "CSeq:": 9}
        kept = "".join(
            f'      <ereg regexp=".*" search_in="hdr" header="{name}" assign_to="{number}"/>\n'
            for name, number in names.items()
        )
        self.steps.append(
            f'  <recv request="{method}">\n    <action>\n{kept}    </action>\n  </recv>\n'
        )
        self.steps.append('  <Reference variables="6,7,8,9"/>\n')
        return self

    def answer_kept(self, code: int) -> "Script":
        """Answer the request that was kept."""
        head = [f"SIP/2.0 {code} Whatever", "Via: [$8]", "From: [$6]", "To: [$7]"]
        self._send([*head, "Call-ID: [call_id]", "CSeq: [$9]"], "", "")
        return self

    def expect(self, method: str, *, has: Sequence[str] = (), answer: int | None = 200) -> "Script":
        """Wait for a request of the engine's that holds each of `has`, and answer it."""
        self._receive(f'request="{method}"', has)
        if answer is not None and method != "ACK":
            self.reply(answer)
        return self

    def get(self, code: int, *, has: Sequence[str] = (), routes: bool = False) -> "Script":
        """Wait for a response."""
        self._receive(f'response="{code}"' + (' rrs="true"' if routes else ""), has)
        return self

    def maybe(self, *codes: int) -> "Script":
        """Let these responses come or not."""
        self.steps += [f'  <recv response="{code}" optional="true"/>\n' for code in codes]
        return self

    def _receive(self, what: str, has: Sequence[str]) -> None:
        if not has:
            self.steps.append(f"  <recv {what}/>\n")
            return
        checks, names = "", []
        for words in has:
            self.variables += 1
            name = f"seen{self.variables}"
            names.append(name)
            checks += f'      <ereg regexp="{words}" search_in="msg" check_it="true" '
            checks += f'assign_to="{name}"/>\n'
        self.steps.append(f"  <recv {what}>\n    <action>\n{checks}    </action>\n  </recv>\n")
        self.steps.append(f'  <Reference variables="{",".join(names)}"/>\n')

    def _send(self, lines: Sequence[str], body: str, options: str) -> None:
        kind = ["Content-Type: application/sdp"] if body.startswith("v=0") else []
        head = [*lines, *kind, "Content-Length: [len]"]
        text = "\n".join(f"      {line}" for line in [*head, "", *body.splitlines()])
        self.steps.append(f"  <send{options}>\n    <![CDATA[\n{text}\n    ]]>\n  </send>\n")


def offer(*codecs: str, direction: str = "sendrecv") -> str:
    """Return a description for SIPp."""
    return sdp(list(codecs) or ["PCMU"], port=RTP_PORT, direction=direction)


def as_caller(
    server: tuple[str, int], *, user: str, password: str, to: str, headers: Sequence[str] = ()
) -> Script:
    """Return a scenario that calls `to` and waits for nothing yet but the 100.

    With digest, or without a password as one that is known by its address.
    """
    host = f"{server[0]}:{server[1]}"
    script = Script(user=user, to=to, server=host)
    for attempt in (1, 2) if password else (1,):
        script.number = attempt
        login = [f"[authentication username={user} password={password}]"] if attempt == 2 else []
        lines = [
            f"INVITE sip:{to}@{host} SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
            f"From: <sip:{user}@{host}>;tag=[call_number]sipp",
            f"To: <sip:{to}@{host}>",
            "Call-ID: [call_id]",
            f"CSeq: {attempt} INVITE",
            f"Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>",
            "Max-Forwards: 70",
            *headers,
            *login,
        ]
        script._send(lines, offer("PCMU"), ' retrans="500"')
        if password and attempt == 1:
            script.maybe(100)
            script.steps.append('  <recv response="401" auth="true"/>\n')
            lines = [
                f"ACK sip:{to}@{host} SIP/2.0",
                # The ACK of a failure has its INVITE's branch, three steps before.
                "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-3];rport",
                f"From: <sip:{user}@{host}>;tag=[call_number]sipp",
                f"To: <sip:{to}@{host}>[peer_tag_param]",
                "Call-ID: [call_id]",
                "CSeq: 1 ACK",
                "Max-Forwards: 70",
            ]
            script._send(lines, "", "")
    return script


def as_talking_caller(server: tuple[str, int], **options: str) -> Script:
    """Return a scenario whose call has been answered and acknowledged."""
    script = as_caller(server, **options)
    return script.maybe(100, 180, 183).get(200, routes=True).request("ACK")


def as_callee() -> Script:
    """Return a scenario that has been called; what its INVITE is answered with is kept."""
    script = Script(is_caller=False)
    script.steps.append(
        '  <recv request="INVITE" rrs="true">\n    <action>\n'
        '      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="1"/>\n'
        '      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="2"/>\n'
        '      <ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" assign_to="3"/>\n'
        '      <ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="4"/>\n'
        '      <ereg regexp=".*" search_in="hdr" header="Via:" assign_to="5"/>\n'
        "    </action>\n  </recv>\n"
        '  <Reference variables="1,2,3,4,5"/>\n'
    )
    return script


def as_talking_callee(*codecs: str) -> Script:
    """Return a scenario that has rung and answered, and has its ACK."""
    script = as_callee().reply(180, to_tag=True)
    return script.reply(200, body=offer(*codecs), to_tag=True).expect("ACK")
