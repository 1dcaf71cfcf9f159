"""The engine's part of hearing codecs: has a process encode and decode a sound, keeps what came.

One sound at a time, by one process, which ends when nothing more is asked of it for a while. What
was made is kept in the data folder under the digest of all that it follows from.
"""

import asyncio
import base64
import functools
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agents.builtin import sounds, voice
from audiocodecs.catalogue import HEADER_BYTES
from callengine.core.audition import PACKET_MS, PHRASE, SOURCE_RATE_HZ, Audition, AuditionFacts
from callengine.lab.programs import Program
from callengine.loop.tasks import BackgroundTasks
from callengine.notices.answering import answer
from callengine.notices.auditions import AskForAuditions, MadeHeard, MakeHeard
from callengine.notices.lab import LabBusy, LabOffer, LabRefused
from callengine.worker.native.build import library

logger = logging.getLogger(__name__)

MAX_WAITING = 12
"Sounds asked for at once, on one engine."
MADE_WITHIN_S = 15.0
"Longest that one sound may take; the first of a process starts pjsua2 as well."
IDLE_S = 20.0
ENDS_WITHIN_S = 3.0
MAX_KEPT_BYTES = 64_000_000
MAX_LINE_BYTES = 10_000
NO_VOICE = f"{voice.PROGRAM} is not installed on the engine: chimes are heard in place of speech."
TONE_HZ, TONE_S = 1000, 4.0
_PACKET_BYTES = SOURCE_RATE_HZ * PACKET_MS // 1000 * 2
FORMAT = 2
"Of what is kept; with another number nothing kept before is used."


class AuditionError(Exception):
    """A sound could not be made; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Made:
    """A sound as it is heard, and what was measured of it."""

    heard: AuditionFacts
    samples: bytes


@functools.cache
def source(sound: str) -> bytes:
    """Return a sound as it is before any codec, in whole packets.

    It may take a second: call it in a thread.
    """
    if sound == "tone":
        samples = sounds.tone(TONE_HZ, TONE_S, SOURCE_RATE_HZ).tobytes()
    else:
        samples = voice.speech(PHRASE, SOURCE_RATE_HZ).tobytes()
    return samples + bytes(-len(samples) % _PACKET_BYTES)


class KeptSounds:
    """Sounds made before, a file each; the oldest go when there are too many."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder nothing is kept."""
        self._folder = folder

    def read(self, key: str) -> Made | None:
        """Return what is kept; None if nothing is, or it cannot be read."""
        if self._folder is None:
            return None
        try:
            with open(self._folder / key, "rb") as file:
                facts = json.loads(file.readline(MAX_LINE_BYTES))
                samples = file.read()
            facts["wire_bps"] = tuple(facts["wire_bps"])
            size = facts.pop("bytes")
            return Made(AuditionFacts(**facts), samples) if len(samples) == size else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, key: str, made: Made) -> None:
        """Keep what was made; that it cannot be is logged, and no harm."""
        if self._folder is None:
            return
        facts = {**asdict(made.heard), "bytes": len(made.samples)}
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            temporary = self._folder / f".{key}"
            temporary.write_bytes(json.dumps(facts).encode() + b"\n" + made.samples)
            temporary.replace(self._folder / key)
            _make_room(self._folder)
        except OSError as error:
            logger.warning("what the codec lab lets hear could not be kept: %s", error)


def _make_room(folder: Path) -> None:
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        if total <= MAX_KEPT_BYTES:
            return
        total -= file.stat().st_size
        file.unlink(missing_ok=True)


class Chain:
    """The process that encodes and decodes; started when it is needed."""

    def __init__(self) -> None:
        self._program: Program | None = None

    async def run(self, audition: Audition, samples: bytes, packets: int) -> Made:
        """Return what is heard; raises AuditionError. One at a time."""
        try:
            async with asyncio.timeout(MADE_WITHIN_S):
                return await self._run(audition, samples, packets)
        except TimeoutError:
            await self.end()
            raise AuditionError(
                f"It was not made within {MADE_WITHIN_S:g} s: this machine is very busy. Try again."
            ) from None
        except (OSError, ValueError, EOFError, asyncio.IncompleteReadError) as error:
            await self.end()
            raise AuditionError(f"The process that makes it ended ({error}). Try again.") from error

    async def _run(self, audition: Audition, samples: bytes, packets: int) -> Made:
        program = await self._there()
        lost = audition.lost(packets)
        order = {
            "codecs": audition.codecs,
            "rate_hz": audition.rate_hz,
            "lost": lost,
            "relayed": audition.is_relayed,
            "bytes": len(samples),
        }
        program.input.write(json.dumps(order).encode() + b"\n" + samples)
        await program.input.drain()
        said: dict[str, Any] = json.loads(await program.output.readline())
        if "error" in said:
            raise AuditionError(f"This engine cannot make it: {said['error']}.")
        made = await program.output.readexactly(said["bytes"])
        wire = tuple(_wire_bps(payload, packets) for payload in said["payload_bytes"])
        return Made(AuditionFacts(said["rate_hz"], packets, len(lost), wire), made)

    async def _there(self) -> Program:
        if self._program is not None and not self._program.is_up:
            await self.end()
        if self._program is None:
            self._program = await Program.start("callengine.worker.lab.audition")
        return self._program

    async def end(self) -> None:
        """End the process, if there is one."""
        program, self._program = self._program, None
        if program is not None:
            program.input.close()  # it ends with its input
            await program.end(ENDS_WITHIN_S)


