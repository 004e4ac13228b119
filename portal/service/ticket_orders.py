"""Which orders a ticket is about: chosen in the form, named in words, or said by an operator.

An order that is named is the shop's to know and its owner's to be told of. It is linked when it is an order of the
person who writes; suggested to the operator when it may be, or when only a quotation or a look-alike names it; and a
warning to the operator, and to nobody else, when it is somebody else's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, cast

from portal.bitrix.orders import OwnedOrder, Sale
from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Unit
from portal.errors import NotFound
from portal.helpdesk.indexing import ticket_of
from portal.model import Contact, Message, Ticket
from portal.service.identity import Identity
from portal.service.order_fields import OrderFields
from portal.service.order_numbers import MOST, Certainty, Mention, Where, alike, meant, mentions, spellings
from portal.service.orders import present_account
from portal.service.own_words import parted
from portal.store import order_tickets, order_words, outbox, tickets
from portal.store.order_tickets import CHOSEN, FOREIGN, LINKED, OPERATOR, REMOVED, TEXT

TICKET_ORDERS = "desk.orders"
"""The job that tells the ticket which orders it is about (ticket_order_notes.py)."""

READ = 200_000
"""Characters of a ticket's messages that are looked through, the newest; of a single one own_words.py says how many."""

FILES = 20
"""Files of a message whose names are looked at."""

How = Literal["chosen", "text", "operator"]
State = Literal["linked", "suggested", "foreign", "removed"]
Said = Sequence[tuple[Where, str]]

_HOW: dict[str, How] = {CHOSEN: "chosen", TEXT: "text", OPERATOR: "operator"}


@dataclass(frozen=True, slots=True)
class About:
    """An order that a ticket is, or may be, about. `user_id`: whose order it is, 0 for a nameless buyer's.

    `author`: the operator, "" where it was none. `sure`: not by a quotation or a look-alike alone. A foreign one is for
    operators only.
    """

    order_id: int
    number: str
    user_id: int
    how: How
    state: State
    at: datetime
    author: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Named:
    """An order that is named somewhere, and whether that is beyond doubt."""

    order: OwnedOrder
    sure: bool


class Whose(NamedTuple):
    """Whose a ticket is, by accounts, from sure to less so. `own`: its requester's, as far as he may know himself;
    `person`: in the eyes of an operator the same person's; `probable`: perhaps his."""

    own: Collection[int]
    person: Collection[int] = ()
    probable: Collection[int] = ()


