"""Wrong passwords are counted by django-axes; who has given too many is held back for a while.

Three rules, so that nobody guesses on and no stranger can keep an administrator out: one user from
one address; one address whatever the user; and one user from anywhere, which holds back only
addresses from which that user has not signed in before. Names that nobody here has are counted
alike, so that an answer tells nothing about them.
"""

import datetime as dt
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone

logger = logging.getLogger(__name__)
_Sum = tuple[int, dt.datetime]

MOST_LISTED = 2000
"Pairs of user and address whose failures are looked through to list who is held back."
KNOWN_FOR = dt.timedelta(days=90)
"How long an address counts as one from which a user signs in, after the last time."


class HoldRule(StrEnum):
    """What was guessed at too often."""

    USER_AND_ADDRESS = "user-and-address"
    ADDRESS = "address"
    USER = "user"


@dataclass(frozen=True, slots=True)
class SignInHold:
    """Somebody who is held back: which sign-ins, by which rule, until when."""

    rule: HoldRule
    failures: int
    until: dt.datetime
    "When the last of the counted failures no longer counts; others may be forgotten before."
    username: str = ""
    address: str | None = None

    @property
    def left_s(self) -> int:
        """Seconds until then, rounded up to the next."""
        return max(1, int((self.until - timezone.now()).total_seconds()) + 1)


MOST = {
    HoldRule.USER_AND_ADDRESS: "VOIPNUMBER_SIGN_IN_FAILURES",
    HoldRule.ADDRESS: "VOIPNUMBER_SIGN_IN_FAILURES_PER_ADDRESS",
    HoldRule.USER: "VOIPNUMBER_SIGN_IN_FAILURES_PER_USER",
}
KEYS = {
    HoldRule.USER_AND_ADDRESS: ("username", "ip_address"),
    HoldRule.ADDRESS: ("ip_address",),
    HoldRule.USER: ("username",),
}


def hold_of(*, username: str | None, address: str | None) -> SignInHold | None:
    """Return why a sign-in is not even tried, None if it is. One to four short queries."""
    asked = {"username": username, "ip_address": address}
    for rule, keys in KEYS.items():
        # Over a UNIX socket everybody has the same address, which is none.
        if rule is HoldRule.ADDRESS and address is None:
            continue
        who = {key: asked[key] for key in keys}
        counted = _sums(_counted().filter(**who), *keys).first()
        if counted is None or counted["failures"] < getattr(settings, MOST[rule]):
            continue
        if not (rule is HoldRule.USER and _is_known(username, address)):
            return _hold(rule, who, counted["failures"], counted["last"])
    return None


def holds() -> list[SignInHold]:
    """Return everybody who is held back now, who stays so longest first. One query."""
    holding: list[SignInHold] = []
    pairs = list(_sums(_counted(), "username", "ip_address")[:MOST_LISTED])
    for rule, keys in KEYS.items():
        sums: dict[tuple[Any, ...], _Sum] = {}
        for row in pairs:
            key = tuple(row[name] for name in keys)
            if rule is not HoldRule.ADDRESS or row["ip_address"] is not None:
                failures, last = sums.get(key, (0, row["last"]))
                sums[key] = failures + row["failures"], max(last, row["last"])
        holding += [
            _hold(rule, dict(zip(keys, key, strict=True)), *counted)
            for key, counted in sums.items()
            if counted[0] >= getattr(settings, MOST[rule])
        ]
    return sorted(holding, key=lambda hold: hold.until, reverse=True)


def lift(*, rule: HoldRule, username: str, address: str | None) -> int:
    """Forget the failures that a hold counts; return how many sign-ins' worth there were."""
    asked = {"username": username, "ip_address": address}
    attempts = AccessAttempt.objects.filter(**{key: asked[key] for key in KEYS[rule]})
    count = attempts.aggregate(count=Sum("failures_since_start"))["count"] or 0
    attempts.delete()
    return int(count)


def _counted() -> QuerySet[AccessAttempt]:
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    counted: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(attempt_time__gt=since)
    return counted.order_by()


def _sums(attempts: QuerySet[AccessAttempt], *keys: str) -> Any:
    return (
        attempts.values(*keys)
        .annotate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
        .order_by("-last")
    )


def _hold(rule: HoldRule, who: dict[str, Any], failures: int, last: dt.datetime) -> SignInHold:
    until = last + settings.AXES_COOLOFF_TIME
    return SignInHold(rule, failures, until, who.get("username") or "", who.get("ip_address"))


def _is_known(username: str | None, address: str | None) -> bool:
    since = timezone.now() - KNOWN_FOR
    signed_in: QuerySet[AccessLog] = AccessLog.objects.filter(
        username=username, ip_address=address, attempt_time__gt=since
    )
    return signed_in.exists()


class Handler(AxesDatabaseHandler):  # type: ignore[misc]
    """django-axes with our rules instead of one limit for everything."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """Return the limit if somebody is held back, and nothing otherwise."""
        username = get_client_username(request, credentials)
        request.sign_in_hold = hold_of(username=username, address=request.axes_ip_address)
        return settings.AXES_FAILURE_LIMIT if request.sign_in_hold else 0

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        """Count a wrong password; say it once somebody is held back."""
        before = bool(getattr(request, "axes_locked_out", False))
        super().user_login_failed(sender, credentials, request, **kwargs)
        hold = getattr(request, "sign_in_hold", None)
        if hold is not None and not before:
            logger.warning(
                "sign-ins of %r from %s are held back until %s (%s): %d wrong passwords, and %s is "
                "%d. An administrator lets them in under Settings, Users.",
                hold.username or "anybody",
                hold.address or "addresses never used before",
                hold.until.isoformat(timespec="seconds"),
                hold.rule,
                hold.failures,
                MOST[hold.rule],
                getattr(settings, MOST[hold.rule]),
            )

    def reset_user_attempts(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """Forget what the one who has signed in mistyped here.

        Nothing else: whoever has an account could guess at others' and clear the count by it.
        """
        return lift(
            rule=HoldRule.USER_AND_ADDRESS,
            username=get_client_username(request, credentials),
            address=request.axes_ip_address,
        )

    def user_logged_in(self, sender: Any, request: Any, user: User, **kwargs: Any) -> None:
        """Note from where somebody signs in, and forget from where long ago."""
        super().user_logged_in(sender, request, user, **kwargs)
        AccessLog.objects.filter(attempt_time__lt=timezone.now() - KNOWN_FOR).delete()


class ThrottlingBackend(AxesStandaloneBackend):  # type: ignore[misc]
    """Ends a sign-in of somebody who is held back before any password is looked at."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, **credentials: Any
    ) -> None:
        """Let pass what no browser asks for: without a request there is no address to count."""
        if request is not None:
            super().authenticate(request, username=username, **credentials)
