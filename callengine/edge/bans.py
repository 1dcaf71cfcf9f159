"""Who guesses passwords, and for how long they are kept out. Pure; `now` is Unix time in seconds.

Only failures of a source that has shown that it is there count: a datagram with an invented source
must not have anybody banned. One user who fails is kept out alone, as a phone with a wrong password
may stand beside good ones behind one address; the whole source goes only if it tries many users.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from callengine.edge.settings import BanSettings

MAX_SOURCES = 5000
MAX_BANS = 10_000
MAX_USERS = 200
REMEMBERED_S = 86_400.0
"How long after its end a ban still makes the next one longer."
TRUSTED_S = 3600.0
"How long a source is not banned as a whole after anybody there had the right password."

WRONG_PASSWORDS = "wrong-passwords"
MANY_USERS = "many-users-tried"


@dataclass(frozen=True, slots=True)
class HeldBan:
    """One source, or one user there, kept out for a while; times as Unix seconds."""

    source: str
    "See `sources.source_key`."
    user: str
    "Empty: the whole source."
    rule: str
    since: float
    until: float
    failures: int
    times: int
    "How often it has been banned of late, this time included."


@dataclass(frozen=True, slots=True)
class Offence:
    """What a ban is for."""

    source: str
    user: str
    rule: str
    failures: int


class _Record:
    """The failures of one source within one window."""

    __slots__ = ("since", "users")

    def __init__(self, since: float) -> None:
        self.since = since
        self.users: dict[str, int] = {}


class Offences:
    """Counts failed passwords by source and user."""

    def __init__(self, settings: BanSettings) -> None:
        self._settings = settings
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._trusted: OrderedDict[str, float] = OrderedDict()

    def failed(self, source: str, user: str, now: float) -> Offence | None:
        """Note a failure; return what it has become if that is too much."""
        record = self._record(source, now)
        if user in record.users or len(record.users) < MAX_USERS:
            record.users[user] = record.users.get(user, 0) + 1
        failures = sum(record.users.values())
        if len(record.users) >= self._settings.users and not self._is_trusted(source, now):
            del self._records[source]
            return Offence(source, "", MANY_USERS, failures)
        if record.users.get(user, 0) >= self._settings.failures:
            return Offence(source, user, WRONG_PASSWORDS, record.users.pop(user))
        return None

    def _record(self, source: str, now: float) -> _Record:
        record = self._records.get(source)
        if record is None or now - record.since >= self._settings.window_s:
            record = self._records[source] = _Record(now)
            if len(self._records) > MAX_SOURCES:
                self._records.popitem(last=False)
        return record

    def succeeded(self, source: str, user: str, now: float) -> None:
        """Note that a user there had the right password."""
        if (record := self._records.get(source)) is not None:
            record.users.pop(user, None)
        self.trust(source, now)

    def trust(self, source: str, now: float) -> None:
        """Do not ban this source as a whole for an hour: good phones are there, too."""
        self._trusted[source] = now
        self._trusted.move_to_end(source)
        if len(self._trusted) > MAX_SOURCES:
            self._trusted.popitem(last=False)

    def _is_trusted(self, source: str, now: float) -> bool:
        return now - self._trusted.get(source, -TRUSTED_S) < TRUSTED_S

    def forget(self, source: str) -> None:
        """Begin anew with a source that somebody has pardoned."""
        self._records.pop(source, None)


class Bans:
    """The bans that hold, and those of late."""

    def __init__(self, settings: BanSettings) -> None:
        self._settings = settings
        self._bans: OrderedDict[tuple[str, str], HeldBan] = OrderedDict()

    def add(self, offence: Offence, now: float) -> HeldBan:
        """Ban a source or one user there: twice as long as the last time, within bounds."""
        key = (offence.source, offence.user)
        last = self._bans.pop(key, None)
        times = last.times + 1 if last and now < last.until + REMEMBERED_S else 1
        settings = self._settings
        for_s = min(settings.ban_s * 2.0 ** min(times - 1, 30), settings.longest_s)
        ban = HeldBan(*key, offence.rule, now, now + for_s, offence.failures, times)
        self._bans[key] = ban
        if len(self._bans) > MAX_BANS:
            self._bans.popitem(last=False)
        return ban

    def replace(self, bans: Iterable[HeldBan], now: float) -> None:
        """Hold these bans, as they are stored; one made a moment ago may not be yet."""
        fresh = [ban for ban in self._bans.values() if now - ban.since < self._settings.fresh_s]
        self._bans = OrderedDict(((ban.source, ban.user), ban) for ban in (*bans, *fresh))

    def lift(self, source: str, user: str) -> None:
        """End a ban, and forget that there was one."""
        self._bans.pop((source, user), None)

    def banned_s(self, source: str, now: float, user: str = "") -> float:
        """Return for how many seconds more a source, or a user there, is banned."""
        ban = self._bans.get((source, user)) if self._bans else None
        return max(ban.until - now, 0.0) if ban is not None else 0.0
