"""What the pages of trunks, numbers and routes show, as plain values."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from audiocodecs.models import PlatformSettings
from callengine.core.trials import TrunkTrialStep
from callengine.edge.names.hostlookup import HostLookup
from callengine.models import Rejection
from dashboard.calls.lately import LATELY
from dashboard.codecs.shown import CodecChips, codec_chips
from dashboard.parts.shown import Badge
from dashboard.parts.usage import InUse, calls_in_use, in_use
from dashboard.trunks.standing import trunk_badge
from trunks.access import HostCache, addresses_within
from trunks.models import Gateway, Trunk

REJECTIONS_LOOKED_AT = 1000
"The newest rejections among which those from a trunk's networks are looked for."
ADDRESSES_SHORT = 2

hosts = HostCache(
    lambda host: HostLookup(settings.VOIPNUMBER_DNS_SERVERS).find(host), first_wait_s=0.0
)
"Addresses of host names in access lists; a page does not wait for the resolver."


@dataclass(frozen=True, slots=True)
class TrunkRow:
    """One row of the list of trunks. Holds no credentials."""

    trunk: Trunk
    state: Badge
    in_use: InUse
    allowed: str
    more_allowed: int
    inward: CodecChips
    outward: CodecChips


def in_use_of(trunk: Trunk) -> InUse:
    """Return what a trunk uses of what it may."""
    return in_use(
        f"trunk:{trunk.name}", limit=trunk.concurrent_calls, daily_minutes=trunk.daily_minutes
    )


def trunk_rows(trunks: Iterable[Trunk]) -> list[TrunkRow]:
    """Return the rows of a list. Three queries: the platform list, calls and engines."""
    platform, trunks = PlatformSettings.load().codec_names, list(trunks)
    used = calls_in_use({f"trunk:{trunk.name}": trunk.concurrent_calls for trunk in trunks})
    return [
        TrunkRow(
            trunk=trunk,
            state=trunk_badge(trunk),
            in_use=used[f"trunk:{trunk.name}"],
            allowed=", ".join(map(short_entry, trunk.in_allowed_addresses[:ADDRESSES_SHORT])),
            more_allowed=max(0, len(trunk.in_allowed_addresses) - ADDRESSES_SHORT),
            inward=codec_chips(trunk.in_codecs, platform),
            outward=codec_chips(trunk.out_codecs, platform),
        )
        for trunk in trunks
    ]


def short_entry(entry: str) -> str:
    """Return an access list's entry as people write it: one address without its `/32`."""
    return entry.removesuffix("/32") if "." in entry else entry.removesuffix("/128")


def equal_priorities(gateways: Sequence[Gateway]) -> list[int]:
    """Return the priorities that several gateways share."""
    priorities = [gateway.priority for gateway in gateways]
    return sorted({value for value in priorities if priorities.count(value) > 1})


def lacks(trunk: Trunk, *, has_gateway: bool) -> list[str]:
    """Return what keeps a trunk from taking calls or from sending them, in sentences."""
    sentences = []
    is_identified = trunk.in_allowed_addresses or trunk.in_username
    if not is_identified and trunk.in_domain:
        sentences.append(
            f"IN: it is known by the domain {trunk.in_domain} alone, so anybody may call numbers "
            "and connections as this trunk, and no trunks."
        )
    elif not is_identified:
        sentences.append("IN: no address, user name or domain is set, so no call is taken from it.")
    if not has_gateway:
        sentences.append("OUT: no gateway is set, so no call can be sent to it.")
    return sentences


def present_steps(steps: Iterable[TrunkTrialStep]) -> list[dict[str, Any]]:
    """Return the steps of a test, each with the page of the call it tells of."""
    return [{**step, "call_url": _call_url(step["call"])} for step in steps]


def _call_url(key: str) -> str:
    return reverse("call", args=[uuid.UUID(key)]) if key else ""


def recent_rejections(trunk: Trunk, *, limit: int = LATELY) -> list[Rejection]:
    """Return the newest rejections from a trunk's addresses or for its user name. Two queries."""
    newest = Rejection.objects.order_by("-at", "-id")
    seen = newest.values_list("source_address", "user")[:REJECTIONS_LOOKED_AT]
    addresses = {address for address, _ in seen}
    own = addresses_within(addresses, trunk.in_allowed_addresses, hosts.resolve)
    wanted = Q(source_address__in=own)
    if trunk.in_username:
        wanted |= Q(user=trunk.in_username)
    if not own and not trunk.in_username:
        return []
    return list(newest.filter(wanted)[:limit])
