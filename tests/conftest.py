"""What every test shares."""

import pytest
from hypothesis import HealthCheck, settings

# How fast an example runs says more about the machine's other work than about the code.
settings.register_profile(
    "steady", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Hash test passwords quickly: the slow hash is Django's, and tested there."""
    from django.conf import settings as django_settings

    if django_settings.configured or config.getini("DJANGO_SETTINGS_MODULE"):
        django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


FIRST = (
    "chaos",
    "callengine/engine",
    "callengine/lab",
    "wire",
    "fuzz",
    "browser",
    "dashboard",
    "callengine/worker",
)
"""Folders whose modules take long. They begin first, so that at the end no test process waits long
for another; xdist's own order, by the number of tests, would leave the longest to the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the slow folders begin first; the order within each stays."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(item.config.rootpath / "tests").parent.as_posix()
        inside = (i for i, slow in enumerate(FIRST) if f"{folder}/".startswith(f"{slow}/"))
        return next(inside, len(FIRST))

    items.sort(key=place)
