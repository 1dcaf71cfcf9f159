"""How long calls wait for their call process: what tells that a machine has too much to do."""

ODD_ONES = 2
"Processes that may be stuck without the machine being busy: each costs one call alone."


class Waits:
    """Calls that wait for a process to come up, or to take them, by the process's number."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def begin(self, process: int, now: float) -> None:
        """Note that a call waits for a process from now on; steady seconds."""
        self._since[process] = now

    def end(self, process: int) -> None:
        """Note that none does any more."""
        self._since.pop(process, None)

    def longest_s(self, now: float) -> float:
        """Return for how long the longest has waited, a few odd ones left out."""
        if len(self._since) <= ODD_ONES:
            return 0.0
        return now - sorted(self._since.values())[ODD_ONES]
