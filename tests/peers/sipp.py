"""SIPp as caller or callee: one call, its SDP given as text, every message read back."""

import asyncio
import csv
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.ports import LOOPBACK, free_sip_port, is_held
from tests.peers.waiting import until

CALL_TIMEOUT_S = 30
BEGUN_A_SECOND = 5
"How many calls in a row SIPp may begin; by itself it waits a second from one to the next."
HEADERS = """\
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch{offset}];rport
      From: <sip:{user}@{host}:{port}>;tag=[call_number]sipp
      To: <sip:{to}@{host}:{port}>{tag}
      Call-ID: [call_id]
      CSeq: {cseq}
      Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>
      Max-Forwards: 70
"""
BODY = """\
      Content-Type: application/sdp
      Content-Length: [len]

{sdp}
"""
EMPTY = "      Content-Length: 0\n"
REPLY_HEADERS = """\
      [last_Via:]
      [last_From:]
      [last_To:]{tag}
      [last_Call-ID:]
      [last_CSeq:]
      [last_Record-Route:]
      Contact: <sip:[local_ip]:[local_port];transport=[transport]>
"""
MESSAGE = re.compile(r"^-{20,} .*?$\n(?:TCP|UDP) message (received|sent).*?$\n\n", re.MULTILINE)


@dataclass(frozen=True)
class SippMessage:
    received: bool
    text: str

    @property
    def first_line(self) -> str:
        return self.text.split("\n", 1)[0].strip()

    @property
    def call_id(self) -> str:
        return self.text.partition("Call-ID:")[2].partition("\n")[0].strip()

    @property
    def sdp(self) -> str:
        return self.text.replace("\r\n", "\n").partition("\n\n")[2]


@dataclass(frozen=True)
class Statistics:
    """What SIPp itself counted over a series of calls."""

    successful: int
    failed: int
    retransmissions: int


@dataclass
class SippCall:
    """One running SIPp; `finished` gives its exit code, 0 if the scenario went to its end."""

    host: str
    port: int
    process: asyncio.subprocess.Process
    folder: Path
    messages: list[SippMessage] = field(default_factory=list)

    async def finished(self) -> int:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            code = await self.process.wait()
        self.messages = _messages(self.folder / "messages")
        return code

    async def passed(self, start: str, *, sent: bool = False) -> None:
        """Wait until a message that begins so was received, or sent, while the scenario goes on."""
        file = self.folder / "messages"

        def has() -> bool:
            found = _messages(file) if file.exists() else []
            return any(m.received != sent and m.first_line.startswith(start) for m in found)

        await until(has, f"SIPp saw no {start} pass")

    async def listening(self) -> None:
        """Wait until SIPp holds its port, for UDP and TCP alike."""
        await until(self._bound, "SIPp did not open its port")

    def _bound(self) -> bool:
        return is_held(self.host, self.port)

    @property
    def statistics(self) -> Statistics:
        """What SIPp counted, once it has finished."""
        with (self.folder / "statistics").open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        names = ("SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)")
        return Statistics(*(int(last[name]) for name in names))

    def received(self, start: str) -> SippMessage:
        """Return the first received message whose first line starts so."""
        for message in self.messages:
            if message.received and message.first_line.startswith(start):
                return message
        raise AssertionError(f"SIPp received no {start}\n{self.dump()}")

    def dump(self) -> str:
        files = [self.folder / "messages", self.folder / "errors"]
        return "\n".join(f.read_text(errors="replace") for f in files if f.exists())


