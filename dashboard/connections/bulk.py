"""Many connections at once: choose, see what changes, do it. Works without JavaScript."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from audiocodecs.fields import CodecListFormField
from connections.models import Connection
from connections.services import change_many
from connections.templates import ConnectionTemplate
from dashboard.codecs.shown import codec_chips
from dashboard.parts.access import requires
from sip.revisions import ConflictError, mark

MOST = 500
"Connections at once."
ACTIONS = {
    "enable": "Enable",
    "disable": "Disable",
    "inbound": "Give an inbound list",
    "outbound": "Give an outbound list",
    "follow": "Follow a template",
}
FIELDS = {
    "enable": "enabled",
    "disable": "enabled",
    "inbound": "inbound_codecs",
    "outbound": "outbound_codecs",
    "follow": "template",
}
LISTS = ("inbound", "outbound")


class BulkForm(forms.Form):
    """Which connections, and what is to become of them."""

    chosen = forms.TypedMultipleChoiceField(
        coerce=int, error_messages={"required": "No connection is chosen: tick some in the list."}
    )
    action = forms.ChoiceField(choices=list(ACTIONS.items()))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = cast("QueryDict", self.data).getlist("chosen")[: MOST + 1]
        # What is no key of a row is left out: it may have been deleted meanwhile.
        chosen = cast("forms.TypedMultipleChoiceField", self.fields["chosen"])
        chosen.choices = [(key, key) for key in keys if key.isdecimal() and len(key) < 19]

    def clean_chosen(self) -> list[int]:
        """Take no more than a page can say of."""
        if len(self.cleaned_data["chosen"]) > MOST:
            raise forms.ValidationError(f"Up to {MOST} connections at once, please.")
        return list(dict.fromkeys(self.cleaned_data["chosen"]))


class BulkListForm(forms.Form):
    """The list that all of them get."""

    codecs = CodecListFormField(
        label="Codecs",
        required=False,
        help_text="Best first, separated by commas. Empty: the platform list.",
    )


class BulkTemplateForm(forms.Form):
    """The template that all of them follow."""

    template = forms.ModelChoiceField(
        ConnectionTemplate.objects.all(),
        required=False,
        empty_label="none: they keep the lists they have as their own",
        help_text="Their lists are this template's, now and when that changes.",
    )


@requires(post="connections.change_connection")
def connections_bulk(request: HttpRequest) -> HttpResponse:
    """Say what would change, and change it once that was seen."""
    form = BulkForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(e) for errors in form.errors.values() for e in errors))
        return redirect("connections")
    action = form.cleaned_data["action"]
    chosen = Connection.objects.filter(pk__in=form.cleaned_data["chosen"])
    rows = list(chosen.select_related("template"))
    if action in LISTS and (followers := sum(row.template_id is not None for row in rows)):
        text = f"Not begun: {followers} of them follow a template, which gives them their lists. "
        messages.error(request, f"{text}Change that, or have them follow none first.")
        return redirect("connections")
    confirmed = "confirmed" in request.POST
    form_of = BulkTemplateForm if action == "follow" else BulkListForm
    given = form_of(request.POST if confirmed else None)
    if not confirmed:
        return _ask(request, rows, action, given)
    if action not in ("enable", "disable") and not given.is_valid():
        return _ask(request, rows, action, given, status=422)
    value = next(iter(given.cleaned_data.values())) if given.is_valid() else None
    wanted = {"enable": True, "disable": False}.get(action, value)
    field = FIELDS[action]
    try:
        changed = change_many(
            keys=[row.pk for row in rows],
            field=field,
            value=wanted,
            seen=request.POST.get("seen", ""),
            mark=lambda now: _mark(now, field),
        )
    except ConflictError as error:
        return _ask(request, rows, action, given, status=409, problem=str(error))
    count = f"{changed} connection{'' if changed == 1 else 's'}"
    messages.success(request, f"Saved: {count} changed, {len(rows) - changed} were so already.")
    return redirect("connections")


def _ask(
    request: HttpRequest,
    rows: Sequence[Connection],
    action: str,
    form: BulkListForm | BulkTemplateForm,
    *,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    field = FIELDS[action]
    is_list = action in LISTS
    now = [(row, codec_chips(getattr(row, field), ()) if is_list else row.enabled) for row in rows]
    context = {
        "rows": now,
        "action": action,
        "word": ACTIONS[action],
        "is_list": is_list,
        "is_template": action == "follow",
        "form": form,
        "seen": _mark(rows, field),
        "problem": problem,
        "changing": sum(row.enabled == (action == "disable") for row in rows),
    }
    return render(request, "connections/bulk.html", context, status=status)


def _mark(rows: Sequence[Connection], field: str) -> str:
    """Return what stands for this field of all of them, as it is now."""
    marks = {row.pk: mark(row, [field])[:8] for row in rows}
    return "-".join(f"{pk}.{marks[pk]}" for pk in sorted(marks))
