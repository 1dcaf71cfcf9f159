"""SIP endpoints and where they are registered."""

from typing import Any

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from audiocodecs.fields import CodecListField
from connections.templates import ConnectionTemplate, take_lists
from connections.validators import validate_sip_address, validate_unclaimed_by_trunk
from numbering.allowance import CallAllowance, allowance_constraints, whole_number
from sip.names import SIP_USER, SIP_USER_FORM, without_password
from sip.srtp import CHOICES as SRTP_CHOICES
from sip.srtp import Srtp


class CallerIdRule(models.TextChoices):
    """What becomes of a From that is neither the SIP user nor a number of a connection."""

    REWRITE = "rewrite", "Rewrite: show its SIP user and name"
    REFUSE = "refuse", "Refuse the call"
    ANY = "any", "Allow any: the device vouches for its extensions"


class AgentWhen(models.TextChoices):
    """When calls to a connection go to its voice agent."""

    NOT_REGISTERED = "not-registered", "When it is not registered"
    BUSY = "busy", "When it is busy"
    ALWAYS = "always", "Always"


MAX_RING_TIMEOUT_S = 600
MAX_CONTACT_LENGTH = 512
MAX_INSTANCE_LENGTH = 128
"""Characters of a Contact URI and of its `+sip.instance`: a unique index over both holds no more
four-byte characters in PostgreSQL."""


