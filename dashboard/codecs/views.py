"""Codec lists: one view shows, arranges and saves every one of them, with or without JavaScript."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from agents.models import VoiceAgent
from audiocodecs.arranging import Arrangement, StoredList, arrange
from audiocodecs.availability import unavailable_codecs
from audiocodecs.catalogue import CATALOGUE
from audiocodecs.changes import before_change
from audiocodecs.forms import PickerForm
from audiocodecs.meaning import meaning
from audiocodecs.models import PlatformSettings
from audiocodecs.services import save_codec_list
from callengine.directory import nodes
from connections.models import Connection
from connections.templates import ConnectionTemplate
from dashboard.codecs.lists import (
    PLATFORM,
    CodecList,
    Notice,
    find_list,
    followed_by,
    future_view,
    picker_context,
)
from dashboard.parts.access import is_fragment, requires
from dashboard.parts.engines import present_engine
from sip.revisions import ConflictError
from trunks.models import Trunk

SAVED = "Saved. The next call uses this list."


@requires("connections.view_connection", post="connections.change_connection")
def connection(request: HttpRequest, connection_id: int, connection_list: str) -> HttpResponse:
    """Show or change a connection's `inbound` or `outbound` list."""
    row = get_object_or_404(Connection, pk=connection_id)
    return _answer(request, _find(Connection, connection_list), row)


@requires("connections.view_connectiontemplate", post="connections.change_connectiontemplate")
def template(request: HttpRequest, template_id: int, connection_list: str) -> HttpResponse:
    """Show or change a template's `inbound` or `outbound` list."""
    row = get_object_or_404(ConnectionTemplate, pk=template_id)
    return _answer(request, _find(ConnectionTemplate, connection_list), row)


@requires("trunks.view_trunk", post="trunks.change_trunk")
def trunk(request: HttpRequest, trunk_id: int, trunk_list: str) -> HttpResponse:
    """Show or change a trunk's `in` or `out` list."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    return _answer(request, _find(Trunk, trunk_list), row)


@requires("agents.view_voiceagent", post="agents.change_voiceagent")
def agent(request: HttpRequest, agent_id: int, agent_list: str) -> HttpResponse:
    """Show or change an agent's list, `codecs`."""
    row = get_object_or_404(VoiceAgent, pk=agent_id)
    return _answer(request, _find(VoiceAgent, agent_list), row)


@requires("audiocodecs.view_platformsettings", post="audiocodecs.change_platformsettings")
def platform(request: HttpRequest) -> HttpResponse:
    """Show or change the platform list."""
    row = PlatformSettings.load()
    if request.method == "POST":
        row, _ = PlatformSettings.objects.get_or_create(pk=PlatformSettings.SINGLETON_ID)
    return _answer(request, PLATFORM, row)


@requires("audiocodecs.view_platformsettings")
def meaning_of(request: HttpRequest) -> HttpResponse:
    """Say in one sentence what the codecs of the query (`codec`, in order) mean for a call."""
    names = [name for name in dict.fromkeys(request.GET.getlist("codec")) if name in CATALOGUE]
    return HttpResponse(meaning(names, unavailable_codecs()), content_type="text/plain")


def _find(model: type[models.Model], name: str) -> CodecList:
    try:
        return find_list(model, name)
    except LookupError as error:
        raise Http404 from error


def _answer(request: HttpRequest, codec_list: CodecList, row: models.Model) -> HttpResponse:
    if request.method != "POST":
        is_future = request.GET.get("part") == "future"
        return (_future if is_future else _render)(request, codec_list, row)
    if (followed := followed_by(row)) is not None:
        text = f"Not saved: it follows the template {followed.name} since, and has its lists."
        return _render(request, codec_list, row, status=409, notice=Notice("error", text))
    form = PickerForm(
        request.POST, has_force=bool(codec_list.fields.force), follow_words=codec_list.follow_words
    )
    if not form.is_valid():
        picker = _typed(form) if not (form.errors.keys() - {"__all__"}) else {}
        notice = Notice("error", form.problem)
        return _render(request, codec_list, row, status=422, notice=notice, **picker)
    step: str = form.cleaned_data["do"]
    if step == "save":
        return _save(request, codec_list, row, form)
    if step == "discard":
        return _render(request, codec_list, row)
    if step.startswith("restore:"):
        return _restore(request, codec_list, row, form)
    picker = _typed(form)
    picker["arrangement"] = arrange(picker["arrangement"], step, fallback=codec_list.fallback())
    return _render(request, codec_list, row, **picker)


