"""One leg of a call on pjsua2: its SDP kept to its list, its reports put into our words."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pjsua2 as pj

from audiocodecs.catalogue import CATALOGUE
from audiocodecs.negotiation import negotiate
from callengine.core import sdp
from callengine.core.events import (
    CallerMatched,
    DigitReceived,
    Event,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegProgress,
    LegWithoutMedia,
)
from callengine.core.glare import Glare
from callengine.core.obstacles import lacking
from callengine.worker import endings, legsdp, plugins, slots
from callengine.worker.callbacks import Contained
from callengine.worker.digits import Digits
from callengine.worker.rtpguard.guard import HEADER, RtpGuard

logger = logging.getLogger(__name__)


_WITH_MEDIA = (
    pj.PJSUA_CALL_MEDIA_ACTIVE,
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD,
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
)


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a leg agreed on."""

    codec: str | None
    payload_type: int
    remote: str
    sends: bool = True
    "Whether the peer is to send us audio."


class Leg(Contained, pj.Call):  # type: ignore[misc]
    """A pjsua2 call that reports through `post`; callbacks decide nothing."""

    def __init__(
        self,
        *,
        account: Any,
        name: str,
        public_address: str,
        bridge_rate_hz: int,
        allowed: Sequence[str],
        post: Callable[["Leg", Event | None], None],
        wake: Callable[[], None],
        guard: RtpGuard,
        call_id: int = pj.PJSUA_INVALID_ID,
    ) -> None:
        super().__init__(account, call_id)
        self.account = account  # pjsua2 must not lose it before the call
        self.name = name
        self.public_address = public_address
        self.bridge_rate_hz = bridge_rate_hz
        self.allowed = tuple(allowed)
        self.offered: tuple[str, ...] = ()
        self.sip_call_id = ""
        self.user_agent = ""
        self.media: MediaFacts | None = None
        self.media_active = False
        self.slot = call_id
        "pjsua's; it keeps it for a while after the leg has ended."
        self.ended = False
        self.ending = False
        self.settled = False
        "Whether both sides send, or have been asked to send, the one codec our order chose."
        self.reoffered = False
        "Whether a transfer made us offer this leg another list."
        self._reoffer: tuple[str, ...] = ()
        self._reoffering = False
        self._asked: tuple[str, ...] = ()
        "The list of a `match` whose re-INVITE has not been answered."
        self.guard = guard
        self._audio_index = 0
        self._answered = False
        self.digits = Digits()
        self.glare = Glare(owner=call_id == pj.PJSUA_INVALID_ID)
        self._again: tuple[str, ...] = ()
        "The list of a `match` that waits after a 491."
        self._lacking = ""
        "What the callee's answer lacked, so that there can be no audio."
        self._described = False
        self._post = post
        self._wake = wake

    def callback_failed(self, callback: str) -> None:
        """Report it, and the leg's end if that was what could not be reported."""
        self._post(self, LegFailed(self.name, callback))
        if self.getId() != pj.PJSUA_INVALID_ID and not self.isActive():
            self.ended, self.media_active = True, False
            self._post(self, LegEnded(self.name, 500, f"{callback} failed", by_peer=False))
        self._wake()

    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        """Keep the SDP we are about to send to this leg's list."""
        self.guard.shut(prm.sdp.wholeSdp)
        remote = prm.remSdp.wholeSdp
        audio = sdp.read_audio(remote) if remote else None
        if audio is not None:
            self._heard_of(audio)
        prm.sdp.wholeSdp = self._restricted(prm.sdp.wholeSdp, audio, is_answer=bool(remote))

    def onCallRxReinvite(self, prm: Any) -> None:  # noqa: N802
        """Refuse a re-INVITE that shares nothing with the list."""
        self._judge_offer(prm)

    def onCallRxOffer(self, prm: Any) -> None:  # noqa: N802
        """Refuse an UPDATE that shares nothing with the list."""
        self._judge_offer(prm)

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        """Report progress and the end."""
        info = self.getInfo()
        self.sip_call_id = info.callIdString
        if info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
            self._post(self, LegProgress(self.name, info.lastStatusCode, early_media=False))
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._confirmed(info, self._read_ack(prm.e))
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED and not self.ended:
            self.ended = True
            self.media_active = False
            by_peer = not self.ending and info.lastStatusCode != 408
            ended = LegEnded(self.name, info.lastStatusCode, info.lastReason, by_peer)
            self._post(self, endings.told_by_edge(ended, prm.e))

    def onStreamCreated(self, prm: Any) -> None:  # noqa: N802
        """Let in what the peer sends; let RTCP of an OPUS stream count in its RTP clock."""
        self.digits.open(int(prm.stream))
        info = self.getStreamInfo(prm.streamIdx)
        self.guard.open(
            stream=int(prm.stream),
            index=prm.streamIdx,
            remote=info.remoteRtpAddress,
            sends=bool(info.dir & pj.PJMEDIA_DIR_ENCODING),
        )
        facts = self._facts()
        if facts is not None and facts.codec == "OPUS":
            plugins.correct_rtcp_clock(int(prm.stream))

    def onStreamDestroyed(self, prm: Any) -> None:  # noqa: N802
        """Let go of a stream that is about to be freed."""
        self.guard.close_stream(int(prm.stream))
        self.digits.close(int(prm.stream))

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        """Report media that became active, was held or went away."""
        info = self.getInfo()
        held = self._find_audio(info)
        early = self.media_active and info.state < pj.PJSIP_INV_STATE_CONNECTING
        if self.media_active:
            self.media = self._facts()
        if early and info.role == pj.PJSIP_ROLE_UAC:
            self._post(self, LegProgress(self.name, info.lastStatusCode, early_media=True))
        self._post(self, HoldChanged(self.name, held))

    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        """Note who the peer is and which codecs it answered."""
        event = prm.e
        if event.type != pj.PJSIP_EVENT_TSX_STATE:
            return
        self._see_reoffer(event.body.tsxState.tsx)
        if event.body.tsxState.type != pj.PJSIP_EVENT_RX_MSG:
            return
        message = event.body.tsxState.src.rdata.wholeMsg
        if message.startswith(("SIP/2.0 1", "SIP/2.0 2")):
            self.read_message(message)
            self._note_answer(message, message.partition("\r\n\r\n")[2])
        else:
            self._note_source(message.partition("\r\n\r\n")[0])

    def onDtmfEvent(self, prm: Any) -> None:  # noqa: N802
        """Report a key; telephone-events alone come on a media thread."""
        if not self.digits.is_new(prm, self._clock_rate_hz()):
            return
        self._post(self, DigitReceived(self.name, prm.digit))
        self._wake()

    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        """Decline REFER: a transfer is not the peer's to make."""
        prm.statusCode = 603

    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        """Decline an INVITE that would replace this leg."""
        prm.statusCode = 603

    @property
    def is_gone(self) -> bool:
        """Whether the leg has ended and pjsua holds nothing of it any more."""
        return self.ended and self.slot not in slots.held()

    # Doing

    def read_message(self, message: str) -> None:
        """Note user agent and codec list of a message from the peer."""
        head, _, body = message.partition("\r\n\r\n")
        self._note_source(head)
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name.strip().lower() in ("user-agent", "server"):
                self.user_agent = value.strip()[:255]
        if "\r\nm=audio" in body:
            try:
                audio = sdp.read_audio(body)
            except sdp.SdpError:
                logger.info("leg %s: the peer's SDP is nonsense", self.name)
            else:
                self._heard_of(audio, settles=not self.settled)

    def _note_source(self, head: str) -> None:
        """Note where a message with a description was heard from."""
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name.lower() == HEADER:
                self.guard.heard_from(value.strip())

    def dial(self, *, to_uri: str, target_uri: str, from_uri: str) -> None:
        """Send the INVITE."""
        prm = _call_parameters()
        prm.txOption.targetUri = target_uri
        prm.txOption.localUri = from_uri
        self.makeCall(to_uri, prm)

    def respond(self, code: int) -> None:
        """Send a provisional response or 200."""
        prm = _call_parameters()
        prm.statusCode = code
        self.answer(prm)

    def end(self, code: int, reason: str) -> None:
        """Send CANCEL, BYE or the final response, whichever the state calls for."""
        if self.ended:
            return
        self.ending = True
        prm = pj.CallOpParam()
        prm.statusCode = code
        if reason:
            header = pj.SipHeader()
            header.hName, header.hValue = "Reason", reason
            prm.txOption.headers.append(header)
        self.hangup(prm)

    def settle(self) -> bool:
        """Re-offer the one codec our order chooses if the peer's answer began with another.

        Returns whether a re-INVITE was sent.
        """
        if self.settled or not self.media_active or self.glare.again_at is not None:
            return False
        chosen = negotiate(self.allowed, self.offered).codec
        if len(self.offered) > 1 and chosen is not None and chosen != self.offered[0]:
            self._offer_again((chosen,))
            self.settled = True
            return True
        self.settled = True
        return False

    def match(self, codecs: Sequence[str]) -> None:
        """Have this leg use a codec of this list, and report `CallerMatched`.

        Raises pjsua2.Error while another re-INVITE is under way.
        """
        if self.media is not None and self.media.codec in codecs:
            self._post(self, CallerMatched(True, 200))
            return
        chosen = negotiate(codecs, self.offered).codec
        self._offer_again(tuple(codecs) if chosen is None else (chosen,))
        # Of several the peer may answer with more than one; of one it cannot.
        self.settled, self.reoffered = chosen is not None, True
        self._asked = tuple(codecs)

    def send_digit(self, digit: str) -> None:
        """Send a telephone-event; raises pjsua2.Error if the peer agreed on none."""
        self.digits.prepare(self._clock_rate_hz())
        self.dialDtmf(digit)

    def audio(self) -> Any:
        """Return the leg's port on the bridge."""
        return self.getAudioMedia(self._audio_index)

    def statistics(self) -> Any:
        """Return pjsua2's StreamStat of the leg's audio; raises pjsua2.Error before any."""
        return self.getStreamStat(self._audio_index)

    def _find_audio(self, info: Any) -> bool:
        """Find the audio line in use (others have port 0); return whether the peer holds it."""
        used = (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
        lines = [(index, line.status) for index, line in enumerate(info.media)]
        index, status = next(
            ((i, status) for i, status in lines if status in used),
            (self._audio_index, pj.PJSUA_CALL_MEDIA_NONE),
        )
        self._audio_index, self.media_active = index, status in used
        return bool(status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)

    def _see_reoffer(self, transaction: Any) -> None:
        """Take the end of a re-INVITE of ours, `match`'s or `settle`'s."""
        ours = transaction.role == pj.PJSIP_ROLE_UAC and transaction.method == "INVITE"
        code = transaction.statusCode
        if not ours or code < 200 or not self._reoffering:
            return
        # pjsip has taken the answer over before it tells of the transaction.
        self._reoffering = False
        codecs, self._asked = self._asked, ()
        if code == 491 and self.glare.met(time.monotonic()):
            self._again, self.settled = codecs, bool(codecs)
            self._post(self, None)
            return
        self.glare.over()
        if codecs:
            facts = self._facts()
            agreed = code < 300 and facts is not None and facts.codec in codecs
            self._post(self, CallerMatched(agreed, code))

    def try_again(self) -> tuple[str, ...]:
        """Return the list that `match` is to be called with anew; `()`: settle anew."""
        codecs, self._again = self._again, ()
        return codecs

    def stop_trying(self) -> None:
        """Repeat nothing that waits: what it was for is over."""
        self._again = ()
        self.glare.over()

    def _offer_again(self, codecs: tuple[str, ...]) -> None:
        """Send a re-INVITE with these codecs; raises pjsua2.Error while one is under way."""
        self._reoffer = codecs
        try:
            self.reinvite(_call_parameters())
        finally:
            self._reoffer = ()
        self._reoffering = True

    def _read_ack(self, event: Any) -> bool:
        """Read the ACK that confirmed a leg; return whether it brought an answer to our offer."""
        if event.type != pj.PJSIP_EVENT_RX_MSG:
            return False
        message = event.body.rxMsg.rdata.wholeMsg
        if not message.startswith("ACK "):
            return False
        self.read_message(message)
        return "\r\nm=audio" in message

    def _confirmed(self, info: Any, answered_in_ack: bool) -> None:
        if not self.ending:  # else the edge may have acknowledged for a caller who is silent
            self.guard.acknowledged()
        with_media = any(line.status in _WITH_MEDIA for line in info.media)
        # An answer of which nothing can be used is told of by the leg's end.
        if not with_media and not answered_in_ack:
            self._post(self, LegWithoutMedia(self.name))
        elif self.name != "A" and not self._answered:
            self._answered = True
            self._post(self, LegAnswered(self.name))
        else:
            self._post(self, None)

    def explained(self, event: Event) -> Event:
        """Return an event of this leg with what is known by the time it is handled.

        pjsua tells of the end of a leg without media before it shows us the answer.
        """
        if isinstance(event, LegEnded) and self._lacking and not self._answered:
            return replace(event, code=488, why=self._lacking)
        return event

    def _note_answer(self, message: str, audio_text: str) -> None:
        """Note whether a response to our first INVITE can bring audio."""
        if self.name == "A" or self._answered or not _answers_invite(message):
            return
        if audio_text or not self._described:
            self._lacking = lacking(audio_text) if message.startswith("SIP/2.0 2") else ""
        self._described = self._described or bool(audio_text)

    def _judge_offer(self, prm: Any) -> None:
        offer = prm.offer.wholeSdp
        try:
            agreed = not offer or sdp.answer_codec(offer, self.allowed) is not None
        except sdp.SdpError:
            agreed = False
        if not agreed:
            prm.statusCode = 488

    def _heard_of(self, audio: sdp.Audio | None, *, settles: bool = True) -> None:
        """Note what a description of the peer's offers us."""
        if settles:
            self.offered = audio.codecs if audio else ()
        if audio is not None:
            self.digits.heard_of(audio)

    def _restricted(self, ours: str, remote: sdp.Audio | None, *, is_answer: bool) -> str:
        place = legsdp.Place(self.bridge_rate_hz, self.public_address)
        if not is_answer:
            return legsdp.offer(ours, self._reoffer or self.allowed, place)
        answer = legsdp.answer(ours, remote, self.allowed, place) if remote else None
        # An offer without a common codec is refused elsewhere; nothing of this is sent then.
        return ours if answer is None else answer

    def _clock_rate_hz(self) -> int:
        codec = self.media.codec if self.media else None
        return CATALOGUE[codec or "PCMU"].rtp_clock_rate_hz

    def _facts(self) -> MediaFacts | None:
        try:
            stream = self.getStreamInfo(self._audio_index)
        except pj.Error:
            return None
        codec = _catalogue_name(stream.codecName, stream.codecClockRate)
        sends = bool(stream.dir & pj.PJMEDIA_DIR_DECODING)
        return MediaFacts(codec, stream.txPt, stream.remoteRtpAddress, sends)


def _catalogue_name(encoding_name: str, rate_hz: int) -> str | None:
    """Return the codec of a pjmedia stream, whose G722 and OPUS rates are not the RTP clock's."""
    wanted = encoding_name.lower()
    same = [codec for codec in CATALOGUE.values() if codec.encoding_name.lower() == wanted]
    exact = [codec for codec in same if codec.audio_rate_hz == rate_hz]
    return next((codec.name for codec in exact + same), None)


def _answers_invite(message: str) -> bool:
    lines = message.partition("\r\n\r\n")[0].split("\r\n")
    return any(x.lower().startswith("cseq:") and x.endswith("INVITE") for x in lines)


def _call_parameters() -> Any:
    prm = pj.CallOpParam(True)
    prm.opt.audioCount = 1
    prm.opt.videoCount = 0
    return prm
