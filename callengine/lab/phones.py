"""Built-in phones as processes of ours: started, told what to do, heard, and always ended."""

import asyncio
import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from callengine.lab.programs import Program

ANSWER_WITHIN_S = 10.0
END_WITHIN_S = 5.0


class PhoneError(Exception):
    """A phone cannot do its part; the text says why."""


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """What a phone is started with."""

    user: str
    server: str
    "HOST:PORT it speaks to over UDP."
    password: str = ""
    register: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    hz: int = 440
    codecs: tuple[str, ...] = ()
    "What it answers with, best first; empty: the platform's default list."
    agent: str = "VoIPNumber built-in phone"
    life_s: float | None = None
    "It ends by itself after this long."

    def arguments(self) -> list[str]:
        """Return the command line; the password is not on it."""
        words = ["--user", self.user, "--sip", self.server, "--host", self.host]
        words += ["--port", str(self.port), "--hz", str(self.hz), "--agent", self.agent]
        if self.codecs:
            words += ["--codecs", ",".join(self.codecs)]
        if self.life_s is not None:
            words += ["--life-s", str(self.life_s)]
        return [*words, "--register"] if self.register else words


class Phone:
    """One phone's process and what it last said."""

    def __init__(self, user: str, program: Program) -> None:
        self.user = user
        self.port = 0
        self.codecs: tuple[str, ...] = ()
        self._program = program
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._listener = asyncio.create_task(self._listen())

    def tell(self, **order: Any) -> None:
        """Send one order; a phone that has ended hears nothing."""
        if self._program.is_up:
            self._program.input.write(json.dumps(order).encode() + b"\n")

    async def hears(self, *states: str, timeout_s: float = ANSWER_WITHIN_S) -> dict[str, Any]:
        """Wait for one of these states; "ended" and "stopped" always count.

        Raises TimeoutError.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                fact = await self._said.get()
                if fact["is"] in (*states, "ended", "stopped"):
                    return fact

    def forget(self) -> None:
        """Drop what was said before."""
        while not self._said.empty():
            self._said.get_nowait()

    async def stop(self) -> None:
        """Have the phone hang up and end; insist after a while."""
        self.tell(do="quit")
        await self._program.end(END_WITHIN_S)
        await self._listener

    def kill(self) -> None:
        """End the process at once."""
        self._program.kill()

    async def _listen(self) -> None:
        async for line in self._program.output:
            with contextlib.suppress(json.JSONDecodeError):
                self._said.put_nowait(json.loads(line))
        self._said.put_nowait({"is": "stopped", "code": 0, "reason": "the phone stopped"})


def phone_server(listening: Iterable[tuple[str, str, int]]) -> str:
    """Return where built-in phones reach an edge that listens there, HOST:PORT.

    Raises PhoneError.
    """
    for transport, host, port in listening:
        if transport == "udp" and ":" not in host:
            return f"{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    raise PhoneError(
        "The built-in phones speak SIP over UDP and IPv4, and this engine listens for none of "
        "it. Add such an address to VOIPNUMBER_SIP_LISTEN."
    )


async def start_phone(settings: PhoneSettings) -> Phone:
    """Start a phone and wait until it is there, and registered if it is to be.

    Raises PhoneError.
    """
    program = await Program.start("callengine.worker.lab.phone", *settings.arguments())
    phone = Phone(settings.user, program)
    try:
        program.input.write(settings.password.encode() + b"\n")
        await _until_there(phone, settings)
    except BaseException:
        phone.kill()
        await phone.stop()
        raise
    return phone


async def _until_there(phone: Phone, settings: PhoneSettings) -> None:
    try:
        fact = await phone.hears("ready")
        phone.port, phone.codecs = fact.get("port", 0), tuple(fact.get("codecs", ()))
        if settings.register and fact["is"] == "ready":
            fact = await phone.hears("registered", "refused")
    except TimeoutError:
        raise PhoneError(
            f"{settings.user} does not reach the server at {settings.server}."
        ) from None
    if fact["is"] == "refused":
        raise PhoneError(f"{settings.user} could not register: {fact['code']} {fact['reason']}.")
    if fact["is"] not in ("ready", "registered"):
        raise PhoneError(f"The phone {settings.user} did not start.")
