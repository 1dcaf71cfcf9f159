"""The Replaces of a Refer-To or an INVITE: read, or told what it lacks."""

import pytest

from callengine.core.replaces import MAX_CHARACTERS, Replaces, replaces_in, replaces_of


@pytest.mark.parametrize(
    "headers",
    [
        "Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2",
        "replaces=a%40b;from-tag=2;to-tag=1",
        "X-Way=up&Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only",
    ],
)
def test_a_dialog_is_named_by_call_id_and_tags(headers: str) -> None:
    named = replaces_in(headers)
    assert named == Replaces("a@b", "1", "2", early_only="early-only" in headers)


@pytest.mark.parametrize("headers", ["", "X-Way=up", "Require=replaces"])
def test_other_headers_replace_nothing(headers: str) -> None:
    assert replaces_in(headers) is None


@pytest.mark.parametrize(
    "value", ["", "a%40b", "a%40b%3Bto-tag%3D1", "%3Bto-tag%3D1%3Bfrom-tag%3D2"]
)
def test_what_lacks_a_name_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="lacks a Call-ID, a to-tag or a from-tag"):
        replaces_in(f"Replaces={value}")


@pytest.mark.parametrize(
    ("value", "early_only"),
    [
        ("a@b;to-tag=1;from-tag=2", False),
        ("a@b ; From-Tag = 2 ; to-tag=1;early-only", True),
        ("a@b;early-only;to-tag=1;x=y;from-tag=2", True),
    ],
)
def test_the_header_of_an_invite_names_a_dialog(value: str, early_only: bool) -> None:
    assert replaces_of([value], joins=False) == Replaces("a@b", "1", "2", early_only)
    assert replaces_of([], joins=True) is None


@pytest.mark.parametrize(
    ("values", "joins", "why"),
    [
        (["a@b;to-tag=1;from-tag=2"] * 2, False, "beside 1 more"),
        (["a@b;to-tag=1;from-tag=2"], True, "beside a Join"),
        (["a@b;to-tag=1"], False, "lacks a Call-ID, a to-tag or a from-tag"),
        ([f"{'a' * MAX_CHARACTERS};to-tag=1;from-tag=2"], False, "longer than 1000 characters"),
    ],
)
def test_a_header_that_rfc3891_section_3_answers_400(
    values: list[str], joins: bool, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        replaces_of(values, joins=joins)
