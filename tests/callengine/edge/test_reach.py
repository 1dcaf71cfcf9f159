"""Where requests may go: tables of what a peer names and where it was heard."""

import pytest

from callengine.edge.flow import Flow
from callengine.edge.legs.hops import is_listed, next_hop
from callengine.edge.legs.table import Dialog
from callengine.edge.messages.uris import parse_uri
from callengine.edge.messages.values import parse_via
from callengine.edge.transport.addresses import UnresolvableError
from callengine.edge.transport.reach import contact_objection, reached_at, without_connection

CARRIER = ("8.8.4.0/24", "gw.example", "2001:db8::/32")


def is_ours(host: str, port: int) -> bool:
    return (host, port) in (("9.9.9.9", 5060), ("sip.example", 5060), ("8.8.8.8", 5080))


class Wires:
    """Stands for the transports: which TCP connections are up."""

    def __init__(self, *up: str) -> None:
        self.up = set(map(Flow.parse, up))

    def has_connection(self, flow: Flow) -> bool:
        return flow in self.up


HOPS = [
    # A phone: nothing but the host it was heard from.
    ("udp:198.51.100.1:9", True, "sip:a@10.0.0.1", (), "udp:198.51.100.1:9"),
    ("udp:8.8.8.8:9", False, "sip:a@10.0.0.1", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", False, "sip:a@8.8.4.4:5070", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", True, "sip:a@8.8.4.4:22;transport=tcp", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", True, "sip:a@8.8.8.8;maddr=8.8.4.4", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", True, "sip:a@8.8.8.8:5070", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", True, "sip:a@name.example", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", False, "sip:a@name.example", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", False, "sip:p@8.8.8.8:5070;lr", (), "udp:8.8.8.8:5070"),
    ("udp:8.8.8.8:9", False, "sip:p@8.8.8.8:5080;lr", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", False, "sip:p@9.9.9.9:5060;lr", (), "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", False, "junk", (), "udp:8.8.8.8:9"),
    ("tcp:8.8.8.8:9", True, "sip:a@8.8.8.8;transport=tcp", (), "tcp:8.8.8.8:5060"),
    # A carrier: also what its trunk has on its access list and its gateways.
    ("udp:8.8.8.8:9", False, "sip:a@8.8.4.4:5070", CARRIER, "udp:8.8.4.4:5070"),
    ("udp:8.8.8.8:9", True, "sip:a@8.8.4.4:5070", CARRIER, "udp:8.8.4.4:5070"),
    ("udp:8.8.8.8:9", True, "sip:a@8.8.5.4:5070", CARRIER, "udp:8.8.8.8:9"),
    ("udp:8.8.8.8:9", False, "sip:a@GW.example", CARRIER, None),
    ("udp:8.8.8.8:9", False, "sip:a@other.example", CARRIER, "udp:8.8.8.8:9"),
    ("tcp:8.8.8.8:9", True, "sip:a@8.8.4.4;transport=tcp", CARRIER, "tcp:8.8.4.4:5060"),
    # Opened anew for the name that was reached then, or else for the one that is named.
    (
        *("tls:8.8.8.8:9/gw.example", True, "sip:a@8.8.8.8:5062;transport=tls", ()),
        "tls:8.8.8.8:5062/gw.example",
    ),
    ("tls:8.8.8.8:9", True, "sips:a@8.8.4.4", CARRIER, "tls:8.8.4.4:5061/8.8.4.4"),
    ("tls:8.8.8.8:9", False, "sips:a@GW.example", CARRIER, None),
]
SECURED = ("sip:a@8.8.8.8:5060", "sip:a@8.8.8.8;transport=tcp", "sip:a@GW.example", "sip:a@8.8.4.4")
SECURED += ("sip:a@GW.example;transport=ws", "tel:+4930123456")


@pytest.mark.parametrize(("heard", "direct", "uri", "hosts", "hop"), HOPS)
def test_next_hop(heard, direct, uri, hosts, hop):
    dialog = Dialog("l", "r", Flow.parse(heard), is_direct=direct)
    flow = next_hop(Wires(), dialog, uri, hosts=hosts, is_ours=is_ours)
    assert flow == (hop and Flow.parse(hop))


@pytest.mark.parametrize("uri", SECURED)
def test_what_began_over_tls_goes_on_over_nothing_else(uri):
    heard = Flow.parse("tls:8.8.8.8:9")
    dialog = Dialog("l", "r", heard, is_direct=True)
    assert next_hop(Wires(str(heard)), dialog, uri, hosts=CARRIER, is_ours=is_ours) == heard
    with pytest.raises(UnresolvableError):
        next_hop(Wires(), dialog, uri, hosts=CARRIER, is_ours=is_ours)


@pytest.mark.parametrize("uri", ["sip:a@10.0.0.1;transport=tcp", "sip:a@name.example", "junk"])
def test_a_phone_whose_connection_is_gone_is_sought_nowhere_else(uri):
    dialog = Dialog("l", "r", Flow.parse("tcp:8.8.8.8:9"), is_direct=True)
    with pytest.raises(UnresolvableError):
        next_hop(Wires(), dialog, uri, hosts=(), is_ours=is_ours)
    hop = next_hop(Wires("tcp:8.8.8.8:9"), dialog, uri, hosts=(), is_ours=is_ours)
    assert str(hop) == "tcp:8.8.8.8:9"


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("8.8.4.200", True),
        ("8.8.5.1", False),
        ("gw.example", True),
        ("GW.EXAMPLE.", True),
        ("evil-gw.example", False),
        ("[2001:db8::5]", True),
        ("2001:db9::5", False),
    ],
)
def test_what_an_administrator_wrote_down(host, listed):
    assert is_listed(host, CARRIER) is listed


