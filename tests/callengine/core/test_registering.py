"""What comes after each answer of a registrar (RFC 3261 section 10.2)."""

import pytest

from callengine.core.registering import (
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    RegistrarAnswer,
    RegistrationOutcome,
    after_answer,
    asks_longer,
    contact_user,
    is_contact_user,
)


def outcome(answer: RegistrarAnswer, *, failures: int = 0, lot: float = 1.0) -> RegistrationOutcome:
    return after_answer(answer, asked_s=600, failures=failures, chance=lambda: lot)


@pytest.mark.parametrize(
    ("granted_s", "next_in_s"), [(None, 540.0), (600, 540.0), (100, 90.0), (1, 1.0)]
)
def test_it_is_registered_again_after_nine_tenths_of_what_was_granted(
    granted_s: int | None, next_in_s: float
) -> None:
    came = outcome(RegistrarAnswer(200, "200 OK", expires_s=granted_s), failures=3)
    assert (came.state, came.next_in_s, came.failures) == ("registered", next_in_s, 0)
    assert came.expires_in_s == (granted_s or 600)


def test_a_binding_that_was_not_kept_is_a_failure() -> None:
    assert outcome(RegistrarAnswer(200, "200 OK", expires_s=0)).state == "failed"


def test_failures_are_tried_again_less_and_less_often() -> None:
    pauses = [outcome(RegistrarAnswer(500, "500"), failures=n).next_in_s for n in range(8)]
    assert pauses[:3] == [FIRST_RETRY_S, 2 * FIRST_RETRY_S, 4 * FIRST_RETRY_S]
    assert pauses[-1] == LONGEST_RETRY_S
    assert outcome(RegistrarAnswer(500, "500"), lot=0.0).next_in_s == 0.8 * FIRST_RETRY_S


def test_retry_after_is_obeyed() -> None:
    assert outcome(RegistrarAnswer(503, "503", retry_after_s=700)).next_in_s == 700
    # A carrier that says a day by mistake is asked again all the same.
    asked = outcome(RegistrarAnswer(503, "503", retry_after_s=80_000))
    assert asked.next_in_s == LONGEST_RETRY_S


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (RegistrarAnswer(401, "401 Unauthorized", was_proved=True), "refused our credentials"),
        (RegistrarAnswer(407, "407 Proxy", was_proved=False), "asks for a password"),
        (RegistrarAnswer(401, "401 No", has_password=True), "another way than Digest with MD5,"),
        (RegistrarAnswer(401, "401 No", was_proved=True, is_stale=True), "ours outdated (401 No"),
        (RegistrarAnswer(423, "423 Too Brief", min_expires_s=999_999), "none up to a day"),
        (RegistrarAnswer(503, "503 Busy", is_theirs=True), "The registrar answered 503 Busy."),
        (RegistrarAnswer(403, "403 Forbidden"), "forbids it"),
        (RegistrarAnswer(404, "404 Not Found"), "does not know the user"),
        (RegistrarAnswer(408, "no answer"), "cannot be reached: no answer"),
        (RegistrarAnswer(500, "500 Oops"), "answered 500 Oops"),
    ],
)
def test_a_failure_says_what_to_do(answer: RegistrarAnswer, words: str) -> None:
    assert words in outcome(answer).said


def test_a_423_is_obeyed_once_and_within_reason() -> None:
    assert asks_longer(RegistrarAnswer(423, "423", min_expires_s=1800), 600) == 1800
    assert asks_longer(RegistrarAnswer(423, "423", min_expires_s=60), 600) is None
    assert asks_longer(RegistrarAnswer(423, "423", min_expires_s=999_999), 600) is None
    assert asks_longer(RegistrarAnswer(200, "200", min_expires_s=1800), 600) is None


def test_a_contact_of_ours_is_told_from_numbers_and_names() -> None:
    assert is_contact_user(contact_user("0a" * 12))
    assert not is_contact_user("trunk-0a")
    assert not is_contact_user("+12025550100")
