"""baresip as a peer: a real phone of another project, driven over its control socket."""

import asyncio
import json
import re
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.ports import LOOPBACK, free_port_range, free_sip_port
from tests.peers.tones import Tone, last_tone_of, length_s, tone_of
from tests.peers.waiting import until

MODULES = "/usr/lib/baresip/modules"
CODEC_NAMES = {
    "OPUS": "opus/48000/2",
    "G722": "G722/16000/1",
    "AMR-WB": "AMR-WB/16000/1",
    "PCMU": "PCMU/8000/1",
    "PCMA": "PCMA/8000/1",
    "AMR": "AMR/8000/1",
    "GSM": "GSM/8000/1",
}
REGISTERED = re.compile(r"SIP/2.0 200 OK\r?\n(?:.+\r?\n)*?CSeq: \d+ REGISTER")
DIALOG = (
    r"SIP/2.0 200 OK\r?\n(?:.+\r?\n)*?From: .*tag=(\S+)\r?\nTo: .*tag=(\S+)\r?\nCall-ID: {}\r?\n"
)
BASE = """\
poll_method epoll
sip_listen {host}:{sip_port}
call_local_timeout 120
call_max_calls {calls}
ausrc_srate {rate_hz}
auplay_srate {rate_hz}
auplay_channels 1
audio_level no
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
"""
"What every baresip here has, the one that is measured (`bench/peers.py`), too."
CONFIG = (
    BASE
    + """\
audio_player aubridge,sink
audio_source ausine,{hz}
audio_alert aubridge,alert
ausrc_channels 2
module gsm.so
module ausine.so
module sndfile.so
module srtp.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control_port}
snd_path {folder}
"""
)


