"""What the engine decides about one call (the plan) and tells a call process (the order)."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

MAX_DURATION_S = 4 * 3600.0
"How long a call may last unless it is set otherwise."


@dataclass(frozen=True, slots=True)
class Target:
    """One place to ring."""

    uri: str
    "Request-URI of the INVITE."
    to_uri: str
    "URI of the To header."
    flow: str = ""
    "`udp:HOST:PORT` or `tcp:HOST:PORT` to send to; empty: resolve `uri`."
    routes: tuple[str, ...] = ()
    "Route elements of the INVITE (RFC 3327)."
    hosts: tuple[str, ...] = ()
    "Other hosts, networks and names its peer may name inside the dialog."
    label: str = ""
    "What a person calls it: `Alice`, `carrier-one`."
    username: str = ""
    password: str = field(default="", repr=False)
    trunk: str = ""
    "Name of the trunk it belongs to, if it does."
    media_also_from: tuple[str, ...] = ()
    "Networks it sends media from, besides what its SDP and its signalling name."


@dataclass(frozen=True, slots=True)
class Wave:
    """Targets rung together, and the two lists that hold while they are."""

    targets: tuple[Target, ...]
    vn_a: tuple[str, ...]
    vn_b: tuple[str, ...]
    label: str
    "The connection's or the trunk's name."


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What will be tried for one call; decided once, kept with the record, free of secrets."""

    call: str
    "Our id of the call, 32 hexadecimal digits."
    source: str
    destination: str
    from_user: str
    from_name: str
    to_user: str
    offered: tuple[str, ...] | None
    "Catalogue names in the caller's offer, its order; None for an INVITE without SDP."
    vn_a: tuple[str, ...]
    vn_b: tuple[str, ...]
    vn_a_source: str
    vn_b_source: str
    waves: tuple[Wave, ...]
    "Tried one after the other until a target answers."
    bridge_rate_hz: int
    ring_timeout_s: float = 60.0
    max_duration_s: float = MAX_DURATION_S
    max_forwards: int = 69
    notes: tuple[str, ...] = ()
    "What the planner left out, and why."
    claimed: str = ""
    "What the caller's device wrote into From, if the callee is shown something else."
    lab: dict[str, Any] | None = None
    "A call of the codec lab: its case, what was predicted and who placed it."

    def record(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data without secrets."""
        data = dataclasses.asdict(self)
        for wave in data["waves"]:
            for target in wave["targets"]:
                del target["password"]
        return data


@dataclass(frozen=True, slots=True)
class LegOrder:
    """One leg, as the call process sees it."""

    name: str
    "`A`, or `B`, `B2`, `B3` ... in the order they are dialled."
    token: str
    "The edge's handle of the leg: the user part of the Request-URI on loopback."
    to_uri: str = ""
    from_uri: str = ""
    "From on this leg, name-addr form (leg B only)."
    public_address: str = ""
    "IP address shown in SDP."
    label: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    trunk: str = ""
    "Name of the trunk it belongs to, if it does."
    media_also_from: tuple[str, ...] = ()
    "Networks its carrier sends media from, besides what its SDP and its signalling name."
    is_proven: bool = True
    "Whether its peer has shown that it is where it says; a caller's ACK shows it else."


@dataclass(frozen=True, slots=True)
class WaveOrder:
    """Legs rung together, and the lists that hold while they are."""

    legs: tuple[LegOrder, ...]
    vn_a: tuple[str, ...]
    vn_b: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallOrder:
    """Everything a call process needs for one call; sent over its control socket."""

    call: str
    edge: str
    "`127.0.0.1:PORT`, where the edge listens for call processes."
    leg_a: LegOrder
    waves: tuple[WaveOrder, ...]
    offered: tuple[str, ...] | None
    ring_timeout_s: float
    max_duration_s: float
    media_timeout_s: float = 0.0
    "How long neither party may send anything before the call is ended; 0: for ever."
    media_also_from: tuple[str, ...] = ()
    "Networks from which media of any leg is taken."


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """New targets for a call that talks; sent over its process's control socket."""

    call: str
    to: str
    "What the operator named: a number or a SIP user."
    by: str
    "User name of the operator."
    waves: tuple[WaveOrder, ...]
    ring_timeout_s: float
