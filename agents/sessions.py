"""A stored voice agent as its dialect is given it."""

from agents.dialects.interface import Session
from agents.formats import AudioFormat, Encoding
from agents.models import VoiceAgent


def session_of(agent: VoiceAgent) -> Session:
    """Return the session of a conversation that belongs to no call."""
    return Session(
        url=agent.url,
        secret=agent.secret,
        agent_id=agent.agent_id,
        system_prompt=agent.system_prompt,
        greeting=agent.greeting,
        voice=agent.voice,
        tools=tuple(agent.tools),
        keyterms=tuple(agent.keyterms),
        turn_detection=dict(agent.turn_detection),
        input=AudioFormat(Encoding(agent.input_encoding)),
        output=AudioFormat(Encoding(agent.output_encoding)),
        volume=agent.volume,
        transcribes=agent.keeps_transcript,
        transcription_model=agent.transcription_model,
        account=agent.account,
    )
