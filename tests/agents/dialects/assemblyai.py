"""AssemblyAI's dialect as its tables want it: opened, or ready, and what its server says."""

from typing import Any

from agents.dialects.assemblyai import AssemblyAI
from agents.dialects.interface import Effect
from tests.agents.dialects.tables import session, text

DONE = text(type="reply.done", status="completed")
INTERRUPTED = text(type="reply.done", status="interrupted")
STARTED = text(type="reply.started")


def opened(**settings: Any) -> AssemblyAI:
    dialect = AssemblyAI(session(**{"system_prompt": "Be brief."} | settings))
    dialect.opened(0.0)
    return dialect


def ready(config: object = None, **settings: Any) -> AssemblyAI:
    dialect = opened(**settings)
    dialect.received(text(type="session.ready", session_id="s-1", config=config), 0.0)
    return dialect


def call(name: str, call_id: str = "c-1", arguments: object = None) -> str:
    return text(type="tool.call", call_id=call_id, name=name, arguments=arguments)


def after(dialect: AssemblyAI, *messages: str, now: float = 1.0) -> list[Effect]:
    return [effect for message in messages for effect in dialect.received(message, now)]
