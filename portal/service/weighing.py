"""What was read of the shop, of our tables and of contacts becomes evidence: pure, without a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, combinations

from portal.bitrix.people import HOLDERS, Holder
from portal.model import Contact
from portal.service.evidence import NEVER, Evidence, Kind, Node, pair
from portal.service.phones import e164
from portal.service.sight import BY_MAIL, BY_SHOP
from portal.store import links
from portal.store.people import Row

FEW = 3
"""Who share an address or a phone and may still be one household; held by more it is evidence for nobody."""


@dataclass(slots=True)
class Known:
    """What was read. `ticket_id`: the ticket that is looked at; `caller`: the contact that is known by a call, 0 none.

    `trust_shop`: PORTAL_TRUST_SHOP_EMAIL.
    """

    trust_shop: bool
    ticket_id: int = 0
    caller: int = 0
    holders: dict[int, Holder] = field(default_factory=dict)
    contacts: dict[int, Contact] = field(default_factory=dict)
    crowded: set[str] = field(default_factory=set)
    """Values of which as many holders were read as are ever read: there may be more."""
    _rows: dict[str, dict[int, set[Row]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))

    def take(self, rows: Iterable[Row]) -> None:
        """Rows of our own tables; whom the help desk's contacts are is told by them where the caller did not know."""
        for row in rows:
            self._rows[row.tag][row.a].add(row)
            if row.tag == "profile" and row.a not in self.contacts:
                self.contacts[row.a] = Contact(row.a, row.value, row.name, row.word)

    def rows(self, tag: str) -> Iterator[Row]:
        """The rows of this kind."""
        return chain.from_iterable(self._rows[tag].values())

    def traces(self, user_id: int) -> set[Row]:
        """The traces of this account."""
        return self._rows["trace"][user_id]

    def emails(self, node: Node) -> dict[str, str]:
        """All addresses of this one, each with where it was read."""
        if node.kind == "contact":
            told = self.contacts.get(node.id)
            return {told.email: "contact"} if told and told.email else {}
        held = self.holders.get(node.id)
        mails = {row.value: "order" for row in self.traces(node.id) if "@" in row.value}
        return mails | ({held.email: "account"} if held and held.email else {})

    def phones(self, node: Node) -> dict[str, str]:
        """All phones of this one, E.164, each with where it was read."""
        if node.kind == "contact":
            told = self.contacts.get(node.id)
            number = e164(told.phone) if told else ""
            return {number: "call" if node.id == self.caller else "contact"} if number else {}
        held = self.holders.get(node.id)
        if held is None:
            return {}
        # The trace of an account itself may be old; the account says now what its phones are.
        found = {row.value: "order" for row in self.traces(node.id) if row.b and "@" not in row.value}
        found |= {number: "account" for typed in (*held.phones, held.number) if (number := e164(typed))}
        return found | ({held.number: "confirmed"} if held.confirmed else {})

    def name(self, node: Node) -> str:
        """The name of this one, "" when nobody knows."""
        of: Contact | Holder | None = (
            self.contacts.get(node.id) if node.kind == "contact" else self.holders.get(node.id)
        )
        return of.name if of else ""

    def nodes(self) -> list[Node]:
        """Everybody who was read himself."""
        accounts: list[Node] = [Node("account", user_id) for user_id in self.holders]
        return sorted(accounts + [Node("contact", id_) for id_ in self.contacts])

    def proves(self, user_id: int, email: str) -> Row | None:
        """The account's proof of this address, as long as it is the account's address."""
        held = self.holders.get(user_id)
        if not held or not held.live or held.email != email:
            return None
        good = (row for row in self._rows["link"][user_id] if row.value == email and self._good(row))
        return min(good, key=lambda row: row.b, default=None)

    def _good(self, row: Row) -> bool:
        return row.flag and (row.word == BY_MAIL or (row.word == BY_SHOP and self.trust_shop))


def weigh(known: Known) -> list[Evidence]:
    """All evidence in it, each once, in a set order."""
    found = [*_said(known), *_claims(known), *_noted(known), *_values(known), *_names(known)]
    return sorted(set(found), key=lambda one: (one.between, one.kind, one.source, one.value, one.word_id or 0))


def _said(known: Known) -> Iterator[Evidence]:
    for row in known.rows("said"):
        kinds = [Node(kind, id_) for kind, id_ in zip(row.word.split(), (row.a, row.b), strict=True)]  # type: ignore[arg-type]
        kind = Kind.SAID_SAME if row.flag else Kind.SAID_NOT
        yield Evidence(pair(*kinds), kind, "operator", at=row.at, author=row.value, word_id=row.id)


