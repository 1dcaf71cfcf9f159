"""Which country a number is in, and what it costs, by its digits and by where it is dialled."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numbering.countries import MAX_DIGITS, Reading, country_problem, e164, national, read_number

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
    assert read_number(number, home) == expected


@given(st.text(max_size=2 * MAX_DIGITS), st.sampled_from(["", "GB", "US", "NO"]))
def test_whatever_is_dialled_is_read(number: str, home: str) -> None:
    reading = read_number(number, home)
    assert reading.country in {"", *phonenumbers.SUPPORTED_REGIONS}
    assert reading.is_international or reading.country in ("", home)


@given(st.text("0123456789", min_size=1, max_size=20))
def test_a_plus_never_makes_a_call_abroad_a_call_at_home(digits: str) -> None:
    """With no home country nothing that begins with + or 00 is national."""
    assert read_number(f"+{digits}", "").is_international
    assert read_number(f"00{digits}", "").is_international


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
