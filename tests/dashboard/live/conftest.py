"""People who look at the pages."""

from pathlib import Path

import pytest
from channels.layers import channel_layers
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from dashboard.accounts.roles import Role
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
