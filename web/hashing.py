"""Password hashing takes one core of a process at most, after the calls.

The hash is made slow on purpose (some 0.3 s), and Python lets go of its lock meanwhile: as many
cores would be busy as people sign in at once, and calls share them in `manage.py serve`.
"""

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.hashers import PBKDF2PasswordHasher

NICE = 10
"What the hashing thread adds to the process's niceness: calls go first on a busy machine."


def _step_back() -> None:
    niceness = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    # A sandbox may forbid it; one thread it is all the same.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


_one = ThreadPoolExecutor(1, thread_name_prefix="password", initializer=_step_back)


class OneAtATimePBKDF2PasswordHasher(PBKDF2PasswordHasher):
    """Django's default hasher, with all its work in one thread: same hashes, same settings."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """Return the hash, once it is this one's turn."""
        return _one.submit(super().encode, password, salt, iterations).result()
