"""The app."""

from django.apps import AppConfig


class TrunksConfig(AppConfig):
    """Name the app."""

    name = "trunks"
    verbose_name = "Trunks, numbers, routes"
