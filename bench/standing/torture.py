"""How many of RFC 4475's messages are answered as it says."""

from pathlib import Path

from bench.standing.figures import Figure
from tests.callengine.edge.torture import torture
from tests.peers.engine import Engine
from tests.wire.directory import configuration, connection


async def measure(root: Path) -> list[Figure]:
    """Send all of them and name those that fail."""
    with Engine(configuration(connection("user")), root=root) as engine:
        results = await torture(engine.server)
    wrong = [name for name, is_right in results.items() if not is_right]
    figure = Figure("RFC 4475", f"{len(results) - len(wrong)}", f"of {len(results)}")
    return [figure, *(Figure("wrong", name, "") for name in wrong)]
