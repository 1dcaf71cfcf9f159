"""What calls of a connection or a trunk may reach, how many they may be and how long they last."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from numbering.fields import CountriesField

MAX_PER_SECOND = 1000
MAX_DAILY_MINUTES = 10_000_000
MAX_DURATION_S = 7 * 24 * 3600
ALLOWANCE_FIELDS = (
    "international",
    "countries",
    "premium_rate",
    "calls_per_second",
    "daily_minutes",
    "max_duration_s",
)


class International(models.TextChoices):
    """Which calls out of the home country go through trunks."""

    NONE = "none", "None"
    LISTED = "listed", "To the countries listed"
    ALL = "all", "To any country"


def whole_number(
    label: str, most: int, help_text: str
) -> "models.PositiveIntegerField[int | None, int | None]":
    """Return a field for a number from 1; None is no limit."""
    validators = [MinValueValidator(1), MaxValueValidator(most)]
    return models.PositiveIntegerField(
        label, null=True, blank=True, validators=validators, help_text=help_text
    )


class CallAllowance(models.Model):
    """The fields that connections and trunks share; a new row may not call abroad."""

    international = models.CharField(
        "international calls",
        max_length=6,
        choices=International,
        default=International.NONE,
        help_text="Which calls out of the home country may go through trunks. The caller's and "
        "the trunk's must both let them.",
    )
    countries = CountriesField(
        "allowed countries",
        blank=True,
        help_text="Two-letter codes, such as GB, FR, DE. They count if listed ones are allowed.",
    )
    premium_rate = models.BooleanField(
        "premium-rate numbers",
        default=False,
        help_text="Numbers whose owner earns from the call, here and abroad.",
    )
    calls_per_second = whole_number(
        "calls per second", MAX_PER_SECOND, "Most calls begun in one second. Empty: no limit."
    )
    daily_minutes = whole_number(
        "minutes a day",
        MAX_DAILY_MINUTES,
        "Of calls out through trunks, from midnight in the platform's time zone. Empty: no limit.",
    )
    max_duration_s = whole_number(
        "longest call, seconds",
        MAX_DURATION_S,
        "A call ends after so long. Empty: as long as the engine lets it last.",
    )

    class Meta:
        abstract = True

    def clean(self) -> None:
        super().clean()
        if self.international == International.LISTED and not self.countries:
            raise ValidationError(
                {"countries": "Name at least one country, or allow none or all of them."}
            )


def allowance_constraints(name: str) -> list[models.CheckConstraint]:
    """Return what the database holds an allowance to; `name` is the table's in one word."""
    limits = ("calls_per_second", "daily_minutes", "max_duration_s")
    return [
        models.CheckConstraint(
            condition=Q(international__in=International.values),
            name=f"{name}_international_is_a_choice",
        ),
        *(
            models.CheckConstraint(
                condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": 1}),
                name=f"{name}_{field}_is_1_or_more",
            )
            for field in limits
        ),
    ]
