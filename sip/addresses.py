"""Check SIP URIs and host names that people type."""

import ipaddress
import re

SIP_URI_FORM = "sip:[USER@]HOST[:PORT][;transport=udp|tcp|tls]"
_TRANSPORTS = ("udp", "tcp", "tls")
_URI = re.compile(
    r"(?P<scheme>sips?):"
    r"(?:(?P<user>[A-Za-z0-9._+\-~!*'()&=$,?/%#]{1,128})@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253})"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<parameters>(?:;[A-Za-z0-9.-]+(?:=[A-Za-z0-9.\[\]:_-]+)?)*)\Z"
)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")


def sip_uri_problem(value: str) -> str:
    """Return what is wrong with a SIP URI we are to call, or nothing.

    `sip:` over UDP, TCP or TLS is accepted, and `sips:`, which is TLS (RFC 3261 section 26.2).
    """
    match = _URI.match(value)
    if match is None:
        return f"{value!r} is not a SIP URI; allowed: {SIP_URI_FORM}"
    host = match["host"]
    if not (is_ip_address(host.strip("[]")) or is_host_name(host)):
        return f"{host!r} in {value!r} is neither an IP address nor a host name"
    if match["port"] and not 1 <= int(match["port"]) <= 65535:
        return f"port {match['port']} in {value!r} is not from 1 to 65535"
    for parameter in match["parameters"].lower().split(";"):
        name, _, transport = parameter.partition("=")
        if name == "transport" and transport not in _TRANSPORTS:
            return f"transport {transport!r} in {value!r} is not one of {', '.join(_TRANSPORTS)}"
        if name == "transport" and transport == "udp" and match["scheme"] == "sips":
            return f"{value!r} is a sips: URI over UDP; sips: goes over TLS alone"
    return ""


def is_ip_address(value: str) -> bool:
    """Return whether this is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def is_host_name(value: str) -> bool:
    """Return whether this can be a DNS name (RFC 1123 section 2.1); an IP address cannot."""
    labels = value.removesuffix(".").split(".")
    if len(value) > 253 or not all(_LABEL.match(label) for label in labels):
        return False
    return not labels[-1].isdigit()
