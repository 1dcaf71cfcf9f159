"""The sound of one call of a scripted phone, whatever else its phone hears."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.peers import descriptions
from tests.peers.rtp import Heard, Packet, judged

if TYPE_CHECKING:
    from tests.peers.phone import Phone


class Sound:
    """What a call sends and hears by what both descriptions say."""

    phone: "Phone"
    local_sdp = ""
    remote_sdp = ""
    _answered_anew = ""
    "An answer whose sound has not been heard yet."

    @property
    def rtp_target(self) -> tuple[str, int]:
        return descriptions.rtp_address(self.remote_sdp)

    @property
    def local_codecs(self) -> dict[int, str]:
        """Payload type -> codec, as our description promised to understand them."""
        known = {v.lower(): k for k, v in descriptions.RTPMAPS.items()}
        pairs = descriptions.formats(self.local_sdp)
        return {n: known[v.lower()] for n, v in pairs if v.lower() in known}

    async def audio(
        self,
        *,
        send_hz: float,
        codec: str,
        payload_type: int | None = None,
        seconds: float = 1.5,
        octet_align: bool = False,
    ) -> Heard:
        """Send a tone to the peer for `seconds` and return what arrived meanwhile.

        All calls of a phone share its socket: what the peers of its other calls send is left out,
        what strangers send is not. The payload type defaults to the peer's number for the codec.
        """
        if payload_type is None:
            payload_type = descriptions.payload_type(self.remote_sdp, codec)
        rtp = self.phone.rtp
        rtp.forget()
        with rtp.listening() as arrived:
            await rtp.send_tone(
                self.rtp_target,
                codec=codec,
                payload_type=payload_type,
                hz=send_hz,
                seconds=seconds,
                octet_align=octet_align,
            )
        others = self._ports_of_other_calls()
        own = [packet for packet in arrived if packet.source[1] not in others]
        return judged(self._changed(own), self.local_codecs, octet_align=octet_align)

    @asynccontextmanager
    async def sounding(self, *, send_hz: float, codec: str) -> AsyncIterator[set[int]]:
        """Send a tone for as long as the body takes; yield the payload types that arrive.

        However busy the machine is: whoever is to hear it may look late.
        """
        seen: set[int] = set()

        async def go_on() -> None:
            while True:
                seen.update((await self.audio(send_hz=send_hz, codec=codec)).payload_types)

        task = asyncio.create_task(go_on())
        try:
            yield seen
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def described_anew(self, answer: str) -> None:
        """Note that an offer within the call was answered: what is under way is as before."""
        self._answered_anew = answer if re.search(r"^m=audio [1-9]", answer, re.MULTILINE) else ""

    def _changed(self, arrived: list[Packet]) -> list[Packet]:
        """Leave out, after a new answer, what came before the first packet in its codec."""
        answer = self._answered_anew
        chosen, *_ = *(descriptions.names(answer) if answer else ()), ""
        numbers = {number for number, name in self.local_codecs.items() if name == chosen}
        first = next((i for i, packet in enumerate(arrived) if packet.payload_type in numbers), -1)
        if first < 0:
            return arrived
        self._answered_anew = ""
        return arrived[first:]

    def _ports_of_other_calls(self) -> set[int]:
        """Return whence others are sent sound; of the host a peer may know another name than we."""
        others = {port for call in self.phone.calls.values() for port in call.sounding_ports()}
        return others - {self.rtp_target[1]}

    def sounding_ports(self) -> list[int]:
        """Return the ports of the peer's audio lines; none while it has not said any."""
        lines = (line.split() for line in self.remote_sdp.splitlines())
        audio = (words[1] for words in lines if words[:1] == ["m=audio"])
        return [int(port) for port in audio if port.isdigit() and port != "0"]
