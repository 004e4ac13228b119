"""Filters, search and sorting of a customer's requests, answered from our own index of them.

The index grants nothing: whose requests are looked through is decided here as for the plain list (requests.py), from
his own links. What it lacks, as nobody has read it yet, is asked for (indexer.py), and the page says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from weakref import WeakValueDictionary

from portal.bitrix import goods
from portal.bitrix.goods import Goods
from portal.bitrix.tables import Shape
from portal.database import Unit
from portal.errors import HelpdeskError, HelpdeskPending, NotFound
from portal.helpdesk.indexing import folded, ticket_of
from portal.model import Channel, Copy, Status, TicketPage
from portal.service.listing import Desk, contacts_of
from portal.service.requests import PAGE_SIZE, PATIENCE_SECONDS, RequestList
from portal.service.search_words import Pieces, snippet, words_of
from portal.service.sight import Person, Sight
from portal.service.unread import BY_THE_SHOP, new_of
from portal.store import index_wants, order_tickets, tickets
from portal.store.tickets import Counts, Sort, Terms, Whose, Word

ABOUT_ORDERS = 1_000
"""Pairs of order and request that are looked at, of the newest orders."""

MESSAGES_READ = 50
"""Of a customer who looks for something, the newest requests whose messages are read into the index."""

READ_AGAIN_SECONDS = 3600
NEWS_LOOKED_AT = 100
"""Of a customer's requests, the newest: nobody reads a larger number in a menu."""

SEARCHES_AT_ONCE = 3
"""Of a process: looking through thousands of long conversations takes a second and more of a database thread, and the
others are for everybody's pages. Each customer has one of these at a time."""

