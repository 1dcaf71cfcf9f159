"""Descriptors of parties that have sockets of their own, waited for together with pjsip's."""

import selectors
from collections.abc import Callable

PJSIP_TIMERS_MS = 20
"How long is waited at a time: when the next timer of a transaction is due, only pjsip knows."


class Descriptors:
    """What to call when which descriptor can be read."""

    def __init__(self, pjsip: int) -> None:
        """`pjsip` is the descriptor on which pjsip receives, which ends a wait as well."""
        # It opens no descriptor of its own, unlike epoll.
        self._selector = selectors.PollSelector()
        self._selector.register(pjsip, selectors.EVENT_READ)

    def __bool__(self) -> bool:
        """Tell whether there is any besides pjsip's."""
        return len(self._selector.get_map()) > 1

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call `ready` on the call's thread whenever a descriptor can be read."""
        self._selector.register(descriptor, selectors.EVENT_READ, ready)

    def unwatch(self, descriptor: int) -> None:
        """Forget a descriptor, before it is closed."""
        self._selector.unregister(descriptor)

    def wait(self, timeout_ms: int) -> None:
        """Wait, at most PJSIP_TIMERS_MS; tell whoever's descriptor can be read."""
        for key, _ in self._selector.select(min(timeout_ms, PJSIP_TIMERS_MS) / 1000):
            if key.data is not None:
                key.data()
