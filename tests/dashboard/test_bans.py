"""Who is banned stands on the page of rejections, and an operator lets them in again."""

import datetime as dt
from http import HTTPStatus

import pytest
from django.test import Client
from django.utils import timezone

from callengine.edge import bans
from callengine.models import Ban
from callengine.record import bans as banning
from connections.models import Connection
from tests.dashboard.live.conftest import fresh_channel_layer, operator
from tests.dashboard.live.test_pages import Engine

__all__ = ["fresh_channel_layer", "operator"]
PAGE, HERE = "/rejections/", "203.0.113.7"


def ban(user: str = "", *, ago_s: float = 60, for_s: float = 600, times: int = 1) -> Ban:
    since = timezone.now().timestamp() - ago_s
    rule = bans.WRONG_PASSWORDS if user else bans.MANY_USERS
    made = bans.HeldBan(HERE, user, rule, since, since + for_s, 12, times)
    banning.store(ban=made, node="n")
    return Ban.objects.get(source=HERE, user=user)


def test_nobody_is_banned(viewer: Client) -> None:
    assert "Nobody is banned" in viewer.get(PAGE).text


def test_a_ban_says_who_why_and_until_when(viewer: Client) -> None:
    row = ban("alice")
    page = viewer.get(PAGE).text
    assert "Nobody is banned" not in page
    assert HERE in page
    assert "alice" in page
    assert "12 wrong passwords. If this is your phone" in page
    assert row.until.isoformat() in page
    assert "Lift" not in page, "a viewer only looks"


def test_a_ban_that_is_over_is_not_shown_and_still_remembered(viewer: Client) -> None:
    ban(ago_s=700)
    assert "Nobody is banned" in viewer.get(PAGE).text
    (remembered,) = banning.remembered(now=timezone.now())
    assert remembered.times == 1
    assert not banning.remembered(now=timezone.now() + dt.timedelta(days=2))


def test_the_same_source_and_user_have_one_ban(viewer: Client) -> None:
    ban()
    row = ban(times=2)
    assert Ban.objects.count() == 1
    assert row.times == 2
    assert "Banned 2 times of late" in viewer.get(PAGE).text


def test_an_operator_lifts_a_ban_and_every_engine_hears_of_it(operator: Client) -> None:
    row, engine = ban("alice"), Engine()
    assert "Lift" in operator.get(PAGE).text
    answer = operator.post(f"{PAGE}bans/{row.pk}/lift/", follow=True)
    assert f"The ban of alice at {HERE} is lifted" in answer.text
    assert "Nobody is banned" in answer.text
    assert engine.commands() == [
        {"type": "engine.command", "command": "lift", "source": HERE, "user": "alice"}
    ]
    again = operator.post(f"{PAGE}bans/{row.pk}/lift/", follow=True)
    assert "over already" in again.text


def test_a_viewer_lifts_nothing(viewer: Client) -> None:
    row = ban()
    assert viewer.post(f"{PAGE}bans/{row.pk}/lift/").status_code == HTTPStatus.FORBIDDEN
    assert Ban.objects.exists()


def test_a_new_password_lifts_the_bans_of_its_user(admin: Client) -> None:
    row = Connection.objects.create(name="Alice", sip_user="alice")
    ban("alice")
    ban("bob")
    path = f"/connections/{row.pk}/password/"
    assert admin.post(path, {"password": "a new, long one"}).status_code == HTTPStatus.FOUND
    assert list(Ban.objects.values_list("user", flat=True)) == ["bob"]


@pytest.mark.parametrize("text", ["<b>x</b>", "x" * 300, "a\x00b"])
def test_what_strangers_wrote_is_shown_as_text(viewer: Client, text: str) -> None:
    banning.store(
        ban=bans.HeldBan(HERE, text, "r", 0, timezone.now().timestamp() + 60, 1, 1), node="n"
    )
    page = viewer.get(PAGE).text
    assert "<b>x</b>" not in page
    assert HERE in page
