"""Whether the audio of a peer is encrypted (SDES-SRTP)."""

from enum import StrEnum


class Srtp(StrEnum):
    """What is asked of the audio of a connection's or a trunk's calls."""

    OFF = "off"
    "Plain RTP; an offer of SRTP alone is declined."
    ALLOWED = "allowed"
    "Encrypted where the other side can: offered beside plain RTP (RFC 8643)."
    REQUIRED = "required"
    "Encrypted, or there is no call."


CHOICES = (
    (Srtp.OFF.value, "Off"),
    (Srtp.ALLOWED.value, "Allowed: where the other side can"),
    (Srtp.REQUIRED.value, "Required: no call without"),
)
SRTP_HELP = (
    "Encrypted audio, by keys in SIP (SDES). Allowed offers it beside plain RTP, and answers "
    "either. Required declines whatever is not encrypted. The keys can be read wherever SIP is "
    "not over TLS. Voice agents hear SIP callers in plain RTP alone."
)
