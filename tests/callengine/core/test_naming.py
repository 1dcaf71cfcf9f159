"""RFC 3263 and RFC 2782 as tables: records in, targets out."""

import random
from collections import Counter
from collections.abc import Mapping

import pytest

from callengine.core.naming import (
    MAX_TARGETS,
    HostAddress,
    Naptr,
    NextHop,
    NowhereError,
    Record,
    Srv,
    Wanted,
    by_weight,
    locate,
)

ALL = ("udp", "tcp", "tls")
PLAIN = ("udp", "tcp")
A = {("gw.example", "A"): [HostAddress("192.0.2.1")]}


def found(
    wanted: Wanted,
    records: Mapping[tuple[str, str], list[Record]],
    *,
    spoken: tuple[str, ...] = ALL,
    lot: float = 0.0,
) -> list[str]:
    """Return `transport:host:port` of each target, from a zone of these records."""
    search = locate(wanted, spoken=spoken, chance=lambda: lot)
    try:
        question = next(search)
        while True:
            question = search.send(records.get((question.name, question.kind), []))
    except StopIteration as end:
        return [f"{one.transport}:{one.host}:{one.port}" for one in end.value]


def naptr(service: str, to: str, *, order: int = 1, preference: int = 1) -> Naptr:
    return Naptr(order, preference, "s", service, to)


@pytest.mark.parametrize(
    ("wanted", "records", "targets"),
    [
        # RFC 3263 section 4.1: an address, a port and a transport are taken at their word.
        (Wanted("192.0.2.9"), {}, ["udp:192.0.2.9:5060"]),
        (Wanted("192.0.2.9", port=5080, transport="tcp"), {}, ["tcp:192.0.2.9:5080"]),
        (Wanted("2001:db8::1", is_secure=True), {}, ["tls:2001:db8::1:5061"]),
        (Wanted("192.0.2.9", is_secure=True, transport="tcp"), {}, ["tls:192.0.2.9:5061"]),
        (Wanted("gw.example", port=5080), A, ["udp:192.0.2.1:5080"]),
        # Section 4.2: neither NAPTR nor SRV.
        (Wanted("gw.example"), A, ["udp:192.0.2.1:5060"]),
        (Wanted("gw.example", is_secure=True), A, ["tls:192.0.2.1:5061"]),
        (
            Wanted("gw.example"),
            {("gw.example", "AAAA"): [HostAddress("2001:db8::1")], **A},
            ["udp:192.0.2.1:5060", "udp:2001:db8::1:5060"],
        ),
        # NAPTR chooses the transport, by order and then preference.
        (
            Wanted("gw.example"),
            {
                ("gw.example", "NAPTR"): [
                    naptr("SIP+D2U", "_sip._udp.gw.example", order=20),
                    naptr("SIP+D2T", "_sip._tcp.gw.example", order=10, preference=9),
                    naptr("SIPS+D2T", "_sips._tcp.gw.example", order=10, preference=5),
                ],
                ("_sips._tcp.gw.example", "SRV"): [Srv(1, 1, 5071, "edge.example")],
                ("_sip._tcp.gw.example", "SRV"): [Srv(1, 1, 5070, "edge.example")],
                ("edge.example", "A"): [HostAddress("192.0.2.7")],
            },
            ["tls:192.0.2.7:5071"],
        ),
        # What a record says that is not SIP's, or not final, is passed over.
        (
            Wanted("gw.example"),
            {
                ("gw.example", "NAPTR"): [
                    naptr("E2U+sip", "x.example"),
                    Naptr(1, 1, "u", "SIP+D2T", "_sip._tcp.gw.example"),
                    naptr("SIP+D2U", "_sip._udp.gw.example", order=2),
                ],
                ("_sip._udp.gw.example", "SRV"): [Srv(1, 1, 5090, "gw.example")],
                **A,
            },
            ["udp:192.0.2.1:5090"],
        ),
        (
            Wanted("gw.example"),
            {("gw.example", "NAPTR"): [Naptr(1, 1, "a", "SIP+D2U", "gw.example")], **A},
            ["udp:192.0.2.1:5060"],
        ),
        # A transport in the URI asks for its SRV alone.
        (
            Wanted("gw.example", transport="tcp"),
            {
                ("_sip._udp.gw.example", "SRV"): [Srv(1, 1, 1, "gw.example")],
                ("_sip._tcp.gw.example", "SRV"): [
                    Srv(2, 1, 5072, "192.0.2.2"),
                    Srv(1, 1, 5071, "gw.example"),
                ],
                **A,
            },
            ["tcp:192.0.2.1:5071", "tcp:192.0.2.2:5072"],
        ),
        # A target without address is passed over for the next.
        (
            Wanted("gw.example", transport="udp"),
            {
                ("_sip._udp.gw.example", "SRV"): [
                    Srv(1, 1, 5060, "gone.example"),
                    Srv(2, 1, 5060, "gw.example"),
                ],
                **A,
            },
            ["udp:192.0.2.1:5060"],
        ),
        # The best of very many, wherever it stands among them.
        (
            Wanted("gw.example", transport="udp"),
            {
                ("_sip._udp.gw.example", "SRV"): [
                    *(Srv(2, 1, port, "gone.example") for port in range(1, 200)),
                    Srv(1, 1, 5065, "gw.example"),
                ],
                **A,
            },
            ["udp:192.0.2.1:5065"],
        ),
        (
            Wanted("gw.example"),
            {
                ("gw.example", "NAPTR"): [
                    *(naptr("E2U+sip", "x.example", order=9) for _ in range(40)),
                    naptr("SIP+D2T", "_sip._tcp.gw.example"),
                ],
                ("_sip._tcp.gw.example", "SRV"): [Srv(1, 1, 5070, "gw.example")],
                **A,
            },
            ["tcp:192.0.2.1:5070"],
        ),
        # Nothing steps down from TLS, though its SRV records are missing, or cannot be had.
        (
            Wanted("gw.example"),
            {
                ("gw.example", "NAPTR"): [
                    naptr("SIPS+D2T", "_sips._tcp.gw.example", order=1),
                    naptr("SIP+D2U", "_sip._udp.gw.example", order=2),
                ],
                ("_sip._udp.gw.example", "SRV"): [Srv(1, 1, 5060, "gw.example")],
                **A,
            },
            ["tls:192.0.2.1:5061"],
        ),
        # One that is no target, among others.
        (
            Wanted("gw.example", transport="udp"),
            {
                ("_sip._udp.gw.example", "SRV"): [
                    Srv(1, 1, 0, "gw.example"),
                    Srv(1, 1, 5060, ""),
                    Srv(2, 1, 5060, "gw.example"),
                ],
                **A,
            },
            ["udp:192.0.2.1:5060"],
        ),
        # The same place twice is tried once.
        (
            Wanted("gw.example", transport="udp"),
            {
                ("_sip._udp.gw.example", "SRV"): [
                    Srv(1, 1, 5060, "gw.example"),
                    Srv(2, 1, 5060, "gw.example"),
                ],
                **A,
            },
            ["udp:192.0.2.1:5060"],
        ),
    ],
)
def test_a_uri_leads_where_its_domain_says(
    wanted: Wanted, records: dict[tuple[str, str], list[Record]], targets: list[str]
) -> None:
    assert found(wanted, records) == targets


