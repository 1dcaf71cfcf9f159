"""Who calls whom for the hour: SIPps that keep so many calls standing, each for some minutes."""

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench import processes, scenarios
from bench.lasting.phones import End
from bench.sipp import Sipp
from bench.switches import HOST, Product, free_port

MOST_CALLS = 360
DECLINED_CODEC = "PCMA"
TALKING_ROWS = 3
"Calls that talk for each that is declined."
UNANSWERED_MS = 20_000
"A caller who hears nothing for so long has failed; it must not stand for ever."


@dataclass(frozen=True, slots=True)
class Kind:
    """Callers with PCMU who call one callee again and again."""

    codec: str
    "The callee's."
    share: float
    "Of the calls that stand."
    marked: bool = False
    "Whether frames pass unchanged."
    some_declined: bool = False
    "Whether a call of these now and then goes to one who is busy."


KINDS = (
    Kind("PCMU", 0.4, marked=True, some_declined=True),
    Kind("G722", 0.3),
    Kind("OPUS", 0.2),
    Kind("AMR-WB", 0.1),
)
CALLEES = (*(kind.codec for kind in KINDS), DECLINED_CODEC)
"One SIPp answers for all, at one port."


def ends() -> dict[tuple[str, str], End]:
    """Return the media ends of all kinds: (callee's codec, who hears)."""
    made = {}
    for kind in KINDS:
        made[kind.codec, "caller"] = End("PCMU", marked=kind.marked)
        made[kind.codec, "callee"] = End(kind.codec, marked=kind.marked)
    return made


@dataclass(frozen=True, slots=True)
class Pace:
    """How long calls talk, and how fast they follow each other."""

    name: str
    talk_ms: tuple[int, int]
    "The shortest and the longest."
    begun_per_s: int
    "Of each kind, while fewer stand than are to."


HOUR = Pace("caller", (60_000, 240_000), 2)
RIPENING = Pace("early", (11_000, 13_000), 2)
"Call processes have many calls, soon."


@contextmanager
def callees(product: Product, port: int, media: dict[tuple[str, str], End]) -> Iterator[Sipp]:
    """Have one SIPp answer for all."""
    answers = scenarios.callee_of_all(
        {kind.codec: media[kind.codec, "callee"].port for kind in KINDS}, declined=DECLINED_CODEC
    )
    sipp = Sipp(product.folder, "callee", answers, port=port)
    try:
        yield sipp
    finally:
        processes.end(sipp.process, timeout_s=0.5)


class Mix:
    """All callers; a context manager."""

    def __init__(
        self, product: Product, media: dict[tuple[str, str], End], pace: Pace = HOUR
    ) -> None:
        self._product, self._media, self._pace = product, media, pace
        self._stack = ExitStack()
        self._all: list[Sipp] = []
        self.callers: dict[str, Sipp] = {}
        self._control: dict[str, int] = {}
        self.asked = 0
        "How many calls are to stand."

    def __enter__(self) -> "Mix":
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _begin(self) -> None:
        folder, server = self._product.folder, self._product.server
        for kind in KINDS:
            name = f"{self._pace.name}-{kind.codec}"
            targets = folder / f"targets-{name}"
            declined = (DECLINED_CODEC,) if kind.some_declined else ()
            rows = (*(kind.codec,) * TALKING_ROWS, *declined)
            targets.write_text(scenarios.targets_file(map(self._product.target, rows)))
            control = self._control[kind.codec] = free_port()
            scenario = scenarios.caller(
                server=server,
                to="[field0]",
                media_port=self._media[kind.codec, "caller"].port,
                talk_ms=self._pace.talk_ms,
                refusal=486 if kind.some_declined else 0,
            )
            caller = Sipp(
                *(folder, name, scenario),
                port=free_port(),
                server=server,
                inf=targets,
                cp=control,
                l=1,
                r=self._pace.begun_per_s,
                recv_timeout=UNANSWERED_MS,
                trace_err="",
                error_file=folder / f"{name}.errors",
            )
            self.callers[kind.codec] = self._keep(caller)
        self.asked = len(KINDS)

    def _keep(self, sipp: Sipp) -> Sipp:
        self._stack.callback(processes.end, sipp.process, timeout_s=0.5)
        self._all.append(sipp)
        return sipp

    def hold(self, calls: int) -> None:
        """Have so many calls stand from now on; those above end by themselves."""
        self.asked = min(calls, MOST_CALLS)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for kind in KINDS:
                most = max(1, round(self.asked * kind.share))
                words = f"cset limit {most}"
                control.sendto(words.encode(), (HOST, self._control[kind.codec]))

    def no_more(self) -> None:
        """Begin no more calls."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for port in self._control.values():
                control.sendto(b"cset rate 0", (HOST, port))

    def gone(self) -> list[str]:
        """Return the scenarios of those that have ended."""
        return [sipp.name for sipp in self._all if sipp.process.poll() is not None]

    def standing(self) -> int:
        """Return how many calls stand, or are being set up; as of a second ago."""
        return sum(sipp.last().get("CurrentCall", 0) for sipp in self.callers.values())

    def ended(self) -> int:
        """Return how many calls ended as they should: talked, or were declined."""
        return sum(sipp.last().get("SuccessfulCall(C)", 0) for sipp in self.callers.values())

    def failed(self) -> Counter[str]:
        """Return how many calls failed, by what SIPp calls the reason."""
        counts: Counter[str] = Counter()
        for sipp in self.callers.values():
            for name, count in sipp.last().items():
                if re.fullmatch(r"Failed(?!Call\()\w+\(C\)", name) and count:
                    counts[name.removesuffix("(C)")] += count
        return counts

    def unexpected(self) -> Counter[str]:
        """Return how many messages came that a caller did not expect, by what they were."""
        counts: Counter[str] = Counter()
        for file in self._product.folder.glob(f"{self._pace.name}-*.errors"):
            text = file.read_text(errors="replace")
            counts.update(re.findall(r"received '((?:SIP/2\.0 \d+|[A-Z]+) ?[^\r\n]{0,40})", text))
        return counts
