"""Wrong passwords: counted, held back for a while, said, and lifted by an admin."""

import contextlib
import datetime as dt
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from dashboard.accounts.roles import Role
from dashboard.signin import page
from dashboard.signin.turns import BusyError, Turns
from tests.dashboard.people import browser_of, person

pytestmark = pytest.mark.django_db
HERE, THERE = "192.0.2.1", "198.51.100.7"
PAGES, ADMINS = "/accounts/login/", "/admin/login/"
SMALL = override_settings(
    VOIPNUMBER_SIGN_IN_FAILURES_PER_ADDRESS=8, VOIPNUMBER_SIGN_IN_FAILURES_PER_USER=12
)
MOST = settings.VOIPNUMBER_SIGN_IN_FAILURES
Answer = Any


def sign_in(
    name: str, password: str, address: str = HERE, path: str = PAGES, **more: str
) -> Answer:
    form = {"username": name, "password": password}
    return Client().post(path, form, REMOTE_ADDR=address, **more)


def guess(name: str, times: int, address: str = HERE, path: str = PAGES) -> Answer:
    for number in range(times):
        answer = sign_in(name, f"wrong {number}", address, path)
    return answer


def words(answer: Answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture(autouse=True)
def people(db: None) -> None:
    person(Role.ADMIN, "alice")
    person(Role.VIEWER, "bob")


@pytest.mark.parametrize("path", [PAGES, ADMINS])
@pytest.mark.parametrize("name", ["alice", "nobody-here"])
def test_after_a_few_wrong_passwords_nothing_is_tried_for_a_while(name: str, path: str) -> None:
    assert guess(name, MOST - 1, path=path).status_code == 200
    held = guess(name, 1, path=path)
    assert held.status_code == 429
    assert 890 <= int(held["Retry-After"]) <= 901
    assert "Too many wrong passwords for this user name from your address" in words(held)
    assert "Try again in 15 minutes" in words(held)
    right = sign_in(name, "correct horse", path=path)
    assert (right.status_code, "sessionid" in right.cookies) == (429, False)
    assert words(right) == words(held), "nothing tells whether that was the password"


def test_known_and_unknown_names_are_answered_alike() -> None:
    strip = re.compile(r'(csrf\w*" value|value)="[^"]*"')
    known = [strip.sub("", words(guess("alice", 1))) for _ in range(MOST)]
    unknown = [strip.sub("", words(guess("nobody", 1))) for _ in range(MOST)]
    assert known == unknown


def test_a_stranger_keeps_nobody_out_elsewhere() -> None:
    guess("alice", MOST, THERE)
    assert sign_in("alice", "correct horse", THERE).status_code == 429
    assert sign_in("alice", "correct horse", HERE).status_code == 302


@SMALL
def test_one_address_that_tries_many_names_is_held_back_for_all_of_them() -> None:
    for number in range(8):
        held = guess(f"name-{number}", 1)
    assert held.status_code == 429
    assert "Too many wrong passwords from your address" in words(held)
    assert sign_in("bob", "correct horse").status_code == 429
    assert sign_in("bob", "correct horse", THERE).status_code == 302


@SMALL
def test_a_name_guessed_at_from_everywhere_is_let_in_from_where_it_was_before() -> None:
    assert sign_in("alice", "correct horse", HERE).status_code == 302
    for number in range(6):
        guess("alice", 2, f"203.0.113.{number}")
    held = sign_in("alice", "correct horse", THERE)
    assert held.status_code == 429
    assert "or now from an address from which you have signed in before" in words(held)
    assert sign_in("alice", "correct horse", HERE).status_code == 302


@SMALL
def test_all_of_an_ipv6_site_is_one_address() -> None:
    for number in range(8):
        guess(f"name-{number}", 1, f"2001:db8:1:2::{number:x}")
    assert sign_in("bob", "correct horse", "2001:db8:1:2:ffff::1").status_code == 429
    assert sign_in("bob", "correct horse", "2001:db8:1:3::1").status_code == 302


def test_an_own_account_does_not_clear_what_was_guessed_at_others() -> None:
    guess("alice", MOST - 1)
    assert sign_in("bob", "correct horse").status_code == 302
    assert guess("alice", 1).status_code == 429


def test_who_signs_in_has_mistyped_nothing() -> None:
    guess("alice", MOST - 1)
    assert sign_in("alice", "correct horse").status_code == 302
    assert guess("alice", MOST - 1).status_code == 200


def test_trying_while_held_back_does_not_make_it_longer() -> None:
    guess("alice", MOST)
    past = timezone.now() - settings.AXES_COOLOFF_TIME + dt.timedelta(seconds=30)
    AccessAttempt.objects.update(attempt_time=past)
    held = guess("alice", 3)
    assert int(held["Retry-After"]) <= 31
    assert "Try again in 1 minute," in words(held)
    AccessAttempt.objects.update(attempt_time=past - dt.timedelta(seconds=31))
    assert sign_in("alice", "correct horse").status_code == 302


@pytest.mark.parametrize(("proxy", "code"), [(False, 429), (True, 302)])
def test_who_the_proxy_names_counts_only_behind_a_proxy(proxy: bool, code: int) -> None:
    with override_settings(VOIPNUMBER_TLS_PROXY=proxy):
        for _ in range(MOST):
            sign_in("alice", "wrong", HTTP_X_FORWARDED_FOR=f"{HERE}, {THERE}")
        told = f"{THERE}, {HERE}"
        assert sign_in("alice", "correct horse", HTTP_X_FORWARDED_FOR=told).status_code == code


def test_an_admin_sees_who_is_held_back_and_lets_them_in() -> None:
    guess("alice", MOST, THERE)
    admin = browser_of(Role.ADMIN)
    shown = words(admin.get("/settings/users/"))
    assert f"<bdi>alice</bdi> from <code>{THERE}</code>" in shown
    form = {"rule": "user-and-address", "username": "alice", "address": THERE}
    assert "tried again" in words(admin.post("/settings/users/lift/", form, follow=True))
    assert sign_in("alice", "correct horse", THERE).status_code == 302
    assert "Held back" not in words(admin.get("/settings/users/"))
    assert "nothing was changed" in words(admin.post("/settings/users/lift/", form, follow=True))


def test_the_django_admin_lists_attempts_without_passwords() -> None:
    guess("alice", MOST)
    admin = browser_of(Role.ADMIN)
    listed = words(admin.get("/admin/axes/accessattempt/"))
    assert "Locked Out" in listed
    attempt = AccessAttempt.objects.get()
    assert "wrong" not in attempt.post_data
    assert attempt.failures_since_start == MOST


def test_addresses_of_long_ago_are_forgotten() -> None:
    sign_in("alice", "correct horse", HERE)
    AccessLog.objects.update(attempt_time=timezone.now() - dt.timedelta(days=91))
    sign_in("alice", "correct horse", THERE)
    assert [log.ip_address for log in AccessLog.objects.all()] == [THERE]


@pytest.mark.parametrize("path", [PAGES, ADMINS])
def test_when_too_many_wait_the_answer_is_to_come_again(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    turns = Turns(lambda: 0)
    monkeypatch.setattr(page, "turns", turns)
    with turns.taken("somebody else"):
        answer = sign_in("alice", "correct horse", path=path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Too many people are signing in" in words(answer)
    assert sign_in("alice", "correct horse", path=path).status_code == 302


def test_one_address_does_not_take_all_the_places_to_wait() -> None:
    turns, quiet = Turns(lambda: 4), threading.Event()

    def wait_as(source: str, done: threading.Event) -> None:
        with contextlib.suppress(BusyError), turns.taken(source):
            done.set()

    with contextlib.ExitStack() as stack:
        with turns.taken("first"):
            people = stack.enter_context(ThreadPoolExecutor(10))
            for _ in range(9):
                people.submit(wait_as, "loud", threading.Event())
            people.submit(wait_as, "quiet", quiet)
        assert quiet.wait(30)


def test_a_hold_is_logged_with_who_which_rule_and_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guess("mallory\nforged", MOST + 1)
    (line,) = [record.getMessage() for record in caplog.records if "held back" in record.msg]
    assert f"'mallory\\nforged' from {HERE} are held back until" in line
    assert "VOIPNUMBER_SIGN_IN_FAILURES is 5. An administrator lets them in" in line
