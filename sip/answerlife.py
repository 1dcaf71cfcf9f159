"""How long what a name server answered is gone by (RFC 2308, RFC 8767). Pure."""

from typing import NamedTuple

LONGEST_S = 86_400.0
LONGEST_NEGATIVE_S = 300.0
SHORTEST_S = 1.0
"Between these a TTL is heeded; that there is nothing is believed for less."
STALE_S = 86_400.0
"For how long an answer that is outdated still serves while there is none (RFC 8767 section 5)."
RETRY_S = 5.0
"When servers that do not answer are asked again."
STALE_WAIT_S = 0.8
"How long a newer answer is waited for when there is an outdated one."


class Life(NamedTuple):
    """Until when an answer is fresh, and until when it serves while there is no newer one."""

    fresh_until: float
    serves_until: float


def life(now: float, ttl_s: float, *, is_empty: bool) -> Life:
    """Return the life of an answer that came now; that there is nothing serves as long as said."""
    longest_s = LONGEST_NEGATIVE_S if is_empty else LONGEST_S
    fresh_until = now + min(max(ttl_s, SHORTEST_S), longest_s)
    return Life(fresh_until, fresh_until + (0.0 if is_empty else STALE_S))
