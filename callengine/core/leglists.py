"""The codec lists of one call's legs, and what they lead to for its caller. Pure."""

import dataclasses
from collections.abc import Sequence

from audiocodecs.negotiation import (
    AgentLists,
    ConnectionLists,
    LegLists,
    SelfTestLists,
    TrunkLists,
    negotiate,
    plan_lists,
)
from callengine.core.directory import ConnectionEntry, Platform, Source, TrunkEntry
from callengine.core.reasons import Rule
from callengine.core.request import CallRequest, NotPlannedError


class CallLists:
    """What the lists of whoever is called mean for one caller, with what this engine can do."""

    def __init__(self, request: CallRequest, platform: Platform) -> None:
        self._request = request
        self._platform = platform

    def of(
        self, destination: ConnectionLists | TrunkLists | AgentLists | SelfTestLists
    ) -> LegLists:
        """Return the lists of both legs. Raises NotPlannedError if nothing on one can be done."""
        lists = plan_lists(
            source=_source_lists(self._request.source),
            destination=destination,
            platform=self._platform.codecs,
            avoids_transcoding=self._platform.avoids_transcoding,
        )
        vn_a, vn_b = self._usable(lists.vn_a), self._usable(lists.vn_b)
        if not vn_a or (lists.vn_b and not vn_b):
            missing = ", ".join(lists.vn_b if vn_a else lists.vn_a)
            raise NotPlannedError(
                503,
                Rule.NO_CODEC_AVAILABLE,
                f"This engine can do none of {missing} now; its log and the list's page say why. "
                "Add another codec to the list.",
            )
        return dataclasses.replace(lists, vn_a=vn_a, vn_b=vn_b)

    def _usable(self, codecs: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in codecs if name in self._platform.available_codecs)

    def shares(self, vn_a: tuple[str, ...]) -> bool:
        """Tell whether the caller has a codec of VN-A; one without an offer may."""
        offered = self._request.offered
        return offered is None or negotiate(vn_a, offered).codec is not None

    def same_for_caller(self, first: LegLists, other: LegLists) -> bool:
        """Whether both lists lead the caller's leg to the same codec, whichever trunk answers."""
        offered = self._request.offered
        if offered is None:
            return first.vn_a == other.vn_a
        return negotiate(first.vn_a, offered).codec == negotiate(other.vn_a, offered).codec


def _source_lists(source: Source) -> ConnectionLists | TrunkLists | None:
    if source.connection is not None:
        return connection_lists(source.connection)
    return trunk_lists(source.trunk) if source.trunk is not None else None


def connection_lists(entry: ConnectionEntry) -> ConnectionLists:
    """Return the lists that a connection keeps, whether it calls or is called."""
    return ConnectionLists(
        name=entry.name,
        inbound=entry.inbound_codecs,
        outbound=entry.outbound_codecs,
        force_on_caller=entry.force_on_caller,
        avoids_transcoding=entry.avoids_transcoding,
    )


def trunk_lists(entry: TrunkEntry) -> TrunkLists:
    """Return the lists that a trunk keeps, whichever way a call goes."""
    return TrunkLists(
        name=entry.name,
        inward=entry.in_codecs,
        outward=entry.out_codecs,
        avoids_transcoding=entry.avoids_transcoding,
    )
