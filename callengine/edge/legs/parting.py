"""What a peer's requests inside a dialog say besides: told to the other parties, put on record.

A trunk's header rules hold for all its peer says in a call, not for the first INVITE alone. Only a
BYE and a CANCEL go on to the other party, so only theirs are passed on to it, and those of a REFER
to whoever is rung; with the end of a call goes why it ends (Reason, RFC 3326), which carriers and
phones that were rung want to know.
"""

import time
from collections.abc import Callable

from callengine.edge.interface import LegAnchor
from callengine.edge.legs.table import AnchoredLeg, LegTable
from callengine.edge.messages.grammar import parse_params, read_number, split_quoted
from callengine.edge.messages.message import Headers
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean
from sip.headerrules import HeaderRule, passed_on, put_on_record, read_header_rule

PARTING_S = 2.0
"How long after a party has left the others may be told by what words."
MAX_REASONS = 4
MAX_TEXT_CHARACTERS = 64
MAX_HEARD_CHARACTERS = 256
_PROTOCOLS = {"sip": "SIP", "q.850": "Q.850"}
_NORMAL = ("SIP;cause=200", "Q.850;cause=16")
_LAST = ("BYE", "CANCEL")


class Parting:
    """Hears them, leg by leg; `note` is told of what stands on record, in words."""

    def __init__(self, legs: LegTable, note: Callable[[LegAnchor, str], None]) -> None:
        self._legs = legs
        self._note = note

    def hear(self, leg: AnchoredLeg, request: Received) -> None:
        """Take what a peer's request says."""
        rules, heard = _heard(leg, request)
        said = [f"{name}: {value}" for name, value in put_on_record(rules, heard)]
        if request.method in _LAST:
            reasons = reasons_of(request)
            headers = kept_headers(leg, request)
            headers += [("reason", reason) for reason in reasons]
            until = time.monotonic() + PARTING_S
            for other in self._legs.of_call(leg.anchor.call):
                if other is not leg:
                    other.parting = until, headers
            said += [f"Reason: {why}" for why in reasons if not why.startswith(_NORMAL)]
        if said:
            self._note(leg.anchor, f"said in its {request.method}: {'; '.join(said)}")


def _heard(leg: AnchoredLeg, request: Received) -> tuple[list[HeaderRule], dict[str, str]]:
    rules = [read_header_rule(text) for text in leg.anchor.header_rules]
    names = {rule.name.lower() for rule in rules}
    return rules, {name: clean(request.get(name), MAX_HEARD_CHARACTERS) for name in names}


def kept_headers(leg: AnchoredLeg, request: Received) -> Headers:
    """Return what of a request goes on, by the rules of the trunk that its peer is behind."""
    rules, heard = _heard(leg, request)
    kept = passed_on((rule for rule in rules if rule.what == "keep"), heard)
    return [(name.lower(), value) for name, value in kept]


def parting_headers(leg: AnchoredLeg) -> Headers:
    """Return what the other party has just left with, for the peer of this leg."""
    until, headers = leg.parting
    return headers if time.monotonic() < until else []


def reasons_of(request: Received) -> list[str]:
    """Return why a peer ends a call (RFC 3326), written anew; what cannot be read is left out."""
    reasons = []
    for value in request.values("reason")[:MAX_REASONS]:
        protocol, *rest = split_quoted(value, ";")
        params = parse_params(rest)
        name = _PROTOCOLS.get(protocol.strip().lower())
        cause = read_number(params.get("cause") or "", most=999)
        if name is None or cause is None:
            continue
        text = clean(params.get("text") or "", MAX_TEXT_CHARACTERS)
        text = text.replace("\\", "/").replace('"', "'")
        reasons.append(f"{name};cause={cause}" + (f';text="{text}"' if text else ""))
    return reasons
