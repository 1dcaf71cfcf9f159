"""Messages on their way, a queue for each way: in order, tried again for a while, then dropped."""

import logging
from collections import deque
from dataclasses import dataclass, field

from django.utils import timezone

from dashboard.alerts.message import AlertMessage
from dashboard.alerts.ways import AlertWay
from dashboard.alerts.webhook import NotSentError
from dashboard.models import AlertFailure

logger = logging.getLogger(__name__)

AGAIN_S = 30.0
"Later than this after a failure the next attempt is made."
GIVEN_UP_S = 600.0
"A message that could not be sent for so long is dropped."
MOST_WAITING = 100


@dataclass(slots=True)
class Outgoing:
    """What waits for one way."""

    way: AlertWay
    _waiting: deque[tuple[float, AlertMessage]] = field(default_factory=deque)
    _not_before_s: float = 0.0

    def put(self, now_s: float, message: AlertMessage) -> None:
        """Have it sent; of too many the oldest is dropped."""
        if len(self._waiting) >= MOST_WAITING:
            self._drop()
        self._waiting.append((now_s, message))

    def send(self, now_s: float) -> None:
        """Send what waits, up to the first failure."""
        while self._waiting and now_s >= self._not_before_s:
            put_s, message = self._waiting[0]
            try:
                self.way.send(message)
            except NotSentError as error:
                self._not_before_s = now_s + AGAIN_S
                remember_failure(self.way, str(error))
                if now_s - put_s >= GIVEN_UP_S:
                    self._drop()
                return
            self._waiting.popleft()
            forget_failure(self.way)

    def _drop(self) -> None:
        _, message = self._waiting.popleft()
        logger.warning("an alert was not sent by %s: %s", self.way.name, message.sentence)


def remember_failure(way: AlertWay, text: str) -> None:
    """Have the page of alerts say why a message could not be sent."""
    logger.warning("no alert can be sent by %s: %s", way.name, text)
    values = {"text": text, "at": timezone.now()}
    AlertFailure.objects.update_or_create(way=way.name, defaults=values)


def forget_failure(way: AlertWay) -> None:
    """One could be sent."""
    AlertFailure.objects.filter(way=way.name).delete()
