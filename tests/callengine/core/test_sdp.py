import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audiocodecs.catalogue import CATALOGUE, PLATFORM_CODECS
from callengine.core.oursdp import restrict
from callengine.core.peersdp import MAX_COMPACT_BYTES, MAX_FORMATS, compact
from callengine.core.sdp import SdpError, answer_codec, event_for, offered_codecs, read_audio

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def audio(formats: str, *attributes: str, line: str = "m=audio 4000 RTP/AVP") -> str:
    return "".join(f"{x}\r\n" for x in (f"{line} {formats}", *(f"a={a}" for a in attributes)))


OWN_ORIGIN = "o=- 1 VERSION IN IP4 127.0.0.1"
"Ours, whatever the peer wrote."
OURS = HEAD + audio(
    "96 9 97 0 8 120 121 122",
    "rtcp:4001 IN IP4 192.0.2.1",
    "sendrecv",
    "rtpmap:96 opus/48000/2",
    "fmtp:96 useinbandfec=1",
    "rtpmap:9 G722/8000",
    "rtpmap:97 AMR-WB/16000",
    "rtpmap:0 PCMU/8000",
    "rtpmap:8 PCMA/8000",
    "rtpmap:120 telephone-event/16000",
    "fmtp:120 0-16",
    "rtpmap:121 telephone-event/8000",
    "fmtp:121 0-16",
    "rtpmap:122 telephone-event/48000",
    "fmtp:122 0-16",
    "ssrc:1234 cname:x",
)
"What pjmedia writes when everything is enabled."

OFFERS = [
    ("static numbers alone", audio("9 0 8"), ("G722", "PCMU", "PCMA")),
    ("the peer's order", audio("8 0 9"), ("PCMA", "PCMU", "G722")),
    ("OPUS at 111", audio("111 0", "rtpmap:111 opus/48000/2"), ("OPUS", "PCMU")),
    ("AMR-WB at 98", audio("98", "rtpmap:98 AMR-WB/16000"), ("AMR-WB",)),
    ("AMR-WB with a channel count", audio("98", "rtpmap:98 AMR-WB/16000/1"), ("AMR-WB",)),
    (
        "lower and upper case names",
        audio(
            "98 99 100", "rtpmap:98 amr-wb/16000", "rtpmap:99 OPUS/48000/2", "rtpmap:100 pcma/8000"
        ),
        ("AMR-WB", "OPUS", "PCMA"),
    ),
    ("a name at another clock rate", audio("98", "rtpmap:98 opus/16000"), ()),
    ("G722 as it sounds, not as it is written", audio("98", "rtpmap:98 G722/16000"), ()),
    ("a static number given another meaning", audio("0", "rtpmap:0 X-NEW/8000"), ()),
    ("one codec twice", audio("0 96", "rtpmap:96 PCMU/8000"), ("PCMU",)),
    ("only unknown codecs", audio("4 96", "rtpmap:96 EVS/16000"), ()),
    ("a dynamic number without rtpmap", audio("96 8"), ("PCMA",)),
    ("telephone-event is no codec", audio("8 101", "rtpmap:101 telephone-event/8000"), ("PCMA",)),
    ("video first", audio("31", line="m=video 5000 RTP/AVP") + audio("8"), ("PCMA",)),
    ("secure audio first", audio("0", line="m=audio 5000 RTP/SAVP") + audio("8"), ("PCMA",)),
    ("a disabled audio line first", audio("0", line="m=audio 0 RTP/AVP") + audio("8"), ("PCMA",)),
    ("two audio lines", audio("0") + audio("8"), ("PCMU",)),
    ("no usable audio line", audio("0", line="m=audio 0 RTP/AVP"), ()),
    ("a port count", audio("8", line="m=audio 4000/2 RTP/AVP"), ("PCMA",)),
]


@pytest.mark.parametrize(("media", "codecs"), [o[1:] for o in OFFERS], ids=[o[0] for o in OFFERS])
def test_an_offer_is_read_in_the_peers_order(media: str, codecs: tuple[str, ...]) -> None:
    assert offered_codecs(HEAD + media) == codecs


@pytest.mark.parametrize(("media", "codecs"), [o[1:] for o in OFFERS], ids=[o[0] for o in OFFERS])
def test_sanitising_changes_no_codec(media: str, codecs: tuple[str, ...]) -> None:
    if "a=rtpmap" in media or "96" not in media:
        assert offered_codecs(compact(HEAD + media)) == codecs


