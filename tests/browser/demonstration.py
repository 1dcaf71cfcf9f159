"""The demo, as bin/run starts it, on ports and data of its own: for pictures of real calls."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.browser.chromium import PASSWORD, ROOT
from tests.peers.ports import free_port, free_port_range, free_sip_port

STOP_S = 60


@contextmanager
def demonstration() -> Iterator[str]:
    """Yield the address of the pages once two of the six calls are over."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        sip, http = free_sip_port(), free_port(socket.SOCK_STREAM)
        first, last = free_port_range(400)
        environment = {
            **os.environ,
            "VOIPNUMBER_DATA": folder,
            "VOIPNUMBER_SIP_LISTEN": f"udp:127.0.0.1:{sip},tcp:127.0.0.1:{sip}",
            "VOIPNUMBER_HTTP": f"127.0.0.1:{http}",
            "VOIPNUMBER_RTP_PORTS": f"{first}-{last}",
            "VOIPNUMBER_MAX_CALLS": "20",
            "VOIPNUMBER_NODE": "engine-1",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }
        account = ["createsuperuser", "--noinput", "--username=admin", "--email="]
        for arguments in (["migrate", "--verbosity=0"], account):
            subprocess.run(
                [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True
            )
        demo = subprocess.Popen(
            [sys.executable, "-m", "demo", "--examples"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert demo.stdout
            for line in demo.stdout:
                if line.startswith("Example 3"):
                    break
            _refused_call(("127.0.0.1", sip))
            yield f"http://127.0.0.1:{http}"
        finally:
            demo.terminate()
            demo.communicate(timeout=STOP_S)


def _refused_call(engine: tuple[str, int]) -> None:
    """Dial a number that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.23", 0))
        host, port = phone.getsockname()
        lines = (
            "INVITE sip:+12025550199@voip.example SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKpicture1;rport",
            "From: <sip:sales@voip.example>;tag=p1",
            "To: <sip:+12025550199@voip.example>",
            "Call-ID: picture-1@voip.example",
            "CSeq: 1 INVITE",
            f"Contact: <sip:sales@{host}:{port}>",
            "Max-Forwards: 70",
            "Content-Length: 0",
        )
        phone.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), engine)
