"""The shape of a provisioning file, read into plain values."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError

from connections.models import AgentWhen, CallerIdRule
from connections.validators import validate_sip_address
from provisioning.agents import AGENT_FORM, AgentSchema, AgentSpec
from provisioning.problems import Problems
from provisioning.reader import Entry
from sip.names import PARTY_NAME, PARTY_NAME_FORM, SIP_USER, SIP_USER_FORM
from trunks.validators import (
    ACCESS_FORM,
    NETWORK_FORM,
    NUMBER,
    NUMBER_FORM,
    PREFIX,
    PREFIX_FORM,
    parse_access_list,
    parse_networks,
    validate_gateway_uri,
)

SECTIONS = (
    "platform_codecs",
    "external_sip",
    "connections",
    "trunks",
    "agents",
    "numbers",
    "routes",
)
CALLER_ID = re.compile(rf"(?:{'|'.join(CallerIdRule.values)})\Z")
NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}\Z")
NAME_FORM = "1 to 100 characters on one line"
AGENT_WHEN = re.compile(rf"(?:{'|'.join(AgentWhen.values)})\Z")
TARGET = re.compile(r"(connection|trunk|agent):(.{1,100})\Z")
TARGET_FORM = f"connection:SIP_USER, trunk:NAME or {AGENT_FORM}"


@dataclass(frozen=True, slots=True)
class ConnectionSpec:
    """One entry of `connections`; None means: leave as it is."""

    entry: Entry
    sip_user: str
    name: str
    password: str | None = field(repr=False)
    inbound_codecs: list[str]
    force_on_caller: bool
    outbound_codecs: list[str]
    address: str
    concurrent_calls: int | None
    caller_id: str
    agent: str
    "Name of the voice agent that takes its calls; none: empty. It may not exist."
    agent_entry: Entry
    agent_when: str
    enabled: bool | None


@dataclass(frozen=True, slots=True)
class TrunkSpec:
    """One entry of `trunks`; None means: leave as it is."""

    entry: Entry
    name: str
    allowed_addresses: list[str]
    in_username: str
    in_username_entry: Entry
    in_password: str | None = field(repr=False)
    in_codecs: list[str]
    concurrent_calls: int | None
    media_also_from: list[str]
    gateways: list[tuple[str, int]]
    out_username: str
    out_password: str | None = field(repr=False)
    out_codecs: list[str]
    enabled: bool | None


@dataclass(frozen=True, slots=True)
class NumberSpec:
    """One entry of `numbers`; its target may not exist, which `apply` finds out."""

    entry: Entry
    number: str
    kind: str
    "`connection`, `trunk` or `agent`."
    target: str
    target_entry: Entry


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """One entry of `routes`; trunks in the order they are tried."""

    entry: Entry
    prefix: str
    trunks: list[tuple[str, Entry]]
    last_resort: str
    "Name of the voice agent; none: empty."
    last_resort_entry: Entry


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A whole file; None is a section that is not in it."""

    platform_codecs: list[str] | None = None
    external_sip: bool | None = None
    connections: list[ConnectionSpec] | None = None
    trunks: list[TrunkSpec] | None = None
    agents: list[AgentSpec] | None = None
    numbers: list[NumberSpec] | None = None
    routes: list[RouteSpec] | None = None


def parse(document: Entry | None, problems: Problems) -> FileSpec:
    """Return what a document says, noting all that is wrong with it."""
    if document is None:
        return FileSpec()
    return _Schema(problems).file(document)


