"""Keeps out who guesses passwords: notes failures, makes bans, and knows whom never to ban."""

import logging
import time
from collections.abc import Callable, Iterable

from callengine.edge.bans import Bans, HeldBan, Offence, Offences
from callengine.edge.interface import Engine
from callengine.edge.settings import BanSettings
from callengine.edge.sources import source_key
from callengine.edge.transport.addresses import is_built_in_phone

logger = logging.getLogger(__name__)

BANNED_ADVICE = (
    "Too many wrong passwords came for {user} from {source}, so it is kept out for another "
    "{minutes} min, even with the right one. Correct the phone, then lift the ban on the page of "
    "refusals."
)


class Warden:
    """The bans of one edge."""

    def __init__(
        self, engine: Engine, settings: BanSettings, is_exempt: Callable[[str], bool]
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._is_exempt = is_exempt
        self._offences = Offences(settings)
        self._bans = Bans(settings)

    def banned_s(self, source: str) -> float:
        """Return for how many seconds more a whole source is banned."""
        return self._bans.banned_s(source, time.time())

    def objection(self, host: str, user: str) -> str:
        """Return why a user may not even try from this address, or an empty string."""
        source = source_key(host)
        left_s = self._bans.banned_s(source, time.time(), user)
        if not left_s:
            return ""
        return BANNED_ADVICE.format(user=user, source=source, minutes=int(left_s / 60) + 1)

    def succeeded(self, host: str, user: str) -> None:
        """Have earlier failures of a user there forgotten: the right password came."""
        self._offences.succeeded(source_key(host), user, time.time())

    async def failed(self, host: str, user: str) -> None:
        """Note a wrong password of whoever certainly is at this address."""
        if not self._settings.ban_s or _is_built_in(host) or self._is_exempt(host):
            return
        offence = self._offences.failed(source_key(host), user, time.time())
        if offence is None or await self._is_protected(host, offence):
            return
        ban = self._bans.add(offence, time.time())
        logger.warning(
            "%s%s is banned for %d s: %d wrong passwords",
            ban.source,
            f" as {ban.user}" if ban.user else "",
            ban.until - ban.since,
            ban.failures,
        )
        await self._engine.banned(ban)

    async def _is_protected(self, host: str, offence: Offence) -> bool:
        if await self._engine.trunk_access(host) is not None:
            return True
        if offence.user or not await self._engine.has_registered_from(host):
            return False
        self._offences.trust(offence.source, time.time())
        return True

    def replace(self, bans: Iterable[HeldBan]) -> None:
        """Hold these bans, as they are stored."""
        self._bans.replace(bans, time.time())

    def lift(self, source: str, user: str) -> None:
        """End a ban at once."""
        self._bans.lift(source, user)
        self._offences.forget(source)


def _is_built_in(host: str) -> bool:
    """Tell this machine and the codec lab's phones, who are never banned."""
    return host in ("127.0.0.1", "::1") or is_built_in_phone(host)
