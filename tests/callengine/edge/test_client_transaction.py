"""The state machine of a request of ours: every state, every event, every timer; no clock."""

import itertools

import pytest

from callengine.edge.transactions.client_transaction import (
    ClientState,
    ClientTransaction,
    Effect,
    Effects,
)

S, E = ClientState, Effect
START = 100.0
SEND, REPORT, AGAIN = (E.SEND,), (E.REPORT,), (E.ACKNOWLEDGE,)
FAILED = (E.ACKNOWLEDGE, E.REPORT)
NOTHING: Effects = ()

REACHED_BY = {
    S.TRYING: (),
    S.PROCEEDING: (180,),
    S.ACCEPTED: (200,),
    S.COMPLETED: (486,),
}
"State -> the codes that lead an INVITE there; of another request 486 does, as 200 would."


def machine(method: str, state: ClientState, *, reliable: bool = False) -> ClientTransaction:
    item = ClientTransaction(is_invite=method == "INVITE", is_reliable=reliable)
    item.start(START)
    for code in REACHED_BY.get(state, ()):
        item.receive(code, START)
    if state is S.TERMINATED:
        item.fail()
    assert item.state is state
    return item


@pytest.mark.parametrize(
    ("method", "state", "code", "effects", "after"),
    [
        ("INVITE", S.TRYING, 100, REPORT, S.PROCEEDING),
        ("INVITE", S.TRYING, 200, REPORT, S.ACCEPTED),
        ("INVITE", S.TRYING, 300, FAILED, S.COMPLETED),
        ("INVITE", S.PROCEEDING, 199, REPORT, S.PROCEEDING),
        ("INVITE", S.PROCEEDING, 299, REPORT, S.ACCEPTED),
        ("INVITE", S.PROCEEDING, 699, FAILED, S.COMPLETED),
        ("INVITE", S.ACCEPTED, 180, NOTHING, S.ACCEPTED),
        ("INVITE", S.ACCEPTED, 200, REPORT, S.ACCEPTED),
        ("INVITE", S.ACCEPTED, 486, NOTHING, S.ACCEPTED),
        ("INVITE", S.COMPLETED, 180, NOTHING, S.COMPLETED),
        ("INVITE", S.COMPLETED, 200, NOTHING, S.COMPLETED),
        ("INVITE", S.COMPLETED, 486, AGAIN, S.COMPLETED),
        ("INVITE", S.TERMINATED, 180, NOTHING, S.TERMINATED),
        ("INVITE", S.TERMINATED, 200, NOTHING, S.TERMINATED),
        ("INVITE", S.TERMINATED, 486, NOTHING, S.TERMINATED),
        ("BYE", S.TRYING, 100, REPORT, S.PROCEEDING),
        ("BYE", S.TRYING, 200, REPORT, S.COMPLETED),
        ("BYE", S.TRYING, 401, REPORT, S.COMPLETED),
        ("BYE", S.PROCEEDING, 183, REPORT, S.PROCEEDING),
        ("BYE", S.PROCEEDING, 200, REPORT, S.COMPLETED),
        ("BYE", S.PROCEEDING, 481, REPORT, S.COMPLETED),
        ("BYE", S.COMPLETED, 100, NOTHING, S.COMPLETED),
        ("BYE", S.COMPLETED, 200, NOTHING, S.COMPLETED),
        ("BYE", S.COMPLETED, 481, NOTHING, S.COMPLETED),
        ("BYE", S.TERMINATED, 100, NOTHING, S.TERMINATED),
        ("BYE", S.TERMINATED, 200, NOTHING, S.TERMINATED),
        ("BYE", S.TERMINATED, 481, NOTHING, S.TERMINATED),
    ],
)
def test_each_response_in_each_state(
    method: str, state: ClientState, code: int, effects: Effects, after: ClientState
) -> None:
    item = machine(method, state)
    assert item.receive(code, START + 1) == effects
    assert item.state is after


@pytest.mark.parametrize(
    ("method", "state", "effects"),
    [
        ("INVITE", S.TRYING, (E.UNREACHABLE,)),
        ("INVITE", S.PROCEEDING, (E.UNREACHABLE,)),
        ("INVITE", S.ACCEPTED, NOTHING),
        ("INVITE", S.COMPLETED, NOTHING),
        ("INVITE", S.TERMINATED, NOTHING),
        ("BYE", S.TRYING, (E.UNREACHABLE,)),
        ("BYE", S.PROCEEDING, (E.UNREACHABLE,)),
        ("BYE", S.COMPLETED, NOTHING),
        ("BYE", S.TERMINATED, NOTHING),
    ],
)
def test_a_failing_transport_ends_it_and_is_told_once(
    method: str, state: ClientState, effects: Effects
) -> None:
    item = machine(method, state)
    assert item.fail() == effects
    assert item.fail() == NOTHING
    assert (item.state, item.next_deadline()) == (S.TERMINATED, None)


