"""SIP and SDP made odd: by their grammar, and by bytes. Pure; everything comes from one seed."""

import base64
import random
import re
from collections.abc import Callable, Sequence

ODD = (
    "",
    " ",
    "0",
    "-1",
    "1",
    "abc",
    "99999999999999999999",
    "x" * 300,
    ";",
    ",",
    ";;;,,,",
    '"',
    '""x""',
    "<",
    "<>",
    "%",
    "%zz",
    "*",
    "\u00fc\u00f1",
    "a b",
    "a\tb",
    "\\",
    "x=y",
    '"a" <sip:a@h>',
    "<sip:a@h>;tag=t;;",
    "tel:+1",
    "<tel:1!>",
    "<sip:@h>",
    "<sip:a@[::1>",
    "sip:a@h?b=c",
    "<urn:x:y>",
    "SIP/2.0/UDP",
    "1 INVITE",
    "1 2 3",
    "100rel",
    "timer",
    "teleport",
    "90;refresher=uas",
    "1800;refresher=xyz",
    "application/sdp",
    "multipart/mixed",
    "multipart/mixed;boundary=",
    "Digest realm=x",
    'Digest realm="x", nonce="y"',
    "text/plain;handling=required",
    "2.0",
    "identity",
    "gzip",
    "<sip:a@h?Replaces=x%3Bto-tag%3Dy%3Bfrom-tag%3Dz>",
    "<sip:a@h?Replaces=%00%zz&Replaces=x>",
    "<sip:a@h;method=BYE?body=v%3D0>",
    "x;to-tag=y;from-tag=z;early-only",
    "x;to-tag=y;to-tag=y",
    '<sip:a@h>;cid="y@h"',
    "refer;id=99999999999",
    "terminated;reason=noresource",
    "false",
)
NAMES = (
    "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Length", "Content-Type",
    "Session-Expires", "Min-SE", "Require", "Supported", "Proxy-Require", "RAck", "RSeq", "Reason",
    "Retry-After", "Record-Route", "Route", "Allow", "Accept", "User-Agent", "Server", "Warning",
    "WWW-Authenticate", "Proxy-Authenticate", "Authorization", "Content-Disposition",
    "Content-Encoding", "Replaces", "Refer-To", "Event", "Expires", "Privacy", "Timestamp", "X-Odd",
    "x-heard-from", "Via", "Referred-By", "Refer-Sub", "Target-Dialog", "Subscription-State",
)  # fmt: skip
COMPACT = {
    "via": "v", "from": "f", "to": "t", "call-id": "i", "contact": "m", "content-type": "c",
    "content-length": "l", "supported": "k", "session-expires": "x", "refer-to": "r",
    "referred-by": "b", "event": "o",
}  # fmt: skip
METHODS = (
    "INVITE",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "PRACK",
    "BYE",
    "MESSAGE",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "bye",
    "X-Y.Z",
)
URIS = ("sip:h", "sip:", "tel:+1", "urn:x", "<sip:h>", "sip:a@h?x=y", "sip:a b@h", "sip:%zz@h")
KEY = base64.b64encode(bytes(range(100, 130))).decode()
AES_80 = "AES_CM_128_HMAC_SHA1_80"
CRYPTO = f"a=crypto:1 {AES_80} inline:{KEY}"
SDP_LINES = (
    CRYPTO,
    f"{CRYPTO}|2^20|1:4",
    f"{CRYPTO}|2^31 WSH=64",
    f"{CRYPTO} inline:{KEY}",
    f"{CRYPTO} UNENCRYPTED_SRTP KDR=1",
    f"{CRYPTO[:-8]}====",
    f"a=crypto:0000000001 {AES_80} inline:{KEY}",
    f"a=crypto:2 AES_256_CM_HMAC_SHA1_32 inline:{KEY}",
    f"a=crypto:2 {KEY} inline:{KEY}",
    f"a=crypto:-1 F8_128_HMAC_SHA1_80 inline:{KEY * 9}",
    f"a=CRYPTO:9 {AES_80.lower()} INLINE:{KEY}",
    "a=crypto:",
    f"k=base64:{KEY}",
    f"a=key-mgmt:mikey {KEY}",
    "a=fingerprint:sha-256 AA:BB",
    "m=audio 40000 rtp/savpf 8 0",
    "m=audio 40000 RTP/AVPF 8",
    "m=audio 40000 UDP/TLS/RTP/SAVPF 8",
    "m=audio 0 RTP/AVP 8",
    "m=audio 40000 RTP/SAVP 8",
    "m=video 40002 RTP/AVP 99",
    "m=audio 99999 RTP/AVP 8",
    "c=IN IP6 ::1",
    "c=IN IP4 0.0.0.0",
    "c=IN IP4 h",
    "c=IN",
    "o=x",
    "o=- 99999999999999999999999 1 IN IP4 h",
    "a=rtpmap:8 PCMA/8000/2",
    "a=rtpmap:0",
    "a=rtpmap:8 opus/48000",
    "a=fmtp:8 " + "x" * 300,
    *(
        f"a=fmtp:{number} {value}"
        for number in (97, 98)
        for value in (
            "crc=1",
            "interleaving=4",
            "octet-align=1;robust-sorting=1",
            "channels=2",
            "mode-set=9",
            "mode-set=0,2;mode-change-period=2",
        )
    ),
    "a=rtpmap:97 AMR-WB/16000/2",
    "a=rtpmap:99 G722/8000",
    "a=rtpmap:98 iLBC/8000",
    "a=fmtp:96 maxplaybackrate=7;maxaveragebitrate=1;cbr=1",
    "m=audio 40000 RTP/AVP 97 98",
    "m=audio 40000 RTP/AVP 99",
    "m=audio 40000 RTP/AVP 18 3 101",
    "a=rtpmap:18 G729a/8000",
    "c=IN IP4 224.2.1.1/127",
    "c=IN IP4 pbx.example",
    "c=IN IP4 010.000.000.001",
    "a=ptime:0",
    "a=ptime:999999",
    "a=maxptime:x",
    "a=inactive",
    "a=sendonly",
    "a=crypto:1 X inline:y",
    "b=AS:x",
    "t=x",
    "v=1",
    "nonsense",
    "=",
    "",
    "a=rtcp:x",
    "a=rtcp-mux",
    "a=ice-ufrag:x",
    "a=candidate:1 1 UDP 1 h 1 typ host",
    "a=setup:actpass",
)

