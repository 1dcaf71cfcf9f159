"""What the buttons of the codec picker do, step by step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiocodecs.arranging import PICKED, Arrangement, StoredList, arrange, offered, presets
from audiocodecs.catalogue import CATALOGUE, PLATFORM_CODECS
from audiocodecs.lists import CodecListError

OWN = ("G722", "PCMU", "PCMA")
LISTS = st.lists(st.sampled_from(tuple(CATALOGUE)), unique=True).map(tuple)
STEPS = st.sampled_from(
    [
        *(f"{verb}:{name}" for verb in ("up", "down", "add", "remove") for name in CATALOGUE),
        *(f"preset:{preset.key}" for preset in presets(PLATFORM_CODECS)),
        "follow",
        "keep",
    ]
)


@pytest.mark.parametrize(
    ("step", "codecs"),
    [
        ("up:PCMA", ("G722", "PCMA", "PCMU")),
        ("up:G722", OWN),
        ("down:G722", ("PCMU", "G722", "PCMA")),
        ("down:PCMA", OWN),
        ("add:OPUS", (*OWN, "OPUS")),
        ("add:G722", OWN),
        ("remove:PCMU", ("G722", "PCMA")),
        ("remove:OPUS", OWN),
        ("up:OPUS", OWN),
        ("add:MP3", OWN),
        ("preset:hd", ("OPUS", "G722", "AMR-WB")),
        ("preset:thrift", ("G729", "AMR", "GSM", "ILBC", "OPUS", "AMR-WB")),
        ("preset:all", PICKED),
        ("preset:none", OWN),
        ("follow", PLATFORM_CODECS),
        ("keep", OWN),
        ("up", OWN),
        ("", OWN),
    ],
)
def test_a_step_arranges_the_list(step: str, codecs: tuple[str, ...]) -> None:
    now = Arrangement(OWN, force=True)
    after = arrange(now, step, fallback=PLATFORM_CODECS)
    assert after == Arrangement(codecs, follows=step == "follow", force=True)


def test_whoever_moves_a_codec_of_the_platform_list_has_a_list_of_their_own() -> None:
    followed = Arrangement.of(StoredList(), ("PCMU", "PCMA"))
    assert followed == Arrangement(("PCMU", "PCMA"), follows=True)
    assert followed.stored == StoredList()
    assert arrange(followed, "up:PCMU", fallback=("PCMU", "PCMA")) == followed
    moved = arrange(followed, "up:PCMA", fallback=("PCMU", "PCMA"))
    assert moved.stored == StoredList(("PCMA", "PCMU"))


def test_presets_keep_the_order_of_the_platform_list_among_equals() -> None:
    reordered = ("PCMA", "G722", "GSM")
    by_key = {preset.key: preset.codecs for preset in presets(reordered)}
    assert by_key["hd"] == ("G722", "OPUS", "AMR-WB")
    assert by_key["all"] == ("PCMA", "G722", "GSM", "OPUS", "AMR-WB", "PCMU", "AMR", "G729", "ILBC")
    assert by_key["thrift"] == ("G729", "AMR", "GSM", "ILBC", "OPUS", "AMR-WB")


def test_platform_and_carriers_codecs_are_offered_and_others_only_where_they_are_in_use() -> None:
    assert offered(("PCMA", "OPUS")) == PICKED
    assert offered(("PCMA",), ("L16",), ("SPEEX", "PCMA")) == (*PICKED, "SPEEX", "L16")


@given(LISTS, st.lists(STEPS, max_size=12))
def test_no_steps_make_a_list_that_could_not_be_stored(
    codecs: tuple[str, ...], steps: list[str]
) -> None:
    now = Arrangement(codecs)
    for step in steps:
        now = arrange(now, step, fallback=PLATFORM_CODECS)
        assert len(set(now.codecs)) == len(now.codecs)
        assert set(now.codecs) <= set(CATALOGUE)


@given(LISTS, st.booleans())
def test_a_token_tells_what_was_stored(codecs: tuple[str, ...], force: bool) -> None:
    stored = StoredList(codecs, force)
    assert StoredList.from_token(stored.token) == stored


@pytest.mark.parametrize("token", ["G722,,PCMU", "MP3", "G722,G722", ";", ",", "G722;forced"])
def test_a_token_that_tells_nothing_is_an_error(token: str) -> None:
    with pytest.raises(CodecListError):
        StoredList.from_token(token)
