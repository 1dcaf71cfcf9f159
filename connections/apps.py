"""The app."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Name the app."""

    name = "connections"
    verbose_name = "Connections"
