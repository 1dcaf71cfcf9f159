"""What every test shares."""

from hypothesis import HealthCheck, settings

# How fast an example runs says more about the machine's other work than about the code.
settings.register_profile(
    "steady", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")
