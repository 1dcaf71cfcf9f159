"""The engine of the wire tests, for scenarios that SIPp plays."""

from tests.wire.conftest import engine, pytest_runtest_makereport

__all__ = ["engine", "pytest_runtest_makereport"]
