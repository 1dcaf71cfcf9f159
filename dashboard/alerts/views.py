"""Which alerts are told, by which ways, and whether that works."""

import uuid

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from audit.services import quietly
from dashboard.alerts.hysteresis import AWAY_S, HELD_S
from dashboard.alerts.message import AlertMessage
from dashboard.alerts.outgoing import forget_failure, remember_failure
from dashboard.alerts.ways import ways
from dashboard.alerts.webhook import NotSentError
from dashboard.models import AlertFailure, AlertKind, AlertSettings, OpenAlert
from dashboard.parts.access import requires

_SEEN_WITH = {
    AlertKind.TRUNK: "trunks.view_trunk",
    AlertKind.PHONE: "connections.view_connection",
    AlertKind.REJECTIONS: "callengine.view_rejection",
    AlertKind.ENGINE: "callengine.view_call",
    AlertKind.SILENT: "callengine.view_call",
}
"As on the overview: who may see what an alert is about."


class AlertsForm(forms.ModelForm[AlertSettings]):
    """A switch for each kind."""

    class Meta:
        model = AlertSettings
        fields = tuple(AlertKind.values)


@requires("audiocodecs.view_platformsettings", post="audiocodecs.change_platformsettings")
def alerts(request: HttpRequest) -> HttpResponse:
    """Show what is told and to whom; save which kinds are."""
    sent = request.method == "POST"
    if sent:
        with quietly():  # so that the log tells a first change as any other
            AlertSettings.objects.get_or_create(pk=AlertSettings.SINGLETON_ID)
    form = AlertsForm(request.POST if sent else None, instance=AlertSettings.load())
    if sent and form.is_valid():
        form.save()
        messages.success(request, "Saved. An alert of a kind that is off is closed unsaid.")
        return redirect("alerts")
    may = request.user.has_perm
    context = {
        "form": form,
        "ways": ways(),
        "failures": AlertFailure.objects.all(),
        "open": [
            row
            for row in OpenAlert.objects.all()
            if row.kind not in _SEEN_WITH or may(_SEEN_WITH[AlertKind(row.kind)])
        ],
        "held_s": HELD_S,
        "away_s": AWAY_S,
    }
    status = 422 if form.errors else 200
    return render(request, "settings/alerts.html", context, status=status)


@requires(post="audiocodecs.change_platformsettings")
def test(request: HttpRequest) -> HttpResponse:
    """Send a message by every way, and say what became of it."""
    message = AlertMessage(
        key=str(uuid.uuid4()),
        event="test",
        kind="test",
        text="This is a test of alerts; nothing is wrong.",
        at=timezone.now(),
        node=settings.VOIPNUMBER_NODE,
    )
    for way in ways():
        try:
            way.send(message)
        except NotSentError as error:
            remember_failure(way, str(error))
            messages.error(request, f"{way.word} to {way.to} was not sent: {error}.")
        else:
            forget_failure(way)
            messages.success(request, f"{way.word} to {way.to}: the server took the test.")
    if not ways():
        messages.error(request, "Nothing was sent: neither mail nor a webhook is set up.")
    return redirect("alerts")
