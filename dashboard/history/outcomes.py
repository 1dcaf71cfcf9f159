"""How a call ended, as a condition on its columns: the words its badge has, one filter each."""

from django.db.models import Q, TextChoices

from callengine.core.reasons import Reason


class CallOutcome(TextChoices):
    """What became of a call; `presenters` gives its badge the same word."""

    IN_PROGRESS = "in-progress", "In progress"
    COMPLETED = "completed", "Completed"
    CUT_OFF = "cut-off", "Cut off"
    BUSY = "busy", "Busy"
    NO_ANSWER = "no-answer", "No answer"
    UNAVAILABLE = "unavailable", "Unavailable"
    UNREACHABLE = "unreachable", "Unreachable"
    CANCELLED = "cancelled", "Cancelled"
    CALLEE_DECLINED = "callee-declined", "Declined by the callee"
    NO_CODEC = "no-codec", "Declined for codecs"
    FAILED = "failed", "Failed"


POOR_MOS = 3.1
"Below it most listeners are dissatisfied (ITU-T G.107 table B.1)."


class SoundFilter(TextChoices):
    """What a call sounded like."""

    BAD = "bad", "Bad quality"
    SILENT = "silent", "Silent"


ALL_FAILED = ("all-failed", "All that failed")
"Asks for every outcome of which something is to be mended, as the overview counts them."

SOUNDS: dict[str, Q] = {
    SoundFilter.BAD: Q(worst_mos_a__lt=POOR_MOS) | Q(worst_mos_b__lt=POOR_MOS),
    SoundFilter.SILENT: Q(was_silent=True),
}

_ENDED = Q(ended__isnull=False)
_TALKED = Q(answered__isnull=False)
_FINE = Q(code__isnull=True) | Q(code__lt=400)
_UNREACHED = Q(reason__in=(Reason.CALLEE_UNREACHABLE, Reason.AGENT_UNREACHABLE))
_RANG_OUT = Q(reason="no-answer") | (Q(code=408) & ~_UNREACHED)
_UNANSWERED = _ENDED & ~_TALKED & ~Q(reason="no-answer") & (_FINE | ~_UNREACHED)
_CODES = {
    CallOutcome.BUSY: (486, 600),
    CallOutcome.UNAVAILABLE: (480,),
    CallOutcome.CALLEE_DECLINED: (603,),
    CallOutcome.NO_CODEC: (488, 606),
}
_NAMED = (408, 487, *(code for codes in _CODES.values() for code in codes))

CONDITIONS: dict[str, Q] = {
    CallOutcome.IN_PROGRESS: ~_ENDED,
    CallOutcome.COMPLETED: _ENDED & _TALKED & _FINE,
    CallOutcome.CUT_OFF: _ENDED & _TALKED & ~_FINE,
    CallOutcome.NO_ANSWER: _ENDED & ~_TALKED & _RANG_OUT,
    CallOutcome.UNREACHABLE: _ENDED & ~_TALKED & ~_FINE & _UNREACHED,
    # Whoever hangs up before the answer, caller or operator: the call was called off.
    CallOutcome.CANCELLED: _UNANSWERED & (_FINE | Q(code=487)),
    **{outcome: _UNANSWERED & Q(code__in=codes) for outcome, codes in _CODES.items()},
    CallOutcome.FAILED: _UNANSWERED & ~_FINE & ~Q(code__in=_NAMED),
}
"Every call meets exactly one of these."

ANSWERED = _TALKED & (~_ENDED | _FINE)
"Talking, or hung up by somebody."
FAILED = (
    CONDITIONS[CallOutcome.CUT_OFF]
    | CONDITIONS[CallOutcome.NO_CODEC]
    | CONDITIONS[CallOutcome.UNREACHABLE]
    | CONDITIONS[CallOutcome.FAILED]
)
"Something is to be mended."
UNANSWERED = _ENDED & ~ANSWERED & ~FAILED
"Busy, away, declined or called off: nothing is wrong with the switch."
