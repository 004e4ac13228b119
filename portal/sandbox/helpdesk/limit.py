"""The vendor's rate limit: calls counted as they arrive in a sliding minute, and the lock-out that follows."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

BAN_FORMS = ("401", "403", "429", "429-retry-after")


@dataclass
class Limit:
    """`per_minute` calls in any `window` seconds; one more locks the account out for `ban_seconds`.

    `ban_form` is how the lock-out looks; empty: as the dialect does it by itself (v1 429, v2 the 401 "Ban").
    """

    per_minute: int = 60
    window: float = 60.0
    ban_seconds: float = 1200.0
    ban_form: str = ""
    banned_until: float = 0.0
    bans: int = 0
    arrivals: deque[float] = field(default_factory=deque)

    def arrive(self, now: float) -> bool:
        """Count a call; False when the account is, or has just been, locked out.

        Calls during a lock-out neither count nor prolong it: the documents say nothing of either.
        """
        if now < self.banned_until:
            return False
        while self.arrivals and self.arrivals[0] <= now - self.window:
            self.arrivals.popleft()
        self.arrivals.append(now)
        if len(self.arrivals) <= self.per_minute:
            return True
        self.ban(now, self.ban_seconds)
        return False

    def ban(self, now: float, seconds: float) -> None:
        self.banned_until = now + seconds
        self.bans += 1
        self.arrivals.clear()

    def lift(self) -> None:
        self.banned_until = 0.0
        self.arrivals.clear()

    def seconds_left(self) -> float:
        """Of the lock-out; 0 when there is none."""
        return max(0.0, self.banned_until - time.time())

    @property
    def remaining(self) -> int:
        return max(0, self.per_minute - len(self.arrivals))
