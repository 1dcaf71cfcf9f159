"""What is done to a caller's audio for an agent, and back, with real codecs and no call."""

from collections.abc import Iterator

import pytest

from agents.formats import Encoding
from callengine.worker.audio.callercodecs import CallerCodec
from callengine.worker.rtp.heard import StreamFormat
from tests.callengine.worker.audio.offline import CODEC_IDS, Offline

FORMATS = [encoding.value for encoding in Encoding]


@pytest.fixture(scope="module")
def offline() -> Iterator[Offline]:
    with Offline() as running:
        yield running


@pytest.fixture(scope="module")
def tones(offline: Offline) -> dict[str, dict[str, list[float]]]:
    """A tone both ways on every codec and every pair of formats."""
    return offline.run(f"""
result = {{
    f"{{name}} {{heard}} {{said}}": tone_both_ways(name, heard, said)
    for name in CODEC_IDS for heard in {FORMATS} for said in {FORMATS}
}}
""")


@pytest.mark.parametrize("name", CODEC_IDS)
@pytest.mark.parametrize("heard", FORMATS)
@pytest.mark.parametrize("said", FORMATS)
def test_a_tone_keeps_its_pitch_and_level_both_ways(
    tones: dict[str, dict[str, list[float]]], name: str, heard: str, said: str
) -> None:
    for pitch_hz, level_db in tones[f"{name} {heard} {said}"].values():
        assert pitch_hz == pytest.approx(1000, abs=2)
        assert level_db == pytest.approx(0, abs=1)


@pytest.fixture(scope="module")
def untouched(offline: Offline) -> dict[str, list[bool]]:
    return offline.run("""
result = {}
every = bytes(range(256))
for name, encoding in (("PCMU", "audio/pcmu"), ("PCMA", "audio/pcma")):
    paths = paths_of(name, encoding, encoding)
    pieces = [every, every[:160], every[96:], every[:1], every[:80], every * 2]
    result[name] = [paths.to_agent.sound(piece) == piece for piece in pieces]
    result[name] += [paths.to_caller.payload(piece) == piece for piece in pieces]
    result[name] += [w == "bytes pass untouched" for w in (paths.to_agent.how, paths.to_caller.how)]
""")


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_g711_to_the_same_g711_passes_untouched_all_256_values(
    untouched: dict[str, list[bool]], name: str
) -> None:
    assert len(untouched[name]) == 14
    assert all(untouched[name])


def test_the_two_laws_of_g711_are_made_each_other_by_the_nearest_value(offline: Offline) -> None:
    """Held against pjmedia's tables: the agent hears what the phone said, but for a step."""
    result = offline.run("""
every, result = bytes(range(256)), {}
for name, other, encoding in (("PCMU", "PCMA", "audio/pcma"), ("PCMA", "PCMU", "audio/pcmu")):
    paths = paths_of(name, encoding, encoding)
    pieces = [every[:160], every[96:]]
    said = np.concatenate([CallersPhone(name).hear([p]) for p in pieces]).astype(int)
    to_agent = [paths.to_agent.sound(p) for p in pieces]
    heard = np.concatenate([CallersPhone(other).hear([p]) for p in to_agent]).astype(int)
    far = lambda other: float((np.abs(other - said) / np.maximum(np.abs(said), 256)).max())
    back = [paths.to_caller.payload(p) for p in to_agent]
    again = np.concatenate([CallersPhone(name).hear([p]) for p in back]).astype(int)
    result[name] = [far(heard), far(again), paths.to_agent.how]
""")
    for name, how in (("PCMU", "mu-law → A-law"), ("PCMA", "A-law → mu-law")):
        assert result[name][0] < 0.04
        assert result[name][1] < 0.04
        assert result[name][2] == f"translated {how}"


