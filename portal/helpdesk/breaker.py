"""When the help desk does not answer, stop asking for a moment: pages then show their copies at once."""

from __future__ import annotations

import time

FAILURES = 3
OPEN_SECONDS = 10.0


class Breaker:
    """Refuses after FAILURES in a row, for OPEN_SECONDS; then lets one call through to see. One a process."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_until = 0.0
        self._garbled = ""

    def refuses(self) -> bool:
        """Whether there is no point in queueing for a call."""
        return self._failures >= FAILURES and time.monotonic() < self._closed_until

    def allows(self) -> bool:
        """Whether a call may be made now; after a pause the first who asks is the one that tries."""
        if self.refuses():
            return False
        if self._failures >= FAILURES:
            self._closed_until = time.monotonic() + OPEN_SECONDS
        return True

    def failed(self) -> None:
        """A call got no usable answer."""
        self._failures += 1
        self._closed_until = time.monotonic() + OPEN_SECONDS

    def garbled(self, what: str) -> None:
        """The answer to a call for `what` made no sense. One thing that stays broken is no help desk that is away."""
        if what != self._garbled:
            self._garbled = what
            self.failed()

    def answered(self) -> None:
        """A call got an answer, be it a refusal."""
        self._failures = 0
        self._garbled = ""
