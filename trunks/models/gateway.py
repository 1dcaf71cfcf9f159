"""Where a carrier takes calls."""

from django.core.validators import MaxValueValidator
from django.db import models

from trunks.models.trunk import Trunk
from trunks.validators import validate_gateway_uri


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
