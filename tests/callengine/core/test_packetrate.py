"""Packets shorter than what can be heard: told once, and not for a burst."""

from callengine.core.packetrate import PacketRate


def looked(counts: list[int], *, least_ms: int = 10, every_s: float = 1.0) -> list[bool]:
    rate = PacketRate()
    return [
        rate.take(count, now=100 + n * every_s, least_ms=least_ms) for n, count in enumerate(counts)
    ]


def test_packets_of_5_ms_are_told_once() -> None:
    assert looked([200 * n for n in range(7)]) == [False, False, False, True, False, False, False]
    assert looked([100 * n for n in range(7)], every_s=0.5)[3]


def test_neither_10_ms_nor_a_burst_nor_a_new_stream_is() -> None:
    assert not any(looked([100 * n for n in range(9)]))
    assert not any(looked([0, 50, 400, 700, 750, 800]))
    assert not any(looked([200, 400, 600, 0, 200, 400]))
    assert not any(looked([200 * n for n in range(9)], every_s=3.0))
    assert not any(looked([200 * n for n in range(9)], least_ms=0))
