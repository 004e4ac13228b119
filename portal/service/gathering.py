"""What is read to know who somebody is: eight queries at most, whatever is found, each bounded.

From where it begins, strong evidence is followed ROUNDS links far; then whoever holds an address or a phone of the one
person found so far is looked at, and what is written down around him.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from portal.bitrix import people as shop
from portal.bitrix.tables import Shape
from portal.database import Unit
from portal.service.evidence import Node, grouped
from portal.service.phones import e164, ways
from portal.service.weighing import Known, weigh
from portal.store import links, people
from portal.store.people import Row

ROUNDS = 3
NODES = 16
"""So many accounts and contacts are looked at in one round; whoever is tied to more is no one person."""

VALUES = 24
"""So many addresses and phones of one person are looked up, those of the newest orders last."""


def gather(unit: Unit, shape: Shape, known: Known, start: Collection[Node]) -> None:
    """Read into `known` whatever tells who the `start` is."""
    gathering = _Gathering(unit, shape, known)
    gathering.holders((), gathering.values(start))
    met = gathering.rounds({*start, *_accounts(known.holders)})
    gathering.holders(_ids(met, "account") - {*known.holders}, ())
    me = gathering.person(start)
    values = gathering.values(me)
    gathering.take_holders(values)
    suspects = {row.a for row in known.rows("trace")} - {*known.holders}
    gathering.holders(suspects, values)
    known.take(gathering.around({*known.nodes(), *met} - gathering.asked))


class _Gathering:
    def __init__(self, unit: Unit, shape: Shape, known: Known) -> None:
        self._unit = unit
        self._shape = shape
        self._known = known
        self.asked: set[Node] = set()

    def rounds(self, nodes: set[Node]) -> set[Node]:
        """Follow what is written down, from these; whom it led to."""
        met = nodes
        for number in range(ROUNDS):
            rows = self.around(met - self.asked, self._known.ticket_id if number == 0 else 0)
            self._known.take(rows)
            met = {*met, *_ends(rows)}
        return met

    def around(self, nodes: Collection[Node], ticket_id: int = 0) -> list[Row]:
        """What our tables hold of these."""
        some = sorted(nodes)[:NODES]
        self.asked |= {*some}
        return people.around(self._unit, _ids(some, "account"), _ids(some, "contact"), ticket_id)

    def person(self, start: Collection[Node]) -> set[Node]:
        """Who is one person with the start, by what is known so far."""
        groups = grouped(weigh(self._known))
        return {node for one in start for node in groups.with_(one)}

    def values(self, nodes: Collection[Node]) -> list[str]:
        """Their addresses and phones, as many as are looked up."""
        found = [
            value for read in (self._known.emails, self._known.phones) for node in sorted(nodes) for value in read(node)
        ]
        found.sort(key=lambda value: self._is_of_order(nodes, value))
        return list(dict.fromkeys(found))[:VALUES]

    def _is_of_order(self, nodes: Collection[Node], value: str) -> bool:
        known = self._known
        return not any({**known.emails(node), **known.phones(node)}.get(value, "order") != "order" for node in nodes)

    def take_holders(self, values: Collection[str]) -> None:
        """Who holds these by our own tables."""
        written = [way for value in values if value.startswith("+") for way in ways(value)]
        rows = people.holders(self._unit, values, written)
        self._known.take(rows)
        for tag in ("trace", "profile"):
            held = Counter(_value(row) for row in rows if row.tag == tag)
            self._known.crowded |= {value for value, count in held.items() if count >= people.HOLDERS}

    def holders(self, ids: Collection[int], values: Collection[str]) -> None:
        """The shop's accounts of these ids, and those that hold these values."""
        emails = [value for value in values if "@" in value]
        phones = [value for value in values if value.startswith("+")]
        found = shop.found(self._unit, self._shape, sorted(ids)[: NODES * 4], emails, phones)
        self._known.holders |= {held.id: held for held in found}
        counts = Counter(held.email for held in found)
        self._known.crowded |= {email for email in emails if counts[email] >= shop.HOLDERS}


def _ends(rows: Iterable[Row]) -> Iterable[Node]:
    """Whom rows lead to."""
    for row in rows:
        if row.tag == "said":
            for kind, id_ in zip(row.word.split(), (row.a, row.b), strict=True):
                yield Node("account" if kind == "account" else "contact", id_)
        elif row.tag == "own" or (row.tag == "link" and row.b != links.ADDRESS):
            yield Node("account", row.a)
            yield Node("contact", row.b)


def _accounts(ids: Iterable[int]) -> set[Node]:
    return {Node("account", user_id) for user_id in ids}


def _ids(nodes: Iterable[Node], kind: str) -> set[int]:
    return {node.id for node in nodes if node.kind == kind}


def _value(row: Row) -> str:
    return row.value if row.tag == "trace" else (row.value or e164(row.word))
