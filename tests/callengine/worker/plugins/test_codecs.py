"""Each codec through the operations pjmedia uses, in a process of its own."""

from typing import Any

from tests.callengine.worker.plugins.processes import run_python

PREAMBLE = """
import json, os, gc
import numpy as np
from callengine.worker.native import loading
loading.load()
from callengine.worker import plugins
from tests.callengine.worker.plugins.driver import Codec, endpoint, tone, strongest_hz
from callengine.worker.plugins.rfc4867 import Frame, Payload, pack, unpack
OPUS, AMR_WB = "opus/48000/2", "AMR-WB/16000/1"
"""


def run(body: str, bridge_rate_hz: int = 16000) -> dict[str, Any]:
    indented = "\n".join("    " + line for line in body.strip().splitlines())
    source = f"{PREAMBLE}\nwith endpoint({bridge_rate_hz}) as report:\n{indented}\n"
    return run_python(source + "\nprint(json.dumps(result))")


def test_opus_keeps_a_tone_at_every_rate_and_packet_length() -> None:
    result = run("""
result = {}
for rate in (8000, 16000, 48000):
    for per_packet in (1, 2, 3, 4, 6):
        codec = Codec(OPUS, rate, frames_per_packet=per_packet)
        sound, frame = tone(rate, 700, 1.2), rate // 50 * per_packet
        heard, changes, at = [], 0, 0
        for start in range(0, len(sound), frame):
            pieces = codec.parse(codec.encode(sound[start:start + frame]), at)
            at += 960 * per_packet
            for data, _, info in pieces:
                changes += info > 0xFFFF
                samples = codec.decode(data)
                assert len(samples) == info & 0xFFFF, (len(samples), info)
                heard.append(samples)
        codec.close()
        heard = np.concatenate(heard)
        assert len(heard) == len(sound)
        result[f"{rate}/{per_packet}"] = [strongest_hz(heard, rate), changes]
""")
    assert len(result) == 15
    for name, (frequency, changes) in result.items():
        assert abs(frequency - 700) < 14, name
        assert changes <= 1, name


def test_an_opus_packet_of_120_ms_is_cut_into_six_frames_of_20_ms() -> None:
    result = run("""
codec, sound = Codec(OPUS, 16000), tone(16000, 700, 0.12)
parts = [codec.encode(sound[start:start + 320]) for start in range(0, 1920, 320)]
# RFC 6716 section 3.2.5: code 3, VBR, six frames, the lengths of all but the last.
lengths = [len(part) - 1 for part in parts]
assert all(length < 252 for length in lengths) and len({part[0] for part in parts}) == 1
packet = bytes((parts[0][0] | 3, 0x80 | 6, *lengths[:-1])) + b"".join(p[1:] for p in parts)
pieces = codec.parse(packet, 1000)
result = {"same": [data for data, _, _ in pieces] == parts,
          "frames": [(at, info) for _, at, info in pieces]}
codec.close()
""")
    assert result["same"]
    assert result["frames"] == [[1000 + 960 * index, 320] for index in range(6)]


def test_opus_recovers_a_lost_frame_from_the_next_packet() -> None:
    result = run("""
at = np.arange(32000) / 16000
phase = np.cumsum(2 * np.pi * (140 + 30 * np.sin(2 * np.pi * 3 * at)) / 16000)
voice = sum(np.sin(k * phase) / k for k in range(1, 20))
sound = (4000 * voice * (0.2 + 0.8 * (np.sin(2 * np.pi * 4 * at) > 0))).astype(np.int16)
sender = Codec(OPUS, 16000, "useinbandfec=1")
packets = [sender.encode(sound[start:start + 320]) for start in range(0, 32000, 320)]
def error(next_has_arrived):
    taker, whole, off = Codec(OPUS, 16000), Codec(OPUS, 16000), []
    for i, packet in enumerate(packets[:-1]):
        ideal = whole.decode(whole.parse(packet, i * 960)[0][0])
        if i % 7 != 3:
            taker.decode(taker.parse(packet, i * 960)[0][0])
            continue
        if next_has_arrived:
            taker.parse(packets[i + 1], (i + 1) * 960)
        off.append(taker.recover().astype(float) - ideal)
    return float(np.sqrt((np.concatenate(off) ** 2).mean()))
result = {"copy": error(True), "guess": error(False)}
""")
    assert result["copy"] < result["guess"] / 2, result