@pytest.mark.parametrize(
    ("ours", "theirs", "codec"),
    [
        (("OPUS", "G722"), "8 9", "G722"),
        (("PCMA", "PCMU"), "0 8", "PCMA"),
        (("OPUS", "AMR-WB"), "0 8", None),
        (("PCMU",), "4", None),
    ],
)
def test_the_first_of_our_list_wins(ours: tuple[str, ...], theirs: str, codec: str | None) -> None:
    assert answer_codec(HEAD + audio(theirs), ours) == codec


def test_the_audio_line_is_read_with_its_numbers_and_address() -> None:
    found = read_audio(
        HEAD
        + audio(
            "111 9 101 102",
            "rtpmap:111 opus/48000/2",
            "fmtp:111 useinbandfec=1",
            "rtpmap:101 telephone-event/48000",
            "rtpmap:102 telephone-event/8000",
            "sendonly",
        ).replace("a=rtpmap:111", "c=IN IP4 192.0.2.7\r\na=rtpmap:111", 1)
    )
    assert found is not None
    assert dict(found.payload_types) == {"OPUS": (111,), "G722": (9,)}
    assert dict(found.telephone_events) == {48000: 101, 8000: 102}
    assert found.fmtp[111] == "useinbandfec=1"
    assert (found.address, found.port, found.direction) == ("192.0.2.7", 4000, "sendonly")


@pytest.mark.parametrize(
    ("written", "read"),
    [("192.0.2.7/127", "192.0.2.7"), ("192.000.002.007", "192.0.2.7"), ("224.2.1.1/127/3", None)],
)
def test_an_address_is_read_without_what_means_nothing_there(written: str, read: str) -> None:
    found = read_audio(HEAD.replace("c=IN IP4 192.0.2.1", f"c=IN IP4 {written}") + audio("0"))
    assert (found and found.address) == read


def test_the_end_of_a_string_in_c_is_no_line() -> None:
    assert offered_codecs(HEAD + audio("0") + "\0\0") == ("PCMU",)


@pytest.mark.parametrize(
    ("sdp", "direction"),
    [
        (HEAD + audio("0"), "sendrecv"),
        (HEAD + "a=inactive\r\n" + audio("0"), "inactive"),
        (HEAD + "a=inactive\r\n" + audio("0", "recvonly"), "recvonly"),
        (HEAD.replace("192.0.2.1\r\nt", "0.0.0.0\r\nt") + audio("0"), "sendonly"),
    ],
)
def test_hold_is_seen_in_each_of_its_forms(sdp: str, direction: str) -> None:
    found = read_audio(sdp)
    assert found is not None
    assert found.direction == direction


def test_session_direction_reaches_the_audio_line() -> None:
    assert compact(HEAD + "a=sendonly\r\n" + audio("0")).endswith("a=sendonly\r\n")


def test_other_media_lines_keep_their_place_and_are_disabled() -> None:
    offer = (
        HEAD
        + audio("99 98", "rtpmap:99 H264/90000", line="m=video 5000 RTP/AVP")
        + audio("0", "ptime:20")
        + audio("8", line="m=audio 6000 RTP/SAVP")
        + "m=application 7000 UDP/BFCP *\r\n"
    )
    lines = [line for line in compact(offer).splitlines() if line.startswith("m=")]
    assert lines == [
        "m=video 0 RTP/AVP 99",
        "m=audio 4000 RTP/AVP 0",
        "m=audio 0 RTP/SAVP 8",
        "m=application 0 UDP/BFCP *",
    ]


def test_only_what_a_stream_needs_is_kept() -> None:
    offer = (
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ni=x\r\nb=AS:64\r\na=ice-lite\r\na=group:BUNDLE 0\r\n"
        + audio(
            "4 0 13 101",
            "rtpmap:4 G723/8000",
            "fmtp:4 annexa=no",
            "rtpmap:101 telephone-event/8000",
            "fmtp:101 0-15",
            "candidate:1 1 UDP 1 10.0.0.1 1 typ host",
            "maxptime:150",
            "rtcp:4001",
            "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
            "recvonly",
        ).replace("a=rtpmap:4", "b=AS:64\r\nc=IN IP4 192.0.2.9\r\na=rtpmap:4", 1)
    )
    lines = compact(offer).splitlines()
    lines[1] = re.sub(r"^(o=- \d+) \d{1,10} ", r"\1 VERSION ", lines[1])
    assert lines == [
        "v=0",
        OWN_ORIGIN,
        "s=-",
        "t=0 0",
        "m=audio 4000 RTP/AVP 0 101",
        "c=IN IP4 192.0.2.9",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=maxptime:150",
        "a=rtcp:4001",
        "a=recvonly",
    ]


def test_unknown_formats_stay_when_there_are_no_others() -> None:
    offer = HEAD + audio("96 97", "rtpmap:96 EVS/16000", "rtpmap:97 X/8000")
    assert "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 EVS/16000\r\n" in compact(offer)


