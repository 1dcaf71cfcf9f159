"""The SIP ladder as a person reads it: columns, arrows, and a sentence for each message. Pure."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audiocodecs.chips import Chip, chip
from callengine.core.snapshot import MessageSnapshot
from dashboard.calls.shown import CallView

MAX_CALLEES = 7
"Columns for callees; more than so many share the last one. ladder.css draws as many."
US = 1
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Lane:
    """A column: the caller, us, or somebody rung."""

    column: int
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """One arrow."""

    number: int
    time: str
    "Since the first message, `00:01.250`."
    at: dt.datetime
    is_note: bool
    to_right: bool
    reach: int
    "The column at the arrow's other end; ours is column 1."
    summary: str
    chips: tuple[Chip, ...]
    again: bool
    tone: str
    "`request`, `progress`, `success` or `failure`."
    sentence: str
    "`00:01.250 caller to us: INVITE, offers OPUS G722`."
    peer: str
    text: str


@dataclass(frozen=True, slots=True)
class LadderView:
    """A call's ladder."""

    lanes: tuple[Lane, ...]
    messages: tuple[MessageView, ...]


def present_ladder(call: CallView, messages: Iterable[MessageSnapshot]) -> LadderView:
    """Return columns and arrows of a call."""
    views = tuple(present_message(message) for message in messages)
    return LadderView(present_lanes(call, views), views)


def present_lanes(call: CallView, messages: Sequence[MessageView] = ()) -> tuple[Lane, ...]:
    """Return the columns: caller, us, and one for each leg rung."""
    legs = {
        _column(leg.name): leg
        for leg in (call.leg_a, call.leg_b, *call.also_rung)
        if leg is not None
    }
    caller = legs[0].title if 0 in legs else "caller"
    lanes = [Lane(0, caller, "leg A, caller"), Lane(US, "us", "voipnumber")]
    last = max([US + 1, *legs, *(message.reach for message in messages)])
    for column in range(US + 1, last + 1):
        leg = legs.get(column)
        lanes.append(Lane(column, leg.title, f"leg {leg.name}, callee") if leg else _nobody(column))
    return tuple(lanes)


def _nobody(column: int) -> Lane:
    return Lane(column, "callee", "not rung" if column == US + 1 else f"leg B{column - US}")


def present_message(message: MessageSnapshot) -> MessageView:
    """Return one arrow with its sentence."""
    column = _column(message["leg"])
    came = message["direction"] == "in"
    is_note = message["direction"] == "note"
    time = offset_text(message["offset_s"])
    peer = "caller" if column == 0 else f"callee {message['leg']}"
    way = f"{peer} to us" if came else f"us to {peer}"
    words = "".join(
        (
            message["summary"] if is_note else _title(message["summary"]),
            _description(message),
            ", sent again" if message["retransmission"] else "",
        )
    )
    return MessageView(
        number=message["number"],
        time=time,
        at=dt.datetime.fromisoformat(message["at"]),
        is_note=is_note,
        # Callees stand right of us, the caller left.
        to_right=came == (column == 0),
        reach=column,
        summary=message["summary"] if is_note else _title(message["summary"]),
        chips=tuple(chip(name) for name in message["codecs"]),
        again=message["retransmission"],
        tone=_tone(message["summary"]),
        sentence=f"{time} {words}" if is_note else f"{time} {way}: {words}",
        peer=message["peer"],
        text=message["text"],
    )


def offset_text(seconds: float) -> str:
    """Return seconds as `00:01.250`, with hours only where there are some."""
    whole_ms = max(round(seconds * 1000), 0)
    minutes, ms = divmod(whole_ms, 60_000)
    clock = f"{minutes % 60:02}:{ms // 1000:02}.{ms % 1000:03}"
    return clock if minutes < 60 else f"{minutes // 60}:{clock}"


def _column(leg: str) -> int:
    if leg in ("", "A"):
        return 0
    number = _NUMBER.search(leg)
    return US + min(int(number.group()) if number else 1, MAX_CALLEES)


def _title(summary: str) -> str:
    """Return the method of a request, or code and phrase of a response."""
    return summary[:40] if summary[:1].isdigit() else summary.split(" ", 1)[0][:40]


def _description(message: MessageSnapshot) -> str:
    if not message["codecs"]:
        return ""
    names = " ".join(message["codecs"])
    title = _title(message["summary"])
    if title in ("INVITE", "UPDATE"):
        return f", offers {names}"
    # An answer, save to an INVITE that offered nothing.
    return f", answers {names}" if title == "ACK" else f", with {names}"


def _tone(summary: str) -> str:
    first = summary[:1]
    if not first.isdigit():
        return "request"
    return {"1": "progress", "2": "success"}.get(first, "failure")
