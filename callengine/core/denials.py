"""Why a call may not be made, or not now, or not for longer: the rules of permissions. Pure.

A call through a trunk needs two to allow it: whoever calls, and the trunk. The number that counts
is the one that was dialled and the one the carrier is sent; the stricter reading of both holds.
"""

import dataclasses
from collections.abc import Iterable

from callengine.core.permissions import Denial, Holder, LongestCall, Permissions, Usage
from callengine.core.plan import Wave
from callengine.core.reasons import Rule
from numbering.countries import Reading, readings


def number_denial(holder: Holder, numbers: Iterable[str], home: str) -> Denial | None:
    """Return why a party may not have these numbers called, the ones dialled and sent."""
    may = holder.permissions
    for number in dict.fromkeys(numbers):
        read = readings(number, home)
        says = f"{number} is" if len(read) == 1 else f"{number} can be read as one that is"
        for reading in read:
            if reading.is_international and not _may_abroad(may, reading):
                return _abroad(may, says, reading, home)
            if reading.is_premium and not may.premium_rate:
                return Denial(
                    403,
                    Rule.PREMIUM_RATE_FORBIDDEN,
                    f"may not be used for premium-rate numbers, and {says} premium-rate",
                    "Allow premium-rate numbers among its permissions if it should.",
                )
    return None


def _may_abroad(may: Permissions, reading: Reading) -> bool:
    if may.international == "listed":
        return reading.country in may.countries
    return may.international == "all"


def _abroad(may: Permissions, says: str, reading: Reading, home: str) -> Denial:
    where = f"in {reading.country}" if reading.country else "in no country that could be listed"
    mend = "Set international calls among its permissions to any country"
    if reading.country:
        mend += f", or to those listed with {reading.country} among them"
    if not home:
        mend += ". No home country is set, so every country is abroad: set it under Settings"
    if may.international == "listed":
        listed = ", ".join(may.countries)
        return Denial(
            403,
            Rule.COUNTRY_FORBIDDEN,
            f"may be used for calls abroad to {listed} only, and {says} {where}",
            f"{mend}.",
        )
    return Denial(
        403,
        Rule.INTERNATIONAL_FORBIDDEN,
        f"may not be used for calls abroad, and {says} {where}",
        f"{mend}.",
    )


def rate_denial(holder: Holder, usage: Usage) -> Denial | None:
    """Return why a party may begin no call in this second."""
    limit, begun = holder.permissions.calls_per_second, usage.last_second.get(holder.label, 0)
    if limit is None or begun < limit:
        return None
    return Denial(
        503,
        Rule.CALLS_PER_SECOND_REACHED,
        f"began {begun} calls within a second, as many as it may",
        "Raise its calls per second, or look for a loop or a dialler behind it.",
        retry_after_s=1,
    )


def minutes_denial(holder: Holder, usage: Usage) -> Denial | None:
    """Return why a party may have no more calls through trunks today."""
    limit = holder.permissions.daily_minutes
    if limit is None or usage.minutes_today.get(holder.label, 0.0) < limit:
        return None
    return Denial(
        403,
        Rule.DAILY_MINUTES_REACHED,
        f"has used its {limit} minutes of today's calls through trunks",
        "Raise its minutes a day, or wait until midnight in the platform's time zone.",
    )


def longest_call(holders: Iterable[Holder], usage: Usage, *, through_trunk: bool) -> LongestCall:
    """Return how long these let a call last, by whoever allows least; 0 s: as long as it may."""
    longest = LongestCall(0.0, "")
    for holder in holders:
        for one in _bounds(holder, usage, through_trunk=through_trunk):
            if not longest.seconds or one.seconds < longest.seconds:
                longest = one
    return longest


def bounded(
    wave: Wave, holders: Iterable[Holder], usage: Usage, *, through_trunk: bool = False
) -> Wave:
    """Say in a wave how long the call may last with whoever answers."""
    longest = longest_call(holders, usage, through_trunk=through_trunk)
    return dataclasses.replace(wave, longest_s=longest.seconds, longest_why=longest.why)


def _bounds(holder: Holder, usage: Usage, *, through_trunk: bool) -> Iterable[LongestCall]:
    may = holder.permissions
    if may.max_duration_s is not None:
        yield LongestCall(
            may.max_duration_s,
            f"The call reached the longest duration that {_inside(holder)} allows, "
            f"{may.max_duration_s} s. Raise its longest call if it should last longer.",
        )
    if through_trunk and may.daily_minutes is not None:
        left_s = (may.daily_minutes - usage.minutes_today.get(holder.label, 0.0)) * 60
        yield LongestCall(
            max(left_s, 1.0),
            f"The call used up what {_inside(holder)} had left of its {may.daily_minutes} minutes "
            "a day of calls through trunks. Raise its minutes a day if it should last longer.",
        )


def _inside(holder: Holder) -> str:
    return holder.name.replace("The trunk", "the trunk")
