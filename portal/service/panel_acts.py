"""What an operator does in his panel beside looking: his word about who is who, and which order a ticket is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from portal.database import Unit
from portal.errors import NotFound
from portal.store.panel import Handle, Whom

Deed = Callable[[Unit, Handle, Sequence[Whom]], None]
"""Does it in the caller's transaction; raises NotFound, and nothing has happened then."""


class Words(Protocol):
    """Who is who, as operators say it (service/identity.py); a node is a kind and a number."""

    def say(self, unit: Unit, operator: str, left: Any, right: Any, *, same: bool) -> int: ...
    def undo(self, unit: Unit, operator: str, word_id: int) -> None: ...


class Links(Protocol):
    """Which order a ticket is about (service/ticket_orders.py)."""

    def link(self, unit: Unit, operator: str, ticket_id: int, order_id: int) -> Any: ...
    def unlink(self, unit: Unit, operator: str, ticket_id: int, order_id: int) -> Any: ...


def deeds(words: Words, node: Callable[[Any, int], Any], links: Links) -> Mapping[str, Deed]:
    """By the name of the act. `node` makes of a kind and a number what `words` takes."""

    def say(unit: Unit, handle: Handle, whom: Sequence[Whom], *, same: bool) -> None:
        left, right = (node(*one) for one in whom)
        if left == right:
            raise NotFound
        words.say(unit, handle.operator, left, right, same=same)

    def undo(unit: Unit, handle: Handle, whom: Sequence[Whom]) -> None:
        words.undo(unit, handle.operator, whom[0][1])

    def link(unit: Unit, handle: Handle, whom: Sequence[Whom]) -> None:
        links.link(unit, handle.operator, _ticket(handle), whom[0][1])

    def unlink(unit: Unit, handle: Handle, whom: Sequence[Whom]) -> None:
        links.unlink(unit, handle.operator, _ticket(handle), whom[0][1])

    return {
        "same": partial(say, same=True),
        "not-same": partial(say, same=False),
        "undo": undo,
        "link": link,
        "unlink": unlink,
    }


def _ticket(handle: Handle) -> int:
    """The panel's own ticket: no form can name another. Raises NotFound in the panel of an order."""
    if handle.ticket_id is None:
        raise NotFound
    return handle.ticket_id
