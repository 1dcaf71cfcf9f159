"""Each setting of a voice agent is in every place that has them all; a new one is in none."""

from typing import Any

import pytest
from django.contrib.admin.utils import flatten_fieldsets

from agents.admin import VoiceAgentAdmin
from agents.models import VoiceAgent
from agents.services import create_agent
from api.agents.record import place_of, record_of
from api.agents.shape import AgentUpdate
from dashboard.agents.call_forms import AgentAudioForm, AgentCallsForm
from dashboard.agents.forms import AgentForm
from provisioning.problems import Problems
from provisioning.reader import read
from provisioning.schema import parse

SETTINGS = {
    field.name
    for field in VoiceAgent._meta.concrete_fields
    if field.editable and not field.primary_key
} | {"secret"}
FALLBACK = {"fallback_connection", "fallback_trunk", "fallback_number"}
"One setting to whoever reads or writes it."
LEAST = {"name": "support", "dialect": "openai", "url": "wss://a.example/v1", "voice": "ash"}


def test_the_admin_site_has_every_setting() -> None:
    shown = {"secret" if name == "new_secret" else name for name in _names(VoiceAgentAdmin)}
    assert SETTINGS - shown == set()


def _names(site: type[VoiceAgentAdmin]) -> list[Any]:
    return flatten_fieldsets(site.fieldsets)


def test_the_pages_have_every_setting() -> None:
    forms = (AgentForm, AgentAudioForm, AgentCallsForm)
    shown = {name for form in forms for name in form.base_fields}
    shown = {"secret" if name == "new_secret" else name for name in shown}
    assert SETTINGS - FALLBACK - shown == {"enabled", "codecs"}  # a button, the picker
    assert "fallback" in shown


@pytest.mark.django_db
def test_the_api_has_every_setting() -> None:
    record = record_of(create_agent(values=LEAST, secret="sk-1")).model_dump()
    assert [name for name in SETTINGS if not _is_in(record, place_of(name))] == []
    assert record.keys() - AgentUpdate.model_fields.keys() == {"id", "created_at", "updated_at"}


def _is_in(value: Any, place: tuple[str, ...]) -> bool:
    return not place or (place[0] in value and _is_in(value[place[0]], place[1:]))


def test_a_file_has_every_setting() -> None:
    lines = "".join(f"\n  {name}: {value}" for name, value in LEAST.items())
    specs = parse(read(f"agents:\n- {lines.lstrip()}\n"), Problems("f")).agents
    assert specs is not None
    told = specs[0].values.keys() | {"name", "secret", "enabled"}
    assert told == SETTINGS - FALLBACK
