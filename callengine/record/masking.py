"""SIP messages as people may see them: secrets masked, bodies that are not SDP cut, bounded.

Nothing of a message is stored or published but what `masked` returns. What is not known to be
harmless is masked: of credentials only named parameters stay, of bodies only session descriptions.
"""

import functools
import re
from dataclasses import dataclass
from enum import Enum, auto

from callengine.core import sdp

MASK = "***"
MAX_BYTES = 8192
"Of a message that are looked at; the rest is cut, and the text says so."
MAX_SUMMARY = 200

_BREAK = re.compile(r"\r\n|\r|\n")
_CREDENTIALS = frozenset(
    ("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate")
)
_SECRET_NAME = re.compile(r"auth|passw|secret|token|cookie|api-?key|credential|identity-key")
_SCHEME = re.compile(r"[ \t]*(Digest|Basic|Bearer)[ \t]+", re.IGNORECASE)
_PARAMETER = re.compile(
    r'[ \t]*([A-Za-z0-9_-]{1,40})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]*)[ \t]*(?:,|$)'
)
_PUBLIC = frozenset(
    ("username", "realm", "uri", "algorithm", "qop", "nc", "stale", "userhash", "charset", "domain")
)
# None of these looks at a character again and again, whatever a peer writes: no other thread runs
# meanwhile, and the event loop is one of them.
_SECRET_WORD = re.compile(r"(?:response|nonce|opaque)[ \t]*=|passw", re.IGNORECASE)
# Up to the last @ before the URI must end: a password may hold what it should have escaped.
_UP_TO_HOST = re.compile(r"(?<![^\s<>])[^\s<>]*@")
_URI_USER = re.compile(r"\bsips?:[^@:]*:", re.IGNORECASE)
_MAY_HOLD_PASSWORD = re.compile(r"sips?:[^@:\s<>]*:", re.IGNORECASE)
"Found wherever `_URI_USER` finds something in what `_UP_TO_HOST` does; in few messages."
_URL_PASSWORD = re.compile(r"://[^/\s<>]*@")
_URI_HEADER = re.compile(
    r"([?&](?=[a-z-]*+=)[a-z-]*(?:auth|passw|secret|token)[a-z-]*=)[^&>\s]*", re.IGNORECASE
)
_OUR_CONTACT = re.compile(r"(\btrunk-)[0-9a-f]{24}\b", re.IGNORECASE)
"By whose user part a carrier that we register at is known when it calls (`registering`)."
_SDP_SECRET = re.compile(
    r"crypto|key-?mgmt|ice-pwd|inline:|mikey|passw|secret|^a=key", re.IGNORECASE
)
_SDP_SUSPECT = ("k=", "crypto", "key", "ice-pwd", "inline:", "passw", "secret")
"Found in few descriptions; without any, and long lines, no line is looked at by itself."
_SHORT = 40
"Characters, of which no key of SRTP has less."
_KEY_LIKE = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
"""What a key of SRTP looks like, where its attribute's name is damaged: 30 octets or more in base64
(RFC 4568 section 6.1)."""
_INLINE = re.compile(r"inline:\S*", re.IGNORECASE)
_IDENTIFYING = frozenset((
    "via", "v", "from", "f", "to", "t", "call-id", "i", "contact", "m", "route", "record-route",
    "path", "refer-to", "r", "referred-by", "b", "replaces", "target-dialog", "in-reply-to",
))  # fmt: skip
"Headers whose values are long and say who it is; no key stands there."
_HEADER_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,80}[ \t]*\Z")
_SDP_SHOWN = re.compile(r"a=crypto:\d{1,9} [A-Z0-9_]{1,40}(?= )|a=(?:key-mgmt|ice-pwd)(?=:)")
_FOLDED = ("\n ", "\n\t", "\r ", "\r\t")
_COMPACT = {"v": "via", "t": "to", "c": "content-type", "f": "from", "i": "call-id"}


