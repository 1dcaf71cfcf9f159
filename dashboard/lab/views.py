"""The codec lab: the four lists of a made-up call meet on paper, and then in a real one."""

import uuid
from collections.abc import Collection, Sequence

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from agents.models import VoiceAgent
from audiocodecs.catalogue import CATALOGUE
from audit.services import did
from callengine.core.directory import Platform
from callengine.core.lab import LabCase, Prediction, predict
from callengine.directory import lookup
from callengine.lab.labcall import LabOrder
from callengine.lab.messages import NotPlacedError, place_lab_call
from callengine.models import Call
from callengine.record.reading import snapshot, with_details
from connections.models import Connection
from dashboard.calls.prediction import present_lab_call
from dashboard.calls.presenters import present_call
from dashboard.lab.form import EXAMPLES, LabForm, TalkForm
from dashboard.lab.presenters import present_lab
from dashboard.parts import engines
from dashboard.parts.access import is_fragment, requires
from dashboard.parts.cases import query, values
from dashboard.parts.shown import EngineView
from trunks.models import Trunk

SUGGESTED = 20
"Names offered while somebody types one."
_PERMISSIONS = {
    "connection": "connections.view_connection",
    "trunk": "trunks.view_trunk",
    "agent": "agents.view_voiceagent",
}
"To see the rows of a kind of end."
EXTERNAL_OFF = (
    "Settings let no unknown callers in: such a call is refused with 403 before its codecs are "
    "looked at."
)


@requires("callengine.view_call")
def lab(request: HttpRequest) -> HttpResponse:
    """Compare the lists of the case in the address; without one, of the first example."""
    given = request.GET if any(name in LabForm.base_fields for name in request.GET) else None
    data = QueryDict(EXAMPLES[0].query) if given is None else given
    hidden = _hidden_kinds(request)
    form = LabForm(data, auto_id="lab-%s", hidden=hidden)
    engine = engines.pill()
    context = {
        "form": form,
        "examples": EXAMPLES,
        "talk": TalkForm(),
        **{f"{end}_names": _suggested(data, end, hidden) for end in ("source", "destination")},
    }
    if form.is_valid():
        platform = _platform(engine)
        prediction = predict(form.case, form.ends, platform)
        remarks = [*form.ends.remarks, *_remarks(form.case, prediction, platform, engine)]
        context |= {
            "result": present_lab(form.case, prediction, remarks=remarks),
            "values": values(form.case),
            "query": query(form.case),
        }
    response = render(request, "lab/lab.html", context)
    if is_fragment(request):
        kept = query(form.case) if form.is_valid() else data.urlencode()
        response["HX-Replace-Url"] = f"{reverse('lab')}?{kept}"
    return response


@requires(post="callengine.add_call")
def lab_call(request: HttpRequest) -> HttpResponse:
    """Have an engine place the case between two built-in phones, and lead to the call's page."""
    form = LabForm(request.POST, hidden=_hidden_kinds(request))
    talk = TalkForm(request.POST)
    if not form.is_valid() or not talk.is_valid():
        problems = [f"{label}: {text}" for label, text in form.problems()]
        problems += [str(text) for errors in talk.errors.values() for text in errors]
        messages.error(request, " ".join(["Not called.", *problems]))
        return redirect("lab")
    back = f"{reverse('lab')}?{query(form.case)}"
    prediction = predict(form.case, form.ends, _platform(engines.pill()))
    if prediction.rejection is not None:
        messages.error(request, f"Not called. {prediction.rejection.advice}")
        return redirect(back)
    order = LabOrder(
        case=form.case,
        predicted=prediction.summary(),
        by=request.user.get_username(),
        talk_s=talk.cleaned_data["talk_s"],
    )
    try:
        placed = async_to_sync(place_lab_call)(order)
    except NotPlacedError as error:
        messages.error(request, f"Not called. {error}")
        return redirect(back)
    did("placed a call of the codec lab", kind="callengine.call", name=placed)
    return redirect("call", call_uuid=uuid.UUID(placed))


@requires("callengine.view_call")
def lab_outcome(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Show what was predicted of a lab call beside what it did; asked for until that is known."""
    record = get_object_or_404(with_details(Call.objects.all()), pk=call_uuid)
    call = snapshot(record)
    placed = present_lab_call(call, record.plan)
    if placed is None:
        return redirect("call", call_uuid=call_uuid)
    context = {"call": present_call(call, now=timezone.now()), "lab": placed}
    if is_fragment(request):
        return render(request, "lab/_outcome.html", context)
    return render(request, "lab/outcome.html", context)


def _platform(engine: EngineView) -> Platform:
    """Return the platform list, with what some running engine can do; all if none runs."""
    stored = lookup.platform()
    running = [chip.name for node in engine.nodes if node.up for chip in node.chips]
    return Platform(stored.codecs, stored.external_sip, tuple(dict.fromkeys(running or CATALOGUE)))


def _remarks(
    case: LabCase, prediction: Prediction, platform: Platform, engine: EngineView
) -> Sequence[str]:
    remarks = []
    if case.source == "unknown" and prediction.rejection is None and not platform.external_sip:
        remarks.append(EXTERNAL_OFF)
    named = {*case.caller, *case.callee}
    for node in engine.nodes:
        if node.up:
            lacking = ((chip.name, why) for chip, why in node.unavailable)
            remarks += [f"{node.name}: {why}" for name, why in lacking if name in named]
    return remarks


def _hidden_kinds(request: HttpRequest) -> tuple[str, ...]:
    """Return the kinds of ends whose rows the reader may not see."""
    return tuple(kind for kind, needed in _PERMISSIONS.items() if not request.user.has_perm(needed))


def _suggested(data: QueryDict, end: str, hidden: Collection[str]) -> list[tuple[str, str]]:
    """Return names that hold what was typed, each with what a person calls it."""
    kind = data.get(end, "")
    typed = data.get(f"{end}_name", "").replace("\x00", "")[:100]
    if kind in hidden:
        return []
    if kind == "connection":
        rows = Connection.objects.filter(sip_user__icontains=typed).order_by("sip_user")
        return list(rows.values_list("sip_user", "name")[:SUGGESTED])
    if kind in ("trunk", "agent"):
        model: type[Trunk | VoiceAgent] = Trunk if kind == "trunk" else VoiceAgent
        names = model.objects.filter(name__icontains=typed).order_by("name")
        return [(name, "") for name in names.values_list("name", flat=True)[:SUGGESTED]]
    return []
