"""What was measured, and how busy the machine was meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import processes


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: str
    unit: str
    load: float = field(default_factory=processes.load)
    "Load average of the last minute as it was measured."


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines of columns."""
    name = max(len(figure.name) for figure in figures)
    value = max(len(figure.value) for figure in figures)
    lines = [
        f"{figure.name:<{name}}  {figure.value:>{value}} {figure.unit:<34}  load {figure.load:.1f}"
        for figure in figures
    ]
    return "\n".join(line.rstrip() for line in lines)
