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