OBJECTIONS = [
    ("sip:a@127.0.0.1", "udp:8.8.8.8:9", "loopback"),
    ("sip:a@127.0.0.1:5070", "udp:127.0.0.1:5060", ""),
    ("sip:a@127.0.0.3:5070", "tcp:127.0.0.1:5060", ""),
    ("sip:a@169.254.1.1", "udp:127.0.0.1:5060", "link-local"),
    ("sip:a@localhost", "udp:8.8.8.8:9", "loopback"),
    ("sip:a@localhost", "udp:127.0.0.1:9", ""),
    ("sip:a@8.8.8.8;maddr=127.1", "udp:8.8.8.8:9", "loopback"),
    ("sip:a@8.8.8.8;maddr=2130706433", "udp:8.8.8.8:9", "loopback"),
    ("sip:a@8.8.8.8;maddr=0x7f000001", "udp:8.8.8.8:9", "loopback"),
    ("sip:a@[::1]", "udp:8.8.8.8:9", "loopback"),
    ("sip:a@[::ffff:127.0.0.1]", "udp:8.8.8.8:9", "loopback"),
    ("sip:a@169.254.1.1", "udp:8.8.8.8:9", "link-local"),
    ("sip:a@169.254.1.1", "udp:169.254.1.1:9", ""),
    ("sip:a@[fe80::1]", "udp:8.8.8.8:9", "link-local"),
    ("sip:a@224.0.0.1", "udp:8.8.8.8:9", "multicast"),
    ("sip:a@0.0.0.0", "udp:8.8.8.8:9", "unspecified"),
    ("sip:a@0.1.2.3", "udp:8.8.8.8:9", "unspecified"),
    ("sip:a@[::]", "udp:8.8.8.8:9", "unspecified"),
    ("sip:a@255.255.255.255", "udp:8.8.8.8:9", "reserved"),
    ("sip:a@8.8.8.8;maddr=127.0.0.1", "udp:8.8.8.8:9", "loopback"),
    ("sip:a@9.9.9.9", "udp:8.8.8.8:9", "this server"),
    ("sip:a@sip.example:5060", "udp:8.8.8.8:9", "this server"),
    ("sip:a@8.8.8.8:5080", "udp:8.8.8.8:5080", "this server"),
    ("sip:a@9.9.9.9:5070", "udp:8.8.8.8:9", ""),
    ("sip:a@10.0.0.7:5062", "udp:8.8.8.8:9", ""),
    ("sip:a@phone.example", "udp:8.8.8.8:9", ""),
]


@pytest.mark.parametrize(("contact", "heard", "says"), OBJECTIONS)
def test_contacts_that_lead_inside(contact, heard, says):
    uri, heard = parse_uri(contact), Flow.parse(heard)
    found = contact_objection(uri, heard=heard, is_direct=True, is_ours=is_ours)
    assert (says in found) if says else (not found)