def test_only_an_invite_waits_for_more_than_one_success() -> None:
    for codes in itertools.product((100, 200, 486), repeat=3):
        item = machine("BYE", S.TRYING)
        for code in codes:
            item.receive(code, START)
            assert item.state is not S.ACCEPTED


def run(item: ClientTransaction, until: float) -> list[tuple[float, Effects]]:
    """Tick at each deadline; return what came, by seconds since the start."""
    log = []
    while (at := item.next_deadline()) is not None and at <= until:
        if effects := item.tick(at):
            log.append((round(at - START, 3), effects))
    return log


@pytest.mark.parametrize(
    ("method", "state", "reliable", "sent_at_s", "ends"),
    [
        # Timers A and B: at ever longer intervals.
        ("INVITE", S.TRYING, False, [0.5, 1.5, 3.5, 7.5, 15.5, 31.5], (32.0, (E.TIME_OUT,))),
        ("INVITE", S.TRYING, True, [], (32.0, (E.TIME_OUT,))),
        # It may ring for as long as it likes.
        ("INVITE", S.PROCEEDING, False, [], None),
        ("INVITE", S.PROCEEDING, True, [], None),
        # Timers E and F: every 4 s at least.
        (
            "BYE",
            S.TRYING,
            False,
            [0.5, 1.5, 3.5, *(7.5 + 4 * n for n in range(7))],
            (32.0, (E.TIME_OUT,)),
        ),
        ("BYE", S.TRYING, True, [], (32.0, (E.TIME_OUT,))),
        ("BYE", S.PROCEEDING, False, [0.5 + 4 * n for n in range(8)], (32.0, (E.TIME_OUT,))),
        ("BYE", S.PROCEEDING, True, [], (32.0, (E.TIME_OUT,))),
    ],
)
def test_what_is_sent_again_and_when_it_is_given_up(
    method: str,
    state: ClientState,
    reliable: bool,
    sent_at_s: list[float],
    ends: tuple[float, Effects] | None,
) -> None:
    item = machine(method, state, reliable=reliable)
    log = run(item, START + 4000)
    assert log == [(at, SEND) for at in sent_at_s] + ([ends] if ends else [])
    assert item.state is (S.TERMINATED if ends else state)


@pytest.mark.parametrize(
    ("method", "state", "lingers_s"),
    [
        ("INVITE", S.ACCEPTED, 32.0),  # timer M
        ("INVITE", S.COMPLETED, 32.0),  # timer D
        ("BYE", S.COMPLETED, 5.0),  # timer K
    ],
)
def test_how_long_repetitions_of_a_final_are_taken(
    method: str, state: ClientState, lingers_s: float
) -> None:
    item = machine(method, state)
    assert item.next_deadline() == START + lingers_s
    assert item.tick(START + lingers_s) == NOTHING
    assert (item.state, item.next_deadline()) == (S.TERMINATED, None)


@pytest.mark.parametrize(
    ("method", "code", "after"),
    [
        ("INVITE", 486, S.TERMINATED),
        ("BYE", 200, S.TERMINATED),
        ("BYE", 401, S.TERMINATED),
        # Another branch may answer too, whatever the transport.
        ("INVITE", 200, S.ACCEPTED),
    ],
)
def test_over_a_reliable_transport_nothing_is_waited_for(
    method: str, code: int, after: ClientState
) -> None:
    item = machine(method, S.TRYING, reliable=True)
    assert item.receive(code, START)
    assert item.state is after


def test_a_tick_before_its_time_does_nothing() -> None:
    item = machine("BYE", S.TRYING)
    assert item.tick(START + 0.49) == NOTHING
    assert item.next_deadline() == START + 0.5


def test_a_late_tick_sends_once_and_not_what_it_missed() -> None:
    item = machine("INVITE", S.TRYING)
    assert item.tick(START + 20) == SEND
    assert item.next_deadline() == START + 21


@pytest.mark.parametrize("how", ["never repeated", "hushed"])
def test_what_is_not_repeated_still_times_out(how: str) -> None:
    item = ClientTransaction(is_invite=True, is_reliable=False, repeats=how == "hushed")
    assert item.start(START) == SEND
    if how == "hushed":
        item.hush()
    assert run(item, START + 99) == [(32.0, (E.TIME_OUT,))]


def test_a_hushed_invite_is_acknowledged_all_the_same() -> None:
    item = machine("INVITE", S.TRYING)
    item.hush()
    assert item.receive(487, START + 1) == FAILED
