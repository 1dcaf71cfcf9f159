"""Import and export in the page: a file is rehearsed, and applied once that was seen."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from audit.models import AuditEntry
from dashboard.audit.presenters import AuditLine, present_entry
from dashboard.audit.views import kinds
from dashboard.parts.access import requires
from dashboard.parts.csvtext import cell, csv_text
from provisioning.apply import provision
from provisioning.csvform import COLUMNS, table, to_yaml
from provisioning.export import export
from provisioning.problems import ProvisionError
from provisioning.reader import MAX_FILE_BYTES

MOST_SHOWN = 200
"Changes that a rehearsal lists; how many there are is said in any case."


class FileForm(forms.Form):
    """A configuration file, or a table of connections."""

    file = forms.FileField(
        label="File",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml,.csv"}),
        help_text=f"YAML as docs/provisioning.md tells it, or CSV with the headings "
        f"{', '.join(COLUMNS)}: lists are codecs with blanks between them.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=MAX_FILE_BYTES,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        label="Or its text",
    )

    def clean(self) -> dict[str, object]:
        """Take what was typed, or else the file, as text."""
        cleaned = super().clean() or self.cleaned_data
        upload = cleaned.get("file")
        if upload is not None:
            try:
                cleaned["text"] = upload.read(MAX_FILE_BYTES + 1).decode("utf-8-sig")
            except UnicodeDecodeError:
                self.add_error("file", "Not UTF-8 text. Nothing was changed.")
        if not self.errors and not str(cleaned.get("text", "")).strip():
            self.add_error("file", "Choose a file, or paste its text.")
        return cleaned


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a file would change."""

    lines: tuple[AuditLine, ...]
    count: int
    notes: tuple[str, ...]
    mark: str
    "Stands for all of it, so that what is applied is what was seen."


@requires("connections.change_connection", post="connections.change_connection")
def connections_file(request: HttpRequest) -> HttpResponse:
    """Say what a file would change; apply it when that was seen."""
    _insist_on_admin(request)
    if request.method != "POST":
        return render(request, "connections/file.html", {"form": FileForm()})
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "connections/file.html", {"form": form}, status=422)
    text: str = form.cleaned_data["text"]
    is_confirmed = "confirmed" in request.POST
    try:
        seen = request.POST.get("seen", "") if is_confirmed else ""
        rehearsal, is_applied = _apply(_as_yaml(text), seen=seen)
    except ProvisionError as error:
        problems = [str(problem) for problem in error.problems]
        context = {"form": FileForm(initial={"text": text}), "problems": problems}
        return render(request, "connections/file.html", context, status=422)
    except DatabaseError as error:
        form.add_error(None, f"The database refused: {error}. Nothing was changed.")
        return render(request, "connections/file.html", {"form": form}, status=422)
    if is_applied:
        count = rehearsal.count
        messages.success(request, f"Applied: {count} change{'' if count == 1 else 's'}.")
        return redirect("connections")
    context = {"form": form, "text": text, "rehearsal": rehearsal, "is_other": is_confirmed}
    return render(request, "connections/file.html", context, status=409 if is_confirmed else 200)


def _as_yaml(text: str) -> str:
    """Return a file's text as YAML: a table begins with its headings."""
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    is_table = ("," in first and ":" not in first) or first.strip() == "sip_user"
    return to_yaml(text, "file") if is_table else text


def _apply(text: str, *, seen: str) -> tuple[Rehearsal, bool]:
    """Apply a file, read from the audit log what that did, and take it back unless it was `seen`.

    Returns what it does, and whether that stands. Raises ProvisionError.
    """
    words = kinds()
    with transaction.atomic():
        last = AuditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
        outcome = provision(text=text, file="file")
        entries = AuditEntry.objects.filter(id__gt=last).order_by("id")
        lines = tuple(present_entry(entry, words) for entry in entries)
        mark = _mark(lines, outcome.notes)
        is_seen = mark == seen
        if not is_seen:
            transaction.set_rollback(True)
    first = lines[:MOST_SHOWN]
    return Rehearsal(first, len(outcome.changes), tuple(outcome.notes), mark), is_seen


def _mark(lines: Sequence[AuditLine], notes: Sequence[str]) -> str:
    told = [[one.what, one.kind, one.entry.name, *map(str, one.changes)] for one in lines]
    return hashlib.blake2s(json.dumps([told, *notes]).encode(), digest_size=16).hexdigest()


@requires("connections.change_connection")
def connections_export(request: HttpRequest) -> HttpResponse:
    """Send the configuration as YAML, or the connections as CSV; without passwords."""
    _insist_on_admin(request)
    is_table = request.GET.get("as") == "csv"
    rows = [[cell(value) for value in row] for row in table()] if is_table else []
    name = f"connections-{timezone.now():%Y-%m-%d}.csv" if is_table else "provision.yaml"
    return HttpResponse(
        csv_text(rows) if is_table else export(),
        content_type="text/csv; charset=utf-8" if is_table else "application/yaml",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _insist_on_admin(request: HttpRequest) -> None:
    """A file may hold anything: who brings or takes one may do everything."""
    if not request.user.is_superuser:
        raise PermissionDenied("a file")
