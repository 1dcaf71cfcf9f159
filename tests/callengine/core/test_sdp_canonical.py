"""What a peer wrote, however it wrote it, goes inward in one form and means the same to all."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callengine.core.numbering import changed, renumbered
from callengine.core.peersdp import compact
from callengine.core.sdp import SdpError, offered_codecs, read_audio
from callengine.core.standins import stand_in, stand_ins
from tests.callengine.core.test_sdp import HEAD, audio

FORMS = [
    ("opus without channels", "96", ["rtpmap:96 opus/48000"], ["96 opus/48000/2"]),
    ("opus with one", "96", ["rtpmap:96 opus/48000/1"], ["96 opus/48000/2"]),
    ("opus in capitals and spaces", "96", ["rtpmap: 96  OPUS / 48000 / 2 "], ["96 opus/48000/2"]),
    ("PCMU with one channel", "0", ["rtpmap:0 pcmu/8000/1"], ["0 PCMU/8000"]),
    ("stereo PCMU at a number of its own", "98 8", ["rtpmap:98 PCMU/8000/2"], ["8 PCMA/8000"]),
    ("stereo PCMU at number 0", "0 8", ["rtpmap:0 PCMU/8000/2"], ["8 PCMA/8000"]),
    ("stereo AMR-WB", "97 98", ["rtpmap:97 AMR-WB/16000/2", "rtpmap:98 AMR-WB/16000"],
     ["98 AMR-WB/16000"]),
    ("six channels of opus", "96 0", ["rtpmap:96 opus/48000/6"], ["0 PCMU/8000"]),
    ("channels that are a word", "0 8", ["rtpmap:0 PCMU/8000/stereo"], ["8 PCMA/8000"]),
    ("number 0 means something else", "0 8", ["rtpmap:0 G726-32/8000"], ["8 PCMA/8000"]),
    ("number 0 means another codec of ours", "0 8", ["rtpmap:0 opus/48000/2"], ["8 PCMA/8000"]),
    ("number 0 means nothing", "0 8", ["rtpmap:0 ???"], ["8 PCMA/8000"]),
    ("a codec at a number of RTCP's", "72 76 8", ["rtpmap:72 opus/48000/2", "rtpmap:76 opus/48000"],
     ["8 PCMA/8000"]),
    ("an unassigned low number without a word", "40 8", [], ["8 PCMA/8000"]),
    ("G729 by its annex", "18", ["rtpmap:18 G729a/8000"], ["18 G729/8000"]),
    ("another codec at its number", "18 8", ["rtpmap:18 G729D/8000"], ["8 PCMA/8000"]),
    ("AMR-WB that asks for CRC", "96 8", ["rtpmap:96 AMR-WB/16000", "fmtp:96 octet-align=1; CRC=1"],
     ["8 PCMA/8000"]),
    ("AMR-WB interleaved", "96 8", ["fmtp:96 interleaving=4", "rtpmap:96 amr-wb/16000"],
     ["8 PCMA/8000"]),
    ("AMR sorted", "96 97", ["rtpmap:96 AMR/8000", "fmtp:96 robust-sorting=1",
                             "rtpmap:97 AMR/8000", "fmtp:97 crc=0;interleaving=0"],
     ["97 AMR/8000"]),
    ("AMR-WB of two channels", "96 8", ["rtpmap:96 AMR-WB/16000", "fmtp:96 channels=2"],
     ["8 PCMA/8000"]),
    ("PCMU at a dynamic number", "96 8", ["rtpmap:96 PCMU/8000"], ["96 PCMU/8000", "8 PCMA/8000"]),
    ("G722 by its audio rate", "9", ["rtpmap:9 G722/16000"], ["9 G722/8000"]),
    ("G722 in small letters", "9", ["rtpmap:9 g722/16000/1"], ["9 G722/8000"]),
    ("one number twice", "0 0 8 0", [], ["0 PCMU/8000", "8 PCMA/8000"]),
    ("two rtpmaps of a number", "96 8", ["rtpmap:96 opus/48000/2", "rtpmap:96 iLBC/8000"],
     ["96 opus/48000/2", "8 PCMA/8000"]),
    ("rtpmaps of numbers that are not there", "8", ["rtpmap:96 opus/48000/2", "fmtp:96 cbr=1"],
     ["8 PCMA/8000"]),
    ("an event in other letters", "8 101", ["rtpmap:101 Telephone-Event/8000/1"],
     ["8 PCMA/8000", "101 telephone-event/8000"]),
    ("an event at a low number", "8 19", ["rtpmap:19 telephone-event/8000"], ["8 PCMA/8000"]),
    ("the event first", "101 8", ["rtpmap:101 telephone-event/8000"],
     ["101 telephone-event/8000", "8 PCMA/8000"]),
    ("numbers with zeros", "008 8", [], ["8 PCMA/8000"]),
    ("numbers that are none", "8 128 999 x *", [], ["8 PCMA/8000"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("formats", "attributes", "maps"), [f[1:] for f in FORMS], ids=[f[0] for f in FORMS]
)
def test_a_payload_type_is_written_as_it_was_understood(
    formats: str, attributes: list[str], maps: list[str]
) -> None:
    offer = HEAD + audio(formats, *attributes)
    text = compact(offer)
    assert re.findall(r"a=rtpmap:(.*)\r\n", text) == maps
    assert f"RTP/AVP {' '.join(line.split()[0] for line in maps)}\r\n" in text
    assert offered_codecs(text) == offered_codecs(offer)
    assert compact(text) == text


NUMBERS = [
    # what a peer wrote, and whether it answers; what pjmedia reads, and what is on the wire
    ("G722 at a dynamic number", False, "110 8", ["rtpmap:110 G722/8000", "fmtp:110 x=1"],
     "9 8", {9: 110}),
    ("OPUS and keys at low numbers", False, "35 8 95",
     ["rtpmap:35 opus/48000/2", "rtpmap:95 telephone-event/8000"], "96 8 97", {96: 35, 97: 95}),
    ("PCMA at a low number", False, "21 0", ["rtpmap:21 PCMA/8000"], "8 0", {8: 21}),
    ("PCMU at a dynamic number, offered", False, "118", ["rtpmap:118 PCMU/8000"], "118", {}),
    ("the same in an answer", True, "118", ["rtpmap:118 PCMU/8000"], "0", {0: 118}),
    ("twice", True, "118 0", ["rtpmap:118 PCMU/8000"], "0", {0: 118}),
    ("G729, GSM and OPUS in an answer", True, "97 98 111",
     ["rtpmap:97 G729/8000", "rtpmap:98 GSM/8000", "rtpmap:111 opus/48000/2"],
     "18 3 111", {18: 97, 3: 98}),
    ("low numbers in an answer", True, "77 40",
     ["rtpmap:77 AMR-WB/16000", "rtpmap:40 telephone-event/8000"], "96 97", {96: 77, 97: 40}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("is_answer", "formats", "attributes", "shown", "numbers"),
    [n[1:] for n in NUMBERS],
    ids=[n[0] for n in NUMBERS],
)
def test_a_codec_at_any_number_is_shown_at_one_pjmedia_takes(
    is_answer: bool,
    formats: str,
    attributes: list[str],
    shown: str,
    numbers: dict[int, int],
) -> None:
    written = HEAD + audio(formats, *attributes)
    text = compact(written, is_answer=is_answer)
    assert f" RTP/AVP {shown}\r\n" in text
    read = read_audio(text)
    assert read is not None
    assert read.numbers == numbers
    assert read.codecs == offered_codecs(written)
    # Of our answer, what the peer reads; and again nothing else is changed.
    ours = text.replace("a=x-numbers", "a=y").encode()
    wire = renumbered(ours, numbers)
    for own, theirs in numbers.items():
        assert b"a=rtpmap:%d " % theirs in wire
        assert b"a=rtpmap:%d " % own not in wire
    back = {theirs: own for own, theirs in numbers.items()}
    assert renumbered(wire, back) == ours


def test_numbers_on_the_wire_follow_one_another() -> None:
    assert changed({}, {9: 110}) == {9: 110}
    assert changed({9: 110}, {9: 111, 96: 35}) == {110: 111, 96: 35}
    assert changed({9: 110, 96: 35}, {}) == {110: 9, 35: 96}


def test_formats_of_others_never_look_like_ours() -> None:
    for formats, attributes in (
        ("0", ["rtpmap:0 X-NEW/8000"]),
        ("4", []),
        ("0 9", ["rtpmap:0 PCMU/8000/2", "rtpmap:9 G722/48000"]),
        (
            "110 111",
            [
                "rtpmap:110 AMR-WB/16000",
                "fmtp:110 interleaving=2",
                "rtpmap:111 AMR/8000",
                "fmtp:111 crc=1",
            ],
        ),
    ):
        text = compact(HEAD + audio(formats, *attributes))
        assert "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 not-ours/8000\r\n" in text
        assert offered_codecs(text) == ()


ORIGINS = [
    "Sonus UAC 1 1 IN IP4 192.0.2.1",
    " 1 1 IN IP4 192.0.2.1",
    "- -5 -7 IN IP4 192.0.2.1",
    "- 1234567890123456789012345 1234567890123456789012345 IN IP4 192.0.2.1",
    "-",
    "ünïcode 1 1 IN IP6 ::1",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_origin_is_ours_whatever_the_peer_wrote(origin: str) -> None:
    usual = compact(HEAD + audio("0"))
    assert compact(HEAD.replace("- 1 1 IN IP4 192.0.2.1", origin) + audio("0")) == usual
    assert re.match(r"v=0\r\no=- 1 \d{1,10} IN IP4 127\.0\.0\.1\r\ns=-\r\n", usual)


@pytest.mark.parametrize("name", ["s=", "s= ", "s=A call\r\ni=x", "s=ü" * 40])
def test_the_session_name_is_ours(name: str) -> None:
    assert compact(HEAD.replace("s=-", name) + audio("0")) == compact(HEAD + audio("0"))


def test_the_version_changes_when_the_description_does_and_only_then() -> None:
    def version(text: str) -> str:
        return compact(text).splitlines()[1].split()[2]

    usual = version(HEAD + audio("0"))
    assert version(HEAD.replace("- 1 1", "x 7 9") + audio("0", "x-new:1")) == usual
    for other in (audio("8"), audio("0", "sendonly"), audio("0").replace("4000", "4002")):
        assert version(HEAD + other) != usual


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        (["ptime:30"], ["ptime:30"]),
        (["ptime:10"], ["ptime:10"]),
        (["ptime:60"], ["ptime:60"]),
        (["ptime:25"], ["ptime:20"]),
        (["ptime:0"], ["ptime:20"]),
        (["ptime:5000"], ["ptime:20"]),
        (["ptime:100"], ["ptime:20"]),
        (["ptime: 30.0 "], ["ptime:30"]),
        (["maxptime:10"], ["ptime:10", "maxptime:10"]),
        (["maxptime:150"], ["maxptime:150"]),
        (["maxptime:0"], []),
        (["ptime:60", "maxptime:40"], ["ptime:40", "maxptime:40"]),
        (["maxptime:35", "ptime:60"], ["ptime:30", "maxptime:35"]),
        (["maxptime:5"], ["ptime:10", "maxptime:5"]),
    ],
)
def test_packet_times_are_folded_into_what_is_sent(attributes: list[str], kept: list[str]) -> None:
    text = compact(HEAD + audio("0", *attributes))
    assert re.findall(r"a=((?:max)?ptime:.*)\r\n", text) == kept


@pytest.mark.parametrize(
    ("codecs", "attributes", "ptime"),
    [
        (["opus/48000/2"], ["ptime:30"], 20),
        (["opus/48000/2"], ["ptime:50"], 40),
        (["opus/48000/2", "AMR-WB/16000"], ["ptime:60"], 60),
        (["opus/48000/2", "PCMU/8000"], ["ptime:30"], 30),
        (["opus/48000/2", "PCMU/8000"], ["ptime:30", "maxptime:30"], 20),
        (["PCMU/8000"], ["ptime:30", "maxptime:30"], 30),
        (["X-NEW/8000"], ["ptime:30"], 30),
    ],
)
def test_a_packet_time_is_one_that_the_codecs_can_keep(
    codecs: list[str], attributes: list[str], ptime: int
) -> None:
    maps = [f"rtpmap:{96 + n} {codec}" for n, codec in enumerate(codecs)]
    numbers = " ".join(str(96 + n) for n in range(len(codecs)))
    assert f"a=ptime:{ptime}\r\n" in compact(HEAD + audio(numbers, *maps, *attributes))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("rtcp:4001", "rtcp:4001"),
        ("rtcp:4001 IN IP4 192.0.2.3", "rtcp:4001 IN IP4 192.0.2.3"),
        ("rtcp:0", None),
        ("rtcp:99999", None),
        ("rtcp:4001 IN IP4 999.0.2.3", None),
        ("rtcp:4001 IN IP4 host.example", None),
        ("rtcp:4001 IN IP6 2001:db8::1", None),
    ],
)
def test_an_rtcp_address_that_pjmedia_would_refuse_is_left_out(
    value: str, kept: str | None
) -> None:
    text = compact(HEAD + audio("0", value))
    assert re.findall(r"a=(rtcp:.*)\r\n", text) == ([kept] if kept else [])


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("useinbandfec=1; stereo=0", "useinbandfec=1;stereo=0"),
        ("useinbandfec = 1;;x", "useinbandfec=1;x"),
        ('a="b c";cbr=1', "cbr=1"),
        ("ü=1;cbr=1", "cbr=1"),
        (";".join(f"p{n}=1" for n in range(20)), ";".join(f"p{n}=1" for n in range(12))),
    ],
)
def test_format_parameters_are_cut_to_what_every_parser_takes(value: str, kept: str) -> None:
    text = compact(HEAD + audio("96", "rtpmap:96 opus/48000/2", f"fmtp:96 {value}"))
    assert re.findall(r"a=fmtp:96 (.*)\r\n", text) == [kept]


@pytest.mark.parametrize(
    ("formats", "maps", "kept"),
    [
        ("96 101 102", ["96 opus/48000/2", "101 telephone-event/8000",
                        "102 telephone-event/48000"], {48000: 102}),
        ("0 102 101", ["101 telephone-event/8000", "102 telephone-event/48000"], {8000: 101}),
        ("96 101 102", ["96 AMR-WB/16000", "101 telephone-event/8000",
                        "102 telephone-event/48000"], {8000: 101}),
        ("96 101", ["96 opus/48000/2", "101 telephone-event/8000"], {8000: 101}),
    ],
)  # fmt: skip
def test_of_an_answer_one_telephone_event_stays(
    formats: str, maps: list[str], kept: dict[int, int]
) -> None:
    answer = HEAD + audio(formats, *(f"rtpmap:{value}" for value in maps))
    found = read_audio(compact(answer, is_answer=True))
    assert found is not None
    assert found.telephone_events == kept
    offered = read_audio(compact(answer))
    assert offered is not None
    assert len(offered.telephone_events) == len(maps) - ("96" in formats)


def test_the_audio_line_with_a_codec_of_ours_is_used() -> None:
    offer = HEAD + audio("4") + audio("8") + audio("0")
    assert offered_codecs(offer) == ("PCMA",)
    lines = [line for line in compact(offer).splitlines() if line.startswith("m=")]
    assert lines == ["m=audio 0 RTP/AVP 4", "m=audio 4000 RTP/AVP 8", "m=audio 0 RTP/AVP 0"]


IPV6_HEAD = HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP6 2001:DB8:0::1")


def test_another_address_stands_in_for_one_of_ipv6() -> None:
    offer = IPV6_HEAD + audio("0", "rtcp:4001 IN IP6 2001:db8::9", "x-ipv6:on 127.128.0.9=::7")
    found = read_audio(offer)
    assert found is not None
    assert (found.codecs, found.address) == (("PCMU",), "2001:db8::1")
    text = compact(offer)
    assert "IP6" not in text
    named = re.findall(r"IN IP4 (127\.[0-9.]+)\r\n", text)[1:]
    assert stand_ins(text) == dict(zip(named, ["2001:db8::1", "2001:db8::9"], strict=True))
    assert text.count("x-ipv6") == 1
    other = compact(offer.replace("DB8:0::1", "DB8:0::2"))
    assert re.findall(r"c=.*", other) != re.findall(r"c=.*", text)
    assert other.splitlines()[1] != text.splitlines()[1]


@pytest.mark.parametrize(
    ("written", "inside"),
    [("::", "0.0.0.0"), ("::ffff:192.0.2.7", "192.0.2.7"), ("fe80::1%eth0", stand_in("fe80::1"))],
)
def test_an_address_is_what_it_means_however_it_is_written(written: str, inside: str) -> None:
    text = compact(HEAD.replace("c=IN IP4 192.0.2.1", f"c=IN IP6 {written}") + audio("0"))
    assert f"c=IN IP4 {inside}\r\n" in text
    assert "%" not in text


def test_a_call_process_is_told_where_its_leg_shows_an_ipv6_address() -> None:
    assert stand_ins(compact(HEAD + audio("0"))) is None
    assert stand_ins(compact(HEAD + audio("0"), has_ipv6=True)) == {}


@pytest.mark.parametrize(
    "line",
    [
        "x-ipv6:on 127.200.0.1=2001:db8::1",
        "x-ipv6:on 192.0.2.1=2001:db8::1",
        "x-ipv6:on =:: 1=: 2",
    ],
)
def test_what_stands_for_nothing_is_not_believed(line: str) -> None:
    assert stand_ins(f"a={line}\r\n") == {}


def test_the_family_is_that_of_the_address_not_of_the_word_before_it() -> None:
    named = HEAD.replace("IN IP4 192.0.2.1\r\nt", "IN IP4 ::1\r\nt") + audio("0")
    assert list((stand_ins(compact(named)) or {}).values()) == ["::1"]
    mislabelled = HEAD.replace("c=IN IP4", "c=IN IP6") + audio("0")
    assert offered_codecs(mislabelled) == ("PCMU",)
    assert "c=IN IP4 192.0.2.1\r\n" in compact(mislabelled)


NAMES = st.sampled_from(["opus", "PCMU", "pcma", "G722", "AMR-WB", "telephone-event", "X", "", "ü"])
MAPS = st.builds(
    "rtpmap:{}{}{}/{}/{}".format,
    st.integers(0, 130),
    st.sampled_from([" ", "  ", "", "\t"]),
    NAMES,
    st.sampled_from([8000, 16000, 48000, 0, "x"]),
    st.sampled_from(["", "1", "2", "6", "x"]),
)
FMTPS = st.builds("fmtp:{} {}".format, st.integers(0, 130), st.text(max_size=40))
TIMES = st.builds("{}:{}".format, st.sampled_from(["ptime", "maxptime", "rtcp"]), st.integers(-1))


@settings(max_examples=300)
@given(
    st.lists(st.integers(0, 130), min_size=1, max_size=30),
    st.lists(MAPS | FMTPS | TIMES, max_size=20),
    st.booleans(),
)
def test_the_compact_form_reads_back_as_the_same(
    numbers: list[int], attributes: list[str], is_answer: bool
) -> None:
    offer = HEAD + audio(" ".join(map(str, numbers)), *attributes)
    try:
        text = compact(offer, is_answer=is_answer)
    except SdpError:
        return
    assert offered_codecs(text) == offered_codecs(offer)
    if "a=x-numbers:" not in text:
        assert compact(text, is_answer=is_answer) == text
    assert text.isascii()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("mode=20", "mode=20"),
        ("MODE = 20 ; x=1", "mode=20"),
        ("mode=30", "mode=30"),
        # pjmedia takes any other length of a frame for a fault of its own, and aborts.
        ("mode=25", "mode=30"),
        ("mode=200", "mode=30"),
        ("mode=", "mode=30"),
        ("dummy=1", "mode=30"),
    ],
)
def test_ilbc_has_one_of_its_two_modes(written: str, read: str) -> None:
    text = compact(HEAD + audio("97", "rtpmap:97 iLBC/8000", f"fmtp:97 {written}"))
    assert f"a=fmtp:97 {read}\r\n" in text


@pytest.mark.parametrize(
    ("before", "written"),
    [
        ("m=audio 4 UDP/TLS/RTP/SAVPF 8\r\n", "m=audio 4000 RTP/AVP 0"),
        ("m=video 4 RTP/AVP 99\r\n", "m=audio 4000 RTP/AVP 0"),
        ("", "m=audio 4000 RTP/AVP 0"),
    ],
)
def test_an_answer_has_the_one_line_that_was_offered(before: str, written: str) -> None:
    """RFC 3264 section 6. At more, pjsip may end its process."""
    text = compact(HEAD + before + audio("0", line="m=audio 4000 RTP/AVP"), is_answer=True)
    assert [line for line in text.splitlines() if line.startswith("m=")] == [written]


def test_an_answer_without_audio_has_its_one_line_off() -> None:
    text = compact(f"{HEAD}m=video 4 RTP/AVP 99\r\nm=image 6 udptl t38\r\n", is_answer=True)
    assert [line for line in text.splitlines() if line.startswith("m=")] == ["m=audio 0 RTP/AVP 99"]


def test_each_line_has_an_address_where_the_session_has_none() -> None:
    """pjsip ended its process (sdp_neg.c) as it answered a line without one."""
    own = "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=video 6 RTP/AVP 99\r\n"
    text = compact(f"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n{own}")
    assert "m=video 0 RTP/AVP 99\r\nc=IN IP4 127.0.0.1\r\n" in text
