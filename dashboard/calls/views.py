"""The live pages: fetch, render. The websockets in `consumers` keep them up to date."""

import json
import uuid
from http import HTTPStatus
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response

from audit.services import did
from callengine.models import Call
from callengine.notices.commands import ChangeAgentSettings, HangUpCall, Transfer
from callengine.notices.groups import ENGINES, tell
from callengine.record import agents, reading
from callengine.record.masking import without_passwords
from callengine.record.reading import whole_snapshot, with_details
from dashboard.calls import ladderfiles, lists
from dashboard.calls.agents import kind_of, present_spoken
from dashboard.calls.forms import AgentChangeForm, TransferForm
from dashboard.calls.ladder import present_ladder
from dashboard.calls.listeners import listeners
from dashboard.calls.plots import with_measures
from dashboard.calls.prediction import present_lab_call
from dashboard.calls.presenters import present_call
from dashboard.calls.untold import as_told, without_engine
from dashboard.parts import engines
from dashboard.parts.access import is_fragment, requires

POLL_AGE_S = 1.0
"A page that says `Cache-Control: max-age=1`, as one that polls does, is content with that."


@requires("callengine.view_call")
def calls(request: HttpRequest) -> HttpResponse:
    """List the calls in progress, and the last ones that ended."""
    may_add = request.user.has_perm("connections.add_connection")
    if not is_fragment(request):
        context = lists.context(lists.lists(), may_add=may_add) | {"is_wall": "wall" in request.GET}
        return render(request, "calls/list.html", context)
    polls = request.headers.get("Cache-Control") == "max-age=1"
    page = lists.rendered(may_add=may_add, at_most_old_s=POLL_AGE_S if polls else 0.0)
    answer = HttpResponse(page.html, headers={"ETag": page.etag})
    return get_conditional_response(request, etag=page.etag, response=answer) or answer


