"""Targets rung wave by wave: how long each rings, what comes next, and who is named at the end."""

import dataclasses

import pytest

from callengine.core import effects as fx
from callengine.core.attempts import (
    CLEARING_TIMEOUT_S,
    DECISION_TIMEOUT_S,
    MAX_RINGING_S,
    REST_S,
    Answered,
    Attempts,
)
from callengine.core.events import LegEnded, LegProgress, RedirectDecided
from callengine.core.orders import LegOrder, WaveOrder
from callengine.core.outcomes import Termination

ROOM = 3


def wave(*names: str, label: str = "Alice", trunk: str = "", to: str = "") -> WaveOrder:
    legs = tuple(LegOrder(name, f"t{name}", label=label, trunk=trunk) for name in names)
    return WaveOrder(legs, ("OPUS",), ("PCMU",), dialled=to or ("+44" if trunk else ""))


def ringing(*waves: WaveOrder, ring_timeout_s: float = 20.0) -> Attempts:
    attempts = Attempts(waves, ring_timeout_s=ring_timeout_s)
    attempts.start(100.0, ROOM)
    for leg in waves[0].legs:
        attempts.rings(LegProgress(leg.name, 180, early_media=False))
    return attempts


def ended(leg: str, code: int = 487, *, by_peer: bool = True) -> LegEnded:
    redirects = ("sip:carol@here",) if 300 <= code < 400 else ()
    return LegEnded(leg, code, "why", by_peer, redirects=redirects)


def hung_up(effects: list[fx.Effect]) -> list[str]:
    return [effect.leg for effect in effects if isinstance(effect, fx.EndLeg)]


def dialled(effects: list[fx.Effect]) -> list[str]:
    return [effect.leg.name for effect in effects if isinstance(effect, fx.Dial)]


def words(attempts: Attempts) -> str:
    assert isinstance(attempts.outcome, Termination)
    return attempts.outcome.advice


def test_each_wave_rings_for_its_own_time():
    attempts = ringing(wave("B", "B2"), wave("B3"))
    assert attempts.deadline == 120.0
    assert attempts.tick(119.9, 1) == []
    assert hung_up(attempts.tick(120.0, 1)) == ["B", "B2"]
    assert attempts.leg_ended(ended("B"), 120.1, 2) == []
    assert attempts.leg_ended(ended("B2"), 120.2, 3) == []
    assert attempts.deadline == 120.0 + REST_S  # pjsua frees their slots after it says so
    assert dialled(attempts.tick(121.0, 3)) == ["B3"]
    assert attempts.deadline == 141.0
    attempts.leg_answered("B3")
    assert attempts.outcome == Answered("B3")


def test_a_wave_after_one_that_failed_rings_for_its_own_time_too():
    attempts = ringing(wave("B"), wave("B2"))
    assert dialled(attempts.leg_ended(ended("B", 503), 115.0, 3)) == ["B2"]
    assert attempts.deadline == 135.0


def test_a_target_that_answers_our_cancel_with_200_is_hung_up():
    attempts = ringing(wave("B"), wave("B2"))
    attempts.tick(120.0, 2)
    assert hung_up(attempts.leg_answered("B")) == ["B"]
    assert attempts.outcome is None
    attempts.leg_ended(ended("B", 200), 120.1, 3)
    assert dialled(attempts.tick(121.0, 3)) == ["B2"]


def test_legs_that_never_confirm_their_end_do_not_keep_the_next_from_ringing():
    attempts = ringing(wave("B", "B2"), wave("B3", "B4"))
    attempts.tick(120.0, 1)
    attempts.tick(120.0 + REST_S, 1)
    assert attempts.deadline == 120.0 + CLEARING_TIMEOUT_S
    effects = attempts.tick(120.0 + CLEARING_TIMEOUT_S, 1)
    assert dialled(effects) == ["B3"]
    assert any("a call has room for 4 legs" in e.text for e in effects if isinstance(e, fx.Note))


def test_where_no_leg_clears_the_call_ends_as_what_it_was():
    attempts = ringing(wave("B", "B2", "B3"), wave("B4"))
    attempts.tick(120.0, 0)
    assert dialled(attempts.tick(120.0 + CLEARING_TIMEOUT_S, 0)) == []
    assert words(attempts).startswith("Alice did not answer within 20 s.")


def test_a_number_that_rang_through_one_gateway_is_not_rung_through_another():
    attempts = ringing(wave("B", label="one", trunk="one"), wave("B2", label="two", trunk="two"))
    assert hung_up(attempts.tick(120.0, 2)) == []
    assert words(attempts).startswith("one did not answer within 20 s.")