class TicketOrders:
    """Built once. Talks to the databases only."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        self._shape = shape
        self._sale = Sale(shape, settings.site_id, settings.timezone, settings.locale)
        self._identity = Identity(settings, shape)
        self.fields = OrderFields(settings)

    def whose(self, unit: Unit, ticket: Ticket, user_id: int | None, caller: Contact | None = None) -> Whose:
        """Whose the ticket is now: `user_id`'s, its requester's account, and in an operator's eyes; `caller` as in
        Identity.of_ticket.
        """
        known = self._identity.of_ticket(unit, ticket, caller)
        return Whose(
            own=() if user_id is None else (user_id,),
            person=known.someone.accounts,
            probable=[one.node.id for one in known.probable if one.node.kind == "account"],
        )

    def follow(self, unit: Unit, ticket_id: int) -> None:
        """An operator has said something: the ticket's orders stand to it as they do now. What is not in our index of
        tickets follows with its next event.
        """
        if ticket := self._indexed(unit, ticket_id):
            whose = self.whose(unit, ticket, present_account(unit, self._shape, ticket))
            self.fields.say(unit, self.read(unit, ticket, (), whose))

    def _indexed(self, unit: Unit, ticket_id: int) -> Ticket | None:
        body = tickets.body_of(unit, ticket_id)
        return ticket_of(body) if body else None

    def read(self, unit: Unit, ticket: Ticket, said: Said, whose: Whose) -> list[int]:
        """What the ticket says counts from now on, for the person it is now; gives the orders whose field may change.

        What an operator has said stays.
        """
        before = {row.order_id: row for row in order_tickets.rows(unit, ticket.id)}
        for one in self.named(unit, said, whose):
            order = one.order
            if order.id not in before:
                order_tickets.put(
                    unit,
                    order.id,
                    ticket.id,
                    order.user_id,
                    order.number,
                    TEXT,
                    state=FOREIGN,
                    kin=False,
                    sure=one.sure,
                )
            elif one.sure and not before[order.id].sure:
                order_tickets.strengthen(unit, ticket.id, [order.id])
        order_tickets.tell(
            unit,
            ticket.id,
            ticket.number,
            whose.own,
            closed=ticket.closed,
            person=whose.person,
            probable=whose.probable,
        )
        after = order_tickets.rows(unit, ticket.id)
        if _linked(before.values()) != _linked(after):
            tell_later(unit, ticket.id)
        return [row.order_id for row in after]

    def named(self, unit: Unit, said: Said, whose: Whose) -> list[Named]:
        """The orders that are named, whoever they belong to; one query of the shop."""
        found = [mention for where, text in said for mention in mentions(text, where=where)][: 2 * MOST]
        known: dict[str, list[OwnedOrder]] = defaultdict(list)
        for order in self._sale.whosever(unit, spellings(found)) if found else ():
            known[alike(order.number)].append(order)
        chosen: dict[int, Named] = {}
        for mention in found:
            for alikes in meant(mention, known):
                for one in _chosen(mention, alikes, whose):
                    if one.order.id not in chosen or one.sure:
                        chosen[one.order.id] = one
        return list(chosen.values())

    def about(self, unit: Unit, ticket_id: int) -> tuple[About, ...]:
        """All that is known, for operators."""
        return tuple(
            About(
                row.order_id,
                row.number,
                row.user_id,
                _HOW.get(row.evidence, "text"),
                cast("State", row.state),
                row.at,
                row.author,
                row.sure,
            )
            for row in order_tickets.rows(unit, ticket_id)
        )

    def link(self, unit: Unit, operator: str, ticket_id: int, order_id: int) -> bool:
        """The operator says that the ticket is about this order. False when he has said so already.

        Another's order may be linked, and no customer is told of that. Raises NotFound when there is no such order.
        """
        order = next((one for one in self._sale.whosever(unit, (), order_id) if one.id == order_id), None)
        if order is None:
            raise NotFound
        return self._say(unit, operator, ticket_id, order, LINKED)

    def unlink(self, unit: Unit, operator: str, ticket_id: int, order_id: int) -> bool:
        """The operator says that it is not. Raises NotFound when nobody has said that it is."""
        known = next(iter(order_tickets.rows(unit, ticket_id, order_id)), None)
        if known is None:
            raise NotFound
        return self._say(unit, operator, ticket_id, OwnedOrder(order_id, known.number, known.user_id), REMOVED)

    def undo(self, unit: Unit, operator: str, ticket_id: int, order_id: int) -> None:
        """Take back the last word on this ticket and this order: what was known before counts again, as things are now.

        Raises NotFound when no operator's word stands.
        """
        # The pair first, then its words: in the order of `_say`.
        known = next(iter(order_tickets.rows(unit, ticket_id, order_id, locked=True)), None)
        word = order_words.take_back(unit, operator, ticket_id, order_id) if known else None
        if word is None:
            raise NotFound
        if word.before is None:
            order_tickets.turn(unit, ticket_id, order_id, state=REMOVED, evidence=TEXT, author="")
            self.fields.say(unit, [order_id])
            order_tickets.drop(unit, ticket_id, order_id)
        else:
            state, evidence, author = word.before
            order_tickets.turn(unit, ticket_id, order_id, state=state, evidence=evidence, author=author)
            self.fields.say(unit, [order_id])
        self.follow(unit, ticket_id)
        tell_later(unit, ticket_id)

    def _say(self, unit: Unit, operator: str, ticket_id: int, order: OwnedOrder, state: str) -> bool:
        before = next(iter(order_tickets.rows(unit, ticket_id, order.id, locked=True)), None)
        new = before is None and order_tickets.put(
            unit,
            order.id,
            ticket_id,
            order.user_id,
            order.number,
            OPERATOR,
            state=state,
            kin=False,
            author=operator,
        )
        if before is None and not new:
            # The worker has found it in the text at this very moment: the operator's word comes after that.
            before = next(iter(order_tickets.rows(unit, ticket_id, order.id, locked=True)), None)
        if before and (before.state, before.evidence) == (state, OPERATOR):
            return False
        order_words.put(unit, operator, ticket_id, order.id, order.user_id, state, before)
        if new:
            order_tickets.stand_alike(unit, ticket_id, order.id)
        else:
            order_tickets.turn(unit, ticket_id, order.id, state=state, evidence=OPERATOR, author=operator)
        self.fields.say(unit, [order.id])
        self.follow(unit, ticket_id)
        tell_later(unit, ticket_id)
        return True


def said_in(ticket: Ticket, messages: Iterable[Message]) -> list[tuple[Where, str]]:
    """What a ticket and these of its messages say, and where."""
    said, left = [(Where.SUBJECT, ticket.subject)], READ
    for message in messages:
        if (left := left - len(message.html)) < 0 and len(said) > 1:
            break
        own, quoted = parted(message.html)
        said += [(Where.TEXT, own), (Where.QUOTE, quoted)]
        said += [(Where.FILE_NAME, file.name) for file in message.files[:FILES]]
    return said


def tell_later(unit: Unit, ticket_id: int) -> None:
    """The ticket is told, by a job, which orders it is about."""
    outbox.put_unless_waiting(unit, TICKET_ORDERS, {"ticket": ticket_id}, None, queue=f"about:{ticket_id}")


def _chosen(mention: Mention, alikes: Sequence[OwnedOrder], whose: Whose) -> Iterable[Named]:
    """Of the orders whose numbers look the same: the writer's own, else a probable one's, else somebody else's.

    Nobody sees the difference of А-1007 and A-1007, so that of several none is sure but the one that is written so.
    Many digits without a word about them are no reason to warn of anybody's order.
    """
    for accounts in whose:
        his = [one for one in alikes if one.user_id and one.user_id in accounts]
        if his:
            return [Named(one, sure=one in _beyond_doubt(mention, his, alikes)) for one in his]
    if mention.certainty == Certainty.BARE:
        return []
    return [Named(one, sure=one in _beyond_doubt(mention, alikes, alikes)) for one in alikes]


def _beyond_doubt(mention: Mention, his: Sequence[OwnedOrder], alikes: Sequence[OwnedOrder]) -> Sequence[OwnedOrder]:
    if mention.where == Where.QUOTE:
        return ()
    exact = [one for one in his if any(one.number in reading for reading in mention.readings)]
    return exact or (his if len(alikes) == 1 else ())


def _linked(rows: Iterable[order_tickets.Row]) -> set[int]:
    return {row.order_id for row in rows if row.state == LINKED}
