"""Write the configuration as a provisioning file, without any secret."""

from collections.abc import Iterable, Iterator
from typing import Any

from agents.concealed import concealed
from agents.fitness import default_encodings
from agents.models import VoiceAgent
from audiocodecs.models import PlatformSettings
from connections.models import AgentWhen, CallerIdRule, Connection
from provisioning.agents import LIMITS, SWITCHES
from trunks.models import Number, Route, Trunk

NO_PASSWORD = "# password: never exported; without this key the one kept here stays"  # noqa: S105
NO_SECRET = "# secret: never exported; without this key the one kept here stays"  # noqa: S105


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
        "connections": (_connection(row) for row in Connection.objects.select_related("agent")),
        "trunks": (_trunk(row) for row in Trunk.objects.prefetch_related("gateways")),
        "agents": (
            _agent(row)
            for row in VoiceAgent.objects.select_related("fallback_connection", "fallback_trunk")
        ),
        "numbers": (
            _number(row) for row in Number.objects.select_related("connection", "trunk", "agent")
        ),
        # A route without a trunk leads nowhere and cannot be written.
        "routes": (_route(row) for row in _routes() if row.steps.all()),
    }
    for name, items in sections.items():
        lines = [line for item in items for line in _item(item)]
        yield f"{name}:" if lines else f"{name}: []"
        yield from lines


def _routes() -> Iterable[Route]:
    return Route.objects.select_related("last_resort_agent").prefetch_related("steps__trunk")


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
    if row.agent is not None:
        when = f", when: {row.agent_when}" if row.agent_when != AgentWhen.NOT_REGISTERED else ""
        yield f"agent: {{to: {_text(row.agent.label)}{when}}}"
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


def _agent(row: VoiceAgent) -> Iterator[str]:
    yield from _given(row, "name", "dialect", "url")
    if row.secret:
        yield NO_SECRET
    yield from _given(row, "agent_id", "system_prompt", "voice", "greeting")
    yield from _directions(row)
    if row.tools:
        yield f"tools: {_value(concealed(row.tools))}"
    yield from _given(row, "headers")
    if row.codecs:
        yield f"codecs: {_flow(row.codecs)}"
    yield from _given(row, "fallback")
    plain = VoiceAgent()
    for name in (*LIMITS, *SWITCHES, "enabled"):
        if getattr(row, name) != getattr(plain, name):
            yield f"{name}: {_value(getattr(row, name))}"


def _given(row: VoiceAgent, *names: str) -> Iterator[str]:
    for name in names:
        if getattr(row, name):
            yield f"{name}: {_value(getattr(row, name))}"


def _directions(row: VoiceAgent) -> Iterator[str]:
    heard, said = default_encodings(row.dialect)
    inward: dict[str, Any] = {"encoding": row.input_encoding} if row.input_encoding != heard else {}
    inward |= {
        name: getattr(row, name) for name in ("keyterms", "turn_detection") if getattr(row, name)
    }
    outward: dict[str, Any] = (
        {"encoding": row.output_encoding} if row.output_encoding != said else {}
    )
    outward |= {"volume": row.volume} if row.volume is not None else {}
    for name, part in (("input", inward), ("output", outward)):
        if part:
            items = ", ".join(f"{key}: {_value(value)}" for key, value in part.items())
            yield f"{name}: {{{items}}}"


def _number(row: Number) -> Iterator[str]:
    if row.connection is not None:
        target = f"connection:{row.connection.sip_user}"
    elif row.agent is not None:
        target = row.agent.label
    else:
        target = f"trunk:{row.trunk}"
    yield f"{{number: {_text(row.number)}, to: {_text(target)}}}"


def _route(row: Route) -> Iterator[str]:
    trunks = ", ".join(_text(step.trunk.name) for step in row.steps.all())
    agent = row.last_resort_agent
    last = f", last_resort: {_text(agent.label)}" if agent is not None else ""
    yield f"{{prefix: {_text(row.prefix)}, trunks: [{trunks}]{last}}}"


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _flow(items: Iterable[str]) -> str:
    # A codec name is plain in YAML; an IPv6 network or a host name may not be.
    return f"[{', '.join(item if item.isalnum() else _text(item) for item in items)}]"


def _value(value: Any) -> str:
    """Return JSON as YAML that is read back as the same (YAML 1.1, on one line)."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(key)}: {_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return _boolean(value)
    if isinstance(value, float):
        digits, exponent, power = repr(value).partition("e")
        # 1e-05 without a point is text to YAML 1.1.
        return f"{digits}{'' if '.' in digits else '.0'}{exponent}{power}"
    return "null" if value is None else str(value)


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
