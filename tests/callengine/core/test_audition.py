"""Which packets are lost where codecs are heard side by side."""

from itertools import pairwise

from audiocodecs.catalogue import PLATFORM_CODECS
from callengine.core.audition import LOSSES_PERCENT, Audition
from callengine.worker.native import relay


def test_the_same_packets_are_lost_for_every_codec_and_more_at_a_higher_loss() -> None:
    lost = [set(Audition("speech", ("PCMU",), loss).lost(300)) for loss in LOSSES_PERCENT]
    assert [len(each) for each in lost] == [3 * loss for loss in LOSSES_PERCENT]
    assert all(less <= more for less, more in pairwise(lost))
    assert Audition("speech", ("OPUS", "G722"), 10).lost(300) == tuple(sorted(lost[-1]))


def test_packets_are_passed_on_where_calls_have_them_passed_on() -> None:
    pairs = {(one, other) for one in PLATFORM_CODECS for other in PLATFORM_CODECS}
    relayed = {pair for pair in pairs if Audition("speech", pair, 0).is_relayed}
    assert relayed == set(relay._LAWS)
    assert not Audition("speech", ("PCMU",), 0).is_relayed


def test_what_decides_the_result_decides_the_key_and_nothing_else() -> None:
    one = Audition("speech", ("OPUS", "G722"), 3)
    same = Audition("tone", ("OPUS", "G722"), 3)
    assert one.key(source=b"sound", build="1") == same.key(source=b"sound", build="1")
    others = [
        one.key(source=b"another", build="1"),
        one.key(source=b"sound", build="2"),
        Audition("speech", ("G722", "OPUS"), 3).key(source=b"sound", build="1"),
        Audition("speech", ("OPUS", "G722"), 5).key(source=b"sound", build="1"),
    ]
    assert len({one.key(source=b"sound", build="1"), *others}) == 5
