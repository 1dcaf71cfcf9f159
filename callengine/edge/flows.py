"""A flow names the address of the other side: `udp:HOST:PORT` or `tcp:HOST:PORT`.

IPv6 hosts stand in square brackets.
"""


def make_flow(transport: str, host: str, port: int) -> str:
    """Return the flow of a peer address."""
    return f"{transport}:[{host}]:{port}" if ":" in host else f"{transport}:{host}:{port}"


def split_flow(flow: str) -> tuple[str, str, int]:
    """Return transport, host without brackets, and port.

    Raises:
        ValueError: it is no flow.
    """
    transport, _, rest = flow.partition(":")
    host, _, port = rest.rpartition(":")
    if transport not in ("udp", "tcp") or not host:
        raise ValueError(f"not a flow: {flow!r}")
    return transport, host.strip("[]"), int(port)
