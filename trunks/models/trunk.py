"""A carrier."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from audiocodecs.fields import CodecListField
from numbering.allowance import CallAllowance, allowance_constraints
from sip.encrypted import EncryptedTextField
from sip.names import PARTY_NAME, PARTY_NAME_FORM, SIP_USER, SIP_USER_FORM
from sip.srtp import CHOICES as SRTP_CHOICES
from sip.srtp import Srtp
from trunks.fields import AccessListField, NetworkListField
from trunks.models.numbers import TrunkNumbers
from trunks.validators import (
    validate_domain,
    validate_gateway_uri,
    validate_unclaimed_by_connection,
)


class Trunk(CallAllowance, TrunkNumbers):
    """A carrier: who may send us calls (IN) and where we send ours (OUT).

    The IN password is kept only as digest HA1; the OUT password, which we must present, is
    encrypted with a key made from SECRET_KEY.
    """

    name = models.CharField(
        max_length=100,
        unique=True,
        validators=[RegexValidator(PARTY_NAME, f"A trunk's name is {PARTY_NAME_FORM}.")],
    )
    enabled = models.BooleanField(default=True)
    in_allowed_addresses = AccessListField(
        "IN: allowed addresses",
        blank=True,
        help_text="Where its calls come from: addresses, networks (203.0.113.0/24) or host "
        "names, separated by commas.",
    )
    in_username = models.CharField(
        "IN: user name",
        max_length=64,
        blank=True,
        validators=[
            RegexValidator(SIP_USER, f"A user name is {SIP_USER_FORM}."),
            validate_unclaimed_by_connection,
        ],
        help_text="If set, it must also present this user name and its password.",
    )
    in_domain = models.CharField(
        "IN: domain",
        max_length=253,
        blank=True,
        validators=[validate_domain],
        help_text="If set, its calls are addressed to it: sip:number@carrier.example. Alone it "
        "lets anybody call numbers and connections, never trunks.",
    )
    in_ha1_realm = models.CharField(max_length=100, blank=True, editable=False)
    in_ha1_md5 = models.CharField(max_length=32, blank=True, editable=False)
    in_ha1_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    in_ha1b_md5 = models.CharField(
        max_length=32, blank=True, default="", db_default="", editable=False
    )
    in_ha1b_sha256 = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    "HA1 over `user@realm` as user name; empty for a password set before it was kept."
    concurrent_calls = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Most calls at once, both ways together. Empty: as many as the engine holds.",
    )
    media_also_from = NetworkListField(
        "media also from",
        blank=True,
        help_text="Where its audio may come from, besides the addresses that its SDP and its "
        "signalling name: addresses and networks, separated by commas. Calls both ways.",
    )
    refer = models.CharField(
        "transfers by its side (REFER)",
        max_length=7,
        choices=[("decline", "Decline"), ("act", "Act on them")],
        default="decline",
        db_default="decline",
        help_text="Whether this carrier may transfer a call to another user or number of ours, "
        "or out through a trunk; its own permissions and limits hold for that call.",
    )
    passes_refer = models.BooleanField(
        "transfers within this carrier are its own (REFER)",
        default=False,
        db_default=False,
        help_text="Whom it has is transferred to a number behind it: it is sent the REFER and "
        "connects the two itself, and the call leaves here. Otherwise the number is called.",
    )
    srtp = models.CharField(
        "SRTP",
        max_length=8,
        choices=SRTP_CHOICES,
        default=Srtp.OFF.value,
        db_default=Srtp.OFF.value,
        help_text="Whether its audio is encrypted, with SDES keys. They travel in SIP: use TLS "
        "with it. Calls both ways.",
    )
    in_codecs = CodecListField(
        "TRUNK IN codecs",
        blank=True,
        help_text="Allowed on the caller's leg of calls through this trunk, whichever way. "
        "Empty: the platform list.",
    )
    out_username = models.CharField("OUT: user name", max_length=255, blank=True)
    out_password = EncryptedTextField("OUT: password", blank=True, editable=False)
    out_codecs = CodecListField(
        "TRUNK OUT codecs",
        blank=True,
        help_text="Offered to the carrier. Empty: the platform list.",
    )

    holds_back_early_media = models.BooleanField(
        "OUT: early media held back",
        default=False,
        db_default=False,
        help_text="Before the answer callers are told that it rings (180), not what the carrier "
        "sends by then (183): announcements, or its own ringing.",
    )
    avoids_transcoding = models.BooleanField(
        "avoid transcoding",
        default=False,
        db_default=False,
        help_text="In its calls, either way, the caller's leg uses the callee's codec where our "
        "list there and the caller have it too, though another stands above it.",
    )
    probe_interval_s = models.PositiveIntegerField(
        "OUT: probe interval",
        default=60,
        db_default=60,
        validators=[MaxValueValidator(3600)],
        help_text="Seconds between two OPTIONS to each address of its gateways. 0: never.",
    )
    registers = models.BooleanField(
        "OUT: register",
        default=False,
        db_default=False,
        help_text="Register at the carrier with the OUT user name, so that it knows where we are.",
    )
    registrar = models.CharField(
        "OUT: registrar",
        max_length=255,
        blank=True,
        default="",
        db_default="",
        validators=[validate_gateway_uri],
        help_text="Where to register, a SIP URI. Empty: at the first gateway.",
    )
    register_user = models.CharField(
        "OUT: registered user",
        max_length=255,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(SIP_USER, f"A user name is {SIP_USER_FORM}.")],
        help_text="Who is registered, if not the OUT user name.",
    )
    register_expires_s = models.PositiveIntegerField(
        "OUT: registration lasts",
        default=600,
        db_default=600,
        validators=[MinValueValidator(60), MaxValueValidator(86_400)],
        help_text="Seconds asked for; the carrier may grant fewer.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="trunk_has_a_name"),
            models.CheckConstraint(
                condition=Q(concurrent_calls__isnull=True) | Q(concurrent_calls__gte=1),
                name="trunk_concurrent_calls_is_1_or_more",
            ),
            *allowance_constraints("trunk"),
            models.CheckConstraint(
                condition=Q(srtp__in=[word for word, _ in SRTP_CHOICES]),
                name="trunk_srtp_is_a_choice",
            ),
            models.CheckConstraint(
                condition=Q(registers=False) | ~Q(out_username="") | ~Q(register_user=""),
                name="trunk_registers_as_somebody",
                violation_error_message="To register, a trunk needs an OUT user name.",
            ),
            models.UniqueConstraint(
                fields=["in_domain"],
                condition=~Q(in_domain=""),
                name="trunk_in_domain_is_unique",
                violation_error_message="Another trunk already has this domain.",
            ),
            models.UniqueConstraint(
                fields=["in_username"],
                condition=~Q(in_username=""),
                name="trunk_in_username_is_unique",
                violation_error_message="Another trunk already has this IN user name.",
            ),
            models.CheckConstraint(
                condition=Q(in_ha1_md5="", in_ha1_sha256="", in_ha1_realm="")
                | (
                    ~Q(in_username="")
                    & ~Q(in_ha1_md5="")
                    & ~Q(in_ha1_sha256="")
                    & ~Q(in_ha1_realm="")
                ),
                name="trunk_ha1_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(in_ha1b_md5="", in_ha1b_sha256="")
                | (~Q(in_ha1b_md5="") & ~Q(in_ha1b_sha256="") & ~Q(in_ha1_md5="")),
                name="trunk_ha1b_is_complete",
            ),
        ]

    def __str__(self) -> str:
        return self.name
