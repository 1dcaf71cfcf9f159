"""IPv6 in the descriptions that pass between the edge and a call process. Pure.

pjmedia is built without IPv6: it takes no description that names such an address. So an IPv4
address on loopback stands in for each, and an attribute beside it says for which. Only the edge
writes the attribute; what a peer wrote of that name is gone by then.
"""

import ipaddress
import re
import zlib
from collections.abc import Iterable, Mapping

ATTRIBUTE = "x-ipv6"
NETWORK = ipaddress.IPv4Network("127.128.0.0/9")
"Nothing listens there: the lab's phones are below it, and everything else of ours is 127.0.0.1."
NOBODY = "0.0.0.0"  # noqa: S104
"On hold, as it was once written (RFC 3264 section 8.4)."
_LINE = re.compile(rf"^a={ATTRIBUTE}:([0-9A-Fa-f.:=on ]{{0,300}})\r?$", re.MULTILINE)


def is_ipv6(address: str) -> bool:
    """Tell whether an address in a c= line is one of IPv6, whatever family the line named."""
    return ":" in address


def plain(host: str) -> str:
    """Return an address without a zone; one of IPv4 written as IPv6 (RFC 4291, 2.5.5.2) as IPv4.

    Anything else is returned as it is.
    """
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    return str(address.ipv4_mapped or address)


def is_for_one(address: str) -> bool:
    """Tell the address of one host, to which audio may be sent, from a host name or multicast.

    Where nothing is named, nothing is wrong with it.
    """
    try:
        return not address or not ipaddress.ip_address(address).is_multicast
    except ValueError:
        return False


def stand_in(address: str) -> str:
    """Return what stands in for an address: for IPv4 itself, for `::` what stands for nobody."""
    if not is_ipv6(address):
        return address
    if ipaddress.IPv6Address(address).is_unspecified:
        return NOBODY
    return str(NETWORK[zlib.crc32(address.encode()) % (NETWORK.num_addresses - 2) + 1])


def told(addresses: Iterable[str]) -> str:
    """Return the attribute line that says for which of these addresses others stand in."""
    pairs = {stand_in(one): one for one in addresses if is_ipv6(one)}
    pairs.pop(NOBODY, None)
    return " ".join((f"a={ATTRIBUTE}:on", *(f"{ours}={real}" for ours, real in pairs.items())))


def stand_ins(text: str) -> Mapping[str, str] | None:
    """Return stand-ins of a description and the addresses they stand for.

    None where nothing is said: its leg's audio goes over IPv4 at either end.
    """
    line = _LINE.search(text)
    if line is None:
        return None
    pairs = (pair.partition("=") for pair in line[1].split())
    return {ours: real for ours, _, real in pairs if _stands(ours, real)}


def _stands(ours: str, real: str) -> bool:
    try:
        return is_ipv6(real) and stand_in(real) == ours
    except ValueError:
        return False
