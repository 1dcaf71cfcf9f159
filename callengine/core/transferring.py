"""What becomes of a call by its transfers: who meets whom, who is let go, who is left alone. Pure.

One transfer at a time; how its targets are rung is `transfer`'s to know.
"""

from collections.abc import Callable

from callengine.core import effects as fx
from callengine.core import events as ev
from callengine.core.agentends import without_fallback
from callengine.core.causes import q850_reason
from callengine.core.effects import Effect
from callengine.core.orders import CallOrder, TransferOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.parties import CALLER
from callengine.core.reasons import Reason
from callengine.core.talkers import Talkers
from callengine.core.terminations import inside, transfer_failed
from callengine.core.transfer import Succeeded, TransferMachine, fallback

FAREWELL_S = 1.5
"How long who referred the other party may take to hang up by itself (RFC 5589 section 6.1)."

Step = Callable[[TransferMachine], list[Effect]]


class Transferring:
    """The transfer of one call, while there is one.

    `label` returns what a person calls a leg, `is_agent` whether it is a voice agent's.

    After each step `ending` tells whether the call ends by it, and why.
    """

    def __init__(
        self,
        order: CallOrder,
        talkers: Talkers,
        *,
        label: Callable[[str], str],
        is_agent: Callable[[str], bool],
    ) -> None:
        self._order = order
        self._talkers = talkers
        self._label = label
        self._is_agent = is_agent
        self._transfer: TransferMachine | None = None
        self._waiting = CALLER
        "Who is to be connected with somebody else."
        self._hears_ringing = False
        self._lost_agent: Termination | None = None
        "How an agent left whom it talked to alone, while its fallback is rung."
        self._partner = ""
        "Whom the one that waits talked to and lost meanwhile, as a person calls it."
        self._expected: tuple[str, str, float] | None = None
        "Who has asked for a transfer, for whom, and until when its order may come."
        self._leaving: tuple[str, float] | None = None
        "A leg that referred the other party and may hang up by itself, and until when."
        self.rest: tuple[WaveOrder, ...] = ()
        "Who would have been rung had the callee not answered: the fallback of an agent."
        self.taken: WaveOrder | None = None
        "The wave of whoever has taken the call by the last step."
        self.ending: Termination | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether somebody is rung."""
        return self._transfer is not None

    def waits_for(self, leg: str) -> bool:
        """Tell whether this leg waits for whoever is rung."""
        return self._transfer is not None and leg == self._waiting

    @property
    def is_expected(self) -> bool:
        """Whether a party has asked for a transfer whose order has not come."""
        return self._expected is not None

    @property
    def deadline(self) -> float | None:
        """When `tick` is due, in seconds."""
        ends = (
            self._transfer.deadline if self._transfer else None,
            self._leaving[1] if self._leaving else None,
            self._expected[2] if self._expected else None,
        )
        return min((end for end in ends if end is not None), default=None)

    def owns(self, leg: str) -> bool:
        """Tell whether the transfer under way dialled the leg."""
        return self._transfer is not None and self._transfer.owns(leg)

    def stop(self) -> None:
        """Forget it: the call ends."""
        self._transfer = self._leaving = self._expected = None

    def expect(self, referrer: str, until: float) -> None:
        """Take that a party has asked for a transfer: it may leave before the order comes.

        Asked again of one that may have left, it is waited for longer.
        """
        waiting = self._talkers.facing(referrer)
        if self._expected is not None and self._expected[0] == referrer:
            waiting = self._expected[1]
        if waiting is not None and self._transfer is None:
            self._expected = referrer, waiting, until

    def called_off(self, code: int, why: str) -> list[Effect]:
        """Take that nobody is rung: whoever is alone by now stays so."""
        expected, self._expected = self._expected, None
        if expected is not None and self._talkers.far is None:
            failed = Termination("engine", Reason.TRANSFER_FAILED, code, why)
            self.ending = transfer_failed(self._partner, failed)
        return []

    def begin(self, order: TransferOrder, now: float, room: int) -> list[Effect]:
        """Ring somebody else for the party that did not refer; for `near` if nobody did."""
        if self._transfer is not None:
            return self._another(order)
        expected, self._expected = self._expected, None
        if not order.referrer:
            waiting: str | None = self._talkers.near
        elif expected is not None and expected[0] == order.referrer:
            waiting = expected[1]
        else:
            waiting = self._talkers.facing(order.referrer)
        if waiting is None:
            text = "Not transferred: whoever asked for it is not in the call any more."
            return [fx.Note("transfer-failed", "", text), *_over(order.referrer, 481)]
        return self._start(order, waiting, now, room)

    def begin_fallback(self, leg: str, lost: Termination, now: float, room: int) -> list[Effect]:
        """Ring who stands in for an agent that has left whom it talked to."""
        self._lost_agent = lost
        order, waiting = fallback(self._order, self.rest), self._talkers.near
        text = f"{lost.advice} {self._label(waiting)} waits for {order.to}."
        rung = self._start(order, waiting, now, room, is_fallback=True)
        return [fx.Note("fallback", leg, text), *rung]

    def refused(self, order: TransferOrder) -> list[Effect]:
        """Ring nobody: the call does not talk yet."""
        text = "Not transferred: nobody has answered the call yet. Transfer it once they talk."
        return [fx.Note("transfer-failed", "", text), *_over(order.referrer, 491)]

    def _start(
        self,
        order: TransferOrder,
        waiting: str,
        now: float,
        room: int,
        *,
        is_fallback: bool = False,
    ) -> list[Effect]:
        self._waiting, self._hears_ringing = waiting, False
        self._transfer = TransferMachine(order, waiting, is_fallback=is_fallback)
        return self.step(lambda transfer: transfer.start(now, room), now)

    def _another(self, order: TransferOrder) -> list[Effect]:
        text = "Not transferred: another transfer of this call is under way. Wait for its end."
        # The engine sends one at a time, and knows nothing of a fallback that is rung.
        over = _over(order.referrer, 491) if self._lost_agent is not None else []
        return [fx.Note("transfer-failed", "", text), *over, *self._tell(order.key, 491, text)]

    def progress(self, event: ev.LegProgress) -> list[Effect]:
        """Take that a target rings."""
        transfer = self._transfer
        if transfer is None:
            return []
        effects = transfer.progress(event)
        told: list[Effect] = [fx.TellReferrer(180)] if effects and transfer.referrer else []
        return [*effects, *told, *self._ringing()]

    def tick(self, now: float, room: int) -> list[Effect]:
        """Return what follows from time having passed."""
        effects: list[Effect] = []
        if self._leaving is not None and now >= self._leaving[1]:
            effects.append(self._farewell(self._leaving[0]))
            self._leaving = None
        if self._expected is not None and now >= self._expected[2]:
            why = "Nothing came of that in time. Look at the engine's log."
            return [*effects, *self.called_off(500, why)]
        return [*effects, *self.step(lambda transfer: transfer.tick(now, room), now)]

    def step(self, step: Step, now: float) -> list[Effect]:
        """Have the transfer under way take something, and the call what came of it."""
        transfer = self._transfer
        if transfer is None:
            return []
        effects = step(transfer)
        match transfer.outcome:
            case Succeeded(leg, wave, rest):
                self._transfer, self.rest, self._lost_agent = None, rest, None
                self.taken = wave
                return [*effects, *self._succeeded(transfer, leg, wave.vn_a, now)]
            case Termination() as failed:
                self._transfer = None
                return [*effects, *self._failed(transfer, failed)]
        return effects

    def gone(self, leg: str) -> None:
        """Take that a leg has ended: who was to hang up by itself has."""
        if self._leaving is not None and self._leaving[0] == leg:
            self._leaving = None

    def left(self, leg: str) -> list[Effect] | None:
        """Take that one of the two has left; None: it was the one that waits, or nobody does."""
        if self._transfer is not None:
            waiting, what = self._waiting, self._transfer.label
        elif self._expected is not None:
            waiting, what = self._expected[1], "whom it is transferred to"
        else:
            return None
        if leg == waiting:
            return None
        self._talkers.meet(waiting, None)
        self._hears_ringing = False
        self._partner = self._label(leg)
        text = f"{self._partner} left; {inside(self._label(waiting))} waits for {what}."
        return [fx.Note("callee-left", leg, text), *self._ringing()]

    def _ringing(self) -> list[Effect]:
        """Have the one that waits hear it ring, unless it talks to a person meanwhile."""
        transfer = self._transfer
        if transfer is None or not transfer.is_ringing or self._hears_ringing:
            return []
        far = self._talkers.far
        is_alone = far is None or self._is_agent(far)
        if not is_alone and not transfer.referrer:
            return []
        self._hears_ringing = True
        return [fx.PlayRinging(self._waiting)]

    def _succeeded(
        self, transfer: TransferMachine, leg: str, vn_a: tuple[str, ...], now: float
    ) -> list[Effect]:
        old = self._talkers.meet(self._waiting, leg)
        text = f"{self._label(self._waiting)} now talks to {self._label(leg)}"
        text += f" instead of {inside(self._label(old))}." if old is not None else "."
        let_go: list[Effect] = []
        if old is not None and transfer.referrer == old:
            # Who referred before this one has had its time.
            let_go = [self._farewell(self._leaving[0])] if self._leaving else []
            self._leaving = old, now + FAREWELL_S
        elif old is not None:
            let_go = [self._farewell(old)]
        return [
            fx.Bridge(leg, self._waiting),
            *let_go,
            *([fx.TellReferrer(200)] if transfer.referrer else []),
            fx.TransferEnded(leg, vn_a, transfer.is_fallback),
            fx.Note("transferred", leg, text),
        ]

    def _farewell(self, leg: str) -> Effect:
        return fx.EndLeg(leg, 200, q850_reason(200, 16))

    def _failed(self, transfer: TransferMachine, failed: Termination) -> list[Effect]:
        what = f"Not transferred to {transfer.to}: {failed.advice} Rule: {failed.reason}."
        told: list[Effect] = [fx.TellReferrer(failed.code)] if transfer.referrer else []
        if (far := self._talkers.far) is not None:
            text = f"{what} The call goes on as it was."
            again = [fx.Bridge(far, self._talkers.near)] if self._hears_ringing else []
            tell = self._tell(transfer.key, failed.code, failed.advice)
            note = fx.Note("transfer-failed", "", text)
            return [*again, note, *told, fx.TransferEnded(None), *tell]
        waiting = inside(self._label(self._waiting))
        note = fx.Note("transfer-failed", "", f"{what} Nobody is left for {waiting}.")
        if self._lost_agent is not None:
            self.ending = without_fallback(self._lost_agent, failed)
        else:
            self.ending = transfer_failed(self._partner, failed)
        return [note, *told]

    def _tell(self, key: str, code: int, why: str) -> list[Effect]:
        """Tell the agent that asked for a transfer, if one did, that it has failed."""
        far = self._talkers.far
        return [fx.TellTransferFailed(far, key, code, why)] if key and far else []


def _over(referrer: str, code: int) -> list[Effect]:
    told: list[Effect] = [fx.TellReferrer(code)] if referrer else []
    return [*told, fx.TransferEnded(None)]
