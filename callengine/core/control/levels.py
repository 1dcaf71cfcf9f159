"""What the engine and a call process say to each other of how loud the parties are. Pure."""

from dataclasses import dataclass
from typing import Annotated

from callengine.core.control.words import LegName
from callengine.core.shapes import Within

LISTEN_S = 12.0
"How long levels are told once they are asked for; who still looks asks again before that."


@dataclass(frozen=True, slots=True)
class MeasureLevels:
    """Somebody looks at the call: tell for so long how loud its parties are."""

    call: str
    for_s: Annotated[float, Within(0, 60)]


@dataclass(frozen=True, slots=True)
class LevelsMeasured:
    """How loud each leg's party is now: 0 is silence, 1 full scale, on a logarithmic scale.

    Without the legs of which that is not known, such as one that has no audio yet.
    """

    legs: dict[LegName, Annotated[float, Within(0, 1)]]
