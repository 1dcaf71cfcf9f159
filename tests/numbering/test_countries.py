"""Which country a number is in, and what it costs, by its digits and by where it is dialled."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numbering.countries import Reading, country_problem, e164, national, readings

AT_HOME, NOWHERE = False, False


@pytest.mark.parametrize(
    ("number", "home", "expected"),
    [
        # With a plus it says itself where it leads.
        ("+442079460018", "GB", Reading("GB", is_international=False, is_premium=False)),
        ("+442079460018", "US", Reading("GB", is_international=True, is_premium=False)),
        ("+442079460018", "", Reading("GB", is_international=True, is_premium=False)),
        # As it is dialled at home, and out of it.
        ("02079460018", "GB", Reading("GB", is_international=False, is_premium=False)),
        ("0012025550100", "GB", Reading("US", is_international=True, is_premium=False)),
        ("011442079460018", "US", Reading("GB", is_international=True, is_premium=False)),
        # Where no home is set, what people dial for abroad is taken for that.
        ("00442079460018", "", Reading("GB", is_international=True, is_premium=False)),
        ("2025550100", "", Reading("", is_international=False, is_premium=False)),
        # Many carriers need no plus: a number that is none at home may be one abroad.
        ("442079460018", "US", Reading("GB", is_international=True, is_premium=False)),
        ("442079460018", "", Reading("GB", is_international=True, is_premium=False)),
        ("00442079460018", "US", Reading("GB", is_international=True, is_premium=False)),
        # Behind a code that a carrier takes off.
        ("1234#00442079460018", "US", Reading("GB", is_international=True, is_premium=False)),
        # A calling code that several countries share.
        ("+18765551234", "US", Reading("JM", is_international=True, is_premium=False)),
        ("8765551234", "US", Reading("JM", is_international=True, is_premium=False)),
        # Satellites and networks without a country.
        ("+88213300000", "US", Reading("", is_international=True, is_premium=False)),
        # Extensions, emergency, features, names.
        ("1001", "US", Reading("US", is_international=False, is_premium=False)),
        ("911", "US", Reading("US", is_international=False, is_premium=False)),
        ("112", "GB", Reading("GB", is_international=False, is_premium=False)),
        ("*97", "GB", Reading("GB", is_international=False, is_premium=False)),
        ("bob", "GB", Reading("", is_international=False, is_premium=False)),
        # Premium rate, at home, abroad, and where it is no country's.
        ("09061234567", "GB", Reading("GB", is_international=False, is_premium=True)),
        ("+19005551234", "GB", Reading("US", is_international=True, is_premium=True)),
        ("+979123456789", "GB", Reading("", is_international=True, is_premium=True)),
    ],
)
def test_where_a_number_leads(number: str, home: str, expected: Reading) -> None:
    *others, strictest = readings(number, home)
    assert strictest == expected
    # What may also be one at home says so beside.
    assert all(one == Reading(home, is_international=False, is_premium=False) for one in others)


@pytest.mark.parametrize(
    "number",
    [
        "00442079460018#",
        "00442079460018#12",
        "0044*2079460018",
        "*31#442079460018",
        "0044,2079460018",
        "0044/207/9460018",
        "0044p2079460018",
        "0+442079460018",
        "1+44.2079460018",
        "00442079460018999",
        "442079460018999",
        "0044207946001800000000000000000000000000000000",
        "\N{FULLWIDTH PLUS SIGN}442079460018",
        "\N{ARABIC-INDIC DIGIT ZERO}\N{ARABIC-INDIC DIGIT ZERO}442079460018",
        "+442079460018999",
    ],
)
def test_what_some_carrier_would_take_for_a_number_abroad_is_one(number: str) -> None:
    abroad = Reading("GB", is_international=True, is_premium=False)
    assert abroad in readings(number, "US")


@pytest.mark.parametrize(
    ("number", "home"),
    [
        ("9005551234#", "US"),
        ("90055512349999", "US"),
        ("+190055512349999", "GB"),
        ("1900FLOWERS", "US"),
        ("0900123456799", "DE"),
    ],
)
def test_what_some_carrier_would_take_for_a_premium_rate_number_is_one(
    number: str, home: str
) -> None:
    assert any(one.is_premium for one in readings(number, home))


@pytest.mark.parametrize("number", ["2025550123", "12025550123#", "*672025550123", "*97", "5551"])
def test_what_nobody_would_take_for_a_number_abroad_is_none(number: str) -> None:
    home = Reading("US", is_international=False, is_premium=False)
    assert readings(number, "US") == (home,)


def test_more_digits_than_a_country_has_do_not_bring_a_number_home() -> None:
    """Jamaica is behind +1 as well: what is too long was taken for the main country's."""
    assert [one.country for one in readings("+1876555123499", "US")] == ["JM"]


@given(st.text(max_size=64), st.sampled_from(["", "GB", "US", "NO"]))
def test_whatever_is_dialled_is_read(number: str, home: str) -> None:
    for reading in readings(number, home):
        assert reading.country in {"", *phonenumbers.SUPPORTED_REGIONS}
        assert reading.is_international or reading.country in ("", home)


@given(st.text("0123456789", min_size=1, max_size=20))
def test_a_plus_never_makes_a_call_abroad_a_call_at_home(digits: str) -> None:
    """With no home country nothing that begins with + or 00 is national."""
    for prefix in ("+", "00"):
        assert all(one.is_international for one in readings(f"{prefix}{digits}", ""))


@pytest.mark.parametrize(
    ("number", "country", "there", "in_full"),
    [
        ("02079460018", "GB", "02079460018", "+442079460018"),
        ("+442079460018", "GB", "02079460018", "+442079460018"),
        ("+442079460018", "US", "", "+442079460018"),
        ("2025550100", "US", "2025550100", "+12025550100"),
        ("1001", "US", "", ""),
        ("bob", "US", "", ""),
    ],
)
def test_the_two_forms_of_a_number(number: str, country: str, there: str, in_full: str) -> None:
    assert (national(number, country), e164(number, country)) == (there, in_full)


def test_a_code_that_is_no_countrys_is_named() -> None:
    assert not country_problem("GB")
    assert "GB is meant?" in country_problem("UK")
    assert "two-letter" in country_problem("XX")