class Auditions:
    """Lets pages hear codecs; all of it on the engine's event loop."""

    def __init__(
        self,
        *,
        node: str,
        data: Path | None,
        codecs: Callable[[], Iterable[str]],
        unavailable: Callable[[], Mapping[str, str]],
    ) -> None:
        """`data` is the engine's folder, if it has one; `codecs` tells what it can do now."""
        self._node = node
        self._kept = KeptSounds(data / "auditions" if data else None)
        self._codecs, self._unavailable = codecs, unavailable
        self._chain = Chain()
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0
        self._tasks = BackgroundTasks("the lab's sounds")
        self._idle: asyncio.TimerHandle | None = None

    def offer(self, asked: AskForAuditions, *, channel: str) -> None:
        """Answer whether a sound can be made here; the order is heard on `channel`."""
        problem = self._busy()
        self._tasks.start(answer(asked.reply, LabBusy(problem) if problem else LabOffer(channel)))

    def make(self, asked: MakeHeard) -> None:
        """Make what is asked for and tell the page."""
        self._tasks.start(self._make(asked))

    def refuse(self, asked: AskForAuditions | MakeHeard, why: str) -> None:
        """Tell the page why not."""
        self._tasks.start(answer(asked.reply, LabRefused(why)))

    async def stop(self) -> None:
        """Make nothing any more."""
        await self._tasks.stop()
        if self._idle is not None:
            self._idle.cancel()
        await self._chain.end()

    def _busy(self) -> str:
        if self._waiting < MAX_WAITING:
            return ""
        return (
            f"{MAX_WAITING} sounds are being made on the engine {self._node} already, its limit. "
            "Try again in a moment."
        )

    async def _make(self, asked: MakeHeard) -> None:
        told: object
        try:
            audition = Audition(asked.sound, tuple(asked.codecs), asked.loss_percent)
            made = await self._made(audition)
            samples = base64.b64encode(made.samples).decode()
            facts = {**asdict(made.heard), "wire_bps": list(made.heard.wire_bps)}
            lack = "" if audition.sound != "speech" or voice.program() else NO_VOICE
            told = MadeHeard(**facts, lack=lack, samples=samples)
        except (AuditionError, ValueError) as error:
            told = LabRefused(str(error))
        except Exception:
            logger.exception("a sound for the codec lab could not be made")
            told = LabRefused("The engine failed; its log says why.")
        await answer(asked.reply, told)

    async def _made(self, audition: Audition) -> Made:
        if problem := self._busy() or self._lacking(audition):
            raise AuditionError(problem)
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return await self._kept_or_made(audition)
        finally:
            self._waiting -= 1

    def _lacking(self, audition: Audition) -> str:
        for name in audition.codecs:
            if name not in self._codecs():
                return self._unavailable().get(name, f"{name} is unavailable on this engine.")
        return ""

    async def _kept_or_made(self, audition: Audition) -> Made:
        loop = asyncio.get_running_loop()
        samples = await loop.run_in_executor(None, source, audition.sound)
        packets = len(samples) // _PACKET_BYTES
        if not audition.codecs:
            return Made(AuditionFacts(SOURCE_RATE_HZ, packets, 0, ()), samples)
        key = audition.key(source=samples, build=_build())
        kept = await loop.run_in_executor(None, self._kept.read, key)
        if kept is not None:
            return kept
        if self._idle is not None:
            self._idle.cancel()
        try:
            made = await self._chain.run(audition, samples, packets)
        finally:  # one that could not be made leaves a process, too
            self._idle = loop.call_later(IDLE_S, lambda: self._tasks.start(self._rest()))
        await loop.run_in_executor(None, self._kept.write, key, made)
        return made

    async def _rest(self) -> None:
        async with self._one_at_a_time:
            await self._chain.end()


@functools.cache
def _build() -> str:
    return f"{FORMAT} {library().name}"


def _wire_bps(payload_bytes: int, packets: int) -> int:
    return round((payload_bytes / packets + HEADER_BYTES) * 8 * 1000 / PACKET_MS)
