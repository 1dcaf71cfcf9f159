"""How addresses of gateways stand by what this engine has heard, until what is read shows it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from callengine.directory.records import GatewayRow, TargetRow


class TargetPlace(NamedTuple):
    """One address of one gateway."""

    trunk: int
    "Its key."
    gateway: str
    "The URI."
    target: str


class LatestStandings:
    """What was heard, until it is sure to be read: a reading may begin before it is stored."""

    def __init__(self) -> None:
        self._heard: dict[TargetPlace, TargetRow] = {}
        self._stored: set[TargetPlace] = set()

    def heard(self, place: TargetPlace, row: TargetRow) -> None:
        """Take how an address stands, before it is stored."""
        self._heard[place] = row
        self._stored.discard(place)

    def stored(self, place: TargetPlace, row: TargetRow) -> None:
        """Take that it is stored, or will not be; what was heard since then is not."""
        if self._heard.get(place) is row:
            self._stored.add(place)

    def reading_begins(self) -> None:
        """Leave to the rows that are read now what was stored before."""
        for place in self._stored:
            del self._heard[place]
        self._stored.clear()

    def over(
        self, gateways: Mapping[int, tuple[GatewayRow, ...]]
    ) -> dict[int, tuple[GatewayRow, ...]]:
        """Return the gateways of trunks, by the trunks' keys, with what was heard in its place."""
        rows = dict(gateways)
        for place, row in self._heard.items():
            if place.trunk in rows:
                rows[place.trunk] = tuple(_over(rows[place.trunk], place, row))
        return rows


def _over(
    gateways: Iterable[GatewayRow], place: TargetPlace, row: TargetRow
) -> Iterator[GatewayRow]:
    for gateway in gateways:
        if gateway.uri == place.gateway:
            others = [one for one in gateway.targets if one.target != place.target]
            yield gateway._replace(targets=(*others, row))
        else:
            yield gateway
