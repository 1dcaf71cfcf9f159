"""The media extension as a library of its own, built if it is not."""

from typing import Any

import pytest

from callengine.worker.native.build import build
from callengine.worker.native.media import checked

LIBRARY = build()
"Of bin/setup, as a rule; compiled while tests are collected if not."


@pytest.fixture(scope="session")
def extension() -> Any:
    """The library, its structures held against ours."""
    return checked(str(LIBRARY))
