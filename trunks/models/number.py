"""The numbers that people dial."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from trunks.models.trunk import Trunk
from trunks.validators import NUMBER, NUMBER_FORM


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
