"""Odd but readable messages end to end, through a real call process: nothing is lost on the way.

pjsip drops what it cannot read without a word; so each of these once had no final answer.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from callengine.edge.messages.received import Received
from tests.callengine.edge.fakes import SDP, Phone, UdpPeer, reply_as
from tests.peers.engine import Engine
from tests.wire.directory import configuration, trunk

CALLER, CALLEE = "127.33.0.3", "127.33.0.4"
CONFIGURATION = configuration(
    trunks=[
        trunk("carrier", allowed=[CALLER], codecs=["PCMA"]),
        trunk("gateway", gateway=f"sip:{CALLEE}:5060", codecs=["PCMA"]),
    ],
    routes={"+": ["gateway"]},
)
NUMBER = "+12025550100"


@dataclass
class Line:
    """A caller and a callee, each a bare socket."""

    engine: Engine
    caller: UdpPeer
    callee: UdpPeer
    phone: Phone = field(init=False)
    invite: Received = field(init=False)
    ended_by: dict[str, str] = field(default_factory=dict)
    "Who hung up, by the caller's Call-ID."

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin another dialog."""
        self.phone = Phone(*self.caller.address, user="x", edge=self.engine.server)

    def request(self, method: str, cseq: int, **more: object) -> str:
        host, port = self.engine.server
        more = {"uri": f"sip:{NUMBER}@{host}:{port}", "to": f"<sip:{NUMBER}@{host}>", **more}
        return self.phone.request(method, cseq, **more)  # type: ignore[arg-type]

    async def ringing(self, invite: str) -> Received:
        """Send an INVITE and return it as the callee hears it."""
        self.caller.send(invite.encode("utf-8"), self.engine.server)
        self.invite = await self.callee.expect("INVITE")
        return self.invite

    def reply(self, code: int, phrase: str, *extra: str, body: str = "", tag: str = "bt") -> None:
        host, port = self.callee.address
        contact = f"Contact: <sip:bob@{host}:{port}>"
        text = reply_as(self.invite, code, phrase, contact, *extra, tag=tag, body=body)
        self.callee.send(text, self.engine.server)

    def by_caller(self, method: str, cseq: int, answer: Received, **more: object) -> None:
        text = self.request(
            method, cseq, uri=_target(answer), to=answer.get("to"), **more
        ).splitlines(keepends=True)
        kept = [line for line in text if not line.startswith("From: ")]
        kept.insert(2, f"From: {answer.get('from')}\r\n")
        self.caller.send("".join(kept), self.engine.server)

    def by_callee(self, method: str, cseq: int, *extra: str) -> None:
        phone = Phone(
            *self.callee.address, user="bob", edge=self.engine.server, call_id=self.invite.call_id
        )
        text = phone.request(
            method, cseq, uri=_target(self.invite), to=self.invite.get("from"), headers=extra
        ).splitlines(keepends=True)
        kept = [line for line in text if not line.startswith("From: ")]
        kept.insert(2, f"From: {self.invite.get('to')};tag=bt\r\n")
        self.callee.send("".join(kept), self.engine.server)

    async def end_by_caller(self, answer: Received) -> None:
        """Acknowledge, hang up and see that the callee hears of both."""
        self.by_caller("ACK", answer.cseq, answer)
        await self.callee.expect("ACK")
        await self.bye_by_caller(answer)

    async def bye_by_caller(self, answer: Received) -> None:
        self.by_caller("BYE", answer.cseq + 1, answer)
        assert (await self.caller.expect(200)).cseq_method == "BYE"
        bye = await self.callee.expect("BYE")
        self.callee.send(reply_as(bye, 200, "OK", tag=""), self.engine.server)
        self.ended_by[self.phone.call_id[:255]] = "caller"

    async def recorded(self) -> None:
        """See that the record names the same party for each call."""
        *_, last = self.ended_by
        await self.engine.record(last)
        ends = {call["legs"][0]["call_id"]: call["termination"] for call in self.engine.calls()}
        assert {call_id: ends[call_id]["by"] for call_id in self.ended_by} == self.ended_by
        assert {ends[call_id]["code"] for call_id in self.ended_by} == {200}


def _target(message: Received) -> str:
    return message.get("contact").strip("<>")


@pytest.fixture
async def line(engine: Engine) -> AsyncIterator[Line]:
    caller, callee = await UdpPeer.open(CALLER), await UdpPeer.open(CALLEE, 5060)
    yield Line(engine, caller, callee)
    await caller.close()
    await callee.close()


