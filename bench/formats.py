"""The codecs of the benchmark, as SIPp, FFmpeg and baresip name them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec; `static_type` is its RTP payload type if it has a fixed one."""

    rtpmap: str
    static_type: int | None
    audio_rate_hz: int
    timestamp_step: int
    ffmpeg_name: str
    baresip_name: str


CODECS = {
    "PCMU": Codec("PCMU/8000", 0, 8000, 160, "pcm_mulaw", "PCMU/8000/1"),
    "PCMA": Codec("PCMA/8000", 8, 8000, 160, "pcm_alaw", "PCMA/8000/1"),
    "G722": Codec("G722/8000", 9, 16000, 160, "g722", "G722/16000/1"),
    "OPUS": Codec("opus/48000/2", None, 48000, 960, "libopus", "opus/48000/1"),
    "AMR-WB": Codec("AMR-WB/16000", None, 16000, 320, "", "AMR-WB/16000/1"),
}
PEERS = {
    "PCMA": {"Asterisk 22": 0.27, "FreeSWITCH 1.10": 0.33, "rtpengine": 0.32, "baresip": 0.38},
    "G722": {"Asterisk 22": 0.38, "FreeSWITCH 1.10": 0.74, "rtpengine": 0.51, "baresip": 0.63},
    "OPUS": {"Asterisk 22": 1.25, "FreeSWITCH 1.10": 1.19, "rtpengine": 1.54, "baresip": 1.61},
    "AMR-WB": {"Asterisk 22": 0.82, "FreeSWITCH 1.10": 1.00, "baresip": 1.09},
}
"CPU-seconds per call-minute, caller PCMU, measured once on a machine of this kind; callee codec."
