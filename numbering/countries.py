"""Which country a dialled number belongs to, and whether it costs more than a call. Pure.

By libphonenumber's tables (ITU-T E.164 and the national plans), which the package `phonenumbers`
holds. Where a number may be read in several ways, each is told, and the one that costs more counts:
what is decided by it keeps strangers from calling abroad on somebody's account.
"""

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import (
    PhoneNumber,
    PhoneNumberType,
    ShortNumberCost,
    convert_alpha_characters_in_number,
    normalize_digits_only,
)

COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"ISO 3166-1 codes of two capital letters, and a few territories that have a plan of their own."
COUNTRY_FORM = "two-letter country codes (ISO 3166-1), such as GB or US"
_DIALLED = re.compile(r"\+?[0-9]+\Z")
_FEATURES = re.compile(r"[*#]")
_NOT_DIALLED = re.compile(r"[^0-9]")
_NAME = re.compile(r"[^0-9+]*[^\W\d_]")
"What begins with a letter is nobody's number."
_ABROAD = ("00", "011")
"What people dial before a country's code, where no home country says which it is."
_SHORTEST_ABROAD = 8
"Digits of a number that may be one with its country's code and no plus in front."
_LONGEST_E164 = 15
_LONGEST_HERE = 17
"Digits that are read of a number as it is dialled at home: what follows is dialled in vain."


@dataclass(frozen=True, slots=True)
class Reading:
    """What a dialled number is."""

    country: str
    "ISO 3166-1; empty for an extension, a network without a country, and what cannot be read."
    is_international: bool
    "Whether it leads out of the home country; any country does while there is none."
    is_premium: bool
    "Whether whoever is called earns from the call."


def readings(number: str, home: str) -> tuple[Reading, ...]:
    """Return what `number` may be when it is dialled in the country `home`; empty: none is set.

    Carriers differ: one drops what is no digit, one stops at `#`, one ignores digits beyond the
    last that counts. What each of them would call is among these.
    """
    possible = [reading for text in _spellings(number) for reading in _readings(text, home)]
    is_abroad = number.lstrip().startswith("+")
    return tuple(dict.fromkeys(possible)) or (Reading("", is_abroad, is_premium=False),)


def _spellings(number: str) -> list[str]:
    """Return the numbers, of digits and a plus in front, that a dialled text may stand for."""
    # Other scripts' digits, and those that are wider or smaller, are digits all the same.
    text = normalize_digits_only(unicodedata.normalize("NFKC", number), keep_non_digits=True)
    parts = [part for part in _FEATURES.split(text) if not _NAME.match(part)]
    parts = [part for part in parts if _NOT_DIALLED.sub("", part)]
    # 1234#0044...: what a carrier reads begins after the last of them, or ends before it.
    chosen = [part for part in parts[:-1] if len(part) >= _SHORTEST_ABROAD] + parts[-1:]
    if len(parts) > 1 and not _FEATURES.match(text):
        chosen.append("".join(parts))
    spelled = []
    for part in chosen:
        from_plus = part[max(part.rfind("+"), 0) :]
        spelled += [part, from_plus, convert_alpha_characters_in_number(part)]
    return list(dict.fromkeys(filter(None, map(_digits, spelled))))


def _digits(text: str) -> str:
    """Return the digits of a text, and its plus if that stands before all of them."""
    digits = _NOT_DIALLED.sub("", text)
    is_in_front = not _NOT_DIALLED.sub("", text.partition("+")[0])
    return f"+{digits}" if digits and "+" in text and is_in_front else digits


def _readings(number: str, home: str) -> list[Reading]:
    """Return what a number of digits, and perhaps a plus in front, may be."""
    parsed = _parsed(number, home)
    if not parsed:
        abroad = number.startswith(("+", *_ABROAD))
        return [Reading("", is_international=abroad, is_premium=False)]
    possible = []
    for one in parsed:
        country = _country(one)
        possible.append(Reading(country, not home or country != home, _is_premium(one, home)))
    return possible


def _parsed(number: str, home: str) -> list[PhoneNumber]:
    """Return a number as libphonenumber reads it; what is dialled for abroad is tried."""
    with_plus = number.startswith("+")
    at_home = _parse(number[: _LONGEST_E164 + 1 if with_plus else _LONGEST_HERE], home or None)
    if at_home is not None and (with_plus or phonenumbers.is_valid_number(at_home)):
        return [_without_excess(at_home)]
    parsed = [_without_excess(at_home)] if at_home is not None else []
    # Many carriers take 442071234567 and 00442071234567 for +442071234567, wherever they are.
    prefix = next((prefix for prefix in _ABROAD if number.startswith(prefix)), "")
    rest = number.removeprefix(prefix)[:_LONGEST_E164]
    abroad = _parse(f"+{rest}", None) if len(rest) >= _SHORTEST_ABROAD else None
    if abroad is not None and phonenumbers.is_valid_number(_without_excess(abroad)):
        parsed.append(abroad)
    return parsed


def _without_excess(parsed: PhoneNumber) -> PhoneNumber:
    """Cut digits off the end of a number that is one without them: networks do as well."""
    phonenumbers.truncate_too_long_number(parsed)
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