class Sipp:
    """Runs SIPp; an async context manager that ends what it started."""

    def __init__(self, *, host: str = LOOPBACK, transport: str = "udp") -> None:
        self.host, self.transport = host, transport
        self._temporary = tempfile.TemporaryDirectory(prefix="sipp-")
        self._calls: list[SippCall] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for call in self._calls:
            if call.process.returncode is None:
                call.process.kill()
                await call.process.wait()
            if error is not None:
                error.add_note(call.dump())
        self._temporary.cleanup()

    async def caller(
        self,
        server: tuple[str, int],
        *,
        user: str,
        to: str,
        sdp: str,
        password: str = "",
        talk_ms: int = 500,
        refused: int | None = None,
    ) -> SippCall:
        """Call `to` at the server and hang up after `talk_ms`; or expect the code `refused`."""
        scenario = _uac(server, user, to, sdp, password, talk_ms, refused)
        return await self._run(scenario, f"{server[0]}:{server[1]}", "-s", to)

    async def callee(self, *, sdp: str, ring_ms: int = 50) -> SippCall:
        """Wait for one call, ring, answer it with this SDP, and take its BYE."""
        return await self._run(_uas(sdp, ring_ms))

    async def play(
        self,
        scenario: str,
        server: tuple[str, int] | None = None,
        *,
        port: int = 0,
        repeats: bool = True,
    ) -> SippCall:
        """Play one scenario as it is written; toward the server, or waiting at a port.

        Without `repeats` SIPp takes what comes again for another message, and repeats nothing.
        """
        arguments = (f"{server[0]}:{server[1]}", "-s", "peer") if server else ()
        return await self._run(scenario, *arguments, *(() if repeats else ("-nr",)), port=port)

    async def callers(
        self,
        server: tuple[str, int],
        *,
        user: str,
        password: str,
        to: str,
        sdp: str,
        calls: int,
        at_once: int = 1,
        talk_ms: int = 500,
    ) -> SippCall:
        """Place `calls` calls, `at_once` at a time, each with digest credentials.

        Those that follow each other do so at once, as far as SIPp may begin so many a second.
        """
        scenario = _uac(server, user, to, sdp, password, talk_ms, None)
        rate = ("-r", str(max(at_once, BEGUN_A_SECOND)), "-l", str(at_once))
        return await self._run(scenario, f"{server[0]}:{server[1]}", *rate, calls=calls)

    async def callees(self, *, port: int, calls: int) -> SippCall:
        """Take `calls` calls with SIPp's own scenario `uas`, at a port that is known before."""
        return await self._run("", calls=calls, port=port)

    async def _run(self, scenario: str, *arguments: str, calls: int = 1, port: int = 0) -> SippCall:
        folder = Path(self._temporary.name) / str(len(self._calls))
        folder.mkdir()
        (folder / "scenario.xml").write_text(scenario)
        port = port or free_sip_port(self.host)
        options = (
            *(("-sf", "scenario.xml") if scenario else ("-sn", "uas")),
            *("-m", str(calls), "-nostdin", "-timeout", f"{CALL_TIMEOUT_S}s"),
            *("-trace_stat", "-stf", "statistics", "-fd", "1"),
            *("-i", self.host, "-p", str(port), "-t", "u1" if self.transport == "udp" else "t1"),
            *("-trace_msg", "-message_file", "messages", "-trace_err", "-error_file", "errors"),
        )
        process = await asyncio.create_subprocess_exec(
            "sipp",
            *arguments,
            *options,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        call = SippCall(self.host, port, process, folder)
        self._calls.append(call)
        return call


def _messages(file: Path) -> list[SippMessage]:
    parts = MESSAGE.split(file.read_text(errors="replace"))[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [SippMessage(way == "received", text) for way, text in pairs]


def _indented(sdp: str) -> str:
    return "\n".join(f"      {line}" for line in sdp.splitlines())


def _send(text: str, options: str = "") -> str:
    return f"  <send{options}>\n    <![CDATA[\n{text}\n    ]]>\n  </send>\n"


def _scenario(*steps: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="one call">\n'
        + "".join(steps)
        + "</scenario>\n"
    )


def _uac(
    server: tuple[str, int],
    user: str,
    to: str,
    sdp: str,
    password: str,
    talk_ms: int,
    refused: int | None,
) -> str:
    host, port = server
    uri = f"sip:{to}@{host}:{port}"

    def request(
        method: str,
        cseq: str,
        *,
        tag: str = "",
        body: str = EMPTY,
        auth: str = "",
        offset: str = "",
    ) -> str:
        names = {"user": user, "host": host, "port": port, "to": to}
        headers = HEADERS.format(tag=tag, cseq=cseq, offset=offset, **names)
        return f"      {method} {uri} SIP/2.0\n{headers}{auth}{body}"

    body = BODY.format(sdp=_indented(sdp))
    peer = "[peer_tag_param]"
    login = f"      [authentication username={user} password={password}]\n"
    steps = [_send(request("INVITE", "1 INVITE", body=body), ' retrans="500"')]
    number = 1
    if password:
        steps.append('  <recv response="100" optional="true"/>\n')
        steps.append('  <recv response="401" auth="true"/>\n')
        # The ACK of a failure has its INVITE's branch, three steps before.
        steps.append(_send(request("ACK", "1 ACK", tag=peer, offset="-3")))
        steps.append(_send(request("INVITE", "2 INVITE", body=body, auth=login), ' retrans="500"'))
        number = 2
    steps += [f'  <recv response="{code}" optional="true"/>\n' for code in (100, 180, 183)]
    if refused is not None:
        steps.append(f'  <recv response="{refused}"/>\n')
        steps.append(_send(request("ACK", f"{number} ACK", tag=peer, offset="-5")))
        return _scenario(*steps)
    steps.append('  <recv response="200" rrs="true"/>\n')
    ack = request("ACK", f"{number} ACK", tag=peer).replace(uri, "[next_url]", 1)
    bye = request("BYE", f"{number + 1} BYE", tag=peer).replace(uri, "[next_url]", 1)
    steps += [_send(ack), f'  <pause milliseconds="{talk_ms}"/>\n']
    steps += [_send(bye, ' retrans="500"'), '  <recv response="200"/>\n']
    return _scenario(*steps)


def _uas(sdp: str, ring_ms: int) -> str:
    tagged = REPLY_HEADERS.format(tag=";tag=[call_number]sipp")
    plain = REPLY_HEADERS.format(tag="")
    answer = f"      SIP/2.0 200 OK\n{tagged}{BODY.format(sdp=_indented(sdp))}"
    return _scenario(
        '  <recv request="INVITE" rrs="true"/>\n',
        _send(f"      SIP/2.0 180 Ringing\n{tagged}{EMPTY}"),
        f'  <pause milliseconds="{ring_ms}"/>\n',
        _send(answer, ' retrans="500"'),
        '  <recv request="ACK"/>\n',
        '  <recv request="BYE"/>\n',
        _send(f"      SIP/2.0 200 OK\n{plain}{EMPTY}"),
    )
