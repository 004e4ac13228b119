"""Why two of whom the shop and the help desk know may be one person, and who is one by it: pure, without a database.

Strong evidence joins by itself, in the eyes of an operator; what a customer may see is decided elsewhere (sight.py)
and by none of it. Strong are: a ticket he opened signed in, an address he has proven, a confirmed phone he calls from,
an operator's word. The rest is weak: shown, and left to an operator.

A confirmed phone is proof of the shop's side only. Anybody can type Anna's number into a form of the help desk; so it
is strong where the help desk has it from a call (service/identity.py), and else a phone that is the same: weak.
What two live accounts hold, an address, a phone or a contact, joins nobody, whatever its kind (`shared`).

"Not the same person" is stronger than anything between the two, and keeps apart whom they are joined to: strong links
are taken strongest first, and the link that would bring the two together is not taken but shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, NamedTuple


class Node(NamedTuple):
    """A shop account (b_user.ID) or a contact of the help desk."""

    kind: Literal["account", "contact"]
    id: int


class Kind(StrEnum):
    """What speaks for two being one person, strongest first; the last one speaks against it."""

    OWN_TICKET = "own_ticket"
    """The account opened a ticket of this contact, signed in or with our widget's token."""
    PROVEN_EMAIL = "proven_email"
    CONFIRMED_PHONE = "confirmed_phone"
    SAID_SAME = "said_same"
    """Less than a proof of his own, where two of them contradict each other."""
    SAME_EMAIL = "same_email"
    SAME_PHONE = "same_phone"
    SAME_NAME = "same_name"
    SAID_NOT = "said_not"


ORDER = tuple(Kind)
STRONG = frozenset({Kind.SAID_SAME, Kind.OWN_TICKET, Kind.PROVEN_EMAIL, Kind.CONFIRMED_PHONE})
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason. `value`: the address, phone or name, for display only. `at`: in UTC, None when nobody knows.

    `source`: where it was read: "form" and "widget" (a ticket opened with us), "email-proof" and "shop" (a proof),
    "account", "confirmed" (b_user_phone_auth), "order", "contact", "call", "operator". `author`: the operator, else "".
    `shared`: other live accounts hold the same; that joins nobody.
    """

    between: tuple[Node, Node]
    kind: Kind
    source: str
    value: str = ""
    at: datetime | None = None
    author: str = ""
    word_id: int | None = None
    shared: bool = False

    @property
    def strong(self) -> bool:
        """Whether it joins the two by itself."""
        return self.kind in STRONG and not self.shared

    def other(self, nodes: frozenset[Node]) -> Node | None:
        """The end that is outside of `nodes`, when the other one is inside."""
        left, right = self.between
        if (left in nodes) == (right in nodes):
            return None
        return right if left in nodes else left


def pair(left: Node, right: Node) -> tuple[Node, Node]:
    """The two in the order in which they are kept."""
    return (left, right) if left <= right else (right, left)


@dataclass(frozen=True, slots=True)
class Groups:
    """Who is one person with whom. `refused`: strong evidence that a word "not the same" stands against."""

    of: dict[Node, frozenset[Node]]
    refused: tuple[Evidence, ...]

    def with_(self, node: Node) -> frozenset[Node]:
        """Everybody who is the same person as this one, himself among them."""
        return self.of.get(node, frozenset({node}))


def grouped(found: Iterable[Evidence]) -> Groups:
    """Join by strong evidence, strongest and oldest first, whom no word keeps apart. Order of `found`: of no matter."""
    evidence = list(found)
    apart = {frozenset(one.between) for one in evidence if one.kind is Kind.SAID_NOT}
    of: dict[Node, frozenset[Node]] = {}
    refused = []
    for one in sorted((one for one in evidence if one.strong), key=_rank):
        left, right = (of.get(node, frozenset({node})) for node in one.between)
        if left == right:
            continue
        if _stands_between(apart, left, right):
            refused.append(one)
            continue
        both = left | right
        of |= dict.fromkeys(both, both)
    return Groups(of, tuple(refused))


def probable(groups: Groups, found: Iterable[Evidence], me: frozenset[Node]) -> dict[Node, list[Evidence]]:
    """Who may be the same person as `me`, each with the reasons, strongest first.

    Where a word keeps the two apart nothing weak counts. A strong link that was refused for somebody else's sake does:
    it is what an operator should look at.
    """
    evidence = [*found]
    apart = {frozenset(one.between) for one in evidence if one.kind is Kind.SAID_NOT}
    reasons: dict[Node, list[Evidence]] = {}
    for one in sorted(evidence, key=_rank):
        other = one.other(me)
        if other is None or one.kind is Kind.SAID_NOT or frozenset(one.between) in apart:
            continue
        if one in groups.refused or not _stands_between(apart, me, groups.with_(other)):
            reasons.setdefault(other, []).append(one)
    return reasons


def _stands_between(apart: set[frozenset[Node]], left: frozenset[Node], right: frozenset[Node]) -> bool:
    return any((len(two & left) == 1 and len(two & right) == 1) for two in apart)


_RANK: Callable[[Kind], int] = ORDER.index


def _rank(one: Evidence) -> tuple[object, ...]:
    return _RANK(one.kind), one.at or NEVER, one.between, one.source, one.value
