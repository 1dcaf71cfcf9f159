"""Which place of the rail a page belongs to."""

import pytest

from dashboard.accounts.roles import Role
from dashboard.parts.rail import places
from tests.dashboard.people import person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/", "Overview"),
        ("/connections/1/", "Connections"),
        ("/codecs/connection/1/inbound/", "Connections"),
        ("/codecs/template/1/outbound/", "Connections"),
        ("/codecs/trunk/1/out/", "Trunks"),
        ("/codecs/agent/1/codecs/", "Voice agents"),
        ("/settings/codecs/", "Settings"),
    ],
)
def test_a_page_is_at_home_in_one_place(path: str, word: str) -> None:
    shown = [place for group in places(person(Role.ADMIN), path) for place in group]
    assert [place.word for place in shown if place.current] == [word]
