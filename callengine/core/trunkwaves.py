"""Which gateways of which trunks are tried for one number, and what they are told. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from audiocodecs.negotiation import LegLists
from callengine.core.capacity import full_trunks, no_trunk_left
from callengine.core.denials import bounded, minutes_denial, number_denial, rate_denial
from callengine.core.directory import Destination, GatewayEntry, Platform, TrunkEntry
from callengine.core.identity import sent_identity
from callengine.core.leglists import CallLists, trunk_lists
from callengine.core.naming import Chance, by_weight
from callengine.core.numberrules import SentIdentity
from callengine.core.permissions import RETRY_AFTER_S, Holder, Usage
from callengine.core.plan import PlannedTarget, PlannedWaves, Wave
from callengine.core.reasons import Rule
from callengine.core.request import CallRequest, NotPlannedError
from callengine.core.rewriting import rewritten

_USER_UNESCAPED = "-_.!~*'()&=+$,?/"
"What RFC 3261 section 25.1 lets stand in a user part, but for the semicolon."


class TrunkPlanner:
    """Plans what goes through trunks of one call; `chance` draws lots, as in `WavePlanner`."""

    def __init__(
        self,
        request: CallRequest,
        platform: Platform,
        lists: CallLists,
        *,
        usage: Usage,
        chance: Chance | None,
    ) -> None:
        self._request = request
        self._platform = platform
        self._lists = lists
        self._usage = usage
        self._chance = chance

    def plan(
        self, trunks: Sequence[TrunkEntry], dialled: str, destination: Destination
    ) -> PlannedWaves:
        """Return the gateways of these trunks. Raises NotPlannedError if none may be tried."""
        full = full_trunks(destination, self._usage.in_progress)
        with_room, notes = _with_room(dialled, trunks, full)
        with_room = self._permitted(with_room, dialled, notes)
        planned = [(trunk, self._lists.of(trunk_lists(trunk))) for trunk in with_room]
        usable: list[tuple[TrunkEntry, LegLists]] = []
        for trunk, lists in planned:
            first = usable[0][1] if usable else None
            if not self._lists.shares(lists.vn_a):
                notes.append(left_out(trunk.name, "no codec in common with the caller."))
            elif first is not None and not self._lists.same_for_caller(first, lists):
                why = (
                    "its TRUNK IN list would give the caller another codec than the first trunk's, "
                    "and the caller is answered once."
                )
                notes.append(left_out(trunk.name, why))
            else:
                usable.append((trunk, lists))
        sent = {trunk.name: self._sent(trunk, dialled, notes) for trunk, _ in usable}
        caller = self._request.party.holder
        holders = {trunk.name: trunk.holder for trunk, _ in usable}
        waves = [
            bounded(wave, (caller, holders[wave.label]), self._usage, through_trunk=True)
            for wave in _gateway_waves(usable, sent, self._chance, dialled=dialled)
        ]
        label = waves[0].label if waves else trunks[0].name
        lists = next((one for trunk, one in usable if trunk.name == label), planned[0][1])
        return PlannedWaves(f"trunk:{label}", tuple(waves), lists, tuple(notes))

    def _permitted(
        self, trunks: Sequence[TrunkEntry], dialled: str, notes: list[str]
    ) -> list[TrunkEntry]:
        """Return those trunks this call may go through; of the others something is noted.

        Raises the first refusal if there are none.
        """
        caller, usage = self._request.party.holder, self._usage
        if (denial := minutes_denial(caller, usage)) is not None:
            raise NotPlannedError.by(caller, denial)
        permitted: list[TrunkEntry] = []
        refusals: list[NotPlannedError] = []
        for trunk in trunks:
            sent = rewritten(dialled, trunk.rules.out_called, self._platform.home_country)
            refusal = self._refusal(caller, trunk.holder, (dialled, sent.number))
            if refusal is None:
                permitted.append(trunk)
            else:
                refusals.append(refusal)
                notes.append(left_out(trunk.name, refusal.advice))
        if not permitted:
            raise refusals[0]
        return permitted

    def _sent(self, trunk: TrunkEntry, dialled: str, notes: list[str]) -> "_Sent":
        """Return what a trunk is told of a call, by its rules."""
        request, home = self._request, self._platform.home_country
        number = rewritten(dialled, trunk.rules.out_called, home)
        if number.problem:
            notes.append(f"Trunk {trunk.name} is sent what was dialled: {number.problem}.")
        elif number.number != dialled:
            text = f"Trunk {trunk.name} is sent {number.number} for {dialled} ({number.rule})."
            notes.append(text)
        vouched = request.vouched
        caller = sent_identity(request.from_user, request.from_name, vouched, trunk.rules, home)
        return _Sent(number.number, caller, vouched.headers)

    def _refusal(
        self, caller: Holder, trunk: Holder, numbers: tuple[str, ...]
    ) -> NotPlannedError | None:
        """Return why this caller does not get through this trunk, if so."""
        home, usage = self._platform.home_country, self._usage
        for holder, denial in (
            (caller, number_denial(caller, numbers, home)),
            (trunk, number_denial(trunk, numbers, home)),
            (trunk, rate_denial(trunk, usage)),
            (trunk, minutes_denial(trunk, usage)),
        ):
            if denial is not None:
                return NotPlannedError.by(holder, denial)
        return None


def left_out(trunk: str, why: str) -> str:
    """Return the note on a trunk that is not tried; `why` is a clause with its full stop."""
    return f"Trunk {trunk} was left out: {why}"


def _with_room(
    dialled: str, trunks: Sequence[TrunkEntry], full: set[str]
) -> tuple[list[TrunkEntry], list[str]]:
    """Return the trunks that can be tried, and notes about the others."""
    enabled = [trunk for trunk in trunks if trunk.enabled and trunk.gateways]
    if not enabled:
        names = ", ".join(trunk.name for trunk in trunks)
        raise NotPlannedError(
            503,
            Rule.NO_USABLE_TRUNK,
            f"{dialled} leads to {names}, which is disabled or has no gateway. "
            "Enable it or add a gateway.",
        )
    with_room = [trunk for trunk in enabled if trunk.name not in full]
    if not with_room:
        none_left = no_trunk_left(*(trunk.name for trunk in enabled))
        raise NotPlannedError(503, *none_left, retry_after_s=RETRY_AFTER_S)
    useless = [trunk for trunk in trunks if trunk not in enabled]
    taken = [trunk for trunk in enabled if trunk.name in full]
    return with_room, [
        *(left_out(trunk.name, "it is disabled or has no gateway.") for trunk in useless),
        *(left_out(trunk.name, "it has as many calls as it may.") for trunk in taken),
    ]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a trunk is told of a call."""

    number: str
    caller: SentIdentity
    headers: tuple[tuple[str, str], ...]


