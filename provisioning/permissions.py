"""What connections and trunks may, as keys of a provisioning file."""

from collections.abc import Iterator

from numbering.allowance import (
    MAX_DAILY_MINUTES,
    MAX_DURATION_S,
    MAX_PER_SECOND,
    CallAllowance,
    International,
)
from numbering.countries import COUNTRY_FORM
from numbering.fields import parse_countries
from provisioning import keys
from provisioning.checker import Checker
from provisioning.keys import FieldKey

# A file from before these keys takes calls abroad from nobody.
PERMISSION_KEYS = (
    FieldKey("international", keys.choice(International.values), is_kept=True),
    FieldKey("countries", keys.parsed(parse_countries, COUNTRY_FORM), is_kept=True),
    FieldKey("premium_rate", Checker.boolean, is_kept=True),
    FieldKey("calls_per_second", keys.whole(1, MAX_PER_SECOND)),
    FieldKey("daily_minutes", keys.whole(1, MAX_DAILY_MINUTES)),
    FieldKey("max_duration_s", keys.whole(1, MAX_DURATION_S)),
)


def permission_notes(kind: str, name: str, row: CallAllowance) -> Iterator[str]:
    """Yield what a person still has to do about a row's permissions."""
    if row.international == International.LISTED and not row.countries:
        yield f"{kind} {name} may call abroad to listed countries only, and none is listed"
