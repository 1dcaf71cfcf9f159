"""The 49 messages of RFC 4475, what it says of each, and how an edge scores against it.

The messages stand in `rfc4475.txt` in the RFC's own notation (its section 2): `<allOneLine>`,
`<hex>` and `<repeat count=N>`; a line `=== name` begins each.
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

_FILE = Path(__file__).with_name("rfc4475.txt")
_ONE_LINE = re.compile(rb"<allOneLine>\n(.*?)\n</allOneLine>", re.DOTALL)
_HEX = re.compile(rb"<hex>([0-9A-F]+)</hex>")
_REPEAT = re.compile(rb"<repeat count=(\d+)>(.*?)</repeat>", re.DOTALL)

SILENCE = (0,)
TAKEN = (200, 202, 401, 403, 404, 407, 480, 481, 486, 488, 503, 603)
"Finals of a request that was read as well formed."
REFUSED_OR_TAKEN = (400, *TAKEN)
"What the RFC leaves to the element: strict, or liberal in what it accepts."
QUIET_S = 1.0
PORTS = (5060, 5050)
"Where the messages' Vias want the answers."


@dataclass(frozen=True, slots=True)
class Torture:
    """One message of the RFC and the answers it calls right; 0 stands for none at all."""

    name: str
    section: str
    right: tuple[int, ...]
    why: str

    @property
    def data(self) -> bytes:
        """The message as it stands in the RFC."""
        return MESSAGES[self.name]


def _expanded(text: bytes) -> bytes:
    text = _ONE_LINE.sub(lambda found: found[1].replace(b"\n", b""), text)
    text = _REPEAT.sub(lambda found: found[2] * int(found[1]), text).replace(b"\n", b"\r\n")
    return _HEX.sub(lambda found: bytes.fromhex(found[1].decode()), text)


def _read() -> Mapping[str, bytes]:
    _, *parts = re.split(rb"(?m)^=== (\w+)\n", _FILE.read_bytes())
    return {
        name.decode(): _expanded(text.removesuffix(b"\n"))
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


MESSAGES = _read()

TORTURES = (
    # 3.1.1 Parser tests: valid messages
    Torture("wsinv", "3.1.1.1", TAKEN, "folds, escapes, spaces, leading zeros are well formed"),
    Torture("intmeth", "3.1.1.2", (501,), "odd characters are legal, the method is unknown"),
    Torture("esc01", "3.1.1.3", TAKEN, "%HH stands wherever the grammar lets it"),
    Torture("escnull", "3.1.1.4", TAKEN, "a NUL in a user part does not end it"),
    Torture("esc02", "3.1.1.5", (501,), "% is no escape in a method: it is unknown"),
    Torture("lwsdisp", "3.1.1.6", (200,), "no space is needed before <"),
    Torture("longreq", "3.1.1.7", TAKEN, "long values are no fault"),
    Torture("dblreq", "3.1.1.8", TAKEN, "what follows the body is noise"),
    Torture("semiuri", "3.1.1.9", (200,), "a user part may hold semicolons"),
    Torture("transports", "3.1.1.10", (200,), "a Via may name any transport"),
    Torture("mpart01", "3.1.1.11", (405, 415, 501), "a binary part is framed by its length"),
    Torture("unreason", "3.1.1.12", SILENCE, "a reason phrase may be any UTF-8"),
    Torture("noreason", "3.1.1.13", SILENCE, "a reason phrase may be empty"),
    # 3.1.2 Parser tests: invalid messages
    Torture("badinv01", "3.1.2.1", (400,), "separators without anything between them"),
    Torture("clerr", "3.1.2.2", (400,), "the body is shorter than its Content-Length"),
    Torture("ncl", "3.1.2.3", (400,), "a negative Content-Length"),
    Torture("scalar02", "3.1.2.4", (400,), "a CSeq above 2**32 - 1"),
    Torture("scalarlg", "3.1.2.5", SILENCE, "a response with a CSeq out of range is dropped"),
    Torture("quotbal", "3.1.2.6", (400,), "a quote that does not close"),
    Torture("ltgtruri", "3.1.2.7", REFUSED_OR_TAKEN, "a Request-URI in brackets"),
    Torture("lwsruri", "3.1.2.8", REFUSED_OR_TAKEN, "a space in the Request-URI"),
    Torture("lwsstart", "3.1.2.9", REFUSED_OR_TAKEN, "several spaces in the request line"),
    Torture("trws", "3.1.2.10", REFUSED_OR_TAKEN, "spaces after the request line"),
    Torture("escruri", "3.1.2.11", REFUSED_OR_TAKEN, "headers in the Request-URI"),
    Torture("baddate", "3.1.2.12", REFUSED_OR_TAKEN, "a Date that is not GMT"),
    Torture("regbadct", "3.1.2.13", REFUSED_OR_TAKEN, "a Contact with headers wants brackets"),
    Torture("badaspec", "3.1.2.14", REFUSED_OR_TAKEN, "spaces within the brackets of To"),
    Torture("baddn", "3.1.2.15", REFUSED_OR_TAKEN, "a display name that wants quotes"),
    Torture("badvers", "3.1.2.16", (505,), "SIP/7.0"),
    Torture("mismatch01", "3.1.2.17", (400,), "CSeq names another method"),
    Torture("mismatch02", "3.1.2.18", (400, 501), "an unknown method, and another in CSeq"),
    Torture("bigcode", "3.1.2.19", SILENCE, "a status code above 699 is dropped"),
    # 3.2 Transaction layer semantics
    Torture("badbranch", "3.2.1", (200, 400), "the magic cookie and nothing after it"),
    # 3.3 Application-layer semantics
    Torture("insuf", "3.3.1", (400,), "no From, To, Call-ID and Max-Forwards"),
    Torture("unkscm", "3.3.2", (416,), "an unknown scheme is dialled"),
    Torture("novelsc", "3.3.3", (416,), "a known scheme that is not SIP's is dialled"),
    Torture("unksm2", "3.3.4", (400,), "the To of a REGISTER must be a SIP URI"),
    Torture("bext01", "3.3.5", (420,), "extensions that nobody supports are required"),
    Torture("invut", "3.3.6", (415,), "an INVITE with an unknown body"),
    Torture("regaut01", "3.3.7", (401,), "an unknown scheme of authorization is ignored"),
    Torture("multi01", "3.3.8", (400,), "headers that may come once come twice"),
    Torture("mcl01", "3.3.9", (400,), "two Content-Lengths that differ"),
    Torture("bcast", "3.3.10", SILENCE, "a response that was for somebody else is dropped"),
    Torture("zeromf", "3.3.11", (200, 483), "Max-Forwards: 0 is for whoever would forward"),
    Torture("cparam01", "3.3.12", TAKEN, "a parameter of the Contact header"),
    Torture("cparam02", "3.3.13", TAKEN, "a parameter of the Contact's URI"),
    Torture("regescrt", "3.3.14", TAKEN, "a header in the Contact's URI"),
    Torture("sdp01", "3.3.15", (400, 406), "an INVITE that cannot take SDP as its answer"),
    Torture("inv2543", "3.3.16", TAKEN, "a caller that knows only RFC 2543"),
)


class Torturer(asyncio.DatagramProtocol):
    """One end of one message: an address of its own, because some messages share a branch."""

    def __init__(self, answers: list[int], heard: asyncio.Event) -> None:
        self.answers = answers
        self.heard = heard
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        code = re.match(rb"SIP/2.0 (\d{3})", data)
        if code and code[1] >= b"200":
            self.answers.append(int(code[1]))
            self.heard.set()


async def torture(server: tuple[str, int], network: str = "127.44.75.") -> dict[str, bool]:
    """Return, for each message by its name, whether an edge at `server` does what is right.

    Each is sent from a loopback address of its own in `network`, ports 5060 and 5050.
    """
    answers: dict[str, list[int]] = {torture.name: [] for torture in TORTURES}
    heard = asyncio.Event()
    ends: list[Torturer] = []
    try:
        for number, item in enumerate(TORTURES, 1):
            pair = [
                await _end(answers[item.name], heard, f"{network}{number}", port) for port in PORTS
            ]
            ends += pair
            pair[0].transport.sendto(item.data, server)
        await _quiet(heard)
    finally:
        for end in ends:
            end.transport.close()
    return {item.name: _is_right(item, answers[item.name]) for item in TORTURES}


async def _end(answers: list[int], heard: asyncio.Event, host: str, port: int) -> Torturer:
    _, end = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Torturer(answers, heard), local_addr=(host, port)
    )
    return end


async def _quiet(heard: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        while True:
            heard.clear()
            await asyncio.wait_for(heard.wait(), QUIET_S)


def _is_right(item: Torture, answers: list[int]) -> bool:
    return bool(answers) and answers[0] in item.right if item.right != SILENCE else not answers
