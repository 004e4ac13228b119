"""What the help desk has to send when something happens in it: to where, with which proof, how late and how often.

Only the waiting is here; sender.py sends. The vendor promises neither order nor speed, and repeats what was not taken
every half an hour (facts/helpdeskeddy.md §5): all of that can be asked for.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

KEPT = 10_000
REPEATS = 3
"""After the first try, for an answer that is neither 2xx nor 3xx, or none."""

PROOFS = ("hmac", "standard", "bearer", "secret", "basic", "none")
BODIES = ("v1", "v2", "v2-form")


@dataclass
class Rules:
    """`url` "" is off. `times`: each event is sent so often. `hold`: they wait, and go newest first when it ends."""

    url: str = ""
    body: str = "v1"
    proof: str = "hmac"
    secret: str = ""
    delay: float = 0.0
    times: int = 1
    hold: bool = False
    repeat_seconds: float = 1800.0


@dataclass
class Delivery:
    """One event on its way. `answers` are (epoch seconds, status), 0 for none; `content` is fixed at the first try."""

    n: int
    event: str
    ticket_id: int
    message_id: int | None
    at: float
    due: float
    content: bytes = b""
    answers: list[tuple[float, int]] = field(default_factory=list)
    done: bool = False

    def describe(self) -> dict[str, Any]:
        """As JSON wants it."""
        told = {"n": self.n, "event": self.event, "ticket_id": self.ticket_id, "message_id": self.message_id}
        return {**told, "at": self.at, "done": self.done, "body": self.content.decode(), "answers": self.answers}


class Outgoing:
    """The deliveries, done ones too; the oldest of very many are forgotten."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.rules = Rules()
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self.count = 0

    def happened(self, event: str, ticket_id: int, message_id: int | None = None) -> None:
        """Something that a rule of the help desk sends."""
        if not self.rules.url:
            return
        now = time.time()
        with self.changed:
            self.count += 1
            for _ in range(self.rules.times):
                self.deliveries.append(Delivery(self.count, event, ticket_id, message_id, now, now + self.rules.delay))
            self.changed.notify_all()

    def set(self, **changes: Any) -> None:
        """Other rules from now on. What was held goes when `hold` ends, the newest first."""
        with self.changed:
            was_held = self.rules.hold
            for name, value in changes.items():
                setattr(self.rules, name, value)
            if was_held and not self.rules.hold:
                now = time.time()
                for place, delivery in enumerate(reversed(self._open())):
                    delivery.due = now + place * 1e-3
            self.changed.notify_all()

    def next(self) -> tuple[Delivery | None, float | None]:
        """The delivery that is due now, or None and the seconds until one will be (None: nobody knows)."""
        waiting = [] if self.rules.hold else self._open()
        if not waiting:
            return None, None
        first = min(waiting, key=lambda delivery: delivery.due)
        left = first.due - time.time()
        return (first, 0.0) if left <= 0 else (None, left)

    def answered(self, delivery: Delivery, status: int) -> None:
        """It was tried: done, or once more later."""
        with self.changed:
            delivery.answers.append((time.time(), status))
            delivery.done = 200 <= status < 400 or len(delivery.answers) > REPEATS
            delivery.due = time.time() + self.rules.repeat_seconds

    def clear(self) -> None:
        """Off, and nothing on its way."""
        with self.changed:
            self.rules = Rules()
            self.deliveries.clear()

    def _open(self) -> list[Delivery]:
        return [delivery for delivery in self.deliveries if not delivery.done]
