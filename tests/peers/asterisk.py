"""Asterisk as a peer: the PBX itself, with a recipe's own files."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.ports import LOOPBACK, free_port_range, free_sip_port
from tests.peers.waiting import until

MAIN = """\
[directories]
astetcdir => {folder}
astvarlibdir => {folder}
astdbdir => {folder}
astkeydir => {folder}
astspooldir => {folder}
astlogdir => {folder}
astrundir => {folder}
"""
LOGGER = "[general]\n[logfiles]\nlog => notice,warning,error,verbose(3)\n"
READY = "Asterisk Ready"


class Asterisk:
    """One Asterisk process; an async context manager.

    `files` are those of its configuration by their names; with `logs_sip` its log holds the SIP.
    """

    def __init__(self, files: dict[str, str], *, host: str = LOOPBACK, port: int = 0) -> None:
        self.host, self.port = host, port or free_sip_port(host)
        self.files = files
        self._folder = tempfile.TemporaryDirectory(prefix="asterisk-")
        self.folder = Path(self._folder.name)

    @staticmethod
    def is_there() -> bool:
        return shutil.which("asterisk") is not None

    async def __aenter__(self) -> Self:
        first, last = free_port_range(8, self.host)
        files = {
            "asterisk.conf": MAIN.format(folder=self.folder),
            "logger.conf": LOGGER,
            "modules.conf": "[modules]\nautoload=yes\n",
            "rtp.conf": f"[general]\nrtpstart={first}\nrtpend={last}\n",
            "indications.conf": "[general]\ncountry=us\n[us]\ndescription=us\nring=440+480\n",
            **self.files,
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)
        main = self.folder / "asterisk.conf"
        with (self.folder / "output").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *("asterisk", "-f", "-C", str(main)), stdout=output, stderr=output
            )
        try:
            await until(lambda: READY in self.dump(), "Asterisk is not ready", timeout_s=30)
        except BaseException as error:
            error.add_note(self.dump())
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"--- log of Asterisk\n{self.dump()}")
        await self._stop()

    def dump(self) -> str:
        """Return the end of what it wrote into its log."""
        found = [self.folder / name for name in ("output", "log")]
        texts = [file.read_text(errors="replace") for file in found if file.exists()]
        return "\n".join(texts)[-20000:]

    async def _stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(30):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._folder.cleanup()