Mutation = Callable[[random.Random, list[str], str], tuple[list[str], str]]
"Of the lines of a head, and a body."


def mutated(rng: random.Random, message: str, *, most: int = 3) -> bytes:
    """Return a message with one to `most` oddities; what it answers by, its Via, is often left."""
    head, _, body = message.partition("\r\n\r\n")
    lines = head.split("\r\n")
    for _ in range(rng.randint(1, most)):
        lines, body = rng.choice(MUTATIONS)(rng, lines, body)
    data = ("\r\n".join(lines) + "\r\n\r\n" + body).encode("utf-8", "surrogateescape")
    return noisy(rng, data) if rng.random() < 0.15 else data


def noisy(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with some changed, put in, taken out or repeated."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(max(1, len(changed)))
        match rng.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                changed[at:at] = rng.choice((b"\0", b"\r\n", b"\r", b"\n", b"\xff", b'"', b";"))
            case 2:
                del changed[at : at + rng.randint(1, 8)]
            case 3:
                changed[at:at] = changed[at : at + rng.randint(1, 200)]
    return bytes(changed)


def answerable(data: bytes, via: str) -> bool:
    """Tell whether a request must be answered: it is one, and its first Via is as we wrote it."""
    lines = data.decode("utf-8", "surrogateescape").lstrip("\r\n").split("\r\n")
    method = lines[0].partition(" ")[0]
    if not re.fullmatch(r"[A-Za-z0-9.!%*_+`'~-]+", method) or method == "ACK":
        return False
    for index, line in enumerate(lines[1:150], 1):
        if not line:
            return False
        if re.match(r"(?i)(?:via|v)[ \t]*:", line):
            after = lines[index + 1] if index + 1 < len(lines) else ""
            return line.partition(":")[2].strip(" \t") == via and after[:1] not in (" ", "\t")
    return False


def _pick(rng: random.Random, lines: Sequence[str]) -> int:
    return rng.randrange(1, len(lines)) if len(lines) > 1 else 0


def _value(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    at = _pick(rng, lines)
    name = lines[at].partition(":")[0]
    odd = rng.choice(ODD)
    if rng.random() < 0.3:
        odd = lines[at].partition(":")[2].strip() + odd
    return [*lines[:at], f"{name}: {odd}", *lines[at + 1 :]], body


def _drop(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    at = _pick(rng, lines)
    return [*lines[:at], *lines[at + 1 :]], body


def _twice(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    at = _pick(rng, lines)
    return [*lines, lines[at]], body


def _insert(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    line = f"{rng.choice(NAMES)}: {rng.choice(ODD)}"
    at = rng.randint(1, len(lines))
    return [*lines[:at], line, *lines[at:]], body


def _form(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    """The same in another form: compact, folded, with blanks, in other case, with zeros."""
    at = _pick(rng, lines)
    name, _, value = lines[at].partition(":")
    short = COMPACT.get(name.lower(), name)
    forms = (
        f"{short}:{value}",
        f"{name} \t:{value}",
        f"{name}:\r\n {value.strip()}",
        f"{name.upper()}:{value}",
        f"{name}: {value.strip().replace(';', ' ; ')}",
        f"{name}: 00{value.strip()}",
    )
    return [*lines[:at], rng.choice(forms), *lines[at + 1 :]], body


def _start(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    first, *rest = lines[0].split(" ")
    if first == "SIP/2.0":
        code = rng.choice(
            ("99", "100", "182", "199", "299", "302", "422", "491", "699", "700", "0200")
        )
        phrase = rng.choice(("", "OK", "\x07\x1b[1m", "\u00fc" * 90, "x" * 900))
        return [f"SIP/2.0 {code} {phrase}", *lines[1:]], body
    uri = rest[0] if rest else ""
    starts = (
        f"{rng.choice(METHODS)} {uri} SIP/2.0",
        f"{first} {rng.choice(URIS)} SIP/2.0",
        f"{first} {uri} SIP/7.0",
        f"{first}  {uri}  SIP/2.0",
        f"{first} {uri} SIP/2.0 ",
        f"{first} {uri}",
    )
    return [rng.choice(starts), *lines[1:]], body


def _described(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    text = [line for line in body.split("\r\n") if line]
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(text))
        if rng.random() < 0.4 and text:
            del text[min(at, len(text) - 1)]
        else:
            text.insert(at, rng.choice(SDP_LINES))
    changed = "".join(f"{line}\r\n" for line in text)
    length = f"Content-Length: {len(changed.encode())}"
    return [length if x.startswith("Content-Length") else x for x in lines], changed


def _wrapped(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    handling = rng.choice(("optional", "required", "x"))
    part = (
        f"Content-Type: text/plain\r\nContent-Disposition: x;handling={handling}\r\n\r\nhello\r\n"
    )
    changed = f"--b\r\nContent-Type: application/sdp\r\n\r\n{body}\r\n--b\r\n{part}--b--\r\n"
    kept = [line for line in lines if not line.startswith("Content-")]
    kind = "Content-Type: multipart/mixed;boundary=b"
    return [*kept, kind, f"Content-Length: {len(changed.encode())}"], changed


def _cut(rng: random.Random, lines: list[str], body: str) -> tuple[list[str], str]:
    return lines, body[: rng.randrange(len(body) + 1)]


MUTATIONS: tuple[Mutation, ...] = (
    _value, _value, _value, _drop, _twice, _insert, _insert, _form, _form, _start, _described,
    _described, _wrapped, _cut,
)  # fmt: skip
