"""Linphone's console client as a peer: the phone of another project, driven by its commands."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.ports import LOOPBACK, free_port_range, free_sip_port
from tests.peers.tones import Tone, last_tone_of, write_tone
from tests.peers.waiting import until

RATES = {"OPUS": ("opus", 48000, 2), "G722": ("G722", 8000, 1)}
RATES |= {name: (name, 8000, 1) for name in ("PCMU", "PCMA")}
CONFIG = """\
[sip]
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
contact=sip:{user}@{host}
default_proxy=0
guess_hostname=0
register_only_when_network_is_up=0
media_encryption={encryption}
media_encryption_mandatory={mandatory}
root_ca={authority}
verify_server_certs=1
verify_server_cn=1
[net]
firewall_policy=none
[rtp]
audio_rtp_port={rtp}
[sound]
echocancellation=0
[proxy_0]
reg_proxy=<sip:{server};transport={transport}>
reg_route=<sip:{server};transport={transport};lr>
reg_identity="{display}" <sip:{user}@{server_host}>
reg_expires=300
reg_sendregister=1
publish=0
avpf=0
[auth_info_0]
username={user}
userid={user}
passwd={password}
"""


class Linphone:
    """One linphonec; an async context manager. It registers at once, and answers by itself.

    It plays a tone of `hz` and records what it hears. With `srtp` it offers nothing else. Over TLS
    it believes an `authority`.
    """

    def __init__(
        self,
        user: str,
        password: str,
        *,
        server: tuple[str, int],
        display: str = "",
        transport: str = "udp",
        codecs: tuple[str, ...] = ("PCMU",),
        hz: int = 700,
        srtp: bool = False,
        authority: Path | None = None,
    ) -> None:
        self.user, self.password, self.server = user, password, server
        self.display, self.protocol = display or user, transport
        self.codecs, self.hz, self.srtp, self.authority = codecs, hz, srtp, authority
        self._folder = tempfile.TemporaryDirectory(prefix="linphone-")
        self.folder = Path(self._folder.name)

    @staticmethod
    def is_there() -> bool:
        return shutil.which("linphonec") is not None

    async def __aenter__(self) -> Self:
        self._configure()
        output = self.folder / "output"
        with output.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("linphonec", "-d", "6", "-l", str(self.folder / "log"), "-a"),
                *("-c", str(self.folder / "linphonerc")),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
            )
        self.command("soundcard use files")
        self.command(f"record {self.recording}")
        self.command(f"play {self.folder / 'tone.wav'}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"--- what linphonec {self.user} printed\n{self.dump()}")
        if self._process.returncode is None:
            self.command("quit")
            try:
                async with asyncio.timeout(2):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._folder.cleanup()

    @property
    def recording(self) -> Path:
        return self.folder / "heard.wav"

    def dump(self) -> str:
        """Return what it printed and the end of its log, which holds the SIP messages."""
        log = self.folder / "log"
        said = log.read_text(errors="replace")[-20000:] if log.exists() else ""
        return (self.folder / "output").read_text(errors="replace") + said

    # What a test does with it

    def command(self, text: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())

    async def logs(self, words: str, timeout_s: float = 30.0) -> None:
        """Wait until these words stand in its log."""
        log = self.folder / "log"
        await until(
            lambda: log.exists() and words in log.read_text(errors="replace"),
            f"{words!r} is not in the log of {self.user}",
            timeout_s=timeout_s,
        )

    async def registered(self) -> None:
        await self.logs("to [LinphoneRegistrationOk]")

    def dial(self, to: str) -> None:
        """Call a user of the server's."""
        self.command(f"call sip:{to}@{self.server[0]}:{self.server[1]};transport={self.protocol}")

    async def heard(self, seconds: float = 1.5) -> Tone:
        """Return the tone at the end of what the call that is over let it hear."""
        await self.logs("LinphoneCallEnd to LinphoneCallReleased")
        return last_tone_of(self.recording, seconds)

    def _configure(self) -> None:
        (self.folder / ".local/share/linphone").mkdir(parents=True)
        write_tone(self.folder / "tone.wav", self.hz, seconds=30)
        ports = dict.fromkeys(("udp", "tcp", "tls"), 0) | {self.protocol: free_sip_port()}
        text = CONFIG.format(
            **ports,
            user=self.user,
            display=self.display,
            password=self.password,
            host=LOOPBACK,
            server=f"{self.server[0]}:{self.server[1]}",
            server_host=self.server[0],
            transport=self.protocol,
            encryption="srtp" if self.srtp else "none",
            mandatory=int(self.srtp),
            authority=self.authority or "",
            rtp=free_port_range(4)[0],
        )
        for index, name in enumerate(self.codecs):
            mime, rate, channels = RATES[name]
            text += f"[audio_codec_{index}]\nmime={mime}\nrate={rate}\n"
            text += f"channels={channels}\nenabled=1\n"
        (self.folder / "linphonerc").write_text(text)
