"""A call process some of whose slots are taken, as those of a call that does not end would be.

Run as `python -m tests.callengine.engine.crowded FD COUNT SILENT_PORT RTP_PORT`.
"""

import socket
import sys

import pjsua2 as pj

from callengine.worker import plugins
from callengine.worker.pjsua.endpoint import CallProcessConfig
from callengine.worker.pjsua.library import quieten
from callengine.worker.process.control import Control
from callengine.worker.process.loop import CallServer


def main() -> None:
    descriptor, count, silent_port, rtp_port = (int(word) for word in sys.argv[1:])
    quieten()
    plugins.preload()
    config = CallProcessConfig(8000, rtp_port, "test")
    with socket.socket(fileno=descriptor) as sock:
        process = CallServer(Control(sock), config)
        account = process._endpoint.account
        calls = [pj.Call(account) for _ in range(count)]
        for call in calls:
            call.makeCall(f"sip:nobody@127.0.0.1:{silent_port}", pj.CallOpParam(True))
        process.run()


if __name__ == "__main__":
    main()
