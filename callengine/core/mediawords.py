"""What the timeline says of media: who is silent, what was dropped, and what to do. Pure."""


def dropped_note(*, who: str, packets: int, source: str, trunk: str) -> str:
    """Return the line for RTP that was not let through.

    `who` is whose leg it is, `packets` how many at least, `source` where the last was seen from,
    `HOST:PORT` or nothing, `trunk` the leg's trunk or nothing.
    """
    seen = f", the last seen from {source}" if source else ""
    text = (
        f"RTP from elsewhere was dropped: at least {packets} packets so far, not of an address and "
        f"stream known as {who}'s{seen}. Nobody heard them."
    )
    if trunk:
        there = f"from {source.rpartition(':')[0]}" if source else "from other addresses"
        return f"{text} If {trunk} sends audio {there}, add that to its Media also from."
    return f"{text} Somebody else sends to this call, or {who}'s device from where it does not say."
