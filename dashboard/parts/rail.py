"""The places of the dashboard, in the order of the rail."""

from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class RailPlace:
    """One place a person can go."""

    word: str
    icon: str
    url: str
    current: bool


_GROUPS: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (
        ("Overview", "overview", "callengine.view_call"),
        ("Live", "calls", "callengine.view_call"),
        ("Calls", "history", "callengine.view_call"),
        ("Rejected", "rejections", "callengine.view_rejection"),
        ("Phone", "phone", "callengine.change_call"),
    ),
    (
        ("Connections", "connections", "connections.view_connection"),
        ("Trunks", "trunks", "trunks.view_trunk"),
        ("Numbers", "numbers", "trunks.view_number"),
        ("Routes", "routes", "trunks.view_route"),
        ("Voice agents", "agents", "agents.view_voiceagent"),
    ),
    (
        ("Codec lab", "lab", "callengine.view_call"),
        ("Settings", "settings", "audiocodecs.view_platformsettings"),
    ),
)
"Word, name of the address (and of the icon), permission."
_ALSO = {
    "connections": ("/codecs/connection/", "/codecs/template/"),
    "trunks": ("/codecs/trunk/",),
    "agents": ("/codecs/agent/",),
}
"Where pages of a place stand whose address is not below its own."
_ICONS = {"calls": "live", "history": "calls"}


def places(user: Any, path: str) -> list[list[RailPlace]]:
    """Return the places `user` may see, in groups, the one that holds `path` marked."""
    groups = [
        [
            RailPlace(word, _ICONS.get(name, name), url, current=_holds(name, url, path))
            for word, name, permission in group
            if user is not None and user.has_perm(permission) and (url := _address(name))
        ]
        for group in _GROUPS
    ]
    return [group for group in groups if group]


def _holds(name: str, url: str, path: str) -> bool:
    return path == url if url == "/" else path.startswith((url, *_ALSO.get(name, ())))


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
