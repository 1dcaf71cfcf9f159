"""What may stand in the fields of trunks, numbers and routes."""

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError

from numbering.fields import parse_lines
from sip.addresses import is_host_name, sip_uri_problem
from sip.headerrules import HEADER_FORM, MAX_HEADER_RULES, read_header_rule

_GROUPING = re.compile(r"[\s()./-]+")
_NUMBER_AS_WRITTEN = re.compile(r"\A\+?[\d\s()./-]+\Z")
NUMBER = re.compile(r"\A[A-Za-z0-9._+*#-]{1,64}\Z")
NUMBER_FORM = "1 to 64 of A-Z a-z 0-9 . _ + * # -"
PREFIX = re.compile(r"\A(\+?[0-9*#]{1,31}|\+)\Z")
PREFIX_FORM = "up to 31 of 0-9 * #, with or without a + in front, or + alone"
ACCESS_FORM = "an IP address, a network such as 203.0.113.0/24, or a host name"
NETWORK_FORM = "an IP address or a network such as 203.0.113.0/24"
HOST_FORM = "a host name in small letters, such as sip.carrier.example"
MAX_ACCESS_ENTRIES = 200
MAX_MEDIA_NETWORKS = 50
"They all stand in a filter that the kernel runs for each packet."
MAX_ENTRY_LENGTH = 255
MAX_PROBLEMS = 20
"How many wrong entries are named at once."


def plain_number(text: str) -> str:
    """Return a telephone number without the grouping people write; anything else as it is.

    The engine drops the same from what is dialled.
    """
    text = text.strip()
    return _GROUPING.sub("", text) if _NUMBER_AS_WRITTEN.match(text) else text


def validate_gateway_uri(value: str) -> None:
    """Raise ValidationError unless this is a `sip:` URI this engine can call."""
    problem = sip_uri_problem(value)
    if problem:
        raise ValidationError(problem, code="invalid")


def parse_access_list(value: Any) -> list[str]:
    """Return the entries normalised: networks in CIDR form, host names in lower case.

    Raises ValidationError naming the entry and what is allowed.
    """
    return _parse_list(value, _access_entry, ACCESS_FORM, MAX_ACCESS_ENTRIES)


def parse_networks(value: Any) -> list[str]:
    """Return IP addresses and networks in CIDR form.

    Raises ValidationError naming the entry and what is allowed.
    """
    return _parse_list(value, _network, NETWORK_FORM, MAX_MEDIA_NETWORKS)


def validate_domain(value: str) -> None:
    """Raise ValidationError unless this is a host name in small letters."""
    if not is_host_name(value) or value != value.lower():
        raise ValidationError(f"{value!r} is no domain; allowed: {HOST_FORM}", code="invalid")


def parse_header_rules(value: Any) -> list[str]:
    """Return header rules as they are stored. Raises ValidationError naming every wrong line."""
    return parse_lines(value, _header_rule, HEADER_FORM, MAX_HEADER_RULES)


def _header_rule(text: str) -> str:
    return read_header_rule(text).text


def _parse_list(value: Any, read: Callable[[Any], str], form: str, most: int) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValidationError(f"{value!r} is not a list; allowed: a list of {form}")
    entries = [read(item) for item in value]
    for entry in entries:
        if entries.count(entry) > 1:
            raise ValidationError(f"{entry!r} is in the list twice", code="duplicate")
    if len(entries) > most:
        raise ValidationError(f"{len(entries)} entries; allowed: up to {most}")
    return entries


def access_entry_lines(text: str) -> list[str]:
    """Return the entries of a text with one entry a line (commas and blanks separate too).

    Raises ValidationError with one message for each entry that is wrong, naming its line.
    """
    return parse_access_list(_lines(text, _access_entry))


def network_lines(text: str) -> list[str]:
    """Return the networks of a text, as `access_entry_lines` does."""
    return parse_networks(_lines(text, _network))


def _lines(text: str, read: Callable[[Any], str]) -> list[str]:
    line_of: dict[str, int] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for item in re.split(r"[\s,;]+", line.strip()):
            if not item:
                continue
            try:
                entry = read(item[:MAX_ENTRY_LENGTH])
            except ValidationError as error:
                problems.append(f"Line {number}: {error.messages[0]}")
                continue
            if entry in line_of:
                problems.append(f"Line {number}: {entry!r} is on line {line_of[entry]} already.")
            line_of.setdefault(entry, number)
    if problems:
        raise ValidationError(problems[:MAX_PROBLEMS], code="invalid")
    return list(line_of)


def _access_entry(item: Any) -> str:
    if not isinstance(item, str):
        raise ValidationError(f"{item!r} is not allowed; allowed: {ACCESS_FORM}", code="invalid")
    text = item.strip()
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        if is_host_name(text):
            return text.lower()
    raise ValidationError(
        f"{item!r} is not allowed{_network_meant(text)}; allowed: {ACCESS_FORM}", code="invalid"
    )


def _network(item: Any) -> str:
    """Return an entry where host names mean nothing: media is compared packet by packet."""
    text = item.strip() if isinstance(item, str) else ""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValidationError(
            f"{item!r} is not allowed{_network_meant(text)}; allowed: {NETWORK_FORM}",
            code="invalid",
        ) from None


def _network_meant(text: str) -> str:
    """Return a hint for a network written by an address inside it, or nothing."""
    try:
        return f": the network is written {ipaddress.ip_network(text, strict=False)}"
    except ValueError:
        return ""


def validate_unclaimed_by_connection(value: str) -> None:
    """Raise ValidationError if a connection already has this SIP user.

    Digest credentials are found by user name alone, so a name has one owner.
    """
    # By name: connections and trunks do not import each other.
    owner = apps.get_model("connections", "Connection").objects.filter(sip_user=value).first()
    if owner is not None:
        raise ValidationError(
            f"{value!r} is already the SIP user of connection {owner}", code="claimed"
        )
