"""What to do with an INVITE that brings no credentials and comes from no trunk. Pure."""

from enum import Enum


class Admission(Enum):
    """What such a request gets; never a matter of which users exist here."""

    CHALLENGE = "challenge"
    REFUSE = "refuse"
    LET_IN = "let in"
    "As a caller nobody knows."


def admission(*, claims_to_be_ours: bool, external: bool, by_credentials: bool) -> Admission:
    """Return what an INVITE gets.

    `claims_to_be_ours`: its From is in our domain, or one of our phones registered from just
    there. `external`: unknown callers are let in. `by_credentials`: a trunk may call from
    anywhere, and carriers write their own domain into From, so who it is shows only when asked.
    """
    if claims_to_be_ours:
        return Admission.CHALLENGE
    if external:
        return Admission.LET_IN
    return Admission.CHALLENGE if by_credentials else Admission.REFUSE
