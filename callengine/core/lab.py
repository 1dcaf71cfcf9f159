"""The codec lab: a call that a built-in phone makes, and what the engine would do with it.

Nothing is decided here: the planner and the negotiation rule are asked as for any call.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from audiocodecs.lists import CodecListError, parse_codec_list
from audiocodecs.negotiation import Negotiation, negotiate
from callengine.core.causes import callee_termination
from callengine.core.directory import (
    ConnectionEntry,
    Destination,
    GatewayEntry,
    Platform,
    Source,
    TrunkEntry,
)
from callengine.core.events import LegEnded
from callengine.core.orders import LegOrder
from callengine.core.outcomes import Rejection, Termination
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined, plan_call
from callengine.core.request import CallRequest
from sip.phrases import phrase_of

LABEL = "lab:"
"What the source and destination of a lab call begin with in the record."
ANY_PHONE = "sip:phone@127.0.0.1:9"
"Stands for the built-in phone while nothing is placed."
CALLEE_NUMBER = "lab-callee"
"What is dialled where no connection is the destination."

SourceChoice = Literal["connection", "trunk", "unknown", "free"]
DestinationChoice = Literal["connection", "trunk", "agent", "free", "free-trunk"]
NAMED = ("connection", "trunk", "agent")
"Ends that are known by name."


@dataclass(frozen=True, slots=True)
class LabCase:
    """What a person chose: two ends by name or by lists of their own, and both phones' codecs.

    Lists are of catalogue names, best first; an empty one of ours means the platform list.
    """

    source: SourceChoice
    destination: DestinationChoice
    caller: tuple[str, ...]
    "A: what the calling phone offers."
    callee: tuple[str, ...]
    "B: what the called phone can do; nothing where a voice agent is called."
    source_name: str = ""
    "SIP user of the connection, or name of the trunk or voice agent."
    destination_name: str = ""
    source_codecs: tuple[str, ...] = ()
    "Source `free`: the list toward the caller."
    destination_codecs: tuple[str, ...] = ()
    "Destination `free`: its inbound list. `free-trunk`: its TRUNK OUT list."
    destination_in_codecs: tuple[str, ...] = ()
    "Destination `free-trunk`: its TRUNK IN list."
    force: bool = False
    "Destination `free`: its list is forced on the caller."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data; `from_dict` reads it back."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "LabCase":
        """Return the case that `to_dict` wrote; raises ValueError for anything else."""
        names = {field.name for field in dataclasses.fields(cls)}
        if set(data) != names:
            raise ValueError(f"a lab case has the fields {', '.join(sorted(names))}")
        values: dict[str, Any] = {
            name: _codecs(value) if isinstance(value, list) else value
            for name, value in data.items()
        }
        return cls(**values)

    @property
    def source_label(self) -> str:
        """`lab:connection:alice`, `lab:trunk:carrier-one`, `lab:unknown` or `lab:free`."""
        return _label(self.source, self.source_name)

    @property
    def destination_label(self) -> str:
        """`lab:connection:bob`, also with `trunk` or `agent`; `lab:free` or `lab:free-trunk`."""
        return _label(self.destination, self.destination_name)

    @property
    def dialled(self) -> str:
        """What stands as the called number in the record."""
        named = self.destination in ("connection", "agent")
        return self.destination_name if named else CALLEE_NUMBER


def _codecs(value: list[Any]) -> tuple[str, ...]:
    try:
        return parse_codec_list(value) if value else ()
    except CodecListError as error:
        raise ValueError(str(error)) from error


def _label(choice: str, name: str) -> str:
    return LABEL + (f"{choice}:{name}" if choice in NAMED else choice)


@dataclass(frozen=True, slots=True)
class LabEnds:
    """Both ends of a lab call as the planner knows them: real lists and names, no real phone."""

    source: Source
    destination: Destination
    remarks: tuple[str, ...] = ()
    "What would keep a call between the real ones from getting this far."


def free_source(case: LabCase) -> Source:
    """Return a caller that has only the list a person wrote."""
    entry = ConnectionEntry("lab-caller", "Lab caller", outbound_codecs=case.source_codecs)
    return Source("connection", "", connection=entry)


def free_destination(case: LabCase) -> Destination:
    """Return a destination that has only the lists a person wrote."""
    if case.destination == "free-trunk":
        trunk = TrunkEntry(
            name="Lab trunk",
            in_codecs=case.destination_in_codecs,
            out_codecs=case.destination_codecs,
        )
        return Destination(trunk=stand_in_trunk(trunk))
    entry = ConnectionEntry(
        sip_user="lab-callee",
        name="Lab callee",
        inbound_codecs=case.destination_codecs,
        force_on_caller=case.force,
    )
    return Destination(connection=stand_in_connection(entry))


def stand_in_connection(entry: ConnectionEntry) -> ConnectionEntry:
    """Return a connection with a built-in phone in place of its own, and its limits lifted."""
    return dataclasses.replace(
        entry, enabled=True, concurrent_calls=None, contacts=(), address=ANY_PHONE
    )


def stand_in_trunk(entry: TrunkEntry) -> TrunkEntry:
    """Return a trunk with a built-in phone in place of its gateways; no credentials go there."""
    gateways = (GatewayEntry(ANY_PHONE, 1),)
    return dataclasses.replace(
        entry, enabled=True, gateways=gateways, out_username="", out_password=""
    )


def aimed(destination: Destination, uri: str) -> Destination:
    """Return a destination of `LabEnds` whose phone is at this SIP URI; an agent has none."""
    if destination.agent is not None:
        return destination
    if destination.trunk is not None:
        trunk = dataclasses.replace(destination.trunk, gateways=(GatewayEntry(uri, 1),))
        return dataclasses.replace(destination, trunk=trunk)
    assert destination.connection is not None
    connection = dataclasses.replace(destination.connection, address=uri)
    return dataclasses.replace(destination, connection=connection)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the engine would do with a lab case."""

    plan: CallPlan | None
    leg_a: Negotiation | None
    "The caller's offer met VN-A."
    leg_b: Negotiation | None
    "VN-B met the callee's codecs; None if the callee would not be rung, or is a voice agent."
    termination: Termination | None
    "Why the call would be declined, if it would."
    rejection: Rejection | None = None
    "Why it would not even become a call, if so; then there is no plan."

    def summary(self) -> dict[str, Any]:
        """Return the outcome as JSON-ready data, to hold what happens against."""
        connected = self.termination is None and self.rejection is None
        end = self.termination
        return {
            "codec_a": self.leg_a.codec if connected and self.leg_a else None,
            "codec_b": self.leg_b.codec if connected and self.leg_b else None,
            "code": end.code if end else None,
            "reason": end.reason if end else "",
        }


