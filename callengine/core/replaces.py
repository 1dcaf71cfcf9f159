"""The Replaces of an INVITE or of an attended transfer's Refer-To (RFC 3891). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

MAX_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Replaces:
    """A dialog by its names, seen from whoever is to be called: its tag is `to_tag`."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False
    "It is meant only as long as nobody has answered."


def replaces_in(headers: str) -> Replaces | None:
    """Return what the headers of a URI say is to be replaced; None if they name nothing else.

    Raises ValueError for a Replaces that cannot be read (RFC 3891 section 6.1).
    """
    for header in headers[:MAX_CHARACTERS].split("&"):
        name, _, value = header.partition("=")
        if unquote(name).strip().lower() == "replaces":
            return _read(unquote(value))
    return None


def replaces_of(values: Sequence[str], *, joins: bool) -> Replaces | None:
    """Return what the Replaces headers of an INVITE name, None if there are none.

    `joins` tells of a Join beside them. Raises ValueError for what RFC 3891 section 3 answers 400.
    """
    if not values:
        return None
    if len(values) > 1 or joins:
        other = "a Join" if joins else f"{len(values) - 1} more"
        raise ValueError(f"its Replaces stands beside {other}: one dialog alone can be replaced")
    if len(values[0]) > MAX_CHARACTERS:
        raise ValueError(f"its Replaces is longer than {MAX_CHARACTERS} characters")
    return _read(values[0])


def _read(text: str) -> Replaces:
    call_id, *parameters = (part.strip() for part in text.split(";"))
    tags = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        tags[name.strip().lower()] = value.strip()
    to_tag, from_tag = tags.get("to-tag", ""), tags.get("from-tag", "")
    if not (call_id and to_tag and from_tag):
        raise ValueError("its Replaces lacks a Call-ID, a to-tag or a from-tag")
    return Replaces(call_id, to_tag, from_tag, early_only="early-only" in tags)
