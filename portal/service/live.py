"""Open pages and what they are told: that something of their customer's has changed, and not a word of what.

What changed is heard by the feed a few times a second, by the keys of the copies that it makes old; whose streams those
concern is looked up here in memory. A page that is told asks for itself anew, and what it may see is decided then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from cachetools import TTLCache

from portal.helpdesk.copies import CONVERSATIONS, TICKETS
from portal.service.sight import Person
from portal.store.snapshots import Forgotten

MOST = 2_000
"""Streams of a process: each holds a connection and some 20 KB."""

EACH = 4
"""Streams of a customer: a browser has one (static/app/live.js). Beyond it the oldest ends."""

TOLD_SECONDS = 60
"""The feed tells of everything again for a while; of the same it is told once."""

Key = tuple[str, int]


class Stream:
    """One open page's; told by `changed`. `ended`: it shall be closed, and the page shall not come back by itself."""

    def __init__(self, person: Person, drop: Callable[[Stream], None]) -> None:
        self.customer_id = person.customer.id
        self.keys = _keys(person)
        self.changed = asyncio.Event()
        self.ended = False
        self._drop = drop

    def end(self) -> None:
        """Whoever holds it open closes it."""
        self.ended = True
        self.changed.set()

    def close(self) -> None:
        """It is closed."""
        self._drop(self)


class Streams:
    """Those of a process. All in its event loop."""

    def __init__(self, most: int = MOST, each: int = EACH) -> None:
        self._most = most
        self._each = each
        self._by_key: dict[Key, set[Stream]] = {}
        self._of: dict[int, list[Stream]] = {}
        self._told: TTLCache[tuple[str, str], datetime] = TTLCache(100_000, TOLD_SECONDS)
        self.is_closing = False

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    @property
    def is_full(self) -> bool:
        """Whether no further one is opened."""
        return self.is_closing or len(self) >= self._most

    def open(self, person: Person) -> Stream | None:
        """A stream for this person's requests; None when there are too many."""
        if self.is_full:
            return None
        stream = Stream(person, self._drop)
        mine = self._of.setdefault(stream.customer_id, [])
        # Those that have been told to end are still here until whoever holds them has closed them.
        held = [one for one in mine if not one.ended]
        if len(held) >= self._each:
            held[0].end()
        mine.append(stream)
        self._listen(stream)
        return stream

    def follow(self, stream: Stream, person: Person) -> None:
        """What the person may see has been read anew."""
        self._unlisten(stream)
        stream.keys = _keys(person)
        self._listen(stream)

    def hear(self, forgotten: Sequence[Forgotten]) -> None:
        """These copies are old now: tell whom it concerns, once."""
        for gone in forgotten:
            told = self._told.get((gone.kind, gone.key))
            if told is not None and told >= gone.at:
                continue
            self._told[gone.kind, gone.key] = gone.at
            for stream in self._by_key.get(_key(gone), ()):
                stream.changed.set()

    def close(self) -> None:
        """The process ends: every stream does; pages come back to whoever is there then."""
        self.is_closing = True
        for streams in self._of.values():
            for stream in streams:
                stream.changed.set()

    def _listen(self, stream: Stream) -> None:
        for key in stream.keys:
            self._by_key.setdefault(key, set()).add(stream)

    def _unlisten(self, stream: Stream) -> None:
        for key in stream.keys:
            here = self._by_key.get(key)
            if here is not None:
                here.discard(stream)
                if not here:
                    del self._by_key[key]

    def _drop(self, stream: Stream) -> None:
        self._unlisten(stream)
        mine = self._of.get(stream.customer_id, [])
        if stream in mine:
            mine.remove(stream)
        if not mine:
            self._of.pop(stream.customer_id, None)


def _keys(person: Person) -> frozenset[Key]:
    """What concerns this person: the lists of his contacts, and his own tickets that are filed elsewhere.

    Of those each by itself: that something else of that contact has changed is none of his business.
    """
    lists = {(TICKETS, contact) for contact in person.contacts}
    elsewhere = {(CONVERSATIONS, ticket) for ticket, contact in person.own.items() if contact not in person.contacts}
    return frozenset(lists | elsewhere)


def _key(gone: Forgotten) -> Key:
    number = gone.key.partition(":")[0]
    return gone.kind, int(number) if number.isascii() and number.isdecimal() else 0
