"""No two are given one port, and who holds which is seen by its address."""

import socket

import pytest

from tests.peers import moments, ports
from tests.peers.ports import (
    LOOPBACK,
    TCP,
    UDP,
    Region,
    _as_the_kernel_has_it,
    free_sip_port,
    is_held,
)

SIZE = 40


def drawn(region: Region, count: int) -> list[int]:
    return [region.neighbours(2, (UDP, TCP), LOOPBACK) for _ in range(count)]


def test_what_a_module_was_given_before_the_first_test_is_given_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "_kept", set())
    first = free_sip_port() & ~1
    region = Region(first, first + SIZE)
    with monkeypatch.context() as patch:
        patch.setattr(moments, "_began", 0.0)
        modules = set(drawn(region, 3))
    tests = drawn(region, SIZE)  # twice round
    assert len(modules) == 3
    assert not modules & set(tests)
    assert max(map(tests.count, tests)) > 1, "the others come again"


@pytest.mark.parametrize(
    ("host", "other"), [("127.0.0.1", "127.0.0.33"), ("127.0.0.33", "127.0.0.1")]
)
@pytest.mark.parametrize("kind", [UDP, TCP])
def test_who_holds_a_port_is_seen_by_its_address(
    host: str, other: str, kind: socket.SocketKind
) -> None:
    port = free_sip_port(host)
    with socket.socket(socket.AF_INET, kind) as held:
        held.bind((host, port))
        if kind == TCP:
            assert not is_held(host, port), "nobody listens yet"
            held.listen()
        assert is_held(host, port)
        assert not is_held(other, port)
    assert not is_held(host, port)


def test_an_address_is_written_as_the_kernel_does() -> None:
    assert _as_the_kernel_has_it("127.0.0.33") == "2100007F"
    assert _as_the_kernel_has_it("::1") == "00000000000000000000000001000000"
