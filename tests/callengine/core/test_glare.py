import pytest

from callengine.core.glare import MAX_TRIES, Glare


@pytest.mark.parametrize(("owner", "low", "high"), [(True, 2.1, 4.0), (False, 0.0, 2.0)])
def test_the_owner_of_the_call_id_waits_longer(owner: bool, low: float, high: float) -> None:
    waits = []
    for _ in range(300):
        glare = Glare(owner)
        assert glare.met(100.0)
        assert glare.again_at is not None
        waits.append(glare.again_at - 100.0)
    assert low - 1e-6 <= min(waits) < low + 0.4
    assert high - 0.4 < max(waits) <= high + 1e-6


def test_a_wait_is_over_once() -> None:
    glare = Glare(owner=True)
    assert not glare.due(0.0)
    glare.met(100.0)
    assert [glare.due(at) for at in (102.0, 104.1, 104.2)] == [False, True, False]


def test_it_gives_up_in_the_end_and_begins_anew_after_another_answer() -> None:
    glare = Glare(owner=False)
    assert [glare.met(float(n)) for n in range(MAX_TRIES + 1)] == [True] * MAX_TRIES + [False]
    glare.over()
    assert glare.again_at is None
    assert glare.met(9.0)
