"""One INVITE as calls are planned for it, and why it may come to nothing."""

from dataclasses import dataclass, field

from callengine.core.directory import Source
from callengine.core.numberrules import Vouched
from callengine.core.obstacles import Obstacle
from callengine.core.permissions import Denial, Holder
from callengine.core.reasons import Rule

THE_CALLER = "The caller"


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One INVITE that passed authentication."""

    call: str
    call_id: str
    from_user: str
    from_name: str
    to_user: str
    offered: tuple[str, ...] | None
    max_forwards: int
    source: Source
    obstacle: tuple[Obstacle, str] | None = None
    "Why nothing can be made of the offer, whatever its codecs."
    encrypted: str = ""
    "Why the caller's audio must be encrypted, so that no voice agent can take the call."
    who: str = THE_CALLER
    "What words call whoever is connected with the destination."
    acts_for: Source | None = None
    "Whose rights and limits hold instead of the source's: a callee that forwards."
    is_sips: bool = False
    "Whether a sips: URI was dialled, so that each leg has to be one over TLS."
    claimed: str = ""
    "What the caller's device wrote into From, where `from_user` and `from_name` differ."
    vouched: Vouched = field(default_factory=Vouched)
    "Who calls, for trunks that may know it, and what goes with the call."
    notes: tuple[str, ...] = ()
    "For the timeline, before anything the planner has to say."

    @property
    def party(self) -> Source:
        """Whose rights and limits hold."""
        return self.acts_for or self.source


class NotPlannedError(Exception):
    """Nobody can be rung there: the SIP code, the rule, and what to do."""

    def __init__(
        self, code: int, rule: Rule, advice: str, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(advice)
        self.code, self.rule, self.advice = code, rule, advice
        self.retry_after_s = retry_after_s

    @classmethod
    def by(cls, holder: Holder, denial: Denial) -> "NotPlannedError":
        """Return the refusal of whoever objects."""
        advice = denial.sentence(holder.name)
        again_s = denial.retry_after_s
        return cls(denial.code, denial.rule, advice, retry_after_s=again_s)
