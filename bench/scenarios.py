"""SIPp scenarios: a caller, a callee that answers in one codec, a phone that registers."""

import textwrap
from collections.abc import Iterable, Mapping

from bench.formats import CODECS

_REPLY = """\
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
[last_Record-Route:]
"""
_BODY = """\
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {port} RTP/AVP {number}
a=rtpmap:{number} {rtpmap}
a=ptime:20
{fmtp}"""
_MEDIA_PORT = """\
<ereg regexp="m=audio ([0-9]+)" search_in="body" assign_to="media,media_port"/>
<log message="[$media_port]"/>"""
"Notes where the audio of a call is to go, for `Sipp.media_ports`."
_END = '<log message="[call_id] [timestamp]"/>'


def caller(
    *,
    server: str,
    to: str,
    media_port: int | str,
    talk_ms: int | tuple[int, int],
    codec: str = "PCMU",
    headers: str = "",
    refusal: int = 0,
    notes_ends: bool = False,
) -> str:
    """Return a scenario that offers a codec of a static type, talks and hangs up.

    How long it talks may be two bounds, between which every call has a length of its own. One that
    may be refused takes the code `refusal` as well. `media_port` and `headers`, whole
    lines of the INVITE, may hold SIPp's keywords. With `notes_ends` it notes each call that it has
    ended, for `Sipp.ended_by`, and not where its audio is to go.
    """
    traits = CODECS[codec]
    offer = headers + _BODY.format(
        port=media_port, number=traits.static_type, rtpmap=traits.rtpmap, fmtp=""
    )
    steps = [_send(_request("INVITE", server, to, 1, body=offer), retransmit=True)]
    steps += [f'<recv response="{code}" optional="true"/>' for code in (100, 180, 183)]
    if refusal:
        steps.append(f'<recv response="{refusal}" optional="true" next="refused"/>')
    answered = "" if notes_ends else f"<action>{_MEDIA_PORT}</action>"
    steps.append(f'<recv response="200" rrs="true">{answered}</recv>')
    if not notes_ends:
        steps.append('<Reference variables="media"/>')
    steps.append(_send(_request("ACK", server, to, 1, dialog=True)))
    steps.append(_pause(talk_ms))
    steps.append(_send(_request("BYE", server, to, 2, dialog=True), retransmit=True))
    noted = f"<action>{_END}</action>" if notes_ends else ""
    if not refusal:
        return _scenario(*steps, f'<recv response="200">{noted}</recv>')
    steps += [f'<recv response="200" next="over">{noted}</recv>', '<label id="refused"/>']
    steps.append(_send(_request("ACK", server, to, 1, failed=True)))
    steps += ['<label id="over"/>']
    return _scenario(*steps)


def callee(*, codec: str, media_port: int, octet_align: bool = False, ring_ms: int = 0) -> str:
    """Return a scenario that rings, answers, by default at once, and takes the BYE."""
    traits = CODECS[codec]
    number = str(traits.static_type) if traits.static_type is not None else "[$number]"
    fmtp = f"a=fmtp:{number} octet-align=1\n" if octet_align else ""
    answer = _BODY.format(port=media_port, number=number, rtpmap=traits.rtpmap, fmtp=fmtp)
    find = f"a=rtpmap:([0-9]+) {_pattern(codec)}"
    ereg = f'<ereg regexp="{find}" search_in="body" check_it="true" assign_to="line,number"/>'
    tagged, contact = _REPLY.format(tag=";tag=[call_number]bench"), _contact("callee")
    return _scenario(
        f'<recv request="INVITE" rrs="true"><action>{ereg}</action></recv>',
        '<Reference variables="line,number"/>',
        _send(f"SIP/2.0 180 Ringing\n{tagged}{contact}Content-Length: 0\n"),
        *([f'<pause milliseconds="{ring_ms}"/>'] if ring_ms else []),
        _send(f"SIP/2.0 200 OK\n{tagged}{contact}{answer}", retransmit=True),
        '<recv request="ACK" timeout="8000" ontimeout="over"/>',
        '<label id="over"/>',
        '<recv request="BYE"/>',
        _send(f"SIP/2.0 200 OK\n{_REPLY.format(tag='')}Content-Length: 0\n"),
    )