def test_amr_wb_keeps_a_tone_in_both_framings_and_several_frames_a_packet() -> None:
    result = run("""
result = {}
for fmtp in ("", "octet-align=1", "mode-set=0,1,2", "octet-align=1;mode-set=4"):
    for per_packet in (1, 2, 5):
        codec = Codec(AMR_WB, 16000, fmtp, per_packet)
        sound, frame, heard, sizes = tone(16000, 700, 1.0), 320 * per_packet, [], set()
        for start in range(0, len(sound), frame):
            packet = codec.encode(sound[start:start + frame])
            sizes.add(len(packet))
            unpack(packet, octet_align="octet-align" in fmtp)
            pieces = codec.parse(packet, start)
            assert [at for _, at, _ in pieces] == [start + 320 * i for i in range(per_packet)]
            heard += [codec.decode(data) for data, _, _ in pieces]
        codec.close()
        heard = np.concatenate(heard)
        result[f"{fmtp}/{per_packet}"] = [strongest_hz(heard, 16000), len(heard), sorted(sizes)]
result["errors"] = dict(plugins.error_counts())
""")
    assert result.pop("errors") == {}
    for name, (frequency, length, sizes) in result.items():
        assert abs(frequency - 700) < 14, name
        assert length == 16000, name
        assert len(sizes) == 1, name
    assert result["/1"][2] == [61]
    assert result["octet-align=1/1"][2] == [62]
    assert result["mode-set=0,1,2/1"][2] == [(10 + 253 + 7) // 8]


def test_amr_wb_obeys_the_mode_the_peer_asks_for() -> None:
    result = run("""
codec = Codec(AMR_WB, 16000)
sound, modes = tone(16000, 700, 0.02), []
for request in (15, 0, 15, 5, 12, 8):
    quiet = pack(Payload((Frame(15),), request), octet_align=False)
    assert len(codec.parse(quiet)) == 1
    modes.append(unpack(codec.encode(sound), octet_align=False).frames[0].type)
codec.close()
result = {"modes": modes}
""")
    assert result["modes"] == [8, 0, 0, 5, 5, 8]


def test_amr_wb_takes_silence_damage_and_loss() -> None:
    result = run("""
codec = Codec(AMR_WB, 16000)
sound = tone(16000, 700, 1.0)
for start in range(0, 3200, 320):
    codec.decode(codec.parse(codec.encode(sound[start:start + 320]))[0][0])
loud = [float(np.abs(codec.recover().astype(float)).mean()) for _ in range(10)]
sid = pack(Payload((Frame(9, bytes(5)), Frame(14, good=False), Frame(15))), octet_align=False)
lengths = [len(codec.decode(data)) for data, _, _ in codec.parse(sid)]
damaged = pack(Payload((Frame(8, bytes(60), good=False),)), octet_align=False)
stored = codec.parse(damaged)[0][0]
lengths += [len(codec.decode(stored)), len(codec.recover())]
result = {"first": loud[0], "last": loud[-1], "lengths": lengths, "damaged": stored.hex()}
codec.close()
""")
    assert result["lengths"] == [320] * 5
    assert result["first"] > 2000  # a single loss is concealed
    assert result["last"] < result["first"] / 4  # a long one fades
    assert result["damaged"] == "70"  # goes to the decoder as SPEECH_LOST


def test_amr_wb_finds_out_when_the_peer_sends_the_other_framing() -> None:
    result = run("""
codec, sender = Codec(AMR_WB, 16000), Codec(AMR_WB, 16000, "octet-align=1")
sound, heard = tone(16000, 700, 1.0), []
for start in range(0, 16000, 320):
    heard.append(codec.decode(codec.parse(sender.encode(sound[start:start + 320]))[0][0]))
result = {"hz": strongest_hz(np.concatenate(heard), 16000),
          "errors": dict(plugins.error_counts())}
""")
    assert abs(result["hz"] - 700) < 14
    assert result["errors"] == {"AMR-WB.other-framing": 1}


def test_malformed_packets_are_counted_and_harm_nothing() -> None:
    result = run("""
rng = np.random.default_rng(7)
tried = refused = 0
for codec_id in (OPUS, AMR_WB):
    codec = Codec(codec_id, 16000)
    for _ in range(1500):
        packet = rng.bytes(int(rng.integers(1, 200)))
        pieces = codec.parse(packet, int(rng.integers(0, 2**32)))
        tried += 1
        refused += not pieces
        for data, _, _ in pieces[:3]:
            codec.decode(data)
            codec.recover()
    rate = 16000
    sound = tone(rate, 700, 0.5)
    heard = []
    for start in range(0, len(sound), 320):
        clean = codec.encode(sound[start:start + 320])
        heard += [codec.decode(data) for data, _, _ in codec.parse(clean, start * 3)]
    assert abs(strongest_hz(np.concatenate(heard[5:]), rate) - 700) < 14
    codec.close()
errors = dict(plugins.error_counts())
result = {"tried": tried, "refused": refused, "errors": errors}
""")
    assert 0 < result["refused"] < result["tried"]
    assert result["errors"]["OPUS.parse"] > 0
    assert result["errors"]["AMR-WB.parse"] > 0


def test_a_rate_opus_does_not_know_is_refused() -> None:
    result = run("""
from callengine.worker.native import layout
from callengine.worker.native.libraries import ffi, pjmedia
api = pjmedia()
manager = api.pjmedia_endpt_get_codec_mgr(api.pjsua_get_pjmedia_endpt())
info = ffi.new("pjmedia_codec_info *", layout.find(manager, OPUS)[0])
slot, result = ffi.new("pjmedia_codec **"), {}
for rate in (44100, 7999, 1, 0, 12000):
    info.clock_rate = rate
    result[str(rate)] = api.pjmedia_codec_mgr_alloc_codec(manager, info, slot) == 0
api.pjmedia_codec_mgr_dealloc_codec(manager, slot[0])
""")
    assert result == {"44100": False, "7999": False, "1": False, "0": False, "12000": True}


def test_opening_and_closing_codecs_leaks_no_memory() -> None:
    result = run("""
from callengine.worker.plugins import installation
def resident_kb():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
def cycle(count):
    for _ in range(count):
        for codec_id in (OPUS, AMR_WB):
            codec = Codec(codec_id, 16000, "useinbandfec=1", 2)
            sound = tone(16000, 700, 0.04)
            for data, _, _ in codec.parse(codec.encode(sound)):
                codec.decode(data)
            codec.recover()
            codec.close()
cycle(100)
before = resident_kb()
cycle(200)
result = {"grown_kb": resident_kb() - before,
          "held": sum(factory.instances for factory in installation._factories.values())}
""")
    assert result["held"] == 0
    assert result["grown_kb"] < 600, result  # one encoder and decoder pair is about 60 kB


def test_endpoints_follow_each_other_in_one_process() -> None:
    result = run_python(
        PREAMBLE
        + """
result = []
for _ in range(3):
    with endpoint(16000) as report:
        codec = Codec(OPUS, 16000)
        codec.encode(tone(16000, 700, 0.02))
        codec.close()
        result.append(report.unavailable)
print(json.dumps({"unavailable": result}))
"""
    )
    # Each endpoint finds the same as the first: all of the catalogue but what is unsafe here.
    first, *others = result["unavailable"]
    assert set(first) == {"SPEEX", "SPEEX-WB"}
    assert others == [first, first]


def test_a_missing_frame_clears_no_more_than_pjmedias_packet_buffer() -> None:
    # The buffer is min(PJMEDIA_MAX_MTU - 20, ...) = 1480 bytes; past it lies the payload type sent.
    result = run("""
result = {c: Codec(c, 16000).param.info.max_rx_frame_size for c in (OPUS, AMR_WB)}
""")
    assert all(61 <= size <= 1480 for size in result.values()), result
