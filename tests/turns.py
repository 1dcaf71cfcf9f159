"""In which order the modules of a run begin, so that its test processes are done together.

What starts processes comes first, the longest of it before the rest; what starts none is short and
fills the end. Tests that draw pages keep a processor busy, tests of calls mostly wait: several of
the first at once are slow and have calls go short of processors, several of the others leave
those idle. So each kind is spread evenly over the time that both take, and so are those that wait
for timers and sockets among the rest of what starts no process.
"""

from collections.abc import Collection, Iterable, Iterator

LONG_S = {
    "browser/test_site.py": 160,
    "browser/test_picker.py": 120,
    "browser/test_order.py": 115,
    "callengine/worker/plugins/test_calls.py": 105,
    "callengine/lab/test_lab.py": 100,
    "browser/test_live.py": 90,
    "callengine/engine/test_stop.py": 80,
    "browser/test_agents.py": 70,
    "browser/test_connections.py": 70,
    "browser/test_phone_agent.py": 60,
    "callengine/engine/test_live.py": 60,
    "wire/test_edges.py": 60,
    "browser/test_keeping_up.py": 55,
    "setting_up/test_run.py": 55,
    "callengine/engine/test_hostile_process.py": 50,
    "callengine/engine/processes/test_pool.py": 50,
    "fuzz/test_fuzz.py": 50,
    "browser/test_phone.py": 50,
    "browser/test_overview.py": 45,
}
"""What takes most of a minute or more beside three others, and about how long. The fuzzer, of 75 s,
is not among the first: an engine that it finds slow might be so for the checks that run then."""
OTHERS_S = 15
DRAWING = ("browser/", "callengine/lab/")
"Where Chromium draws pages."
THEN = ("dashboard/", "peers/")
"Where the longest are of those that start no process."
TIMED = ("callengine/edge/", "dashboard/live/", "peers/")
"Where tests that start no process mostly wait all the same: for timers, sockets and each other."


def in_order(modules: Iterable[str], *, slow: Collection[str], alone: Collection[str]) -> list[str]:
    """Return the modules, by their paths below `tests`, as they begin.

    Those in `slow` start processes. While one in `alone` runs the others wait, first for long tests
    to end, were it among them.
    """
    modules = list(modules)
    lonely = [one for one in modules if one in alone]
    busy = [one for one in modules if one in slow and one not in alone]
    quick = [one for one in modules if one not in slow and one not in alone]
    quick.sort(key=lambda one: not one.startswith(THEN))
    return [*_in_turns(busy, DRAWING), *lonely, *_in_turns(quick, TIMED)]


def _in_turns(modules: list[str], kind: tuple[str, ...]) -> list[str]:
    """Return them with those below the folders of one kind spread evenly among the others."""
    these = [one for one in modules if one.startswith(kind)]
    others = [one for one in modules if not one.startswith(kind)]
    spread = sorted([*_places(these), *_places(others)], key=lambda placed: placed[0])
    return [one for _, one in spread]


def _places(modules: list[str]) -> Iterator[tuple[float, str]]:
    """Yield them, the longest first, with the part of their time that is over as each begins."""
    total_s = sum(map(_seconds, modules))
    begun_s = 0
    for module in sorted(modules, key=_seconds, reverse=True):
        yield begun_s / total_s, module
        begun_s += _seconds(module)


def _seconds(module: str) -> int:
    return LONG_S.get(module, OTHERS_S)
