"""A leg on pjsua2, as the runner asks for things."""

import os
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import pjsua2 as pj

from callengine.worker.legs.lending import Borrower, LentMedia
from callengine.worker.legs.levels import loudness
from callengine.worker.legs.party import Counters, Party, PartyError, plays
from callengine.worker.native import relay, streamfacts
from callengine.worker.native.relay import RelayEnd
from callengine.worker.pjsua import slots
from callengine.worker.rtpguard import sockets
from callengine.worker.sip.asking import call_parameters, refusable
from callengine.worker.sip.call import SipCall
from callengine.worker.sip.ringing import Ringing

INFO_KEY_MS = 160


@runtime_checkable
class Bridged(Protocol):
    """A party whose audio is on pjsua2's conference bridge."""

    def audio(self) -> Any:
        """Return its port there, a pjsua2.AudioMedia."""


class SipLeg(SipCall):
    """A party that is a pjsua2 call (see `Party`)."""

    @property
    def sip_call_id(self) -> str:
        """The Call-ID on loopback; empty before there is one."""
        # pjsua2 would not raise for a leg without a slot, but abort the process.
        if not self._sip_call_id and self.getId() != pj.PJSUA_INVALID_ID:
            try:
                self._sip_call_id = self.getInfo().callIdString
            except pj.Error:
                return ""
        return self._sip_call_id

    @property
    def is_rematched(self) -> bool:
        """Whether `match` made us offer this leg another list."""
        return self._reoffers.is_rematched

    @property
    def is_gone(self) -> bool:
        """Whether the leg has ended and pjsua holds nothing of it any more."""
        return self.ended and self._slot not in slots.held()

    @refusable()
    def dial(self) -> None:
        """Send the INVITE."""
        prm = call_parameters()
        prm.txOption.targetUri = f"sip:{self._order.token}@{self._around.edge}"
        prm.txOption.localUri = self._order.from_uri
        try:
            self.makeCall(self._order.to_uri, prm)
        except pj.Error:
            self.ended = True
            raise
        self._slot = self.getId()

    @refusable()
    def respond(self, code: int) -> None:
        """Send a provisional response or 200."""
        prm = call_parameters()
        prm.statusCode = code
        if self._new_answer:
            prm.sdp.wholeSdp, self._new_answer = self._new_answer, ""
        self.answer(prm)

    @refusable()
    def end(self, code: int, reason: str) -> None:
        """Send CANCEL, BYE or the final response, whichever the state calls for."""
        if self.ended:
            return
        self._is_ending = True
        prm = pj.CallOpParam()
        prm.statusCode = code
        if reason:
            header = pj.SipHeader()
            header.hName, header.hValue = "Reason", reason
            prm.txOption.headers.append(header)
        self.hangup(prm)

    def prefer(self, codec: str) -> None:
        """Answer an offer with this codec, where it has it.

        pjsua wrote the answer to an INVITE when that came; the next response has another.
        """
        self._preferred = codec
        agreed = self._stream
        if codec and agreed.written and not self.has_audio:
            agreed.ours = self._restricted(agreed.written, agreed.remote, is_answer=True)
            self._new_answer = agreed.ours

    def settle(self) -> bool:
        """Have both sides send one codec; return whether that took a re-INVITE."""
        return self._reoffers.settle()

    def match(self, codecs: Sequence[str]) -> None:
        """Have this leg use a codec of this list, and report `LegMatched`."""
        self._reoffers.match(codecs)

    def stop_matching(self) -> None:
        """Repeat nothing that waits."""
        self._reoffers.stop()

    def send_digit(self, digit: str) -> None:
        """Send a telephone-event; the peer may have agreed on none."""
        relay.cut(self._digits.stream)
        self._digits.prepare(self._clock_rate_hz())
        try:
            self.dialDtmf(digit)
        except pj.Error as error:
            self._send_info(digit, error)

    def _send_info(self, digit: str, no_event: Exception) -> None:
        """Tell of a key by INFO: the peer agreed on no telephone-event (RFC 4733)."""
        if not self._digits.takes_info:
            why = "this leg agreed on no telephone-event, and its device takes no INFO"
            raise PartyError(why) from no_event
        prm = pj.CallSendDtmfParam()
        prm.method, prm.digits = pj.PJSUA_DTMF_METHOD_SIP_INFO, digit
        prm.duration = INFO_KEY_MS
        try:
            self.sendDtmf(prm)
        except pj.Error as error:
            raise PartyError(error.reason) from error

    def audio(self) -> Any:
        """Return the leg's port on the bridge."""
        return self.getAudioMedia(self._audio_index)

    def level(self) -> float | None:
        """Return how loud the party is on the bridge, as its meter says, or whoever borrowed it."""
        if not self.has_audio or self.ended:
            return None
        if self._borrower is not None:
            return self._borrower.level()
        try:
            # What its port transmits to the bridge; the other is what it is given to hear.
            return loudness(self.audio().getTxLevel())
        except pj.Error:
            return None

    @refusable()
    def join(self, other: Party) -> None:
        """Let both hear each other over the bridge."""
        ways = self._both_ways(other)
        self._around.run_bridge()
        for source, sink in ways:
            source.startTransmit(sink)

    @refusable()
    def part(self, other: Party) -> None:
        """Undo `join`."""
        relay.end()
        for source, sink in self._both_ways(other):
            source.stopTransmit(sink)

    @refusable()
    def ring_back(self, *, is_on: bool) -> None:
        """Hear ringing, or no more."""
        if is_on and self.has_audio:
            relay.end()
            self._around.run_bridge()
            self._ringing = self._ringing or Ringing(self._around.bridge_rate_hz)
            self._ringing.sound_to(self.audio())
        elif not is_on and self._ringing is not None:
            ringing, self._ringing = self._ringing, None
            if self.has_audio:
                ringing.stop(self.audio())

    @refusable()
    def hear(self, sound: Any, *, is_on: bool) -> None:
        """Hear a port of the bridge, or no more; again does no harm."""
        if self.has_audio and is_on:
            relay.end()
            self._around.run_bridge()
            sound.startTransmit(self.audio())
        elif self.has_audio:
            sound.stopTransmit(self.audio())

    def _both_ways(self, other: Party) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        if not plays(other, Bridged):
            raise PartyError(f"the audio of {other.name} is not on the bridge")
        ours, theirs = self.audio(), other.audio()
        return (theirs, ours), (ours, theirs)

    def next_step(self) -> float | None:
        """Return when a re-offer or a look at where RTP comes from is due."""
        times = (self.guard.next_look(), None if self.ended else self._reoffers.next_step())
        return min((time for time in times if time is not None), default=None)

    def step(self, now: float) -> None:
        """Do what is due."""
        look_at = self.guard.next_look()
        if look_at is not None and now >= look_at:
            self.look()
        if not self.ended:
            self._reoffers.step(now)

    def look(self) -> None:
        """See where RTP has come from."""
        self.guard.look()

    def counters(self) -> Counters | None:
        """Return the counters of the leg's audio stream."""
        if self._borrower is not None:
            return self._borrower.counters()
        try:
            figures = streamfacts.figures(self, self._audio_index, self._digits.stream)
        except pj.Error:
            return None
        return Counters(**figures, arrived_at=self.guard.arrived_at)

    # Lending: SIP and SDP stay pjsua2's

    def lend(self, borrower: Borrower) -> LentMedia:
        """Have pjmedia rest and another read and write our RTP; return what is lent by now."""
        media = self._lent_media()
        if self._borrower is not borrower:
            self.take_back()
            relay.cut(self._digits.stream)
            self._around.lend_media()
            self._borrower = borrower
            self.guard.lend(borrower)
        return media

    def descriptors(self) -> tuple[int, int]:
        """Return new descriptors of our sockets of RTP and RTCP."""
        pair = sockets.find(self.guard.port, self.guard.port + 1)
        rtp, rtcp = (sock.descriptor if sock is not None else None for sock in pair)
        if rtp is None or rtcp is None:
            raise PartyError(f"there is no socket at port {self.guard.port}")
        return os.dup(rtp), os.dup(rtcp)

    def relay_end(self) -> RelayEnd | None:
        """Return this leg's end of a relay; None while it needs the bridge."""
        agreed = self._stream
        descriptor, stream, ours = self.guard.descriptor, self._digits.stream, agreed.described
        if descriptor is None or stream is None or ours is None or agreed.remote is None:
            return None
        needs_bridge = self._is_lent or self._ringing is not None or agreed.suite
        if self.ended or not self.has_audio or needs_bridge or not self.guard.lets_send:
            return None
        try:
            info = self.getStreamInfo(self._audio_index)
        except pj.Error:
            return None
        codec, parameters = self.codec_in_use(), info.audCodecParam
        if codec is None or info.dir != pj.PJMEDIA_DIR_ENCODING_DECODING:
            return None
        hz = self._clock_rate_hz()
        # Of an answer pjmedia makes the offer's own numbers, after it was shown to us.
        described = agreed.remote if agreed.is_answer else ours
        events = agreed.remote.telephone_events.get(hz), described.telephone_events.get(hz)
        sent, heard = agreed.numbers_sent, agreed.numbers_heard
        return RelayEnd(
            descriptor=descriptor,
            stream=stream,
            codec=codec,
            payload_type=sent.get(info.txPt, info.txPt),
            payload_type_heard=heard.get(info.rxPt, info.rxPt),
            events=None if events[0] is None else sent.get(events[0], events[0]),
            events_heard=None if events[1] is None else heard.get(events[1], events[1]),
            ptime_ms=parameters.info.frameLen * parameters.setting.frmPerPkt,
        )

    @refusable()
    def _lent_media(self) -> LentMedia:
        stream = self.getStreamInfo(self._audio_index)
        codec = self.codec_in_use()
        if codec is None:
            raise PartyError("its codec is none of ours")
        if self._stream.suite:
            raise PartyError("its audio is encrypted, and only plain RTP can be lent")
        number, parameters = stream.txPt, stream.audCodecParam
        agreed = self._stream
        host, port = self._path.lent(stream.remoteRtpAddress)
        reports = self._path.lent(stream.remoteRtcpAddress)
        return LentMedia(
            port=self.guard.port,
            codec=codec,
            payload_type=agreed.numbers_heard.get(stream.rxPt, stream.rxPt),
            fmtp=agreed.remote.fmtp.get(number, "") if agreed.remote else "",
            ptime_ms=parameters.info.frameLen * parameters.setting.frmPerPkt,
            events=agreed.telephone_events,
            remote=(host, port),
            remote_reports=reports if reports[1] else (host, port + 1),
            sends=bool(stream.dir & pj.PJMEDIA_DIR_ENCODING),
            sent_as=agreed.numbers_sent.get(number, number),
        )
