"""What is said of a tool's header that is sent as `***` though nothing is kept there."""

from collections.abc import Iterable

from agents.concealed import KEPT, Tool
from agents.concealed import revealed as tools_revealed
from api.rest.errors import Detail, Loc, detail


def revealed(
    tools: list[Tool], stored: Iterable[Tool], *, loc: Loc
) -> tuple[list[Tool], list[Detail]]:
    """Return tools with each `***` replaced by what the tool of that name had there.

    What had nothing there is told; `loc` is where the tools stand.
    """
    whole, missing = tools_revealed(tools, stored)
    msg = "*** stands for a value that is kept, and none is: send the value."
    return whole, [
        detail((*loc, place, "http", "headers", name), msg, kind="value", value=KEPT)
        for place, name in missing
    ]
