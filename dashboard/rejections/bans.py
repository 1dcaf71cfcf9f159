"""Who is kept out now, for people: what for, until when; and letting them in again."""

from dataclasses import dataclass
from datetime import datetime

from asgiref.sync import async_to_sync
from django.utils import timezone

from callengine.edge.bans import MANY_USERS, WRONG_PASSWORDS
from callengine.models import Ban
from callengine.notices.commands import LiftBan
from callengine.notices.groups import ENGINES, tell
from callengine.record import bans as banning

SHOWN = 20


@dataclass(frozen=True, slots=True)
class BanRow:
    """One ban."""

    ban: Ban
    why: str


@dataclass(frozen=True, slots=True)
class BanList:
    """The newest bans that hold, and how many there are in all."""

    rows: tuple[BanRow, ...]
    count: int


def bans(now: datetime | None = None) -> BanList:
    """Return who is banned now. Two queries."""
    holding = banning.holding(now=now or timezone.now())
    rows = tuple(BanRow(ban, _why(ban)) for ban in holding[:SHOWN])
    return BanList(rows, holding.count() if len(rows) == SHOWN else len(rows))


def _why(ban: Ban) -> str:
    again = f" Banned {ban.times} times of late, so it is longer." if ban.times > 1 else ""
    if ban.rule == WRONG_PASSWORDS:
        return (
            f"{ban.failures} wrong passwords. If this is your phone, correct its password, then "
            f"lift the ban.{again}"
        )
    if ban.rule == MANY_USERS:
        return (
            f"{ban.failures} wrong passwords for many users: somebody guesses. If these are your "
            f"phones, correct their passwords, then lift the ban.{again}"
        )
    return f"{ban.failures} failures.{again}"


def lift(ban_id: int) -> Ban | None:
    """End a ban, at once in every engine that hears us; return it, or None if it was over."""
    ban = banning.lift(ban_id=ban_id)
    if ban is not None:
        async_to_sync(tell)(ENGINES, LiftBan(source=ban.source, user=ban.user))
    return ban


def pardon(user: str) -> None:
    """End the bans of one user everywhere: the password has changed."""
    for ban in Ban.objects.filter(user=user):
        lift(ban.pk)
