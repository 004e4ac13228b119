"""Who is who, for operators: one person of many accounts, contacts, addresses and phones, on evidence.

What speaks for whom is in evidence.py, what is read for it in gathering.py. Nothing of it is written down but the words
of operators, so that whatever stops being true stops joining; and nothing of it is asked when it is decided what a
customer may see (sight.py). The help desk is not asked here: the caller passes the contacts that he knows.

A call is the help desk's only proof of a number: a ticket of its telephony, whose contact has no address and so was not
made by a form. A confirmed phone of the shop is strong against that alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Unit
from portal.errors import NotFound
from portal.model import Channel, Contact, Ticket
from portal.service.evidence import Evidence, Groups, Kind, Node, grouped, pair, probable
from portal.service.gathering import gather
from portal.service.weighing import Known, weigh
from portal.store import words_of_operators as words

CANDIDATES = 20
"""So many who may be the same person are shown, those with the best reasons."""

OPERATOR_BYTES = 400


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

    def __init__(self, settings: Settings, shape: Shape) -> None:
        self._shape = shape
        self._trust_shop = settings.trust_shop_email

    def of_ticket(
        self, unit: Unit, ticket: Ticket, contact: Contact | None = None, known: Sequence[Contact] = ()
    ) -> Recognised:
        """Whoever the ticket's present requester is. `contact`: what is known of him; `known`: of other contacts.

        Eight queries at most. A member of staff is nobody's customer: he is recognised as himself alone.
        """
        told = contact or Contact(ticket.requester_id, ticket.requester_email, "")
        start = Node("contact", ticket.requester_id)
        if told.is_staff or not start.id:
            return _recognised(Known(self._trust_shop), start)
        called = ticket.channel is Channel.PHONE and not told.email
        read = Known(self._trust_shop, ticket.id, start.id if called else 0, contacts=_customers([*known, told]))
        gather(unit, self._shape, read, {start})
        return _recognised(read, start)

    def of_contact(self, unit: Unit, contact_id: int, known: Sequence[Contact] = ()) -> Recognised:
        """Whoever this contact is; a member of staff is himself alone. `known`: what is known of him and of others."""
        start = Node("contact", contact_id)
        if any(one.is_staff for one in known if one.id == contact_id):
            return _recognised(Known(self._trust_shop), start)
        read = Known(self._trust_shop, contacts=_customers(known))
        gather(unit, self._shape, read, {start})
        return _recognised(read, start)

    def of_account(self, unit: Unit, user_id: int, known: Sequence[Contact] = ()) -> Recognised:
        """Whose this account is; nobody's (no accounts) when there is none, or it is the nameless buyers'."""
        read = Known(self._trust_shop, contacts=_customers(known))
        start = Node("account", user_id)
        gather(unit, self._shape, read, {start})
        return _recognised(read, start)

    def say(self, unit: Unit, operator: str, left: Node, right: Node, *, same: bool) -> int:
        """The operator says that the two are, or are not, one person; the word's id. The same word twice is one.

        Raises NotFound for two that are one and the same, and without an operator.
        """
        who = _operator(operator)
        if left == right or min(left.id, right.id) < 1:
            raise NotFound
        return words.say(unit, who, pair(left, right), words.SAME if same else words.NOT)

    def undo(self, unit: Unit, operator: str, word_id: int) -> None:
        """Take a word back, whoever said it: what holds is what held before. Raises NotFound when there is nothing."""
        words.undo(unit, _operator(operator), word_id)


def _operator(name: str) -> str:
    if not name.strip() or len(name.encode()) > OPERATOR_BYTES:
        raise NotFound
    return name


def _customers(contacts: Iterable[Contact]) -> dict[int, Contact]:
    return {contact.id: contact for contact in contacts if not contact.is_staff}


def _recognised(read: Known, start: Node) -> Recognised:
    evidence = weigh(read)
    groups = grouped(evidence)
    me = groups.with_(start)
    parted = [one for one in evidence if one.kind is Kind.SAID_NOT and one.other(me)]
    return Recognised(_someone(read, me, evidence), _candidates(read, groups, evidence, me), tuple(parted))


def _someone(read: Known, me: frozenset[Node], evidence: Iterable[Evidence]) -> Someone:
    inside = tuple(one for one in evidence if me.issuperset(one.between) and one.kind is not Kind.SAID_NOT)
    accounts = sorted(node.id for node in me if node.kind == "account" and node.id in read.holders)
    emails = {value for node in me for value in read.emails(node)}
    phones = {value for node in me for value in read.phones(node)}
    confirmed = {held.number for user_id in accounts if (held := read.holders[user_id]).confirmed}
    return Someone(
        tuple(accounts),
        tuple(sorted(node.id for node in me if node.kind == "contact")),
        _reach(emails, {value for value in emails if any(read.proves(user_id, value) for user_id in accounts)}),
        _reach(phones, confirmed),
        inside,
    )


def _reach(values: Iterable[str], sure: set[str]) -> tuple[Reach, ...]:
    return tuple(sorted((Reach(value, value in sure) for value in values), key=lambda one: (not one.sure, one.value)))


def _candidates(
    read: Known, groups: Groups, evidence: Sequence[Evidence], me: frozenset[Node]
) -> tuple[Candidate, ...]:
    found = [
        Candidate(node, read.name(node), next(iter(read.emails(node)), ""), tuple(because))
        for node, because in probable(groups, evidence, me).items()
        if node.kind == "contact" or node.id in read.holders
    ]
    return tuple(found[:CANDIDATES])


__all__ = ["Candidate", "Evidence", "Identity", "Kind", "Node", "Reach", "Recognised", "Someone"]
