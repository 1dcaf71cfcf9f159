"""One request of ours until it is answered (RFC 3261 section 17.1, RFC 6026). Pure.

Events in (`start`, `receive`, `tick`, `fail`), effects out; `now` is seconds of any steady clock.
"""

from collections.abc import Mapping
from enum import Enum

from callengine.edge.settings import T1_S, T2_S

T4_S = 5.0
"How long a message stays in the network (RFC 3261 section 17.1.2.2, timer K)."


class ClientState(Enum):
    """Where a request stands."""

    TRYING = "trying"
    "Sent, and nothing heard; an INVITE's Calling."
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    "An INVITE has a 2xx; more may come, of other branches or repeated (RFC 6026)."
    COMPLETED = "completed"
    "It has its final response; repetitions of that are absorbed, or acknowledged again."
    TERMINATED = "terminated"


class Effect(Enum):
    """What is to be done about a request."""

    SEND = "send it"
    ACKNOWLEDGE = "acknowledge the failure (RFC 3261 section 17.1.1.3)"
    REPORT = "pass the response on"
    TIME_OUT = "say that nobody answered (408)"
    UNREACHABLE = "say that it could not be sent (503)"


Effects = tuple[Effect, ...]


class _Kind(Enum):
    PROVISIONAL = 1
    SUCCESS = 2
    FAILURE = 3


_S, _K = ClientState, _Kind
_REPORT = (Effect.REPORT,)
_FAILED = (Effect.ACKNOWLEDGE, Effect.REPORT)
_Transitions = Mapping[tuple[ClientState, _Kind], tuple[ClientState, Effects]]

_INVITE: _Transitions = {
    (_S.TRYING, _K.PROVISIONAL): (_S.PROCEEDING, _REPORT),
    (_S.TRYING, _K.SUCCESS): (_S.ACCEPTED, _REPORT),
    (_S.TRYING, _K.FAILURE): (_S.COMPLETED, _FAILED),
    (_S.PROCEEDING, _K.PROVISIONAL): (_S.PROCEEDING, _REPORT),
    (_S.PROCEEDING, _K.SUCCESS): (_S.ACCEPTED, _REPORT),
    (_S.PROCEEDING, _K.FAILURE): (_S.COMPLETED, _FAILED),
    (_S.ACCEPTED, _K.SUCCESS): (_S.ACCEPTED, _REPORT),
    (_S.COMPLETED, _K.FAILURE): (_S.COMPLETED, (Effect.ACKNOWLEDGE,)),
}
"RFC 3261 figure 5, with the state that RFC 6026 section 7.2 adds."
_OTHERS: _Transitions = {
    (_S.TRYING, _K.PROVISIONAL): (_S.PROCEEDING, _REPORT),
    (_S.TRYING, _K.SUCCESS): (_S.COMPLETED, _REPORT),
    (_S.TRYING, _K.FAILURE): (_S.COMPLETED, _REPORT),
    (_S.PROCEEDING, _K.PROVISIONAL): (_S.PROCEEDING, _REPORT),
    (_S.PROCEEDING, _K.SUCCESS): (_S.COMPLETED, _REPORT),
    (_S.PROCEEDING, _K.FAILURE): (_S.COMPLETED, _REPORT),
}
"RFC 3261 figure 6."


class ClientTransaction:
    """The state machine of one request."""

    __slots__ = (
        "_interval_s",
        "_is_invite",
        "_is_reliable",
        "_over_at",
        "_repeat_at",
        "_t1_s",
        "state",
    )

    def __init__(
        self, *, is_invite: bool, is_reliable: bool, repeats: bool = True, t1_s: float = T1_S
    ) -> None:
        """`repeats`: whether it is sent again at all over a transport that loses messages."""
        self.state = ClientState.TRYING
        self._is_invite = is_invite
        self._is_reliable = is_reliable
        self._t1_s = t1_s
        self._interval_s = 0.0 if is_reliable or not repeats else t1_s
        self._repeat_at: float | None = None
        "Timer A or E."
        self._over_at: float | None = None
        "Timer B or F, later D, K or M."

    def start(self, now: float) -> Effects:
        self._repeat_at = now + self._interval_s if self._interval_s else None
        self._over_at = now + 64 * self._t1_s
        return (Effect.SEND,)

    def receive(self, code: int, now: float) -> Effects:
        """Take a response with this status code."""
        kind = _kind(code)
        transition = (_INVITE if self._is_invite else _OTHERS).get((self.state, kind))
        if transition is None:
            return ()
        before, (self.state, effects) = self.state, transition
        if self._is_invite and kind is _K.PROVISIONAL:
            # Section 17.1.1.2: it has arrived, and may ring for as long as the user agent likes.
            self._repeat_at = self._over_at = None
        elif self.state is not before and kind is not _K.PROVISIONAL:
            self._linger(now)
        return effects

    def _linger(self, now: float) -> None:
        """Stay for repetitions of the final response: timers D and K, and M of RFC 6026."""
        self._repeat_at = None
        if self.state is ClientState.ACCEPTED:
            self._over_at = now + 64 * self._t1_s
        elif self._is_reliable:
            self._terminate()
        else:
            self._over_at = now + (64 * self._t1_s if self._is_invite else T4_S)

    def tick(self, now: float) -> Effects:
        """Send it again, or give up, if the time for that has come."""
        if self._over_at is not None and now >= self._over_at:
            is_waiting = self.state in (ClientState.TRYING, ClientState.PROCEEDING)
            self._terminate()
            return (Effect.TIME_OUT,) if is_waiting else ()
        if self._repeat_at is None or now < self._repeat_at:
            return ()
        # An INVITE is sent at ever longer intervals, others every T2 at least; and every T2 once
        # something was heard (section 17.1.2.2).
        self._interval_s *= 2
        if not self._is_invite:
            is_trying = self.state is ClientState.TRYING
            self._interval_s = min(self._interval_s, T2_S) if is_trying else T2_S
        self._repeat_at = now + self._interval_s
        return (Effect.SEND,)

    def fail(self) -> Effects:
        """Take that it could not be sent (section 17.1.4)."""
        is_waiting = self.state in (ClientState.TRYING, ClientState.PROCEEDING)
        self._terminate()
        return (Effect.UNREACHABLE,) if is_waiting else ()

    def hush(self) -> None:
        """Send it no more; a response is taken all the same."""
        self._repeat_at = None

    def next_deadline(self) -> float | None:
        """Return when `tick` is due, or None if nothing is waited for."""
        times = [at for at in (self._repeat_at, self._over_at) if at is not None]
        return min(times, default=None)

    def _terminate(self) -> None:
        self.state = ClientState.TERMINATED
        self._repeat_at = self._over_at = None


def _kind(code: int) -> _Kind:
    if code < 200:
        return _Kind.PROVISIONAL
    return _Kind.SUCCESS if code < 300 else _Kind.FAILURE
