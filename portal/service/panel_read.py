"""The shop's part of an operator's sheet, and ours: one thread hop, a constant number of queries for anybody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from portal.bitrix import dossiers
from portal.bitrix.dossiers import Archived, Dossier
from portal.bitrix.orders import Sale
from portal.database import Unit
from portal.model import Channel, Contact, Money, Order, Ticket
from portal.service.evidence import Evidence, Kind
from portal.service.identity import Identity, Reach, Recognised, Someone
from portal.service.panel_sheet import Face, Named, Sheet, Subject, Who, Whom, Worth
from portal.service.ticket_orders import TicketOrders
from portal.store import links, order_tickets, profiles

PAGE_SIZE = 20
ACCOUNTS = 10
"""Of one person, those whose orders are read."""

ABOUT = 10
"""Orders that one ticket names, those shown."""

TYPED = frozenset({Channel.SITE, Channel.CHAT})
"""Ways in which a request comes with the address that its writer has typed, and nobody has checked."""

LINKED, SUGGESTED, FOREIGN, REMOVED = SHOWN = ("linked", "suggested", "foreign", "removed")
UNTOLD = (FOREIGN, REMOVED)
"""Of these orders the panel tells the number and no more."""
"""What a panel shows of what a ticket may be about, and in which order."""


@dataclass(frozen=True, slots=True)
class Known:
    """What one read has found: a sheet without requests, and who it is."""

    sheet: Sheet
    someone: Someone | None


@dataclass(frozen=True, slots=True)
class Reader:
    """Built once."""

    sale: Sale
    identity: Identity
    linked: TicketOrders

    def read(
        self, unit: Unit, subject: Subject, ticket: Ticket | None, contacts: Sequence[Contact], page: int
    ) -> Known:
        """Who it is, what he has bought, what the ticket is about, and who else it may be."""
        if subject.contact_id and subject.contact_id not in {one.id for one in contacts}:
            contacts = [*contacts, *profiles.of_contact(unit, subject.contact_id)]
        at = datetime.now(UTC)
        named = self._named(unit, subject)
        found, face = self._recognised(unit, subject, ticket, contacts, named)
        someone = found.someone if found else None
        mine = someone.accounts[:ACCOUNTS] if someone else ()
        accounts = dossiers.accounts(unit, self.sale, mine)
        total = sum(one.orders for one in accounts)
        offset = (page - 1) * PAGE_SIZE
        orders = dossiers.orders(unit, self.sale, mine, PAGE_SIZE, offset) if offset < total else []
        archived = dossiers.archived(unit, self.sale, mine, [one.order_id for one in named if one.order is None])
        orders, named = self._whole(unit, orders, named, archived)
        if face is Face.PERSON and not accounts:
            face = Face.CONTACT if ticket or contacts or subject.contact_id else Face.NOBODY
        who = _who(accounts, someone, ticket, contacts) if face in (Face.PERSON, Face.CONTACT) else None
        probable = found.probable if found else ()
        sheet = Sheet(
            subject=subject,
            face=face,
            who=who,
            me=_me(someone, ticket) if who else None,
            worth=replace(_worth(accounts), returned=dossiers.returned(unit, self.sale, mine)),
            about=named,
            orders=tuple(orders),
            archived=tuple(one for one in archived if one.user_id in mine) if page == 1 else (),
            tickets_of=order_tickets.of_orders(unit, [order.id for order in orders]),
            typed=face is Face.PERSON and ticket is not None and _is_typed(unit, ticket),
            probable=probable,
            words=_words(found),
            page=page,
            pages=max(1, -(-total // PAGE_SIZE)),
            shop_at=at,
            whom=tuple(dict.fromkeys((*_whom(someone, probable), *_owners(named)))),
        )
        return Known(sheet, someone)

    def _named(self, unit: Unit, subject: Subject) -> tuple[Named, ...]:
        """The orders this panel is about, with their owners; an order's own panel is about that one."""
        if subject.order_id is not None:
            told = [Named(subject.order_id, str(subject.order_id), LINKED, "")]
        elif subject.ticket_id is not None:
            # Whoever names many orders of others pushes the linked one out of nothing.
            about = [one for one in self.linked.about(unit, subject.ticket_id) if one.state in SHOWN]
            about = sorted(about, key=lambda one: SHOWN.index(one.state))[:ABOUT]
            told = [Named(one.order_id, one.number, one.state, one.how, author=one.author) for one in about]
        else:
            return ()
        here = {
            order.id: (order, owner) for order, owner in dossiers.by_id(unit, self.sale, [n.order_id for n in told])
        }
        return tuple(
            replace(one, order=here[one.order_id][0], number=here[one.order_id][0].number, owner=_owner(here, one))
            if one.order_id in here
            else one
            for one in told
        )

    def _recognised(
        self,
        unit: Unit,
        subject: Subject,
        ticket: Ticket | None,
        contacts: Sequence[Contact],
        named: Sequence[Named],
    ) -> tuple[Recognised | None, Face]:
        if subject.user_id is not None:
            return self.identity.of_account(unit, subject.user_id, contacts), Face.PERSON
        if subject.contact_id is not None:
            return self.identity.of_contact(unit, subject.contact_id, contacts), Face.PERSON
        if subject.order_id is not None:
            return self._of_order(unit, subject.order_id, contacts, named)
        if ticket is not None:
            contact = next((one for one in contacts if one.id == ticket.requester_id), None)
            return self.identity.of_ticket(unit, ticket, contact, contacts), Face.PERSON
        owner = links.owner(unit, subject.ticket_id or 0)
        if owner:
            return self.identity.of_account(unit, owner.user_id, contacts), Face.PERSON
        return None, Face.NO_TICKET

    def _of_order(
        self, unit: Unit, order_id: int, contacts: Sequence[Contact], named: Sequence[Named]
    ) -> tuple[Recognised | None, Face]:
        owner = named[0].owner
        if owner < 0:
            return None, Face.NAMELESS
        if not owner:
            stored = dossiers.archived(unit, self.sale, (), [order_id])
            if not stored:
                return None, Face.NO_ORDER
            owner = stored[0].user_id
            if not owner:
                return None, Face.NAMELESS
        return self.identity.of_account(unit, owner, contacts), Face.PERSON

    def _whole(
        self, unit: Unit, orders: Sequence[Order], named: Sequence[Named], archived: Sequence[Archived]
    ) -> tuple[list[Order], tuple[Named, ...]]:
        """The orders with what belongs to them. Somebody else's shows its number alone: it is not read."""
        about = [one.order for one in named if one.order and one.state not in UNTOLD]
        whole = dossiers.whole(unit, self.sale, list({one.id: one for one in (*orders, *about)}.values()))
        stored = {one.order_id: one for one in archived}
        drawn = tuple(
            replace(
                one,
                order=whole.get(one.order_id),
                archived=None if one.state in UNTOLD else stored.get(one.order_id),
                number=stored[one.order_id].number if one.order_id in stored else one.number,
            )
            for one in named
        )
        return [whole[order.id] for order in orders], drawn


