"""When the help desk does not answer, stop asking for a moment: pages then show their copies at once."""

from __future__ import annotations

import time

FAILURES = 3
OPEN_SECONDS = 10.0


class Breaker:
    """Opens after FAILURES in a row, for OPEN_SECONDS; then lets one call through to see. One a process."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_from = 0.0

    def allows(self) -> bool:
        """Whether a call may be made now; after a pause the first who asks is the one that tries."""
        if self._failures < FAILURES:
            return True
        if time.monotonic() < self._closed_from:
            return False
        self._closed_from = time.monotonic() + OPEN_SECONDS
        return True

    def failed(self) -> None:
        """A call got no usable answer."""
        self._failures += 1
        self._closed_from = time.monotonic() + OPEN_SECONDS

    def answered(self) -> None:
        """A call got an answer, be it a refusal."""
        self._failures = 0
