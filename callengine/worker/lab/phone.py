"""The built-in phone: a pjsua2 process with a tone, told what to do by lines of JSON.

The codec lab and the demo make their calls with it. It speaks on loopback alone.

Standard input: first its password (empty: none), then `{"do": "call", "uri": ..., "codecs":
[...]}`, `{"do": "hang-up"}` or `{"do": "quit"}`.
Standard output: `{"is": "ready"|"registered"|"refused"|"ringing"|"talking"|"ended", ...}`.
It ends with its input, when something in it fails, and at the latest after `--life-s`.
"""

import argparse
import contextlib
import faulthandler
import json
import math
import os
import select
import sys
import time
from collections.abc import Sequence
from typing import Any

import pjsua2 as pj

from audiocodecs.catalogue import PLATFORM_CODECS, find
from audiocodecs.lists import parse_codec_list
from callengine.core import oursdp, sdp
from callengine.worker import plugins
from callengine.worker.pjsua import sdptext
from callengine.worker.pjsua.callbacks import Contained
from callengine.worker.pjsua.library import keep_g722_levels, quieten

BRIDGE_RATE_HZ = 48000
POLL_MS = 20
RINGS_FOR_S = 1.0
REGISTER_FOR_S = 300


def say(state: str, **facts: Any) -> None:
    """Tell the conductor; one that is gone is noticed at the end of our input."""
    with contextlib.suppress(OSError):
        print(json.dumps({"is": state, **facts}), flush=True)  # noqa: T201


class PhoneCall(Contained, pj.Call):  # type: ignore[misc]
    """A call that plays the phone's tone and reports its codec."""

    def __init__(self, phone: "BuiltInPhone", codecs: Sequence[str], call_id: int = -1) -> None:
        super().__init__(phone.account, call_id)
        self._phone, self._codecs = phone, codecs
        self.answer_at: float | None = None

    def callback_failed(self, callback: str) -> None:
        """Report it: the phone ends, as a call of which that much is unknown cannot be judged."""
        self._phone.fails(callback)

    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        """Offer this call's codecs alone, in their order."""
        prm.sdp.wholeSdp = oursdp.restrict(sdptext.whole(prm.sdp), self._codecs)

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        """Report the end."""
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._phone.over(self)
            say("ended", code=info.lastStatusCode, reason=info.lastReason)

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        """Play the tone and report the codec once there is media."""
        # Held by a name: the list lives in the object that `getInfo` returned.
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self._phone.tone.startTransmit(self.getAudioMedia(index))
                say("talking", codec=codec_name(self.getStreamInfo(index)))

    def answer_with(self, code: int) -> None:
        """Answer an incoming call."""
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.answer(prm)

    def hang_up(self, code: int = 0) -> None:
        """End the call; one that rings is declined with `code`, if given."""
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.hangup(prm)


def codec_name(stream: Any) -> str:
    """Return the catalogue name of a stream's codec; pjmedia says G722 runs at 16000 Hz."""
    rate = 8000 if stream.codecName.upper() == "G722" else stream.codecClockRate
    rate = 48000 if stream.codecName.upper() == "OPUS" else rate
    codec = find(stream.codecName, rate)
    return codec.name if codec else stream.codecName


class PhoneAccount(Contained, pj.Account):  # type: ignore[misc]
    """The phone's account: it rings for a moment, then answers with the codecs it has."""

    def __init__(self, phone: "BuiltInPhone", codecs: Sequence[str]) -> None:
        super().__init__()
        self._phone, self._codecs = phone, codecs

    def callback_failed(self, callback: str) -> None:
        """Have the phone end: nobody answers the call, or knows of the registration."""
        self._phone.fails(callback)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        """Ring, or decline with 488 what shares no codec with this phone."""
        call = PhoneCall(self._phone, self._codecs, prm.callId)
        if self._understands(prm.rdata.wholeMsg):
            self._phone.rings(call)
        else:
            self._phone.declines(call)

    def _understands(self, message: str) -> bool:
        _, _, body = message.replace("\r\n", "\n").partition("\n\n")
        if not body.strip():
            return True  # our 200 makes the offer
        try:
            return sdp.answer_codec(body, self._codecs) is not None
        except sdp.SdpError:
            return False

    def onRegState(self, prm: Any) -> None:  # noqa: N802
        """Report how the registration went."""
        if prm.code == 200:
            say("registered")
        else:
            say("refused", code=prm.code, reason=prm.reason)


