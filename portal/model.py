"""The words of the field, as frozen values. Ids are positive integers; times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Status(StrEnum):
    """The state of a ticket as its customer understands it (design/look.md, "Words")."""

    RECEIVED = "received"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    CLOSED = "closed"
    OTHER = "other"
    """Unknown to us: shown as the help desk names it (`Ticket.status_name`)."""


class Channel(StrEnum):
    """The way a ticket came in."""

    EMAIL = "email"
    PHONE = "phone"
    SITE = "site"
    CHAT = "chat"
    PORTAL = "portal"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Customer:
    """A signed-in shop account, read from b_user: never from the session's own copy.

    `email` is lower-cased and trimmed, "" when the account has none. `confirmed` says that the shop's own
    registration confirmation is on and done for this account.
    """

    id: int
    login: str
    email: str
    name: str
    language: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as the help desk knows him; `email` is lower-cased and trimmed."""

    id: int
    email: str
    name: str
    phone: str = ""
    is_staff: bool = False


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request without its messages. `status_name` is the help desk's own word for the status, `status_key` its id."""

    id: int
    number: str
    subject: str
    status: Status
    status_name: str
    requester_id: int
    requester_email: str
    channel: Channel
    created_at: datetime
    updated_at: datetime
    last_reply_at: datetime | None = None
    closed: bool = False
    owner_id: int | None = None
    owner_name: str = ""
    status_key: str = ""


def activity(ticket: Ticket) -> datetime:
    """When something happened in it last, as far as its list tells: some replies count as a change alone."""
    return max(ticket.last_reply_at, ticket.updated_at) if ticket.last_reply_at else ticket.updated_at


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message. `url` is the help desk's, never shown to a customer; `size` is in bytes, None if untold."""

    id: str
    name: str
    url: str
    size: int | None = None
    type: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way to the help desk, whole; `name` and `type` are as its sender gave them."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A message visible to the customer; `html` is as the help desk gave it, hostile until cleaned."""

    id: int
    author_id: int
    author_name: str
    from_staff: bool
    html: str
    created_at: datetime
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class TicketPage:
    """One page of somebody's tickets, newest activity first. `page` and `pages` count from 1."""

    tickets: tuple[Ticket, ...]
    page: int
    pages: int
    total: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """A ticket with its public messages, oldest first."""

    ticket: Ticket
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class OrderChoice:
    """An order as its customer picks it from a list; `total` in `currency` (ISO 4217)."""

    id: int
    number: str
    created_at: datetime
    total: Decimal
    currency: str


class EventKind(StrEnum):
    """The events that we act upon."""

    TICKET_CREATED = "ticket.created"
    MESSAGE_CREATED = "message.created"
    STATUS_CHANGED = "ticket.status_changed"


@dataclass(frozen=True, slots=True)
class Event:
    """Something the help desk says has happened: a hint, as the ticket is read again before anything is done.

    `kind` is an EventKind or a name unknown to us. `key` is the event's identity, compared as bytes; `is_vague` says
    that it names neither a message nor a time, so that a later event may have the same one.
    """

    kind: str
    ticket_id: int
    contact_id: int | None
    message_id: int | None
    happened_at: datetime | None
    key: bytes
    is_vague: bool = False

    @property
    def is_known(self) -> bool:
        """Whether we act upon it."""
        return self.kind in EventKind.__members__.values()


@dataclass(frozen=True, slots=True)
class Money:
    """A sum with two decimals in `currency` (ISO 4217)."""

    sum: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Buyer:
    """A shop account as its orders' owner. `active` is False for one that is switched off or blocked.

    `orders` counts all of his that count here, cancelled ones too; `spent` is what he paid for those not cancelled.
    """

    id: int
    name: str
    email: str
    phone: str
    registered_at: datetime | None
    active: bool
    orders: int
    spent: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """A status of an order or a shipment; `name` in the shop's language, the id where it has none."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of an order; a bundle is one. `price` of one `measure`; `options` are names and values (colour, size)."""

    name: str
    quantity: Decimal
    measure: str
    price: Decimal
    sum: Decimal
    product_id: int
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of an order, made or awaited."""

    name: str
    sum: Decimal
    paid: bool
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class Shipment:
    """One parcel of an order."""

    name: str
    status: OrderStatus
    tracking: str
    shipped: bool


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to an order. `type` is the shop's own code; `undone` when it was taken back.

    `value`: what it became or what it is about (a status, a sum, a tracking number, a product), "" when untold.
    """

    at: datetime
    type: str
    value: str = ""
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """An order as its buyer may know it; sums with two decimals in `currency`. `admin_path` is for the staff."""

    id: int
    number: str
    created_at: datetime
    updated_at: datetime
    status: OrderStatus
    paid: bool
    canceled: bool
    sum: Decimal
    paid_sum: Decimal
    delivery_sum: Decimal
    currency: str
    admin_path: str
    lines: tuple[OrderLine, ...] = ()
    payments: tuple[Payment, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    history: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy(Generic[T]):
    """Something the help desk told us at `fetched_at`; `stale` when it is past its time and could not be renewed.

    `version` changes whenever the value may have changed: pages rendered from it are kept under it.
    """

    value: T
    fetched_at: datetime
    stale: bool
    version: str