def predict(case: LabCase, ends: LabEnds, platform: Platform) -> Prediction:
    """Return what the engine would do, asked of the functions it decides by."""
    request = CallRequest(
        call="0" * 32,
        call_id="",
        from_user="",
        from_name="",
        to_user=case.dialled,
        offered=case.caller,
        max_forwards=70,
        source=ends.source,
    )
    decision = plan_call(request, destination=ends.destination, platform=platform, usage=Usage())
    if isinstance(decision, Rejection):
        return Prediction(None, None, None, None, rejection=decision)
    if isinstance(decision, Declined):
        plan = decision.plan
        return Prediction(plan, negotiate(plan.vn_a, case.caller), None, decision.termination)
    return _connected(decision, case)


def _connected(plan: CallPlan, case: LabCase) -> Prediction:
    leg_a, leg_b = negotiate(plan.vn_a, case.caller), negotiate(plan.vn_b, case.callee)
    if case.destination == "agent":
        return Prediction(plan, leg_a, None, None)
    declined = None
    if leg_b.codec is None:
        callee = LegOrder("B", "", label=plan.waves[0].label)
        refused = LegEnded("B", 488, phrase_of(488), by_peer=True)
        declined = callee_termination(callee, refused, plan.vn_b)
    return Prediction(plan, leg_a, leg_b, declined)
