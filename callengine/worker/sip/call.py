"""What pjsua2 says of a leg, put into our words; and the leg's SDP, kept to its list."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pjsua2 as pj

from audiocodecs.catalogue import CATALOGUE
from audiocodecs.negotiation import matching
from callengine.core import sdp, standins
from callengine.core.events import (
    DigitReceived,
    Event,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegProgress,
    LegWithoutMedia,
)
from callengine.core.obstacles import lacking
from callengine.core.orders import LegOrder
from callengine.worker import plugins
from callengine.worker.dualstack import transports
from callengine.worker.dualstack.path import MediaPath
from callengine.worker.legs.lending import Borrower
from callengine.worker.legs.party import MediaFacts, Post
from callengine.worker.native import relay
from callengine.worker.pjsua import sdptext
from callengine.worker.pjsua.callbacks import Contained
from callengine.worker.rtpguard.guard import RtpGuard
from callengine.worker.rtpguard.streams import PjmediaStream
from callengine.worker.sip import endings, legsdp, messages
from callengine.worker.sip.asking import call_parameters, refusable
from callengine.worker.sip.digits import Digits
from callengine.worker.sip.reoffers import Reoffers
from callengine.worker.sip.ringing import Ringing
from callengine.worker.sip.stream import LegStream
from callengine.worker.sip.surroundings import Surroundings

_IN_USE = (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
_WITH_MEDIA = (*_IN_USE, pj.PJSUA_CALL_MEDIA_LOCAL_HOLD)


class SipCall(Contained, pj.Call):  # type: ignore[misc]
    """A pjsua2 call that reports; its callbacks decide nothing."""

    def __init__(
        self,
        order: LegOrder,
        surroundings: Surroundings,
        *,
        allowed: Sequence[str],
        guard: RtpGuard,
        post: Post,
        slot: int = pj.PJSUA_INVALID_ID,
    ) -> None:
        """`slot` is pjsua's of an INVITE that has arrived; without, the leg is to be dialled."""
        super().__init__(surroundings.account, slot)
        self._order = order
        self._around = surroundings  # pjsua2 must not lose the account before the call
        self._post = post
        self.name = order.name
        self.allowed = tuple(allowed)
        self.offered: tuple[str, ...] = ()
        self._preferred = self._new_answer = ""
        "What an offer of the peer's is answered with before all others of the list."
        self.user_agent = ""
        self.media: MediaFacts | None = None
        self.has_audio = False
        self.ended = False
        self.guard = guard
        self._path = MediaPath(guard)
        self._slot = slot
        "pjsua's; it keeps it for a while after the leg has ended."
        self._sip_call_id = ""
        self._is_ending = False
        self._offering: tuple[str, ...] = ()
        "What the re-INVITE that is being written offers."
        self._audio_index = 0
        self._has_answered = False
        self._lacking = ""
        "What the callee's answer lacked, so that there can be no audio."
        self._is_described = False
        self._digits = Digits()
        self._stream = LegStream(self._path)
        self._to_answer = ""
        "The peer's offer that pjsua is about to answer; it shows none that is long."
        self._borrower: Borrower | None = None
        "Who reads and writes our RTP instead of pjmedia."
        self._ringing: Ringing | None = None
        "What it hears while somebody is rung for it."
        self._reoffers = Reoffers(self, owner=slot == pj.PJSUA_INVALID_ID)

    # pjsua2's callbacks

    def callback_failed(self, callback: str) -> None:
        """Report it, and the leg's end if that was what could not be reported."""
        self._post(self, LegFailed(self.name, callback))
        if self.getId() != pj.PJSUA_INVALID_ID and not self.isActive():
            self.ended, self.has_audio = True, False
            self._post(self, LegEnded(self.name, 500, f"{callback} failed", by_peer=False))
        self._around.wake()

    def onCreateMediaTransport(self, prm: Any) -> None:  # noqa: N802
        """Have the transport of our sockets send where its peer is."""
        transports.guide(int(prm.mediaTp), self._path)

    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        """Keep the SDP we are about to send to this leg's list."""
        ours, offer = sdptext.whole(prm.sdp), self._to_answer
        self._to_answer = ""
        remote = prm.remSdp.wholeSdp or offer
        self.guard.shut(ours)
        self._open_early(remote)
        audio = sdp.read_audio(remote) if remote else None
        if audio is not None:
            self._heard_of(audio)
        self._stream.is_answer = bool(remote)
        self._stream.written = ours
        self._stream.ours = self._restricted(ours, audio, is_answer=self._stream.is_answer)
        prm.sdp.wholeSdp = self._stream.ours

    def onCallRxReinvite(self, prm: Any) -> None:  # noqa: N802
        """Refuse a re-INVITE that shares nothing with the list (RFC 3261 section 14.2)."""
        self._judge_offer(prm, messages.body(prm.rdata.wholeMsg))

    def onCallRxOffer(self, prm: Any) -> None:  # noqa: N802
        """Refuse an UPDATE that shares nothing with the list (RFC 3311 section 5.2)."""
        self._judge_offer(prm, sdptext.whole(prm.offer))

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        """Report provisional responses, the answer and the end of the leg."""
        info = self.getInfo()
        self._sip_call_id = info.callIdString
        if info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
            self._post(self, LegProgress(self.name, info.lastStatusCode, early_media=False))
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._confirmed(info, self._read_ack(prm.e))
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED and not self.ended:
            self.ended = True
            self.has_audio = False
            self.take_back()
            transports.forget(self._path)
            by_peer = not self._is_ending and info.lastStatusCode != 408
            ended = LegEnded(self.name, info.lastStatusCode, info.lastReason, by_peer)
            self._post(self, endings.told_by_edge(ended, prm.e))

    def onStreamCreated(self, prm: Any) -> None:  # noqa: N802
        """Let in what the peer sends; let RTCP of an OPUS stream count in its RTP clock."""
        self._digits.open(int(prm.stream))
        self._stream.begin(int(prm.stream))
        info = self.getStreamInfo(prm.streamIdx)
        self.guard.open(
            PjmediaStream(self, prm.streamIdx, int(prm.stream)),
            remote=self._path.real(info.remoteRtpAddress),
            sends=bool(info.dir & pj.PJMEDIA_DIR_ENCODING),
        )
        if self._borrower is not None:
            self._borrower.pause(is_paused=False)
        facts = self._facts()
        codec = facts.codec if facts is not None else None
        relay.note(
            int(prm.stream),
            CATALOGUE[codec or "PCMU"].rtp_clock_rate_hz,
            hears=bool(info.dir & pj.PJMEDIA_DIR_DECODING),
        )
        if codec == "OPUS":
            plugins.correct_rtcp_clock(int(prm.stream))

    def onStreamDestroyed(self, prm: Any) -> None:  # noqa: N802
        """Let go of a stream that is about to be freed."""
        relay.let_go(int(prm.stream))
        if self._borrower is not None:
            self._borrower.pause(is_paused=True)
        self.guard.close_stream(int(prm.stream))
        self._digits.close(int(prm.stream))

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        """Report media that became active, was held (RFC 3264 section 8.4) or went away."""
        info = self.getInfo()
        held = self._find_audio(info)
        self._stream.renumber(self._digits.stream)
        early = self.has_audio and info.state < pj.PJSIP_INV_STATE_CONNECTING
        if self.has_audio:
            self.media = self._facts()
        if early and info.role == pj.PJSIP_ROLE_UAC:
            self._post(self, LegProgress(self.name, info.lastStatusCode, early_media=True))
        is_off = held and self._stream.remote is not None and self._stream.remote.is_off
        self._post(self, HoldChanged(self.name, held, is_off))

    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        """Note who the peer is and which codecs it answered."""
        event = prm.e
        if event.type != pj.PJSIP_EVENT_TSX_STATE:
            return
        state = event.body.tsxState  # each look at it makes an object
        transaction = state.tsx
        if transaction.role == pj.PJSIP_ROLE_UAC and transaction.method == "INVITE":
            # pjsip has taken the answer over before it tells of the transaction.
            self._reoffers.answered(transaction.statusCode)
        if state.type != pj.PJSIP_EVENT_RX_MSG:
            return
        message = state.src.rdata.wholeMsg
        if message.startswith(("SIP/2.0 1", "SIP/2.0 2")):
            self.read_message(message)
            self._note_answer(message, message.partition("\r\n\r\n")[2])
        else:
            self._note_source(messages.read(message))

    def onDtmfEvent(self, prm: Any) -> None:  # noqa: N802
        """Report a key; telephone-events alone come on a media thread."""
        descriptor = -1
        if prm.method == pj.PJSUA_DTMF_METHOD_RFC2833 and self.guard.descriptor is not None:
            descriptor = self.guard.descriptor
        if not self._digits.is_new(prm, self._clock_rate_hz(), relay.packet_read(descriptor)):
            return
        is_passed = relay.has_passed_key(descriptor)
        self._post(self, DigitReceived(self.name, prm.digit, is_passed))
        self._around.wake()

    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        """Decline REFER (RFC 3515): a transfer is not the peer's to make."""
        prm.statusCode = 603

    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        """Decline an INVITE that would replace this leg (RFC 3891)."""
        prm.statusCode = 603

    def read_message(self, message: str) -> None:
        """Note user agent and codec list of a message from the peer."""
        if message.startswith("INVITE "):
            self._to_answer = messages.body(message)
        said = messages.read(message)
        self._note_source(said)
        self.user_agent = said.user_agent or self.user_agent
        self._digits.allows(said.allows)
        if said.is_described:
            self._heard_of(said.audio, settles=not self._reoffers.is_settled)

    def _note_source(self, said: messages.PeerMessage) -> None:
        """Note where a message with a description was heard from."""
        if said.heard_from:
            self.guard.heard_from(said.heard_from)

    def _open_early(self, remote: str) -> None:
        """Open our sockets to IPv6 if the peer is shown such an address; else once it has one."""
        is_shown = standins.stand_ins(remote) is not None if remote else self._order.offers_ipv6
        if is_shown and not self.has_audio:
            with suppress(OSError):  # told of where a stream is to begin
                self.guard.take_ipv6()

    # What `Reoffers` asks

    def codec_in_use(self) -> str | None:
        """Return the codec of the audio stream."""
        facts = self._facts()
        return facts.codec if facts else None

    @refusable()
    def send_offer(self, codecs: tuple[str, ...]) -> None:
        """Send a re-INVITE with these codecs."""
        self._offering, self._to_answer = codecs, ""
        try:
            self.reinvite(call_parameters())
        finally:
            self._offering = ()

    def report(self, event: Event | None) -> None:
        """Report an event of this leg."""
        self._post(self, event)

    def take_back(self) -> None:
        """Have pjmedia read and write our RTP again, if it is lent; again does no harm."""
        if self._borrower is not None:
            borrower, self._borrower = self._borrower, None
            self.guard.lend(None)
            borrower.give_back()
            self._around.read_media()

    def _find_audio(self, info: Any) -> bool:
        """Find the audio line in use (others have port 0); return whether the peer holds it."""
        lines = [(index, line.status) for index, line in enumerate(info.media)]
        index, status = next(
            ((i, status) for i, status in lines if status in _IN_USE),
            (self._audio_index, pj.PJSUA_CALL_MEDIA_NONE),
        )
        self._audio_index, self.has_audio = index, status in _IN_USE
        return bool(status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)

    def _read_ack(self, event: Any) -> bool:
        """Read the ACK that confirmed a leg; return whether it brought an answer to our offer."""
        if event.type != pj.PJSIP_EVENT_RX_MSG:
            return False
        message = event.body.rxMsg.rdata.wholeMsg
        if not message.startswith("ACK "):
            return False
        self.read_message(message)
        return messages.has_audio_line(message)

    def _confirmed(self, info: Any, answered_in_ack: bool) -> None:
        if not self._is_ending:  # else the edge may have acknowledged for a caller who is silent
            self.guard.acknowledged()
        with_media = any(line.status in _WITH_MEDIA for line in info.media)
        # An answer of which nothing can be used is told of by the leg's end.
        if not with_media and not answered_in_ack:
            self._post(self, LegWithoutMedia(self.name))
        elif self.name != "A" and not self._has_answered:
            self._has_answered = True
            self._post(self, LegAnswered(self.name))
        else:
            self._post(self, None)

    def explained(self, event: Event) -> Event:
        """Return an event of this leg with what is known by the time it is handled.

        pjsua tells of the end of a leg without media before it shows us the answer.
        """
        if isinstance(event, LegEnded) and self._lacking and not self._has_answered:
            return replace(event, code=488, why=self._lacking)
        return event

    def _note_answer(self, message: str, audio_text: str) -> None:
        """Note whether a response to our first INVITE can bring audio."""
        if self.name == "A" or self._has_answered or not messages.answers_invite(message):
            return
        if audio_text or not self._is_described:
            self._lacking = lacking(audio_text) if message.startswith("SIP/2.0 2") else ""
        self._is_described = self._is_described or bool(audio_text)

    def _judge_offer(self, prm: Any, offer: str) -> None:
        self._to_answer = offer
        try:
            agreed = not offer or sdp.answer_codec(offer, self.allowed) is not None
            # Who has our RTP instead of pjmedia has no SRTP.
            agreed = agreed and not (self._is_lent and legsdp.has_keys(offer))
        except sdp.SdpError:
            agreed = False
        if not agreed:
            self._to_answer = ""
            prm.statusCode = 488

    def _heard_of(self, audio: sdp.Audio | None, *, settles: bool = True) -> None:
        """Note what a description of the peer's offers us."""
        if settles:
            self.offered = audio.codecs if audio else ()
        if audio is not None:
            self._stream.remote = audio
            self._digits.heard_of(audio)
        if self.media is not None:  # pjsua tells of media before it shows the answer
            self.media = replace(self.media, encryption=self._stream.suite)

    def _restricted(self, ours: str, remote: sdp.Audio | None, *, is_answer: bool) -> str:
        place = legsdp.Place(self._around.bridge_rate_hz, self._order.public_address)
        if not is_answer:
            offer = legsdp.offer(ours, self._offering or self.allowed, place)
            return legsdp.without_keys(offer) if self._is_lent else offer
        ordered = matching(self.allowed, remote.codecs if remote else (), self._preferred)
        answer = legsdp.answer(ours, remote, ordered, place) if remote else None
        # An offer without a common codec is refused elsewhere; nothing of this is sent then.
        return ours if answer is None else answer

    @property
    def _is_lent(self) -> bool:
        return self._borrower is not None

    def _clock_rate_hz(self) -> int:
        codec = self.media.codec if self.media else None
        return CATALOGUE[codec or "PCMU"].rtp_clock_rate_hz

    def _facts(self) -> MediaFacts | None:
        try:
            info = self.getStreamInfo(self._audio_index)
        except pj.Error:
            return None
        return self._stream.facts(info, is_lent=self._is_lent)

    @property
    def keys_readable(self) -> bool:
        """Whether keys of its SRTP travelled so that they could be read on the way."""
        return self._order.keys_readable