ODD_LINES = {
    "quotes within quotes": ("From", '""unknown"" <sip:x@h>;tag=1'),
    "UTF-8 in the user": ("From", "<sip:j\u00fcrgen@h>;tag=1"),
    "a blank in the user": ("From", "<sip:john doe@h>;tag=1"),
    "two at signs": ("From", "<sip:bob@example.com@h>;tag=1"),
    "another scheme": ("From", "<tel:+1-202-555-0100>;tag=1"),
    "an odd tag": ("From", "<sip:x@h>;tag=a%41b*+'~`!"),
    "a long tag": ("From", f"<sip:x@h>;tag={'t' * 3500}"),
    "a long name": ("From", f'"{"n" * 3500}" <sip:x@h>;tag=1'),
    "an odd Call-ID": ("Call-ID", "%ZK-!.*_+'@word`~)(><:\\/\"][?}{\u00fc"),
    "a long Call-ID": ("Call-ID", "c" * 3000),
    "leading zeros": ("CSeq", "0007 INVITE"),
    "a folded CSeq": ("CSeq", "7\r\n\tINVITE"),
    "an odd Session-Expires": ("Session-Expires", "no-number"),
    "an odd Reason": ("Reason", ';;"'),
    "an odd User-Agent": ("User-Agent", '\u00fc"<(\\'),
    "an empty Allow": ("Allow", ""),
}


async def test_odd_callers_get_their_call(line: Line) -> None:
    for name, value in ODD_LINES.values():
        line.renew()
        lines = line.request("INVITE", 7, body=SDP).splitlines(keepends=True)
        kept = [text for text in lines if not text.startswith(f"{name}: ")]
        kept.insert(2, f"{name}: {value}\r\n")
        line.phone.call_id = value if name == "Call-ID" else line.phone.call_id
        await line.ringing("".join(kept))
        assert value not in line.invite.raw.decode() or not value
        line.reply(200, "OK", body=SDP)
        await line.end_by_caller(await line.caller.expect(200))
    await line.recorded()


ODD_ANSWERS = (
    (180, "Ringing", ("Retry-After: x",)),
    (180, "Ring\x07ing \x1b[31m", ()),
    (183, "Progress", ("Require: 100rel", "RSeq: 99999999999")),
    (180, "Ringing", ("Require: 100rel",)),
    (180, "", ('Warning: 399 "', "Reason: ;;;", "Allow: ,,,")),
    (180, "Ringing", ("Content-Type: text/plain",)),
    (180, "Ringing", ("Record-Route: junk", "Server: \u00fc\u00fc")),
)
ODD_FINALS = (
    ("Session-Expires: abc",),
    ("Session-Expires: 99999999999;refresher=uas",),
    ("Require: timer, teleport", "Session-Expires: 1"),
    ("Retry-After: x", "RSeq: x", "Min-SE: -1", "Supported: ,,"),
)


async def test_odd_answers_of_a_callee_are_taken_and_acknowledged(line: Line) -> None:
    for (code, phrase, extra), final in zip(ODD_ANSWERS, ODD_FINALS * 2, strict=False):
        line.renew()
        await line.ringing(line.request("INVITE", 7, body=SDP))
        line.reply(code, phrase, *extra)
        # 183 without a description is told the caller as ringing.
        ringing = await line.caller.expect(180)
        assert ringing.raw.isascii()
        assert b"\x07" not in ringing.raw
        line.reply(200, "OK", *final, body=SDP)
        await line.end_by_caller(await line.caller.expect(200))
    await line.recorded()


FLAWS: dict[str, Callable[[list[str]], list[str]]] = {
    "a line without a name": lambda lines: [*lines, "no colon here"],
    "a name with a blank": lambda lines: [*lines, "X Y: z"],
    "a control character": lambda lines: [*lines, "X: a\x01b"],
    "a line too long": lambda lines: [*lines, f"X: {'y' * 5000}"],
    "too many lines": lambda lines: [*lines, *(f"X-{n}: y" for n in range(300))],
    "two From": lambda lines: [*lines, "From: <sip:y@h>;tag=2"],
    "a From that cannot be read": lambda lines: _with(lines, "From", '"x <sip'),
    "a To that cannot be read": lambda lines: _with(lines, "To", '"x <sip;tag=bt'),
    "no To": lambda lines: _with(lines, "To", None),
    "no CSeq": lambda lines: _with(lines, "CSeq", None),
    "a CSeq in small letters": lambda lines: [line.replace(" INVITE", " invite") for line in lines],
    "no Call-ID": lambda lines: _with(lines, "Call-ID", None),
}


