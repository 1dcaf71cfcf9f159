"""Which country a dialled number belongs to, and whether it costs more than a call. Pure.

By libphonenumber's tables (ITU-T E.164 and the national plans), which the package `phonenumbers`
holds. Where a number may be read in two ways, the one that costs more is taken: what is decided
here keeps strangers from calling abroad on somebody's account.
"""

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ShortNumberCost

COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"ISO 3166-1 codes of two capital letters, and a few territories that have a plan of their own."
COUNTRY_FORM = "two-letter country codes (ISO 3166-1), such as GB or US"
_DIALLED = re.compile(r"\+?[0-9]+\Z")
_FEATURES = re.compile(r"[*#]")
_ABROAD = ("00", "011")
"What people dial before a country's code, where no home country says which it is."
_SHORTEST_ABROAD = 8
"Digits of a number that may be one with its country's code and no plus in front."
MAX_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Reading:
    """What a dialled number is."""

    country: str
    "ISO 3166-1; empty for an extension, a network without a country, and what cannot be read."
    is_international: bool
    "Whether it leads out of the home country; any country does while there is none."
    is_premium: bool
    "Whether whoever is called earns from the call."


def read_number(number: str, home: str) -> Reading:
    """Return what `number` is when it is dialled in the country `home`; empty: none is set."""
    # 1234#0044...: what a carrier reads begins after the last of them.
    number = _FEATURES.split(number)[-1]
    if not _DIALLED.match(number) or len(number) > MAX_DIGITS:
        return Reading("", is_international=number.startswith("+"), is_premium=False)
    parsed = _parsed(number, home)
    if parsed is None:
        abroad = number.startswith(("+", *_ABROAD))
        return Reading("", is_international=abroad, is_premium=False)
    country = _country(parsed)
    return Reading(country, not home or country != home, _is_premium(parsed, home))


def _parsed(number: str, home: str) -> PhoneNumber | None:
    """Return a number as libphonenumber reads it, or None; what is dialled for abroad is tried."""
    parsed = _parse(number, home or None)
    if number.startswith("+") or (parsed is not None and phonenumbers.is_valid_number(parsed)):
        return parsed
    # Many carriers take 442071234567 and 00442071234567 for +442071234567, wherever they are.
    prefix = next((prefix for prefix in _ABROAD if number.startswith(prefix)), "")
    rest = number.removeprefix(prefix)
    with_plus = _parse(f"+{rest}", None) if len(rest) >= _SHORTEST_ABROAD else None
    if with_plus is not None and phonenumbers.is_valid_number(with_plus):
        return with_plus
    return parsed


def _parse(number: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None


def _country(parsed: PhoneNumber) -> str:
    code = parsed.country_code or 0
    region = phonenumbers.region_code_for_number(parsed)
    # A range newer than the tables is the main country's of those that share a code.
    region = region or phonenumbers.region_code_for_country_code(code)
    return region if region in COUNTRIES else ""


def _is_premium(parsed: PhoneNumber, home: str) -> bool:
    if phonenumbers.number_type(parsed) == PhoneNumberType.PREMIUM_RATE:
        return True
    if not home or phonenumbers.region_code_for_country_code(parsed.country_code or 0) != home:
        return False
    cost = phonenumbers.shortnumberinfo.expected_cost_for_region(parsed, home)
    return bool(cost == ShortNumberCost.PREMIUM_RATE)


def e164(number: str, country: str) -> str:
    """Return a number as E.164 has it, dialled in `country`; empty if it cannot be read so."""
    parsed = _parse(number, country or None) if _DIALLED.match(number) else None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def national(number: str, country: str) -> str:
    """Return the digits that are dialled inside a number's own country; empty if it is another's.

    `country` is where it is dialled.
    """
    parsed = _parse(number, country or None) if _DIALLED.match(number) else None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        return ""
    if _country(parsed) != country:
        return ""
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, text))


def country_problem(code: str) -> str:
    """Return what is wrong with a country's code, or nothing."""
    if code in COUNTRIES:
        return ""
    meant = "GB" if code.upper() == "UK" else code.upper()
    hint = f"; {meant} is meant?" if meant in COUNTRIES else ""
    return f"{code!r} is no country{hint}; allowed: {COUNTRY_FORM}"
