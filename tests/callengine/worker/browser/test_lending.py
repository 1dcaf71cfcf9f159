"""A browser's sound, lent to a voice agent and taken back: on the bridge, or at the borrower."""

from tests.callengine.worker.plugins.processes import run_python

SCRIPT = """
import json, os, select, socket, time
from callengine.worker.native import loading
loading.load()
import pjsua2 as pj
from callengine.core.orders import BrowserOrder, LegOrder
from callengine.core.sounds import FRAME_BYTES, FrameKind, Frames, frame
from callengine.worker.browser.leg import BrowserLeg
from callengine.worker.pjsua.library import library_config, quieten
from callengine.worker.legs.party import PartyError
quieten()
library = pj.Endpoint()
library.libCreate()
library.libInit(library_config(16000, "test"))

class Borrower:
    given_back = 0
    def level(self):
        return 0.25
    def give_back(self):
        self.given_back += 1

def until(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)

leg = BrowserLeg(
    LegOrder("A", "", browser=BrowserOrder("Browser of olga")),
    run_bridge=lambda: None, wake=lambda: None, post=lambda *said: None,
)
one, other = Borrower(), Borrower()
try:
    leg.lend(one)
except PartyError as error:
    told = {"before its page is there": str(error)}
ours, page = socket.socketpair()
leg.attached(ours.detach())
line = leg.lend(one)
told["again"] = leg.lend(one) is line
told["level"] = leg.level()
(descriptor,) = leg.descriptors()
page.sendall(frame(FrameKind.SOUND, b"1" * FRAME_BYTES))
assert select.select([descriptor], [], [], 20)[0]
told["lent"] = [len(line.take()), len(leg.audio()._cushion)]
line.play(b"2" * FRAME_BYTES)
frames, heard = Frames(), []
def hears():
    heard.extend(kind.name for kind, _ in frames.take(page.recv(65536)))
    return "SOUND" in heard
until(hears)
second = leg.lend(other)
told["to another"] = [second is line, one.given_back, other.given_back]
leg.take_back()
leg.take_back()
page.sendall(frame(FrameKind.SOUND, b"3" * FRAME_BYTES))
until(lambda: len(leg.audio()._cushion))
told["taken back"] = [len(second.take()), other.given_back]
third = Borrower()
leg.lend(third)
page.sendall(frame(FrameKind.HANG_UP))
until(lambda: leg.ended)
leg.step(time.monotonic())
told["ended"] = third.given_back
os.close(descriptor)
print(json.dumps(told), flush=True)
os._exit(0)  # past libDestroy pjsua2's destructors assert
"""


def test_what_is_lent_goes_to_one_borrower_at_a_time_and_to_the_bridge_afterwards() -> None:
    assert run_python(SCRIPT) == {
        "before its page is there": "its page is not connected",
        "again": True,
        "level": 0.25,
        "lent": [1, 0],
        "to another": [False, 1, 0],
        "taken back": [0, 1],
        "ended": 1,
    }
