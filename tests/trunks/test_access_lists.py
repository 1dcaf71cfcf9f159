"""Access lists as people type them, and addresses that are let in with one click."""

import pytest
from django.core.exceptions import ValidationError

from trunks.models import Trunk
from trunks.services import allow_address
from trunks.validators import access_entry_lines, network_lines, parse_networks


@pytest.mark.django_db
def test_an_address_is_added_once_to_what_the_list_holds_now():
    stale = Trunk.objects.create(name="carrier", in_allowed_addresses=["203.0.113.0/24"])
    Trunk.objects.update(in_allowed_addresses=["203.0.113.0/24", "gw.example"])
    assert allow_address(trunk=stale, address="198.51.100.7")
    assert not allow_address(trunk=stale, address="::ffff:198.51.100.7")
    wanted = ["203.0.113.0/24", "gw.example", "198.51.100.7/32"]
    assert Trunk.objects.get().in_allowed_addresses == stale.in_allowed_addresses == wanted


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["", "0.0.0.0/0", "gw.example", "198.51.100.7\n::/0", "7"])
def test_what_is_not_one_address_is_refused_and_changes_nothing(address):
    trunk = Trunk.objects.create(name="carrier", in_allowed_addresses=["gw.example"])
    with pytest.raises(ValidationError, match="is not an IP address"):
        allow_address(trunk=trunk, address=address)
    assert Trunk.objects.get().in_allowed_addresses == ["gw.example"]


@pytest.mark.django_db
def test_a_full_list_says_so():
    full = [f"10.0.{n}.0/24" for n in range(200)]
    trunk = Trunk.objects.create(name="carrier", in_allowed_addresses=full)
    with pytest.raises(ValidationError, match="201 entries; allowed: up to 200"):
        allow_address(trunk=trunk, address="192.0.2.1")
    assert Trunk.objects.get().in_allowed_addresses == full


def test_lines_are_read_whichever_way_they_end():
    entries = access_entry_lines("192.0.2.1\r\n\n  203.0.113.0/24, GW.example ;2001:DB8::/32\n")
    assert entries == ["192.0.2.1/32", "203.0.113.0/24", "gw.example", "2001:db8::/32"]


def test_every_wrong_line_is_named_with_what_is_allowed():
    text = "192.0.2.1\n203.0.113.9/24\n192.0.2.1/32\n\n1.2.3.4.5\n" + "x" * 300
    with pytest.raises(ValidationError) as raised:
        access_entry_lines(text)
    second, third, fifth, sixth = raised.value.messages
    assert second == (
        "Line 2: '203.0.113.9/24' is not allowed: the network is written 203.0.113.0/24; "
        "allowed: an IP address, a network such as 203.0.113.0/24, or a host name"
    )
    assert third == "Line 3: '192.0.2.1/32' is on line 1 already."
    assert fifth.startswith("Line 5: '1.2.3.4.5' is not allowed; allowed: ")
    assert sixth.startswith("Line 6: ")
    assert len(sixth) < 400


def test_a_thousand_wrong_lines_are_not_all_repeated():
    with pytest.raises(ValidationError) as raised:
        access_entry_lines("?\n" * 1000)
    assert len(raised.value.messages) == 20


def test_networks_of_media_are_read_line_by_line():
    assert network_lines("192.0.2.1\n198.51.100.64/26, 2001:DB8::/32") == [
        "192.0.2.1/32",
        "198.51.100.64/26",
        "2001:db8::/32",
    ]
    with pytest.raises(ValidationError) as raised:
        network_lines("192.0.2.1\nmedia.example\n203.0.113.9/24\n192.0.2.1/32")
    second, third, fourth = raised.value.messages
    allowed = "allowed: an IP address or a network such as 203.0.113.0/24"
    assert second == f"Line 2: 'media.example' is not allowed; {allowed}"
    meant = "the network is written 203.0.113.0/24"
    assert third == f"Line 3: '203.0.113.9/24' is not allowed: {meant}; {allowed}"
    assert fourth == "Line 4: '192.0.2.1/32' is on line 1 already."


@pytest.mark.parametrize(
    "value", ["192.0.2.1", 7, [7], ["x"], [f"10.0.{n}.0/24" for n in range(51)]]
)
def test_no_other_networks_of_media(value):
    with pytest.raises(ValidationError):
        parse_networks(value)
