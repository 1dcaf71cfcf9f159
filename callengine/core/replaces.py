"""The Replaces of an attended transfer (RFC 3891), as the headers of a Refer-To carry it. Pure."""

from dataclasses import dataclass
from urllib.parse import unquote

MAX_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Replaces:
    """A dialog by its names, seen from whoever is to be called: its tag is `to_tag`."""

    call_id: str
    to_tag: str
    from_tag: str


def replaces_in(headers: str) -> Replaces | None:
    """Return what the headers of a URI say is to be replaced; None if they name nothing else.

    Raises ValueError for a Replaces that cannot be read (RFC 3891 section 6.1).
    """
    for header in headers[:MAX_CHARACTERS].split("&"):
        name, _, value = header.partition("=")
        if unquote(name).strip().lower() == "replaces":
            return _read(unquote(value))
    return None


def _read(text: str) -> Replaces:
    call_id, *parameters = (part.strip() for part in text.split(";"))
    tags = dict(part.partition("=")[::2] for part in parameters)
    to_tag, from_tag = tags.get("to-tag", ""), tags.get("from-tag", "")
    if not (call_id and to_tag and from_tag):
        raise ValueError("its Replaces lacks a Call-ID, a to-tag or a from-tag")
    return Replaces(call_id, to_tag, from_tag)
