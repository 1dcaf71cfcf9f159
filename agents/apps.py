"""The app."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Voice agents: calls that end in a websocket."""

    name = "agents"
    verbose_name = "Voice agents"

    def ready(self) -> None:
        from agents.concealed import concealed
        from agents.models import VoiceAgent
        from audit.watching import watch

        unsaid = ("uid", "created_at", "updated_at")
        covers = {"tools": lambda tools: concealed(tools or ())}
        watch(VoiceAgent, secrets={"secret": "secret"}, ignored=unsaid, covers=covers)
