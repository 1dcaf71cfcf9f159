"""What was held back unread, counted by source and told once a minute. Pure; times in seconds."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from callengine.core.outcomes import Rejection
from callengine.core.reasons import Rule

MAX_SOURCES = 500
REPORT_S = 60.0
MANY = "many sources"
"In place of an address, where it is not the fault of one."

ADVICE = {
    Rule.FLOODING: (
        "that source sends more than one may. If it is a carrier or a proxy of yours, put it on a "
        "trunk's access list or raise the limit; otherwise stop it at the firewall."
    ),
    Rule.CROWDED_OUT: (
        "all unknown sources together send more than this engine reads of them. Known ones are "
        "not touched; stop the flood at the firewall, or let those sources register."
    ),
    Rule.BANNED: "that source is banned; the page of refusals shows until when, and lifts it.",
}
"Rule -> why a message was held back, and what to do."


@dataclass(slots=True)
class _Count:
    since: float
    due: float
    messages: int = 0
    invites: int = 0


class HeldBack:
    """Counts by source and rule, for a bounded number of them."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, Rule], _Count] = OrderedDict()
        self._unlisted = _Count(0.0, 0.0)

    def note(self, source: str, rule: Rule, now: float, *, is_invite: bool) -> None:
        """Count a message of a source that a rule held back; `now` in steady seconds."""
        count = self._counts.get((source, rule))
        if count is None:
            if len(self._counts) >= MAX_SOURCES:
                count = self._unlisted
            else:
                count = self._counts[source, rule] = _Count(now, now)
        count.messages += 1
        count.invites += is_invite

    def lines(self, now: float) -> Iterator[Rejection]:
        """Yield one rejection for each source and rule, at once and from then on once a minute."""
        for key, count in [item for item in self._counts.items() if item[1].due <= now]:
            if count.messages:
                yield _line(*key, count, now)
                self._counts[key] = _Count(now, now + REPORT_S)
            else:
                del self._counts[key]
        if self._unlisted.messages and self._unlisted.due <= now:
            yield _line(MANY, Rule.CROWDED_OUT, self._unlisted, now)
            self._unlisted = _Count(now, now + REPORT_S)


def _line(source: str, rule: Rule, count: _Count, now: float) -> Rejection:
    within_s = max(round(now - count.since), 1) if count.since else round(REPORT_S)
    many = "One message" if count.messages == 1 else f"{count.messages} messages"
    invites = f", {count.invites} of them INVITEs," if count.invites else ""
    return Rejection(
        source_address=source,
        user="",
        method="INVITE" if count.invites == count.messages else "",
        code=0,
        rule=rule,
        advice=(
            f"{many}{invites} from {source} within {within_s} s went unread and unanswered (over "
            f"TCP they were made to wait): {ADVICE[rule]}"
        ),
    )