def test_lines_may_end_in_line_feeds_alone() -> None:
    offer = (HEAD + audio("8 0")).replace("\r\n", "\n")
    assert compact(offer) == compact(HEAD + audio("8 0"))


def test_five_hundred_lines_are_cut_to_what_fits() -> None:
    numbers = " ".join(str(n) for n in range(96, 128))
    maps = [f"rtpmap:{n} opus/48000/2" for n in range(96, 128)]
    offer = HEAD + audio(f"{numbers} 0", *maps, *(f"x-line:{n}" for n in range(470)))
    assert offer.count("\n") > 500
    text = compact(offer)
    assert len(text) < MAX_COMPACT_BYTES
    assert text.count("a=rtpmap") == MAX_FORMATS
    assert offered_codecs(offer) == ("OPUS", "PCMU")


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "hello",
        "v=1\r\n" + HEAD[5:] + audio("0"),
        HEAD,
        HEAD.replace("o=- 1 1 IN IP4 192.0.2.1\r\n", "") + audio("0"),
        HEAD.replace("c=IN IP4 192.0.2.1\r\n", "") + audio("0"),
        HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 a b") + audio("0"),
        HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 ;rm") + audio("0"),
        HEAD + "m=audio 70000 RTP/AVP 0\r\n",
        HEAD + "m=audio x RTP/AVP 0\r\n",
        HEAD + "m=audio 4000 RTP/AVP\r\n",
        HEAD + audio("0", "x:\x00"),
        HEAD + audio("96"),
        HEAD + audio("0") * 17,
        HEAD + audio("0") + "nonsense\r\n",
        HEAD + audio("0", "x" * 80_000),
    ],
)
def test_nonsense_is_refused_with_a_sentence(sdp: str) -> None:
    with pytest.raises(SdpError, match=r"^[A-Z].*\.$"):
        compact(sdp)


def test_our_description_is_cut_and_ordered_to_the_list() -> None:
    text = restrict(OURS, ["PCMA", "G722", "GSM"])
    assert text == HEAD + audio(
        "8 9 101",
        "rtpmap:8 PCMA/8000",
        "rtpmap:9 G722/8000",
        "rtpmap:101 telephone-event/8000",
        "fmtp:101 0-16",
        "ptime:20",
        "rtcp:4001 IN IP4 192.0.2.1",
        "sendrecv",
        "ssrc:1234 cname:x",
    )


@pytest.mark.parametrize(
    ("allowed", "formats", "rates"),
    [
        (["OPUS"], "96 101 102", [8000, 48000]),
        (["AMR-WB"], "97 101 102", [8000, 16000]),
        (["G722"], "9 101", [8000]),
        (["PCMU", "OPUS"], "0 96 101 102", [8000, 48000]),
        (list(PLATFORM_CODECS), "96 9 97 0 8 101 102 103", [8000, 48000, 16000]),
    ],
)
def test_an_offer_has_telephone_event_at_8000_and_the_lists_clock_rates_last(
    allowed: list[str], formats: str, rates: list[int]
) -> None:
    text = restrict(OURS, allowed)
    assert f"m=audio 4000 RTP/AVP {formats}\r\n" in text
    found = read_audio(text)
    assert found is not None
    assert list(found.telephone_events) == rates
    assert found.telephone_events[8000] == 101


def test_an_answer_has_telephone_event_at_the_rate_asked_for() -> None:
    text = restrict(OURS, ["OPUS"], telephone_events=(16000,))
    assert "m=audio 4000 RTP/AVP 96 102\r\n" in text
    assert "a=rtpmap:102 telephone-event/16000\r\na=fmtp:102 0-16\r\n" in text


def test_telephone_event_keeps_the_number_it_is_known_by() -> None:
    ours = HEAD + audio("101 102", "rtpmap:101 opus/48000/2", "rtpmap:102 AMR-WB/16000")
    found = read_audio(restrict(ours, ["OPUS", "AMR-WB"]))
    assert found is not None
    assert found.payload_types == {"OPUS": (127,), "AMR-WB": (102,)}
    assert found.telephone_events == {8000: 101, 48000: 103, 16000: 104}


@pytest.mark.parametrize(
    ("rate", "events", "chosen"),
    [
        (8000, {8000: 101}, 8000),
        (48000, {8000: 101, 48000: 102}, 48000),
        (48000, {8000: 101, 16000: 102}, 8000),
        (16000, {48000: 110}, 48000),
        (8000, {}, None),
    ],
)
def test_telephone_event_of_the_codecs_rate_is_preferred(
    rate: int, events: dict[int, int], chosen: int | None
) -> None:
    assert event_for(rate, events) == chosen


