"""The app."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """SIP endpoints and where they are registered."""

    name = "connections"
    verbose_name = "Connections"

    def ready(self) -> None:
        from audit.watching import watch
        from connections.models import Connection
        from connections.services import HA1_FIELDS
        from connections.templates import ConnectionTemplate

        watch(ConnectionTemplate)
        watch(Connection, secrets=dict.fromkeys(HA1_FIELDS, "password"))
