"""The switches that are measured: this product, and baresip's b2bua module as the baseline."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from bench import processes
from bench.formats import CODECS

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
START_TIMEOUT_S = 40.0
PASSWORD = "correct-horse"
BARESIP_MODULES = Path("/usr/lib/baresip/modules")


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """Return a port nobody has now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Switch:
    """A SIP server in processes of its own and a folder of its own; a context manager."""

    name = ""
    octet_align = False
    "Whether its AMR-WB callee must answer octet-aligned."
    process: subprocess.Popen[bytes]

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))

    @staticmethod
    def target(codec: str) -> str:
        """Return the user part that reaches the callee of this codec."""
        raise NotImplementedError

    @property
    def server(self) -> str:
        """Where it listens for SIP: host:port."""
        return f"{HOST}:{self.port}"

    def launch(self) -> None:
        """Start the process."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.launch()
            self.await_ready()
        except BaseException as error:
            error.add_note(self.log())
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if hasattr(self, "process"):
            processes.end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """Return the end of what it printed."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {x.name}\n{x.read_text(errors='replace')[-4000:]}" for x in logs)

    def cpu_s(self) -> float:
        """Return the CPU-seconds of all its processes since they started."""
        return processes.cpu_s(self.process.pid)

    def await_ready(self) -> None:
        """Wait until it answers OPTIONS. Raises RuntimeError."""
        deadline = time.monotonic() + START_TIMEOUT_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            probe.settimeout(0.3)
            while not self._answers_options(probe):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not answer OPTIONS")

    def _answers_options(self, probe: socket.socket) -> bool:
        branch, port = secrets.token_hex(8), probe.getsockname()[1]
        lines = (
            f"OPTIONS sip:{self.server} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bK{branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:probe@{HOST}>;tag={branch}",
            f"To: <sip:{self.server}>",
            f"Call-ID: {branch}",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
        )
        started = time.monotonic()
        try:
            probe.sendto("\r\n".join((*lines, "", "")).encode(), (HOST, self.port))
            return probe.recv(4096).startswith(b"SIP/2.0 ")
        except (TimeoutError, ConnectionRefusedError):
            time.sleep(max(0.0, 0.2 - (time.monotonic() - started)))
            return False


class Product(Switch):
    """`manage.py serve` with SQLite. Connections `to-CODEC` have fixed addresses."""

    name = "voipnumber"
    users = 300
    "Phones that register."
    forcing: tuple[str, ...] = ()
    "Codecs that are forced on whoever calls the one that has them."

    def __init__(self, callees: dict[str, int], *, max_calls: int) -> None:
        super().__init__()
        self._callees = callees
        self.database = self.folder / "data" / "voipnumber.sqlite3"
        self.web = f"{HOST}:{free_port(socket.SOCK_STREAM)}"
        first = 30000 - max_calls * 16 - (os.getpid() % 400) * 16
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("VOIPNUMBER_", "DJANGO_"))},
            "SECRET_KEY": secrets.token_hex(32),
            "VOIPNUMBER_DATA": str(self.folder / "data"),
            "VOIPNUMBER_SIP_LISTEN": f"udp:{HOST}:{self.port}",
            "VOIPNUMBER_RTP_PORTS": f"{first}-{first + max_calls * 16 - 1}",
            "VOIPNUMBER_HTTP": self.web,
            "VOIPNUMBER_MAX_CALLS": str(max_calls),
            # The callers of a benchmark are one stranger who calls a great deal.
            "VOIPNUMBER_EXTERNAL_CALLS": str(max_calls),
            "VOIPNUMBER_EXTERNAL_CALLS_PER_MINUTE": "100000",
            "VOIPNUMBER_GRACE_S": "1",
            "VOIPNUMBER_LOG_LEVEL": "WARNING",
            "VOIPNUMBER_NATIVE": os.environ.get("VOIPNUMBER_NATIVE", ""),
            "VOIPNUMBER_RELAY": os.environ.get("VOIPNUMBER_RELAY", ""),
        }

    @staticmethod
    def target(codec: str) -> str:
        """Return the user part that reaches the callee of this codec."""
        return f"to-{codec.lower()}"

    def launch(self) -> None:
        """Migrate, provision, serve."""
        self.prepare()
        self.serve()

    def serve(self) -> None:
        """Start the process anew, with what is there."""
        self.process = processes.start(
            [sys.executable, str(ROOT / "manage.py"), "serve"],
            folder=self.folder,
            name="serve",
            environment=self.environment,
        )

    def prepare(self) -> None:
        """Migrate and provision."""
        file = self.folder / "provision.yaml"
        file.write_text(yaml.safe_dump(self._configuration()))
        self._manage("migrate", "--verbosity", "0")
        self._manage("provision", str(file))

    def _manage(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def _configuration(self) -> dict[str, Any]:
        callees = [
            {
                "sip_user": self.target(codec),
                "name": codec,
                "password": PASSWORD,
                "inbound": {"codecs": [codec], "force_on_caller": codec in self.forcing},
                "address": f"sip:{HOST}:{port}",
            }
            for codec, port in self._callees.items()
        ]
        phones = [
            {"sip_user": f"phone{n}", "name": f"Phone {n}", "password": PASSWORD}
            for n in range(self.users)
        ]
        return {"external_sip": True, "connections": callees + phones}


class Baresip(Switch):
    """baresip 1.x with its b2bua module, from Debian: one process, one callee."""

    name = "baresip"
    octet_align = True

    def __init__(self, codec: str, callee_port: int) -> None:
        super().__init__()
        self._codec, self._callee_port = codec, callee_port

    @staticmethod
    def available() -> bool:
        """Tell whether the program and its module are installed."""
        return bool(shutil.which("baresip")) and (BARESIP_MODULES / "b2bua.so").exists()

    @staticmethod
    def target(codec: str) -> str:
        """Return the user part of the only account that takes calls."""
        return "b2b-in"

    def launch(self) -> None:
        """Write its files and start it."""
        rtp = 31000 - (os.getpid() % 10) * 400
        (self.folder / "config").write_text(
            _BARESIP_CONFIG.format(
                host=HOST,
                port=self.port,
                rtp_first=rtp,
                rtp_last=rtp + 398,
                modules=BARESIP_MODULES,
                # Its bridge needs one rate on both sides; the codec's own costs it least.
                rate_hz=CODECS[self._codec].audio_rate_hz,
            )
        )
        callee = f"sip:{HOST}:{self._callee_port}"
        codec = CODECS[self._codec].baresip_name
        common = "regint=0;ptime=20;mediaenc="
        (self.folder / "accounts").write_text(
            f"<sip:b2b-in@{self.server}>;{common};audio_codecs=PCMU/8000/1;b2bua=inbound\n"
            f"<sip:b2b-out@{self.server}>;{common};audio_codecs={codec};b2bua=outbound;"
            f'outbound="{callee}"\n'
        )
        self.process = processes.start(
            ["baresip", "-f", str(self.folder)], folder=self.folder, name="baresip"
        )


_BARESIP_CONFIG = """\
poll_method epoll
sip_listen {host}:{port}
call_local_timeout 120
call_max_calls 400
audio_level no
ausrc_srate {rate_hz}
auplay_srate {rate_hz}
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp_first}-{rtp_last}
rtcp_mux no
jitter_buffer_delay 2-10
net_interface {host}
module_path {modules}
module g711.so
module g722.so
module opus.so
module amr.so
module aubridge.so
module_tmp account.so
module_app b2bua.so
opus_bitrate 24000
opus_complexity 5
opus_application voip
opus_stereo no
opus_sprop_stereo no
opus_inbandfec yes
"""