class Baresip:
    """One baresip process; an async context manager.

    It sends a tone of `hz` and records what it hears. With a `server` and a `password` it
    registers there at once; without, it is reached at `uri`. Over TLS it believes an `authority`
    (without one, anybody), and shows a certificate whose PEM file holds its key, too.
    """

    def __init__(
        self,
        user: str,
        password: str = "",
        *,
        server: tuple[str, int] | None = None,
        transport: str = "udp",
        codecs: tuple[str, ...] = ("OPUS", "G722", "PCMU", "PCMA"),
        hz: int = 700,
        auto_answer: bool = False,
        srtp: str = "",
        host: str = LOOPBACK,
        authority: Path | None = None,
        shown: Path | None = None,
    ) -> None:
        self.user, self.password, self.server = user, password, server
        self.protocol, self.codecs, self.hz = transport, codecs, hz
        self.auto_answer, self.host = auto_answer, host
        self.srtp = srtp
        "`srtp` offers keys beside RTP/AVP, `srtp-mand` RTP/SAVP alone, `srtp-mandf` RTP/SAVPF."
        self.authority, self.shown = authority, shown
        self.port = free_sip_port(host)
        self.events: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._folder = tempfile.TemporaryDirectory(prefix="baresip-")
        self.folder = Path(self._folder.name)

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.host}:{self.port}"

    @property
    def process(self) -> asyncio.subprocess.Process:
        return self._process

    async def __aenter__(self) -> Self:
        control_port = free_sip_port(self.host)
        self._configure(control_port)
        with (self.folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("baresip", "-s", "-v", "-f", str(self.folder)), stdout=log, stderr=log
            )
        try:
            self._reader, self._writer = await self._connect(control_port)
        except BaseException as error:
            error.add_note(self.dump())
            await self._stop()
            raise
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"--- log of baresip {self.user}\n{self.dump()}")
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._writer.close()
        await self._stop()

    def dump(self) -> str:
        """Return the end of baresip's log; it holds the SIP messages."""
        return (self.folder / "log").read_text(errors="replace")[-20000:]

    # What a test does with it

    async def registered(self, timeout_s: float = 20.0) -> None:
        """Wait until the registrar has accepted us.

        It registers before anybody can listen to its events, so its log has to tell.
        """
        await until(
            lambda: REGISTERED.search(self.dump()) is not None,
            f"{self.user} did not register\n{self.dump()}",
            timeout_s=timeout_s,
        )

    async def dial(self, to: str) -> None:
        """Call a user of the server's, or a URI."""
        await self.command("dial", self.target(to))

    def target(self, to: str) -> str:
        """Return the URI of a user of the server's; a URI is one already."""
        if to.startswith("sip:"):
            return to
        assert self.server is not None, "a phone without a server dials URIs"
        transport = "" if self.protocol == "udp" else f";transport={self.protocol}"
        return f"sip:{to}@{self.server[0]}:{self.server[1]}{transport}"

    async def answer(self) -> None:
        await self.wait_for("CALL_INCOMING")
        await self.command("accept")

    async def hold(self) -> None:
        await self.command("hold")

    async def resume(self) -> None:
        await self.command("resume")

    async def dtmf(self, digits: str) -> None:
        """Send digits as RFC 4733 events."""
        await self.command("sndcode", digits)

    async def hang_up(self) -> None:
        await self.command("hangup")

    async def wait_for(self, kind: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """Return the next event of a type (CALL_ESTABLISHED ...) that nobody waited for yet."""
        async with asyncio.timeout(timeout_s):
            while True:
                for event in self.events:
                    if event["type"] == kind:
                        self.events.remove(event)
                        return event
                self._changed.clear()
                await self._changed.wait()

    async def command(self, name: str, parameters: str = "") -> dict[str, Any]:
        """Run a command and return its answer."""
        text = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        async with asyncio.timeout(30):
            return await self._answers.get()

    def dialog(self, call_id: str) -> str:
        """Return the names of a dialog that it began, as another reads them in Replaces."""
        names = re.compile(DIALOG.format(re.escape(call_id)))
        found = names.search((self.folder / "log").read_text(errors="replace"))
        assert found is not None, f"no dialog {call_id}\n{self.dump()}"
        return f"{call_id};to-tag={found[2]};from-tag={found[1]}"

    def heard(self, seconds: float = 1.5) -> Tone:
        """Return the tone of the last call's recording."""
        recordings = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda p: p.stat().st_mtime)
        assert recordings, f"nothing was recorded\n{self.dump()}"
        return tone_of(recordings[-1], seconds)

    async def heard_for(self, seconds: float = 2.0) -> Tone:
        """Wait until the last call's recording holds `seconds`, and return its tone."""
        await until(
            lambda: self._recorded_s() > seconds, "too little sound", timeout_s=seconds + 20
        )
        return self.heard(seconds)

    async def heard_from_now(self, seconds: float = 1.5) -> Tone:
        """Wait until the recording holds `seconds` more, and return the tone of those."""
        enough = self._recorded_s() + seconds + 0.3
        await until(lambda: self._recorded_s() > enough, "no sound", timeout_s=30)
        recordings = self.folder.glob("dump-*-dec.wav")
        return last_tone_of(max(recordings, key=lambda path: path.stat().st_mtime), seconds)

    def _recorded_s(self) -> float:
        return max((length_s(p) for p in self.folder.glob("dump-*-dec.wav")), default=0.0)

    # How it runs

    def _configure(self, control_port: int) -> None:
        first, last = free_port_range(8, self.host)
        text = CONFIG.format(
            host=self.host,
            sip_port=self.port,
            calls=4,
            rate_hz=48000,
            hz=self.hz,
            rtp_first=first,
            rtp_last=last,
            modules=MODULES,
            control_port=control_port,
            folder=self.folder,
        )
        if self.authority is not None:
            text += f"sip_cafile {self.authority}\nsip_verify_server yes\n"
        if self.shown is not None:
            text += f"sip_certificate {self.shown}\n"
        (self.folder / "config").write_text(text)
        (self.folder / "contacts").write_text("")
        (self.folder / "accounts").write_text(self._account() + "\n")

    def _account(self) -> str:
        host, port = self.server or (self.host, self.port)
        transport = "" if self.protocol == "udp" else f";transport={self.protocol}"
        options = [
            f"<sip:{self.user}@{host}:{port}{transport}>",
            f"regint={60 if self.server and self.password else 0}",
            f"audio_codecs={','.join(CODEC_NAMES[name] for name in self.codecs)}",
            f"answermode={'auto' if self.auto_answer else 'manual'}",
        ]
        options += [f"mediaenc={self.srtp}"] if self.srtp else []
        if self.password:
            options += [f"auth_user={self.user}", f"auth_pass={self.password}"]
        return ";".join(options)

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(30):
            while True:
                try:
                    return await asyncio.open_connection(self.host, port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        while True:
            size = await self._reader.readuntil(b":")
            data = await self._reader.readexactly(int(size[:-1]) + 1)
            message = json.loads(data[:-1])
            if message.get("event"):
                self.events.append(message)
                self._changed.set()
            else:
                self._answers.put_nowait(message)

    async def _stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(3):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._folder.cleanup()
