"""An agent with a secret, and what its forms send."""

from typing import Any

from django.test import Client

from agents.models import VoiceAgent
from tests.dashboard.carriers import at
from tests.dashboard.subscribers import sent_by

SECRET = "a-key-nobody-sees"


def agent(name: str = "support", **values: Any) -> VoiceAgent:
    """Store an agent that AssemblyAI's dialect suits."""
    usual = {
        "dialect": "assemblyai",
        "url": "wss://agents.example.com/v1/ws",
        "system_prompt": "Be kind.",
        "secret": SECRET,
    }
    return VoiceAgent.objects.create(name=name, **{**usual, **values})


def shown(browser: Client, row: VoiceAgent, part: str) -> dict[str, str]:
    """Return what the form of a part sends if nobody touches it."""
    return sent_by(browser.get(at(f"agent-{part}", row.pk)).context["form"])
