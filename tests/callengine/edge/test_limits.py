"""What a flood of refused requests leaves on record."""

from callengine.core.outcomes import Rejection
from callengine.edge.transactions.limits import RejectionGate


def test_a_flood_is_summed_up() -> None:
    gate = RejectionGate(2)
    rejection = Rejection("1.2.3.4", "u", "INVITE", 400, "malformed-sip", "Fix it.")
    assert [gate.admit(rejection, 0.0 + i) for i in range(5)] == [True, True, False, False, False]
    assert list(gate.summaries(30)) == []
    (summary,) = gate.summaries(61)
    assert summary.advice.startswith("3 more requests like this one came from 1.2.3.4")
