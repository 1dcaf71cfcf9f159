"""People who look at the pages."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from dashboard.accounts.roles import Role
from dashboard.calls import call_topic, list_topic
from dashboard.live import topics
from tests.dashboard.live.watching import account
from tests.dashboard.people import browser_of

# The middleware for static files warns of a folder that is not there.
Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def fresh_channel_layer() -> None:
    """Give each test a channel layer of its own."""
    channel_layers.backends.clear()


@pytest.fixture
def viewer(db: None) -> Client:
    """Return a browser signed in as somebody who may look and nothing else."""
    return browser_of(Role.VIEWER)


@pytest.fixture
def operator(db: None) -> Client:
    """Return a browser signed in as somebody who may hang up."""
    return browser_of(Role.OPERATOR)


@pytest.fixture
def viewer_account(transactional_db: None) -> User:
    """Return the user as whom `watching` opens websockets if not told otherwise."""
    return account("viewer")


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often the feed renders which template."""
    counted: Counter[str] = Counter()

    def counting(real: Callable[..., str]) -> Callable[..., str]:
        def render(template: str, *arguments: Any, **named: Any) -> str:
            counted[template] += 1
            return real(template, *arguments, **named)

        return render

    for module in (list_topic, call_topic, topics):
        monkeypatch.setattr(module, "render_to_string", counting(module.render_to_string))
    return counted
