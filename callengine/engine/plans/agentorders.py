"""What a call process is told of a voice agent: its settings as they are now, and of the caller."""

from collections.abc import Mapping
from functools import partial

from agents.limits import MAX_PARAMETER_VALUE, MAX_PARAMETERS
from callengine.core.directory import AgentEntry
from callengine.core.orders import AgentOrder
from callengine.core.plan import CallPlan
from callengine.directory import lookup
from callengine.directory.current import Ask
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.plans.order import AgentOrderOf, NoTargetError


class AgentOrders:
    """Reads agents as they are ordered: plans name them and hold no secret."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def of(self, call: LiveCall, plan: CallPlan) -> AgentOrderOf:
        """Return what makes the order of an agent of a plan, by its name."""
        return partial(self._order, call, plan)

    async def _order(self, call: LiveCall, plan: CallPlan, name: str) -> AgentOrder:
        entry = await self._ask(lookup.agent, name)
        if entry is None:
            raise NoTargetError(
                f"The agent {name} was left out: it has just been deleted or disabled."
            )
        return agent_order(entry, plan, headers=call.headers, sip_call_id=call.sip_call_id)


def agent_order(
    entry: AgentEntry, plan: CallPlan, *, headers: Mapping[str, str], sip_call_id: str
) -> AgentOrder:
    """Return an agent's order for a call; `headers` are the caller's, by small names."""
    return AgentOrder(
        name=entry.name,
        dialect=entry.dialect,
        url=entry.url,
        secret=entry.secret,
        agent_id=entry.agent_id,
        system_prompt=entry.system_prompt,
        greeting=entry.greeting,
        voice=entry.voice,
        transcription_model=entry.transcription_model,
        tools=entry.tools,
        keyterms=entry.keyterms,
        turn_detection=entry.turn_detection,
        input=entry.input,
        output=entry.output,
        volume=entry.volume,
        parameters=parameters(entry.headers, headers),
        account=entry.account,
        max_duration_s=float(entry.max_duration_s or 0),
        silence_timeout_s=float(entry.silence_timeout_s or 0),
        ready_timeout_s=float(entry.ready_timeout_s),
        keeps_transcript=entry.keeps_transcript,
        answers_at_once=entry.answers_at_once,
        from_user=plan.from_user,
        to_user=plan.to_user,
        sip_call_id=sip_call_id,
    )


def parameters(wanted: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that an agent gets of SIP headers, by its map of header to name.

    They are words for the agent: nothing here or in a call process is decided by them.
    """
    told = {
        parameter: headers[header.lower()][:MAX_PARAMETER_VALUE]
        for header, parameter in wanted.items()
        if header.lower() in headers
    }
    return dict(list(told.items())[:MAX_PARAMETERS])