class BuiltInPhone:
    """pjsua2 with one account, one tone and at most one call."""

    def __init__(self, arguments: argparse.Namespace, password: str) -> None:
        self._arguments = arguments
        self._input = Lines(sys.stdin.fileno())
        self._ends_at = time.monotonic() + arguments.life_s
        self._calls: list[PhoneCall] = []
        self._ended: list[PhoneCall] = []
        self._has_failed = False
        self._library = pj.Endpoint()
        self._report = self._start()
        self.account = PhoneAccount(self, arguments.codecs)
        self.account.create(self._account_config(password))
        self.tone = self._tone(arguments.hz)

    def run(self) -> None:
        """Serve commands and calls until told to quit."""
        say("ready", port=self._port(), codecs=self._report.available)
        while not self._has_failed and self._obeys() and time.monotonic() < self._ends_at:
            self._library.libHandleEvents(POLL_MS)
            self._ended.clear()
            self._answer_what_rang()
        self._library.libDestroy()

    def _answer_what_rang(self) -> None:
        for call in self._calls:
            if call.answer_at is not None and time.monotonic() >= call.answer_at:
                call.answer_at = None
                call.answer_with(200)

    def rings(self, call: PhoneCall) -> None:
        """Take an incoming call."""
        self._calls.append(call)
        call.answer_at = time.monotonic() + RINGS_FOR_S
        call.answer_with(180)
        say("ringing")

    def declines(self, call: PhoneCall) -> None:
        """Turn an incoming call down: no codec in common."""
        self._calls.append(call)
        call.hang_up(488)

    def over(self, call: PhoneCall) -> None:
        """Forget an ended call, but not before pjsua2 has returned from its callback."""
        if call in self._calls:
            self._calls.remove(call)
            self._ended.append(call)

    def fails(self, callback: str) -> None:
        """End: what was to be reported is lost."""
        self._has_failed = True
        say("ended", code=0, reason=f"the phone failed in {callback}")

    def _obeys(self) -> bool:
        for line in self._input.read():
            order = json.loads(line)
            if order["do"] == "quit":
                return False
            if order["do"] == "call":
                self._call(order["uri"], order["codecs"])
            elif order["do"] == "hang-up":
                for call in list(self._calls):
                    call.hang_up()
        return not self._input.ended

    def _call(self, uri: str, codecs: Sequence[str]) -> None:
        call = PhoneCall(self, codecs)
        self._calls.append(call)
        prm = pj.CallOpParam(True)
        prm.opt.videoCount = 0
        try:
            call.makeCall(uri, prm)
        except pj.Error as error:
            self.over(call)
            say("ended", code=0, reason=error.reason)

    def _start(self) -> plugins.CodecReport:
        self._library.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.userAgent = self._arguments.agent
        config.uaConfig.natTypeInSdp = 0
        config.logConfig.level = config.logConfig.consoleLevel = 0
        config.medConfig.clockRate = config.medConfig.sndClockRate = BRIDGE_RATE_HZ
        config.medConfig.audioFramePtime = config.medConfig.ptime = 20
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        self._library.libInit(config)
        keep_g722_levels()
        report = plugins.install([codec.codecId for codec in self._library.codecEnum2()])
        transport = pj.TransportConfig()
        transport.boundAddress = self._arguments.host
        transport.port = self._arguments.port
        self._transport = self._library.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._library.libStart()
        self._library.audDevManager().setNullDev()
        return report

    def _port(self) -> int:
        return int(self._library.transportGetInfo(self._transport).localName.rpartition(":")[2])

    def _account_config(self, password: str) -> Any:
        user, server, host = self._arguments.user, self._arguments.sip, self._arguments.host
        config = pj.AccountConfig()
        # Without a password it is nobody's user: whoever claims the server's domain is challenged.
        config.idUri = f"sip:{user}@{server if password else 'phone.invalid'}"
        config.mediaConfig.transportConfig.boundAddress = host
        config.mediaConfig.transportConfig.publicAddress = host
        if password:
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", user, pj.PJSIP_CRED_DATA_PLAIN_PASSWD, password)
            )
        if password and self._arguments.register:
            config.regConfig.registrarUri = f"sip:{server}"
            config.regConfig.timeoutSec = REGISTER_FOR_S
            config.regConfig.retryIntervalSec = 5
        return config

    def _tone(self, hz: int) -> Any:
        generator = pj.ToneGenerator()
        generator.createToneGenerator(BRIDGE_RATE_HZ, 1)
        tone = pj.ToneDesc()
        tone.freq1, tone.freq2, tone.on_msec, tone.off_msec = hz, 0, 700, 300
        sequence = pj.ToneDescVector()
        sequence.append(tone)
        generator.play(sequence, True)
        return generator


class Lines:
    """Whole lines of a descriptor, without waiting for them."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.ended = False

    def read(self, timeout_s: float = 0.0) -> list[bytes]:
        """Return the lines that have arrived, after waiting `timeout_s` for the first bytes."""
        while not self.ended and select.select([self._descriptor], [], [], timeout_s)[0]:
            timeout_s = 0.0
            data = os.read(self._descriptor, 4096)
            self.ended = not data
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        return lines


def codec_list(text: str) -> list[str]:
    """Return the codecs named in an argument."""
    return list(parse_codec_list(text.split(",")))


def main() -> None:
    """Run one phone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--user", required=True)
    parser.add_argument("--sip", required=True, metavar="HOST:PORT", help="its server, over UDP")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address of its own")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--hz", type=int, default=440)
    parser.add_argument("--codecs", type=codec_list, default=list(PLATFORM_CODECS))
    parser.add_argument("--agent", default="VoIPNumber built-in phone")
    parser.add_argument("--register", action="store_true")
    parser.add_argument("--life-s", type=float, default=math.inf)
    arguments = parser.parse_args()
    faulthandler.enable()
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as unbuffered:
        password = unbuffered.readline().decode().strip()
    quieten()
    plugins.preload()
    phone = BuiltInPhone(arguments, password)
    phone.run()
    # Past `libDestroy` pjsua2's destructors assert; nothing is left to clean up.
    os._exit(0)


if __name__ == "__main__":
    main()
