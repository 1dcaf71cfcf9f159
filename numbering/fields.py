"""Countries, rewriting rules and filters, as fields of models and of forms."""

from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

from numbering.countries import COUNTRY_FORM, country_problem
from numbering.filters import FILTER_FORM, MAX_FILTERS, read_filter
from numbering.rewriting import MAX_RULES, RULE_FORM, read_rule
from sip.listfields import LinesFormField, ListField

MAX_COUNTRIES = 250
ZONE_FORM = "a name of the tz database, such as Europe/London or UTC"
MAX_PROBLEMS = 20
"How many wrong entries are named at once."


def validate_country(value: str) -> None:
    """Raise ValidationError unless this is a country's code."""
    if problem := country_problem(value):
        raise ValidationError(problem, code="invalid")


def validate_time_zone(value: str) -> None:
    """Raise ValidationError unless the tz database has this zone."""
    if value not in available_timezones():
        raise ValidationError(f"{value!r} is no time zone; allowed: {ZONE_FORM}", code="invalid")


def parse_countries(value: Any) -> list[str]:
    """Return country codes in capitals. Raises ValidationError naming what is wrong."""
    entries = parse_lines(value, _country, COUNTRY_FORM, MAX_COUNTRIES, numbered=False)
    return sorted(set(entries))


def parse_rewrites(value: Any) -> list[str]:
    """Return rewriting rules as they are stored. Raises ValidationError naming every wrong line."""
    return parse_lines(value, lambda text: read_rule(text).text, RULE_FORM, MAX_RULES)


def parse_filters(value: Any) -> list[str]:
    """Return filters as they are stored. Raises ValidationError naming every wrong line."""
    return parse_lines(value, lambda text: read_filter(text).text, FILTER_FORM, MAX_FILTERS)


def _country(text: str) -> str:
    code = text.strip().upper()
    if problem := country_problem(code):
        raise ValueError(problem)
    return code


def parse_lines(
    value: Any, read: Callable[[str], str], form: str, most: int, *, numbered: bool = True
) -> list[str]:
    """Return the texts of a list as `read` has them; it raises ValueError for a wrong one.

    Raises ValidationError with one message for each that is wrong, naming its line if they are
    `numbered`: what people write on one line has none.
    """
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValidationError(f"{value!r} is not a list; allowed: a list of {form}")
    entries, problems = [], []
    for number, item in enumerate(value, start=1):
        try:
            if not isinstance(item, str):
                raise ValueError(f"{item!r} is no text; allowed: {form}")
            entries.append(read(item))
        except ValueError as error:
            problems.append(f"Line {number}: {error}" if numbered else f"{error}")
    if problems:
        raise ValidationError(problems[:MAX_PROBLEMS], code="invalid")
    if len(entries) > most:
        raise ValidationError(f"{len(entries)} entries; allowed: up to {most}", code="invalid")
    return entries


class CountriesField(ListField):
    """A list of country codes, stored as JSON."""

    parse = staticmethod(parse_countries)


class RewritesField(ListField):
    """A table of rewriting rules, stored as JSON, one text each."""

    parse = staticmethod(parse_rewrites)
    form_class = LinesFormField


class FiltersField(ListField):
    """A list of filters of calls, stored as JSON, one text each."""

    parse = staticmethod(parse_filters)
    form_class = LinesFormField
