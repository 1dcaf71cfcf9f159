"""A call process in which one thing fails: `OBJECT.NAME` raises when it is called.

Run as `python -m tests.callengine.worker.plugged FD RTP_PORT [OBJECT.NAME]`, OBJECT of `PLACES`.
"""

import gc
import socket
import sys
from typing import Any

from callengine.worker import plugins
from callengine.worker.agent import preloading
from callengine.worker.agent.conversation import AgentConversation
from callengine.worker.call.runner import CallRunner
from callengine.worker.pjsua.endpoint import CallProcessConfig
from callengine.worker.pjsua.library import quieten
from callengine.worker.plugins import event_clock
from callengine.worker.plugins.opus import OpusInstance
from callengine.worker.process.control import Control
from callengine.worker.process.loop import CallServer
from callengine.worker.rtpguard.guard import RtpGuard
from callengine.worker.sip import endings
from callengine.worker.sip.digits import Digits
from callengine.worker.sip.leg import SipLeg
from callengine.worker.sip.reoffers import Reoffers

PLACES: dict[str, Any] = {
    "conversation": AgentConversation,
    "leg": SipLeg,
    "digits": Digits,
    "guard": RtpGuard,
    "opus": OpusInstance,
    "reoffers": Reoffers,
    "runner": CallRunner,
    "endings": endings,
    "event_clock": event_clock,
}


def provoked(*_: object, **__: object) -> None:
    raise RuntimeError("provoked")


def main() -> None:
    descriptor, rtp_port = (int(word) for word in sys.argv[1:3])
    quieten()
    gc.disable()
    plugins.preload()
    preloading.preload()
    with socket.socket(fileno=descriptor) as sock:
        server = CallServer(Control(sock), CallProcessConfig(8000, rtp_port, "test"))
        for plug in sys.argv[3:]:  # by now the codecs have been tried
            place, _, name = plug.partition(".")
            assert hasattr(PLACES[place], name)
            setattr(PLACES[place], name, provoked)
        server.run()


if __name__ == "__main__":
    main()
