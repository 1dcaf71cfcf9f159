"""A thread of each web process that has somewhere to send alerts: it looks, and tells."""

import logging
import threading
import time

from django.db import connection
from django.utils import timezone

from dashboard.alerts.hysteresis import Hysteresis
from dashboard.alerts.outgoing import Outgoing
from dashboard.alerts.rounds import look
from dashboard.alerts.ways import ways

logger = logging.getLogger(__name__)

EVERY_S = 10.0


def start() -> threading.Thread | None:
    """Begin, if there is somewhere to send alerts; None: there is not. It ends with the process."""
    queues = [Outgoing(way) for way in ways()]
    if not queues:
        return None
    thread = threading.Thread(target=_watch, args=(queues,), name="alerts", daemon=True)
    thread.start()
    return thread


def _watch(queues: list[Outgoing]) -> None:
    hysteresis = Hysteresis()
    while True:
        time.sleep(EVERY_S)
        try:
            one_round(hysteresis, queues)
        except Exception:
            # What was counted of this moment is not known: the time of each begins anew.
            hysteresis = Hysteresis()
            logger.warning("alerts could not be looked for; again soon", exc_info=True)
        finally:
            connection.close()


def one_round(hysteresis: Hysteresis, queues: list[Outgoing]) -> None:
    """Look once, and send what is to be told. Raises what the database raises."""
    now_s = time.monotonic()
    for message in look(hysteresis, now_s=now_s, now=timezone.now()):
        for queue in queues:
            queue.put(now_s, message)
    for queue in queues:
        queue.send(now_s)
