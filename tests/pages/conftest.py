"""People who look at the pages."""

from pathlib import Path

import pytest
from channels.layers import channel_layers
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client

# The middleware for static files warns of a folder that is not there.
Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def fresh_channel_layer() -> None:
    """Give each test a channel layer of its own."""
    channel_layers.backends.clear()


@pytest.fixture
def viewer(db: None) -> Client:
    """Return a browser signed in as somebody who may look and nothing else."""
    return _client(User.objects.create_user("viewer"))


@pytest.fixture
def operator(db: None) -> Client:
    """Return a browser signed in as somebody who may hang up."""
    user = User.objects.create_user("operator")
    user.user_permissions.add(Permission.objects.get(codename="change_call"))
    return _client(user)


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
