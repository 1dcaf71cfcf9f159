"""One codec on both legs, where a call is to avoid transcoding and their lists allow it."""

from collections.abc import Callable, Mapping

from audiocodecs.negotiation import negotiate
from callengine.core.orders import LegOrder
from callengine.core.parties import CALLER
from callengine.worker.legs.party import Party

Note = Callable[[str, str, str], None]


class OneCodec:
    """Decides, when the caller's leg is first described to it, whether it takes the callee's codec.

    By then the callee has answered, or has described the audio it sends before. An INVITE without
    an offer is left to the usual rule: our list goes out in its own order.
    """

    def __init__(self, legs: Mapping[str, Party], note: Note) -> None:
        self._legs = legs
        self._note = note
        self._asked: set[str] = set()
        self._is_described = False

    def add(self, order: LegOrder) -> None:
        """Take a leg that is about to be dialled."""
        if order.avoids_transcoding:
            self._asked.add(order.name)

    def describe(self, callee: str) -> None:
        """Prepare the answer to the caller, who is going to talk to this leg, or to hear it."""
        if self._is_described:
            return
        self._is_described = True
        caller, leg = self._legs[CALLER], self._legs.get(callee)
        if leg is None or callee not in self._asked or not caller.offered:
            return
        codec = negotiate(leg.allowed, leg.offered).codec
        first = negotiate(caller.allowed, caller.offered).codec
        matched = negotiate(caller.allowed, caller.offered, other=codec).codec
        if codec is None or first == matched:
            return
        caller.prefer(codec)
        text = f"Matched: {codec} on both legs, so nothing is transcoded; {first} would have been "
        text += "first."
        self._note("matched", CALLER, text)
