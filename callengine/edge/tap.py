"""Where messages between peers and the edge are shown to whoever records calls."""

import contextlib
from collections.abc import Callable, Iterator

from callengine.edge.flow import Flow

Observer = Callable[[str | None, str, str, bytes], None]
"Take the leg's token (None: no leg yet), `in` or `out`, flow, and bytes; called inline, be quick."
Show = Callable[[str | None, str, Flow, bytes], None]
_Passing = tuple[str | None, str, Flow, bytes]


class Tap:
    """Shows each message to one observer, in the order a reader expects."""

    def __init__(self) -> None:
        self.observer: Observer | None = None
        self._held_back: list[_Passing] | None = None

    def show(self, token: str | None, direction: str, flow: Flow, data: bytes) -> None:
        """Show one message, now or once what is being answered was shown."""
        if self.observer is None:
            return
        if self._held_back is not None:
            self._held_back.append((token, direction, flow, data))
        else:
            self.observer(token, direction, str(flow), data)

    @contextlib.contextmanager
    def showing_later(self) -> Iterator[Show]:
        """Hold back what is shown until the block ends: what was answered comes before its answer.

        Yields the way to show the message being answered, whose call is known only then.
        """
        later: list[_Passing] = []
        first: list[_Passing] = []
        self._held_back = later
        try:
            yield lambda *message: first.append(message)
        finally:
            self._held_back = None
            for message in (*first, *later):
                self.show(*message)
