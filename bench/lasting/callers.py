"""Who calls whom for the hour: SIPps that keep so many calls standing, each for some minutes."""

import re
import socket
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bench import processes, scenarios
from bench.lasting.phones import End
from bench.sipp import Sipp
from bench.switches import HOST, Product, free_port

SHORTEST_MS, LONGEST_MS = 60_000, 240_000
MOST_CALLS = 360
BEGUN_PER_S = 2
"Of each kind, while fewer stand than are to."
DECLINED_EACH_S = 10
DECLINED_CODEC = "PCMA"
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


KINDS = (
    Kind("PCMU", 0.4, marked=True),
    Kind("G722", 0.3),
    Kind("OPUS", 0.2),
    Kind("AMR-WB", 0.1),
)
CALLEES = (*(kind.codec for kind in KINDS), DECLINED_CODEC)


def ends() -> dict[tuple[str, str], End]:
    """Return the media ends of all kinds: (callee's codec, who hears)."""
    made = {}
    for kind in KINDS:
        made[kind.codec, "caller"] = End("PCMU", marked=kind.marked)
        made[kind.codec, "callee"] = End(kind.codec, marked=kind.marked)
    return made


class Mix:
    """All callers and callees; a context manager."""

    def __init__(
        self, product: Product, ports: dict[str, int], media: dict[tuple[str, str], End]
    ) -> None:
        self._product, self._ports, self._media = product, ports, media
        self._stack = ExitStack()
        self._all: list[Sipp] = []
        self.talkers: dict[str, Sipp] = {}
        self.decliner: Sipp
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
        for kind in KINDS:
            media_port = self._media[kind.codec, "callee"].port
            self._callee(kind.codec, scenarios.callee(codec=kind.codec, media_port=media_port))
        self._callee(DECLINED_CODEC, scenarios.decliner())
        for kind in KINDS:
            self._control[kind.codec] = free_port()
            self.talkers[kind.codec] = self._caller(
                kind.codec,
                self._media[kind.codec, "caller"].port,
                l=1,
                r=BEGUN_PER_S,
                cp=self._control[kind.codec],
            )
        self._control[DECLINED_CODEC] = free_port()
        self.decliner = self._caller(
            *(DECLINED_CODEC, 9),
            l=3,
            r=1,
            rp=DECLINED_EACH_S * 1000,
            cp=self._control[DECLINED_CODEC],
        )
        self.asked = len(KINDS)

    def _callee(self, codec: str, scenario: str) -> None:
        self._keep(Sipp(self._product.folder, f"callee-{codec}", scenario, port=self._ports[codec]))

    def _caller(self, codec: str, media_port: int, **more: Any) -> Sipp:
        scenario = scenarios.caller(
            server=self._product.server,
            to=self._product.target(codec),
            media_port=media_port,
            talk_ms=(SHORTEST_MS, LONGEST_MS),
            refusal=486 if codec == DECLINED_CODEC else 0,
        )
        sipp = Sipp(
            self._product.folder,
            f"caller-{codec}",
            scenario,
            port=free_port(),
            server=self._product.server,
            recv_timeout=UNANSWERED_MS,
            trace_err="",
            error_file=self._product.folder / f"caller-{codec}.errors",
            **more,
        )
        return self._keep(sipp)

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
        return sum(sipp.last().get("CurrentCall", 0) for sipp in self.talkers.values())

    def ended(self) -> Counter[str]:
        """Return how many calls ended well, and how many were declined."""
        counts = Counter(talked=0, declined=self.decliner.last().get("SuccessfulCall(C)", 0))
        for sipp in self.talkers.values():
            counts["talked"] += sipp.last().get("SuccessfulCall(C)", 0)
        return counts

    def failed(self) -> Counter[str]:
        """Return how many calls failed, by what SIPp calls the reason."""
        counts: Counter[str] = Counter()
        for sipp in (*self.talkers.values(), self.decliner):
            for name, count in sipp.last().items():
                if re.fullmatch(r"Failed(?!Call\()\w+\(C\)", name) and count:
                    counts[name.removesuffix("(C)")] += count
        return counts

    def unexpected(self) -> Counter[str]:
        """Return how many messages came that a caller did not expect, by what they were."""
        counts: Counter[str] = Counter()
        for file in self._product.folder.glob("caller-*.errors"):
            text = file.read_text(errors="replace")
            counts.update(re.findall(r"received '((?:SIP/2\.0 \d+|[A-Z]+) ?[^\r\n]{0,40})", text))
        return counts
