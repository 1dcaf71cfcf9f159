"""What every page that edits does: save a form without losing another's change, read an order."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form, ModelForm
from django.http import HttpRequest, QueryDict

from sip.forms import RevisedForm
from sip.revisions import ConflictError, save_unless_changed
from trunks.services import MAX_STEPS

MAX_ID = 2**63 - 1


def is_stored(form: RevisedForm[Any]) -> bool:
    """Save a form's row; if it is wrong, or was changed meanwhile, say so at the form instead."""
    if not form.is_valid():
        return False
    try:
        save_unless_changed(
            row=form.instance,
            shown_fields=form.shown_fields,
            seen=form.cleaned_data["revision"],
            unseen_fields=form.written,
        )
    except ConflictError as error:
        form.add_error(None, str(error))
        form.renew()
        return False
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True


def is_done(form: Form | ModelForm[Any], work: Callable[[], object]) -> bool:
    """Do what a valid form asks for; if it is wrong after all, say so at the form instead."""
    if not form.is_valid():
        return False
    try:
        work()
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True


def store_order(
    request: HttpRequest, store: Callable[..., bool], *, first: Callable[[], object]
) -> None:
    """Store the order that a page sent, and tell the person how that went.

    `store` takes `based_on` and `order` and returns whether anything changed; `first` returns what
    is tried first from now on, None if nothing is left.
    """
    try:
        based_on, order = posted_order(request.POST)
        changed = store(based_on=based_on, order=order)
    except ConflictError as error:
        messages.error(request, str(error))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        tried = first() if changed else None
        told = f"Saved. The next call tries {tried} first." if tried else "Saved."
        messages.success(request, told if changed else "Nothing to save.")


def posted_order(post: QueryDict) -> tuple[list[int], list[int]]:
    """Return the ids in the order that was shown, and in the order that is wanted.

    A pressed `move` button, `up:ID` or `down:ID`, moves one of them by a place. Raises
    ValidationError for what no page of ours sends.
    """
    based_on = _ids([text for text in post.get("based_on", "").split(",") if text])
    wanted = _ids(post.getlist("order"))
    way, _, key = post.get("move", "").partition(":")
    if way in ("up", "down"):
        (moved,) = _ids([key])
        wanted = _moved(wanted, moved, -1 if way == "up" else 1)
    return based_on, wanted


def _ids(texts: Sequence[str]) -> list[int]:
    if len(texts) > 2 * MAX_STEPS:
        raise ValidationError("Not saved: the order is longer than any list here.")
    ids = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 20]
    if len(ids) != len(texts) or any(value > MAX_ID for value in ids):
        raise ValidationError("Not saved: the order cannot be read. Reload the page.")
    return ids


def _moved(ids: list[int], key: int, by: int) -> list[int]:
    if key not in ids:
        return ids
    at = ids.index(key)
    to = min(max(at + by, 0), len(ids) - 1)
    rest = [one for one in ids if one != key]
    return [*rest[:to], key, *rest[to:]]
