"""Times a person types, in the zone of the browser."""

import datetime as dt
import zoneinfo
from typing import Any

from django import forms
from django.utils import timezone

EARLIEST_YEAR, LATEST_YEAR = 2000, 2199


class LocalTimeField(forms.DateTimeField):
    """A date and time without a zone; `in_zone` gives it the one the browser named."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, **options: object) -> None:
        formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
        super().__init__(
            input_formats=formats,
            required=False,
            error_messages={"invalid": "Write a date and a time, such as 2026-11-20 14:30."},
            **options,  # type: ignore[arg-type]
        )

    def to_python(self, value: Any) -> dt.datetime | None:
        at = super().to_python(value)
        if at is not None and not EARLIEST_YEAR <= at.year <= LATEST_YEAR:
            raise forms.ValidationError(f"A year from {EARLIEST_YEAR} to {LATEST_YEAR}, please.")
        return at


def in_zone(at: dt.datetime | None, zone: str) -> dt.datetime | None:
    """Return the moment a clock in this IANA zone shows so; UTC if nobody knows the zone."""
    if at is None:
        return None
    try:
        info: dt.tzinfo = zoneinfo.ZoneInfo(zone) if zone else dt.UTC
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        info = dt.UTC
    return timezone.make_naive(at, dt.UTC).replace(tzinfo=info)


class TimesForm(forms.Form):
    """Filters by time: a preset, or from and to in the browser's zone."""

    PRESETS = (
        ("", "Any time"),
        ("hour", "Last hour"),
        ("day", "Last day"),
        ("week", "Last week"),
        ("month", "Last 30 days"),
    )
    time = forms.ChoiceField(label="Time", choices=PRESETS, required=False)
    since = LocalTimeField(label="From")
    until = LocalTimeField(label="To, before")
    zone = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean(self) -> dict[str, object]:
        """Give the times their zone, and refuse a time that ends before it begins."""
        super().clean()
        values = self.cleaned_data
        for name in ("since", "until"):
            values[name] = in_zone(values.get(name), str(values.get("zone") or ""))
        if values["since"] and values["until"] and values["since"] >= values["until"]:
            self.add_error("until", "Nothing lies between: this is not after the other time.")
        return values
