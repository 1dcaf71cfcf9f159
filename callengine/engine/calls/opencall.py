"""A call as it begins: the caller's leg on it, and what the planner left out."""

from callengine.core.control.calls import LegFacts
from callengine.core.plan import CallPlan
from callengine.core.snapshot import CallSnapshot, iso
from callengine.core.sounds import PCM
from callengine.core.states import CallState
from callengine.engine.calls.livecall import LiveCall


def open_call(plan: CallPlan, *, uuid: str, sip_call_id: str, at: float) -> LiveCall:
    """Return a new live call with the caller's leg on it, and what the planner left out."""
    snapshot: CallSnapshot = {
        "id": uuid,
        "started": iso(at),
        "answered": None,
        "ended": None,
        "from": plan.from_user,
        "from_name": plan.from_name,
        "to": plan.to_user,
        "source": plan.source,
        "destination": plan.destination,
        "taken_by": "",
        "state": CallState.TRYING.value,
        "transcoded": False,
        "legs": [],
        "termination": None,
        "events": [],
        "vn_a_source": plan.vn_a_source,
        "vn_b_source": plan.vn_b_source,
    }
    call = LiveCall(plan=plan, snapshot=snapshot, sip_call_id=sip_call_id, started_at=at)
    call.history_written_at = at
    call.labels["A"] = plan.browser or plan.from_name or plan.from_user or plan.source
    call.set_leg(_first_facts(plan, sip_call_id))
    call.add_event(at=at, leg="A", kind="invite", text=_invite_text(plan))
    for note in plan.notes:
        call.add_event(at=at, leg="", kind="plan", text=note)
    return call


def _first_facts(plan: CallPlan, sip_call_id: str) -> LegFacts:
    return LegFacts(
        name="A",
        call_id=sip_call_id,
        user_agent=plan.browser,
        offered=plan.offered or (),
        allowed=plan.vn_a,
        codec=None,
        payload_type=None,
        remote="",
        state="trying",
    )


def _invite_text(plan: CallPlan) -> str:
    who = _who_called(plan)
    if plan.browser:
        return f"{who} called {plan.to_user} from a browser: {plan.browser}, in {PCM}."
    if plan.offered is None:
        return f"{who} called {plan.to_user} without an offer; ours will be in the answer."
    offer = ", ".join(plan.offered) or "no codec known here"
    return f"{who} called {plan.to_user} and offered {offer}."


def _who_called(plan: CallPlan) -> str:
    """Return `Alice (alice)`, `+12025550100 via carrier-one` or `stranger at 203.0.113.7`."""
    kind, _, name = plan.source.partition(":")
    who = plan.from_user or "Somebody"
    if plan.from_name and plan.from_name != who:
        who = f"{plan.from_name} ({who})" if plan.from_user else plan.from_name
    if kind == "trunk":
        return f"{who} via {name}"
    return f"{who} at {name}" if kind == "external" else who
