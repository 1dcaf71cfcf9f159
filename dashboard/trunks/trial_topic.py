"""The test of a trunk, live: what the engine tells of it, made HTML."""

import uuid
from collections.abc import Collection, Iterator

from django.template.loader import render_to_string

from callengine.notices import groups
from callengine.notices.trials import TrialTold, TrialWanted
from callengine.notices.wire import Reader
from dashboard.live.asking import Asking
from dashboard.live.consumers import LivePage
from dashboard.live.outbox import Fragment
from dashboard.live.topics import Topic
from dashboard.trunks.presenters import present_steps


class TrialTopic(Topic):
    """One test; its engine is asked for all steps, however late somebody joins."""

    reader = Reader(TrialTold)

    def __init__(self, trial: uuid.UUID) -> None:
        name = groups.trial_group(trial)
        super().__init__(name, name)
        self._told: TrialTold | None = None
        self._asks = Asking(TrialWanted(trial.hex))

    async def load(self) -> None:
        """Ask for the steps so far: all may have been told before."""
        self._asks.ask()

    def tick(self) -> None:
        """Ask again while it is not known to be over."""
        if self._told is None or not self._told.is_over:
            self._asks.ask()

    def hear(self, told: TrialTold) -> None:
        """Take the steps so far."""
        if told != self._told:
            self._told, self.changed = told, True

    def fragments(self) -> Iterator[Fragment]:
        """Yield all steps: they are few."""
        self.changed = False
        yield from self.stands(())

    def stands(self, named: Collection[str]) -> Iterator[Fragment]:
        """Yield the steps so far, if any was told."""
        if self._told is not None:
            steps = present_steps(self._told.steps)
            context = {"steps": steps, "is_over": self._told.is_over, "oob": True}
            yield Fragment("trial", render_to_string("trunks/_trial_steps.html", context))


class TrialConsumer(LivePage):
    """The page of a trunk that is tested."""

    permission = "callengine.add_call"

    def topics(self) -> tuple[Topic, ...]:
        """Return the test alone: its page has another websocket, which tells of the engine."""
        return (self.topic(),)

    def topic(self) -> Topic:
        """Return the test of the address."""
        return TrialTopic(self.scope["url_route"]["kwargs"]["trial"])
