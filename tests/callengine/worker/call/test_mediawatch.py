"""When a call ends from whose parties nothing comes any more, and when figures hold no more."""

import time

import pytest

from callengine.core.control.calls import QualityMeasured
from callengine.core.orders import LegOrder
from callengine.core.snapshot import QualitySnapshot
from callengine.worker.call.mediawatch import MediaWatch
from callengine.worker.legs.party import Counters
from callengine.worker.rtpguard.guard import RtpGuard
from tests.callengine.core import machines
from tests.callengine.worker.memory import MemoryParty

TIMEOUT_S = 5


class WithoutRtp(MemoryParty):
    """As a browser is, or an agent."""

    def counters(self) -> Counters | None:
        return None


def party(name: str, *, has_rtp: bool) -> MemoryParty:
    made = (MemoryParty if has_rtp else WithoutRtp)(LegOrder(name, ""), (), lambda *said: None)
    made.take_audio()
    if has_rtp:
        made.guard = RtpGuard(name)  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(
    ("rtp_of", "sends", "ends"),
    [
        ("AB", "", True),
        ("AB", "A", False),
        ("AB", "B", False),
        ("A", "", True),
        ("A", "A", False),
        ("B", "", True),
        ("B", "B", False),
        ("", "", False),
    ],
)
def test_it_ends_once_all_who_send_rtp_are_gone(rtp_of: str, sends: str, ends: bool) -> None:
    watch = MediaWatch(
        machines.talking(), timeout_s=TIMEOUT_S, send=lambda told: None, note=lambda *line: None
    )
    parties = {name: party(name, has_rtp=name in rtp_of) for name in "AB"}
    for name, one in parties.items():
        watch.add(one, LegOrder(name, ""))
    now, ended = time.monotonic(), None
    for _ in range(3 * TIMEOUT_S):
        now += 1.0
        for name in sends:
            parties[name].received += 50
        ended = ended or watch.step(now)
    assert (ended is not None) is ends


@pytest.mark.parametrize("is_silent", [False, True], ids=["heard", "silent"])
def test_figures_of_a_leg_are_taken_back_once_it_has_no_audio(is_silent: bool) -> None:
    """As on hold with `a=inactive`: its last MOS, or that it is silent, stood there meanwhile."""
    told: list[QualityMeasured] = []
    watch = MediaWatch(machines.talking(), timeout_s=0, send=told.append, note=lambda *line: None)
    caller = MemoryParty(LegOrder("A", ""), (), lambda *said: None)
    caller.take_audio()
    for one in (caller, party("B", has_rtp=False)):
        watch.add(one, LegOrder(one.name, ""))
    now = time.monotonic()

    def second() -> dict[str, QualitySnapshot]:
        nonlocal now
        now += 1.0
        watch.step(now)
        return told[-1].legs

    for _ in range(8):
        caller.received += 0 if is_silent else 50
        last = second().get("A")
    assert last is not None
    assert (last["silence"] is not None) is is_silent
    assert (last["mos"] is None) is is_silent
    caller.has_audio = False
    nothing = second()["A"]
    assert (nothing["mos"], nothing["silence"], nothing["audio"]) == (None, None, "not-expected")
    assert nothing["packets_received"] == last["packets_received"]
    assert second() == {}, "once is enough"
