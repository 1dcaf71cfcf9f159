"""What is known of one name: how its calls ended, what was refused, and how things stand now.

The record answers first, newest on top; then what holds at this moment, as that may have changed
since. Nothing is guessed: where nothing is known, it is said what would make it known.
"""

import datetime as dt
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Max, Q
from django.urls import reverse

from callengine.models import Call, Leg, Rejection
from callengine.record.bans import holding
from connections.models import Connection
from connections.services import unexpired_registrations
from connections.states import ConnectionState, state_of
from dashboard.calls.shown import CallRow
from dashboard.history.queries import NEWEST_FIRST
from dashboard.history.rows import rows_of
from dashboard.rejections.queries import what
from dashboard.why.asked import Kind, WhyAsked
from trunks.access import addresses_within
from trunks.models import Number, Trunk

SHOWN = 5
"Calls, and rules that refused something."
TRUNKS_READ = 500


@dataclass(frozen=True, slots=True)
class RefusedBy:
    """One rule that refused requests of what was asked for."""

    what: str
    rule: str
    code: int
    advice: str
    count: int
    last: dt.datetime
    source: str
    user: str
    to: str


@dataclass(frozen=True, slots=True)
class Fact:
    """How something stands now."""

    text: str
    url: str = ""
    "Where it is changed."
    is_cause: bool = False
    "Whether it alone keeps calls or registrations away."


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known."""

    refused: tuple[RefusedBy, ...] = ()
    calls: tuple[CallRow, ...] = ()
    "Rows of calls, newest first; those that failed and those that did not."
    facts: tuple[Fact, ...] = ()
    unknown: tuple[str, ...] = field(default=())
    "What would make it known; only if the record says nothing."

    @property
    def is_known(self) -> bool:
        """Whether the record says anything."""
        return bool(self.refused or self.calls)


def answer(asked: WhyAsked, *, user: User | AnonymousUser, now: dt.datetime) -> Explanation:
    """Return what is known of what was asked for, as far as this person may see it."""
    refused = _refused(asked)
    calls = _calls(asked) if user.has_perm("callengine.view_call") else []
    facts = list(_facts(asked, user, now))
    unknown = () if refused or calls else tuple(_unknown(asked))
    return Explanation(tuple(refused), tuple(calls), tuple(facts), unknown)


def _refused(asked: WhyAsked) -> list[RefusedBy]:
    """Return what was refused, by rule, the newest first. Two queries."""
    name = asked.name
    condition = {
        Kind.CALL_ID: Q(call_id=name),
        Kind.ADDRESS: Q(source_address=name),
        Kind.NAME: Q(user=name) | Q(to=name) | Q(call_id=name),
    }[asked.kind]
    among = Rejection.objects.filter(condition).order_by()
    rules = among.values("rule").annotate(count=Count("id"), newest=Max("id"))
    counted = {row["newest"]: row["count"] for row in rules.order_by("-newest")[:SHOWN]}
    rows = Rejection.objects.in_bulk(list(counted))
    return [
        RefusedBy(
            what=what(row),
            rule=row.rule,
            code=row.code,
            advice=row.advice,
            count=counted[pk],
            last=row.at,
            source=row.source_address,
            user=row.user,
            to=row.to,
        )
        for pk, row in sorted(rows.items(), reverse=True)
    ]


def _calls(asked: WhyAsked) -> list[CallRow]:
    """Return the newest calls. Three queries at most."""
    name = asked.name
    if asked.kind is Kind.ADDRESS:
        condition = Q(source=f"external:{name}")
    else:
        keys = Leg.objects.filter(sip_call_id=name).values_list("call_id", flat=True)
        condition = Q(pk__in=list(keys[:SHOWN]))
        if asked.kind is Kind.NAME:
            condition |= Q(from_user=name) | Q(to_user=name)
    newest = Call.objects.filter(condition).order_by(*NEWEST_FIRST)
    return rows_of(list(newest.values_list("pk", flat=True)[:SHOWN]))


# How things stand now


def _facts(asked: WhyAsked, user: User | AnonymousUser, now: dt.datetime) -> Iterator[Fact]:
    if asked.kind is Kind.CALL_ID:
        return
    yield from _banned(asked, now)
    if asked.kind is Kind.ADDRESS:
        if user.has_perm("trunks.view_trunk"):
            yield from _of_address(asked.name)
        return
    if user.has_perm("connections.view_connection"):
        yield from _of_user(asked.name, now)
    if user.has_perm("trunks.view_number"):
        yield from _of_number(asked.name)


def _banned(asked: WhyAsked, now: dt.datetime) -> Iterator[Fact]:
    if asked.kind is Kind.ADDRESS:
        bans = [ban for ban in holding(now=now) if _covers(ban.source, asked.name)]
    else:
        bans = list(holding(now=now).filter(user=asked.name)[:SHOWN])
    for ban in bans[:SHOWN]:
        whom = f"{ban.user} from {ban.source}" if ban.user else f"Whoever comes from {ban.source}"
        text = f"{whom} is kept out for guessing passwords ({ban.failures} wrong ones)."
        yield Fact(f"{text} Correct the password, then lift the ban.", reverse("rejections"), True)


def _covers(source: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(source, strict=False)
    except (ValueError, TypeError):
        return False


def _of_address(address: str) -> Iterator[Fact]:
    # A page does not wait for the resolver: host names are left to the engine.
    trunks = Trunk.objects.order_by("name")[:TRUNKS_READ]
    named = False
    for trunk in trunks:
        if addresses_within([address], trunk.in_allowed_addresses, lambda _host: ()):
            named = True
            disabled = "" if trunk.enabled else " The trunk is disabled."
            yield Fact(
                f"{address} is on the access list of the trunk {trunk.name}.{disabled}",
                reverse("trunk-in", args=[trunk.pk]),
                is_cause=not trunk.enabled,
            )
    if not named:
        yield Fact(
            f"{address} is on no trunk's access list by address or network (host names in access "
            "lists are not looked up here). A carrier there is taken for somebody unknown.",
            reverse("trunks"),
        )


def _of_user(name: str, now: dt.datetime) -> Iterator[Fact]:
    row = Connection.objects.filter(sip_user=name).first()
    if row is None:
        return
    url = reverse("connection", args=[row.pk])
    bindings = unexpired_registrations(sip_user=name, now=now)
    state = state_of(row, bindings)
    if state is ConnectionState.DISABLED:
        yield Fact(f"The connection {name} is disabled: it cannot call or be called.", url, True)
    elif not row.ha1_md5:
        yield Fact(f"The connection {name} has no password: it cannot register or call.", url, True)
    elif row.ha1_realm != settings.VOIPNUMBER_REALM:
        text = f"The password of {name} was set for the realm {row.ha1_realm}."
        now_is = f"That is now {settings.VOIPNUMBER_REALM}: set a new password."
        yield Fact(f"{text} {now_is}", url, True)
    if state is ConnectionState.NOT_REGISTERED:
        yield Fact(f"{name} is not registered: no phone of it can be rung.", url, True)
    elif state is ConnectionState.REGISTERED:
        flows = ", ".join(one.flow for one in bindings[:SHOWN])
        yield Fact(f"{name} is registered, at {flows}.", url)


def _of_number(name: str) -> Iterator[Fact]:
    row = Number.objects.filter(number=name).select_related("connection", "trunk", "agent").first()
    if row is not None:
        place = row.connection or row.trunk or row.agent or row.get_selftest_display()
        yield Fact(f"The number {name} leads to {place}.", reverse("number", args=[row.pk]))


# Nothing known


def _unknown(asked: WhyAsked) -> Iterator[str]:
    if asked.kind is Kind.CALL_ID:
        yield (
            "A Call-ID is compared as a whole, with its @ and what follows. The two legs of a call "
            "have different ones: both are kept, the caller's and ours."
        )
    elif asked.kind is Kind.ADDRESS:
        yield (
            "Neither a call nor anything that was refused has come from there, unless in the last "
            "seconds: who leaves a challenge unanswered is on record after 5 s. Look at the "
            "firewall before this machine (UDP and TCP 5060), and at which address the device "
            "sends to: set its server to this one, call, and ask again."
        )
        yield (
            "Behind a router the device has another address out here: ask with that, or with its "
            "SIP user."
        )
    else:
        yield (
            "No request has named it as a whole. A device may send another name than the one typed "
            "into it: ask with the address it calls from, and see which user it says it is."
        )
    if settings.VOIPNUMBER_KEEP_DAYS:
        yield f"What is older than {settings.VOIPNUMBER_KEEP_DAYS} days is not kept."
