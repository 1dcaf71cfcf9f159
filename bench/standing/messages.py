"""SIP requests of strangers, as text: small ones, and ones with a single enormous value."""

import secrets
from collections.abc import Iterator, Sequence

from tests.peers.ports import LOOPBACK

Address = tuple[str, int]
Headers = Sequence[tuple[str, str]]
LONG = 4000


def request(
    method: str,
    server: Address,
    source: Address,
    *,
    to: str = "bob",
    sender: str = "",
    uri: str = "",
    headers: Headers = (),
    body: str = "",
) -> bytes:
    """Return a whole request with a new branch, tag and Call-ID.

    `headers` replace those of the same name and follow the others if new.
    """
    here = f"{server[0]}:{server[1]}"
    sender = sender or f"sip:eve@{source[0]}:{source[1]}"
    chance = secrets.token_hex(6)
    values = {
        "Via": f"SIP/2.0/UDP {source[0]}:{source[1]};branch=z9hG4bK{chance};rport",
        "Max-Forwards": "70",
        "From": f"<{sender}>;tag={chance}",
        "To": f"<sip:{to}@{here}>",
        "Call-ID": chance,
        "CSeq": f"1 {method}",
        "Contact": f"<sip:eve@{source[0]}:{source[1]}>",
        **dict(headers),
    }
    lines = [f"{method} {uri or f'sip:{to}@{here}'} SIP/2.0"]
    lines += [f"{name}: {value}" for name, value in values.items()]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", body)).encode()


def smallest(method: str, server: Address, *, to: str = "a", sender: str = "sip:a@h") -> bytes:
    """Return as short a request as is answered, in compact forms."""
    chance = secrets.token_hex(2)
    contact = ("m:<sip:h>",) if method in ("INVITE", "REGISTER") else ()
    lines = (
        f"{method} sip:{to}@{server[0]}:{server[1]} SIP/2.0",
        f"v:SIP/2.0/UDP h;rport;branch=z9hG4bK{chance}",
        f"f:<{sender}>;tag=1",
        f"t:<sip:{to}@{server[0]}>",
        f"i:{chance}",
        f"CSeq:1 {method}",
        *contact,
    )
    return "\r\n".join((*lines, "", "")).encode()


def description(port: int, host: str = LOOPBACK) -> str:
    """Return an offer of PCMU."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )


def enormous(server: Address, source: Address) -> Iterator[tuple[str, bytes]]:
    """Yield requests with one value of 4,000 characters each, and what it is."""
    host = f"{server[0]}:{server[1]}"
    for where in ("From", "To", "Contact", "Route", "Record-Route", "Refer-To"):
        for name, uri in _uris(host):
            headers = [(where, f"<{uri}>;tag=1" if where == "From" else f"<{uri}>")]
            yield f"{where} {name}", request("INVITE", server, source, headers=headers)
        for name, value in _addresses(host):
            headers = [(where, f"{value};tag=1" if where == "From" else value)]
            yield f"{where} {name}", request("INVITE", server, source, headers=headers)
    for name, uri in _uris(host):
        yield f"request line {name}", request("INVITE", server, source, uri=uri)
    for where, name, value in _values():
        yield f"{where} {name}", request("REGISTER", server, source, headers=[(where, value)])
        yield f"{where} {name}", request("INVITE", server, source, headers=[(where, value)])
    for name, line in _sdp_lines():
        body = description(40000) + line + "\r\n"
        yield f"SDP {name}", request("INVITE", server, source, body=body)


def _uris(host: str) -> Iterator[tuple[str, str]]:
    yield "tel of digits, then !", f"tel:{'1' * LONG}!"
    yield "tel of separators", f"tel:{'(1)-.' * (LONG // 5)}!"
    yield "tel of parameters", f"tel:1{';a=1' * (LONG // 4)}!"
    yield "user of digits, then !", f"sip:{'1' * LONG}!@{host}"
    yield "user of escapes", f"sip:{'%41' * (LONG // 3)}%@{host}"
    yield "user of signs", f"sip:{'&=+$,;?/' * (LONG // 8)}\\@{host}"
    yield "password of signs", f"sip:a:{'&=+$,' * (LONG // 5)}\\@{host}"
    yield "host of labels", f"sip:a@{'a.' * (LONG // 2)}!"
    yield "host of hyphens", f"sip:a@{'a' + '-' * LONG}!"
    yield "IPv6 of colons", f"sip:a@[{':' * LONG}"
    yield "parameters", f"sip:a@{host}{';a=b' * (LONG // 4)};\\"
    yield "URI headers", f"sip:a@{host}?{'a=b&' * (LONG // 4)}\\"
    yield "scheme", f"{'a' * LONG}:b"


def _addresses(host: str) -> Iterator[tuple[str, str]]:
    yield "quoted backslashes", f'"{chr(92) * LONG} <sip:a@{host}>'
    yield "quotes", f"{chr(34) * LONG} <sip:a@{host}>"
    yield "words", f"{'a ' * (LONG // 2)}<sip:a@{host}"
    yield "brackets", f"{'<' * LONG}"
    yield "commas", f"{',' * LONG}<sip:a@{host}>"
    yield "header parameters", f"<sip:a@{host}>{';a=b' * (LONG // 4)};="


def _values() -> Iterator[tuple[str, str, str]]:
    yield "Via", "parameters", f"SIP/2.0/UDP h{';a=b' * (LONG // 4)};branch=z9hG4bK1;rport"
    yield "Via", "blanks", f"SIP/2.0/UDP h{' ' * LONG}!"
    yield "CSeq", "zeros", f"{'0' * LONG} INVITE"
    yield "Max-Forwards", "zeros", "0" * LONG
    yield "Expires", "digits", "9" * LONG
    yield "Content-Length", "zeros", "0" * LONG
    yield "Call-ID", "signs", "a@" * (LONG // 2)
    yield "Supported", "commas", "a," * (LONG // 2)
    yield "Require", "tokens", "a," * (LONG // 2)
    yield "Accept", "ranges", "a/b;q=1," * (LONG // 8)
    yield "Content-Type", "parameters", "multipart/mixed" + ";a=b" * (LONG // 4)
    yield "Session-Expires", "digits", "1" * LONG + "!"
    yield "User-Agent", "brackets", "(" * LONG
    yield "Authorization", "parameters", "Digest " + "a=b," * (LONG // 4)
    yield "Authorization", "quotes", "Digest " + 'a="' * (LONG // 3)
    yield "Authorization", "backslashes", 'Digest username="' + "\\" * LONG
    yield "Proxy-Authorization", "blanks", "Digest" + " " * LONG + "="
    yield "P-Asserted-Identity", "tel of digits", f"<tel:{'1' * LONG}!>"
    yield "Path", "tel of digits", f"<tel:{'1' * LONG}!>"


def _sdp_lines() -> Iterator[tuple[str, str]]:
    yield "rtpmap", "a=rtpmap:" + "0" * LONG + " PCMU/8000"
    yield "rtpmap rate", "a=rtpmap:0 PCMU/" + "8" * LONG
    yield "fmtp", "a=fmtp:0 " + "a=b;" * (LONG // 4)
    yield "formats", "m=audio 9 RTP/AVP" + " 0" * (LONG // 2)
    yield "connection", "c=IN IP4 " + "1." * (LONG // 2)
    yield "blanks", "a=" + " " * LONG + "x"
