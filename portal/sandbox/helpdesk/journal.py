"""What arrived and when: the help desk's own count, which the client's budget is judged by."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 200_000


@dataclass
class Entry:
    """One call. `at` and `done` are epoch seconds; `status` is None until answered, 0 when the answer was dropped.

    `effects`: what the call has changed, whatever was answered: ("contact" | "contact_changed" | "ticket" | "message" |
    "note" | "file" | "status", id). What arrived counts, what was answered does not.

    `account`: "" without credentials, "wrong" with ones we do not know, else the dialect whose credentials they are.
    """

    n: int
    at: float
    method: str
    path: str
    query: str
    account: str
    status: int | None = None
    done: float | None = None
    effects: list[tuple[str, int]] = field(default_factory=list)


class Journal:
    """The last calls, oldest first; the oldest of very many are forgotten."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.count = 0

    def arrive(self, at: float, method: str, path: str, query: str, account: str) -> Entry:
        self.count += 1
        entry = Entry(self.count, at, method, path, query, account)
        self.entries.append(entry)
        return entry

    def since(self, at: float) -> list[dict[str, Any]]:
        """The calls that arrived after `at`, as JSON wants them."""
        return [asdict(entry) for entry in self.entries if entry.at > at]

    def effects(self, kind: str) -> list[int]:
        """The ids of everything of this kind that calls have made or changed, in order: an id twice was done twice."""
        return [number for entry in self.entries for made, number in entry.effects if made == kind]

    def busiest(self, window: float = 60.0) -> int:
        """The most API calls that arrived within any `window` seconds: what a client's budget is judged by."""
        arrivals: deque[float] = deque()
        most = 0
        for entry in self.entries:
            if not entry.path.startswith("/api/"):
                continue
            arrivals.append(entry.at)
            while arrivals[0] <= entry.at - window:
                arrivals.popleft()
            most = max(most, len(arrivals))
        return most

    def clear(self) -> None:
        self.entries.clear()
