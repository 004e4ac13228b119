"""What a customer may see and do. Every function takes the customer first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.model import Conversation, Ticket


class Sight(StrEnum):
    """Why a customer sees what he sees."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    """He has an address nobody has proven yet: the page offers the link."""
    SHARED = "shared"
    """Another account holds the same address; it joins neither."""
    NO_EMAIL = "no_email"


@dataclass(frozen=True, slots=True)
class RequestList:
    """One page of a customer's requests.

    `pending`: being fetched, nothing to show yet. `as_of` is when the help desk told us (UTC); `stale` when it is past
    its time because the help desk does not answer. `version` changes with everything the page shows of the help desk.
    """

    sight: Sight
    email: str
    tickets: tuple[Ticket, ...]
    page: int
    pages: int
    total: int
    as_of: datetime | None
    stale: bool
    pending: bool
    version: str


@dataclass(frozen=True, slots=True)
class RequestView:
    """One conversation with its age; `conversation` is None while it is being fetched for the first time."""

    ticket_id: int
    conversation: Conversation | None
    as_of: datetime | None
    stale: bool
    version: str