class _HeaderKind(Enum):
    NONE = auto()
    "No header at all."
    CREDENTIALS = auto()
    SECRET = auto()
    IDENTIFYING = auto()
    PLAIN = auto()


@dataclass(frozen=True, slots=True)
class MaskedMessage:
    """A message without its secrets."""

    summary: str
    "`INVITE sip:alice@example.com`, or `200 OK`."
    cseq: str
    codecs: tuple[str, ...]
    "What its SDP offers or answers, in order."
    text: str
    identity: tuple[str, ...]
    "Equal for a message and its retransmissions."


def masked(data: bytes) -> MaskedMessage:
    """Return what may be seen of a message; whatever it holds, nothing is raised."""
    whole = data[:MAX_BYTES].decode("utf-8", "replace").lstrip("\r\n")
    head, _, body = whole.partition("\r\n\r\n")
    start, *lines = _unfolded(head)
    headers, visible = _headers(lines, has_inline="inline:" in head.lower())
    start = without_passwords(start)
    cseq = headers.get("cseq", "")[:60]
    parts = [start, without_passwords("\n".join(visible))]
    is_sdp = _is_sdp(headers.get("content-type", ""), body)
    if body:
        kept = is_sdp and not cseq.endswith("INFO")
        parts += ["", _description(body) if kept else _left_out(headers, body)]
    if len(data) > MAX_BYTES:
        parts.append(f"[what follows the first {MAX_BYTES} bytes is not kept]")
    return MaskedMessage(
        summary=_summary(start),
        cseq=cseq,
        codecs=_codecs(body) if is_sdp else (),
        text="\n".join(parts),
        identity=(
            start,
            headers.get("via", ""),
            cseq,
            headers.get("to", ""),
            headers.get("rseq", ""),
            str(hash(body)),
        ),
    )


def on_the_wire(text: str) -> bytes:
    """Return the text of a masked message with the line ends of SIP; they were made plain."""
    head, _, body = text.partition("\n\n")
    return "\r\n".join((*head.split("\n"), "", *body.split("\n"))).encode()


def _unfolded(head: str) -> list[str]:
    """Return the lines of a header block, those that go on (section 7.3.1) made one."""
    if not any(folded in head for folded in _FOLDED):
        return _BREAK.split(head)
    lines: list[str] = []
    for line in _BREAK.split(head):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] = f"{lines[-1]} {line.strip()}"
        else:
            lines.append(line)
    return lines


def _headers(lines: list[str], *, has_inline: bool) -> tuple[dict[str, str], list[str]]:
    """Return the first value of each header by its full name, and the lines as they are shown."""
    first: dict[str, str] = {}
    visible = []
    for line in lines:
        name, colon, value = line.partition(":")
        full, kind = _kind(name) if colon else ("", _HeaderKind.NONE)
        if full not in first:
            first[full] = value.strip()
        is_short = kind is _HeaderKind.PLAIN and len(value) < _SHORT
        if not has_inline and (is_short or kind is _HeaderKind.IDENTIFYING):
            visible.append(line)
        else:
            visible.append(_header(line, name, value, kind))
    return first, visible


def _summary(start: str) -> str:
    if start.startswith("SIP/2.0 "):
        return start[8:][:MAX_SUMMARY]
    return start.removesuffix(" SIP/2.0")[:MAX_SUMMARY]


def _header(line: str, name: str, value: str, kind: _HeaderKind) -> str:
    if kind is _HeaderKind.NONE:
        if line[1:2] == "=":
            return _description_line(line)  # a body whose head has no proper end
        return "[a line that is no header, not kept]" if line else line
    value = _INLINE.sub(f"inline:{MASK}", value)
    if kind is _HeaderKind.CREDENTIALS:
        return f"{name}: {_credentials(value)}"
    if kind is _HeaderKind.SECRET:
        return f"{name[:40]}: {MASK}"
    if kind is _HeaderKind.PLAIN and len(value) >= _SHORT:
        value = _KEY_LIKE.sub(MASK, value)
    return f"{name}:{value}"


