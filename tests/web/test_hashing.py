"""Password hashing: the same hashes as ever, from one thread."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.test import override_settings

pytestmark = pytest.mark.thorough

OURS = override_settings(PASSWORD_HASHERS=["web.hashing.OneAtATimePBKDF2PasswordHasher"])
DJANGOS = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"])

ROUNDS = 200_000
"A fifth of what passwords are hashed with: enough for what is shared and for what overlaps."


@pytest.fixture(autouse=True)
def _fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", ROUNDS)


def test_hashes_of_before_and_after_are_each_others() -> None:
    with DJANGOS:
        before = make_password("correct horse")
    with OURS:
        assert check_password("correct horse", before)
        assert not check_password("wrong horse", before)
        after = make_password("correct horse")
    with DJANGOS:
        assert check_password("correct horse", after)


def test_eight_at_once_take_one_core() -> None:
    encoded = PBKDF2PasswordHasher().encode("right", "salt" * 6)
    began_s, spent_s = time.monotonic(), time.process_time()
    together = threading.Barrier(8)

    def guess(number: int) -> bool:
        together.wait(30)
        return check_password(f"wrong {number}", encoded)

    with OURS, ThreadPoolExecutor(8) as people:
        answers = list(people.map(guess, range(8)))
    assert not any(answers)
    cores = (time.process_time() - spent_s) / (time.monotonic() - began_s)
    assert cores < 1.2