LAST_PAGE = 10_000
"""Nobody has more; and a database counts no further than so many digits."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer wants to see; "" and None for anything. `days`: with something in them within so many days."""

    words: str = ""
    is_open: bool | None = None
    turn: str = ""
    channel: Channel | None = None
    order: str = ""
    days: int | None = None
    sort: Sort = Sort.ACTIVITY

    @property
    def is_plain(self) -> bool:
        """Whether it is the list as it stands."""
        return self == Wish()

    @property
    def narrows(self) -> bool:
        """Whether it leaves something out."""
        return self != Wish(sort=self.sort)

    @property
    def statuses(self) -> list[Status] | None:
        """The states that are wanted, None for all."""
        if self.is_open is None and not self.turn:
            return None
        closed = self.is_open is False
        turn = {"mine": {Status.WAITING}, "shop": {Status.RECEIVED, Status.IN_PROGRESS}}.get(self.turn, set(Status))
        return [status for status in Status if status in turn and (status is Status.CLOSED) is closed]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, beside the list itself: how many there are of all, and where the words stand.

    `of`: how many there are as the help desk says, of which `counts.total` could be looked through.
    """

    counts: Counts
    of: int = 0
    snippets: Mapping[int, Pieces] = field(default_factory=dict)
    goods: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """By ticket, the order and the name in it that was looked for."""


def counted(view: RequestList) -> Counts | None:
    """The counts of a plain list that is whole; None when it has further pages, or is not there."""
    if view.pages > 1 or view.pending:
        return None
    by_status: dict[str, int] = {}
    for ticket in view.tickets:
        by_status[ticket.status] = by_status.get(ticket.status, 0) + 1
    return Counts(by_status, len(view.tickets), 0)


class Finder:
    """Built once."""

    def __init__(self, shape: Shape, desk: Desk) -> None:
        self._shape = shape
        self._desk = desk
        self._places = asyncio.Semaphore(SEARCHES_AT_ONCE)
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def find(self, person: Person, wish: Wish, page: int) -> tuple[RequestList, Findings | None]:
        """One page of those of his requests that he wants. Raises NotFound for a page that is not there.

        Without findings where there is nothing to look through: nothing is proven, or nothing could be fetched yet.
        """
        email = person.customer.email
        if page > LAST_PAGE:
            raise NotFound
        if person.sight is not Sight.PROVEN and not person.own:
            return RequestList(person.sight, email), None
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        try:
            contacts = await contacts_of(person, self._desk, until)
            asked = (self._desk.cache.tickets(contact, 1, until) for contact in contacts)
            firsts = list(await asyncio.gather(*asked))
        except HelpdeskError as error:
            away = not isinstance(error, HelpdeskPending)
            return RequestList(person.sight, email, page=page, pending=True, stale=away), None
        whose = Whose(contacts, email, person.own)
        databases, customer = self._desk.databases, person.customer.id
        async with self._turn_of(customer) if wish.words else nullcontext():
            looked = await databases.read(_look, self._shape, customer, whose, wish=wish, page=page)
        counts = looked.findings.counts
        total = max(counts.total, sum(first.value.total for first in firsts))
        if counts.total < total or counts.read < min(counts.total, MESSAGES_READ):
            await databases.run(index_wants.put, contacts, READ_AGAIN_SECONDS)
        return _listed(person, looked, firsts, page), replace(looked.findings, of=total)

    @asynccontextmanager
    async def _turn_of(self, customer_id: int) -> AsyncIterator[None]:
        turn = self._turns.setdefault(customer_id, asyncio.Lock())
        async with turn, self._places:
            yield

    async def news(self, person: Person) -> tuple[int, int]:
        """How many of his requests hold something new, and how many wait for him; one query, of what our index has."""
        if person.sight is not Sight.PROVEN and not person.own:
            return 0, 0
        whose = Whose(person.contacts, person.customer.email, person.own)
        terms = Terms(statuses=[status.value for status in BY_THE_SHOP])
        found = await self._desk.databases.read(
            tickets.find, whose, terms, sort=Sort.ACTIVITY, limit=NEWS_LOOKED_AT, offset=0
        )
        shown = [ticket for one in found if (ticket := ticket_of(one.body))]
        return len(new_of(person, shown)), sum(ticket.status is Status.WAITING for ticket in shown)

    async def count(self, person: Person) -> Counts:
        """The counts of all his requests, as far as our index has them; one query."""
        whose = Whose(person.contacts, person.customer.email, person.own)
        return await self._desk.databases.read(tickets.count, whose, Terms())


@dataclass(frozen=True, slots=True)
class _Looked:
    findings: Findings
    found: Sequence[tickets.Found]


def _look(unit: Unit, shape: Shape, user_id: int, whose: Whose, *, wish: Wish, page: int) -> _Looked:
    """One thread hop: his orders that requests are about, then the requests."""
    said = words_of(wish.words)
    about: dict[int, list[int]] = {}
    bought: list[_Bought] = []
    if said or wish.order:
        about = order_tickets.about_orders_of(unit, user_id, ABOUT_ORDERS)
        bought = [_bought(one) for one in goods.of_orders(unit, shape, user_id, about)]
    terms = Terms(
        statuses=wish.statuses,
        channel=wish.channel,
        since=datetime.now(UTC) - timedelta(days=wish.days) if wish.days else None,
        tickets=_of_order(wish.order, about, bought) if wish.order else None,
        words=[Word(word, _with(word, about, bought)) for word in said],
    )
    counts = tickets.count(unit, whose, terms)
    found = tickets.find(unit, whose, terms, sort=wish.sort, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
    snippets: dict[int, Pieces] = {}
    there: dict[int, tuple[str, str]] = {}
    for one in found if said else ():
        ticket = ticket_of(one.body)
        if ticket and (pieces := snippet(one.said, said)):
            snippets[ticket.id] = pieces
        elif ticket and (hit := _hit(ticket.id, said, about, bought)):
            there[ticket.id] = hit
    return _Looked(Findings(counts, snippets=snippets, goods=there), found)


class _Bought(NamedTuple):
    """What was bought, as it is shown and as it is searched: folded once, and looked through for each word."""

    goods: Goods
    number: str
    names: Sequence[str]


def _bought(one: Goods) -> _Bought:
    return _Bought(one, folded(one.number), [folded(name) for name in one.names])


def _of_order(number: str, about: Mapping[int, Sequence[int]], bought: Sequence[_Bought]) -> list[int]:
    wanted = folded(number).strip("№# ")
    return [ticket for one in bought if one.number == wanted for ticket in about[one.goods.order_id]]


def _with(word: str, about: Mapping[int, Sequence[int]], bought: Sequence[_Bought]) -> list[int]:
    return [
        ticket
        for one in bought
        if word in one.number or any(word in name for name in one.names)
        for ticket in about[one.goods.order_id]
    ]


def _hit(
    ticket_id: int, words: Sequence[str], about: Mapping[int, Sequence[int]], bought: Sequence[_Bought]
) -> tuple[str, str] | None:
    for one in bought:
        if ticket_id not in about[one.goods.order_id]:
            continue
        named = zip(one.goods.names, one.names, strict=True)
        name = next((name for name, seen in named if any(word in seen for word in words)), "")
        if name or any(word in one.number for word in words):
            return one.goods.number, name
    return None


def _listed(person: Person, looked: _Looked, firsts: Sequence[Copy[TicketPage]], page: int) -> RequestList:
    matching = looked.findings.counts.matching
    pages = max(1, -(-matching // PAGE_SIZE))
    if page > pages:
        raise NotFound
    shown = tuple(ticket for one in looked.found if (ticket := ticket_of(one.body)))
    return RequestList(
        person.sight,
        person.customer.email,
        shown,
        page,
        pages,
        matching,
        min((first.fetched_at for first in firsts), default=None),
        any(first.stale for first in firsts),
        news=new_of(person, shown),
    )
