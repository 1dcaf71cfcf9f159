"""An agent's order, as its dialect wants it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents.dialects.interface import Session
from agents.formats import AudioFormat
from callengine.core.orders import AgentOrder


def session_of(order: AgentOrder, call_uuid: str) -> Session:
    """Return the session that an order asks for."""
    return Session(
        url=order.url,
        secret=order.secret,
        agent_id=order.agent_id,
        system_prompt=order.system_prompt,
        greeting=order.greeting,
        voice=order.voice,
        tools=tuple(json.loads(order.tools or "[]")),
        keyterms=order.keyterms,
        turn_detection=json.loads(order.turn_detection or "{}"),
        input=AudioFormat(order.input),
        output=AudioFormat(order.output),
        volume=order.volume,
        transcribes=order.keeps_transcript,
        transcription_model=order.transcription_model,
        parameters=dict(order.parameters),
        call_uuid=call_uuid,
        sip_call_id=order.sip_call_id,
        from_user=order.from_user,
        to_user=order.to_user,
        account=order.account,
    )


def changed(session: Session, settings: Mapping[str, Any]) -> Session:
    """Return a session with settings that were changed while it lasted, as JSON gives them."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    return replace(session, **values)
