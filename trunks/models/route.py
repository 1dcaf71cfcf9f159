"""Which carriers take what is dialled."""

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from trunks.models.trunk import Trunk
from trunks.validators import PREFIX, PREFIX_FORM


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
