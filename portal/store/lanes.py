"""Who goes first when calls are scarce: a customer's own action, then re-reads, the outbox, the sweep, the backfill.

Every call is made in a lane; who names none acts for a customer who waits. The lane of a block is told by `lane`, and
tasks that are started in it inherit it. Which slots a lane may take is decided by their numbers alone, so that one
UPDATE takes a slot and no process has to count what the others hold:

    0 …  RESERVED of them: left free by lower lanes   … shared …   | kept for lower lanes: a quarter each
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum


class Lane(IntEnum):
    """From first to last."""

    CUSTOMER = 0
    REREAD = 1
    OUTBOX = 2
    SWEEP = 3
    BACKFILL = 4


RESERVED = {Lane.CUSTOMER: 0.0, Lane.REREAD: 0.05, Lane.OUTBOX: 0.1, Lane.SWEEP: 0.15, Lane.BACKFILL: 1 / 3}
"""The share of all slots that the lane leaves to those before it."""

KEPT = 12
"""Of so many slots one is kept for the lower lanes, whatever customers do: none of them starves. It is less than a
tenth, as nine tenths of the budget have to be of use to customers alone. A smaller budget has none to spare."""


@dataclass(frozen=True, slots=True)
class Share:
    """Numbers of slots, each from … to before: the `shared` ones, and those `kept` for the lane."""

    shared: tuple[int, int]
    kept: tuple[int, int]


def share(lane: Lane, rate: int) -> Share:
    """What the lane may take of `rate` slots."""
    kept = rate // KEPT
    shared = int(rate * RESERVED[lane]), rate - kept
    if lane is Lane.CUSTOMER or not kept:
        return Share(shared, (rate, rate))
    lower = len(Lane) - 1
    if kept < lower:
        return Share(shared, (rate - kept, rate))
    each = kept // lower
    first = rate - kept + each * (lane - 1)
    return Share(shared, (first, rate if lane is Lane.BACKFILL else first + each))


def backfill_rate(rate: int) -> int:
    """How many calls a minute a backfill makes of `rate`, when nobody else wants them."""
    first, last = share(Lane.BACKFILL, rate).shared
    return last - first


def backfill_room(rate: int, customers: int) -> int:
    """How many of `rate` slots a backfill may hold while customers hold `customers`.

    It leaves them as many for the next minute: slots that it took would come free only when their own do.
    """
    return rate - rate // KEPT - max(int(rate * RESERVED[Lane.BACKFILL]), customers + rate // 30)


_current: ContextVar[Lane] = ContextVar("lane", default=Lane.CUSTOMER)


def current() -> Lane:
    """The lane that calls are made in here."""
    return _current.get()


@contextmanager
def lane(of: Lane) -> Iterator[None]:
    """Calls within the block, and in tasks started there, are made in this lane."""
    before = _current.set(of)
    try:
        yield
    finally:
        _current.reset(before)