def test_packets_of_any_length_keep_their_time_both_ways(offline: Offline) -> None:
    result = offline.run("""
result = {}
for name in CODEC_IDS:
    for ptime in (10, 20, 30, 40, 60):
        paths, phone = paths_of(name, "audio/pcm", "audio/pcm", ptime_ms=ptime), CallersPhone(name)
        size, stream = paths.to_caller.frame_bytes, stream_of(name, ptime)
        sent = [paths.to_caller.payload(bytes(size)) for _ in range(1200 // stream.frame_ms)]
        ticks = sum(map(stream.ticks_of, sent))
        heard = b"".join(map(paths.to_agent.sound, sent))
        result[f"{name}/{ptime}"] = [stream.frame_ms, ticks / stream.clock_hz, len(heard) / 48000]
        paths.close()
""")
    for name, (frame_ms, sent_s, heard_s) in result.items():
        codec, _, ptime = name.partition("/")
        expected = (
            int(ptime) if codec in ("PCMU", "PCMA", "G722") else max(20, int(ptime) // 20 * 20)
        )
        assert frame_ms == expected, name
        assert sent_s == pytest.approx(1.2, abs=0.021), name
        assert heard_s == pytest.approx(1.2, abs=0.021), name


def test_a_loss_is_concealed_keeps_time_and_does_not_go_on_for_ever(offline: Offline) -> None:
    result = offline.run("""
result = {}
for name in CODEC_IDS:
    for heard in ("audio/pcm", "audio/pcmu", "audio/pcma"):
        paths, phone = paths_of(name, heard, heard), CallersPhone(name)
        payloads = phone.payloads(tone(phone.rate_hz, 700, 0.6))
        for payload in payloads[:20]:
            paths.to_agent.sound(payload)
        short = read(paths.to_agent.gap(20, payloads[21]), heard)
        for payload in payloads[21:]:
            paths.to_agent.sound(payload)
        long = read(paths.to_agent.gap(400), heard)
        after = read(b"".join(map(paths.to_agent.sound, payloads[:10])), heard)
        rate = paths.to_agent.audio.sample_rate_hz
        power = lambda part: float(np.sqrt(np.mean(part.astype(float) ** 2)))
        result[f"{name} {heard}"] = [len(short) / rate, len(long) / rate, power(short),
            power(long[rate // 4:]), len(after) / rate, power(after[rate // 10:])]
        paths.close()
""")
    assert len(result) == 15
    for name, (short_s, long_s, concealed, end, after_s, after) in result.items():
        assert (short_s, long_s, after_s) == pytest.approx((0.02, 0.4, 0.2)), name
        assert concealed > 2000, name
        assert end < 200, name
        assert after > 3000, name


def test_a_lost_frame_of_opus_is_taken_from_the_packet_that_follows(offline: Offline) -> None:
    with_copies, without = offline.run("""
at = np.arange(48000) / 24000
phase = np.cumsum(2 * np.pi * (140 + 30 * np.sin(2 * np.pi * 3 * at)) / 24000)
voice = sum(np.sin(k * phase) / k for k in range(1, 20))
sound = (4000 * voice * (0.2 + 0.8 * (np.sin(2 * np.pi * 4 * at) > 0))).astype(np.int16)
phone = paths_of("OPUS", "audio/pcm", "audio/pcm", "useinbandfec=1")
packets = [phone.to_caller.payload(sound[i:i + 480].tobytes()) for i in range(0, 48000, 480)]
def error(copies):
    taker, whole, off = (paths_of("OPUS", "audio/pcm", "audio/pcm") for _ in range(2)), None, []
    taker, whole = taker
    for number, packet in enumerate(packets[:-1]):
        ideal = np.frombuffer(whole.to_agent.sound(packet), np.int16).astype(float)
        if number % 7 != 3:
            taker.to_agent.sound(packet)
            continue
        made = taker.to_agent.gap(20, packets[number + 1] if copies else b"")
        off.append(float(np.mean((np.frombuffer(made, np.int16) - ideal) ** 2)))
    return sum(off)
result = [error(True), error(False)]
""")
    assert with_copies < without / 2


def test_what_is_no_payload_makes_no_sound_and_no_fault(offline: Offline) -> None:
    result = offline.run("""
import random
chance, result = random.Random(7), {}
for name in CODEC_IDS:
    paths, stream = paths_of(name, "audio/pcm", "audio/pcm"), stream_of(name)
    for size in [0, 1, 2, 3, *range(4, 1400, 37), 1400]:
        payload = chance.randbytes(size)
        stream.ticks_of(payload)
        assert len(paths.to_agent.sound(payload)) % 2 == 0
        paths.to_agent.gap(20, payload)
    result[name] = stream.ticks_of(b"")
    paths.close()
""")
    assert result == dict.fromkeys(CODEC_IDS, 0)


def test_silence_is_the_codecs_own_and_what_was_said_before_is_heard_to_its_end(
    offline: Offline,
) -> None:
    result = offline.run("""
result = {}
for name in CODEC_IDS:
    for said in ("audio/pcm", "audio/pcmu", "audio/pcma"):
        paths, phone = paths_of(name, said, said), CallersPhone(name)
        rate = paths.to_caller.audio.sample_rate_hz
        audio, size = written(tone(rate, 1000, 0.2), said), paths.to_caller.frame_bytes
        sent = [paths.to_caller.payload(audio[at:at + size]) for at in range(0, len(audio), size)]
        quiet = [paths.to_caller.silence() for _ in range(10)]
        heard = phone.hear(sent + quiet).astype(float)
        end = heard[-phone.rate_hz // 10:]
        result[f"{name} {said}"] = [quiet[-1].hex(), float(np.abs(end).max()),
                                    len(paths.to_agent.silence(20))]
        paths.close()
""")
    for name, (payload, peak, size) in result.items():
        assert peak < 40, name
        assert size == (960 if name.endswith("pcm") else 160), name
        if name.startswith("PCM"):
            assert payload == ("ff" if name.startswith("PCMU") else "d5") * 160, name


def test_whether_the_caller_is_loud_is_told_of_what_the_agent_hears(offline: Offline) -> None:
    result = offline.run("""
result = {}
for name in CODEC_IDS:
    for heard in ("audio/pcm", "audio/pcmu", "audio/pcma"):
        paths, phone = paths_of(name, heard, heard), CallersPhone(name)
        levels = []
        for amplitude in (1.0, 0.05, 0.005, 0.0):
            said = (tone(phone.rate_hz, 500, 0.4) * amplitude).astype(np.int16)
            for payload in phone.payloads(said):
                paths.to_agent.sound(payload)
            levels.append(paths.to_agent.is_loud)
        result[f"{name} {heard}"] = levels
        paths.close()
""")
    assert all(levels == [True, True, False, False] for levels in result.values()), result


def test_format_parameters_of_the_caller_are_heeded(offline: Offline) -> None:
    result = offline.run("""
def sent(name, fmtp, seconds=1.0):
    paths = paths_of(name, "audio/pcm", "audio/pcm", fmtp)
    audio = tone(24000, 440, seconds).tobytes()
    payloads = [paths.to_caller.payload(audio[at:at + 960]) for at in range(0, len(audio), 960)]
    return paths, payloads, audio
def bits_per_second(payloads):
    return sum(map(len, payloads)) * 8 * 50 / len(payloads)
result = {
    "opus": [bits_per_second(sent("OPUS", fmtp)[1]) for fmtp in ("", "maxaveragebitrate=8000")],
    "constant": len(set(map(len, sent("OPUS", "cbr=1")[1]))),
    "aligned": [sent("AMR-WB", fmtp)[1][9][:2].hex() for fmtp in ("", "octet-align=1")],
    "modes": sorted({len(p) for p in sent("AMR-WB", "octet-align=1;mode-set=0,2")[1]}),
}
# A mode request in what arrives changes what is sent (RFC 4867 section 4.3.1).
paths, payloads, audio = sent("AMR-WB", "octet-align=1")
asked = bytes((0x00,)) + payloads[-1][1:]  # the lowest mode
paths.to_agent.sound(asked)
result["asked"] = [len(paths.to_caller.payload(audio[:960])) for _ in range(3)]
try:
    paths_of("AMR-WB", "audio/pcm", "audio/pcm", "interleaving=30")
except PathError as error:
    result["refused"] = str(error)
result["usable"] = len(paths_of("GSM", "audio/pcm", "audio/pcmu").to_caller.silence())
try:
    paths_of("SPEEX", "audio/pcm", "audio/pcm")
except PathError as error:
    result["unusable"] = str(error)
""")
    assert 18_000 < result["opus"][0] < 30_000
    assert 6_000 < result["opus"][1] < 10_000
    assert result["constant"] == 1
    assert result["aligned"][0][:1] == "f"
    assert result["aligned"][1] == "f044", "mode 8, one frame, undamaged"
    assert result["modes"] == [34], "mode 2, the highest of the two"
    assert result["asked"] == [19, 19, 19]
    assert result["refused"].startswith("AMR-WB cannot be used for an agent: ")
    assert result["usable"] == 33
    assert result["unusable"].startswith("SPEEX cannot be used for an agent: only PCMU, PCMA, G722")


def test_paths_work_on_another_thread_and_give_back_what_they_took(offline: Offline) -> None:
    result = offline.run("""
import gc, threading
def resident_kb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4
def work():
    for number in range(60):
        paths = paths_of("G722", "audio/pcm", "audio/pcma")
        paths.to_agent.sound(bytes(160))
        paths.to_agent.gap(40)
        paths.to_caller.payload(bytes(160))
        paths.close()
        paths.close()
        if number == 10:
            before.append(resident_kb())
    gc.collect()
    before.append(resident_kb())
before = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
result = before[1] - before[0]
""")
    assert result < 3000


@pytest.mark.parametrize(
    ("name", "payload", "ticks"),
    [
        ("PCMU", bytes(160), 160),
        ("G722", bytes(480), 480),
        ("OPUS", b"\x08" + bytes(20), 960),
        ("OPUS", b"\x0b\x06" + bytes(60), 5760),
        ("OPUS", b"", 0),
        ("OPUS", b"\x0b\x00", 0),
        ("GSM", bytes(66), 320),
        ("AMR-WB", b"\xf0\x7c", 320),
        ("AMR-WB", b"", 0),
        ("AMR-WB", b"\xff" * 20, 0),
    ],
)
def test_how_long_a_payload_lasts_is_read_from_it(name: str, payload: bytes, ticks: int) -> None:
    assert CallerCodec(name, 96).ticks_of()(payload) == ticks


def test_a_stream_is_described_as_it_was_agreed_on() -> None:
    caller = CallerCodec("OPUS", 111, ptime_ms=60, events={110: 48_000})
    stream = StreamFormat(111, caller.clock_hz, caller.ticks_of(), caller.frame_ms, caller.events)
    assert (stream.payload_type, stream.clock_hz, stream.frame_ms) == (111, 48_000, 60)


@pytest.mark.parametrize("ptime", [0, 5, 61, 200, -20])
def test_a_packet_time_nobody_uses_counts_as_the_usual_one(ptime: int) -> None:
    assert CallerCodec("PCMU", 0, ptime_ms=ptime).frame_ms == 20
