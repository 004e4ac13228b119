"""Who goes first when calls are scarce: a customer's own action, then re-reads, the outbox, the sweep, the backfill.

Every call is made in a lane; who names none acts for a customer who waits. The lane of a block is told by `lane`, and
tasks that are started in it inherit it. One slot of KEPT is kept from customers for the lower lanes, so that none of
those starves:

    0 …  for everybody, customers from the left, the others from the right   … | kept for lower lanes: a quarter each

Some slots are left free for customers (`spare`), and a backfill takes its slots one by one, so that they come free
one by one, too: customers who act 30 times a minute beside one wait next to nothing, and nine tenths of the budget are
used (tests/helpdesk/test_lanes.py).
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


KEPT = 12
"""Of so many slots one is kept for the lower lanes, whatever customers do. It is less than a tenth, as nine tenths of
the budget have to be of use to customers alone, and to any lower lane alone. A smaller budget has none to spare."""

SPARE = 15
"""Of so many slots the outbox, the sweep and the backfill leave one free: what customers need beyond what they hold."""

BURST = {Lane.OUTBOX: 0.5, Lane.SWEEP: 0.5, Lane.BACKFILL: 0.0}
"""The share of a minute's slots that the lane may take at once; beyond it takes them one by one. A burst comes free as
the burst it was, and customers who act meanwhile would wait for that."""


@dataclass(frozen=True, slots=True)
class Share:
    """Numbers of slots, each from … to before: the `shared` ones, and those `kept` for the lane."""

    shared: tuple[int, int]
    kept: tuple[int, int]


def share(lane: Lane, rate: int) -> Share:
    """What the lane may take of `rate` slots. While nobody before it waits, it takes what is kept for its like, too."""
    kept = rate // KEPT
    if lane is Lane.CUSTOMER or not kept:
        return Share((0, rate - kept), (rate, rate))
    lower = len(Lane) - 1
    if kept < lower:
        return Share((0, rate), (rate - kept, rate))
    each = kept // lower
    first = rate - kept + each * (lane - 1)
    return Share((0, rate), (first, rate if lane is Lane.BACKFILL else first + each))


def spare(lane: Lane, rate: int, customers: int = 0) -> int:
    """How many of `rate` slots have to be free for this lane to take one that is not kept for it alone.

    `customers`: how many they hold; the more they do, the more their number may grow within a minute.
    """
    return rate // SPARE + customers // SPARE if lane >= Lane.OUTBOX else 0


def pace(lane: Lane, rate: int) -> tuple[int, int]:
    """How many calls a minute a lane of BURST makes of `rate` while nobody else wants any; how many of them at once."""
    alone = rate - spare(lane, rate)
    return alone, int(alone * BURST[lane])


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
