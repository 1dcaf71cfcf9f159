"""File descriptors: as many as the configured calls and connections need, or word of what lacks.

Each call takes one (the control socket of its process), each connection of SIP over TCP one, and
each browser one where the pages are served by the same process.
"""

import resource
from dataclasses import replace

from callengine.engine.settings import EngineSettings

OTHERS = 200
"Listening sockets, logs, database, Redis, the lab's phones, pages being served, forks under way."
LEAST_TCP = 10


def fitted(settings: EngineSettings, *, browsers: int = 0) -> EngineSettings:
    """Return the settings as the limit of open files lets them be, after raising that limit.

    The soft limit of this process is raised toward the hard one, as far as all may need that is
    configured. `browsers` is how many connections to pages this process takes. Calls come first:
    where not all has room, fewer connections over TCP are taken, and `shortages` says so.
    """
    calls, tcp = settings.pool.max_calls, settings.edge.max_tcp_connections
    without_tcp = OTHERS + browsers + calls
    limit = _raised(without_tcp + tcp)
    if limit >= without_tcp + tcp:
        return settings
    room = max(limit - without_tcp, LEAST_TCP)
    bounded = f"only {room} connections of SIP over TCP are taken"
    if limit < without_tcp + LEAST_TCP:
        most = max(limit - OTHERS - browsers - LEAST_TCP, 0)
        bounded = f"calls beyond about {most} at once may fail"
    text = (
        f"The limit of open files is {limit}, and {without_tcp + tcp} may be needed for {calls} "
        f"calls, {tcp} connections of SIP over TCP and {OTHERS + browsers} others: {bounded}. "
        "Raise it with ulimit -n, or LimitNOFILE= of systemd."
    )
    edge = replace(settings.edge, max_tcp_connections=min(tcp, room))
    return replace(settings, edge=edge, shortages=(*settings.shortages, text))


def _raised(wanted: int) -> int:
    """Raise the soft limit toward `wanted`; return how many of those may be open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if limit > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit
