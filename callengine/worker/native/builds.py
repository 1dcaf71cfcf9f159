"""Where what is built of the sources lies, and what is said if it cannot be."""

from pathlib import Path

BUILT = Path(__file__).resolve().parent / "built"
TIMEOUT_S = 120.0
"Of each step."


class NotBuiltError(Exception):
    """It could not be built; the text says why."""
