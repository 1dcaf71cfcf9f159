"""What is said of media: who is silent, what was dropped, and what to do. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from callengine.core.control.calls import LegFacts
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.silence import CameBack, Silence

KEYS_READABLE = (
    "Its key travelled in SIP that is not over TLS: whoever could read that can hear the audio."
)
NOTHING = "Nothing has arrived from {who} since {began}."


def encrypted(before: LegFacts | None, now: LegFacts, *, keys_readable: bool) -> str | None:
    """Return the line for audio that is encrypted from now on, or no more; None for no news."""
    if now.encryption == (before.encryption if before else ""):
        return None
    if not now.encryption:
        return f"The audio of leg {now.name} is not encrypted any more." if now.codec else None
    text = f"The audio of leg {now.name} is encrypted: SRTP, {now.encryption}."
    return f"{text} {KEYS_READABLE}" if keys_readable else text


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


def silence_note(
    *, who: str, seconds: float, silence: Silence, port: int, dropped: bool = False
) -> str:
    """Return the line for a party that has fallen silent.

    `port` is ours, where it should send; `dropped` whether RTP from elsewhere was.
    """
    means = meaning(
        never=silence.last_packet_at is None, reports=silence.reports, port=port, dropped=dropped
    )
    if silence.last_packet_at is None:
        return f"{NOTHING.format(who=who, began=silence.began)} {means}"
    at = datetime.fromtimestamp(silence.last_packet_at, UTC).strftime("%H:%M:%S UTC")
    last = f"Last packet {at} from {silence.source}." if silence.source else f"Last packet {at}."
    return f"No audio from {who} for {seconds:.0f} s. {means} {last}"


def meaning(*, never: bool, reports: bool, port: int, dropped: bool) -> str:
    """Return what a silence means, and no more than is known."""
    if reports:
        return "Their device is there, it reports (RTCP), but sends no audio: it may be muted."
    if dropped:
        return "RTP from elsewhere was dropped: another line here says what to do."
    if never:
        to = f"UDP to our port {port}" if port else "UDP to our RTP ports"
        return f"Most often {to} is blocked on their side or ours."
    return "Their device or a firewall stopped sending."


def came_back_note(*, who: str, back: CameBack) -> str:
    """Return the line for audio that arrives after a silence."""
    if back.is_first:
        return f"The first audio from {who} has arrived, after {back.seconds:.0f} s without any."
    return f"Audio from {who} is back after {back.seconds:.0f} s."


def short_packets_note(*, who: str) -> str:
    """Return the line for packets of which nothing is heard, though they come and count."""
    return (
        f"Nothing is heard of {who}: what comes are packets of less than 10 ms of sound, and this "
        "call can read no such. Set the device's packet time (ptime) to 20 ms."
    )


def paused_note(*, who: str, named: str, heard_from: str) -> str:
    """Return the line for a leg to which nothing is sent.

    `named` is the host its description names if that is why, else its ACK is waited for;
    `heard_from` the one it signals from.
    """
    if not named:
        return (
            f"Nothing is sent to {who} before its ACK: it called over UDP without credentials, and "
            "until then nothing shows that it is where it says. If it is to hear what comes before "
            "the answer, give it a connection, or have it call over TCP."
        )
    return (
        f"Sending to {who} has paused: its description names {named} for audio, it signals from "
        f"{heard_from}, and nothing has come that shows that {named} wants this call. Its first "
        f"packets have us send again. If a device there only listens, add {named} to "
        "VOIPNUMBER_MEDIA_ALSO_FROM; else somebody may be aiming audio at a third party."
    )


def resumed_note(*, who: str, is_by_ack: bool, is_heard: bool) -> str:
    """Return the line for a leg to which is sent again: its ACK or its media came, or a new SDP."""
    if is_by_ack:
        return f"Audio is sent to {who} now: its ACK has come."
    if is_heard:
        return f"Audio is sent to {who} again: its media has been heard."
    return f"Audio is sent to {who} again: its description names another address."


def no_media(timeout_s: float, *, gone: Sequence[str]) -> Termination:
    """Return the termination of a call from whose parties nothing comes any more.

    `gone` is who they are: both, or the one beside what sends no RTP, such as an agent.
    """
    if len(gone) == 1:
        what = f"No audio or report has come from {gone[0]} for {timeout_s:g} s"
        check = "That end, or the network to it, is gone: check both."
    else:
        what = f"Neither party has sent audio or a report for {timeout_s:g} s"
        check = "Both ends, or the network to them, are gone: check those."
    advice = (
        f"{what}, so the call was ended. {check} How long to wait is VOIPNUMBER_MEDIA_TIMEOUT_S."
    )
    return Termination("engine", Reason.NO_MEDIA, 408, advice)
