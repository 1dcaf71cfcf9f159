"""What a person means by what they pasted: one name, taken out of whatever stands around it. Pure.

People paste what their device or their carrier shows: `Call-ID: abc@host`, `sip:alice@192.0.2.1`,
`<tel:+1-202-555-0100>`, `udp:203.0.113.7:5060`, a number with brackets.
"""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from trunks.validators import plain_number

LONGEST = 255
_CALL_ID_HEADER = re.compile(r"\A(?:call-id|i)\s*:\s*(\S+)", re.IGNORECASE)
_URI = re.compile(r"<?\b(sips?|tel):([^@;>\s?]+)(@[^;>\s?]+)?", re.IGNORECASE)
_FLOW = re.compile(r"\A(?:udp|tcp|tls):", re.IGNORECASE)
_IPV4_PORT = re.compile(r"\A(\d+\.\d+\.\d+\.\d+):\d+\Z")
_IPV6_PORT = re.compile(r"\A\[([0-9A-Fa-f:.]+)\](?::\d+)?\Z")


class Kind(StrEnum):
    """What a question is about."""

    CALL_ID = "call-id"
    ADDRESS = "address"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class WhyAsked:
    """A question."""

    kind: Kind
    "A `NAME` may all the same be a Call-ID: nothing in one tells."
    name: str

    @property
    def word(self) -> str:
        """What kind of thing it is, for people."""
        return {
            Kind.CALL_ID: "the Call-ID",
            Kind.ADDRESS: "the address",
            Kind.NAME: "the number, user or Call-ID",
        }[self.kind]


def asked_for(text: str) -> WhyAsked | None:
    """Return what is asked for; None if nothing is."""
    text = " ".join(text.replace("\x00", " ").split())
    header = _CALL_ID_HEADER.match(text)
    if header is not None:
        return WhyAsked(Kind.CALL_ID, header[1][:LONGEST])
    address = _address(text)
    if address:
        return WhyAsked(Kind.ADDRESS, address)
    uri = _URI.search(text)
    if uri is not None:
        user = unquote(uri[2]).partition(":")[0]
        host = _address(user) if uri[3] is None else ""
        return (
            WhyAsked(Kind.ADDRESS, host)
            if host
            else WhyAsked(Kind.NAME, plain_number(user)[:LONGEST])
        )
    if "@" in text and " " not in text:
        return WhyAsked(Kind.CALL_ID, text[:LONGEST])
    return WhyAsked(Kind.NAME, plain_number(text)[:LONGEST]) if text else None


def _address(text: str) -> str:
    """Return the IP address that a text is, with or without transport and port; or nothing."""
    text = _FLOW.sub("", text)
    inside = _IPV4_PORT.match(text) or _IPV6_PORT.match(text)
    try:
        return str(ipaddress.ip_address(inside[1] if inside else text))
    except ValueError:
        return ""
