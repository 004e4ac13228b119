"""What an event of the help desk sets off in the shop: the order's field, a letter to the manager, a task in Bitrix24.

All of it is decided and written down in one transaction with the event's end: letters and tasks as jobs of the outbox,
each named by its occasion, so that nothing is lost and nothing is done twice wherever a process dies.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from portal.bitrix import users
from portal.bitrix.orders import ADMIN_PATH
from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Unit, cut
from portal.model import Channel, Contact, Event, EventKind, Message, Ticket
from portal.service.order_fields import FieldChange
from portal.service.orders import present_account
from portal.service.rules import By, Effect, Rules, Told
from portal.service.ticket_orders import TicketOrders, said_in
from portal.store import inbox, links, order_tickets, outbox, profiles, tickets, turns
from portal.store.inbox import Applied, As
from portal.store.order_tickets import GONE

MANAGER_MAIL = "mail.manager"
CRM_TASK = "crm.task"

STATUS_BYTES = 64

WHAT = {EventKind.TICKET_CREATED: "created", EventKind.MESSAGE_CREATED: "message", EventKind.STATUS_CHANGED: "status"}


@dataclass(frozen=True, slots=True)
class News:
    """What an event means, now that its ticket was read again. `ticket` is None when there is none any more.

    `message`: the one it is about, of a new ticket the first; None when not asked for, or when no customer may see it.
    `said`: what may name an order: what the customer has written, newest first, and how the ticket began.
    `stranger`: the requester, when he may have to be written down as a person without an account, or has called.
    `as_of`: when somebody acted upon this ticket last, before it was read. `read_at`: when it was, by the database's
    clock and naive UTC; what came before that is in it.
    """

    event: Event
    ticket: Ticket | None
    message: Message | None = None
    said: tuple[Message, ...] = ()
    first: bool | None = None
    ours: bool = False
    stranger: Contact | None = None
    as_of: datetime | None = None
    read_at: datetime | None = None

    @property
    def message_id(self) -> int | None:
        """The message it is about: a vague event is about the one that was found."""
        return self.event.message_id or (self.message.id if self.message else None)


class Outdated(Exception):
    """Somebody has acted upon the same ticket since it was read: what he saw may be newer, so it is read again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was set off: fields that say something else now, letters and tasks put. `stale`: it told nothing new.

    `seen`: what the event was acted upon as, None where there is no ticket.
    """

    fields: tuple[FieldChange, ...] = ()
    mails: int = 0
    tasks: int = 0
    stale: bool = False
    seen: As | None = None


class Effects:
    """Built once: the shop, and the rules that say what sets off what. Talks to the databases only."""

    def __init__(self, settings: Settings, shape: Shape, rules: Rules) -> None:
        self._settings = settings
        self._shape = shape
        self._orders = TicketOrders(settings, shape)
        on = {
            Effect.ORDER_FIELD: True,
            Effect.MAIL_MANAGER: settings.mail and settings.manager_email,
            Effect.CRM_TASK: settings.crm_webhook_url.get_secret_value(),
        }
        self._on = frozenset(effect for effect, setting in on.items() if setting)
        self._rules = rules

    def asks_for_the_message(self, event: Event) -> bool:
        """Whether what was written decides what is set off: by a rule, or as it may name an order."""
        names_orders = event.kind in (EventKind.TICKET_CREATED, EventKind.MESSAGE_CREATED) and self._shape.orders
        return names_orders or self.asks_for_each_message(event)

    @property
    def asks_for_the_status(self) -> bool:
        """Whether a rule looks at the status as the help desk itself has it; our copies know whose turn it is."""
        return self._rules.ask_for_the_status

    def asks_for_each_message(self, event: Event) -> bool:
        """Whether a rule looks at each message by itself: then one look at the ticket does not do for many events.

        Any event may turn out to tell of another status, too.
        """
        kinds = {event.kind, EventKind.STATUS_CHANGED}
        return any(self._rules.ask_for_the_message(kind, self._on) for kind in kinds)

    def asks_for_the_stranger(self, unit: Unit, ticket: Ticket) -> bool:
        """Whether the requester is to be written down as a person without an account, or known by his number alone."""
        return (ticket.channel is Channel.PHONE and not ticket.requester_email) or (
            self._settings.on_unknown_email == "profile"
            and bool(ticket.requester_email)
            and not users.others_with_email(unit, 0, ticket.requester_email)
            and not profiles.known(unit, ticket.requester_id)
        )

    def apply(self, unit: Unit, news: News) -> Outcome:
        """Set off what the news set off, in the caller's transaction; again, and nothing more is set off.

        Raises Outdated.
        """
        applied = inbox.applied(unit, news.event.ticket_id)
        if last_acted(applied) != news.as_of:
            raise Outdated
        ticket = news.ticket
        if ticket is None:
            order_tickets.gone(unit, news.event.ticket_id)
            tickets.erase(unit, [], [news.event.ticket_id])
            return Outcome(self._orders.fields.say(unit, order_tickets.of_ticket(unit, news.event.ticket_id)))
        user_id = present_account(unit, self._shape, ticket)
        kinds = _happened(news, ticket, applied)
        newest = max((one.version for one in applied), default=ticket.updated_at)
        fields: tuple[FieldChange, ...] = ()
        if ticket.updated_at >= newest:  # else the help desk has told us an older state than before
            self._acquaint(unit, news, ticket, user_id)
            tickets.belongs(unit, ticket.id, ticket.requester_id)
            turns.note(unit, ticket)
            says = any(Effect.ORDER_FIELD in self._wanted(kind, news, ticket) for kind in {news.event.kind, *kinds})
            fields = self._follow(unit, news, ticket, user_id, says=says)
        turned = EventKind.STATUS_CHANGED in kinds
        seen = As(ticket.updated_at, news.message_id, _status(ticket), turned)
        if not kinds:
            is_newer = all(one.version < ticket.updated_at for one in applied)
            return Outcome(fields, stale=not is_newer and not fields, seen=seen)
        mails = tasks = 0
        for kind in kinds:
            wanted = self._wanted(kind, news, ticket)
            mails += Effect.MAIL_MANAGER in wanted and self._put(unit, MANAGER_MAIL, kind, news, ticket, user_id)
            tasks += Effect.CRM_TASK in wanted and self._put(unit, CRM_TASK, kind, news, ticket, user_id)
        return Outcome(fields, mails, tasks, seen=seen)

    def _wanted(self, kind: str, news: News, ticket: Ticket) -> frozenset[Effect]:
        """What the rules say, as far as it is on. What we wrote ourselves is no news to the shop."""
        by = (By.STAFF if news.message.from_staff else By.CUSTOMER) if news.message else None
        wanted = self._rules.effects(Told(kind, ticket.status, by, news.first)) & self._on
        return wanted & {Effect.ORDER_FIELD} if news.ours and kind == news.event.kind else wanted

    def _acquaint(self, unit: Unit, news: News, ticket: Ticket, user_id: int | None) -> None:
        """Link the requester's contact to the account that holds his address, for operators; or write him down."""
        email = ticket.requester_email
        if user_id is not None:
            if email and users.sole_holder(unit, self._shape, email) == user_id:
                links.note(unit, user_id, email, ticket.requester_id)
        elif email and news.stranger is not None and not news.stranger.is_staff and news.stranger.email == email:
            profiles.put(unit, news.stranger)

    def _follow(
        self, unit: Unit, news: News, ticket: Ticket, user_id: int | None, *, says: bool
    ) -> tuple[FieldChange, ...]:
        """Which orders the ticket is about, and how it stands to them: those of its present requester."""
        whose = self._orders.whose(unit, ticket, user_id, news.stranger)
        named = self._orders.read(unit, ticket, said_in(ticket, news.said), whose)
        return self._orders.fields.say(unit, named) if says else ()

    def _put(  # noqa: PLR0917  # what to do, and what has happened
        self, unit: Unit, effect: str, kind: str, news: News, ticket: Ticket, user_id: int | None
    ) -> bool:
        occasion = _occasion(kind, news, ticket)
        payload = {
            "what": WHAT[EventKind(kind)],
            "occasion": occasion,
            "number": ticket.number,
            "subject": ticket.subject,
            "email": ticket.requester_email,
            "status": ticket.status_name,
            "orders": self._links(unit, ticket.id),
        }
        return outbox.put(unit, effect, payload, user_id, ticket_id=ticket.id, once=f"{effect[:4]}:{occasion}").new

    def _links(self, unit: Unit, ticket_id: int) -> list[tuple[str, str]]:
        """The orders that the ticket is about: number, and address for the staff."""
        rows = order_tickets.standings(unit, order_tickets.of_ticket(unit, ticket_id))
        ours = [row for row in rows if row.ticket_id == ticket_id and row.standing != GONE]
        return [(row.order, self._settings.public_url + ADMIN_PATH.format(row.order_id)) for row in ours]


