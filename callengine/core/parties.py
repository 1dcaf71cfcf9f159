"""Which leg of a call is the caller's and which the callee's, transferred or not. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from callengine.core.snapshot import LegSnapshot

CALLER = "A"
"Name of the caller's leg; the others are B, B2, B3 ... in the order they were dialled."


class CallLegs(NamedTuple):
    """The legs of a call, told apart."""

    caller: LegSnapshot | None
    callee: LegSnapshot | None
    others: list[LegSnapshot]
    "Legs that were rung and are not the callee's, in the order they were dialled."

    @property
    def codecs(self) -> tuple[str | None, str | None]:
        """Catalogue names of the codecs the caller and the callee use; None: not known yet."""
        return (
            (self.caller and self.caller["codec"]) or None,
            (self.callee and self.callee["codec"]) or None,
        )


def who(leg: str, label: str, *, at_start: bool = False) -> str:
    """Return what a sentence calls the party of a leg; it holds whoever talks to whom by now.

    `label` is whom we rang there, empty if nobody says so. "The callee" is nobody's name: of two
    that were rung both may talk, once the caller has transferred the first, and many may ring.
    """
    if leg == CALLER:
        return "The caller" if at_start else "the caller"
    return label or f"{'Leg' if at_start else 'leg'} {leg}"


def leg_order(name: str) -> tuple[int, str]:
    """Return what sorts leg names in the order of dialling: B2 before B10."""
    return len(name), name


def parties(legs: Iterable[LegSnapshot], near: str = CALLER) -> CallLegs:
    """Tell a call's legs apart, whatever their order.

    `near` is whose place is the caller's: another's, once the caller has transferred its callee.

    Only legs the caller has heard have a codec, or an address of their audio if they are voice
    agents; so the last with one is the callee: a transfer or a forwarding adds it behind those
    before. While none has, the first that was rung stands in.
    """
    ordered = sorted(legs, key=lambda leg: leg_order(leg["name"]))
    caller = next((leg for leg in ordered if leg["name"] == near), None)
    rung = [leg for leg in ordered if leg is not caller and leg["name"] != CALLER]
    heard = (leg for leg in reversed(rung) if leg["codec"] or leg["remote"])
    callee = next(heard, rung[0] if rung else None)
    others = [leg for leg in ordered if leg is not caller and leg is not callee]
    return CallLegs(caller, callee, others)