def _with(lines: list[str], name: str, value: str | None) -> list[str]:
    kept = [line for line in lines if not line.startswith(f"{name}: ")]
    return kept if value is None else [*kept, f"{name}: {value}"]


async def test_an_answer_with_flaws_is_an_answer_all_the_same(line: Line) -> None:
    """It was thrown away, and the record said that the callee did not answer."""
    for flaw in FLAWS.values():
        line.renew()
        await line.ringing(line.request("INVITE", 7, body=SDP))
        host, port = line.callee.address
        for code in (180, 200):
            body = SDP if code == 200 else ""
            contact = f"Contact: <sip:bob@{host}:{port}>"
            text = reply_as(line.invite, code, "OK", contact, tag="bt", body=body)
            head, _, rest = text.partition("\r\n\r\n")
            start, *lines = head.split("\r\n")
            line.callee.send("\r\n".join([start, *flaw(lines), "", rest]), line.engine.server)
        await line.end_by_caller(await line.caller.expect(200))
    await line.recorded()


async def test_an_odd_bye_of_a_callee_is_answered_and_ends_the_call(line: Line) -> None:
    for extra in (
        "Session-Expires: abc",
        "Retry-After: x",
        "Require: ",
        "RAck: 1",
        "Reason: \u00fc",
    ):
        line.renew()
        await line.ringing(line.request("INVITE", 7, body=SDP))
        line.reply(200, "OK", body=SDP)
        answer = await line.caller.expect(200)
        line.by_caller("ACK", 7, answer)
        await line.callee.expect("ACK")
        line.by_callee("BYE", 1, extra)
        assert (await line.callee.expect(200)).cseq_method == "BYE"
        bye = await line.caller.expect("BYE")
        line.caller.send(reply_as(bye, 200, "OK", tag=""), line.engine.server)
        line.ended_by[line.phone.call_id] = "callee"
    await line.recorded()


async def test_a_failure_with_an_odd_tag_is_acknowledged_as_it_was_written(line: Line) -> None:
    await line.ringing(line.request("INVITE", 7, body=SDP))
    line.reply(486, "Busy\x00 Here", "Retry-After: (", tag="b*%41~")
    ack = await line.callee.expect("ACK")
    assert ack.to_tag == "b*%41~"
    busy = await line.caller.expect(486)
    assert busy.phrase == "Busy Here"
    line.caller.send(line.request("ACK", 7, branch=busy.via.branch), line.engine.server)


BODIES = {
    "mixed": (
        "multipart/mixed;boundary=b",
        "--b\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--b\r\n"
        "Content-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\n"
        "\x01\x02\r\n--b--\r\n",
        200,
    ),
    "required": (
        "multipart/mixed;boundary=b",
        "--b\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--b\r\n"
        "Content-Type: application/isup\r\nContent-Disposition: signal;handling=required\r\n\r\n"
        "\x01\x02\r\n--b--\r\n",
        415,
    ),
    "unknown": ("text/plain", "hello", 415),
}


def _with_body(text: str, kind: str, body: str) -> str:
    head, _, _ = text.partition("\r\n\r\n")
    lines = [line for line in head.split("\r\n") if not line.startswith("Content-")]
    lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + body


@pytest.mark.parametrize("name", BODIES)
async def test_a_description_is_found_in_any_body(line: Line, name: str) -> None:
    kind, body, code = BODIES[name]
    invite = _with_body(line.request("INVITE", 7), kind, body.replace("{sdp}", SDP))
    if code != 200:
        line.caller.send(invite, line.engine.server)
        refused = await line.caller.expect(code)
        assert "multipart/mixed" in refused.get("accept")
        rejection = await line.engine.rejection(code=code)
        assert rejection["rule"] == "unsupported-body"
        return
    await line.ringing(invite)
    assert b"m=audio" in line.invite.body
    line.reply(200, "OK", body=SDP)
    answer = await line.caller.expect(200)
    line.by_caller("ACK", 7, answer)
    await line.callee.expect("ACK")
    # The same body offers again in the dialog.
    again = line.request("INVITE", 8, uri=_target(answer), to=answer.get("to"))
    line.caller.send(_with_body(again, kind, body.replace("{sdp}", SDP)), line.engine.server)
    again_answer = await line.caller.expect(200)
    assert b"m=audio" in again_answer.body
    line.by_caller("ACK", 8, again_answer)
    await line.bye_by_caller(again_answer)