def _claims(known: Known) -> Iterator[Evidence]:
    """Tickets of his own and proven addresses. A contact that several accounts claim so is none of theirs by itself.

    But the ticket that is looked at is whose it is; and who has proven the address goes before who opened a ticket.
    """
    claims: dict[int, list[Evidence]] = defaultdict(list)
    own = {
        _two(row.a, row.b): row for row in sorted(known.rows("own"), key=_age, reverse=True) if row.a in known.holders
    }
    at_hand = {_two(row.a, row.b) for row in known.rows("own") if row.id == known.ticket_id} & {*own}
    for two, row in own.items():
        claims[row.b].append(Evidence(two, Kind.OWN_TICKET, row.word, at=row.at))
    for contact_id, user_id, proof in _proven(known):
        claims[contact_id].append(
            Evidence(_two(user_id, contact_id), Kind.PROVEN_EMAIL, proof.word, proof.value, proof.at,
                     shared=_sharers(known, proof.value) > 1)
        )  # fmt: skip
    for found in claims.values():
        winner = _winner(found, at_hand)
        yield from (replace(one, shared=one.shared or one.between != winner) for one in found)


def _winner(found: list[Evidence], at_hand: set[tuple[Node, Node]]) -> tuple[Node, Node] | None:
    claimants = {one.between for one in found if one.strong}
    proven = {one.between for one in found if one.strong and one.kind is Kind.PROVEN_EMAIL}
    first = (claimants & at_hand) or proven or claimants
    return first.pop() if len(first) == 1 else None


def _proven(known: Known) -> Iterator[tuple[int, int, Row]]:
    """Contact, account and proof: of a link to the contact, or of the address that the contact has."""
    taken = _withdrawn(known)
    found = {(row.b, row.a, row.value) for row in known.rows("link") if row.b and row.flag}
    found |= {
        (contact.id, user_id, contact.email)
        for contact in known.contacts.values()
        for user_id, held in known.holders.items()
        if contact.email and contact.email == held.email
    }
    for contact_id, user_id, email in sorted(found):
        proof = known.proves(user_id, email)
        if proof and (user_id, contact_id) not in taken:
            yield contact_id, user_id, proof


def _withdrawn(known: Known) -> set[tuple[int, int]]:
    """Account and contact of links that were taken away: an address is no reason between them any more."""
    return {(row.a, row.b) for row in known.rows("link") if not row.flag and row.word != links.FOR_OPERATORS}


def _noted(known: Known) -> Iterator[Evidence]:
    """Contacts that had an account's address when they were met, and are not known themselves now."""
    for row in known.rows("link"):
        held = known.holders.get(row.a)
        if row.word == links.FOR_OPERATORS and held and held.email == row.value and row.b not in known.contacts:
            shared = _sharers(known, row.value) > 1
            yield Evidence(_two(row.a, row.b), Kind.SAME_EMAIL, "account", row.value, row.at, shared=shared)


def _values(known: Known) -> Iterator[Evidence]:
    """Who have an address or a phone in common, but for proofs of an address."""
    taken = {_two(*both) for both in _withdrawn(known)}
    proven = {(_two(user_id, contact_id), proof.value) for contact_id, user_id, proof in _proven(known)}
    for kind, read in ((Kind.SAME_EMAIL, known.emails), (Kind.SAME_PHONE, known.phones)):
        held: dict[str, dict[Node, str]] = defaultdict(dict)
        for node in known.nodes():
            if node.kind == "contact" or known.holders[node.id].live:
                for value, source in read(node).items():
                    held[value][node] = source
        for value, by in sorted(held.items()):
            if value in known.crowded or max(_count(by, "account"), _count(by, "contact")) > FEW:
                continue
            for one in _between(kind, value, by):
                if (one.between, value) not in proven and not (kind is Kind.SAME_EMAIL and one.between in taken):
                    yield one


def _between(kind: Kind, value: str, by: dict[Node, str]) -> Iterator[Evidence]:
    shared = _count(by, "account") > 1
    for left, right in combinations(sorted(by), 2):
        sources = by[left], by[right]
        called = kind is Kind.SAME_PHONE and sources == ("confirmed", "call")
        source = sources[0] if sources[0] not in ("account", "contact") else sources[1]
        if right.kind == "contact":
            source = sources[0]
        yield Evidence((left, right), Kind.CONFIRMED_PHONE if called else kind, source, value, shared=shared)


def _names(known: Known) -> Iterator[Evidence]:
    """The same name and surname; a name alone is no reason."""
    named: dict[str, list[Node]] = defaultdict(list)
    for node in known.nodes():
        words = known.name(node).casefold().split()
        if len(words) > 1:
            named[" ".join(sorted(words))].append(node)
    for nodes in named.values():
        if len(nodes) <= 2 * FEW:
            for left, right in combinations(nodes, 2):
                yield Evidence((left, right), Kind.SAME_NAME, right.kind, known.name(right))


def _sharers(known: Known, email: str) -> int:
    return (
        HOLDERS if email in known.crowded else sum(held.live and held.email == email for held in known.holders.values())
    )


def _two(user_id: int, contact_id: int) -> tuple[Node, Node]:
    return Node("account", user_id), Node("contact", contact_id)


def _count(by: dict[Node, str], kind: str) -> int:
    return sum(node.kind == kind for node in by)


def _age(row: Row) -> datetime:
    return row.at or NEVER
