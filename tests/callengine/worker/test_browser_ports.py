"""Places on pjsua2's bridge, of which a call process has few and keeps what it makes."""

from tests.callengine.worker.plugins.processes import run_python

SCRIPT = """
import json, os, socket, time
from callengine.worker.native import loading
loading.load()
import pjsua2 as pj
from callengine.core.orders import BrowserOrder, LegOrder
from callengine.core.sounds import FrameKind, frame
from callengine.worker.browser.leg import BrowserLeg
from callengine.worker.browser.listening import MAX_LISTENERS
from callengine.worker.browser.port import EarPort
from callengine.worker.endpoint import CallProcessConfig, _library_config, quieten
from callengine.worker.holding import music_port
from callengine.worker.selftest.ports import delay_port, loop_port
from callengine.core.limits import LEGS_PER_PROCESS
quieten()
library = pj.Endpoint()
library.libCreate()
library.libInit(_library_config(CallProcessConfig(16000, 0, "test")))

def rung():
    ours, page = socket.socketpair()
    leg = BrowserLeg(
        LegOrder("B", "", browser=BrowserOrder("Browser of olga")),
        run_bridge=lambda: None, wake=lambda: None, post=lambda *said: None,
    )
    leg.attached(ours.detach())
    return leg, page

def declines(leg, page):
    page.sendall(frame(FrameKind.HANG_UP))
    until = time.monotonic() + 20
    while not leg.ended:
        assert time.monotonic() < until
        time.sleep(0.005)
    leg.step(time.monotonic())

browsers, numbers = [], set()
for _ in range(40):
    leg, page = rung()
    numbers.add(leg.audio().getPortId())
    declines(leg, page)
    browsers.append((leg, page))
kept = [EarPort() for _ in range(2 * MAX_LISTENERS)]
kept += [loop_port(16000), delay_port(16000), music_port(16000)]
kept += [rung() for _ in range(LEGS_PER_PROCESS)]
# What legs of SIP take, and ringing that each may hear.
kept += [EarPort() for _ in range(2 * LEGS_PER_PROCESS)]
print(json.dumps({"of_forty_browsers": len(numbers)}), flush=True)
os._exit(0)  # past libDestroy pjsua2's destructors assert
"""


def test_browsers_rung_one_after_the_other_take_one_and_all_who_may_be_there_have_one() -> None:
    assert run_python(SCRIPT) == {"of_forty_browsers": 1}
