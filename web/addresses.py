"""Who asks: addresses as limits count them."""

import contextlib
import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV6_SITE_BITS = 64
"One customer has at least a /64, and may use every address of it."


def site_of(host: str) -> str:
    """Return what limits count an address as: IPv4 as it is, IPv6 as the first of its /64."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    network = ipaddress.ip_network((address, IPV6_SITE_BITS), strict=False)
    return str(network.network_address)


def client_site(request: HttpRequest) -> str | None:
    """Return where a request comes from, as limits count it; None over a UNIX socket.

    `X-Forwarded-For` counts only behind our own proxy, and of it only what that proxy wrote: the
    last entry. Everything before it is the client's word.
    """
    address = request.META.get("REMOTE_ADDR") or None
    if settings.VOIPNUMBER_TLS_PROXY:
        told = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        with contextlib.suppress(ValueError):
            address = str(ipaddress.ip_address(told.strip("[]")))
    return site_of(address) if address else None
