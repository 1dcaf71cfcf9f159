"""The session description in a message, as a call process may read it."""

import re
from collections.abc import Iterable

from callengine.core.description import SdpError, read
from callengine.core.numbering import SAME, Numbers, numbers_in, renumbered
from callengine.core.obstacles import obstacle_in
from callengine.core.peersdp import compact, held, switched_off
from callengine.core.srtp import PROFILES, CryptoLine, Offered, Profile, usable_crypto
from callengine.edge.flow import Flow
from callengine.edge.messages.bodies import BodyContent, find_sdp
from callengine.edge.messages.families import Family, OurAddress, nowhere
from callengine.edge.messages.received import Received
from sip.srtp import Srtp


class BadSdpError(ValueError):
    """A peer's session description cannot be read; the message says what is wrong."""


def description(message: Received) -> BodyContent:
    """Return the session description in a message's body, whatever it is wrapped in."""
    kind = message.get("content-type")
    if (encoding := message.get("content-encoding").lower()) not in ("", "identity"):
        kind = f"{kind.partition(';')[0]}-in-{encoding}"
    return find_sdp(kind, message.get("content-disposition"), message.body)


_PORT = re.compile(rb"m=audio [0-9]+ ")


class Profiles:
    """Which profile of RTP and family of IP a leg's descriptions have, on either side of the edge.

    A call process knows RTP/AVP, with keys beside it, and RTP/SAVP. Toward the peer the line is of
    the profile the peer itself writes, once it has written one; a device that speaks RTP/SAVP
    would not take the other (RFC 3264 section 6).
    """

    def __init__(self, srtp: Srtp = Srtp.OFF, our_ipv6: OurAddress = nowhere) -> None:
        self.srtp = srtp
        self._family = Family(our_ipv6)
        self._theirs: Profile | None = None
        self._offered: Profile | None = None
        "By the call process, toward us."
        self._keys: frozenset[Offered] = frozenset()
        "Tags and suites of the SRTP keys in that."
        self._described = ""
        "What the peer described last that audio can come of."
        self._numbers: Numbers = SAME
        "Payload types of the peer's last offer, as a call process has them -> as it wrote them."
        self._offered_off = False
        "Whether that offer switched its audio off."

    def inward(self, message: Received, *, begins: bool = False) -> bytes:
        """Return what a call process reads of a peer's message. Raises BadSdpError.

        `begins` tells of a response to the INVITE of a new dialog: one of several that may answer.
        """
        is_answer = _is_answer(message)
        offered = self._offered if is_answer else None
        text = self._family.inward(_sdp(message), message.flow, self.srtp)
        is_off = not begins and self._is_off(text)
        if is_off:
            text = held(self._described)
        body = _compact(
            message,
            text,
            srtp=self.srtp,
            profile=offered,
            keys=self._keys,
            has_ipv6=self._family.is_ipv6,
        )
        if body:
            whole = read(text)
            index = whole.audio_index_for(self.srtp)
            if index is not None:
                self._theirs, self._described = whole.media[index].profile, text
        if is_off and body:
            body = switched_off(body.decode()).encode()
        if text and not is_answer:
            self._numbers, self._offered_off = numbers_in(body.decode()), is_off
        return body

    def _is_off(self, text: str) -> bool:
        """Tell whether a description switches off audio that the peer has had.

        pjsua would end the call: it is taken for a hold, of what was described before.
        """
        try:
            return bool(self._described and text) and read(text).is_off
        except SdpError:
            return False

    def take_over(self, before: "Profiles") -> None:
        """Go on in the profile and family of a dialog that another leg had."""
        self._theirs, self._described = before._theirs, before._described
        self._family.take_over(before._family)

    def outward(self, body: bytes, flow: Flow, *, is_answer: bool) -> bytes:
        """Return the body of a call process's message as its peer reads it, who is at `flow`.

        `is_answer` tells whether it answers the peer's last offer.
        """
        if not body.startswith(b"v=0"):
            return body
        body = self._family.outward(self._in_their_profile(body), flow)
        if not is_answer:
            return body
        # RFC 3264 section 6: what was offered with port 0 is answered so.
        body = _PORT.sub(b"m=audio 0 ", body, count=1) if self._offered_off else body
        return renumbered(body, self._numbers)

    def _in_their_profile(self, body: bytes) -> bytes:
        lines = body.split(b"\r\n")
        at = next((i for i, line in enumerate(lines) if line.startswith(b"m=audio ")), None)
        if at is None:
            return body
        words = lines[at].split(b" ")
        if len(words) < 4 or words[1] == b"0":
            return body
        written = words[2].decode()
        self._offered = Profile(written) if written in PROFILES else None
        self._keys = frozenset((key.tag, key.suite) for key in _keys(lines))
        wanted = self._theirs
        if wanted is None and self.srtp is Srtp.REQUIRED:
            wanted = Profile.SAVP
        words[2] = (wanted or written).encode()
        lines[at] = b" ".join(words)
        return b"\r\n".join(lines)


def _keys(lines: Iterable[bytes]) -> tuple[CryptoLine, ...]:
    return usable_crypto(line[2:].decode() for line in lines if line.startswith(b"a=crypto:"))[0]


def _is_answer(message: Received) -> bool:
    return bool(message.code) or message.method == "ACK"


def _sdp(message: Received) -> str:
    """Return the description in a message, if it has one that may be read. Raises BadSdpError."""
    content = description(message)
    if content.must_refuse:
        raise BadSdpError(content.reason)
    text = (content.sdp or b"").decode("utf-8", "replace")
    return text if text.strip() else ""


def answerable(message: Received, srtp: Srtp, our_ipv6: OurAddress) -> str:
    """Return a caller's description without the IPv6 audio that cannot be had; empty for none.

    Raises BadSdpError.
    """
    return Family(our_ipv6).inward(_sdp(message), message.flow, srtp)


def compact_body(message: Received) -> bytes:
    """Return a caller's session description cut down to what a call process can read.

    Raises:
        BadSdpError: it is nonsense, or the body must be understood and is not.
    """
    return _compact(message, _sdp(message))


def _compact(
    message: Received,
    text: str,
    *,
    srtp: Srtp = Srtp.OFF,
    profile: Profile | None = None,
    keys: frozenset[Offered] | None = None,
    has_ipv6: bool = False,
) -> bytes:
    """Return a message's description as a call process can read it.

    `srtp` is what is asked of the leg's audio, `profile` and `keys` what an answer was offered.
    """
    if not text:
        return b""
    is_answer = _is_answer(message)
    try:
        if message.method == "ACK" and obstacle_in(read(text).answering(keys), srtp):
            return b""  # no answer at all, as far as a call process can do anything with it
        return compact(
            text,
            is_answer=is_answer,
            srtp=srtp,
            profile=profile,
            keys=keys,
            has_ipv6=has_ipv6,
        ).encode()
    except SdpError as error:
        raise BadSdpError(str(error)) from error
