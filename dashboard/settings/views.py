"""Settings of the platform, and what runs it."""

from django.conf import settings as django_settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from api.keys.services import keys_in_force
from audiocodecs.chips import chip
from audiocodecs.models import HoldMusic, PlatformSettings
from callengine.directory import nodes
from callengine.edge.transport import certificates
from dashboard.parts.access import requires
from dashboard.parts.engines import present_engine
from dashboard.settings.forms import PlatformForm

_SHOWN = (
    ("VOIPNUMBER_SIP_LISTEN", "SIP addresses it listens on"),
    ("VOIPNUMBER_PUBLIC_ADDRESS", "Address told to peers; empty: the one each peer reaches"),
    ("VOIPNUMBER_SIP_TLS_CERTIFICATE", "Certificate shown over TLS"),
    ("VOIPNUMBER_RTP_PORTS", "UDP ports for audio"),
    ("VOIPNUMBER_REALM", "Digest realm"),
    ("VOIPNUMBER_MAX_CALLS", "Calls one engine may hold"),
    ("VOIPNUMBER_RING_TIMEOUT_S", "Seconds a phone may ring; beyond three, in turn"),
    ("VOIPNUMBER_MAX_CALL_S", "Seconds a call may last"),
    ("VOIPNUMBER_MEDIA_TIMEOUT_S", "Seconds without anything from both parties; 0: for ever"),
)
"Settings from the environment that explain what one sees; none of them is a secret."


@requires("audiocodecs.view_platformsettings", post="audiocodecs.change_platformsettings")
def settings(request: HttpRequest) -> HttpResponse:
    """Show the settings; save who may call without being known."""
    platform = PlatformSettings.load()
    form = PlatformForm(request.POST if request.method == "POST" else None, instance=platform)
    if request.method == "POST" and form.is_valid():
        PlatformSettings.objects.update_or_create(
            pk=PlatformSettings.SINGLETON_ID, defaults=form.cleaned_data
        )
        messages.success(request, "Saved. The next call follows it.")
        return redirect("settings")
    context = {
        "form": form,
        "platform": platform,
        "music": HoldMusic.objects.values_list("name", flat=True).first() or "",
        "chips": [chip(name) for name in platform.codec_names],
        "nodes": present_engine(nodes.snapshots(), now=timezone.now()).nodes,
        "environment": [(name, _text(name), why) for name, why in _SHOWN],
        "keys": keys_in_force().count() if request.user.has_perm("api.view_apikey") else 0,
        "accounts": User.objects.count() if request.user.has_perm("auth.view_user") else 0,
    }
    status = 422 if form.errors else 200
    return render(request, "settings/settings.html", context, status=status)


def _text(name: str) -> str:
    value = getattr(django_settings, name)
    if name == "VOIPNUMBER_SIP_LISTEN":
        return ", ".join(f"{at.transport}:{at.host}:{at.port}" for at in value)
    if name == "VOIPNUMBER_SIP_TLS_CERTIFICATE":
        return certificates.described(value, timezone.now()) if value else "none: no SIP over TLS"
    if name == "VOIPNUMBER_RTP_PORTS":
        return f"{value.first} to {value.last}"
    return f"{value:g}" if isinstance(value, float) else str(value)
