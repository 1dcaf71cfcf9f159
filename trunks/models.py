"""Carriers, the numbers they bring, and the routes to them."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from audiocodecs.fields import CodecListField
from sip.encrypted import EncryptedTextField
from sip.names import PARTY_NAME, PARTY_NAME_FORM, SIP_USER, SIP_USER_FORM
from trunks.fields import AccessListField, NetworkListField
from trunks.validators import (
    NUMBER,
    NUMBER_FORM,
    PREFIX,
    PREFIX_FORM,
    validate_gateway_uri,
    validate_unclaimed_by_connection,
)


class Trunk(models.Model):
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

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="trunk_has_a_name"),
            models.CheckConstraint(
                condition=Q(concurrent_calls__isnull=True) | Q(concurrent_calls__gte=1),
                name="trunk_concurrent_calls_is_1_or_more",
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


class Gateway(models.Model):
    """Where a trunk's calls are sent; the lowest priority number is tried first."""

    trunk = models.ForeignKey(Trunk, on_delete=models.CASCADE, related_name="gateways")
    uri = models.CharField(
        "SIP URI",
        max_length=255,
        validators=[validate_gateway_uri],
        help_text="Such as sip:203.0.113.5:5060;transport=udp.",
    )
    priority = models.PositiveSmallIntegerField(default=1, validators=[MaxValueValidator(32767)])
    order = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(32767)], help_text="Among equal priorities."
    )

    class Meta:
        ordering = ["priority", "order", "id"]
        constraints = [
            models.UniqueConstraint(fields=["trunk", "uri"], name="gateway_uri_once_per_trunk")
        ]

    def __str__(self) -> str:
        return self.uri


class Number(models.Model):
    """A number or extension and the one place its calls go."""

    number = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(NUMBER, f"A number is {NUMBER_FORM}.")],
        help_text="E.164 with +, an extension, or a name.",
    )
    connection = models.ForeignKey(
        "connections.Connection",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="numbers",
    )
    trunk = models.ForeignKey(
        Trunk, on_delete=models.PROTECT, null=True, blank=True, related_name="numbers"
    )
    agent = models.ForeignKey(
        "agents.VoiceAgent",
        verbose_name="voice agent",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="numbers",
    )

    class Meta:
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(
                condition=Q(connection__isnull=False, trunk__isnull=True, agent__isnull=True)
                | Q(connection__isnull=True, trunk__isnull=False, agent__isnull=True)
                | Q(connection__isnull=True, trunk__isnull=True, agent__isnull=False),
                name="number_goes_to_exactly_one_place",
                violation_error_message="A number goes to a connection, a trunk or a voice agent: "
                "choose one.",
            )
        ]

    def __str__(self) -> str:
        return self.number


class Route(models.Model):
    """What is dialled with this prefix goes to these trunks, tried in order."""

    prefix = models.CharField(
        max_length=32,
        unique=True,
        validators=[RegexValidator(PREFIX, f"A prefix is {PREFIX_FORM}.")],
    )
    trunks = models.ManyToManyField(Trunk, through="RouteTrunk", related_name="routes")
    last_resort_agent = models.ForeignKey(
        "agents.VoiceAgent",
        verbose_name="last resort",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="routes",
        help_text="The voice agent that takes the call if none of the trunks does.",
    )

    class Meta:
        ordering = ["prefix"]
        constraints = [
            models.CheckConstraint(condition=~Q(prefix=""), name="route_has_a_prefix"),
        ]

    def __str__(self) -> str:
        return self.prefix


class RouteTrunk(models.Model):
    """One trunk of a route, and its place among them."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="steps")
    trunk = models.ForeignKey(Trunk, on_delete=models.PROTECT, related_name="route_steps")
    position = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(32767)], help_text="The lowest is tried first."
    )

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["route", "trunk"], name="trunk_once_per_route")
        ]

    def __str__(self) -> str:
        return f"{self.route} -> {self.trunk}"
