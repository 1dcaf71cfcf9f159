"""People who use the pages."""

import pytest
from django.test import Client

from dashboard.accounts.roles import Role
from tests.dashboard.people import browser_of


@pytest.fixture
def admin(db: None) -> Client:
    """Return a browser signed in as somebody who may do everything."""
    return browser_of(Role.ADMIN)


@pytest.fixture
def viewer(db: None) -> Client:
    """Return a browser signed in as somebody who may look and nothing else."""
    return browser_of(Role.VIEWER)