def test_a_gateway_that_has_not_even_rung_is_followed_by_the_next():
    gateways = (wave("B", label="one", trunk="one"), wave("B2", label="two", trunk="two"))
    attempts = Attempts(gateways, ring_timeout_s=20.0)
    attempts.start(100.0, ROOM)
    attempts.rings(LegProgress("B", 100, early_media=False))
    assert hung_up(attempts.tick(120.0, 2)) == ["B"]
    attempts.leg_ended(ended("B"), 120.1, 3)
    assert dialled(attempts.tick(121.0, 3)) == ["B2"]


@pytest.mark.parametrize("code", [401, 407, 408, 430, 500, 502, 503, 504])
def test_a_gateway_that_takes_no_calls_is_followed_by_the_next(code):
    attempts = Attempts((wave("B", trunk="one"), wave("B2", trunk="two")), ring_timeout_s=20.0)
    attempts.start(100.0, ROOM)
    assert dialled(attempts.leg_ended(ended("B", code), 100.1, ROOM)) == ["B2"]


@pytest.mark.parametrize("code", [403, 404, 480, 486, 488])
def test_what_a_gateway_says_of_the_number_ends_the_trunks_and_not_the_last_resort(code):
    gateways = (wave("B", trunk="one"), wave("B2", trunk="two"))
    attempts = Attempts((*gateways, wave("B3", label="Support")), ring_timeout_s=20.0)
    attempts.start(100.0, ROOM)
    assert dialled(attempts.leg_ended(ended("B", code), 100.1, ROOM)) == ["B3"]


def test_a_gateway_that_fails_after_it_has_rung_is_not_followed_by_another():
    attempts = ringing(wave("B", label="one", trunk="one"), wave("B2", label="two", trunk="two"))
    assert dialled(attempts.leg_ended(ended("B", 503), 101.0, ROOM)) == []
    assert isinstance(attempts.outcome, Termination)


def test_another_number_is_rung_though_the_first_was_reached():
    gateways = (wave("B", trunk="one"), wave("B2", trunk="one", to="+49"))
    attempts = Attempts(gateways, ring_timeout_s=20.0)
    attempts.start(100.0, ROOM)
    assert dialled(attempts.leg_ended(ended("B", 486), 100.1, ROOM)) == ["B2"]


def test_a_caller_is_not_kept_waiting_for_ever():
    waves = [wave(f"B{n}", label=f"Phone {n}") for n in range(1, 6)]
    attempts = ringing(*waves, ring_timeout_s=80.0)
    now = 100.0
    while attempts.outcome is None:
        now = attempts.deadline
        legs = hung_up(attempts.tick(now, ROOM))
        for leg in legs:
            attempts.leg_ended(ended(leg), now, ROOM)
    assert now == 100.0 + MAX_RINGING_S
    assert words(attempts) == (
        "Nobody answered: Phone 1, Phone 2, Phone 3 were rung in turn, up to 80 s each. "
        "A caller is kept waiting for 180 s at most: ring fewer, or each shorter."
    )


def test_a_single_ring_timeout_may_be_longer_than_that():
    attempts = ringing(wave("B"), ring_timeout_s=600.0)
    assert attempts.deadline == 700.0
    attempts.tick(700.0, ROOM)
    assert words(attempts) == (
        "Alice did not answer within 600 s. Try later, or raise VOIPNUMBER_RING_TIMEOUT_S."
    )


def test_phones_of_one_callee_rung_in_turn_are_told_as_that():
    attempts = ringing(wave("B"), wave("B2"))
    attempts.tick(120.0, 2)
    attempts.leg_ended(ended("B"), 120.1, 3)
    attempts.tick(121.0, 3)
    attempts.tick(141.0, 2)
    assert words(attempts).startswith(
        "Alice did not answer: 2 groups of its phones rang in turn, up to 20 s each."
    )


@pytest.mark.parametrize(
    ("code", "reason"), [(503, "no-answer"), (404, "no-answer"), (486, "callee-busy")]
)
def test_who_rang_in_vain_is_named_unless_a_later_one_said_more(code, reason):
    attempts = ringing(wave("B", label="Alice"), wave("B2", label="Bob"))
    attempts.tick(120.0, 2)
    attempts.leg_ended(ended("B"), 120.1, 3)
    attempts.tick(121.0, 3)
    attempts.leg_ended(ended("B2", code), 122.0, 3)
    assert isinstance(attempts.outcome, Termination)
    assert attempts.outcome.reason == reason


