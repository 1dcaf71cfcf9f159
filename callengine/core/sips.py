"""A sips: call goes over TLS alone, on each leg (RFC 3261 section 26.2.2, RFC 5630). Pure."""

import dataclasses
import re

from callengine.core.plan import PlannedTarget, Wave
from callengine.core.reasons import Rule
from callengine.core.request import NotPlannedError

_OVER_TLS = re.compile(r"sips:|[^?]*;transport=tls(?:[;?]|\Z)", re.IGNORECASE)


def over_tls(waves: tuple[Wave, ...]) -> tuple[tuple[Wave, ...], tuple[str, ...]]:
    """Return the waves with what is reached over TLS alone, and what was left out.

    A voice agent and a browser have no SIP: their websocket is their own matter. Raises
    NotPlannedError if nobody is left of those there were.
    """
    left = [dataclasses.replace(wave, targets=_secure(wave)) for wave in waves]
    kept = tuple(wave for wave in left if wave.targets)
    missing = [target for wave in waves for target in wave.targets if not is_secure(target)]
    if waves and not kept:
        raise NotPlannedError(
            480,
            Rule.SIPS_WITHOUT_TLS,
            f"A sips: address was named, and {missing[0].label} is not reached over TLS. Have it "
            "register or be reached over TLS, or name sip:.",
        )
    names = dict.fromkeys(target.label for target in missing)
    notes = (
        f"{name} was left out where it is not reached over TLS: sips: was named." for name in names
    )
    return kept, tuple(notes)


def _secure(wave: Wave) -> tuple[PlannedTarget, ...]:
    return tuple(target for target in wave.targets if is_secure(target))


def is_secure(target: PlannedTarget) -> bool:
    """Tell whether nobody between can read what is said to a target."""
    if target.agent or target.browser:
        return True
    if target.flow:
        return target.flow.startswith("tls:")
    return _OVER_TLS.match(target.uri) is not None
