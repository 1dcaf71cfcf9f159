"""The test of a trunk: started by a button, told step by step over a websocket."""

import uuid
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from audit.services import did
from callengine.core.trials import TrunkTrialStep
from callengine.lab.messages import NotPlacedError, try_trunk, whole_trial
from dashboard.parts.access import is_fragment, requires
from dashboard.trunks.presenters import present_steps
from dashboard.trunks.standing import trunk_badge
from sip.forms import typed
from trunks.models import Trunk
from trunks.validators import NUMBER, NUMBER_FORM, plain_number


class TrunkTestForm(forms.Form):
    """What is called over a trunk that is tested."""

    number = forms.CharField(
        label="Number to call",
        required=False,
        max_length=64,
        widget=typed(placeholder="+1 202 555 0100"),
        help_text="Answer it: a tone is played and what is heard is measured. It is a real call, "
        "which the carrier may charge. Empty: the gateways alone are asked.",
    )

    def clean_number(self) -> str:
        """Take a number as people write it."""
        number = plain_number(self.cleaned_data["number"])
        if number:
            RegexValidator(NUMBER, f"Allowed: {NUMBER_FORM}.")(number)
        return number


@requires(post="callengine.add_call")
def trunk_test(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Have an engine test a trunk; without JavaScript, wait for all of it."""
    trunk = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkTestForm(request.POST)
    if not form.is_valid():
        return _shown(request, trunk, form, status=422)
    trial = uuid.uuid4()
    number = form.cleaned_data["number"]
    did(f"tested by calling {number}" if number else "tested", row=trunk)
    try:
        steps = _begun(request, trunk, trial, number)
    except NotPlacedError as error:
        form.add_error(None, f"Not tested. {error}")
        return _shown(request, trunk, form, status=503)
    if steps is None:
        return _shown(request, trunk, form, trial=trial)
    return _shown(request, trunk, form, steps=steps)


def _begun(
    request: HttpRequest, trunk: Trunk, trial: uuid.UUID, number: str
) -> list[TrunkTrialStep] | None:
    """Return the steps, if somebody waits for them here and not on a websocket."""

    async def begin() -> list[TrunkTrialStep] | None:
        by = request.user.get_username()
        layer, reply = await try_trunk(trial=trial.hex, trunk=trunk.name, number=number, by=by)
        return None if is_fragment(request) else await whole_trial(layer, reply)

    return async_to_sync(begin)()


def _shown(
    request: HttpRequest,
    trunk: Trunk,
    form: TrunkTestForm,
    *,
    trial: uuid.UUID | None = None,
    steps: list[TrunkTrialStep] | None = None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "trunk": trunk,
        "trial_form": form,
        "trial": trial,
        "steps": present_steps(steps or []),
        "is_over": steps is not None,
    }
    if is_fragment(request):
        return render(request, "trunks/_trial.html", context, status=status)
    context |= {"part": "trial", "state": trunk_badge(trunk)}
    return render(request, "trunks/trial.html", context, status=status)
