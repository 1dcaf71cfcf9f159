"""Which codecs cannot be used now, as whoever runs the engine tells it.

The rooms above know the engine, this one does not: they say where to ask with `ask`.
"""

from collections.abc import Callable, Mapping

Source = Callable[[], Mapping[str, str]]


def _nobody_knows() -> Mapping[str, str]:
    return {}


_sources: list[Source] = [_nobody_knows]


def ask(source: Source) -> None:
    """Ask this function from now on; it returns codec name -> why it cannot be used now."""
    _sources[:] = [source]


def unavailable_codecs() -> Mapping[str, str]:
    """Return codec name -> why it cannot be used now; empty if no engine runs to tell it."""
    return _sources[0]()
