"""What pages and engines say to each other about the test of a trunk.

A page finds an engine for it as the codec lab does (`notices.lab`) and orders there. The engine
tells the test's group all steps so far whenever one changes, and whenever a page asks for them: one
that joins late has missed nothing.
"""

from dataclasses import dataclass

from callengine.core.trials import TrunkTrialStep
from callengine.notices.wire import command, notice


@command("trunk-try")
@dataclass(frozen=True, slots=True)
class TryTrunk:
    """Test a trunk; sent to the engine that offered to."""

    reply: str
    "A channel that is told once all is over, too."
    trial: str
    "The page's key of the test, 32 hexadecimal digits."
    trunk: str
    "The trunk's name."
    number: str
    "What is called over it; empty: nothing, its gateways alone are asked."
    by: str
    "Name of the user who pressed the button."


@command("trial-wanted")
@dataclass(frozen=True, slots=True)
class TrialWanted:
    """Somebody looks at a test: tell its group of it, also if it is over."""

    trial: str
    "The page's key of the test, 32 hexadecimal digits."


@notice("trunk.trial")
@dataclass(frozen=True, slots=True)
class TrialTold:
    """A test as far as it has come."""

    trial: str
    steps: list[TrunkTrialStep]
    is_over: bool
