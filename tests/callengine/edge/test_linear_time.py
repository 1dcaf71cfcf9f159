"""No value that a peer sends may cost more than its length: every header, every form, whole path.

Each message goes through a socket into a running edge, with 4 kB of one of the tokens that the
grammar repeats in one place. What takes long is measured again at a quarter and a half of the size
and must have grown with it, not with its square.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from callengine.edge.frontdoor import Edge
from callengine.edge.interface import Refused, TrunkAccess
from callengine.edge.messages.received import Received
from callengine.edge.settings import GuardSettings
from callengine.record.ladder import Trace
from callengine.record.masking import masked
from tests.callengine.edge.fakes import (
    PATIENCE_S,
    SDP,
    FakeEngine,
    Phone,
    UdpPeer,
    anchor,
    edge_settings,
    reply_as,
)

pytestmark = pytest.mark.thorough

Address = tuple[str, int]
FULL = 4000
SOFT_S = 0.012
"CPU time of one message that is looked at closer; an ordinary one takes a tenth of it."
TOGETHER = 6
"So many messages that together take less are not looked at one by one."
HARD_S = 0.05
GROWTH = 9.0
"Linear is 4 from a quarter to the whole, quadratic 16."

TOKENS = (
    "1", "a", "-", "1.", "a-", " ", "\t", "%41", "\\", '"', '\\"', "<", "<>", ";", ",", ";a=b",
    '"a",', 'a="b",', "=", "1:", "[", "a@", "?", "&a=b", "/", "SIP/2.0/UDP h,", "<sip:a@h>,",
    "sip:", "://", "é",
)  # fmt: skip
ADDRESSES = (
    "{}", '"{}" <sip:a@h>;tag=1', "{} <sip:a@h>;tag=1", "<sip:{}@h>;tag=1", "<sip:a:{}@h>;tag=1",
    "<sip:a@{}>;tag=1", "<sip:a@h;{}>;tag=1", "<sip:a@h?{}>;tag=1", "<tel:{}!>;tag=1", "tel:+{}!",
    "<tel:1;{}>;tag=1", "<urn:{}>;tag=1", "sip:a@h;{}", "<sip:a@h>;tag={}", '<sip:a@h>;x="{}"',
    "<sip:a@h> {}", "sip:a@[{}]", "<sip:a@h:{}>;tag=1",
)  # fmt: skip
ADDRESS_HEADERS = (
    "To", "Contact", "m", "Route", "Record-Route", "Path", "P-Asserted-Identity", "Refer-To", "r",
    "Referred-By", "b", "Reply-To", "Diversion", "History-Info", "Remote-Party-ID", "Service-Route",
)  # fmt: skip
HEADERS = (
    "Accept", "Accept-Contact", "a", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow",
    "Allow-Events", "u", "Authentication-Info", "Call-Info", "Content-Disposition",
    "Content-Encoding", "e", "Content-Language", "Content-Type", "c", "Date", "Error-Info", "Event",
    "o", "Expires", "Identity", "y", "In-Reply-To", "MIME-Version", "Min-Expires", "Min-SE",
    "Organization", "Priority", "Privacy", "Proxy-Authenticate", "Proxy-Require", "RAck", "RSeq",
    "Reason", "Reject-Contact", "j", "Replaces", "Request-Disposition", "d", "Require",
    "Retry-After", "Server", "Session-Expires", "x", "Subject", "s", "Supported", "k", "Timestamp",
    "Unsupported", "User-Agent", "Warning", "WWW-Authenticate", "X-Anything", "X-{}", "{}",
)  # fmt: skip
DIGESTS = ("{}", "Digest {}", 'Digest username="{}", realm="voipnumber", nonce="a", uri="sip:h"',
           'Digest username="alice", realm="voipnumber", nonce="{}", response="0", uri="sip:h"',
           'Digest username="alice", realm="voipnumber", nonce="a", response="0", uri="sip:{}@h"',
           'Digest username="alice", realm="voipnumber", nonce="a", response="0", uri="tel:{}!"',
           'Digest username="alice", realm="voipnumber", nonce="a", response="0", {}')  # fmt: skip
VIAS = ("{}", "SIP/2.0/UDP {}", "SIP {}/ 2.0/UDP h", "SIP/2.0/UDP h;{}", "SIP/2.0/UDP h;branch={}",
        'SIP/2.0/UDP h;x="{}"', "SIP/2.0/UDP h{}", "SIP/2.0/UDP h, {}")  # fmt: skip
BODIES = ("{}", "v=0\r\n{}", SDP + "a={}\r\n", SDP + "a=rtpmap:{}\r\n", SDP + "a=fmtp:8 {}\r\n",
          SDP.replace("8 0", "8 0 {}"), SDP.replace("o=-", "o={}"),
          SDP + "c=IN IP4 {}\r\n")  # fmt: skip

Message = Callable[[str], str]
"Returns a message with this text in the place that is tried."


def filled(token: str, size: int) -> str:
    return (token * (size // len(token) + 1))[:size]


@pytest.fixture
async def edge(engine: FakeEngine) -> AsyncIterator[Edge]:
    guard = GuardSettings(exempt=("127.0.0.0/8",))
    # Few transactions: nobody acknowledges, and what is repeated would be measured too.
    settings = edge_settings(listen=(("udp", "127.0.0.2", 0),), guard=guard, max_transactions=20)
    edge = Edge(engine, settings)
    await edge.start()
    trace = Trace(lambda _: None)

    def observe(token: str | None, direction: str, flow: str, data: bytes) -> None:
        trace.observe(token, direction, flow, data)
        masked(data)

    edge.observer = observe
    engine.trunks["127.0.0.3"] = TrunkAccess("carrier", True, "")
    engine.outcome = lambda _: Refused(404, "Not Found")
    yield edge
    await edge.stop()


class Meter:
    """Sends to the edge and measures what that cost this process."""

    def __init__(self, peer: UdpPeer, sip: Address) -> None:
        self._peer, self._sip = peer, sip
        self._phone = Phone(*peer.address, edge=sip)
        self._cseq = itertools.count(1)

    async def cost_s(self, *texts: str) -> float:
        """Return the CPU time until what was sent after them has been answered."""
        cseq = next(self._cseq)
        after = self._phone.request("OPTIONS", cseq)
        messages = [text.encode() for text in texts]
        started = time.thread_time()
        for data in messages:
            self._peer.send(data, self._sip)
        self._peer.send(after, self._sip)
        async with asyncio.timeout(PATIENCE_S):
            while f"\r\nCSeq: {cseq} OPT".encode() not in await self._peer.heard.get():
                continue
        return time.thread_time() - started

    async def judge(self, name: str, message: Message) -> list[str]:
        """Return what is wrong with the cost of one kind of message, whatever token fills it."""
        wrong = []
        for tokens in (TOKENS[at : at + TOGETHER] for at in range(0, len(TOKENS), TOGETHER)):
            if await self.cost_s(*(message(filled(token, FULL)) for token in tokens)) >= SOFT_S:
                wrong += [await self._look_closer(name, message, token) for token in tokens]
        return [text for text in wrong if text]

    async def _look_closer(self, name: str, message: Message, token: str) -> str:
        if await self.cost_s(message(filled(token, FULL))) < SOFT_S:
            return ""
        costs = [
            min([await self.cost_s(message(filled(token, size))) for _ in range(5)])
            for size in (1, FULL // 4, FULL)
        ]
        grown = (costs[2] - costs[0]) / max(costs[1] - costs[0], 0.0002)
        if costs[2] < HARD_S and (costs[2] < SOFT_S or grown < GROWTH):
            return ""
        return f"{name} with {token!r}: {costs}"


def request(method: str, phone: Phone, *, body: str = SDP, **replaced: str) -> str:
    """Return a request with some of its lines replaced, by `Name="value"` or `start`."""
    text = phone.request(method, 1, body=body if method == "INVITE" else "")
    head, _, rest = text.partition("\r\n\r\n")
    lines = head.split("\r\n")
    for name, value in replaced.items():
        if name == "start":
            lines[0] = value
            continue
        header = name.replace("_", "-")
        lines = [line for line in lines if not line.startswith(f"{header}: ")]
        lines.append(f"{header}: {value}")
    return "\r\n".join(lines) + "\r\n\r\n" + rest


def single(method: str, phone: Phone, name: str, form: str) -> tuple[str, Message]:
    """Return a message whose one header (or `start`) takes this form."""
    return f"{method}, {name}: {form}", lambda fill: request(
        method, phone, **{name: form.replace("{}", fill)}
    )


def several(method: str, phone: Phone, names: tuple[str, ...], form: str) -> tuple[str, Message]:
    """Return a message with many headers of one form: far more than the bound of one line."""
    lines = {name.replace("-", "_"): form for name in names}
    return f"{method}, {'/'.join(names)}: {form}", lambda fill: request(
        method, phone, **{n.replace("{}", fill): f.replace("{}", fill) for n, f in lines.items()}
    )


def groups(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    # A message holds 32 kB.
    return (names[i : i + 7] for i in range(0, len(names), 7))


def requests(phone: Phone) -> Iterator[tuple[str, Message]]:
    for form in ADDRESSES:
        yield single("INVITE", phone, "From", form)
        for names in groups(ADDRESS_HEADERS):
            yield several("INVITE", phone, names, form)
        yield single("REGISTER", phone, "Contact", form)
        uri = form.replace("<", "").replace(">", "")
        yield single("INVITE", phone, "start", f"INVITE {uri} SIP/2.0")
    for names in groups(HEADERS):
        yield several("INVITE", phone, names, "{}")
    for name in ("f", "t", "Call-ID", "i", "CSeq", "Max-Forwards", "Content-Length", "l", "start"):
        yield single("INVITE", phone, name, "{}")
    yield single("INVITE", phone, "CSeq", "{} INVITE")
    for form in DIGESTS:
        yield single("REGISTER", phone, "Authorization", form)
        yield single("INVITE", phone, "Proxy-Authorization", form)
    for form in VIAS:
        yield single("INVITE", phone, "Via", form)
    for form in BODIES:
        yield form, lambda fill, form=form: request("INVITE", phone, body=form.replace("{}", fill))
    yield single("INVITE", phone, "Content-Type", "multipart/mixed;boundary={}")
    yield single("INVITE", phone, "Session-Expires", "90;{}")
    yield single("INVITE", phone, "X-Folded", "a\r\n {}")


def responses(invite: Received) -> Iterator[tuple[str, Message]]:
    names = ("From", "To", "Call-ID", "CSeq", "Contact", "Record-Route", "WWW-Authenticate")
    for name in (*names, "RSeq", "Require", "Session-Expires", "Retry-After", "Server", "Reason"):
        for form in (
            "{}",
            "<sip:a@{}>;tag=x",
            '"{}" <sip:a@h>;tag=x',
            "90;{}",
            'Digest realm="{}"',
        ):
            line = f"{name}: {form}"
            yield (
                line,
                lambda fill, line=line: reply_as(
                    invite, 180, "Ringing", line.replace("{}", fill), tag="b"
                ),
            )
    yield "phrase", lambda fill: reply_as(invite, 180, fill, tag="b")
    yield "body", lambda fill: reply_as(invite, 183, "P", tag="b", body=SDP + f"a={fill}\r\n")


async def test_requests_are_taken_in_linear_time(edge: Edge, sip: Address, peer: UdpPeer) -> None:
    meter = Meter(peer, sip)
    phone = Phone(*peer.address, edge=sip)
    assert not [text for kind in requests(phone) for text in await meter.judge(*kind)]


async def test_responses_are_taken_in_linear_time(
    edge: Edge, sip: Address, callee: UdpPeer, worker: UdpPeer
) -> None:
    host, port = callee.address
    flow = f"udp:{host}:{port}"
    edge.open_legs(anchor("B", "TOKENB", worker.address, request_uri=f"sip:b@{host}", flow=flow))
    inside, _, number = edge.internal_address.partition(":")
    asked = Phone(*worker.address).request("INVITE", 1, uri=f"sip:TOKENB@{inside}", body=SDP)
    worker.send(asked, (inside, int(number)))
    kinds = list(responses(await callee.expect("INVITE")))
    meter = Meter(callee, sip)
    assert not [text for kind in kinds for text in await meter.judge(*kind)]
    assert len(worker.raw) > len(kinds)
