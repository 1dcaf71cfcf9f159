"""The app."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Voice agents: calls that end in a websocket."""

    name = "agents"
    verbose_name = "Voice agents"
