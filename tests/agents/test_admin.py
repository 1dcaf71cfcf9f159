"""The admin pages of voice agents."""

from typing import Any

import pytest
from django.test import Client

from agents.models import VoiceAgent
from agents.services import create_agent

pytestmark = pytest.mark.django_db

URL = "/admin/agents/voiceagent/"


@pytest.fixture
def agent() -> VoiceAgent:
    values = {"name": "support", "dialect": "assemblyai", "url": "wss://a.example/v1"}
    return create_agent(values=values | {"system_prompt": "Hi."}, secret="sk-hunter2")


def form_of(agent: VoiceAgent) -> dict[str, Any]:
    return {
        "name": agent.name,
        "enabled": "on",
        "dialect": agent.dialect,
        "url": agent.url,
        "system_prompt": agent.system_prompt,
        "tools": "[]",
        "keyterms": "[]",
        "turn_detection": "{}",
        "headers": "{}",
        "input_encoding": agent.input_encoding,
        "output_encoding": agent.output_encoding,
        "codecs": "",
        "ready_timeout_s": "10",
        "keeps_transcript": "on",
    }


def test_no_page_shows_the_secret(admin_client: Client, agent: VoiceAgent) -> None:
    for page in (URL, f"{URL}{agent.pk}/change/", f"{URL}{agent.pk}/history/"):
        response = admin_client.get(page)
        assert response.status_code == 200
        assert b"hunter2" not in response.content


def test_the_secret_stays_unless_another_is_given_or_it_is_removed(
    admin_client: Client, agent: VoiceAgent
) -> None:
    page = f"{URL}{agent.pk}/change/"
    for change, kept in (
        ({"voice": "ivy"}, "sk-hunter2"),
        ({"new_secret": "sk-new"}, "sk-new"),
        ({"remove_secret": "on"}, ""),
    ):
        response = admin_client.post(page, form_of(agent) | change)
        assert response.status_code == 302, response.context["adminform"].form.errors
        assert VoiceAgent.objects.get().secret == kept


def test_the_secrets_of_tools_are_not_shown_and_stay(
    admin_client: Client, agent: VoiceAgent
) -> None:
    tools = [
        {
            "type": "function",
            "name": "look",
            "http": {"headers": {"Authorization": "Bearer hunter2"}},
        }
    ]
    VoiceAgent.objects.update(tools=tools)
    page = f"{URL}{agent.pk}/change/"
    response = admin_client.get(page)
    assert b"hunter2" not in response.content
    shown = response.context["adminform"].form["tools"].value()
    assert '"***"' in shown
    for change in ({"voice": "ivy"}, {"tools": shown, "voice": "leo"}):
        assert (
            admin_client.post(page, form_of(agent) | {"tools": shown} | change).status_code == 302
        )
        assert VoiceAgent.objects.get().tools == tools
    response = admin_client.post(page, form_of(agent) | {"tools": shown.replace("look", "find")})
    assert b"[0].http.headers.Authorization" in response.content


def test_what_is_not_allowed_is_said(admin_client: Client, agent: VoiceAgent) -> None:
    response = admin_client.post(
        f"{URL}{agent.pk}/change/", form_of(agent) | {"tools": '[{"name": "a b"}]'}
    )
    assert b"[0].name" in response.content
