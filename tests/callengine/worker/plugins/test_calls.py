"""Real calls over loopback: two processes of ours, and baresip as a peer that is not ours."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from callengine.worker.legs.party import Counters
from tests.callengine.worker.plugins.processes import PeerProcess, heard_hz, sdp_of
from tests.peers.baresip import Baresip

CALLER_HZ, CALLEE_HZ = 700, 1300
TOLERANCE = 0.02
JITTER_US = 15_000
"On loopback; a wrong clock of RTCP shows as more."


class Outcome:
    """What one call between two processes gave."""

    def __init__(self, folder: Path, caller: dict[str, Any], callee: dict[str, Any]) -> None:
        wavs = [folder / "callee.wav", folder / "caller.wav"]
        common = {"seconds": 1.8} | caller
        callee = {"seconds": 30.0} | callee
        with (
            PeerProcess(**callee, tone_hz=CALLEE_HZ, wav=str(wavs[0])) as taking,
            PeerProcess(**common, tone_hz=CALLER_HZ, wav=str(wavs[1]), call=taking.uri) as calling,
        ):
            self.caller, self.callee = calling.report(), taking.report()
        self.offer = sdp_of(self.callee["received"])
        self.answer = sdp_of(self.caller["received"])
        self.callee_heard, self.caller_heard = heard_hz(wavs[0]), heard_hz(wavs[1])

    def check(self, codec: str, errors: tuple[dict[str, int], dict[str, int]] = ({}, {})) -> None:
        for report, expected in zip((self.caller, self.callee), errors, strict=True):
            assert report["codec"] == codec
            assert report["ended"]
            assert report["errors"] == expected
            assert report["lost_packets"] == report["discarded_packets"] == 0
            assert report["received_packets"] > 20
            assert report["jitter_us"] < JITTER_US
        for (heard, purity), sent in (
            (self.callee_heard, CALLER_HZ),
            (self.caller_heard, CALLEE_HZ),
        ):
            assert abs(heard - sent) < sent * TOLERANCE
            assert purity > 0.9


def call(folder: Path, caller: dict[str, Any], callee: dict[str, Any] | None = None) -> Outcome:
    return Outcome(folder, caller, {"codec": caller["codec"]} | (callee or {}))


def formats(sdp: str, name: str) -> list[str]:
    """Return the fmtp of every payload type of this name, in order of the m= line."""
    rtpmaps = dict(re.findall(r"a=rtpmap:(\d+) (\S+)", sdp))
    fmtps = dict(re.findall(r"a=fmtp:(\d+) ([^\r\n]+)", sdp))
    media = re.search(r"m=audio \d+ RTP/AVP ([\d ]+)", sdp)
    assert media is not None
    return [fmtps.get(pt, "") for pt in media[1].split() if rtpmaps.get(pt) == name]


def test_what_is_read_of_a_stream_is_what_pjsua2_tells(tmp_path: Path) -> None:
    # Longer than the first reports of RTCP take, without which there is no round trip.
    outcome = call(tmp_path, {"codec": "pcmu", "seconds": 12.0})
    for report in (outcome.caller, outcome.callee):
        noted = report["noted"]
        assert noted["ours"] == noted["theirs"]
        counters = Counters(**noted["ours"])
        assert counters.received > 200
        assert counters.sent > 200
        assert not counters.lost
        assert counters.reports
        assert counters.round_trips
        rtp, rtcp = bytes.fromhex(noted["sources"])[:28], bytes.fromhex(noted["sources"])[28:]
        assert [f"127.0.0.1:{int.from_bytes(a[2:4], 'big')}" for a in (rtp, rtcp)] == noted["names"]
        assert rtp[4:8] == rtcp[4:8] == bytes((127, 0, 0, 1))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_an_opus_call_carries_tones_at_every_bridge_rate(tmp_path: Path, rate_hz: int) -> None:
    side = {"codec": "opus", "bridge_rate_hz": rate_hz}
    outcome = call(tmp_path, side, side)
    outcome.check("opus")
    assert outcome.caller["rate_hz"] == outcome.callee["rate_hz"] == rate_hz
    for sdp in (outcome.offer, outcome.answer):
        (fmtp,) = formats(sdp, "opus/48000/2")
        assert "useinbandfec=1" in fmtp
        assert ("maxplaybackrate" in fmtp) is (rate_hz < 48000)


def test_a_wrong_clock_of_rtcp_would_be_seen(tmp_path: Path) -> None:
    side = {"codec": "opus", "bridge_rate_hz": 16000, "correct_rtcp": False}
    outcome = call(tmp_path, side, side)
    assert min(outcome.caller["jitter_us"], outcome.callee["jitter_us"]) > JITTER_US


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
@pytest.mark.parametrize(
    ("offered", "aligned"), [("absent", False), ("aligned", True), ("efficient", False)]
)
def test_an_amr_wb_call_carries_tones_in_the_framing_offered(
    tmp_path: Path, rate_hz: int, offered: str, aligned: bool
) -> None:
    side = {"codec": "AMR-WB", "bridge_rate_hz": rate_hz}
    outcome = call(tmp_path, {**side, "payload_types": offered}, side)
    outcome.check("AMR-WB")
    (in_offer,) = formats(outcome.offer, "AMR-WB/16000")
    (in_answer,) = formats(outcome.answer, "AMR-WB/16000")
    assert ("octet-align=1" in in_offer) is ("octet-align=1" in in_answer) is aligned
    assert (in_offer == "") is (offered == "absent")


def test_an_amr_wb_offer_of_ours_has_a_payload_type_for_each_framing(tmp_path: Path) -> None:
    outcome = call(tmp_path, {"codec": "AMR-WB"}, {"payload_types": "aligned"})
    outcome.check("AMR-WB")
    first, second = formats(outcome.offer, "AMR-WB/16000")
    assert ("octet-align=0" in first, "octet-align=1" in second) == (True, True)
    (answered,) = formats(outcome.answer, "AMR-WB/16000")
    assert "octet-align=1" in answered


def test_amr_wb_with_features_we_lack_is_not_taken(tmp_path: Path) -> None:
    options = {"codec": "AMR-WB", "payload_types": "aligned", "fmtp": "octet-align=1;crc=1"}
    with (
        PeerProcess(codec="AMR-WB", seconds=30.0) as taking,
        PeerProcess(**options, call=taking.uri) as calling,
    ):
        assert calling.report()["last_code"] == 488


@pytest.mark.parametrize("ptime_ms", [40, 60, 120])
@pytest.mark.parametrize("codec", ["opus", "AMR-WB"])
def test_long_packets_are_sent_and_taken(tmp_path: Path, codec: str, ptime_ms: int) -> None:
    outcome = call(tmp_path, {"codec": codec, "ptime_ms": ptime_ms, "seconds": 3.2})
    outcome.check(codec)
    # The caller asked for them, so it is the caller that gets fewer packets.
    assert outcome.caller["received_packets"] < outcome.callee["received_packets"] / (ptime_ms / 25)


@pytest.mark.parametrize(
    "fmtp",
    ["maxplaybackrate=44100", "maxplaybackrate=7", "stereo=1", "maxplaybackrate=24000;stereo=1"],
)
def test_any_opus_parameters_of_a_peer_are_survived(tmp_path: Path, fmtp: str) -> None:
    outcome = call(tmp_path, {"codec": "opus", "fmtp": fmtp})
    assert outcome.callee["rate_hz"] == 16000
    assert outcome.callee["errors"] == outcome.caller["errors"] == {}
    assert abs(outcome.callee_heard[0] - CALLER_HZ) < CALLER_HZ * TOLERANCE
    assert abs(outcome.caller_heard[0] - CALLEE_HZ) < CALLEE_HZ * TOLERANCE


@pytest.mark.parametrize("codec", ["OPUS", "AMR-WB"])
async def test_we_call_baresip(tmp_path: Path, codec: str) -> None:
    wav = tmp_path / "heard.wav"
    async with Baresip("bob", codecs=(codec,), hz=CALLEE_HZ, auto_answer=True) as bob:
        options = {"codec": codec, "tone_hz": CALLER_HZ, "wav": str(wav), "seconds": 3.0}
        report = await asyncio.to_thread(one_call, options, bob.uri)
        heard_by_baresip = bob.heard()
    check_against_baresip(codec, report, wav)
    assert abs(heard_by_baresip.hz - CALLER_HZ) < CALLER_HZ * TOLERANCE


@pytest.mark.parametrize("codec", ["OPUS", "AMR-WB"])
async def test_baresip_calls_us(tmp_path: Path, codec: str) -> None:
    wav = tmp_path / "heard.wav"
    options = {"codec": codec, "tone_hz": CALLER_HZ, "wav": str(wav), "seconds": 3.0}
    async with Baresip("bob", codecs=(codec,), hz=CALLEE_HZ) as bob:
        with await asyncio.to_thread(lambda: PeerProcess(**options)) as us:
            await bob.dial(us.uri)
            report = await asyncio.to_thread(us.report)
        heard_by_baresip = bob.heard()
    check_against_baresip(codec, report, wav)
    assert abs(heard_by_baresip.hz - CALLER_HZ) < CALLER_HZ * TOLERANCE


def one_call(options: dict[str, Any], uri: str) -> dict[str, Any]:
    with PeerProcess(**options, call=uri) as us:
        return us.report()


def check_against_baresip(codec: str, report: dict[str, Any], wav: Path) -> None:
    assert report["codec"].upper() == codec
    assert report["errors"] == {}
    assert report["lost_packets"] == 0
    heard, purity = heard_hz(wav)
    assert abs(heard - CALLEE_HZ) < CALLEE_HZ * TOLERANCE
    assert purity > 0.9
    if codec == "AMR-WB":
        (fmtp,) = formats(sdp_of(report["received"]), "AMR-WB/16000")
        assert "octet-align=1" in fmtp
