"""The app."""

from django.apps import AppConfig


class CallengineConfig(AppConfig):
    """Name the app."""

    name = "callengine"
    verbose_name = "Calls"