def _gateway_waves(
    trunks: Sequence[tuple[TrunkEntry, LegLists]],
    sent: Mapping[str, _Sent],
    chance: Chance | None,
    *,
    dialled: str,
) -> list[Wave]:
    """Return a wave for each gateway: trunk by trunk, those that are down after all others."""
    waves: list[tuple[bool, Wave]] = []
    for trunk, lists in trunks:
        rows = ((gateway.priority, gateway.weight, gateway) for gateway in trunk.gateways)
        for gateway in by_weight(rows, chance):
            target = _gateway_target(trunk, gateway, sent[trunk.name])
            wave = Wave(
                (target,),
                lists.vn_a,
                lists.vn_b,
                trunk.name,
                party=f"trunk:{trunk.name}",
                dialled=dialled,
                avoids_transcoding=lists.avoids_transcoding,
            )
            waves.append((gateway.is_down, wave))
    return [wave for is_down, wave in sorted(waves, key=lambda item: item[0])]


def _gateway_target(trunk: TrunkEntry, gateway: GatewayEntry, sent: _Sent) -> PlannedTarget:
    scheme, _, rest = gateway.uri.partition(":")
    host = rest.rpartition("@")[2]
    uri = f"{scheme}:{quote(sent.number, safe=_USER_UNESCAPED)}@{host}"
    return PlannedTarget(
        uri=uri,
        to_uri=uri.partition(";")[0],
        hosts=trunk.hosts,
        label=trunk.name,
        username=trunk.out_username,
        trunk=trunk.name,
        gateway=gateway.uri,
        down=gateway.down,
        resting=gateway.resting,
        media_also_from=trunk.media_also_from,
        caller=sent.caller,
        identity=trunk.rules.out_identity,
        diverting=trunk.rules.diverting,
        headers=sent.headers,
        header_rules=trunk.rules.headers,
        srtp=trunk.srtp,
        passes_refer=trunk.passes_refer,
        holds_back_early_media=trunk.holds_back_early_media,
    )
