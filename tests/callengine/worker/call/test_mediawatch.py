"""When a call ends from whose parties nothing comes any more, by who they are."""

import time

import pytest

from callengine.core.orders import LegOrder
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
