"""Voice agents: the list, one agent's parts, and a trial of it."""

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import django_filters
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from agents import services
from agents.builtin.place import builtin_url
from agents.dialects.registry import DIALECTS
from agents.formats import Encoding
from agents.meaning import Direction
from agents.models import VoiceAgent
from agents.sessions import session_of
from audit.services import did
from dashboard.agents import presenters
from dashboard.agents.call_forms import AgentAudioForm, AgentCallsForm
from dashboard.agents.forms import AgentAddForm, AgentForm
from dashboard.agents.trial import Trial, try_agent
from dashboard.calls.lately import recent_calls
from dashboard.parts.access import is_fragment, requires
from dashboard.parts.saving import is_done, is_stored
from dashboard.parts.tables import listing
from sip.revisions import save

SORTS = {
    "name": ("name",),
    "state": ("-enabled", "name"),
    "dialect": ("dialect", "name"),
    "numbers": ("number_count", "name"),
}
AT_ONCE = 4
"Trials that one process makes beside each other."
_trials = threading.BoundedSemaphore(AT_ONCE)
SAVED = "Saved. It holds for the next call."


class AgentFilter(django_filters.FilterSet):  # type: ignore[misc]
    """What the list of agents is searched and filtered by."""

    q = django_filters.CharFilter(label="Search", method="search", max_length=100)
    dialect = django_filters.ChoiceFilter(
        label="Speaks",
        empty_label="All",
        choices=lambda: [(kind.name, kind.label) for kind in DIALECTS.values()],
    )
    state = django_filters.ChoiceFilter(
        label="State",
        empty_label="All",
        choices=(("enabled", "Enabled"), ("disabled", "Disabled")),
        method="by_state",
    )

    def search(self, rows: QuerySet[VoiceAgent], _name: str, text: str) -> QuerySet[VoiceAgent]:
        """Keep those whose name, address or stored agent holds the text."""
        return rows.filter(
            Q(name__icontains=text) | Q(url__icontains=text) | Q(agent_id__icontains=text)
        )

    def by_state(self, rows: QuerySet[VoiceAgent], _name: str, word: str) -> QuerySet[VoiceAgent]:
        """Keep the enabled or the disabled ones."""
        return rows.filter(enabled=word == "enabled")


@requires("agents.view_voiceagent")
def agents(request: HttpRequest) -> HttpResponse:
    """List the voice agents."""
    rows = VoiceAgent.objects.annotate(number_count=Count("numbers"))
    rows = rows.select_related("fallback_connection", "fallback_trunk")
    page = listing(request, AgentFilter, rows, sorts=SORTS)
    context = {
        "listing": page,
        "rows": presenters.agent_rows(page.rows),
        "builtin_url": builtin_url(django_settings.VOIPNUMBER_BUILTIN_AGENT),
    }
    return render(request, "agents/list.html", context)


@requires("agents.add_voiceagent", post="agents.add_voiceagent")
@sensitive_post_parameters("new_secret")
def add(request: HttpRequest) -> HttpResponse:
    """Add an agent; its page has all the rest. `?name=`, `?dialect=` and `?url=` fill the form."""
    if request.method == "POST" and request.POST.get("do") != "show":
        form = AgentAddForm(request.POST)
        if is_done(form, partial(save, form.instance)):
            messages.success(
                request, f"{form.instance} is added. Test it, and lead a number to it."
            )
            return redirect("agent", form.instance.pk)
        return render(request, "agents/add.html", {"form": form}, status=422)
    typed = (request.POST if request.method == "POST" else request.GET).dict()
    form = AgentAddForm(typed_so_far={"dialect": next(iter(DIALECTS)), **typed})
    template = "agents/_by_dialect.html" if is_fragment(request) else "agents/add.html"
    return render(request, template, {"form": form})


