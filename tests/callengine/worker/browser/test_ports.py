"""Places on pjsua2's bridge, of which a call process has few and keeps what it makes."""

from tests.callengine.worker.plugins.processes import run_python

LIBRARY = """
import json, os, socket, time
from callengine.worker.native import loading
loading.load()
import pjsua2 as pj
from callengine.core.orders import BrowserOrder, LegOrder
from callengine.core.sounds import FrameKind, frame
from callengine.worker.browser.leg import BrowserLeg
from callengine.worker.browser.listening import MAX_LISTENERS
from callengine.worker.browser.port import EarPort
from callengine.worker.pjsua.library import library_config, quieten
from callengine.worker.call.holding import music_port
from callengine.worker.selftest.ports import delay_port, loop_port
from callengine.core.limits import LEGS_PER_PROCESS
quieten()
library = pj.Endpoint()
library.libCreate()
library.libInit(library_config(16000, "test"))

"""
ONE_AFTER_THE_OTHER = (
    LIBRARY
    + """
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
)
TOLD_EARLY = (
    LIBRARY
    + """
from callengine.core.sounds import Frames

def told(codes):
    ours, page = socket.socketpair()
    leg = BrowserLeg(
        LegOrder("A", "", browser=BrowserOrder("Browser of olga")),
        run_bridge=lambda: None, wake=lambda: None, post=lambda *said: None,
    )
    for code in codes:
        leg.respond(code)
    leg.attached(ours.detach())
    page.settimeout(20)
    states, frames = [], Frames()
    while not states:
        states += [json.loads(said)["state"] for _, said in frames.take(page.recv(4096))]
    leg.release()
    page.settimeout(0.2)
    while data := page.recv(4096):
        states += [json.loads(said)["state"] for _, said in frames.take(data)]
    return states

orders = {"none": (), "rings": (180,), "early": (180, 183), "answered": (180, 200)}
print(json.dumps({name: told(codes) for name, codes in orders.items()}), flush=True)
os._exit(0)
"""
)


def test_browsers_rung_one_after_the_other_take_one_and_all_who_may_be_there_have_one() -> None:
    assert run_python(ONE_AFTER_THE_OTHER) == {"of_forty_browsers": 1}


def test_a_page_that_comes_late_is_told_how_its_call_stands_by_then() -> None:
    """The callee may ring before the page's sound has found its way to the call process."""
    assert run_python(TOLD_EARLY) == {
        "none": ["calling"],
        "rings": ["ringing"],
        "early": ["early"],
        "answered": ["answered"],
    }
