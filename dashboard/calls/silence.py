"""What a person sees of a leg's statistics, and of a party that is silent. Pure."""

import datetime as dt

from callengine.core.mediawords import NOTHING, meaning
from callengine.core.parties import who
from callengine.core.snapshot import LegSnapshot, QualitySnapshot, SilenceSnapshot
from dashboard.calls.shown import QualityView, SilenceView
from dashboard.parts.durations import duration_text
from dashboard.parts.shown import Badge

NO_FIGURE = "-"


def present_quality(quality: QualitySnapshot, *, of: str, now: dt.datetime) -> QualityView:
    """Return a leg's statistics in words, as they were at `now`; `of` is whose leg it is."""
    mos, loss, jitter = quality["mos"], quality["loss_percent"], quality["jitter_ms"]
    round_trip = quality["round_trip_ms"]
    # A row of the record may be older than the word for it.
    silence, due = quality.get("silence"), quality.get("packets_due", 1)
    return QualityView(
        mos=NO_FIGURE if mos is None else f"{mos:.1f}",
        badge=_badge(quality.get("audio", "arriving"), mos),
        loss=NO_FIGURE if loss is None else f"{loss:.1f} %",
        jitter=NO_FIGURE if jitter is None else f"{jitter:.0f} ms",
        round_trip=NO_FIGURE if round_trip is None else f"{round_trip:.0f} ms",
        packets=f"{quality['packets_received']} packets in, {quality['packets_sent']} out",
        sample="gap" if None in (mos, loss, jitter) else f"{mos:.2f} {loss:.2f} {jitter:.2f} {due}",
        silence=present_silence(silence, of=of, now=now) if silence else None,
    )


def _badge(audio: str, mos: float | None) -> Badge:
    if mos is not None:
        return mos_badge(mos)
    return Badge("no audio", "fail") if audio == "missing" else Badge("not sending", "idle")


def mos_badge(mos: float) -> Badge:
    """Return the listener's word for a MOS (thresholds of ITU-T G.107 table B.1)."""
    if mos >= 4.0:
        return Badge("good", "up")
    return Badge("fair", "wait") if mos >= 3.1 else Badge("poor", "fail")


def silences(legs: list[LegSnapshot | None], *, now: dt.datetime) -> tuple[SilenceView, ...]:
    """Return who of a call is silent, the caller first."""
    views = []
    for leg in legs:
        if leg is None or leg["quality"] is None or leg["state"] == "ended":
            continue
        if silence := leg["quality"].get("silence"):
            views.append(present_silence(silence, of=who(leg["name"], leg["label"]), now=now))
    return tuple(views)


def present_silence(silence: SilenceSnapshot, *, of: str, now: dt.datetime) -> SilenceView:
    """Return since when somebody, as `who` of `parties` says, is silent, and what that means."""
    never = silence["last_packet"] is None
    nothing = NOTHING.format(who=of, began=silence["began"]).removesuffix(".")
    since = dt.datetime.fromisoformat(silence["since"])
    last = silence["last_packet"]
    return SilenceView(
        what=nothing if never else f"No audio from {of}",
        brief=f"Nothing yet from {of}" if never else f"No audio from {of}",
        is_first=never,
        since=since,
        duration=duration_text((now - since).total_seconds()),
        means=meaning(
            never=never,
            reports=silence["reports"],
            port=silence["port"],
            dropped=silence["dropped"],
        ),
        last=dt.datetime.fromisoformat(last) if last else None,
        source=silence["source"],
    )
