"""Which pages may open our websockets: those of this very site, its port included."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from web.bounds import WebRejections

DEFAULT_PORTS = {"http": 80, "https": 443}


class Denier(WebsocketDenier):  # type: ignore[misc]
    """Refuses a websocket with 403, and asks no channel layer for a channel to do so."""

    channel_layer_alias = ""


class SameOrigin:
    """Let in websockets whose Origin is the scheme, host and port that the page was asked under.

    Cookies are sent to every port of a host: a page that somebody else serves on another port of
    this machine could watch calls as whoever visits it. Forms are guarded by the same comparison.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._refused = WebRejections()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Refuse with 403 before anybody is asked for."""
        handshake = of(scope.get("headers", ()), behind_proxy=settings.VOIPNUMBER_TLS_PROXY)
        if handshake.is_same:
            await self._application(scope, receive, send)
            return
        self._refused.note(
            str((scope.get("client") or [""])[0]),
            f"a page of {handshake.origin[:200]!r} asked for a websocket of "
            f"{handshake.site[:200]!r}",
            "If that page is ours, its proxy must pass Host on as the browser sent it.",
        )
        await Denier()(scope, receive, send)


class BrowserHandshake(NamedTuple):
    """What a handshake says: the page's origin, and the site that it asks."""

    origin: str
    site: str
    is_same: bool


def of(headers: Iterable[tuple[bytes, bytes]], *, behind_proxy: bool) -> BrowserHandshake:
    """Compare Origin with scheme and Host as the browser saw them; each must be there once."""
    values: dict[bytes, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value.decode("latin1").strip().lower())
    told = behind_proxy and values.get(b"x-forwarded-proto") == ["https"]
    origins, hosts = values.get(b"origin", []), values.get(b"host", [])
    origin, host = ", ".join(origins), ", ".join(hosts)
    site = f"{'https' if told else 'http'}://{host}"
    domain, _ = split_domain_port(host)
    is_allowed = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
    theirs = _place(origin)
    same = len(origins) == len(hosts) == 1 and theirs is not None and theirs == _place(site)
    return BrowserHandshake(origin, site, is_allowed and same)


def _place(origin: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port; None for what is no origin of the web."""
    try:
        parts = urlsplit(origin)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            return None
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return None
        return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None
