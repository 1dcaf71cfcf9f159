"""Whom a carrier is told that a caller is."""

from callengine.core.callerid import CallerId, Claim, KnownNames
from callengine.core.directory import Source
from callengine.core.identity import Heard, arrival, identity


def test_nobody_is_vouched_for_who_does_not_say_who_calls() -> None:
    """A carrier that is told who anonymous callers are was told that "anonymous" is one."""
    source = Source("trunk", "192.0.2.9")
    claim, heard = Claim("anonymous", "Anonymous"), Heard()
    arrived = arrival(source, "+12025550100", claim, heard, "US")
    assert arrived.is_private
    shown = CallerId(claim.user, claim.name)
    shown, vouched = identity(source, shown, arrived, heard, KnownNames())
    assert (shown.user, shown.name) == ("anonymous", "Anonymous")
    assert (vouched.user, vouched.is_private) == ("", True)
