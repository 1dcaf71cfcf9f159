"""Recording packets: of a live call, of a connection's next one; the files."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from callengine.models import Call, PacketCapture
from callengine.record import captures
from connections.models import Connection
from dashboard.captures import presenters, services
from dashboard.captures.forms import CaptureForm
from dashboard.parts.access import is_fragment, requires
from dashboard.parts.saving import is_done

PIECE = 256 * 1024
ADMINS = "callengine.add_packetcapture"


@requires("callengine.view_call", post=ADMINS)
def call_captures(request: HttpRequest, call_uuid: uuid.UUID) -> HttpResponse:
    """Show the captures of a call; begin one."""
    call = get_object_or_404(Call, pk=call_uuid)
    form, status = None, HTTPStatus.OK
    if request.method == "POST":
        posted, by = CaptureForm(request.POST), _user(request)
        if not is_done(posted, lambda: services.record_call(call, by=by, **posted.asked)):
            form, status = posted, HTTPStatus.UNPROCESSABLE_ENTITY
        elif not is_fragment(request):
            return _to_call(call_uuid)
    context = presenters.card(call, form)
    template = "captures/_card.html" if is_fragment(request) else "captures/card.html"
    return render(request, template, context, status=status)


@requires(post=ADMINS)
def capture_stop(request: HttpRequest, capture_uuid: uuid.UUID) -> HttpResponse:
    """Record no more, or wait no more for a call."""
    row = get_object_or_404(PacketCapture, pk=capture_uuid)
    services.stop(row)
    return _after(request, row)


@requires(post=ADMINS)
def capture_delete(request: HttpRequest, capture_uuid: uuid.UUID) -> HttpResponse:
    """Delete a capture with its file."""
    row = get_object_or_404(PacketCapture, pk=capture_uuid)
    services.delete(row)
    return _after(request, row)


@requires(ADMINS)
def capture_file(
    request: HttpRequest, capture_uuid: uuid.UUID
) -> StreamingHttpResponse | HttpResponse:
    """Send the file of a capture, as much of it as there is now."""
    row = get_object_or_404(PacketCapture.objects.select_related("call"), pk=capture_uuid)
    file = captures.path(settings.VOIPNUMBER_DATA, row.pk)
    if not file.exists():
        where = f"the machine of {row.node}" if row.node else "no machine"
        messages.error(request, f"There is no such file here: it lies on {where}.")
        return _after(request, row)
    services.fetched(row)
    size = file.stat().st_size
    name = f"call-{row.call_id or row.pk}.pcapng"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(size),
    }
    return StreamingHttpResponse(
        _pieces(file, size), content_type="application/x-pcapng", headers=headers
    )


@requires(post=ADMINS)
def connection_capture(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Have packets of a connection's next call recorded."""
    row = get_object_or_404(Connection, pk=connection_id)
    form = CaptureForm(request.POST)
    if is_done(form, lambda: services.record_next_call(row, by=_user(request), **form.asked)):
        messages.success(request, "Packets of its next call will be recorded.")
    else:
        for error in (error for errors in form.errors.values() for error in errors):
            messages.error(request, str(error))
    return redirect(f"{reverse('connection', args=[row.pk])}?tab=calls")


def _after(request: HttpRequest, row: PacketCapture) -> HttpResponse:
    if row.call_id is None:
        user = row.party.removeprefix("connection:")
        connection = Connection.objects.filter(sip_user=user).first()
        if connection is None:
            return redirect("connections")
        return redirect(f"{reverse('connection', args=[connection.pk])}?tab=calls")
    call = get_object_or_404(Call, pk=row.call_id)
    if is_fragment(request):
        return render(request, "captures/_card.html", presenters.card(call))
    return _to_call(call.pk)


def _to_call(call_uuid: uuid.UUID) -> HttpResponse:
    return redirect(f"{reverse('call', args=[call_uuid])}#packets-part")


def _user(request: HttpRequest) -> str:
    return request.user.get_username()


async def _pieces(file: Path, size: int) -> AsyncIterator[bytes]:
    """Yield so much of a file, which may grow meanwhile."""
    with await asyncio.to_thread(file.open, "rb") as opened:
        while size > 0 and (piece := await asyncio.to_thread(opened.read, min(PIECE, size))):
            size -= len(piece)
            yield piece
