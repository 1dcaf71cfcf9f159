"""Modules begin so that the test processes of a run are done together."""

from pathlib import Path

from tests.turns import LONG_S, in_order

HERE = Path(__file__).parent
QUICK = ["agents/test_forms.py", "dashboard/test_access.py", "web/test_bounds.py"]


def test_what_draws_is_spread_among_what_waits() -> None:
    drawing = [f"browser/test_{number}.py" for number in range(3)]
    waiting = [f"wire/test_{number}.py" for number in range(9)]
    order = in_order([*waiting, *drawing], slow=[*waiting, *drawing], alone=[])
    assert [order.index(one) for one in drawing] == [0, 4, 8]
    assert [one for one in order if one in waiting] == waiting


def test_the_longest_begin_first_and_what_starts_no_process_last() -> None:
    slow = ["wire/test_tls.py", "fuzz/test_fuzz.py", "wire/test_edges.py"]
    order = in_order([*QUICK, *slow], slow=slow, alone=[])
    assert order == [*reversed(slow), "dashboard/test_access.py", QUICK[0], QUICK[2]]


def test_what_waits_for_timers_is_spread_among_what_works() -> None:
    timed = [f"callengine/edge/test_{number}.py" for number in range(3)]
    working = [f"dashboard/test_{number}.py" for number in range(6)]
    order = in_order([*timed, *working], slow=[], alone=[])
    assert [order.index(one) for one in timed] == [0, 3, 6]
    assert [one for one in order if one in working] == working


def test_what_is_to_be_alone_waits_for_no_long_test() -> None:
    slow = ["chaos/test_chaos.py", "wire/test_tls.py"]
    order = in_order([*slow, *QUICK], slow=slow, alone=slow[:1])
    assert order[:2] == [slow[1], slow[0]]
    assert {*order[2:]} == {*QUICK}


def test_each_module_has_its_turn() -> None:
    modules = [path.relative_to(HERE).as_posix() for path in HERE.rglob("test_*.py")]
    slow = [one for one in modules if one.startswith(("browser/", "wire/", "sip/", "chaos/"))]
    order = in_order(modules, slow=slow, alone=["chaos/test_chaos.py"])
    assert sorted(order) == sorted(modules)


def test_those_that_are_long_are_there() -> None:
    assert [one for one in LONG_S if not (HERE / one).exists()] == []
