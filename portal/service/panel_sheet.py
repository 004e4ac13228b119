"""A sheet of the operator's panel, and what a search in it has found: frozen, drawn by templates/panel/show.html."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from portal.bitrix.dossiers import Archived, Dossier
from portal.model import Money, Order, Ticket
from portal.service.evidence import Evidence
from portal.service.identity import Candidate, Reach

Whom = tuple[str, int]
"""A kind (account, contact, order) and a number."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the panel is about: whoever a ticket or an order belongs to, or somebody the operator has chosen in it."""

    ticket_id: int | None = None
    order_id: int | None = None
    user_id: int | None = None
    contact_id: int | None = None


class Face(StrEnum):
    """What the panel looks like before anything else."""

    PERSON = "person"
    CONTACT = "contact"
    """The help desk knows him, the shop does not."""
    NOBODY = "nobody"
    NAMELESS = "nameless"
    """The order of the account that all nameless buyers share: nobody's."""
    NO_TICKET = "no_ticket"
    NO_ORDER = "no_order"


class News(StrEnum):
    """How fresh the help desk's part is."""

    FRESH = "fresh"
    STALE = "stale"
    """An older copy, as the help desk does not answer or is slow."""
    PENDING = "pending"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Who:
    """A person in one line or two. `language`: his own, two letters; `guest`: he has ordered, and nobody has ever
    signed in as him, nor proven an address.
    """

    name: str
    registered_at: datetime | None = None
    emails: tuple[Reach, ...] = ()
    phones: tuple[Reach, ...] = ()
    language: str = ""
    active: bool = True
    guest: bool = False
    accounts: tuple[Dossier, ...] = ()
    contacts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Worth:
    """What he has bought: all orders that count, those cancelled among them, and money by currency."""

    orders: int = 0
    canceled: int = 0
    spent: tuple[Money, ...] = ()
    returned: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """An order that the ticket is, or may be, about. `state`: linked, suggested, foreign, removed.

    `how`: chosen, text, operator. One of `order` and `archived`, or none of them when the shop has it no more.
    `owner`: the account whose it is.
    """

    order_id: int
    number: str
    state: str
    how: str
    owner: int = 0
    author: str = ""
    order: Order | None = None
    archived: Archived | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the timeline: an order was made, a request was opened, or something happened in it last."""

    at: datetime
    what: Literal["ordered", "archived", "opened", "touched"]
    order: Order | None = None
    archived: Archived | None = None
    ticket: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything at once. `shop_at`: when the shop was read; `requests_at`: how old the oldest copy is.

    `typed`: the ticket came from a form or a chat, whose address anybody may have typed, and is nobody's own.
    `me`: who stands for the person in the forms "same person". `orders` and `requests` are of `page`, newest first;
    `totals` are of all. `tickets_of`: by order, the tickets about it.
    """

    subject: Subject
    face: Face
    who: Who | None = None
    me: Whom | None = None
    worth: Worth = Worth()
    ticket: Ticket | None = None
    about: tuple[Named, ...] = ()
    orders: tuple[Order, ...] = ()
    archived: tuple[Archived, ...] = ()
    tickets_of: Mapping[int, list[int]] = field(default_factory=dict)
    requests: tuple[Ticket, ...] = ()
    requests_total: int = 0
    timeline: tuple[Moment, ...] = ()
    probable: tuple[Candidate, ...] = ()
    words: tuple[Evidence, ...] = ()
    page: int = 1
    pages: int = 1
    shop_at: datetime | None = None
    requests_at: datetime | None = None
    news: News = News.FRESH
    whom: tuple[Whom, ...] = ()
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """Somebody a search has found, and by what: order, email, phone, name."""

    whom: Whom
    name: str
    email: str
    by: str
    value: str = ""
    orders: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Whom the words may mean. `more`: there are others; `helpdesk_away`: its contacts could not be asked.

    `nameless`: numbers of orders of the nameless buyer, which lead to nobody. `short`: nobody was looked for, as the
    words have not the letters of a name. `newest`: so many accounts were looked at for the name, 0 for all.
    """

    q: str
    hits: tuple[Hit, ...] = ()
    more: bool = False
    helpdesk_away: bool = False
    nameless: tuple[str, ...] = ()
    whom: tuple[Whom, ...] = ()
    short: bool = False
    newest: int = 0
