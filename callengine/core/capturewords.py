"""Why recording packets of a call ended, and what of it people are told. Pure."""

WHY = {
    "call-ended": "The call ended.",
    "time": "The time was over.",
    "size": "The file had its full size.",
    "stopped": "It was stopped.",
    "failed": "The file could not be written; the engine's log says why.",
    "no-room": (
        "The folder of captures is full, or would be by those that go on: delete or stop some, or "
        "raise VOIPNUMBER_CAPTURES_MB."
    ),
    "another": "Another one of the same call was on.",
    "cancelled": "It was called off before a call came.",
}
"By the word that stands in the record."
WITHOUT_MEDIA = (
    "RTP is not recorded, only signalling: this engine goes without its media extension "
    "(run bin/setup, which says what it lacks)."
)


def begun(by: str, *, whole: bool, max_s: int, max_bytes: int) -> str:
    """Return the line of the timeline when it begins."""
    what = "with audio" if whole else "RTP without audio"
    return (
        f"{by} records packets of this call ({what}), for {max_s // 60} min or "
        f"{max_bytes // 1_000_000} MB at most."
    )


def over(why: str, *, has_begun: bool) -> str:
    """Return the line of the timeline when it has ended, or cannot begin."""
    what = "recorded no more" if has_begun else "not recorded"
    return f"Packets are {what}. {WHY[why]}"
