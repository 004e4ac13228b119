"""The search in the operator's panel: what the words look like decides what is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from portal.bitrix import finding, people
from portal.bitrix.orders import Sale
from portal.database import Unit
from portal.errors import HelpdeskError
from portal.model import Contact
from portal.service.listing import Desk
from portal.service.panel_sheet import Found, Hit
from portal.service.phones import e164, ways
from portal.store import people as traces
from portal.store import profiles
from portal.store.lanes import Lane, lane

SHOWN = finding.LIMIT - 1
SHORTEST_NAME = 2
ORDER_WORDS = ("заказ", "order", "№", "#")


class Finder:
    """Built once."""

    def __init__(self, sale: Sale, desk: Desk) -> None:
        self._sale = sale
        self._desk = desk

    async def find(self, q: str, until: float) -> Found:
        """Whom these words may mean; `until`: the loop's time when the help desk has had its time."""
        words = " ".join(q.split())
        if not any(char.isdecimal() or char == "@" for char in words) and _is_short(words):
            return Found(q, short=True)
        hits, callers, newest = await self._desk.databases.read(self._read, words)
        contacts: Sequence[Contact] = ()
        away = False
        if "@" in words and " " not in words:
            try:
                with lane(Lane.REREAD):  # customers do not wait for what an operator is curious about
                    contacts = (await self._desk.cache.contacts(words.lower(), until)).value
            except HelpdeskError:
                away = True
        nameless = tuple(hit.value for by, hit in hits if hit.nameless)
        people = [*_accounts(hits), *_contacts(contacts), *callers]
        shown = tuple(people[:SHOWN])
        whom = tuple(hit.whom for hit in shown)
        return Found(q, shown, len(people) > SHOWN, away, nameless, whom, newest=newest)

    def _read(self, unit: Unit, words: str) -> tuple[list[tuple[str, finding.Hit]], list[Hit], int]:
        """One thread hop; at most five questions."""
        phone = "" if "@" in words else e164(words)
        hits, newest = self._ask(unit, words)
        return hits, _callers(unit, phone) if phone else [], newest

    def _ask(self, unit: Unit, words: str) -> tuple[list[tuple[str, finding.Hit]], int]:
        """Accounts, each with what it was found by, and how many were looked at for a name (0: all)."""
        found: list[tuple[str, finding.Hit]] = []
        newest = 0
        if "@" in words:
            return [("email", hit) for hit in finding.by_email(unit, self._sale, words.lower())], newest
        number = _number(words)
        if number:
            found += [("order", hit) for hit in finding.by_number(unit, self._sale, number)]
        if phone := e164(words):
            found += [("phone", hit) for hit in self._by_phone(unit, phone)]
        elif not found and not any(char.isdecimal() for char in words):
            named, newest = finding.by_name(unit, self._sale, words.split()[:2])
            found += [("name", hit) for hit in named]
        return found, newest

    def _by_phone(self, unit: Unit, phone: str) -> list[finding.Hit]:
        """Who gave this number (E.164), in his account or with an order: b_user has no index of what was typed."""
        typed = [row.a for row in traces.holders(unit, [phone], ()) if row.tag == "trace"]
        own = [holder.id for holder in people.found(unit, self._sale.shape, (), (), [phone])]
        return finding.by_ids(unit, self._sale, {*typed, *own})


def _is_short(words: str) -> bool:
    return all(len(word) < SHORTEST_NAME for word in words.split())


def _number(words: str) -> str:
    """What may be an order's number: without the words that say order before it; "" for what has no digit."""
    for word in ORDER_WORDS:
        if words.lower().startswith(word):
            words = words[len(word) :].strip(" №#")
    return words if any(char.isdecimal() for char in words) and " " not in words else ""


def _accounts(hits: Iterable[tuple[str, finding.Hit]]) -> list[Hit]:
    """Each account once, by what it was found by first; the nameless buyers' is no person."""
    people: dict[int, Hit] = {}
    for by, hit in hits:
        if not hit.nameless:
            made = Hit(("account", hit.user_id), hit.name, hit.email, by, hit.value, hit.orders)
            people.setdefault(hit.user_id, made)
    return list(people.values())


def _callers(unit: Unit, phone: str) -> list[Hit]:
    """Contacts that the shop does not know; the help desk keeps a number as it was told."""
    found = profiles.of_phones(unit, ways(phone), finding.LIMIT)
    return [Hit(("contact", one.contact_id), one.name, one.email, "phone") for one in found]


def _contacts(contacts: Iterable[Contact]) -> list[Hit]:
    return [Hit(("contact", one.id), one.name, one.email, "email") for one in contacts if not one.is_staff]