def callee_of_all(media_ports: Mapping[str, int], *, declined: str, ring_ms: int = 2000) -> str:
    """Return a scenario that answers each codec at its own port, and declines one as busy.

    Of the codecs that are offered the first one here is taken. A SIPp that does nothing takes two
    per cent of a processor: one for all codecs is much cheaper than one for each.
    """
    codecs = (*media_ports, declined)
    find = [
        f'<ereg regexp="a=rtpmap:([0-9]+) {_pattern(codec)}" search_in="body" check_it="false" '
        f'assign_to="line{n},number{n}"/>'
        for n, codec in enumerate(codecs)
    ]
    names = ",".join(f"line{n},number{n}" for n in range(len(codecs)))
    tagged, contact = _REPLY.format(tag=";tag=[call_number]bench"), _contact("callee")
    steps = [
        f'<recv request="INVITE" rrs="true"><action>{"".join(find)}</action></recv>',
        f'<Reference variables="{names}"/>',
        _send(f"SIP/2.0 180 Ringing\n{tagged}{contact}Content-Length: 0\n"),
        *(f'<nop next="answer{n}" test="line{n}"/>' for n in range(len(codecs))),
    ]
    for n, (codec, port) in enumerate(media_ports.items()):
        rtpmap, number = CODECS[codec].rtpmap, f"[$number{n}]"
        answer = _BODY.format(port=port, number=number, rtpmap=rtpmap, fmtp="")
        steps += [
            f'<label id="answer{n}"/>',
            _send(f"SIP/2.0 200 OK\n{tagged}{contact}{answer}", retransmit=True, then="up"),
        ]
    steps += [
        f'<label id="answer{len(media_ports)}"/>',
        _pause(ring_ms),
        _send(f"SIP/2.0 486 Busy Here\n{tagged}Content-Length: 0\n", retransmit=True),
        '<recv request="ACK" next="end"/>',
        '<label id="up"/>',
        '<recv request="ACK" timeout="8000" ontimeout="over"/>',
        '<label id="over"/>',
        '<recv request="BYE"/>',
        _send(f"SIP/2.0 200 OK\n{_REPLY.format(tag='')}Content-Length: 0\n"),
        '<label id="end"/>',
    ]
    return _scenario(*steps)


def _pattern(codec: str) -> str:
    return CODECS[codec].rtpmap.replace("opus", "[Oo][Pp][Uu][Ss]")


USERS_FIELDS = ("[field0]", "[field1]")
"Of the file of users: the SIP user, and what SIPp makes its answer to the challenge of."


def targets_file(targets: Iterable[str]) -> str:
    """Return the file of whom `[field0]` of a caller is, one call after the other."""
    return "\n".join(("SEQUENTIAL", *targets, ""))


def users_file(users: Iterable[str], password: str) -> str:
    """Return the file that `register` takes its users from, one after the other."""
    rows = (f"{user};[authentication username={user} password={password}]" for user in users)
    return "\n".join(("SEQUENTIAL", *rows, ""))


def register(*, server: str) -> str:
    """Return a scenario that registers, answers the challenge, and is done."""
    user, login = USERS_FIELDS
    head = f"REGISTER sip:{server} SIP/2.0\n" + _headers(server, user, user)
    tail = _contact(user) + "Expires: 300\n{login}Content-Length: 0\n"
    first = head + "CSeq: 1 REGISTER\n" + tail.format(login="")
    second = head + "CSeq: 2 REGISTER\n" + tail.format(login=f"{login}\n")
    return _scenario(
        _send(first, retransmit=True),
        '<recv response="401" auth="true"/>',
        _send(second, retransmit=True),
        '<recv response="200"/>',
    )


def _request(
    method: str,
    server: str,
    to: str,
    number: int,
    *,
    dialog: bool = False,
    failed: bool = False,
    body: str = "",
) -> str:
    """Return a request: of a dialog, or the ACK of a failure."""
    target = "[next_url]" if dialog else f"sip:{to}@{server}"
    routes = "[routes]\n" if dialog else ""  # SIPp leaves the line out where there are none
    tag = "[peer_tag_param]" if dialog or failed else ""
    here = "[local_ip]:[local_port]"
    return (
        f"{method} {target} SIP/2.0\n{_headers(server, 'stranger', to, tag, sender=here)}"
        f"CSeq: {number} {method}\n{routes}{_contact('stranger')}{body or 'Content-Length: 0'}\n"
    )


def _headers(server: str, user: str, to: str, tag: str = "", *, sender: str = "") -> str:
    return (
        "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch];rport\n"
        f"From: <sip:{user}@{sender or server}>;tag=[call_number]b\n"
        f"To: <sip:{to}@{server}>{tag}\n"
        "Call-ID: [call_id]\nMax-Forwards: 70\n"
    )


def _contact(user: str) -> str:
    return f"Contact: <sip:{user}@[local_ip]:[local_port]>\n"


def _send(text: str, *, retransmit: bool = False, then: str = "") -> str:
    options = ' retrans="500"' if retransmit else ""
    options += f' next="{then}"' if then else ""
    return f"<send{options}><![CDATA[\n{textwrap.indent(text, '  ')}\n]]></send>"


def _pause(lasting_ms: int | tuple[int, int]) -> str:
    if isinstance(lasting_ms, int):
        return f'<pause milliseconds="{lasting_ms}"/>'
    least, most = lasting_ms
    return f'<pause distribution="uniform" min="{least}" max="{most}"/>'


def _scenario(*steps: str) -> str:
    lines = "\n".join(steps)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="bench">\n{lines}\n</scenario>\n'
    )
