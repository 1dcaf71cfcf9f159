"""The six worked examples, as the demo phones play them, and the call to the voice agent."""

from dataclasses import dataclass

STRANGER = "stranger"
"The caller from outside: it does not register and has no account."
GATEWAY = "gateway"
"The carrier's gateway: it does not register either; the trunk points at it."


@dataclass(frozen=True, slots=True)
class Example:
    """One row of the table; no `leg_a` means declined with 488 and nobody rung."""

    number: int
    title: str
    caller: str
    callee: str
    dialled: str
    offer: tuple[str, ...]
    leg_a: str | None
    leg_b: str | None

    @property
    def label(self) -> str:
        """Which of all calls it is."""
        return f"Example {self.number}, {self.title}"

    @property
    def expected(self) -> str:
        """What should be seen, in the words of `Outcome`."""
        return f"A {self.leg_a}, B {self.leg_b}" if self.leg_a else "declined with 488"


@dataclass(frozen=True, slots=True)
class AgentCall:
    """A phone's call to the voice agent; the agent is no phone, so one leg alone is seen."""

    caller: str
    dialled: str
    offer: tuple[str, ...]
    leg_a: str
    label: str = "The call to the voice agent"

    @property
    def expected(self) -> str:
        """What should be seen."""
        return f"A {self.leg_a}"


_OFFER = ("OPUS", "G722", "PCMA")
EXAMPLES = (
    Example(
        1, "from outside to Bob", STRANGER, "demo-bob", "demo-bob", _OFFER, "OPUS", "G722"
    ),
    Example(
        2, "from outside to Dora, who forces", STRANGER, "demo-dora", "demo-dora", _OFFER,
        "G722", "G722",
    ),
    Example(
        3, "the same, OPUS alone", STRANGER, "demo-dora", "demo-dora", ("OPUS",), None, None
    ),
    Example(
        4, "Alice to Bob", "demo-alice", "demo-bob", "demo-bob", _OFFER, "OPUS", "G722"
    ),
    Example(
        5, "Alice to Dora, who forces", "demo-alice", "demo-dora", "demo-dora", _OFFER,
        "G722", "G722",
    ),
    Example(
        6, "Carol through a trunk", "demo-carol", GATEWAY, "+441632960961", _OFFER,
        "G722", "G722",
    ),
)  # fmt: skip
AGENT_CALL = AgentCall("demo-carol", "+12025550177", _OFFER, "PCMA")
