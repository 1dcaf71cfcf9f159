"""One call of the codec lab as the engine holds it, from the command to its end."""

import asyncio
import dataclasses
import secrets
from dataclasses import dataclass, field
from typing import Any

from callengine.core.directory import Destination, Source
from callengine.core.lab import LabCase, LabEnds, aimed
from callengine.core.outcomes import Rejection
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined
from callengine.edge.interface import IncomingCall
from callengine.edge.transport.addresses import BUILT_IN_PHONES


@dataclass(frozen=True, slots=True)
class LabOrder:
    """What a page asks for."""

    case: LabCase
    predicted: dict[str, Any]
    "`Prediction.summary` as the page showed it."
    by: str
    "Name of the user who pressed the button."
    talk_s: float


def phone_address() -> str:
    """Return a loopback address that no access list is likely to name, for one phone alone."""
    return str(BUILT_IN_PHONES[1 + secrets.randbelow(BUILT_IN_PHONES.num_addresses - 2)])


@dataclass(eq=False, slots=True)
class LabCall:
    """The one-time user, its secret, and what stands in for the directory."""

    order: LabOrder
    ends: LabEnds
    user: str = field(default_factory=lambda: f"lab-{secrets.token_hex(12)}")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    host: str = field(default_factory=phone_address)
    "The calling phone's address."
    callee_uri: str = ""
    source: Source | None = None
    "Given to the edge once the one-time user has proved its password; known by identity."
    decided: "asyncio.Future[CallPlan | Rejection]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    "What the switchboard made of the call."

    @property
    def is_decided(self) -> bool:
        """Whether the switchboard has decided about it: its caller is known no more."""
        return self.decided.done()

    def admit(self, address: str) -> Source:
        """Return the source of the call the phone makes from this address."""
        self.source = dataclasses.replace(self.ends.source, address=address)
        return self.source

    @property
    def destination(self) -> Destination:
        """The destination, with the called phone in it."""
        return aimed(self.ends.destination, self.callee_uri)

    def named(self, call: IncomingCall) -> IncomingCall:
        """Return the INVITE with the names of the ends in place of the one-time user's."""
        user, name = self._caller()
        return dataclasses.replace(
            call,
            from_user=user,
            from_name=f"{name} (codec lab)",
            to_user=self.order.case.dialled,
        )

    def signed(self, decision: CallPlan | Declined | Rejection) -> CallPlan | Declined | Rejection:
        """Return the decision as it goes on the record: plainly a call of the lab."""
        if isinstance(decision, Rejection):
            self._decide(decision)
            return decision
        plan = decision.plan if isinstance(decision, Declined) else decision
        order, label = self.order, self.order.case.destination_label
        plan = dataclasses.replace(
            plan,
            source=order.case.source_label,
            destination=label,
            # By its own name, or the call would count against the limits of whose lists it borrows.
            waves=tuple(dataclasses.replace(wave, party=label) for wave in plan.waves),
            notes=(f"Placed from the codec lab by {order.by}.", *plan.notes),
            lab={"case": order.case.to_dict(), "predicted": order.predicted, "by": order.by},
        )
        self._decide(plan)
        return dataclasses.replace(decision, plan=plan) if isinstance(decision, Declined) else plan

    def _decide(self, outcome: CallPlan | Rejection) -> None:
        if not self.decided.done():
            self.decided.set_result(outcome)

    def _caller(self) -> tuple[str, str]:
        source = self.ends.source
        if source.connection is not None:
            return source.connection.sip_user, source.connection.name
        if source.trunk is not None:
            return "lab-caller", source.trunk.name
        return "unknown", "Somebody"
