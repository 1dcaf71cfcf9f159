"""Hear your codecs: the same sound through each codec and each pair, to choose a list by ear."""

import base64
import io
import json
import wave
from collections.abc import Sequence
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from audiocodecs.catalogue import CATALOGUE
from audiocodecs.chips import Chip, bandwidth_text, chip
from callengine.core.audition import (
    CONCEALMENT,
    GOES_ON,
    LOSSES_PERCENT,
    PHRASE,
    SOUNDS,
    Audition,
)
from callengine.core.quality import estimate_mos
from callengine.directory import lookup
from callengine.lab.messages import NotPlacedError, make_heard
from callengine.notices.auditions import MadeHeard
from dashboard.calls.shown import BridgeView
from dashboard.parts import engines
from dashboard.parts.access import requires

FACTS_HEADER = "Heard"
KEPT_S = 3600
"What a browser was given it may play again for so long without asking."


@dataclass(frozen=True, slots=True)
class CodecSound:
    """A codec of the platform list, and what there is to know before one hears it."""

    chip: Chip
    bandwidth: str
    concealment: str
    mos: tuple[tuple[int, str], ...]
    "Loss in percent, and the MOS that is estimated at it."
    lack: str
    "Why no engine can make it heard, if so."


@dataclass(frozen=True, slots=True)
class PairSound:
    """A call between two codecs."""

    bridge: BridgeView
    codecs: str
    bandwidth: str


@requires("callengine.view_call")
def hear(request: HttpRequest) -> HttpResponse:
    """Show the codecs of the platform list, each with a button that plays it."""
    loss, sound = request.GET.get("loss", ""), request.GET.get("sound", "")
    names = lookup.platform().codecs
    lacks = _lacks(names)
    heard = [name for name in names if name not in lacks]
    context = {
        "codecs": [_codec(name, lacks.get(name, "")) for name in names],
        "heard": [chip(name) for name in heard],
        "rows": [(chip(first), [_pair(first, second) for second in heard]) for first in heard],
        "losses": LOSSES_PERCENT,
        "loss": int(loss) if loss in map(str, LOSSES_PERCENT) else 0,
        "sounds": SOUNDS,
        "sound": sound if sound in SOUNDS else SOUNDS[0],
        "phrase": PHRASE,
        "facts_header": FACTS_HEADER,
    }
    return render(request, "lab/hear.html", context)


@requires("callengine.view_call")
def hear_audio(request: HttpRequest) -> HttpResponse:
    """Return a WAV file of the sound, the codecs and the loss in the address; the page without."""
    if not request.GET:
        return redirect("lab-hear")
    loss = request.GET.get("loss", "0")
    try:
        audition = Audition(
            request.GET.get("sound", SOUNDS[0]),
            tuple(request.GET.getlist("codec")),
            int(loss) if loss.isdecimal() and len(loss) < 4 else -1,
        )
    except ValueError as error:
        return _said(str(error), 400)
    try:
        made = async_to_sync(make_heard)(audition)
    except NotPlacedError as error:
        return _said(str(error), 503)
    response = HttpResponse(_wav(made), content_type="audio/wav")
    response[FACTS_HEADER] = json.dumps(
        {"packets": made.packets, "lost": made.lost, "wire_bps": made.wire_bps, "lack": made.lack}
    )
    response["Cache-Control"] = f"private, max-age={KEPT_S}"
    return response


def _said(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _wav(made: MadeHeard) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(made.rate_hz)
        writer.writeframes(base64.b64decode(made.samples))
    return file.getvalue()


def _lacks(names: Sequence[str]) -> dict[str, str]:
    """Return codec -> why, of those that no running engine can do; nothing if none runs."""
    running = [node for node in engines.pill().nodes if node.up]
    able = {each.name for node in running for each in node.chips}
    if not running:
        return {}
    told = {each.name: why for node in running for each, why in node.unavailable}
    return {
        name: told.get(name, f"{name} is unavailable on this engine.")
        for name in names
        if name not in able
    }


def _codec(name: str, lack: str) -> CodecSound:
    mos = tuple((loss, f"{estimate_mos(name, loss, 0, None):.1f}") for loss in LOSSES_PERCENT)
    return CodecSound(
        chip=chip(name),
        bandwidth=bandwidth_text(CATALOGUE[name]),
        concealment=CONCEALMENT.get(name, GOES_ON),
        mos=mos,
        lack=lack,
    )


def _pair(first: str, second: str) -> PairSound:
    narrower = min(CATALOGUE[first], CATALOGUE[second], key=lambda each: each.audio_bandwidth_hz)
    bridge = BridgeView(chip(first), chip(second), transcoded=first != second)
    return PairSound(bridge, f"{first} {second}", bandwidth_text(narrower))
