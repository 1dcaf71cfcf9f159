"""The numbers that people dial."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from sip.selftests import CHOICES
from trunks.models.trunk import Trunk
from trunks.validators import NUMBER, NUMBER_FORM


def _alone(place: str) -> Q:
    """Return that a number goes there and nowhere else."""
    rows = {f"{name}__isnull": name != place for name in ("connection", "trunk", "agent")}
    nothing = Q(selftest="")
    return Q(**rows) & (~nothing if place == "selftest" else nothing)


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
    selftest = models.CharField(
        "test destination", max_length=10, blank=True, default="", db_default="", choices=CHOICES
    )

    class Meta:
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(
                condition=_alone("connection")
                | _alone("trunk")
                | _alone("agent")
                | _alone("selftest"),
                name="number_goes_to_exactly_one_place",
                violation_error_message="A number goes to a connection, a trunk, a voice agent or "
                "a test destination: choose one.",
            )
        ]

    def __str__(self) -> str:
        return self.number
