"""When the test that runs began: what is on record since then is its own."""

import time

_began = 0.0


def begin() -> None:
    """Note that a test begins, before anything is set up for it."""
    global _began
    _began = time.time()


def began() -> float:
    """Return when the test that runs began, as Unix time."""
    return _began
