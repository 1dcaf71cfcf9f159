"""`trunks` of a provisioning file: its shape, how it is stored, how it is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from audit.watching import remember
from numbering.fields import parse_filters, parse_rewrites
from numbering.filters import FILTER_FORM
from numbering.rewriting import RULE_FORM
from provisioning import keys, yamltext
from provisioning.checker import Checker
from provisioning.keys import FieldKey
from provisioning.permissions import PERMISSION_KEYS, permission_notes
from provisioning.reader import Entry
from provisioning.rows import Rows, set_values
from sip.headerrules import HEADER_FORM
from sip.names import PARTY_NAME, PARTY_NAME_FORM, SIP_USER, SIP_USER_FORM
from sip.srtp import Srtp
from trunks.models import Trunk
from trunks.models.gateway import MAX_WEIGHT
from trunks.models.numbers import Diverting, IdentityHeader
from trunks.services import HA1_FIELDS, GatewayValues, replace_gateways, set_in_password
from trunks.validators import (
    ACCESS_FORM,
    NETWORK_FORM,
    parse_access_list,
    parse_header_rules,
    parse_networks,
    validate_domain,
    validate_gateway_uri,
)

KEYS = (
    FieldKey("concurrent_calls", keys.whole(1, 1_000_000)),
    FieldKey("srtp", keys.choice(list(Srtp))),
    FieldKey("media_also_from", keys.parsed(parse_networks, NETWORK_FORM)),
    FieldKey("refer", keys.choice(("decline", "act"))),
    FieldKey("passes_refer", Checker.boolean),
    FieldKey("avoids_transcoding", Checker.boolean),
    *PERMISSION_KEYS,
)
IN_KEYS = (
    FieldKey(
        "allowed_addresses", keys.parsed(parse_access_list, ACCESS_FORM), "in_allowed_addresses"
    ),
    FieldKey("username", keys.text(SIP_USER, SIP_USER_FORM), "in_username"),
    FieldKey("domain", keys.checked(validate_domain), "in_domain"),
    FieldKey("codecs", Checker.codecs, "in_codecs"),
    FieldKey("called_rules", keys.parsed(parse_rewrites, RULE_FORM), "in_called_rules"),
    FieldKey("caller_rules", keys.parsed(parse_rewrites, RULE_FORM), "in_caller_rules"),
    FieldKey("identity", keys.choice(IdentityHeader.values), "in_identity"),
    FieldKey("filters", keys.parsed(parse_filters, FILTER_FORM), "in_filters"),
    FieldKey("headers", keys.parsed(parse_header_rules, HEADER_FORM), "in_headers"),
)
OUT_KEYS = (
    FieldKey("username", Checker.text, "out_username"),
    FieldKey("codecs", Checker.codecs, "out_codecs"),
    FieldKey("probe_interval_s", keys.whole(0, 3600)),
    FieldKey("holds_back_early_media", Checker.boolean),
    FieldKey("register", Checker.boolean, "registers"),
    FieldKey("registrar", keys.checked(validate_gateway_uri)),
    FieldKey("register_user", keys.text(SIP_USER, SIP_USER_FORM)),
    FieldKey("register_expires_s", keys.whole(60, 86_400)),
    FieldKey("called_rules", keys.parsed(parse_rewrites, RULE_FORM), "out_called_rules"),
    FieldKey("caller_rules", keys.parsed(parse_rewrites, RULE_FORM), "out_caller_rules"),
    FieldKey("identity", keys.choice(IdentityHeader.values), "out_identity"),
    FieldKey("diversion", keys.choice(Diverting.values), "out_diversion"),
)


@dataclass(frozen=True, slots=True)
class TrunkSpec:
    """One entry of `trunks`; None means: leave as it is."""

    entry: Entry
    name: str
    values: dict[str, Any]
    "Fields of the model that are one key each."
    in_username_entry: Entry
    in_password: str | None = field(repr=False)
    gateways: list[GatewayValues]
    out_password: str | None = field(repr=False)
    enabled: bool | None

    @property
    def in_username(self) -> str:
        """The IN user name; none: empty."""
        return str(self.values["in_username"])


class TrunkSchema(Checker):
    """Reads trunks."""

    def trunks(self, section: Entry | None) -> list[TrunkSpec] | None:
        """Return the trunks of a file, or None if it has no such section."""
        specs = self.section(section, "trunks", self._trunk)
        self.unique([(spec.name, spec.entry) for spec in specs or ()], "trunk name")
        return specs

    def _trunk(self, entry: Entry) -> TrunkSpec:
        its_keys = ("name", "in", "out", "enabled", *keys.names(KEYS))
        fields = self.fields(entry, its_keys, required=("name",))
        inward = self.part(fields.get("in"), ("password", *keys.names(IN_KEYS)))
        outward = self.part(fields.get("out"), ("gateways", "password", *keys.names(OUT_KEYS)))
        values: dict[str, Any] = {}
        for part, part_keys in ((fields, KEYS), (inward, IN_KEYS), (outward, OUT_KEYS)):
            values |= keys.values(self, Trunk, part_keys, part)
            if part is not fields and "password" in part and "username" not in part:
                self.problems.add(part["password"], "a password without username", secret=True)
        return TrunkSpec(
            entry=fields.get("name", entry),
            name=self.text(fields.get("name"), pattern=PARTY_NAME, form=PARTY_NAME_FORM),
            values=values,
            in_username_entry=inward.get("username", entry),
            in_password=self.password(inward.get("password")),
            gateways=self._gateways(outward.get("gateways")),
            out_password=self.password(outward.get("password")),
            enabled=self.boolean(fields.get("enabled")),
        )

    def _gateways(self, entry: Entry | None) -> list[GatewayValues]:
        gateways: list[GatewayValues] = []
        places: list[tuple[str, Entry]] = []
        for item in self.items(entry, "gateways with uri, priority and weight"):
            fields = self.fields(item, ("uri", "priority", "weight"), required=("uri",))
            uri = self.checked(fields.get("uri"), validate_gateway_uri)
            priority = self.whole(fields.get("priority"), minimum=0, maximum=32767)
            if priority is None:  # in the order in which they stand
                priority = min(max((one.priority for one in gateways), default=0) + 1, 32767)
            weight = self.whole(fields.get("weight"), minimum=1, maximum=MAX_WEIGHT)
            gateways.append(GatewayValues(uri, priority, weight or 1))
            places.append((uri, fields.get("uri", item)))
        self.unique(places, "gateway")
        return gateways


def release_usernames(rows: Rows, specs: list[TrunkSpec]) -> None:
    """Give up every IN user name that changes, before any is taken: two trunks may swap theirs."""
    for spec in specs:
        row = rows.trunks.get(spec.name)
        if row is not None and row.in_username not in ("", spec.in_username):
            remember(row)  # what follows is no change that anybody asked for
            hashes = dict.fromkeys(HA1_FIELDS, "")
            Trunk.objects.filter(pk=row.pk).update(in_username="", **hashes)


def store_trunk(rows: Rows, spec: TrunkSpec) -> None:
    """Make a trunk and its gateways what the file says."""
    row = rows.trunks.get(spec.name) or Trunk(name=spec.name)
    renamed = row.in_username != spec.in_username
    values = dict(spec.values)
    if spec.out_password is not None or not values["out_username"]:
        values["out_password"] = spec.out_password or ""
    if spec.enabled is not None:
        values["enabled"] = spec.enabled
    changed = set_values(row, values)
    # HA1 binds the user name: under another one the old password is worth nothing.
    if (spec.in_password is not None or renamed) and set_in_password(
        trunk=row, password=spec.in_password or ""
    ):
        changed += HA1_FIELDS
    rows.store(row, "trunk", spec.name, changed)
    rows.trunks[spec.name] = row
    if replace_gateways(trunk=row, gateways=spec.gateways):
        rows.stored_part("trunk", spec.name, "gateways")
    if row.in_username and not row.in_ha1_md5:
        rows.outcome.notes.append(
            f"trunk {row.name} has an IN user name but no password: its calls are refused"
        )
    rows.outcome.notes += permission_notes("trunk", row.name, row)


def trunk_lines(row: Trunk) -> Iterator[str]:
    """Return a trunk as a file has it, without its passwords."""
    yield f"name: {yamltext.text(row.name)}"
    inward, outward = keys.written(row, IN_KEYS), keys.written(row, OUT_KEYS)
    yield from _side("in", inward, has_password=bool(row.in_username and row.in_ha1_md5))
    yield from _side(
        "out",
        chain(_gateways(row), outward),
        has_password=bool(row.out_username and row.out_password),
    )
    yield from keys.written(row, KEYS)
    if not row.enabled:
        yield "enabled: false"


def _side(name: str, lines: Iterable[str], *, has_password: bool) -> Iterator[str]:
    written = [*lines, *([yamltext.NO_PASSWORD] if has_password else ())]
    if written:
        yield f"{name}:"
        yield from (f"  {line}" for line in written)


def _gateways(row: Trunk) -> Iterator[str]:
    gateways = list(row.gateways.all())
    if gateways:
        yield "gateways:"
    for gateway in gateways:
        weight = f", weight: {gateway.weight}" if gateway.weight != 1 else ""
        uri = yamltext.text(gateway.uri)
        yield f"  - {{uri: {uri}, priority: {gateway.priority}{weight}}}"