def test_a_proxy_on_this_machine_does_not_make_its_phones_local():
    uri = parse_uri("sip:a@127.0.0.1:6379;transport=tcp")
    heard = Flow.parse("udp:127.0.0.1:5060")
    assert not contact_objection(uri, heard=heard, is_direct=True, is_ours=is_ours)
    found = contact_objection(uri, heard=heard, is_direct=False, is_ours=is_ours)
    assert "a loopback address, and the request came by way of 127.0.0.1" in found


REACHES = [
    # contact, heard, Via's sent-by and rport, direct, alone, reached at
    ("sip:a@10.0.0.7:5062", "udp:8.8.8.8:9", "10.0.0.7:5062;rport", True, True, "udp:8.8.8.8:9"),
    ("sip:a@8.8.8.8:70", "udp:8.8.8.8:9", "8.8.8.8:9;rport", True, True, "udp:8.8.8.8:9"),
    ("sip:a@8.8.8.8:70", "udp:8.8.8.8:9", "8.8.8.8:70", True, True, "udp:8.8.8.8:70"),
    ("sip:a@8.8.8.8:70", "udp:8.8.8.8:9", "10.0.0.7:70", True, True, "udp:8.8.8.8:9"),
    ("sip:a@8.8.8.8:70", "udp:8.8.8.8:9", "8.8.8.8:9;rport", True, False, "udp:8.8.8.8:70"),
    ("sip:a@8.8.8.8:9", "udp:8.8.8.8:9", "8.8.8.8:9;rport", True, False, "udp:8.8.8.8:9"),
    ("sip:a@10.0.0.7", "udp:8.8.8.8:9", "8.8.8.8:9;rport", True, False, "udp:8.8.8.8:9"),
    ("sip:a@8.8.8.8:70", "udp:8.8.8.8:9", "8.8.8.8:9", False, False, "udp:8.8.8.8:9"),
    ("sip:a@8.8.8.8:70", "tcp:8.8.8.8:9", "8.8.8.8:9", True, True, "tcp:8.8.8.8:9"),
    ("sips:a@8.8.8.8:70", "udp:8.8.8.8:9", "8.8.8.8:9", True, True, "udp:8.8.8.8:9"),
]


@pytest.mark.parametrize(("contact", "heard", "via", "direct", "alone", "flow"), REACHES)
def test_where_a_contact_is_reached(contact, heard, via, direct, alone, flow):
    parsed = parse_via(f"SIP/2.0/UDP {via};branch=z9hG4bK1")
    uri, heard = parse_uri(contact), Flow.parse(heard)
    found = reached_at(uri, heard=heard, via=parsed, is_direct=direct, is_alone=alone)
    assert str(found) == flow


@pytest.mark.parametrize(
    ("contact", "flow"),
    [
        ("sip:a@8.8.8.8:70;transport=tcp", "tcp:8.8.8.8:70"),
        ("sip:a@8.8.8.8", "udp:8.8.8.8:5060"),
        ("sip:a@10.0.0.7;transport=tcp", None),
        ("sip:a@name.example;transport=tcp", None),
        ("sip:a@8.8.8.8;maddr=10.0.0.7;transport=tcp", None),
        ("sip:a@8.8.8.8:5080;transport=tcp", None),
        ("sips:a@8.8.8.8", None),
    ],
)
def test_a_connection_that_is_gone_is_opened_to_the_host_it_came_from_alone(contact, flow):
    def again() -> Flow:
        heard = Flow.parse("tcp:8.8.8.8:9")
        return without_connection(parse_uri(contact), heard=heard, is_ours=is_ours)

    if flow is None:
        with pytest.raises(UnresolvableError):
            again()
    else:
        assert str(again()) == flow


def test_a_phone_whose_tls_is_gone_is_not_connected_to() -> None:
    uri, heard = parse_uri("sip:a@8.8.8.8:70;transport=tls"), Flow.parse("tls:8.8.8.8:9")
    with pytest.raises(UnresolvableError, match="register anew"):
        without_connection(uri, heard=heard, is_ours=is_ours)
