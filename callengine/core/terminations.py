"""The sentences of the ends that a call's machine comes to: who, which reason, what to do. Pure.

How a callee's attempt failed is told by `causes`, what a description lacked by `obstacles`.
"""

from collections.abc import Sequence

from audiocodecs.negotiation import LegLists
from callengine.core.events import LegEnded
from callengine.core.obstacles import without_media
from callengine.core.outcomes import EndedBy, Termination
from callengine.core.reasons import Reason

NO_COMMON_CODEC_IN_ACK = (415, 488)
"What pjsip ends a leg with whose ACK brought an answer that shares nothing: its own code is 415."
_GAVE_UP = (487, 200)
"What pjsip ends an INVITE with after a CANCEL, and after a BYE in an early dialog."


def no_answer(
    labels: Sequence[str], *, ring_timeout_s: float, longest_s: float | None, is_own: bool = False
) -> Termination:
    """Nobody answered in time: `labels` names whoever was rung in vain, wave by wave.

    `longest_s` is how long callers are kept waiting altogether, if that ended the last wave;
    `is_own` says that the last one rung has a time-out of its own.
    """
    first, waves = labels[0], len(labels)
    if waves == 1:
        who = f"{first} did not answer within {ring_timeout_s:g} s."
    elif len(set(labels)) == 1:
        who = f"{first} did not answer: {waves} groups of its phones rang in turn, "
        who += f"up to {ring_timeout_s:g} s each."
    else:
        who = f"Nobody answered: {', '.join(labels)} were rung in turn, "
        who += f"up to {ring_timeout_s:g} s each."
    if longest_s is not None:
        mend = f"A caller is kept waiting for {longest_s:g} s at most: ring fewer, or each shorter."
    elif is_own:
        mend = f"Try later, or raise the ring time-out of {labels[-1]}."
    else:
        mend = "Try later, or raise VOIPNUMBER_RING_TIMEOUT_S."
    return Termination("engine", Reason.NO_ANSWER, 480, f"{who} {mend}")


def no_room() -> Termination:
    """The call's process holds as many legs as it can."""
    advice = "Legs of this call that were given up are still clearing. Try again in a moment."
    return Termination("engine", Reason.NO_ROOM_FOR_ANOTHER_LEG, 503, advice)


def no_common_codec_with_caller(codecs: tuple[str, ...] | None, lists: LegLists) -> Termination:
    """The caller offered `codecs`, and none of them stands on its list: nobody was rung."""
    offered = codecs or ()
    said = f"only {', '.join(offered)}" if offered else "no codec in a form known here"
    allowed = ", ".join(lists.vn_a)
    if lists.forced_by:
        rule = f"{lists.forced_by} forces {allowed}; the caller offered {said}."
        place = f"{lists.forced_by}'s inbound list, or turn off forcing"
    else:
        rule = f"The {lists.vn_a_source} allows {allowed}; the caller offered {said}."
        place = f"the {lists.vn_a_source}"
    mend = f"Add {offered[0]} to {place}." if offered else "Have the caller's device offer one."
    advice = f"No codec in common on the caller's leg. {rule} {mend}"
    return Termination("engine", Reason.NO_COMMON_CODEC_CALLER, 488, advice)


def codecs_refused_by_caller(label: str, vn_a: Sequence[str], code: int) -> Termination:
    """The caller's device would not have, by `code`, the list of a callee it was forwarded to."""
    unusable = "answered with nothing of them that can be used: the ladder shows what"
    did = f"refused them ({code})" if code >= 300 else unusable
    advice = (
        f"{label} asks for {', '.join(vn_a)} on the caller's leg, and the caller's device {did}. "
        "Add the caller's codec to that list, or turn off forcing."
    )
    return Termination("engine", Reason.NO_COMMON_CODEC_CALLER, 488, advice)


def dial_failed(label: str, text: str) -> Termination:
    """Our own side could not send the INVITE; `text` is pjsip's word for why."""
    advice = (
        f"{label} was not rung: the call's process could not dial ({text}). "
        "Call again; if it happens again, look into the engine's log and report it."
    )
    return Termination("engine", Reason.DIAL_FAILED, 500, advice)


def leg_failed(who: str, text: str) -> Termination:
    """Our own side failed while it dealt with a leg; `text` names what did."""
    advice = (
        f"Our own side could not go on with the leg of {inside(who)}: {text} failed. "
        "Look into the engine's log and report it."
    )
    return Termination("engine", Reason.LEG_FAILED, 500, advice)


