"""Seam: replaced by branch sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.service.listing import Desk


@dataclass(frozen=True, slots=True)
class Subject:
    ticket_id: int | None = None
    order_id: int | None = None
    user_id: int | None = None


class Seam(str):
    whom: tuple[tuple[str, int], ...] = ()


class Panel:
    def __init__(self, settings: Settings, shape: Shape, desk: Desk) -> None:
        pass

    async def sheet(self, subject: Subject) -> Any:
        return Seam(str(subject))

    async def find(self, q: str) -> Any:
        return Seam(q)
