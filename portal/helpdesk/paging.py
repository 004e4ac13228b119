"""Lists in pages: every page, or the newest of a list that begins with the oldest. Pages shift while they are read."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from portal.errors import HelpdeskGarbled
from portal.helpdesk import decode
from portal.helpdesk.decode import Row

log = logging.getLogger(__name__)

Ask = Callable[[int], Awaitable[Row]]
"""Brings the page of that number, from 1."""


class _Reading:
    """`rows`: those read so far, each once. Of the latest answer: how many `pages` it told, and if it was `empty`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._seen: set[str] = set()
        self.rows: list[Row] = []
        self.pages = 1
        self.empty = False

    async def page(self, page: int) -> list[Row]:
        """Read a page; gives its rows that are new."""
        answer = await self._ask(page)
        rows = decode.rows(answer["data"])
        self.pages, _ = decode.pages(answer, page, len(rows))
        self.empty = not rows
        fresh = {str(row.get("id")): row for row in rows}
        new = [row for key, row in fresh.items() if key not in self._seen]
        self._seen |= fresh.keys()
        self.rows += new
        return new


async def first_pages(ask: Ask, bound: int) -> tuple[list[Row], bool]:
    """The rows of `bound` pages at most, and whether that was the whole list."""
    reading, page = _Reading(ask), 1
    while page <= min(reading.pages, bound):
        if not await reading.page(page):
            return reading.rows, True  # it claims more pages than it has
        page += 1
    if reading.pages > bound:
        log.warning("help desk: a list says it has %d pages; %d were read", reading.pages, bound)
    return reading.rows, reading.pages <= bound


async def last_pages(ask: Ask, bound: int) -> list[Row]:
    """The rows of the last `bound` pages, and of those that came while they were read.

    The first page, which tells how many there are, is read anyway. Raises HelpdeskGarbled when the last is not there.
    """
    reading = _Reading(ask)
    await reading.page(1)
    page = 2
    if reading.pages > bound + 1:
        page = reading.pages - bound + 1
        log.info("help desk: a list has %d pages; the last %d are read", reading.pages, bound)
        oldest, reading.rows = reading.rows, []
        if not await reading.page(page):
            if reading.empty:
                raise HelpdeskGarbled("a list has not the pages it tells of")
            return oldest  # every page is the same one
        page += 1
    until = page + 2 * bound
    while page <= min(reading.pages, until) and await reading.page(page):
        page += 1
    return reading.rows
