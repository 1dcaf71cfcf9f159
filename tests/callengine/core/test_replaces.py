"""The Replaces of a Refer-To: read, or told what it lacks."""

import pytest

from callengine.core.replaces import Replaces, replaces_in


@pytest.mark.parametrize(
    "headers",
    [
        "Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2",
        "replaces=a%40b;from-tag=2;to-tag=1",
        "X-Way=up&Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only",
    ],
)
def test_a_dialog_is_named_by_call_id_and_tags(headers: str) -> None:
    assert replaces_in(headers) == Replaces("a@b", "1", "2")


@pytest.mark.parametrize("headers", ["", "X-Way=up", "Require=replaces"])
def test_other_headers_replace_nothing(headers: str) -> None:
    assert replaces_in(headers) is None


@pytest.mark.parametrize(
    "value", ["", "a%40b", "a%40b%3Bto-tag%3D1", "%3Bto-tag%3D1%3Bfrom-tag%3D2"]
)
def test_what_lacks_a_name_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="lacks a Call-ID, a to-tag or a from-tag"):
        replaces_in(f"Replaces={value}")