@requires("callengine.view_call")
def call(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Show one call, in progress or ended."""
    return _page(request, "calls/call.html", "calls/_call.html", _call_context(call_uuid))


def _call_context(
    call_uuid: uuid.UUID,
    transfer_form: TransferForm | None = None,
    agent_form: AgentChangeForm | None = None,
) -> dict[str, Any]:
    record = get_object_or_404(with_details(Call.objects.all()), pk=call_uuid)
    told = as_told(record, whole_snapshot(record), without_engine([record]))
    view = present_call(told, now=timezone.now())
    return {
        "call_listeners": listeners(told["events"], live=view.live),
        "call": with_measures(view, reading.histories(record)),
        "call_uuid": call_uuid,
        "place": reverse("calls" if view.live else "history"),
        "ladder": present_ladder(view, reading.ladder(record)),
        "record": record,
        "plan": without_passwords(json.dumps(record.plan, indent=2, ensure_ascii=False)),
        "lab": present_lab_call(told, record.plan),
        "transfer_form": transfer_form or TransferForm(),
        "spoken": [present_spoken(line) for line in agents.spoken(record)],
        "agent_form": agent_form or AgentChangeForm(kind=kind_of(told.get("agents", ()))),
    }


@requires("callengine.view_call")
def call_quality(request: HttpRequest, call_uuid: uuid.UUID) -> JsonResponse:
    """Return the quality of each leg over the whole call, for its plots: leg name -> columns."""
    return JsonResponse(reading.histories(get_object_or_404(Call, pk=call_uuid)))


def _parties(record: Call) -> str:
    return f"{record.from_user} to {record.to_user}"


@requires(post="callengine.change_call")
def hang_up(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Ask the engine to end the call; the page shows it when it has ended."""
    record = get_object_or_404(Call, pk=call_uuid)
    if record.ended is None:
        did("hung up", row=record, name=_parties(record))
        async_to_sync(tell)(ENGINES, HangUpCall(str(call_uuid), by=request.user.get_username()))
    if is_fragment(request):
        return render(request, "calls/_hangup_sent.html", {"ended": record.ended is not None})
    text = "The call had already ended." if record.ended else "Hanging up: the engine was told."
    messages.info(request, text)
    return redirect("call", call_uuid=call_uuid)


@requires(post="callengine.change_call")
def transfer(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Ask the engine to connect the caller with somebody else; the timeline shows how it goes."""
    record, form = get_object_or_404(Call, pk=call_uuid), TransferForm(request.POST)
    if not form.is_valid():
        return _transfer_again(request, call_uuid, form)
    to, text = form.cleaned_data["to"], "The call had already ended."
    if record.ended is None:
        by = request.user.get_username()
        did(f"transferred to {to.words}", row=record, name=_parties(record))
        async_to_sync(tell)(ENGINES, Transfer(str(call_uuid), to=to.dialled, by=by))
        text = f"Transferring to {to.words}: the timeline shows how it goes."
    if is_fragment(request):
        context = {"call_uuid": call_uuid, "transfer_form": TransferForm(), "transfer_said": text}
        return render(request, "calls/_transfer_form.html", context)
    messages.info(request, text)
    return redirect("call", call_uuid=call_uuid)


def _transfer_again(request: HttpRequest, call_uuid: uuid.UUID, form: TransferForm) -> HttpResponse:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if is_fragment(request):
        context = {"call_uuid": call_uuid, "transfer_form": form}
        return render(request, "calls/_transfer_form.html", context, status=status)
    return render(request, "calls/call.html", _call_context(call_uuid, form), status=status)


@requires(post="callengine.change_call")
def change_agent(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Ask the engine to change settings of the agent's session; the timeline shows what came."""
    record = get_object_or_404(Call, pk=call_uuid)
    up = [s for s in agents.session_snapshots(record) if record.ended is None]
    form = AgentChangeForm(request.POST, kind=kind_of(up))
    if not form.is_valid():
        return _agent_form(request, call_uuid, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    leg = [session["leg"] for session in up if session["state"] != "ended"][-1]
    text, by = json.dumps(form.settings, ensure_ascii=False), request.user.get_username()
    what = f"changed settings of the voice agent: {', '.join(form.settings)}"
    did(what, row=record, name=_parties(record))
    async_to_sync(tell)(ENGINES, ChangeAgentSettings(str(call_uuid), leg, text, by))
    said = f"The agent is told: {', '.join(form.settings)}. The timeline shows what it says."
    if is_fragment(request):
        return _agent_form(request, call_uuid, AgentChangeForm(kind=kind_of(up)), said=said)
    messages.info(request, said)
    return redirect("call", call_uuid=call_uuid)


def _agent_form(
    request: HttpRequest,
    call_uuid: uuid.UUID,
    form: AgentChangeForm,
    *,
    said: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    if is_fragment(request):
        context = {"call_uuid": call_uuid, "agent_form": form, "agent_said": said}
        return render(request, "calls/_agent_form.html", context, status=status)
    context = _call_context(call_uuid, agent_form=form)
    return render(request, "calls/call.html", context, status=status)


@requires("callengine.view_enginenode")
def engine(request: HttpRequest) -> HttpResponse:
    """Show the engine pill alone; the top bar of every page asks for it now and then."""
    return render(request, "calls/_engine.html", {"engine": engines.pill()})


def _page(
    request: HttpRequest, template: str, fragment: str, context: dict[str, Any]
) -> HttpResponse:
    if is_fragment(request):
        return render(request, fragment, context)
    return render(request, template, context)


@requires("callengine.view_call")
def ladder_text(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Return the SIP ladder as text, to be sent to whoever runs the other side."""
    record = get_object_or_404(Call, pk=call_uuid)
    title = f"Call {record.id}: {_parties(record)}, started {record.started:%Y-%m-%d %H:%M:%S %Z}"
    text = ladderfiles.ladder_text(title, reading.ladder(record))
    return _file(text.encode(), "text/plain; charset=utf-8", f"call-{record.id}.txt")


@requires("callengine.view_call")
def ladder_capture(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Return the SIP ladder as a capture that Wireshark opens."""
    record = get_object_or_404(Call, pk=call_uuid)
    capture = b"".join(ladderfiles.capture(reading.ladder(record)))
    return _file(capture, "application/vnd.tcpdump.pcap", f"call-{record.id}.pcap")


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=kind, headers=headers)
