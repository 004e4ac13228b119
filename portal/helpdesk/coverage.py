"""Which kept copies are good although they are old: those made since when the sweep has seen every change.

What it sees changed is forgotten, so what is not forgotten has not changed, up to the last round. This says nothing of
copies that the sweep knows nothing about (who carries an address), and nothing when the sweep is late.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

HEALTHY_SECONDS = 15.0
"""So long ago may the last whole round have begun: nobody sees anything older (design/goals.md)."""

LONGEST = timedelta(days=1)
"""However healthy the sweep: a ticket that was deleted is in no list of changes."""


class Coverage:
    """What this process has heard of the sweep last."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._until = 0.0

    def hear(self, since: datetime, age: float, asked_at: float) -> None:
        """Every change since `since` was seen; the last round had begun `age` seconds before `asked_at` (monotonic).

        To be told only after what that round has made old.
        """
        self._since, self._until = since, asked_at - age + HEALTHY_SECONDS

    def end(self) -> None:
        """The sweep has missed something, or there is none."""
        self._since = None

    def covers(self, fetched_at: datetime) -> bool:
        """Whether what was fetched then and not forgotten is good now."""
        return (
            self._since is not None
            and monotonic() < self._until
            and fetched_at >= self._since
            and datetime.now(UTC) - fetched_at < LONGEST
        )
