"""What the operator's panel shows. A seam: the doors (web/panel.py) ask this of it; what stands here knows nobody yet.

A sheet and what a search has found say in `whom` whom they show, as pairs of a kind (account, contact) and a number:
that is what the audit writes down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.service.listing import Desk


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the panel is about: whoever a ticket or an order belongs to, or somebody the operator has chosen in it."""

    ticket_id: int | None = None
    order_id: int | None = None
    user_id: int | None = None
    contact_id: int | None = None


class _Seam(str):
    whom: tuple[tuple[str, int], ...] = ()


class Panel:
    """Says what it was asked."""

    def __init__(self, settings: Settings, shape: Shape, desk: Desk) -> None:
        pass

    async def sheet(self, subject: Subject, page: int = 1) -> Any:
        """The sheet of this subject, its orders and requests of `page`. Raises DatabaseAway."""
        return _Seam(str(subject))

    async def find(self, q: str) -> Any:
        """Whom these words may mean."""
        return _Seam(q)
