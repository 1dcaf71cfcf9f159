"""What is measured: a switch, and this product as one (`bench.peers` has the others)."""

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

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
START_TIMEOUT_S = 40.0
PASSWORD = "correct-horse"
KEPT_PORTS = range(32600, 32768)
"Of callees that come and go: below what the kernel gives to whoever asks for none."
_given: dict[int, socket.socket] = {}
"Of these a socket tells other benches that they are taken, until this process ends."


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """Return a port nobody has now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def kept_port() -> int:
    """Return a UDP port nobody has now, and that nobody else gets of us or of the kernel."""
    for port in KEPT_PORTS:
        if port in _given:
            continue
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                taken.bind(f"\0bench-port-{port}")
                probe.bind((HOST, port))
            except OSError:
                taken.close()
            else:
                _given[port] = taken
                return port
    raise RuntimeError(f"no free port of {KEPT_PORTS.start} to {KEPT_PORTS.stop - 1}")


class Switch:
    """A SIP server in processes of its own and a folder of its own; a context manager."""

    name = ""
    octet_align = False
    "Whether its AMR-WB callee must answer octet-aligned."
    listens_first = False
    "Whether it sends no audio to a caller before it has heard any."
    users = 0
    "Phones that may register: `phone0` and so on, with PASSWORD."
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
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """End what was launched."""
        if hasattr(self, "process"):
            processes.end(self.process)

    def log(self) -> str:
        """Return the end of what it printed."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {x.name}\n{x.read_text(errors='replace')[-4000:]}" for x in logs)

    @property
    def roots(self) -> tuple[int, ...]:
        """The processes it was started as; what they start is below them."""
        return (self.process.pid,)

    def cpu_s(self) -> float:
        """Return the CPU-seconds of all its processes since they started."""
        return sum(processes.cpu_s(root) for root in self.roots)

    def memory_mb(self) -> float:
        """Return the proportional set size of all its processes, in megabytes."""
        return sum(processes.memory_mb(root) for root in self.roots)

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
            # All of them have one address, and are not what the guard against floods is for.
            "VOIPNUMBER_TRUNK_INVITE_RATE": "5000",
            "VOIPNUMBER_TRUNK_RATE": "50000",
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
            timeout=180,
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
