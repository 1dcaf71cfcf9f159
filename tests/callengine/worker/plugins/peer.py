"""A SIP user agent in its own process: one call, a tone out, a recording in, a report at the end.

Prints one JSON line when it listens and one when the call is over. Options are one JSON object.
"""

import json
import sys
import time
from typing import Any

import pjsua2 as pj

from callengine.worker import plugins
from callengine.worker.native import streamfacts

DEFAULTS: dict[str, Any] = {
    "codec": "opus",
    "bridge_rate_hz": 16000,
    "tone_hz": 1000,
    "seconds": 2.0,
    "call": "",
    "wav": "",
    "payload_types": "all",
    "ptime_ms": 0,
    "fmtp": None,
    "rtp_port": 4000,
    "correct_rtcp": True,
    "log_level": 0,
}

PACKET_MS = 20
"Of all codecs here, where nobody asks for another."
SETTLED = 40
"Packets after which jitter is half of what a wrong clock makes of it: the first 25 do not count."


class Call(pj.Call):  # type: ignore[misc]
    """Play a tone into the call, record what comes, keep the SDP that arrived."""

    def __init__(self, peer: "Peer", call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(peer.account, call_id)
        self.peer = peer
        self.media_since = 0.0
        self.sounded_s = 0.0
        "How long both sides have, by the packets of each: a machine may stand still meanwhile."
        self.jitters_us: list[int] = []
        self.ended = False
        self.received: list[str] = []
        self.report: dict[str, Any] = {}
        self.stream = 0

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        if self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.report["last_code"] = self.getInfo().lastStatusCode
            self.ended = True

    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        if prm.e.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG:
            self.received.append(prm.e.body.tsxState.src.rdata.wholeMsg)

    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        prm.sdp.wholeSdp = rewritten(prm.sdp.wholeSdp, self.peer.options)

    def onStreamCreated(self, prm: Any) -> None:  # noqa: N802
        self.stream = int(prm.stream)
        if self.peer.options["codec"] == "opus" and self.peer.options["correct_rtcp"]:
            plugins.correct_rtcp_clock(int(prm.stream))

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()  # kept: its media list dies with it
        if self.media_since or info.media[0].status != pj.PJSUA_CALL_MEDIA_ACTIVE:
            return
        audio = self.getAudioMedia(0)
        self.peer.tone.startTransmit(audio)
        if self.peer.recorder is not None:
            audio.startTransmit(self.peer.recorder)
        self.media_since = time.monotonic()

    def measure(self) -> None:
        """Note codec and statistics while the stream lives."""
        info, stat = self.getStreamInfo(0), self.getStreamStat(0)
        received, sent = stat.rtcp.rxStat, stat.rtcp.txStat
        asked_ms = self.peer.options["ptime_ms"] or PACKET_MS
        self.sounded_s = min(received.pkt * asked_ms, sent.pkt * PACKET_MS) / 1000
        if received.pkt > SETTLED:
            self.jitters_us.append(received.jitterUsec.last)
        self.report.update(
            codec=info.codecName,
            rate_hz=info.codecClockRate,
            tx_payload_type=info.txPt,
            received_packets=stat.rtcp.rxStat.pkt,
            lost_packets=stat.rtcp.rxStat.loss,
            discarded_packets=stat.rtcp.rxStat.discard,
            # The least: what a wrong clock makes of it is always there, the machine's is not.
            jitter_us=min(self.jitters_us, default=received.jitterUsec.mean),
            noted=self._noted(),
        )

    def _noted(self) -> dict[str, Any]:
        """Return what both say of one moment: ours, pjsua2's, and the bytes of two addresses.

        Packets come all the while, so pjsua2 is asked between two readings that agree.
        """
        while True:
            before = self._ours()
            theirs, transport = streamfacts.told(self, 0), self.getMedTransportInfo(0)
            if self._ours() == before:
                names = [transport.srcRtpName, transport.srcRtcpName]
                ours, sources = before
                return {"ours": ours, "theirs": theirs, "sources": sources.hex(), "names": names}

    def _ours(self) -> tuple[dict[str, int] | None, bytes]:
        return streamfacts.noted(self.stream), streamfacts.sources(self.getId(), 0)


class Account(pj.Account):  # type: ignore[misc]
    """Answer the first call that comes."""

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        call = Call(self.peer, prm.callId)
        call.received.append(prm.rdata.wholeMsg)
        self.peer.call = call
        answer = pj.CallOpParam()
        answer.statusCode = 200
        call.answer(answer)


class Peer:
    """One user agent."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.call: Call | None = None
        self.recorder: Any = None
        plugins.preload()
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        self.endpoint.libInit(self._config())
        built_in = [codec.codecId for codec in self.endpoint.codecEnum2()]
        self.codecs = plugins.install(built_in, bridge_rate_hz=options["bridge_rate_hz"])
        transport = pj.TransportConfig()
        transport.boundAddress = transport.publicAddress = "127.0.0.1"
        number = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        for codec in self.endpoint.codecEnum2():
            wanted = codec.codecId.lower().startswith(options["codec"].lower() + "/")
            self.endpoint.codecSetPriority(codec.codecId, 255 if wanted else 0)
        self.address = self.endpoint.transportGetInfo(number).localName
        self._open_account()
        self._open_audio()

    def _config(self) -> Any:
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = config.logConfig.consoleLevel = self.options["log_level"]
        config.medConfig.clockRate = self.options["bridge_rate_hz"]
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        return config

    def _open_account(self) -> None:
        config = pj.AccountConfig()
        config.idUri = f"sip:peer@{self.address}"
        config.mediaConfig.transportConfig.port = self.options["rtp_port"]
        config.mediaConfig.transportConfig.portRange = 8
        config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        config.mediaConfig.transportConfig.publicAddress = "127.0.0.1"
        self.account = Account()
        self.account.peer = self
        self.account.create(config)

    def _open_audio(self) -> None:
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(self.options["bridge_rate_hz"])
        desc = pj.ToneDesc()
        desc.freq1, desc.freq2, desc.on_msec, desc.off_msec = self.options["tone_hz"], 0, 1000, 0
        tones = pj.ToneDescVector()
        tones.append(desc)
        self.tone.play(tones, True)
        if self.options["wav"]:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(self.options["wav"])

    def run(self, limit_s: float = 60.0) -> dict[str, Any]:
        """Make or take one call; return its report."""
        if self.options["call"]:
            self.call = Call(self)
            self.call.makeCall(self.options["call"], pj.CallOpParam(True))
        end = time.monotonic() + limit_s
        hung_up = False
        while time.monotonic() < end and not (self.call and self.call.ended):
            self.endpoint.libHandleEvents(20)
            call = self.call
            if call is None or not call.media_since or call.ended or hung_up:
                continue
            call.measure()
            hung_up = call.sounded_s > self.options["seconds"]
            if hung_up:
                call.hangup(pj.CallOpParam(True))
        return self._report()

    def _report(self) -> dict[str, Any]:
        report = dict(self.call.report) if self.call else {}
        report["received"] = list(self.call.received) if self.call else []
        report["errors"] = dict(plugins.error_counts())
        report["ended"] = bool(self.call and self.call.ended)
        return report

    def close(self) -> None:
        """Let go of everything of pjsua2 in the order it wants."""
        self.call = self.recorder = None
        del self.tone
        self.account.shutdown()
        self.endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)


def rewritten(sdp: str, options: dict[str, Any]) -> str:
    """Return the SDP with AMR-WB payload types kept as the option `payload_types` says."""
    lines = sdp.splitlines()
    if options["payload_types"] in ("efficient", "absent", "aligned") and "AMR-WB" in sdp:
        numbers = [n.split(":")[1].split()[0] for n in lines if "AMR-WB" in n]
        aligned = [n for n in numbers if any(f"fmtp:{n} octet-align=1" in ln for ln in lines)]
        keep_aligned = options["payload_types"] == "aligned"
        dropped = [n for n in numbers if (n in aligned) != keep_aligned]
        for number in dropped:
            lines = [ln for ln in lines if f":{number} " not in ln]
            lines = [
                " ".join(w for w in ln.split() if w != number or "m=" not in ln) for ln in lines
            ]
        if options["payload_types"] == "absent":
            lines = [ln for ln in lines if "octet-align" not in ln]
    if options["fmtp"] is not None:
        number = next(ln for ln in lines if ln.startswith("a=rtpmap:")).split(":")[1].split()[0]
        lines = [ln for ln in lines if not ln.startswith(f"a=fmtp:{number} ")]
        lines.append(f"a=fmtp:{number} {options['fmtp']}")
    if options["ptime_ms"]:
        lines.append(f"a=ptime:{options['ptime_ms']}")
    return "\r\n".join(lines) + "\r\n"


def main() -> None:
    options = DEFAULTS | json.loads(sys.argv[1])
    peer = Peer(options)
    print(json.dumps({"address": peer.address, "codecs": peer.codecs.available}), flush=True)
    report = peer.run()
    print(json.dumps(report), flush=True)
    peer.close()


if __name__ == "__main__":
    main()
