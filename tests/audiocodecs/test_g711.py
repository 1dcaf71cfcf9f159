"""G.711 by table."""

import pytest

from audiocodecs import g711

LAWS = ("PCMU", "PCMA")


@pytest.mark.parametrize("codec", LAWS)
def test_every_payload_byte_comes_back_save_the_second_zero_of_mu_law(codec: str) -> None:
    payload = bytes(range(256))
    expected = payload.replace(b"\x7f", b"\xff") if codec == "PCMU" else payload
    assert g711.compressed(codec, g711.linear(codec, payload)) == expected


@pytest.mark.parametrize(
    ("codec", "byte", "sample"),
    # ITU-T G.711, tables 1a to 2b, in 16 bits.
    [
        ("PCMU", 0x80, 32124),
        ("PCMU", 0x00, -32124),
        ("PCMU", 0xFF, 0),
        ("PCMU", 0xFE, 8),
        ("PCMA", 0xAA, 32256),
        ("PCMA", 0x2A, -32256),
        ("PCMA", 0xD5, 8),
        ("PCMA", 0x55, -8),
    ],
)
def test_a_byte_is_the_sample_of_the_recommendation(codec: str, byte: int, sample: int) -> None:
    assert list(g711.linear(codec, bytes([byte]))) == [sample]


@pytest.mark.parametrize(("codec", "silence"), [("PCMU", 0xFF), ("PCMA", 0xD5)])
def test_nothing_is_the_codecs_own_silence(codec: str, silence: int) -> None:
    assert g711.compressed(codec, [0]) == bytes([silence])


@pytest.mark.parametrize("codec", LAWS)
def test_each_sample_becomes_the_nearest_there_is(codec: str) -> None:
    values = list(g711.linear(codec, bytes(range(256))))
    samples = [-32768, *range(-32000, 32001, 997), 32767]
    back = g711.linear(codec, g711.compressed(codec, samples))
    for sample, result in zip(samples, back, strict=True):
        assert abs(result - sample) == min(abs(value - sample) for value in values)


@pytest.mark.parametrize(("source", "target"), [LAWS, LAWS[::-1]])
def test_what_one_law_wrote_the_other_writes_as_near_as_it_can(source: str, target: str) -> None:
    every = bytes(range(256))
    other = every.translate(g711.between(source, target))
    values = g711.linear(target, every)
    for before, after in zip(g711.linear(source, every), g711.linear(target, other), strict=True):
        assert abs(after - before) == min(abs(value - before) for value in values)
