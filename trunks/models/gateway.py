"""Where a carrier takes calls, and how its addresses stand."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from trunks.models.trunk import Trunk
from trunks.validators import validate_gateway_uri

MAX_WEIGHT = 65535
"As much as an SRV record may say (RFC 2782)."


class Gateway(models.Model):
    """Where a trunk's calls are sent; the lowest priority number is tried first."""

    trunk = models.ForeignKey(Trunk, on_delete=models.CASCADE, related_name="gateways")
    uri = models.CharField(
        "SIP URI",
        max_length=255,
        validators=[validate_gateway_uri],
        help_text="Such as sip:203.0.113.5:5060;transport=udp, or sip:carrier.example: a name "
        "without port is looked up by NAPTR and SRV.",
    )
    priority = models.PositiveSmallIntegerField(default=1, validators=[MaxValueValidator(32767)])
    weight = models.PositiveIntegerField(
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_WEIGHT)],
        help_text="Gateways of equal priority share the calls by their weights.",
    )

    class Meta:
        ordering = ["priority", "-weight", "id"]
        constraints = [
            models.UniqueConstraint(fields=["trunk", "uri"], name="gateway_uri_once_per_trunk")
        ]

    def __str__(self) -> str:
        return self.uri


class GatewayTarget(models.Model):
    """One address that a gateway's URI leads to, and what the last answers said of it.

    Written by engines, from calls and from OPTIONS probes.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="targets")
    target = models.CharField(max_length=400)
    "`transport:host:port`, as flows are written."
    name = models.CharField(max_length=255, blank=True)
    "The host name it came from; nothing if the URI holds an address."
    is_up = models.BooleanField()
    since = models.DateTimeField()
    said = models.CharField(max_length=200)
    "What it said last: `200 OK`, `no answer to OPTIONS`."
    holds_until = models.DateTimeField()
    "Until when this is believed."
    rests_until = models.DateTimeField(null=True, blank=True)
    "Until when it asked not to be called."

    class Meta:
        ordering = ["target"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "target"], name="gateway_target_once")
        ]

    def __str__(self) -> str:
        return f"{self.target} is {'up' if self.is_up else 'down'}: {self.said}"
