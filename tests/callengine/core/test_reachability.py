"""How an address of a gateway stands, from what it answered."""

import pytest

from callengine.core.reachability import (
    HOLDS_S,
    MAX_REST_S,
    Health,
    Sounding,
    health_after,
    is_news,
)


def after(code: int, before: Health | None = None, *, now: float = 1000.0, **more: int) -> Health:
    return health_after(before, Sounding(code, f"{code} said", **more), now=now)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        *((code, "up") for code in (200, 404, 405, 487, 500, 603)),
        *((code, "down") for code in (408, 503)),
    ],
)
def test_any_answer_but_408_and_503_means_alive(code: int, state: str) -> None:
    assert after(code).state == state


def test_how_long_it_has_been_so_is_kept_while_it_stays_so() -> None:
    first = after(408)
    second = after(408, first, now=1030.0)
    assert (second.since, second.holds_until) == (1000.0, 1030.0 + HOLDS_S)
    assert after(200, second, now=1031.0).since == 1031.0
    assert after(408, first, now=1000.0 + HOLDS_S + 1).since == 1000.0 + HOLDS_S + 1


def test_a_retry_after_is_kept_and_bounded() -> None:
    resting = after(503, retry_after_s=120)
    assert (resting.rests_until, resting.holds_until) == (1120.0, 1120.0)
    assert after(408, resting, now=1001.0).rests_until == 1120.0
    assert after(200, resting, now=1001.0).rests_until == 0.0
    assert after(503, retry_after_s=86_400).rests_until == 1000.0 + MAX_REST_S
    assert after(500, retry_after_s=60).rests_until == 0.0


def test_the_same_again_is_no_news_for_a_while() -> None:
    first = after(200)
    assert is_news(None, first)
    assert not is_news(first, after(200, first, now=1010.0))
    assert is_news(first, after(200, first, now=1040.0))
    assert is_news(first, after(408, first, now=1001.0))