def last_acted(applied: Collection[Applied]) -> datetime | None:
    """When somebody acted upon a ticket last."""
    return max((one.at for one in applied), default=None)


def _happened(news: News, ticket: Ticket, applied: Collection[Applied]) -> list[str]:
    """What has not been acted upon, in whatever order events came, how often, and whether all did.

    What the event tells; and another status than before, whatever the event tells: its own may never come.
    """
    kind = news.event.kind
    if kind == EventKind.STATUS_CHANGED:
        return [kind] if _has_turned(ticket, applied, told=True) else []
    happened = [kind] if _is_new(news, ticket, applied) else []
    return [*happened, EventKind.STATUS_CHANGED] if _has_turned(ticket, applied, told=False) else happened


def _has_turned(ticket: Ticket, applied: Collection[Applied], *, told: bool) -> bool:
    """Whether its status is another one than when it was acted upon last; `told`: an event says so.

    Where nobody knows what it was before, an event is believed that is newer than the others of its kind.
    """
    by_age = sorted(applied, key=lambda one: (one.version, one.at))
    if by_age and by_age[-1].version > ticket.updated_at:
        return False  # the help desk has told us an older state than before
    since = list(takewhile(lambda one: one.status == _status(ticket), reversed(by_age)))
    if len(since) < len(by_age) and by_age[-1 - len(since)].status is not None:
        return not since
    is_known = any(one.turned for one in since)
    newest = all(one.version < ticket.updated_at for one in applied if one.kind == EventKind.STATUS_CHANGED)
    return told and not is_known and newest


def _status(ticket: Ticket) -> bytes:
    return cut(ticket.status_key, STATUS_BYTES)


def _is_new(news: News, ticket: Ticket, applied: Collection[Applied]) -> bool:
    """Whether what an event of a ticket or a message tells has not been acted upon."""
    alike = [one for one in applied if one.kind == news.event.kind]
    if news.event.kind == EventKind.TICKET_CREATED:
        return not alike
    if news.event.kind == EventKind.MESSAGE_CREATED and news.message_id is not None:
        return all(one.message_id != news.message_id for one in alike)
    return all(one.version < ticket.updated_at for one in alike)


def _occasion(kind: str, news: News, ticket: Ticket) -> str:
    """What happened, whatever event told it: it names the letter and the task."""
    if kind == EventKind.TICKET_CREATED:
        return f"created:{ticket.id}"
    if kind == EventKind.MESSAGE_CREATED and news.message_id is not None:
        return f"message:{ticket.id}:{news.message_id}"
    return f"{WHAT[EventKind(kind)]}:{ticket.id}:{ticket.updated_at.timestamp():.6f}"