@requires("agents.view_voiceagent")
def agent(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Show what leads to an agent and what happened to it; it can be tested here."""
    return _overview(request, agent_id)


def _overview(request: HttpRequest, agent_id: int, **more: Any) -> HttpResponse:
    row = _row(agent_id)
    may_see_calls = request.user.has_perm("callengine.view_call")
    context = {
        "uses": presenters.uses_of(row),
        "idle": presenters.idle(row),
        "calls": recent_calls(row.label) if may_see_calls else [],
        **presenters.meanings_of(row),
        **more,
    }
    return _part(request, row, "overview", context)


@requires("agents.view_voiceagent", post="agents.change_voiceagent")
@sensitive_post_parameters("new_secret")
def settings(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Show and change who the agent is and how it is reached.

    `do=show` stores nothing: the form comes back with the settings of the dialect it names.
    """
    row = _row(agent_id)
    shows = request.method == "POST" and request.POST.get("do") == "show"
    if shows:
        form = AgentForm(instance=row, typed_so_far=request.POST.dict())
        if is_fragment(request):
            return render(request, "agents/_by_dialect.html", {"form": form})
    else:
        form = AgentForm(request.POST if request.method == "POST" else None, instance=row)
        if request.method == "POST" and is_stored(form):
            messages.success(request, SAVED)
            return redirect("agent-settings", agent_id)
    return _part(request, _row(agent_id), "settings", {"form": form}, form)


@requires("agents.view_voiceagent", post="agents.change_voiceagent")
def audio(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Show and change the formats; the list of codecs beside them is saved by itself."""
    form = AgentAudioForm(
        request.POST if request.method == "POST" else None, instance=_row(agent_id)
    )
    if request.method == "POST" and is_stored(form):
        messages.success(request, SAVED)
        return redirect("agent-audio", agent_id)
    row = _row(agent_id)
    context = {"form": form, **presenters.meanings_of(row)}
    return _part(request, row, "audio", context, form)


@requires("agents.view_voiceagent")
def meaning(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Say what a format means for a list of codecs, both as they are on the page and not yet saved.

    `direction` is `input` or `output`; the codecs are those of the query (`codec`, in order), which
    with `follows` are the platform's.
    """
    row, asked = _row(agent_id), request.GET
    row.input_encoding = asked.get("input_encoding", row.input_encoding)
    row.output_encoding = asked.get("output_encoding", row.output_encoding)
    codecs: Sequence[str] = asked.getlist("codec")
    direction: Direction = "output" if asked.get("direction") == "output" else "input"
    try:
        if "follows" in asked:
            codecs = presenters.following(codecs, row)
        told = presenters.meaning_of(codecs, getattr(row, f"{direction}_encoding"), direction)
    except ValueError:
        allowed = ", ".join(Encoding)
        return HttpResponseBadRequest(f"{direction}_encoding: allowed: {allowed}")
    return render(request, "agents/_meaning.html", {"meaning": told})


@requires("agents.view_voiceagent", post="agents.change_voiceagent")
def calls(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Show and change what holds for calls to the agent."""
    form = AgentCallsForm(
        request.POST if request.method == "POST" else None, instance=_row(agent_id)
    )
    if request.method == "POST" and is_stored(form):
        messages.success(request, SAVED)
        return redirect("agent-calls", agent_id)
    return _part(request, _row(agent_id), "calls", {"form": form}, form)


@requires(post="agents.change_voiceagent")
def test(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Connect to the agent as a call would, and show what came of it."""
    row = _row(agent_id)
    did("tested by connecting to it", row=row)
    trial = presenters.present_trial(_try(row), now=timezone.now())
    if is_fragment(request):
        return render(request, "agents/_trial.html", {"tried": trial})
    return _overview(request, agent_id, tried=trial)


def _try(row: VoiceAgent) -> Trial:
    if row.dialect not in DIALECTS:
        return Trial(f"Nobody here speaks {row.dialect}.", advice="Choose another dialect.")
    if not _trials.acquire(blocking=False):
        return Trial(
            f"Not tried: {AT_ONCE} tests are running.", advice="Try again in some seconds."
        )
    try:
        return async_to_sync(try_agent)(row.dialect, session_of(row))
    finally:
        _trials.release()


@requires(post="agents.change_voiceagent")
def enable(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Enable or disable an agent: `enabled` is `yes` or `no`."""
    row = _row(agent_id)
    wanted = request.POST.get("enabled")
    if wanted not in ("yes", "no"):
        messages.error(request, "Not saved: say whether it is to be enabled, yes or no.")
    else:
        services.set_enabled(pk=agent_id, enabled=wanted == "yes")
        now = "takes calls again" if wanted == "yes" else "takes no more calls"
        messages.success(request, f"{row} {now}. Calls in progress go on.")
    return redirect("agent", agent_id)


@requires("agents.delete_voiceagent", post="agents.delete_voiceagent")
def delete(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Ask, and delete an agent that nothing leads to."""
    row = _row(agent_id)
    if request.method == "POST" and not services.delete_agent(pk=agent_id):
        messages.success(request, f"{row} is deleted. Its past calls stay on the record.")
        return redirect("agents")
    context = {"agent": row, "uses": presenters.uses_of(row)}
    status = 409 if request.method == "POST" else 200
    return render(request, "agents/delete.html", context, status=status)


def _row(agent_id: int) -> VoiceAgent:
    rows = VoiceAgent.objects.select_related("fallback_connection", "fallback_trunk")
    return get_object_or_404(rows, pk=agent_id)


def _part(
    request: HttpRequest, row: VoiceAgent, part: str, context: dict[str, Any], *forms: Any
) -> HttpResponse:
    """Render one tab; a form that is wrong makes it 422."""
    wrong = any(form.is_bound and form.errors for form in forms)
    context |= {
        "agent": row,
        "part": part,
        "state": presenters.state_of(row),
        "speaks": presenters.speaks(row),
        "is_ours": presenters.is_ours(row),
        "kind": DIALECTS.get(row.dialect),
    }
    return render(request, f"agents/{part}.html", context, status=422 if wrong else 200)
