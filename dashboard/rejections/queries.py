"""What was refused, one by one or gathered by where it came from."""

import datetime as dt
import ipaddress
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet, Window
from django.db.models.functions import RowNumber, Substr

from callengine.core.reasons import Rule
from callengine.models import Rejection
from dashboard.history.queries import FEW, time_condition

USERS_SHOWN = 3
GATHERED = 20_000
"Rejections gathered by source at most, the newest that match."
ACCESS_RULES = frozenset(
    {Rule.SOURCE_NOT_ON_ACCESS_LIST, Rule.EXTERNAL_CALLER_TO_TRUNK, Rule.NO_CREDENTIALS}
)
"Rules that an entry on a trunk's access list satisfies."
_DONE = {"INVITE": "Call refused", "REGISTER": "Registration refused"}


@dataclass(frozen=True, slots=True)
class RuleCount:
    """One rule that stopped requests of a source, and the newest advice."""

    rule: str
    count: int
    code: int
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class RejectedSource:
    """Everything refused that came from one address."""

    address: str
    count: int
    last: dt.datetime
    rules: tuple[RuleCount, ...]
    users: tuple[str, ...]
    more_users: int

    @property
    def may_be_allowed(self) -> bool:
        """Whether putting the address on an access list would let it in."""
        return is_address(self.address) and any(r.rule in ACCESS_RULES for r in self.rules)


def is_address(text: str) -> bool:
    """Return whether this is one IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def what(rejection: Rejection) -> str:
    """Return what happened, in a few words."""
    if not rejection.code:
        return "Not answered"
    return _DONE.get(rejection.method, f"{rejection.method or 'A message'} refused")


def matching(asked: Mapping[str, Any]) -> QuerySet[Rejection]:
    """Return the rejections that match a `RejectionFilterForm`'s `cleaned_data`, in no order."""
    rejections = Rejection.objects.filter(time_condition("at", asked))
    if rule := asked.get("rule"):
        rejections = rejections.filter(rule=rule)
    if source := asked.get("source"):
        if is_address(source):
            rejections = rejections.filter(source_address=source)
        else:
            begins = Substr("source_address", 1, len(source))
            rejections = rejections.alias(begins=begins).filter(begins=source)
    if user := asked.get("user"):
        size = len(user)
        rejections = rejections.alias(
            from_start=Substr("user", 1, size), to_start=Substr("to", 1, size)
        ).filter(Q(from_start=user) | Q(to_start=user))
    return rejections


def rule_names() -> list[str]:
    """Return the rules that ever refused anything.

    One query, with one look into an index for each rule: DISTINCT would go through all rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RULES)
        return [rule for (rule,) in cursor.fetchall()]


_RULES = """
WITH RECURSIVE rules(rule) AS (
    SELECT MIN(rule) FROM callengine_rejection
    UNION ALL
    SELECT (SELECT MIN(next.rule) FROM callengine_rejection AS next WHERE next.rule > rules.rule)
    FROM rules WHERE rules.rule IS NOT NULL
)
SELECT rule FROM rules WHERE rule IS NOT NULL
"""


def newest(rejections: QuerySet[Rejection]) -> tuple[QuerySet[Rejection], bool]:
    """Return the newest GATHERED of these, and whether there are more. One query or two.

    If they are few, what follows finds them by their keys, and goes through the record no more.
    """
    keys = rejections.order_by("-at", "-id").values_list("pk", flat=True)
    if len(few := list(keys[:FEW])) < FEW:
        return Rejection.objects.filter(pk__in=few), False
    more = keys[: GATHERED + 1].count() > GATHERED
    return (Rejection.objects.filter(pk__in=keys[:GATHERED]) if more else rejections), more


def by_source(rejections: QuerySet[Rejection]) -> QuerySet[Rejection, Any]:
    """Return how many came from each address and when the last one did, the latest first."""
    groups = rejections.order_by().values("source_address")
    return groups.annotate(count=Count("at"), last=Max("at")).order_by("-last", "source_address")


def sources(
    rejections: QuerySet[Rejection], groups: Sequence[dict[str, Any]]
) -> list[RejectedSource]:
    """Return these groups with their rules, their newest advice and whom they tried. 3 queries."""
    addresses = [group["source_address"] for group in groups]
    if not addresses:
        return []
    among = rejections.filter(source_address__in=addresses).order_by()
    rules, users = _rules(among), _users(among)
    return [
        RejectedSource(
            address=group["source_address"],
            count=group["count"],
            last=group["last"],
            rules=tuple(rules[group["source_address"]]),
            users=tuple(name for name, _ in users[group["source_address"]]),
            more_users=max((n for _, n in users[group["source_address"]]), default=0)
            - len(users[group["source_address"]]),
        )
        for group in groups
    ]


def _rules(among: QuerySet[Rejection]) -> dict[str, list[RuleCount]]:
    counted = list(among.values("source_address", "rule").annotate(n=Count("at"), newest=Max("id")))
    newest = Rejection.objects.in_bulk([row["newest"] for row in counted])
    rules: dict[str, list[RuleCount]] = defaultdict(list)
    for row in sorted(counted, key=lambda row: -row["n"]):
        if (last := newest.get(row["newest"])) is not None:
            count = RuleCount(row["rule"], row["n"], last.code, what(last), last.advice)
            rules[row["source_address"]].append(count)
    return rules


def _users(among: QuerySet[Rejection]) -> dict[str, list[tuple[str, int]]]:
    """Return the users each address tried most, with how many there were in all."""
    tried = (
        among.exclude(user="")
        .values("source_address", "user")
        .annotate(n=Count("at"))
        .annotate(
            place=Window(
                RowNumber(),
                partition_by=[F("source_address")],
                order_by=[F("n").desc(), F("user")],
            ),
            users=Window(Count("user"), partition_by=[F("source_address")]),
        )
        .filter(place__lte=USERS_SHOWN)
    )
    users: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in sorted(tried, key=lambda row: row["place"]):
        users[row["source_address"]].append((row["user"], row["users"]))
    return users