class Connection(CallAllowance):
    """A SIP endpoint: a phone, a PBX, a softswitch.

    The password is kept only as digest HA1, which binds user name and realm.
    """

    name = models.CharField(max_length=100, help_text="What people call it.")
    sip_user = models.CharField(
        "SIP user",
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(SIP_USER, f"A SIP user is {SIP_USER_FORM}."),
            validate_unclaimed_by_trunk,
        ],
        help_text="The user part of its SIP address, and its digest user name.",
    )
    enabled = models.BooleanField(default=True)
    ha1_realm = models.CharField(max_length=100, blank=True, editable=False)
    ha1_md5 = models.CharField(max_length=32, blank=True, editable=False)
    ha1_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    ha1b_md5 = models.CharField(
        max_length=32, blank=True, default="", db_default="", editable=False
    )
    ha1b_sha256 = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    "HA1 over `user@realm` as user name; empty for a password set before it was kept."
    inbound_codecs = CodecListField(
        blank=True,
        help_text="Offered to this endpoint when it is called. Empty: the platform list.",
    )
    force_on_caller = models.BooleanField(
        "force selected codecs on the caller",
        default=False,
        help_text="The caller's leg must use one of the inbound codecs too, or the call is "
        "declined.",
    )
    avoids_transcoding = models.BooleanField(
        "avoid transcoding",
        default=False,
        db_default=False,
        help_text="In its calls, either way, the caller's leg uses the callee's codec where our "
        "list there and the caller have it too, though another stands above it.",
    )
    outbound_codecs = CodecListField(
        blank=True,
        help_text="Allowed when this endpoint calls. Empty: the platform list.",
    )
    address = models.CharField(
        max_length=255,
        blank=True,
        validators=[validate_sip_address],
        help_text="Fixed SIP URI to call instead of its registrations, such as "
        "sip:192.0.2.10:5060;transport=udp.",
    )
    concurrent_calls = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Most calls it may be part of at once. Empty: no limit.",
    )
    caller_id = models.CharField(
        "caller ID",
        max_length=7,
        choices=CallerIdRule,
        default=CallerIdRule.REWRITE,
        help_text="When it calls as somebody who is neither its SIP user nor one of its numbers.",
    )
    srtp = models.CharField(
        "SRTP",
        max_length=8,
        choices=SRTP_CHOICES,
        default=Srtp.OFF.value,
        db_default=Srtp.OFF.value,
        help_text="Whether its audio is encrypted, with SDES keys. They travel in SIP: use TLS "
        "with it.",
    )
    agent = models.ForeignKey(
        "agents.VoiceAgent",
        verbose_name="voice agent",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="connections",
        help_text="Takes its calls. Empty: none does.",
    )
    agent_when = models.CharField(
        "agent takes calls",
        max_length=14,
        choices=AgentWhen,
        default=AgentWhen.NOT_REGISTERED,
        help_text="Busy: it has as many calls as it may, or says that it is busy.",
    )

    template = models.ForeignKey(
        ConnectionTemplate,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="connections",
        help_text="Its codec lists are this template's. Empty: it has its own.",
    )

    ring_timeout_s = whole_number(
        "ring time-out, seconds",
        MAX_RING_TIMEOUT_S,
        "How long its phones ring; beyond three, in turn. Empty: as long as the platform's.",
    )

    holds_back_early_media = models.BooleanField(
        "early media held back",
        default=False,
        db_default=False,
        help_text="Before the answer callers are told that it rings (180), not what its device "
        "sends by then (183).",
    )

    class Meta:
        ordering = ["sip_user"]
        indexes = [
            # Lists by name, without sorting all of them for each page.
            models.Index(fields=["name", "sip_user"], name="connection_by_name"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(sip_user=""), name="connection_has_a_sip_user"),
            models.CheckConstraint(
                condition=Q(concurrent_calls__isnull=True) | Q(concurrent_calls__gte=1),
                name="connection_concurrent_calls_is_1_or_more",
            ),
            *allowance_constraints("connection"),
            models.CheckConstraint(
                condition=Q(ring_timeout_s__isnull=True) | Q(ring_timeout_s__gte=1),
                name="connection_ring_timeout_s_is_1_or_more",
            ),
            models.CheckConstraint(
                condition=Q(caller_id__in=CallerIdRule.values),
                name="connection_caller_id_is_a_rule",
            ),
            models.CheckConstraint(
                condition=Q(srtp__in=[word for word, _ in SRTP_CHOICES]),
                name="connection_srtp_is_a_choice",
            ),
            models.CheckConstraint(
                condition=Q(agent_when__in=AgentWhen.values),
                name="connection_agent_when_is_a_case",
            ),
            models.CheckConstraint(
                condition=Q(ha1_md5="", ha1_sha256="", ha1_realm="")
                | (~Q(ha1_md5="") & ~Q(ha1_sha256="") & ~Q(ha1_realm="")),
                name="connection_ha1_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(ha1b_md5="", ha1b_sha256="")
                | (~Q(ha1b_md5="") & ~Q(ha1b_sha256="") & ~Q(ha1_md5="")),
                name="connection_ha1b_is_complete",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sip_user})"

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it, with the lists of the template it follows."""
        kwargs["update_fields"] = take_lists(self, kwargs.get("update_fields"))
        super().save(*args, **kwargs)


class Registration(models.Model):
    """One binding of a connection's address-of-record (RFC 3261 section 10.3)."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="registrations"
    )
    contact = models.CharField(max_length=MAX_CONTACT_LENGTH)
    call_id = models.CharField("SIP Call-ID", max_length=255)
    cseq = models.BigIntegerField("CSeq")
    expires_at = models.DateTimeField(db_index=True)
    flow = models.CharField("source address", max_length=100)
    user_agent = models.CharField(max_length=255, blank=True)
    q = models.FloatField(default=1.0)
    instance = models.CharField(max_length=MAX_INSTANCE_LENGTH, blank=True)
    "Which device it is (RFC 5626 section 4.1), if the phone says so."
    reached_at = models.CharField(max_length=100, blank=True)
    "Where requests go, if not to the source address: another port of the same host."
    path = models.JSONField(default=list, blank=True)
    "Path elements (RFC 3327), the one nearest to us first."
    is_direct = models.BooleanField(default=True)
    "No proxy stood between the phone and us."
    registered_at = models.DateTimeField()
    "When it was last refreshed."
    since = models.DateTimeField("registered since", default=timezone.now)
    "When it was made; kept while it is refreshed in time."
    node = models.CharField(max_length=100, blank=True, default="", db_default="")
    "The engine that stored it last: it knows, and the others read it."

    class Meta:
        ordering = ["-registered_at", "-id"]
        indexes = [
            # Who is registered now, from this index alone.
            models.Index(fields=["connection", "expires_at"], name="registration_in_force"),
            # Whether a phone of ours is where an INVITE without credentials comes from.
            models.Index(fields=["flow", "expires_at"], name="registration_by_flow"),
        ]
        constraints = [
            # Two phones behind two routers may write the same private address: they are told apart
            # by their instance, and a phone that tells none has one binding for each address.
            models.UniqueConstraint(
                fields=["connection", "contact", "instance"], name="one_registration_per_contact"
            ),
            models.UniqueConstraint(
                fields=["connection", "instance"],
                condition=~Q(instance=""),
                name="one_registration_per_instance",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shown_contact} from {self.flow}"

    @property
    def shown_path(self) -> str:
        """Return the proxies a call passes on its way to the phone."""
        return ", ".join(without_password(str(hop)) for hop in self.path)

    @property
    def shown_contact(self) -> str:
        """The contact as people may see it, without a password."""
        return without_password(self.contact)
