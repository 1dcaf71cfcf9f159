"""Responses of the edge itself: where they go, what they say."""

import re

from callengine.edge.flow import Flow
from callengine.edge.messages.message import Headers, Message, render
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean
from callengine.edge.messages.values import with_tag
from sip.phrases import phrase_of

_RPORT = re.compile(r";[ \t]*(?:rport|received)[ \t]*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)
_KEEP = re.compile(r";[ \t]*keep[ \t]*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)
KEEP_UDP_S, KEEP_STREAM_S = 25, 110
"How often a phone is to show a sign of life: routers forget UDP after 30 s, TCP after 2 min."


def reason_value(code: int, why: str) -> str:
    """Return the value of a Reason header (RFC 3326) that says why in words."""
    text = clean(why, 160).replace('"', "'").replace("\\", "/")
    return f'SIP;cause={code};text="{text}"'


def reply_flow(request: Received) -> Flow:
    """Return where responses go (RFC 3261 section 18.2.2, RFC 3581 section 4)."""
    if request.flow.is_reliable or "rport" in request.via.params:
        return request.flow
    return request.flow._replace(port=request.via.port or request.flow.transport.default_port)


def reply_vias(request: Received, *, keeps: bool = False) -> list[str]:
    """Return the request's Via values as its responses carry them (`received`, `rport`).

    Who asks is told how often to show a sign of life, if we keep its way open (RFC 6223).
    """
    host, port = request.flow.host, request.flow.port
    top = _RPORT.sub("", request.via.raw)
    top += f";received={host}" if ":" not in host else f";received=[{host}]"
    top += f";rport={port}" if "rport" in request.via.params else ""
    if keeps and "keep" in request.via.params:
        interval_s = KEEP_STREAM_S if request.flow.is_reliable else KEEP_UDP_S
        top = _KEEP.sub("", top) + f";keep={interval_s}"
    return [top, *request.vias[1:]]


def build_reply(
    request: Received,
    code: int,
    *,
    server: str,
    phrase: str = "",
    to_tag: str = "",
    headers: Headers | None = None,
) -> bytes:
    """Return a response of the edge itself."""
    phrase = phrase or phrase_of(code)
    keeps = request.method == "REGISTER" and 200 <= code < 300
    top: Headers = [("via", via) for via in reply_vias(request, keeps=keeps)]
    copied = [
        ("from", request.get("from")),
        # RFC 3261 section 8.2.6.2: every response but 100 has a tag.
        ("to", with_tag(request.get("to"), to_tag if code > 100 else "")),
        ("call-id", request.call_id),
        ("cseq", request.get("cseq")),
    ]
    # What a malformed request lacks, its answer cannot have.
    top += [(name, value) for name, value in copied if request.get(name)]
    top.append(("server", server))
    return render(Message.response(code, phrase, top + (headers or [])))
