"""Write the configuration as a provisioning file, without any secret."""

from collections.abc import Iterable, Iterator

from audiocodecs.models import PlatformSettings
from connections.models import CallerIdRule, Connection
from trunks.models import Number, Route, Trunk

NO_PASSWORD = "# password: never exported; without this key the one kept here stays"  # noqa: S105


def export() -> str:
    """Return the whole configuration as YAML; applying it here changes nothing."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Exported configuration. Passwords are left out; add them before using it elsewhere."
    platform = PlatformSettings.load()
    if platform.codecs:
        yield f"platform_codecs: {_flow(platform.codecs)}"
    yield f"external_sip: {_boolean(platform.external_sip)}"
    sections = {
        "connections": (_connection(row) for row in Connection.objects.all()),
        "trunks": (_trunk(row) for row in Trunk.objects.prefetch_related("gateways")),
        "numbers": (_number(row) for row in Number.objects.select_related("connection", "trunk")),
        # A route without a trunk leads nowhere and cannot be written.
        "routes": (
            _route(row) for row in Route.objects.prefetch_related("steps__trunk") if row.steps.all()
        ),
    }
    for name, items in sections.items():
        lines = [line for item in items for line in _item(item)]
        yield f"{name}:" if lines else f"{name}: []"
        yield from lines


def _item(lines: Iterable[str]) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield f"  {'- ' if index == 0 else '  '}{line}"


def _connection(row: Connection) -> Iterator[str]:
    yield f"sip_user: {_text(row.sip_user)}"
    yield f"name: {_text(row.name)}"
    if row.ha1_md5:
        yield NO_PASSWORD
    codecs = f"codecs: {_flow(row.inbound_codecs)}, " if row.inbound_codecs else ""
    yield f"inbound: {{{codecs}force_on_caller: {_boolean(row.force_on_caller)}}}"
    if row.outbound_codecs:
        yield f"outbound: {{codecs: {_flow(row.outbound_codecs)}}}"
    if row.address:
        yield f"address: {_text(row.address)}"
    if row.concurrent_calls is not None:
        yield f"concurrent_calls: {row.concurrent_calls}"
    if row.caller_id != CallerIdRule.REWRITE:
        yield f"caller_id: {row.caller_id}"
    if not row.enabled:
        yield "enabled: false"


def _trunk(row: Trunk) -> Iterator[str]:
    yield f"name: {_text(row.name)}"
    yield "in:"
    yield f"  allowed_addresses: {_flow(row.in_allowed_addresses)}"
    yield from _credentials(row.in_username, has_password=bool(row.in_ha1_md5))
    if row.in_codecs:
        yield f"  codecs: {_flow(row.in_codecs)}"
    yield "out:"
    # By `order`, which is the place in the file, not by the order in which they are tried.
    gateways = sorted(row.gateways.all(), key=lambda gateway: (gateway.order, gateway.pk))
    if gateways:
        yield "  gateways:"
    for gateway in gateways:
        yield f"    - {{uri: {_text(gateway.uri)}, priority: {gateway.priority}}}"
    yield from _credentials(row.out_username, has_password=bool(row.out_password))
    if not gateways or row.out_codecs:
        yield f"  codecs: {_flow(row.out_codecs)}" if row.out_codecs else "  gateways: []"
    if row.concurrent_calls is not None:
        yield f"concurrent_calls: {row.concurrent_calls}"
    if row.media_also_from:
        yield f"media_also_from: {_flow(row.media_also_from)}"
    if not row.enabled:
        yield "enabled: false"


def _credentials(username: str, *, has_password: bool) -> Iterator[str]:
    if username:
        yield f"  username: {_text(username)}"
    if username and has_password:
        yield f"  {NO_PASSWORD}"


def _number(row: Number) -> Iterator[str]:
    if row.connection is not None:
        target = f"connection:{row.connection.sip_user}"
    else:
        target = f"trunk:{row.trunk}"
    yield f"{{number: {_text(row.number)}, to: {_text(target)}}}"


def _route(row: Route) -> Iterator[str]:
    trunks = ", ".join(_text(step.trunk.name) for step in row.steps.all())
    yield f"{{prefix: {_text(row.prefix)}, trunks: [{trunks}]}}"


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _flow(items: Iterable[str]) -> str:
    # A codec name is plain in YAML; an IPv6 network or a host name may not be.
    return f"[{', '.join(item if item.isalnum() else _text(item) for item in items)}]"


def _text(value: str) -> str:
    """Return a double-quoted YAML scalar (YAML 1.1 section 5.7)."""
    return '"' + "".join(_escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\U{code:08x}"
