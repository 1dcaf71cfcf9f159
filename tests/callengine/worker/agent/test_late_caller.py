"""An agent's thread whose caller comes later than the agent: a browser's page, as it connects."""

from tests.callengine.worker.plugins.processes import run_python
from tests.peers.voiceagent.driving import VoiceAgentPeer

WAITS_MS = 1000
SCRIPT = """
import json, os, socket, sys, time
from urllib.parse import urlsplit
from callengine.worker.native import loading
loading.load()
import pjsua2 as pj
from callengine.core.orders import AgentOrder
from callengine.worker.agent.callerpage import CallerPage
from callengine.worker.agent.effects import AskSocket
from callengine.worker.agent.loop import AgentLoop
from callengine.worker.pjsua.library import library_config, quieten
from callengine.worker.legs.soundline import SoundLine

quieten()
library = pj.Endpoint()
library.libCreate()
library.libInit(library_config(16000, "test"))
waiting, heard = [0.0], []

def told(what):
    if isinstance(what, AskSocket):
        at = urlsplit(URL)
        sock = socket.create_connection((at.hostname, at.port))
        sock.setblocking(False)
        loop.post(lambda now: loop.take_socket(sock.detach(), "", now))

def changed(conversation, how, now):
    waiting.append(conversation.playout.queued_ms)

def until(holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, waiting[-20:]
        time.sleep(0.02)

order = AgentOrder("support", "assemblyai", URL, secret="key", system_prompt="Be friendly.")
loop = AgentLoop(order, call_uuid="1" * 32, told=told, changed=changed)
line = SoundLine(heard.append)
loop.start()
until(lambda: waiting[-1] > WAITS_MS)
descriptor = line.descriptor()
make = lambda formats, digit, now: CallerPage(line, descriptor, formats=formats, now=now)
loop.post(lambda now: loop.borrow(make, (descriptor,), now))
until(lambda: heard)
most = max(waiting)
until(lambda: 0 < waiting[-1] < most / 2)
print(json.dumps({"most_ms": most, "waits_ms": waiting[-1]}), flush=True)
os._exit(0)  # past libDestroy pjsua2's destructors assert
"""


def test_what_an_agent_streams_meanwhile_leaves_no_lasting_delay(agent: VoiceAgentPeer) -> None:
    """All it had sent until then was played first, and so was everything later by that."""
    url = agent.url(tone=440, pauses_ms=400)
    known = f"URL, WAITS_MS = {url!r}, {WAITS_MS}\n"
    told = run_python(known + SCRIPT, timeout_s=120)
    assert told["waits_ms"] < told["most_ms"] / 2