def test_telephone_event_can_be_left_out() -> None:
    assert "telephone-event" not in restrict(OURS, ["PCMA"], telephone_events=())


def test_format_parameters_are_set_replaced_and_removed() -> None:
    def fmtp(codec: str, _own: str) -> str:
        return "octet-align=1" if codec == "AMR-WB" else ""

    text = restrict(OURS, ["AMR-WB", "OPUS"], fmtp=fmtp)
    assert "a=rtpmap:97 AMR-WB/16000\r\na=fmtp:97 octet-align=1\r\n" in text
    assert "useinbandfec" not in text


def test_what_formats_become_is_remembered_and_nothing_else_is() -> None:
    asked: list[str] = []

    def fmtp(codec: str, own: str) -> str:
        asked.append(codec)
        return own

    first = restrict(OURS, ["OPUS"], fmtp=fmtp)
    later = OURS.replace("4000", "4002").replace("4001", "4003").replace("ssrc:1234", "ssrc:77")
    assert later != OURS
    second = restrict(later, ["OPUS"], fmtp=fmtp)
    assert asked == ["OPUS"]
    changed = first.replace("4000", "4002").replace("4001", "4003").replace("ssrc:1234", "ssrc:77")
    assert second == changed
    without = OURS.replace("a=fmtp:96 ", "a=x-fmtp:96 ")
    assert without != OURS
    restrict(without, ["OPUS"], fmtp=fmtp)
    assert asked == ["OPUS", "OPUS"]


def test_static_payload_types_get_an_rtpmap() -> None:
    assert "a=rtpmap:8 PCMA/8000\r\n" in restrict(HEAD + audio("8 0"), ["PCMA"])


def test_other_media_lines_of_ours_are_untouched() -> None:
    video = audio("99", "rtpmap:99 H264/90000", line="m=video 0 RTP/AVP")
    assert restrict(HEAD + video + audio("8 0"), ["PCMA"]).startswith(HEAD + video)


def test_a_description_without_any_allowed_codec_is_refused() -> None:
    with pytest.raises(SdpError, match="GSM"):
        restrict(OURS, ["GSM"])


CODECS = st.lists(st.sampled_from(sorted(CATALOGUE)), unique=True, min_size=1)


@st.composite
def offers(draw: st.DrawFn) -> tuple[str, list[str]]:
    """An offer of known codecs at numbers drawn at random, names in any case.

    G722 has its own number: at another it is not spoken.
    """
    names = draw(CODECS)
    numbers = draw(
        st.lists(st.integers(96, 127), unique=True, min_size=len(names), max_size=len(names))
    )
    numbers = [9 if name == "G722" else n for name, n in zip(names, numbers, strict=True)]
    upper = draw(st.booleans())
    maps = []
    for number, name in zip(numbers, names, strict=True):
        value = CATALOGUE[name].rtpmap
        maps.append(f"rtpmap:{number} {value.upper() if upper else value.lower()}")
    return HEAD + audio(" ".join(map(str, numbers)), *maps), names


@given(offers())
def test_any_numbering_and_case_is_understood(offer: tuple[str, list[str]]) -> None:
    sdp, names = offer
    assert offered_codecs(sdp) == tuple(names)
    assert offered_codecs(compact(sdp)) == tuple(names)
    assert compact(compact(sdp)) == compact(sdp)


@given(offers(), CODECS)
def test_a_restricted_description_holds_our_list_and_nothing_else(
    offer: tuple[str, list[str]], allowed: list[str]
) -> None:
    sdp, names = offer
    shared = tuple(name for name in allowed if name in names)
    if not shared:
        with pytest.raises(SdpError):
            restrict(sdp, allowed)
        return
    text = restrict(sdp, allowed)
    assert offered_codecs(text) == shared
    found = read_audio(text)
    assert found is not None
    assert text.count("a=rtpmap") == len(shared) + len(found.telephone_events)
    assert restrict(text, allowed) == text


PIECES = st.sampled_from(
    [*(HEAD + OURS).splitlines(), "m=video 1 RTP/AVP 31", "m=audio 0 RTP/AVP 0", "a=fmtp:0 x", "c="]
)


@settings(max_examples=300)
@given(st.lists(PIECES | st.text(max_size=30), max_size=60), st.booleans())
@example(["m=audio 0 RTP/AVP 0", "c="], True)
def test_no_text_breaks_the_reader(lines: list[str], headed: bool) -> None:
    text = (HEAD if headed else "") + "\r\n".join(lines)
    try:
        result = compact(text)
    except SdpError:
        return
    assert len(result.encode()) <= MAX_COMPACT_BYTES
    assert compact(result) == result
    assert offered_codecs(result) == offered_codecs(text)
