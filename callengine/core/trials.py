"""The steps of a trunk's test, in words that say what to do. Pure."""

from typing import Literal, NamedTuple, TypedDict

StepState = Literal["doing", "good", "odd", "bad"]


class TrunkTrialStep(TypedDict):
    """One step: what was tried, how it went, and what to do about it."""

    state: StepState
    what: str
    advice: str
    after_ms: int
    "Since the test began."
    call: str
    "Our id of the call it tells of, 32 hexadecimal digits; empty: of none."


class StepWords(NamedTuple):
    """How a step went."""

    state: StepState
    what: str
    advice: str = ""


FIREWALL = (
    "Check host, port and transport of the gateway, and that firewalls let our requests out and "
    "its answers in."
)


def unresolved(why: str) -> StepWords:
    """Return the words for a gateway whose address is not found."""
    return StepWords("bad", f"Its address was not found: {why}.", "Check the gateway's host name.")


def silent(where: str, seconds: float) -> StepWords:
    """Return the words for a gateway that says nothing."""
    return StepWords("bad", f"{where} has said nothing for {seconds:g} s.", FIREWALL)


def unreachable(where: str, why: str) -> StepWords:
    """Return the words for a gateway to which nothing can be sent."""
    because = f": {why}" if why else ""
    advice = FIREWALL
    if "certificate" in why.lower() or "tls" in why.lower():
        advice = (
            "Have the carrier show a certificate of a known authority for the gateway's host name, "
            "or give the gateway the name its certificate is for."
        )
    return StepWords("bad", f"{where} cannot be reached{because}.", advice)


def options_answered(
    code: int, phrase: str, *, server: str, took_ms: int, presented: bool, has_password: bool
) -> StepWords:
    """Return the words for an answer to OPTIONS; `presented`: it had our credentials."""
    said = f"It answers OPTIONS with {code} {phrase}".rstrip()
    said += f" after {took_ms} ms" + (f" ({server})." if server else ".")
    if code < 300:
        return StepWords(
            "good", said + (" It takes our user name and password." if presented else "")
        )
    if code in (401, 407):
        if presented:
            advice = "Check user name and password of the OUT side: it does not take them."
            return StepWords("bad", said, advice)
        advice = (
            "It is reachable. Its challenge cannot be answered: see its realm and algorithm."
            if has_password
            else "It is reachable, and asks who we are. Set user name and password of the OUT side."
        )
        return StepWords("odd", said, advice)
    if code == 403:
        advice = (
            "It is reachable and does not let us in. Ask the carrier whether it knows the address "
            "we send from, and whether it takes OPTIONS."
        )
        return StepWords("odd", said, advice)
    if code in (404, 405, 480, 481, 501):
        return StepWords(
            "good", said, "It is reachable; it does not serve OPTIONS, as some do not."
        )
    if code >= 500:
        return StepWords("bad", said, "It is reachable and in trouble: ask the carrier.")
    return StepWords("odd", said, "It is reachable.")


def audio_heard(packets: int, codec: str) -> StepWords:
    """Return the words for audio that arrives."""
    return StepWords("good", f"Audio arrives from it: {packets} packets so far, in {codec}.")


def no_audio(seconds: float) -> StepWords:
    """Return the words for an answered call from which nothing is heard."""
    return StepWords(
        "bad",
        f"Nothing was heard from it for {seconds:g} s after it answered.",
        "Check that UDP 10000-20000 (VOIPNUMBER_RTP_PORTS) is open to us, and that we show our "
        "public address (VOIPNUMBER_PUBLIC_ADDRESS).",
    )
