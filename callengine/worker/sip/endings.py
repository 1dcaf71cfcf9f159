"""What the edge adds to a final response: why a peer is not there, or whom it names instead."""

import dataclasses
import re
from typing import Any

import pjsua2 as pj

from callengine.core.events import LegEnded
from sip.phrases import phrase_of

# Headers of our own; the edge writes them and lets no peer's through.
_UNREACHABLE = re.compile(
    r'^reason:[ \t]*SIP;cause=[0-9]{3};text="([^"\r\n]*)"', re.IGNORECASE | re.MULTILINE
)
_NOT_REFRESHED = "No session refresh received."
"What pjsip ends a leg with whose peer was to refresh its session and did not."
_BY = re.compile(r"^x-redirected-by:[ \t]*([0-9]{3})\r?$", re.IGNORECASE | re.MULTILINE)
_UNANSWERABLE = re.compile(r"^x-challenge:[ \t]*unusable\r?$", re.IGNORECASE | re.MULTILINE)
_TO = re.compile(r"^x-redirected-to:[ \t]*(.*?)\r?$", re.IGNORECASE | re.MULTILINE)


def told_by_edge(ended: LegEnded, event: Any) -> LegEnded:
    """Return the end of a leg with what the message that brought it says beside its code.

    Without a message it is our own side's doing, whatever code pjsip gives it.
    """
    if ended.code == 408 and ended.text == _NOT_REFRESHED:
        return dataclasses.replace(ended, is_expired=True, by_peer=False)
    head = _received(event).partition("\r\n\r\n")[0]
    if not head.startswith("SIP/2.0"):
        return dataclasses.replace(ended, by_peer=ended.by_peer and bool(head))
    if head.startswith("SIP/2.0 2") and ended.code >= 300:
        # pjsip would not have its description; the code is pjsip's own.
        return dataclasses.replace(ended, by_peer=False)
    if cause := _UNREACHABLE.search(head):  # RFC 3326
        return dataclasses.replace(ended, unreachable=cause[1], by_peer=False)
    if _UNANSWERABLE.search(head):
        return dataclasses.replace(ended, is_unanswerable=True)
    if redirect := _BY.search(head):  # RFC 3261 section 8.1.3.4
        code = int(redirect[1])
        return dataclasses.replace(
            ended, code=code, text=phrase_of(code), redirects=tuple(_TO.findall(head))
        )
    # A timer of ours (RFC 3261 section 17.1.1.2, Timer B) ends a leg with 408 too: what was
    # received then answers our BYE, if anything.
    is_408 = head.startswith("SIP/2.0 408")
    return dataclasses.replace(ended, by_peer=ended.by_peer or (ended.code == 408 and is_408))


def _received(event: Any) -> str:
    if event is None or event.type != pj.PJSIP_EVENT_TSX_STATE:
        return ""
    if event.body.tsxState.type != pj.PJSIP_EVENT_RX_MSG:
        return ""
    return str(event.body.tsxState.src.rdata.wholeMsg)