@pytest.mark.parametrize(
    ("wanted", "records", "spoken", "why"),
    [
        (Wanted("gw.example"), {}, ALL, "no address"),
        (Wanted("gw.example", transport="sctp"), A, ALL, "sctp is not supported"),
        (Wanted("gw.example", is_secure=True), A, PLAIN, "TLS is not spoken"),
        (Wanted("gw.example", is_secure=True, transport="udp"), A, ALL, "cannot be reached"),
        (
            Wanted("gw.example"),
            {("gw.example", "NAPTR"): [naptr("SIPS+D2T", "_sips._tcp.gw.example")], **A},
            PLAIN,
            "not spoken here",
        ),
        # RFC 2782: a target of "." says that there is decidedly no such service.
        (
            Wanted("gw.example", transport="udp"),
            {("_sip._udp.gw.example", "SRV"): [Srv(0, 0, 0, "")], **A},
            ALL,
            "does not take SIP over udp",
        ),
    ],
)
def test_a_uri_that_leads_nowhere_says_why(
    wanted: Wanted, records: dict[tuple[str, str], list[Record]], spoken: tuple[str, ...], why: str
) -> None:
    with pytest.raises(NowhereError, match=why):
        found(wanted, records, spoken=spoken)


def test_a_sips_uri_never_leaves_tls() -> None:
    records = {
        ("gw.example", "NAPTR"): [naptr("SIP+D2U", "_sip._udp.gw.example")],
        ("_sip._udp.gw.example", "SRV"): [Srv(1, 1, 5060, "gw.example")],
        **A,
    }
    with pytest.raises(NowhereError, match="not spoken here"):
        found(Wanted("gw.example", is_secure=True), records)


def test_a_target_knows_the_name_to_verify_and_the_name_it_came_from() -> None:
    """RFC 5922 section 4: the certificate names the domain of the URI, not the SRV target."""
    search = locate(Wanted("gw.example", transport="tls"), spoken=ALL, chance=lambda: 0.0)
    next(search)
    search.send([Srv(1, 1, 5061, "pop.example")])
    search.send([HostAddress("192.0.2.4")])
    with pytest.raises(StopIteration) as end:
        search.send([])
    expected = NextHop("tls", "192.0.2.4", 5061, name="gw.example", via="pop.example")
    assert end.value.value == (expected,)


def test_answers_without_end_are_cut() -> None:
    many: list[Record] = [Srv(1, 1, 5060 + n, f"h{n}.example") for n in range(500)]
    records = {("_sip._udp.gw.example", "SRV"): many} | {
        (f"h{n}.example", "A"): [HostAddress(f"192.0.2.{n % 250}")] for n in range(500)
    }
    assert len(found(Wanted("gw.example", transport="udp"), records)) == MAX_TARGETS


def test_weights_share_as_rfc_2782_says() -> None:
    chance = random.Random(2782).random
    rows = [(1, 60, "a"), (1, 30, "b"), (1, 10, "c"), (2, 99, "backup")]
    orders = [by_weight(rows, chance) for _ in range(4000)]
    assert all(order[3] == "backup" for order in orders)
    first = Counter(order[0] for order in orders)
    for name, share in (("a", 0.60), ("b", 0.30), ("c", 0.10)):
        assert abs(first[name] / 4000 - share) < 0.04


def test_a_weight_of_nothing_is_chosen_first_but_rarely() -> None:
    chance = random.Random(1).random
    firsts = Counter(by_weight([(1, 0, "spare"), (1, 99, "main")], chance)[0] for _ in range(2000))
    assert 0 < firsts["spare"] < 60
    assert by_weight([(1, 0, "x"), (1, 0, "y")], lambda: 0.99) == ["x", "y"]
