"""The product and its peers in turns, and the rows of figures that come of it."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from bench.peers import PEERS, able
from bench.switches import Product, Switch

NAME_WIDTH, WIDTH = 46, 20


@dataclass(slots=True)
class Row:
    """One figure of every switch, by its name: a value for each round that could be measured."""

    name: str
    goal: float
    at_least: bool = False
    "Whether the goal is the least that is wanted, not the most."
    digits: int = 0
    compares: bool = True
    "Whether a ratio says anything."
    values: dict[str, list[float]] = field(default_factory=dict)

    def note(self, switch: Switch, value: float) -> None:
        """Add a round's value; one that is not a number was not measured."""
        if value == value:
            self.values.setdefault(switch.name, []).append(value)

    def middle(self, name: str) -> float | None:
        """Return the median of a switch's rounds."""
        rounds = self.values.get(name)
        return statistics.median(rounds) if rounds else None

    @property
    def missed(self) -> bool:
        """Whether the product does not keep to the goal, or was not measured."""
        ours = self.middle(Product.name)
        if ours is None:
            return True
        return ours < self.goal if self.at_least else ours > self.goal

    def line(self) -> str:
        """Return ours, each peer, the ratio to the best of them, the goal and how many rounds."""
        ours = self.middle(Product.name)
        peers = [self.middle(peer.name) for peer in PEERS]
        measured = [value for value in peers if value is not None]
        best = (max if self.at_least else min)(measured, default=None)
        ratio = f"{ours / best:.2f}" if self.compares and ours is not None and best else "-"
        goal = f"{'>=' if self.at_least else '<='} {self._text(self.goal)}"
        cells = [self._text(ours) + (" (!)" if self.missed else ""), *map(self._text, peers)]
        rounds = str(len(self.values.get(Product.name, ())))
        return _line(self.name, *cells, ratio, goal, rounds)

    def _text(self, value: float | None) -> str:
        return "-" if value is None else f"{value:,.{self.digits}f}"


def heading() -> str:
    """Return the line above the rows."""
    names = [Product.name, *(peer.name for peer in PEERS)]
    return _line("median of the rounds", *names, "ratio to best", "goal", "rounds")


def _line(name: str, *cells: str) -> str:
    *wide, ratio, goal, rounds = cells
    figures = "".join(f"{cell:>{WIDTH}}" for cell in wide)
    return f"{name:<{NAME_WIDTH}}{figures}{ratio:>15}{goal:>11}{rounds:>8}"


@dataclass(frozen=True, slots=True)
class Run:
    """What all rows of a run have in common."""

    product: Product
    ports: dict[str, int]
    "Where the callee of each codec listens."
    rounds: int
    few: int
    "Rounds of what takes a minute or more each."
    calls: int
    "Up at once, where it is not their number that is measured."
    seconds: float
    "That calls talk."
    began: float = field(default_factory=time.monotonic)

    def turns(
        self,
        codec: str,
        rounds: int,
        measure: Callable[[Switch, int], str],
        *,
        only: Callable[[type[Switch]], bool] = lambda _: True,
    ) -> None:
        """Have `measure` note each switch's figures, in turns; print what it says of each.

        It is given the switch and the port of the callee. One that fails is told, and goes without.
        """
        port = self.ports[codec]
        for number in range(1, rounds + 1):
            kinds: list[type[Switch]] = [Product, *able(codec)]
            for kind in filter(only, kinds):
                try:
                    with self._opened(kind, codec, port) as switch:
                        said = measure(switch, port)
                except (RuntimeError, OSError, ValueError) as error:
                    said = f"failed: {str(error).splitlines()[0]}"
                minutes, seconds = divmod(round(time.monotonic() - self.began), 60)
                where = f"{minutes:>3}:{seconds:02}  {codec:>6} {number}/{rounds}"
                print(f"{where}  {kind.name:>18}  {said}", flush=True)

    def _opened(self, kind: type[Switch], codec: str, port: int) -> AbstractContextManager[Switch]:
        peers = (peer for peer in PEERS if peer is kind)
        return next((peer(codec, port) for peer in peers), nullcontext(self.product))


def climb(rates: Sequence[int], at: int, holds: Callable[[int], bool]) -> int:
    """Return the index of the highest rate that holds, searched from one on; -1 if none does."""
    if holds(rates[at]):
        while at + 1 < len(rates) and holds(rates[at + 1]):
            at += 1
        return at
    while at > 0:
        at -= 1
        if holds(rates[at]):
            return at
    return -1
