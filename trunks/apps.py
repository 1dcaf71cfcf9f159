"""The app."""

from django.apps import AppConfig


class TrunksConfig(AppConfig):
    """Carriers, and which numbers and prefixes lead to them."""

    name = "trunks"
    verbose_name = "Trunks, numbers, routes"