def _is_typed(unit: Unit, ticket: Ticket) -> bool:
    """Whether the address in it may be anybody's: the proof of an account is none that its customer writes here."""
    if ticket.channel not in TYPED:
        return False
    owner = links.owner(unit, ticket.id)
    return owner is None or owner.contact_id != ticket.requester_id


def _owner(here: dict[int, tuple[Order, dossiers.Owner]], one: Named) -> int:
    """Whose it is now; -1: of the nameless buyers."""
    owner = here[one.order_id][1]
    return -1 if owner.nameless else owner.user_id


def _who(
    accounts: Sequence[Dossier], someone: Someone | None, ticket: Ticket | None, contacts: Sequence[Contact]
) -> Who:
    """By his oldest live account, else as the help desk calls him."""
    first = next((one for one in accounts if one.active), accounts[0] if accounts else None)
    contact = next((one for one in contacts if someone and one.id in someone.contacts), None)
    emails = someone.emails if someone else ()
    written = ticket.requester_email if ticket else contact.email if contact else ""
    if not emails and written:
        emails = (Reach(written, False),)
    phones = someone.phones if someone else ()
    if not phones and contact and contact.phone:
        phones = (Reach(contact.phone, False),)
    return Who(
        name=(first.name if first else "") or (contact.name if contact else ""),
        registered_at=first.registered_at if first else None,
        emails=emails,
        phones=phones,
        language=next((one.language for one in accounts if one.language), ""),
        active=first.active if first else True,
        guest=all(one.guest for one in accounts)
        and any(one.orders for one in accounts)
        and not any(one.sure for one in emails),
        accounts=tuple(accounts),
        contacts=someone.contacts if someone else (),
    )


def _worth(accounts: Sequence[Dossier]) -> Worth:
    spent: dict[str, Money] = {}
    for money in (money for one in accounts for money in one.spent):
        before = spent.get(money.currency)
        spent[money.currency] = Money(money.sum + before.sum, money.currency) if before else money
    return Worth(sum(one.orders for one in accounts), sum(one.canceled for one in accounts), tuple(spent.values()))


def _me(someone: Someone | None, ticket: Ticket | None) -> Whom | None:
    """The node an operator's word is said of: the ticket's contact, else the first account."""
    if ticket:
        return "contact", ticket.requester_id
    if someone and someone.accounts:
        return "account", someone.accounts[0]
    return ("contact", someone.contacts[0]) if someone and someone.contacts else None


def _words(found: Recognised | None) -> tuple[Evidence, ...]:
    """What operators have said of him, both ways, each to be taken back."""
    if found is None:
        return ()
    said = [one for one in found.someone.evidence if one.kind is Kind.SAID_SAME and one.word_id]
    return (*said, *(one for one in found.parted if one.word_id))


def _whom(someone: Someone | None, probable: Iterable[Any]) -> Iterable[Whom]:
    if someone:
        yield from (("account", one) for one in someone.accounts)
        yield from (("contact", one) for one in someone.contacts)
    yield from ((one.node.kind, one.node.id) for one in probable)


def _owners(named: Iterable[Named]) -> Iterable[Whom]:
    """Whose orders are shown, by an operator's word perhaps somebody else's; a number alone shows nothing of him."""
    return (("account", one.owner) for one in named if one.owner > 0 and (one.order or one.archived))