def no_answer_in_ack() -> Termination:
    """A late offer of ours was not answered."""
    why = (
        "was offered our codecs, having sent an INVITE without SDP, and its ACK brought no usable "
        "answer. Look at the ACK on the ladder, and at the device's settings for late offers."
    )
    return without_media("caller", "The caller", why)


def no_common_codec_in_ack(vn_a: Sequence[str]) -> Termination:
    """A late offer of ours was answered with nothing of it."""
    advice = (
        f"The caller's answer held none of our codecs {', '.join(vn_a)} as they were offered. "
        "Add one of its codecs, or look at its answer on the ladder."
    )
    return Termination("caller", Reason.NO_COMMON_CODEC_CALLER, 488, advice)


def caller_left(
    event: LegEnded, late_offer: Sequence[str] | None, *, was_talking: bool
) -> Termination:
    """The caller's leg ended; `late_offer` is what we offered where its INVITE had no offer."""
    if late_offer is not None and event.code in NO_COMMON_CODEC_IN_ACK:
        return no_common_codec_in_ack(late_offer)
    if was_talking:
        return left("caller", "The caller", event)
    return caller_left_unanswered(event)


def caller_left_unanswered(event: LegEnded) -> Termination:
    """The caller's leg ended before anybody answered: by the caller, or by our own side."""
    if event.code in _GAVE_UP:  # RFC 3261 section 9.2
        advice = "The caller gave up before anybody answered."
        return Termination("caller", Reason.CALLER_CANCELLED, 487, advice)
    advice = (
        f"The call process answered the caller's INVITE with {event.code} {event.text} by "
        "itself. Look at that INVITE on the ladder and at the engine's log, and report both."
    )
    return Termination("engine", Reason.INVITE_NOT_ACCEPTED, max(event.code, 400), advice)


def left(by: EndedBy, who: str, event: LegEnded) -> Termination:
    """A party that talked is gone: it hung up, or was lost."""
    if event.code in (200, 487, 603):
        return Termination(by, Reason(f"{by}-hung-up"), 200, f"{who} hung up: a normal end.")
    if event.is_expired:
        return _session_expired(who)
    if event.unreachable:
        what = f"could not be reached any more: {event.unreachable}. Check its network."
    elif event.code == 481:  # RFC 3261 section 12.2.1.2: this and 408 end a dialog
        what = "did not know the call any more (481). Its device may have been restarted."
    elif event.by_peer:
        what = f"answered {event.code} {event.text} inside the call, which ended it. Look at it."
    elif event.code in NO_COMMON_CODEC_IN_ACK:
        said = f"{event.code} {event.text}"
        what = f"described audio that could not be used ({said}). Look at its last SDP."
    elif event.code == 408:
        what = f"stopped answering ({event.code} {event.text}). Check its network."
    else:
        return _failed_here(who, event)
    return Termination(by, Reason(f"{by}-lost"), event.code, f"{who} {what}")


def _session_expired(who: str) -> Termination:
    advice = (
        f"{who} was to refresh the session by a re-INVITE or an UPDATE (session timers, RFC 4028) "
        "and did not in time. Look at its session timer, at firewalls, and at the network to it."
    )
    return Termination("engine", Reason.SESSION_EXPIRED, 408, advice)


def _failed_here(who: str, event: LegEnded) -> Termination:
    advice = (
        f"Our own side could not go on with the leg of {inside(who)} "
        f"({event.code} {event.text}). Look into the engine's log and report it."
    )
    return Termination("engine", Reason.LEG_FAILED, 500, advice)


def inside(who: str) -> str:
    """Return a party's name as it stands inside a sentence."""
    return who.replace("The caller", "the caller")


def transfer_failed(who: str, failed: Termination) -> Termination:
    """One party has left and nobody takes the call over, for the reason given."""
    advice = f"{who} left while the call was being transferred. {failed.advice}"
    return Termination("engine", Reason.TRANSFER_FAILED, failed.code, advice)


def max_duration(limit_s: float, why: str = "") -> Termination:
    """The call was as long as one may be; `why` says by whose rule, if not by the engine's."""
    advice = why or (
        f"The call reached its longest duration, {limit_s:g} s. "
        "Raise VOIPNUMBER_MAX_CALL_S if it should last longer."
    )
    return Termination("engine", Reason.MAX_DURATION, 200, advice)
