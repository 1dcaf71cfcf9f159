"""The running engine of each module, as in the wire tests."""

from tests.wire.conftest import engine, pytest_runtest_makereport

__all__ = ["engine", "pytest_runtest_makereport"]
