"""The call of a trunk's test: a built-in phone calls a number over the trunk, as a caller of ours.

Like the lab's, its caller is known for this one call and in no table.
"""

import asyncio
import dataclasses
import secrets
from dataclasses import dataclass, field

from callengine.core.directory import ConnectionEntry, Destination, Source, TrunkEntry
from callengine.core.outcomes import Rejection
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined
from callengine.edge.interface import IncomingCall
from callengine.lab.labcall import phone_address

CALLER = "trunk-test"
CALLER_NAME = "Trunk test"


@dataclass(eq=False, slots=True)
class TrialCall:
    """See `OneTimeCall`."""

    trunk: TrunkEntry
    number: str
    by: str
    user: str = field(default_factory=lambda: f"test-{secrets.token_hex(12)}")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    host: str = field(default_factory=phone_address)
    source: Source | None = None
    decided: "asyncio.Future[CallPlan | Declined | Rejection]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def is_decided(self) -> bool:
        """Whether it has been planned."""
        return self.decided.done()

    @property
    def destination(self) -> Destination:
        """The trunk, whatever routes say."""
        return Destination(trunk=self.trunk)

    def admit(self, address: str) -> Source:
        """Return the source of the call, a connection with the platform's list."""
        self.source = Source("connection", address, ConnectionEntry(CALLER, CALLER_NAME))
        return self.source

    def named(self, call: IncomingCall) -> IncomingCall:
        """Return the INVITE as if the number had been dialled."""
        return dataclasses.replace(
            call, from_user=CALLER, from_name=CALLER_NAME, to_user=self.number
        )

    def signed(self, decision: CallPlan | Declined | Rejection) -> CallPlan | Declined | Rejection:
        """Return the decision as it goes on the record: plainly a test."""
        if not isinstance(decision, Rejection):
            plan = decision.plan if isinstance(decision, Declined) else decision
            note = f"A test of the trunk {self.trunk.name} by {self.by}."
            plan = dataclasses.replace(plan, notes=(note, *plan.notes))
            if isinstance(decision, Declined):
                decision = dataclasses.replace(decision, plan=plan)
            else:
                decision = plan
        if not self.decided.done():
            self.decided.set_result(decision)
        return decision