class _Schema(AgentSchema):
    def file(self, document: Entry) -> FileSpec:
        fields = self.fields(document, SECTIONS)
        platform = fields.get("platform_codecs")
        return FileSpec(
            platform_codecs=None if platform is None else self.codecs(platform),
            external_sip=self.boolean(fields.get("external_sip")),
            connections=self._connections(fields.get("connections")),
            trunks=self._trunks(fields.get("trunks")),
            agents=self.agents(fields.get("agents")),
            numbers=self._numbers(fields.get("numbers")),
            routes=self._routes(fields.get("routes")),
        )

    def _connections(self, section: Entry | None) -> list[ConnectionSpec] | None:
        if section is None:
            return None
        specs = [self._connection(item) for item in self.items(section, "connections")]
        self.unique([(spec.sip_user, spec.entry) for spec in specs], "sip_user")
        return specs

    def _connection(self, entry: Entry) -> ConnectionSpec:
        keys = (
            "sip_user",
            "name",
            "password",
            "inbound",
            "outbound",
            "address",
            "concurrent_calls",
            "caller_id",
            "agent",
            "enabled",
        )
        fields = self.fields(entry, keys, required=("sip_user",))
        user = fields.get("sip_user", entry)
        sip_user = self.text(fields.get("sip_user"), pattern=SIP_USER, form=SIP_USER_FORM)
        inbound = self._part(fields.get("inbound"), ("codecs", "force_on_caller"))
        outbound = self._part(fields.get("outbound"), ("codecs",))
        agent = self._part(fields.get("agent"), ("to", "when"), required=("to",))
        return ConnectionSpec(
            entry=user,
            sip_user=sip_user,
            name=self.text(fields.get("name"), pattern=NAME, form=NAME_FORM) or sip_user,
            password=self._password(fields.get("password")),
            inbound_codecs=self.codecs(inbound.get("codecs")),
            force_on_caller=self.boolean(inbound.get("force_on_caller")) or False,
            outbound_codecs=self.codecs(outbound.get("codecs")),
            address=self.checked(fields.get("address"), validate_sip_address),
            concurrent_calls=self.whole(
                fields.get("concurrent_calls"), minimum=1, maximum=1_000_000
            ),
            caller_id=self.text(
                fields.get("caller_id"), pattern=CALLER_ID, form=", ".join(CallerIdRule.values)
            )
            or CallerIdRule.REWRITE,
            agent=self.agent_name(agent.get("to")),
            agent_entry=agent.get("to", entry),
            agent_when=self.text(
                agent.get("when"), pattern=AGENT_WHEN, form=", ".join(AgentWhen.values)
            )
            or AgentWhen.NOT_REGISTERED,
            enabled=self.boolean(fields.get("enabled")),
        )

    def _trunks(self, section: Entry | None) -> list[TrunkSpec] | None:
        if section is None:
            return None
        specs = [self._trunk(item) for item in self.items(section, "trunks")]
        self.unique([(spec.name, spec.entry) for spec in specs], "trunk name")
        return specs

    def _trunk(self, entry: Entry) -> TrunkSpec:
        keys = ("name", "in", "out", "concurrent_calls", "media_also_from", "enabled")
        fields = self.fields(entry, keys, required=("name",))
        inward = self._part(
            fields.get("in"), ("allowed_addresses", "username", "password", "codecs")
        )
        outward = self._part(fields.get("out"), ("gateways", "username", "password", "codecs"))
        for part in (inward, outward):
            if "password" in part and "username" not in part:
                self.problems.add(part["password"], "a password without username", secret=True)
        return TrunkSpec(
            entry=fields.get("name", entry),
            name=self.text(fields.get("name"), pattern=PARTY_NAME, form=PARTY_NAME_FORM),
            allowed_addresses=self._addresses(
                inward.get("allowed_addresses"), parse_access_list, ACCESS_FORM
            ),
            concurrent_calls=self.whole(
                fields.get("concurrent_calls"), minimum=1, maximum=1_000_000
            ),
            media_also_from=self._addresses(
                fields.get("media_also_from"), parse_networks, NETWORK_FORM
            ),
            in_username=self.text(inward.get("username"), pattern=SIP_USER, form=SIP_USER_FORM),
            in_username_entry=inward.get("username", entry),
            in_password=self._password(inward.get("password")),
            in_codecs=self.codecs(inward.get("codecs")),
            gateways=self._gateways(outward.get("gateways")),
            out_username=self.text(outward.get("username")),
            out_password=self._password(outward.get("password")),
            out_codecs=self.codecs(outward.get("codecs")),
            enabled=self.boolean(fields.get("enabled")),
        )

    def _addresses(
        self, entry: Entry | None, parse: Callable[[list[object]], list[str]], form: str
    ) -> list[str]:
        before: list[str] = []
        for item in self.items(entry, form):
            try:
                before = parse([*before, item.value])
            except ValidationError as error:
                what, _, allowed = "; ".join(error.messages).partition("; allowed: ")
                self.problems.add(item, what, allowed=allowed)
        return before

    def _gateways(self, entry: Entry | None) -> list[tuple[str, int]]:
        gateways: list[tuple[str, int]] = []
        places: list[tuple[str, Entry]] = []
        for item in self.items(entry, "gateways with uri and priority"):
            fields = self.fields(item, ("uri", "priority"), required=("uri",))
            uri = self.checked(fields.get("uri"), validate_gateway_uri)
            priority = self.whole(fields.get("priority"), minimum=0, maximum=32767)
            gateways.append((uri, 1 if priority is None else priority))
            places.append((uri, fields.get("uri", item)))
        self.unique(places, "gateway")
        return gateways

    def _numbers(self, section: Entry | None) -> list[NumberSpec] | None:
        if section is None:
            return None
        specs: list[NumberSpec] = []
        for entry in self.items(section, "numbers"):
            fields = self.fields(entry, ("number", "to"), required=("number", "to"))
            number = self.text(fields.get("number"), pattern=NUMBER, form=NUMBER_FORM)
            to = self.text(fields.get("to"), pattern=TARGET, form=TARGET_FORM)
            kind, _, target = to.partition(":")
            place = fields.get("number", entry)
            specs.append(NumberSpec(place, number, kind, target, fields.get("to", entry)))
        self.unique([(spec.number, spec.entry) for spec in specs], "number")
        return specs

    def _routes(self, section: Entry | None) -> list[RouteSpec] | None:
        if section is None:
            return None
        specs = [self._route(item) for item in self.items(section, "routes")]
        self.unique([(spec.prefix, spec.entry) for spec in specs], "prefix")
        return specs

    def _route(self, entry: Entry) -> RouteSpec:
        keys = ("prefix", "trunks", "last_resort")
        fields = self.fields(entry, keys, required=("prefix", "trunks"))
        items = self.items(fields.get("trunks"), "trunk names")
        if "trunks" in fields and fields["trunks"].value == []:
            self.problems.add(fields["trunks"], "a route needs a trunk")
        trunks = [
            (self.text(item, pattern=PARTY_NAME, form=PARTY_NAME_FORM), item) for item in items
        ]
        self.unique(trunks, "trunk")
        prefix = self.text(fields.get("prefix"), pattern=PREFIX, form=PREFIX_FORM)
        return RouteSpec(
            entry=fields.get("prefix", entry),
            prefix=prefix,
            trunks=trunks,
            last_resort=self.agent_name(fields.get("last_resort")),
            last_resort_entry=fields.get("last_resort", entry),
        )

    def _part(
        self, entry: Entry | None, keys: tuple[str, ...], required: tuple[str, ...] = ()
    ) -> dict[str, Entry]:
        return {} if entry is None else self.fields(entry, keys, required)

    def _password(self, entry: Entry | None) -> str | None:
        return None if entry is None else self.text(entry, secret=True)
