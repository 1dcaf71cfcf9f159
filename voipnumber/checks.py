"""System checks: one for each rule that spans several settings."""

import ipaddress
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, Tags, register

from callengine.core.limits import RTP_PORTS_PER_PROCESS
from callengine.edge.transport import certificates
from voipnumber import private

EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


@register(Tags.compatibility)
def check_rtp_ports(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that the RTP ports hold every call and collide with nothing."""
    first, last = settings.VOIPNUMBER_RTP_PORTS
    setting = f"VOIPNUMBER_RTP_PORTS={first}-{last}"
    messages: list[CheckMessage] = []
    if first % 2:
        messages.append(
            Error(
                f"{setting} starts with an odd port; RTP takes even ports (RFC 3550 section 11).",
                hint=f"Start with {first + 1}.",
                id="voipnumber.E001",
            )
        )
    needed = settings.VOIPNUMBER_MAX_CALLS * RTP_PORTS_PER_PROCESS
    if last - first + 1 < needed:
        messages.append(
            Error(
                f"{setting} holds {last - first + 1} ports; VOIPNUMBER_MAX_CALLS="
                f"{settings.VOIPNUMBER_MAX_CALLS} needs {needed} ({RTP_PORTS_PER_PROCESS} a call).",
                hint="Widen VOIPNUMBER_RTP_PORTS or lower VOIPNUMBER_MAX_CALLS.",
                id="voipnumber.E002",
            )
        )
    taken = {"VOIPNUMBER_HTTP": settings.VOIPNUMBER_HTTP.port}
    for listen in settings.VOIPNUMBER_SIP_LISTEN:
        taken[f"VOIPNUMBER_SIP_LISTEN {listen.transport}:{listen.host}"] = listen.port
    messages += [
        Error(
            f"{setting} contains port {port} of {name}.",
            hint="Choose a port or a range that do not meet.",
            id="voipnumber.E003",
        )
        for name, port in taken.items()
        if first <= port <= last
    ]
    return messages + _ephemeral_overlap(first, last, setting)


def _ephemeral_overlap(first: int, last: int, setting: str) -> list[CheckMessage]:
    """Warn if the kernel may hand out RTP ports to other sockets (Linux only)."""
    try:
        low, high = (int(part) for part in EPHEMERAL_PORTS.read_text().split())
    except (OSError, ValueError):
        return []
    if last < low or first > high:
        return []
    return [
        checks.Warning(
            f"{setting} meets the ports the kernel gives to any program ({low}-{high}).",
            hint=f"Choose a range outside {low}-{high}, or change {EPHEMERAL_PORTS}.",
            id="voipnumber.W001",
        )
    ]


@register(Tags.compatibility)
def check_listeners(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that SIP and HTTP do not claim one TCP port."""
    http = settings.VOIPNUMBER_HTTP
    return [
        Error(
            f"VOIPNUMBER_SIP_LISTEN and VOIPNUMBER_HTTP both listen on TCP port {http.port}.",
            hint="Give one of them another port.",
            id="voipnumber.E004",
        )
        for listen in settings.VOIPNUMBER_SIP_LISTEN
        if listen.transport != "udp"
        and listen.port == http.port != 0
        and _hosts_meet(listen.host, http.host)
    ]


def _hosts_meet(one: str, other: str) -> bool:
    if one == other or _is_wildcard(one) or _is_wildcard(other):
        return True
    return "localhost" in (one, other) and (_is_loopback(one) or _is_loopback(other))


def _is_wildcard(host: str) -> bool:
    return host in ("0.0.0.0", "::")  # noqa: S104


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen_hosts() -> list[str]:
    return [listen.host for listen in settings.VOIPNUMBER_SIP_LISTEN]


@register(Tags.compatibility)
def check_public_address(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that the address shown to peers fits the addresses listened on."""
    hosts = _listen_hosts()
    public = settings.VOIPNUMBER_PUBLIC_ADDRESS
    if not public:
        return []
    version = ipaddress.ip_address(public).version
    if any(ipaddress.ip_address(host).version == version or host == "::" for host in hosts):
        return []
    return [
        Error(
            f"VOIPNUMBER_PUBLIC_ADDRESS={public} is IPv{version}, but no address of "
            "VOIPNUMBER_SIP_LISTEN is.",
            hint="Listen on an address of the same family.",
            id="voipnumber.E005",
        )
    ]


@register(Tags.compatibility, deploy=True)
def check_wildcard(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Tell what peers are shown when SIP listens everywhere (`check --deploy` only)."""
    if settings.VOIPNUMBER_PUBLIC_ADDRESS or not any(map(_is_wildcard, _listen_hosts())):
        return []
    return [
        Info(
            "SIP listens on every interface and VOIPNUMBER_PUBLIC_ADDRESS is not set: each peer "
            "is shown the address of the interface that reaches it.",
            hint="Behind NAT, set VOIPNUMBER_PUBLIC_ADDRESS to the address peers see.",
            id="voipnumber.I001",
        )
    ]


@register(Tags.compatibility)
def check_sip_certificate(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that SIP over TLS has a certificate that can be used."""
    certificate, key = (
        settings.VOIPNUMBER_SIP_TLS_CERTIFICATE,
        settings.VOIPNUMBER_SIP_TLS_KEY,
    )
    name = f"VOIPNUMBER_SIP_TLS_CERTIFICATE={certificate}"
    if certificate is None:
        listens = any(listen.transport == "tls" for listen in settings.VOIPNUMBER_SIP_LISTEN)
        return [_no_certificate()] if listens else []
    try:
        ours = certificates.check_files(certificate, key)
        if settings.VOIPNUMBER_SIP_TLS_AUTHORITIES:
            certificates.read_chain(settings.VOIPNUMBER_SIP_TLS_AUTHORITIES)
    except certificates.CertificateError as error:
        hint = "Name PEM files that fit together; the key may stand in the certificate's file."
        return [Error(f"{name} cannot be used: {error}", hint=hint, id="voipnumber.E008")]
    now = datetime.now(UTC)
    messages: list[CheckMessage] = []
    if when := certificates.time_problem(ours, now) or certificates.ends_soon(ours, now):
        hint = "Put a new one in its place; a running engine takes it over by itself."
        messages.append(checks.Warning(f"{name} {when}.", hint=hint, id="voipnumber.W007"))
    if certificates.is_open_to_all(key or certificate):
        messages.append(_open_key(key or certificate))
    wanted = settings.VOIPNUMBER_SIP_TLS_NAME
    if wanted and not certificates.fits(certificates.names_in(ours), wanted):
        messages.append(_other_name(name, wanted, certificates.names_in(ours)))
    return messages


def _no_certificate() -> CheckMessage:
    return Error(
        "VOIPNUMBER_SIP_LISTEN has a tls: address, but VOIPNUMBER_SIP_TLS_CERTIFICATE is not set.",
        hint="Name the certificate's PEM file, or listen on udp: and tcp: alone.",
        id="voipnumber.E007",
    )


def _open_key(path: Path) -> CheckMessage:
    return checks.Warning(
        f"The private key in {path} can be read by every user of this machine.",
        hint=f"Run: chmod o-r {shlex.quote(str(path))}",
        id="voipnumber.W008",
    )


def _other_name(name: str, wanted: str, names: tuple[str, ...]) -> CheckMessage:
    return checks.Warning(
        f"{name} is for {', '.join(names[:3]) or 'nobody'}, and VOIPNUMBER_SIP_TLS_NAME={wanted} "
        "is shown to peers.",
        hint="Who connects to that name will refuse the certificate; make the two agree.",
        id="voipnumber.W009",
    )


@register(Tags.compatibility)
def check_shape(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that database and channel layer belong to the same way of running."""
    server_database = "sqlite3" not in settings.DATABASES["default"]["ENGINE"]
    if server_database and not settings.REDIS_URL:
        return [
            checks.Warning(
                "DATABASE_URL names a database server, but REDIS_URL is not set: web and engine "
                "in separate processes would not hear each other.",
                hint="Set REDIS_URL, or run everything in one process with `manage.py serve`.",
                id="voipnumber.W002",
            )
        ]
    if settings.REDIS_URL and not server_database:
        return [
            checks.Warning(
                "REDIS_URL is set, but the database is SQLite: engine nodes on other machines "
                "would not share it.",
                hint="Set DATABASE_URL to a PostgreSQL database.",
                id="voipnumber.W003",
            )
        ]
    return []


@register(Tags.security)
def check_web_exposure(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check what a page that leaves this machine needs."""
    host = settings.VOIPNUMBER_HTTP.host
    if _is_loopback(host):
        return []
    messages: list[CheckMessage] = []
    if settings.DEBUG:
        messages.append(
            Error(
                f"VOIPNUMBER_DEBUG is on and VOIPNUMBER_HTTP={host} is open to other machines.",
                hint="Turn VOIPNUMBER_DEBUG off, or listen on 127.0.0.1.",
                id="voipnumber.E006",
            )
        )
    if not settings.VOIPNUMBER_TLS_PROXY:
        messages.append(
            checks.Warning(
                f"VOIPNUMBER_HTTP={host} serves pages and passwords in clear text to other "
                "machines.",
                hint="Listen on 127.0.0.1 behind a TLS proxy and set VOIPNUMBER_TLS_PROXY=1.",
                id="voipnumber.W004",
            )
        )
    if _is_wildcard(host) and len(settings.ALLOWED_HOSTS) <= 3:
        messages.append(
            checks.Warning(
                "VOIPNUMBER_HTTP listens on every interface, but pages answer to localhost only.",
                hint="Name the hosts people will type in VOIPNUMBER_ALLOWED_HOSTS.",
                id="voipnumber.W005",
            )
        )
    return messages


@register(Tags.security)
def check_private_files(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn if others on this machine may enter the data folder or read what is in it."""
    places = private.open_places(settings.VOIPNUMBER_DATA, settings.SQLITE_FILE)
    private.told.update(places)
    return [
        checks.Warning(
            f"{place.path} has mode {place.mode:04o}: other users of this machine may reach the "
            "database, the secret key or the logs.",
            hint=f"Run: {place.mend}",
            id="voipnumber.W006",
        )
        for place in places
    ]