# No name of these kinds has the second character "=", by which `_header` knows a description.
@functools.lru_cache(1000)
def _kind(name: str) -> tuple[str, _HeaderKind]:
    """Return the full name, in small letters, of what stands before a colon, and its kind."""
    key = name.strip().lower()
    full = _COMPACT.get(key, key)
    if not _HEADER_NAME.match(name):
        return full, _HeaderKind.NONE
    if key in _CREDENTIALS:
        return full, _HeaderKind.CREDENTIALS
    if _SECRET_NAME.search(key):
        return full, _HeaderKind.SECRET
    return full, _HeaderKind.IDENTIFYING if key in _IDENTIFYING else _HeaderKind.PLAIN


def _credentials(value: str) -> str:
    scheme = _SCHEME.match(value)
    if scheme is None:
        return MASK
    if scheme.group(1).lower() != "digest":
        return f"{scheme.group(1)} {MASK}"
    items, position = [], scheme.end()
    while position < len(value):
        parameter = _PARAMETER.match(value, position)
        if parameter is None:
            items.append(MASK)
            break
        items.append(_parameter(*parameter.groups()))
        position = parameter.end()
    return f"{scheme.group(1)} {', '.join(items)}"


def _parameter(name: str, value: str) -> str:
    # A quote that closes in the wrong place would carry the next parameter into this one.
    is_public = name.lower() in _PUBLIC and not _SECRET_WORD.search(value)
    return f"{name}={value if is_public else MASK}"


def without_passwords(text: str) -> str:
    """Return text with the passwords in its URIs masked, and whatever else stands for one."""
    if "trunk-" in text:
        text = _OUR_CONTACT.sub(rf"\1{MASK}", text)
    if "@" in text:
        if _MAY_HOLD_PASSWORD.search(text):
            text = _UP_TO_HOST.sub(_without_password, text)
        if "://" in text:
            text = _URL_PASSWORD.sub(f"://{MASK}@", text)
    return _URI_HEADER.sub(rf"\1{MASK}", text) if "?" in text or "&" in text else text


def _without_password(userinfo: re.Match[str]) -> str:
    user = _URI_USER.search(userinfo.group())
    return f"{userinfo.group()[: user.end()]}{MASK}@" if user else userinfo.group()


def _is_sdp(content_type: str, body: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/sdp" or (not kind and body.startswith("v=0"))


def _left_out(headers: dict[str, str], body: str) -> str:
    kind = headers.get("content-type", "")[:60] or "unknown kind"
    return f"[{len(body.encode())} bytes of {without_passwords(kind)}, not kept]"


def _description(body: str) -> str:
    lines = [line for line in _BREAK.split(body) if line]
    if _is_suspect(body, lines):
        lines = [_description_line(line) for line in lines]
    return without_passwords("\n".join(lines))


def _is_suspect(body: str, lines: list[str]) -> bool:
    """Tell whether any of these lines may be one that is not to be shown."""
    if not body.isascii():  # there are letters that are `k` and `s` to a regular expression
        return True
    small = body.lower()
    if any(word in small for word in _SDP_SUSPECT):
        return True
    return any(line[1:2] != "=" or len(line) >= _SHORT for line in lines)


def _description_line(line: str) -> str:
    if line[1:2] != "=":
        return "[a line that is not SDP, not kept]"
    if line.startswith("k="):
        return f"k={MASK}"
    if _SDP_SECRET.search(line):
        attribute = _SDP_SHOWN.match(line)
        if attribute is None:
            return f"{line[:2]}{MASK}"
        return f"{attribute.group()}{' ' if 'crypto' in attribute.group() else ':'}{MASK}"
    return _KEY_LIKE.sub(MASK, line)


@functools.lru_cache(200)
def _codecs(body: str) -> tuple[str, ...]:
    try:
        return sdp.offered_codecs(body)
    except sdp.SdpError:
        return ()
