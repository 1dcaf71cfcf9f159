"""`/v1/agents`: list, make, show, change, delete."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Status

from agents.fitness import default_encodings
from agents.models import VoiceAgent
from agents.services import create_agent, delete_agent, patch_agent
from agents.validators import check_sample_rate
from api.agents.concealed import revealed
from api.agents.record import place_of, record_of, sample_rates, values_of, with_defaults
from api.agents.shape import AgentList, AgentRecord, AgentUpdate, NewAgent
from api.keys.scopes import Scope
from api.rest.errors import HIDDEN, ApiError, Detail, detail, refusal
from api.rest.pages import Paging, page
from api.rest.responses import WITH_BODY, operation
from api.rest.validation import raised, refused

router = Router(tags=["Voice agents"])
READ, WRITE = Scope.AGENTS_READ, Scope.AGENTS_WRITE
GONE = HTTPStatus.NOT_FOUND


@router.get("/agents", **operation(READ, HTTPStatus.OK, AgentList))
def list_agents(request: HttpRequest, paging: Query[Paging]) -> AgentList:
    """Return a page of voice agents, oldest first; `next_cursor` is null on the last one."""
    rows, after = page(_agents(), paging)
    return AgentList(agents=[record_of(row) for row in rows], next_cursor=after)


@router.post("/agents", **operation(WRITE, HTTPStatus.CREATED, AgentRecord, also=WITH_BODY))
def make_agent(request: HttpRequest, body: NewAgent) -> Status[AgentRecord]:
    """Make a voice agent. What is left out has its default."""
    sent = body.model_dump(exclude_unset=True)
    values = with_defaults(values_of(sent))
    secret = sent.get("secret", "")
    wrong = _wrong_rates(sent, values, default_encodings(values["dialect"]))
    wrong += _whole_tools(values, [])
    if secret == HIDDEN:
        msg = "*** stands for a secret that is kept, and a new agent has none: send the secret."
        wrong.append(detail(("body", "secret"), msg, kind="value", value=HIDDEN))
    if wrong:
        raise raised(wrong)
    try:
        agent = create_agent(values=values, secret=secret)
    except ValidationError as error:
        raise refused(error, sent, place_of) from None
    return Status(HTTPStatus.CREATED, record_of(agent))


@router.get("/agents/{agent_id}", **operation(READ, HTTPStatus.OK, AgentRecord, also=(GONE,)))
def show_agent(request: HttpRequest, agent_id: uuid.UUID) -> AgentRecord:
    """Return a voice agent."""
    return record_of(_found(agent_id))


@router.patch(
    "/agents/{agent_id}",
    **operation(WRITE, HTTPStatus.OK, AgentRecord, also=(GONE, *WITH_BODY)),
)
def change_agent(request: HttpRequest, agent_id: uuid.UUID, body: AgentUpdate) -> AgentRecord:
    """Change what the body names, deep: `{"output": {"volume": 60}}` keeps the format.

    Calls under way keep what they began with.
    """
    agent = _found(agent_id)
    sent = body.model_dump(exclude_unset=True)
    changes = values_of(sent)
    secret = None if sent.get("secret") == HIDDEN else sent.get("secret")
    wrong = _wrong_rates(sent, changes, (agent.input_encoding, agent.output_encoding))
    wrong += _whole_tools(changes, agent.tools)
    if wrong:
        raise raised(wrong)
    try:
        return record_of(patch_agent(pk=agent.pk, changes=changes, secret=secret))
    except ValidationError as error:
        raise refused(error, sent, place_of) from None
    except VoiceAgent.DoesNotExist:
        raise _none(agent_id) from None


@router.put(
    "/agents/{agent_id}",
    **operation(WRITE, HTTPStatus.OK, AgentRecord, also=(GONE, *WITH_BODY)),
)
def update_agent(request: HttpRequest, agent_id: uuid.UUID, body: AgentUpdate) -> AgentRecord:
    """Change what the body names and leave the rest, as PATCH does."""
    return change_agent(request, agent_id, body)


@router.delete(
    "/agents/{agent_id}",
    **operation(WRITE, HTTPStatus.NO_CONTENT, None, also=(GONE, HTTPStatus.CONFLICT)),
)
def remove_agent(request: HttpRequest, agent_id: uuid.UUID) -> Status[None]:
    """Delete a voice agent, unless a number, a route or a connection leads to it."""
    try:
        leading = delete_agent(pk=_found(agent_id).pk)
    except VoiceAgent.DoesNotExist:
        raise _none(agent_id) from None
    if leading:
        raise ApiError(HTTPStatus.CONFLICT, [_in_use(one) for one in leading])
    return Status(HTTPStatus.NO_CONTENT, None)


def _agents() -> QuerySet[VoiceAgent]:
    return VoiceAgent.objects.select_related("fallback_connection", "fallback_trunk")


def _found(agent_id: uuid.UUID) -> VoiceAgent:
    agent = _agents().filter(uid=agent_id).first()
    if agent is None:
        raise _none(agent_id)
    return agent


def _none(agent_id: uuid.UUID) -> ApiError:
    msg = "There is no voice agent of this id."
    return refusal(GONE, ("path", "agent_id"), msg, kind="not_found", value=str(agent_id))


def _in_use(by: str) -> Detail:
    msg = f"The {by} leads to this voice agent. Let it lead elsewhere first."
    return detail(("path", "agent_id"), msg, kind="in_use", value=by)


def _wrong_rates(
    sent: Mapping[str, Any], values: Mapping[str, Any], otherwise: tuple[str, str]
) -> list[Detail]:
    """Return each sample rate that is not the one of its direction's encoding."""
    wrong = []
    encodings = dict(zip(("input", "output"), otherwise, strict=True))
    for direction, rate in sample_rates(sent):
        encoding = values.get(f"{direction}_encoding", encodings[direction])
        try:
            check_sample_rate(encoding, rate)
        except ValidationError as error:
            loc = ("body", direction, "format", "sample_rate")
            allowed = str(error.params["allowed"]) if error.params else None
            msg = f"The sample rate of {encoding} is another one."
            wrong.append(detail(loc, msg, kind="value", value=rate, allowed=allowed))
    return wrong


def _whole_tools(values: dict[str, Any], stored: list[dict[str, Any]]) -> list[Detail]:
    """Have `values` hold tools as they are stored, and return what is wrong with them."""
    if "tools" not in values:
        return []
    tools = [{"type": "function", **tool} for tool in values["tools"]]
    values["tools"], wrong = revealed(tools, stored, loc=("body", "tools"))
    return wrong
