"""The edge's pure parts as tables: nonces, the registrar's rule, transactions, reading, framing."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from callengine.core.outcomes import Rejection
from callengine.edge.addresses import UnresolvableError, resolve
from callengine.edge.callers import dialled
from callengine.edge.digest import (
    Answer,
    Digest,
    Verdict,
    digest_response,
    parse_answer,
    uri_matches,
)
from callengine.edge.flow import Flow
from callengine.edge.framing import Broken, Framed, Ping, StreamFramer
from callengine.edge.grammar import split_quoted
from callengine.edge.interface import Binding
from callengine.edge.limits import RejectionGate
from callengine.edge.received import Received, receive
from callengine.edge.registrar import (
    ContactRequest,
    RegisterError,
    RegisterRequest,
    RegistrarLimits,
    register,
)
from callengine.edge.replies import reply_vias
from callengine.edge.targets import aim
from callengine.edge.transactions import ServerTransactions, State
from callengine.edge.uris import name_addr, parse_uri, sip_uri
from callengine.edge.values import parse_address
from sip.digest import digest_ha1
from tests.callengine.edge.fakes import Phone

LIMITS = RegistrarLimits(60, 3600, 600, 3)


def answered(
    digest: Digest, now: float, *, nc: str = "00000001", qop: str = "auth", **more: str
) -> Answer:
    challenge = digest.challenges(now)[0]
    nonce = more.pop("nonce", "") or re.findall(r'nonce="([^"]+)"', challenge)[0]
    text = (
        f'Digest username="al,ice", realm="r", nonce="{nonce}", uri="sip:r", response="x", '
        f"algorithm=MD5" + (f', qop={qop}, nc={nc}, cnonce="c"' if qop else "")
    )
    answer = parse_answer(text)
    assert answer is not None
    response = digest_response(answer, ha1="h", method="REGISTER")
    right = parse_answer(text.replace('response="x"', f'response="{response}"'))
    assert right is not None
    return right


def test_rfc_7616_examples() -> None:
    for algorithm, expected in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        answer = parse_answer(
            'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
            f'algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
            'response="0"'
        )
        assert answer is not None
        secret = digest_ha1(
            algorithm, username="Mufasa", realm="http-auth@example.org", password="Circle of Life"
        )
        assert digest_response(answer, ha1=secret, method="GET") == expected


def test_nonces_expire_are_signed_and_counted() -> None:
    digest = Digest(realm="r", algorithms=("MD5",), lifetime_s=300, secret=b"s")

    def verdict(answer: Answer, now: float, known: str | None = "h") -> Verdict:
        return digest.verify(answer, ha1=known, method="REGISTER", now=now)

    fresh = answered(digest, 1000)
    assert fresh.username == "al,ice"
    assert verdict(fresh, 1010) is Verdict.OK
    assert verdict(fresh, 1010) is Verdict.REPLAYED
    assert verdict(answered(digest, 1000), 1400) is Verdict.STALE
    assert verdict(answered(digest, 1000, nonce="3e8.aa.forged"), 1001) is Verdict.STALE
    assert verdict(answered(digest, 1000), 1001, None) is Verdict.WRONG
    assert verdict(answered(digest, 1000), 1001, "other") is Verdict.WRONG
    assert verdict(answered(digest, 1000, nc="zzzzzzzz"), 1001) is Verdict.REPLAYED
    assert verdict(answered(digest, 1000, qop="auth-int"), 1001) is Verdict.WRONG
    once = answered(digest, 1000, qop="")
    assert [verdict(once, 1001), verdict(once, 1002)] == [Verdict.OK, Verdict.REPLAYED]


@pytest.mark.parametrize(
    ("answer", "request_uri", "fits"),
    [
        ("sip:bob@h", "sip:bob@h", True),
        ("sip:h:5060", "sip:bob@h:5060", True),
        ("sip:bob@ours", "sip:bob@here", True),
        ("sip:eve@h", "sip:bob@h", False),
        ("sip:bob@foreign", "sip:bob@h", False),
        ("nonsense", "sip:bob@h", False),
    ],
)
def test_digest_uri(answer: str, request_uri: str, fits: bool) -> None:
    assert uri_matches(answer, request_uri, lambda host: host in ("ours", "here")) is fits


def asked(
    *contacts: tuple[str, int | None],
    star: bool = False,
    expires: int | None = None,
    call_id: str = "c",
    cseq: int = 5,
    instance: str = "",
) -> RegisterRequest:
    values = tuple(ContactRequest(uri, seconds, 1.0, instance) for uri, seconds in contacts)
    return RegisterRequest(values, star, expires, call_id, cseq, "udp:1.2.3.4:5", "ua")


def bound(
    uri: str, *, call_id: str = "c", cseq: int = 1, until: float = 2000, instance: str = ""
) -> Binding:
    return Binding(uri, call_id, cseq, until, "udp:1.2.3.4:5", "ua", 1.0, instance)


OLD = [bound("sip:a@H;transport=UDP"), bound("sip:b@h"), bound("sip:dead@h", until=999)]


@pytest.mark.parametrize(
    ("request_", "result"),
    [
        (asked(), ["sip:a@H;transport=UDP", "sip:b@h"]),
        (asked(("sip:c@h", None)), ["sip:a@H;transport=UDP", "sip:b@h", "sip:c@h"]),
        (asked(("sip:a@h;transport=udp;x=1", 60)), ["sip:b@h", "sip:a@h;transport=udp;x=1"]),
        (asked(("sip:b@h", 0)), ["sip:a@H;transport=UDP"]),
        (asked(star=True, expires=0), []),
        (asked(("sip:a@h;transport=udp", 0), ("sip:b@h", 0), expires=90), []),
        (asked(star=True, expires=60), 400),
        (asked(("sip:b@h", 0), star=True, expires=0), 400),
        (asked(("sip:c@h", 59)), 423),
        (asked(("sip:c@h", None), expires=10), 423),
        (asked(("sip:b@h", 60), cseq=1), 500),
        (asked(("sip:b@h", 60), cseq=1, call_id="d"), ["sip:a@H;transport=UDP", "sip:b@h"]),
        (asked(star=True, expires=0, cseq=1), 500),
        (asked(("sip:c@h", 60), ("sip:d@h", 60)), 403),
    ],
)
def test_registrar(request_: RegisterRequest, result: list[str] | int) -> None:
    outcome = register(OLD, request_, now=1000, limits=LIMITS)
    if isinstance(outcome, RegisterError):
        assert outcome.code == result
    else:
        assert [binding.contact for binding in outcome] == result


def test_an_instance_replaces_its_binding_from_another_address() -> None:
    old = [bound("sip:a@10.0.0.1", instance="<urn:x>")]
    new = register(old, asked(("sip:a@10.0.0.2", 60), instance="<urn:x>"), now=1, limits=LIMITS)
    assert isinstance(new, list)
    assert [binding.contact for binding in new] == ["sip:a@10.0.0.2"]


@pytest.mark.parametrize(("flow", "stay"), [("udp:9.9.9.9:9", True), ("udp:1.2.3.4:5", False)])
def test_two_instances_at_one_uri_are_two_phones_unless_one_took_the_others_place(
    flow: str, stay: bool
) -> None:
    old = [replace(bound("sip:a@10.0.0.1", instance="<urn:x>"), flow=flow)]
    new = register(old, asked(("sip:a@10.0.0.1", 60), instance="<urn:y>"), now=1, limits=LIMITS)
    assert isinstance(new, list)
    assert [binding.instance for binding in new] == ["<urn:x>"] * stay + ["<urn:y>"]


def test_expiry_is_capped_and_defaults() -> None:
    for seconds, granted in ((None, 600), (999999, 3600)):
        new = register([], asked(("sip:a@h", seconds)), now=1000, limits=LIMITS)
        assert isinstance(new, list)
        assert new[0].expires_at == 1000 + granted


@dataclass
class Clock:
    """Runs callbacks when told that time has passed."""

    now: float = 0.0
    due: list[tuple[float, Callable[[], None], "Handle"]] = field(default_factory=list)

    def later(self, delay_s: float, call: Callable[[], None]) -> "Handle":
        handle = Handle()
        self.due.append((self.now + delay_s, call, handle))
        return handle

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while ready := sorted((d for d in self.due if d[0] <= end), key=lambda d: d[0]):
            at, call, handle = ready[0]
            self.due.remove(ready[0])
            self.now = at
            if not handle.cancelled:
                call()
        self.now = end


@dataclass
class Handle:
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


def message(method: str, flow: str = "udp:127.0.0.3:5062", **more: object) -> Received:
    text = Phone("127.0.0.3", 5062, call_id="c", tag="t").request(method, 1, **more)  # type: ignore[arg-type]
    parsed = receive(text.encode())
    parsed.flow = Flow.parse(flow)
    return parsed


@pytest.mark.parametrize(
    ("method", "flow", "code", "sent_after_40_s"),
    [
        ("INVITE", "udp:127.0.0.3:5062", 486, 11),
        ("INVITE", "tcp:127.0.0.3:5062", 486, 1),
        ("INVITE", "udp:127.0.0.3:5062", 200, 11),
        ("INVITE", "tcp:127.0.0.3:5062", 200, 11),
        ("BYE", "udp:127.0.0.3:5062", 200, 1),
    ],
)
def test_final_responses_are_repeated_only_where_rfc_3261_says(
    method: str, flow: str, code: int, sent_after_40_s: int
) -> None:
    sent: list[bytes] = []
    clock = Clock()
    table = ServerTransactions(send=lambda _, d: sent.append(d), later=clock.later, limit=10)
    transaction = table.add(message(method, flow))
    table.respond(transaction, code, b"final")
    clock.run(40)
    assert len(sent) == sent_after_40_s
    assert transaction.state is State.GONE
    assert len(table) == 0


def test_ack_stops_the_repeating_and_the_table_is_bounded() -> None:
    sent: list[bytes] = []
    clock = Clock()
    table = ServerTransactions(send=lambda _, d: sent.append(d), later=clock.later, limit=10)
    transaction = table.add(message("INVITE", branch="z9hG4bKx"))
    table.respond(transaction, 486, b"final")
    assert table.find(message("ACK", branch="z9hG4bKx")) is transaction
    table.acknowledge(transaction)
    clock.run(10)
    assert (len(sent), len(table)) == (1, 0)
    for index in range(50):
        table.add(message("OPTIONS", branch=f"z9hG4bK{index}"))
    assert len(table) == 10


@pytest.mark.parametrize(
    ("text", "user", "host"),
    [
        ("sip:*21#@h", "*21#", "h"),
        ("SIP:a%20b@h:5080", "a b", "h"),
        ("tel:+1-202-555-0100", "+1-202-555-0100", ""),
        ("sip:user:pw@h;transport=tcp", "user", "h"),
        ("sip:a@h;self=1", "a", "h"),
        ("sip:j\u00fcrgen b@h", "j\u00fcrgen b", "h"),
        ("sip:bob@example.com@h", "bob@example.com", "h"),
        ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net", "example.com"),
        ("sip:a@[2001:db8::1]:5070", "a", "[2001:db8::1]"),
    ],
)
def test_uris_of_real_phones(text: str, user: str, host: str) -> None:
    uri = parse_uri(text)
    assert (uri.user, uri.host) == (user, host)


@pytest.mark.parametrize(
    ("user", "host", "name", "text"),
    [
        ("+1", "192.0.2.1", "", "<sip:+1@192.0.2.1:5060>"),
        ('j"ü b%', "::1", 'A "B" \\', '"A \\"B\\" \\\\" <sip:j%22%C3%BC%20b%25@[::1]:5060>'),
    ],
)
def test_an_address_of_ours_is_read_as_it_was_meant(
    user: str, host: str, name: str, text: str
) -> None:
    written = name_addr(name, sip_uri(user, host, 5060))
    address = parse_address(written)
    assert written == text
    assert (address.name, address.uri.user, address.uri.port) == (name, user, 5060)


@pytest.mark.parametrize("text", ["", "sip:", "sip:a@h:0", "sip:a@h:70000", "sip:a@h;=1", "x"])
def test_what_is_no_uri_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a SIP URI|port out of range"):
        parse_uri(text)


def test_quotes_and_brackets_hide_separators() -> None:
    assert split_quoted('"a,\\",b" <sip:x,y>;p=1, <sip:z>', ",") == [
        '"a,\\",b" <sip:x,y>;p=1',
        "<sip:z>",
    ]
    assert parse_address('"Smith, <A>" <sip:a@h>;tag=1').name == "Smith, <A>"


def test_hostile_headers_are_read_in_linear_time() -> None:
    started = time.perf_counter()
    for evil in (
        '"' * 4000,
        "a=" + '"b",' * 900,
        "<" * 4000,
        ";" * 4000,
        "a-" * 2000,
        "%41" * 1300,
    ):
        for reader in (parse_answer, parse_uri, parse_address):
            try:
                reader("Digest " + evil if reader is parse_answer else "sip:" + evil)
            except ValueError:
                continue
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:+1-202-555.0100@h", "+12025550100"),
        ("sip:(202)5550100;phone-context=x@h", "2025550100"),
        ("tel:+44.20", "+4420"),
        ("sip:front.desk@h", "front.desk"),
        ("sip:h", ""),
    ],
)
def test_dialled_numbers_lose_their_separators(uri: str, user: str) -> None:
    assert dialled(uri) == user


def test_framer_cuts_what_arrives_in_any_pieces() -> None:
    one = b"OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc"
    stream = b"\r\n\r\n" + one + b"\r\n" + one
    for size in range(1, len(stream)):
        framer = StreamFramer(1000)
        events = [e for i in range(0, len(stream), size) for e in framer.feed(stream[i : i + size])]
        assert events == [Ping(), Framed(one), Framed(one)]


@pytest.mark.parametrize(
    ("data", "too_large"),
    [
        (b"x" * 300, True),
        (b"A b\r\nContent-Length: 999\r\n\r\n", True),
        (b"A b\r\nContent-Length: no\r\n\r\n", False),
    ],
)
def test_framer_gives_up_once(data: bytes, too_large: bool) -> None:
    framer = StreamFramer(200)
    (event,) = framer.feed(data)
    assert isinstance(event, Broken)
    assert event.too_large is too_large
    assert framer.feed(b"more\r\n\r\n") == []


def test_a_stream_that_comes_byte_by_byte_is_read_in_linear_time() -> None:
    head = (
        b"OPTIONS sip:a SIP/2.0\r\nx: " + b"y" * 15_000 + b"\r\nContent-Length:\r\n 15000\r\n\r\n"
    )
    message = head + b"z" * 15_000
    framer = StreamFramer(32_768)
    started = time.thread_time()
    events = [event for byte in message for event in framer.feed(bytes([byte]))]
    assert events == [Framed(message)]
    assert time.thread_time() - started < 0.5


def test_responses_carry_received_and_rport() -> None:
    request = message("OPTIONS", branch="z9hG4bKq")
    request.flow = Flow.parse("udp:198.51.100.7:999")
    assert reply_vias(request)[0] == (
        "SIP/2.0/UDP 127.0.0.3:5062;branch=z9hG4bKq;received=198.51.100.7;rport=999"
    )


@pytest.mark.parametrize(
    ("routes", "result"),
    [
        ((), ("sip:t", ())),
        (("<sip:p;lr>", "<sip:q;lr>"), ("sip:t", ("<sip:p;lr>", "<sip:q;lr>"))),
        (("<sip:p>", "<sip:q;lr>"), ("sip:p", ("<sip:q;lr>", "<sip:t>"))),
    ],
)
def test_loose_and_strict_routes(routes: tuple[str, ...], result: object) -> None:
    assert aim("sip:t", routes) == result


async def test_resolve() -> None:
    assert str(await resolve("sip:a@127.0.0.1;transport=TCP")) == "tcp:127.0.0.1:5060"
    assert str(await resolve("sip:a@localhost:5070")) == "udp:127.0.0.1:5070"
    for bad in ("sips:a@h", "sip:a@127.0.0.1;transport=ws", "mailto:x", "sip:a@no.invalid"):
        with pytest.raises(UnresolvableError):
            await resolve(bad)


def test_a_flood_is_summed_up() -> None:
    gate = RejectionGate(2)
    rejection = Rejection("1.2.3.4", "u", "INVITE", 400, "malformed-sip", "Fix it.")
    assert [gate.admit(rejection, 0.0 + i) for i in range(5)] == [True, True, False, False, False]
    assert list(gate.summaries(30)) == []
    (summary,) = gate.summaries(61)
    assert summary.advice.startswith("3 more requests like this one came from 1.2.3.4")
