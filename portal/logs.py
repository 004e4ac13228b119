"""How we log: one line a fact, each with the event of the ledger that it is about (`in:12`, `out:34`), `-` for none.

What is called on the way says nothing of the event itself: whoever takes it up says so once, with `about`.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar

NONE = "-"
FORMAT = "%(asctime)s %(levelname)s %(name)s %(event)s %(message)s"

_event: ContextVar[str] = ContextVar("event", default=NONE)


def about(event: str) -> None:
    """From here on this task works on that event, or on NONE; what it starts inherits it."""
    _event.set(event)


def mark(record: logging.LogRecord) -> bool:
    """A handler's filter: puts the event of the present task into the record, and lets all pass."""
    record.event = _event.get()
    return True


def start() -> None:
    """Log to standard error, once a process."""
    logging.basicConfig(level=logging.INFO, format=FORMAT)
    for handler in logging.getLogger().handlers:
        handler.addFilter(mark)
