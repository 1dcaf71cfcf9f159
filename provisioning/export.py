"""Write the configuration as a provisioning file, without any secret."""

from collections.abc import Iterable, Iterator

from agents.models import VoiceAgent
from audiocodecs.models import PlatformSettings
from connections.models import Connection
from connections.templates import ConnectionTemplate
from provisioning import yamltext
from provisioning.agents import agent_lines
from provisioning.connections import connection_lines
from provisioning.dialplan import number_lines, route_lines
from provisioning.templates import template_lines
from provisioning.trunks import trunk_lines
from trunks.models import Number, Route, Trunk


def export() -> str:
    """Return the whole configuration as YAML; applying it here changes nothing."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Exported configuration. Passwords are left out; add them before using it elsewhere."
    platform = PlatformSettings.load()
    if platform.codecs:
        yield f"platform_codecs: {yamltext.flow(platform.codecs)}"
    yield f"external_sip: {yamltext.boolean(platform.external_sip)}"
    if platform.home_country:
        yield f"home_country: {yamltext.text(platform.home_country)}"
    if platform.time_zone != "UTC":
        yield f"time_zone: {yamltext.text(platform.time_zone)}"
    if platform.avoids_transcoding:
        yield "avoids_transcoding: true"
    agents = VoiceAgent.objects.select_related("fallback_connection", "fallback_trunk")
    numbers = Number.objects.select_related("connection", "trunk", "agent")
    routes = Route.objects.select_related("last_resort_agent").prefetch_related("steps__trunk")
    sections: dict[str, Iterable[Iterator[str]]] = {
        "connection_templates": map(template_lines, ConnectionTemplate.objects.all()),
        "connections": map(
            connection_lines, Connection.objects.select_related("agent", "template")
        ),
        "trunks": map(trunk_lines, Trunk.objects.prefetch_related("gateways")),
        "agents": map(agent_lines, agents),
        "numbers": map(number_lines, numbers),
        # A route without a trunk leads nowhere and cannot be written.
        "routes": (route_lines(row) for row in routes if row.steps.all()),
    }
    for name, items in sections.items():
        lines = [line for item in items for line in _item(item)]
        yield f"{name}:" if lines else f"{name}: []"
        yield from lines


def _item(lines: Iterable[str]) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield f"  {'- ' if index == 0 else '  '}{line}"
