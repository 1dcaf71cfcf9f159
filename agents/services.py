"""What others may do with voice agents; each function owns its transaction."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import transaction

from agents.fitness import default_encodings
from agents.models import VoiceAgent
from agents.references import fallback_fields
from agents.validators import validate_secret
from sip.revisions import save

MERGED = ("turn_detection", "headers")
"Fields that are mappings: a change of them is merged into what is stored."
KEYS = {"number": "number", "route": "prefix", "connection": "sip_user"}
"What a person calls a row of the models that lead to agents."
_OURS = frozenset({"id", "uid", "secret", "created_at", "updated_at"})


@transaction.atomic
def create_agent(*, values: Mapping[str, Any], secret: str = "") -> VoiceAgent:
    """Store a new agent; a format that is not told is audio/pcm, or the dialect's only one.

    `values` are fields by name, and `fallback` as a reference. Raises ValidationError, whose
    `error_dict` names the fields that are not allowed.
    """
    agent = VoiceAgent()
    agent.input_encoding, agent.output_encoding = default_encodings(values.get("dialect", ""))
    _set(agent, values)
    return _store(agent, secret)


@transaction.atomic
def patch_agent(*, pk: int, changes: Mapping[str, Any], secret: str | None = None) -> VoiceAgent:
    """Change these fields of an agent and leave the others; mappings are merged, deep.

    In a mapping None takes the key away (RFC 7396). `secret` None keeps it. Raises
    ValidationError as `create_agent` does, VoiceAgent.DoesNotExist if it was deleted.
    """
    agent = VoiceAgent.objects.select_for_update().get(pk=pk)
    merged = {
        name: merge(getattr(agent, name), value)
        if name in MERGED and isinstance(value, Mapping)
        else value
        for name, value in changes.items()
    }
    _set(agent, merged)
    return _store(agent, agent.secret if secret is None else secret)


def merge(stored: Any, change: Any) -> Any:
    """Return JSON with a change merged into it (RFC 7396)."""
    if not isinstance(change, Mapping):
        return change
    merged = dict(stored) if isinstance(stored, Mapping) else {}
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def _set(agent: VoiceAgent, values: Mapping[str, Any]) -> None:
    errors: dict[str, Any] = {}
    for name, value in values.items():
        if name == "fallback":
            try:
                fields = fallback_fields(value)
            except ValidationError as error:
                errors["fallback"] = error
                continue
            for field, row in fields.items():
                setattr(agent, field, row)
            continue
        _check_field(name)
        setattr(agent, name, value)
    if errors:
        raise ValidationError(errors)


def _check_field(name: str) -> None:
    try:
        VoiceAgent._meta.get_field(name)
    except FieldDoesNotExist:
        is_field = False
    else:
        is_field = name not in _OURS
    if not is_field:
        raise ValueError(f"{name!r} is no field of a voice agent that can be set")


def _store(agent: VoiceAgent, secret: str) -> VoiceAgent:
    try:
        validate_secret(secret)
    except ValidationError as error:
        raise ValidationError({"secret": error}) from None
    agent.secret = secret
    agent.full_clean()
    save(agent)
    return agent


def set_secret(*, pk: int, secret: str) -> bool:
    """Keep another secret, none if it is empty; return whether there is such an agent.

    Raises ValidationError for what cannot stand in a header.
    """
    validate_secret(secret)
    agent = VoiceAgent.objects.filter(pk=pk).first()
    if agent is None:
        return False
    agent.secret = secret
    agent.save(update_fields=["secret"])
    return True


def set_enabled(*, pk: int, enabled: bool) -> bool:
    """Let calls reach an agent, or not; return whether that changed anything."""
    with transaction.atomic():
        row = VoiceAgent.objects.select_for_update().exclude(enabled=enabled).filter(pk=pk).first()
        if row is not None:
            row.enabled = enabled
            row.save(update_fields=["enabled"])
        return row is not None


def uses(*, agent: VoiceAgent) -> list[str]:
    """Return who leads to an agent: `number +12025550177`, `route +44`, `connection alice`."""
    return [
        f"{related.related_model._meta.verbose_name} {key}"
        for related in VoiceAgent._meta.related_objects
        for key in related.related_model._default_manager.filter(
            **{related.field.name: agent}
        ).values_list(KEYS[str(related.related_model._meta.model_name)], flat=True)
    ]


@transaction.atomic
def delete_agent(*, pk: int) -> list[str]:
    """Delete an agent, unless something leads to it: that is returned, as `uses` says it.

    Calls on record stay. Raises VoiceAgent.DoesNotExist if it is gone.
    """
    agent = VoiceAgent.objects.select_for_update().get(pk=pk)
    leading = uses(agent=agent)
    if not leading:
        agent.delete()
    return leading
