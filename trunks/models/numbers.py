"""What a trunk does to numbers, callers and headers on their way in and out."""

from django.db import models

from numbering.fields import FiltersField, RewritesField
from trunks.fields import HeaderRulesField

NUMBER_FIELDS = (
    "in_called_rules",
    "in_caller_rules",
    "in_identity",
    "in_filters",
    "in_headers",
    "out_called_rules",
    "out_caller_rules",
    "out_identity",
    "out_diversion",
)
_RULES = "One rule a line, the first that fits: 0|. -> +44$ or X. -> e164:GB."


class IdentityHeader(models.TextChoices):
    """Where it stands who calls."""

    FROM = "from", "From"
    PAI = "pai", "P-Asserted-Identity"
    RPID = "rpid", "Remote-Party-ID"


class Diverting(models.TextChoices):
    """How a carrier is told that a call was forwarded to it."""

    NONE = "none", "Not at all"
    DIVERSION = "diversion", "Diversion"
    HISTORY_INFO = "history-info", "History-Info"


class TrunkNumbers(models.Model):
    """The fields of a trunk's Numbers tab; without any, everything passes as it is."""

    in_called_rules = RewritesField("IN: dialled number", blank=True, help_text=_RULES)
    in_caller_rules = RewritesField("IN: caller's number", blank=True, help_text=_RULES)
    in_identity = models.CharField(
        "IN: caller is taken from",
        max_length=4,
        choices=IdentityHeader,
        default=IdentityHeader.FROM,
        help_text="What the carrier vouches for. Without that header, From counts.",
    )
    in_filters = FiltersField(
        "IN: filters",
        blank=True,
        help_text="One a line, such as allow called +4420. or deny caller +881!, on the numbers as "
        "they were rewritten. The first that fits decides.",
    )
    in_headers = HeaderRulesField(
        "IN: headers",
        blank=True,
        help_text="One a line: keep X-Account passes it on, add X-Line: north adds one, record "
        "X-Ticket shows it with the call.",
    )
    out_called_rules = RewritesField("OUT: dialled number", blank=True, help_text=_RULES)
    out_caller_rules = RewritesField("OUT: caller's number", blank=True, help_text=_RULES)
    out_identity = models.CharField(
        "OUT: caller is told in",
        max_length=4,
        choices=IdentityHeader,
        default=IdentityHeader.FROM,
        help_text="In another header than From a carrier also learns who an anonymous caller is, "
        "and is asked to tell nobody.",
    )
    out_diversion = models.CharField(
        "OUT: forwarding is told in",
        max_length=12,
        choices=Diverting,
        default=Diverting.DIVERSION,
        help_text="Who forwarded a call to this carrier (RFC 5806, RFC 7044).",
    )

    class Meta:
        abstract = True
