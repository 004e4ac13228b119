"""Who is who, for operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Unit
from portal.model import Contact, Ticket
from portal.service.evidence import Evidence, Kind, Node


class Reach(NamedTuple):
    """An address or a phone of a person; `sure`: proven by himself, or confirmed to the shop."""

    value: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Someone:
    """One person: his shop accounts and contacts, and all his addresses and phones (E.164), sure ones first."""

    accounts: tuple[int, ...]
    contacts: tuple[int, ...]
    emails: tuple[Reach, ...]
    phones: tuple[Reach, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who may be the same person, and why, strongest reason first. `name`, `email`: for display, "" when unknown."""

    node: Node
    name: str
    email: str
    because: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who it is, who else it may be, and the words "not the same" that keep somebody apart from him."""

    someone: Someone
    probable: tuple[Candidate, ...]
    parted: tuple[Evidence, ...]


class Identity:
    """Built once."""

    def __init__(self, settings: Settings, shape: Shape) -> None: ...

    def of_ticket(
        self, unit: Unit, ticket: Ticket, contact: Contact | None = None, known: Sequence[Contact] = ()
    ) -> Recognised: ...  # type: ignore[empty-body]

    def of_account(self, unit: Unit, user_id: int, known: Sequence[Contact] = ()) -> Recognised: ...  # type: ignore[empty-body]

    def say(self, unit: Unit, operator: str, left: Node, right: Node, *, same: bool) -> int: ...  # type: ignore[empty-body]

    def undo(self, unit: Unit, operator: str, word_id: int) -> None: ...


__all__ = ["Candidate", "Evidence", "Identity", "Kind", "Node", "Reach", "Recognised", "Someone"]
