"""How often something was refused: counted, and told now and then, as forging costs nothing and a log is a disk."""

from __future__ import annotations

from time import monotonic

EVERY_SECONDS = 60.0


class Refusals:
    """A count that is told at once and then at most once in EVERY_SECONDS."""

    def __init__(self) -> None:
        self._untold = 0
        self._told_at = -EVERY_SECONDS

    def add(self) -> int:
        """One more; how many there are to tell now, 0 when it is too early to tell again."""
        self._untold += 1
        now = monotonic()
        if now - self._told_at < EVERY_SECONDS:
            return 0
        many, self._untold, self._told_at = self._untold, 0, now
        return many
