"""The app."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """SIP endpoints and where they are registered."""

    name = "connections"
    verbose_name = "Connections"