def _typed(form: PickerForm) -> dict[str, Any]:
    return {key: form.cleaned_data[key] for key in ("arrangement", "base")}


def _future(request: HttpRequest, codec_list: CodecList, row: models.Model) -> HttpResponse:
    """Say what the list of the query (`codec`, in order, `force`) would have made of past calls.

    None of `codec` means the list it falls back to.
    """
    names = [name for name in dict.fromkeys(request.GET.getlist("codec")) if name in CATALOGUE]
    force = bool(codec_list.fields.force) and "force" in request.GET
    arrangement = Arrangement(tuple(names), follows=not names, force=force)
    context = {"future": future_view(request, codec_list, row, arrangement)}
    return render(request, "codecs/_future.html", context)


def _restore(
    request: HttpRequest, codec_list: CodecList, row: models.Model, form: PickerForm
) -> HttpResponse:
    """Store what the list was before one of its last changes."""
    number = form.cleaned_data["do"].removeprefix("restore:")
    try:
        wanted = before_change(codec_list.fields, row, int(number) if number.isdecimal() else 0)
    except LookupError:
        text = "Not changed: that is none of the last changes of this list any more."
        return _render(request, codec_list, row, status=409, notice=Notice("error", text))
    mine = Arrangement.of(wanted, codec_list.fallback())
    said = f"Put back: {codec_list.describe(wanted)}. The next call uses this list."
    return _stored(request, codec_list, row, mine, form.cleaned_data["base"], said)


def _save(
    request: HttpRequest, codec_list: CodecList, row: models.Model, form: PickerForm
) -> HttpResponse:
    mine: Arrangement = form.cleaned_data["arrangement"]
    return _stored(request, codec_list, row, mine, form.cleaned_data["base"], SAVED)


def _stored(
    request: HttpRequest,
    codec_list: CodecList,
    row: models.Model,
    mine: Arrangement,
    base: StoredList,
    said: str,
) -> HttpResponse:
    try:
        save_codec_list(fields=codec_list.fields, pk=row.pk, wanted=mine.stored, base=base)
    except LookupError as error:
        raise Http404 from error
    except ConflictError as conflict:
        return _conflict(request, codec_list, row, mine, conflict.stored)
    if not is_fragment(request):
        messages.success(request, said)
        return redirect(codec_list.url(row))
    row.refresh_from_db()
    return _render(request, codec_list, row, notice=Notice("saved", said))


def _conflict(
    request: HttpRequest,
    codec_list: CodecList,
    row: models.Model,
    mine: Arrangement,
    theirs: StoredList,
) -> HttpResponse:
    """Show what somebody else saved meanwhile; saving again is based on that."""
    text = (
        f"Not saved: changed meanwhile. The list is now {codec_list.describe(theirs)}; "
        f"yours is {codec_list.describe(mine.stored)}."
    )
    return _render(
        request,
        codec_list,
        row,
        status=HTTPStatus.CONFLICT,
        arrangement=mine,
        base=theirs,
        notice=Notice("conflict", text),
    )


def _render(
    request: HttpRequest,
    codec_list: CodecList,
    row: models.Model,
    *,
    status: int = 200,
    **picker: Any,
) -> HttpResponse:
    context = dict(picker_context(request, codec_list, row, **picker))
    if is_fragment(request) and request.method == "POST":
        return render(request, "codecs/_form.html", context, status=status)
    if is_fragment(request):
        return render(request, "codecs/_picker.html", context, status=status)
    now = timezone.now()
    context |= {
        "engine": present_engine(nodes.snapshots(), now=now),
        "now": now,
        "row": row,
        "home_url": codec_list.home_url(row),
    }
    return render(request, "codecs/page.html", context, status=status)
