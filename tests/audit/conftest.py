"""People who use the pages."""

from tests.dashboard.conftest import admin

__all__ = ["admin"]
