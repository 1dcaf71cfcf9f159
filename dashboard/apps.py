"""The app."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Name the app."""

    name = "dashboard"
    verbose_name = "Dashboard"
