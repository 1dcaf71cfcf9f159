"""What a list would have made of past calls, in the picker's words. Pure."""

from dataclasses import dataclass

from callengine.core.hindsight import Future, Hindsight, Retold

_WORDS = {
    Hindsight.PLAIN: "not transcoded",
    Hindsight.TRANSCODED: "transcoded",
    Hindsight.DECLINED: "declined",
}


@dataclass(frozen=True, slots=True)
class FutureCount:
    """How many calls are something by the list as it is saved, and by the one that is shown."""

    before: int
    after: int
    word: str

    @property
    def differs(self) -> bool:
        """Whether the list changes it."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class RetoldLine:
    """One call that would have become something else."""

    one: Retold
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class FutureView:
    """What stands below a list."""

    calls: str
    "`the last 100 calls to Alice`; empty if there is none to tell of."
    counts: tuple[FutureCount, ...]
    lines: tuple[RetoldLine, ...]
    untold: int
    is_trial: bool
    "Whether the list that is shown is another than the one that is saved."


def present_future(future: Future, *, calls: str, is_agent: bool, is_trial: bool) -> FutureView:
    """Return what a future says; `calls` is such as `{count} to Alice`."""
    told = len(future.told)
    verdicts = (Hindsight.DECLINED,) if is_agent else (Hindsight.TRANSCODED, Hindsight.DECLINED)
    count = "the last call" if told == 1 else f"the last {told} calls"
    return FutureView(
        calls=calls.replace("{count}", count) if told else "",
        counts=tuple(FutureCount(*future.count(one), _WORDS[one]) for one in verdicts),
        lines=tuple(
            RetoldLine(one, _WORDS[one.before], _WORDS[one.after]) for one in future.changed
        ),
        untold=future.untold,
        is_trial=is_trial,
    )
