"""Where an agent's server may be: anywhere but at addresses that mean this machine's surroundings.

Whoever may set an agent's URL would else have us ask them, and read in an error what they answer.
Pure.
"""

import ipaddress

FORBIDDEN = "a link-local, multicast or unspecified address, or a cloud's metadata service"
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))
"Of Amazon and Alibaba, beside the link-local 169.254.169.254 that most have."


def is_forbidden(address: str) -> bool:
    """Tell whether an IP address is none that an agent may have; text that is none is."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    is_broadcast = ip == ipaddress.IPv4Address("255.255.255.255")
    is_nearby = ip.is_link_local or ip.is_multicast or ip.is_unspecified
    return is_nearby or is_broadcast or ip in METADATA
