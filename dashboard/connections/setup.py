"""A phone that sets itself up: a code to scan, and files over an address that works once."""

import datetime as dt
from dataclasses import dataclass

import segno
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from audit.services import did
from callengine.edge.settings import EdgeSettings
from connections.models import Connection
from dashboard.connections.phones import Server
from dashboard.connections.presenters import phone_servers
from provisioning.phones.files import FILES, PhoneFacts
from provisioning.phones.invitations import LIFETIME, take

LOCAL = ("localhost", "127.0.0.1", "::1")
QUIET = 4
"Modules of white around a code (ISO/IEC 18004)."


@dataclass(frozen=True, slots=True)
class SetupView:
    """What the page that shows a password offers besides."""

    code: str
    "A QR code, as a data URI; it leads to Linphone's file."
    files: tuple[tuple[str, str], ...]
    "Maker and address."
    until: dt.datetime
    is_readable: bool
    "Whether the password would travel readable."
    is_local: bool
    "Whether only programs on this machine can reach the address."


def present_setup(request: HttpRequest, token: str) -> SetupView | None:
    """Return how a phone fetches its settings; None if nobody here knows where it registers."""
    if not token or server_for(request) is None:
        return None
    addresses = {
        name: request.build_absolute_uri(reverse("phone-setup", args=[token, file.name]))
        for name, file in FILES.items()
    }
    code = segno.make(addresses["linphone"], error="m", micro=False)
    return SetupView(
        code=code.svg_data_uri(scale=4, border=QUIET, dark="#000", light="#fff"),
        files=tuple((FILES[name].maker, address) for name, address in addresses.items()),
        until=timezone.now() + LIFETIME,
        is_readable=not request.is_secure(),
        is_local=page_host(request) in LOCAL,
    )


def server_for(request: HttpRequest) -> tuple[Server, str] | None:
    """Return where a phone registers, and the host it is told; None if only a person can know."""
    host = page_host(request)
    servers, _ = phone_servers(page_host=host, now=timezone.now())
    for server in servers:
        if server.host:
            return server, server.host
    # It listens on every address: then also on the one under which these pages were reached.
    return (servers[0], host) if servers and host not in LOCAL else None


def page_host(request: HttpRequest) -> str:
    """Return the host under which the person reached these pages, without brackets."""
    text = request.get_host()
    host = text if text.endswith("]") else text.rpartition(":")[0] or text
    return host.strip("[]")


@require_GET
@never_cache
def phone_setup(request: HttpRequest, token: str, file_name: str) -> HttpResponse:
    """Hand a phone its settings, once; whoever has the address may have them."""
    file = next((one for one in FILES.values() if one.name == file_name), None)
    place = server_for(request)
    taken = take(token) if file is not None and place is not None else None
    if file is None or place is None or taken is None:
        # Nothing of it is logged: the token may be good yet, for another file.
        text = "This address is used up or too old: set a new password, which makes another.\n"
        return HttpResponse(text, status=410, content_type="text/plain; charset=utf-8")
    connection, password = taken
    server, host = place
    did(f"a {file.maker} file was fetched, with the password", row=connection)
    answer = file.text(_facts(connection, password, server, host))
    return HttpResponse(
        answer, content_type=file.content_type, headers={"Referrer-Policy": "no-referrer"}
    )


def _facts(connection: Connection, password: str, server: Server, host: str) -> PhoneFacts:
    return PhoneFacts(
        name=connection.name,
        sip_user=connection.sip_user,
        password=password,
        realm=settings.VOIPNUMBER_REALM,
        host=host,
        port=server.port,
        transport=server.transports[0],
        expires_s=int(EdgeSettings().default_expires_s),
    )