def test_a_redirect_is_followed_once_the_others_have_rung_in_vain():
    attempts = ringing(wave("B", "B2"))
    attempts.leg_ended(ended("B", 302), 105.0, 2)
    assert hung_up(attempts.tick(120.0, 2)) == ["B2"]
    attempts.leg_ended(ended("B2"), 120.1, 3)
    effects = attempts.tick(121.0, 3)
    assert [e.leg for e in effects if isinstance(e, fx.RedirectWanted)] == ["B"]
    decided = RedirectDecided("B", (wave("B3", label="Carol"),))
    assert dialled(attempts.redirect_decided(decided, 121.0, 3)) == ["B3"]
    assert attempts.deadline == 141.0


def test_an_engine_that_does_not_decide_leaves_the_redirect_unfollowed():
    attempts = ringing(wave("B"))
    attempts.leg_ended(ended("B", 302), 105.0, 3)
    assert attempts.tick(105.0 + DECISION_TIMEOUT_S - 0.1, 3) == []
    attempts.tick(105.0 + DECISION_TIMEOUT_S, 3)
    assert "was not followed: the engine did not decide in time" in words(attempts)


# Waves that are rung only for somebody who is busy


def with_deputy(*, behind: bool = False) -> Attempts:
    """B is rung, B2 stands in for it while it is busy, and B3 comes after all if `behind`."""
    waves = [wave("B"), dataclasses.replace(wave("B2"), when="busy")]
    waves += [wave("B3")] if behind else []
    attempts = Attempts(tuple(waves), ring_timeout_s=30.0)
    attempts.start(0.0, ROOM)
    return attempts


@pytest.mark.parametrize("code", [486, 600])
def test_a_busy_callee_has_its_deputy_rung(code: int) -> None:
    assert dialled(with_deputy().leg_ended(ended("B", code), 1.0, ROOM)) == ["B2"]


@pytest.mark.parametrize("code", [404, 480, 503, 603])
def test_any_other_failure_leaves_the_deputy_alone(code: int) -> None:
    attempts = with_deputy()
    assert dialled(attempts.leg_ended(ended("B", code), 1.0, ROOM)) == []
    assert isinstance(attempts.outcome, Termination)
    assert attempts.outcome.code == code


def test_a_deputy_is_passed_over_on_the_way_to_the_next_wave() -> None:
    assert dialled(with_deputy(behind=True).leg_ended(ended("B", 503), 1.0, ROOM)) == ["B3"]


def test_nobody_who_does_not_answer_is_busy() -> None:
    attempts = with_deputy()
    attempts.tick(30.0, ROOM)
    assert isinstance(attempts.outcome, Termination)
    assert attempts.outcome.code == 480


def test_a_deputy_in_vain_leaves_the_callees_own_reason() -> None:
    attempts = with_deputy()
    attempts.leg_ended(ended("B", 486), 1.0, ROOM)
    attempts.leg_ended(ended("B2", 503), 2.0, ROOM)
    assert isinstance(attempts.outcome, Termination)
    assert attempts.outcome.code == 486


def test_one_dead_address_behind_three_names_is_waited_for_once():
    """Each name had cost the whole time-out again."""
    places = ("udp:192.0.2.1:5060", "udp:192.0.2.1:5060", "udp:192.0.2.2:5060")
    names = zip(("B", "B2", "B3"), places, strict=True)
    waves = [
        dataclasses.replace(
            wave(name, label=f"gw {name}", trunk="t"),
            legs=(LegOrder(name, f"t{name}", label=f"gw {name}", trunk="t", place=place),),
        )
        for name, place in names
    ]
    attempts = Attempts(tuple(waves), ring_timeout_s=20.0)
    attempts.start(100.0, ROOM)
    silent = dataclasses.replace(ended("B", 408, by_peer=False), unreachable="no response")
    effects = attempts.leg_ended(silent, 104.0, ROOM)
    notes = [effect.text for effect in effects if isinstance(effect, fx.Note)]
    assert "gw B2 was left out: it is at udp:192.0.2.1:5060, too." in notes
    assert dialled(effects) == ["B3"]


def test_an_address_that_answers_is_asked_by_its_other_name_too():
    legs = [LegOrder(name, f"t{name}", trunk="t", place="udp:192.0.2.1:5060") for name in "BC"]
    waves = tuple(dataclasses.replace(wave(leg.name, trunk="t"), legs=(leg,)) for leg in legs)
    attempts = Attempts(waves, ring_timeout_s=20.0)
    attempts.start(100.0, ROOM)
    assert dialled(attempts.leg_ended(ended("B", 503), 101.0, ROOM)) == ["C"]
