"""Keeps our index of phones and of orders' addresses (custom_hde_trace) as the shop is.

What the shop tells, or is seen to have changed, is read at once (shop_changes.py). Besides, everything is walked over
in paced slices by primary key: that fills the index in the first place, and takes away what was deleted. The first walk
over a million accounts takes about an hour; until then phones that the shop has not confirmed are not all found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from portal.bitrix import people as shop
from portal.bitrix import tables
from portal.bitrix.people import Typed
from portal.bitrix.tables import Shape
from portal.database import Databases, Unit
from portal.service.phones import e164
from portal.store import paces, traces
from portal.store.traces import Trace

PACE = "shop-traces"
"""The cursor of the walk (paces.py)."""

SLICE = 500
WALK_SECONDS = 2.0
"""How often a slice of accounts and one of orders is read, by all processes together."""

NO_END = 2**63 - 1


@dataclass(slots=True)
class Traces:
    """The worker's step."""

    databases: Databases
    _shape: Shape | None = field(default=None, init=False)

    async def step(self) -> bool:
        """One slice of all accounts, and one of all orders; there is never more to do at once."""
        if self._shape is None:
            self._shape = await self.databases.read(tables.inspect)
        await self.databases.run(walk, self._shape)
        return False


def walk(unit: Unit, shape: Shape) -> None:
    """The next slice of accounts and of orders, when it is time."""
    kept = paces.begin(unit, PACE, WALK_SECONDS)
    if kept is None:
        return
    user_id, order_id = (int(part) for part in kept.split()) if kept else (0, 0)
    typed, last_user = shop.typed_by_accounts(unit, user_id, SLICE)
    traces.replace_between(unit, _traces(typed), user_id, last_user or NO_END, orders=False)
    typed, last_order = shop.typed_in_orders(unit, shape, order_id, SLICE)
    traces.replace_between(unit, _traces(typed), order_id, last_order or NO_END, orders=True)
    paces.keep(unit, PACE, f"{last_user or 0} {last_order or 0}")


def renew(unit: Unit, shape: Shape, *, users: Sequence[int] = (), orders: Sequence[int] = ()) -> None:
    """These accounts, or these orders, have changed."""
    traces.replace(unit, _traces(shop.typed_by_these_accounts(unit, users)), users=users)
    traces.replace(unit, _traces(shop.typed_in_these_orders(unit, shape, orders)), orders=orders)


def _traces(typed: Iterable[Typed]) -> set[Trace]:
    found = (Trace(_plain(one), one.user_id, one.order_id) for one in typed)
    return {trace for trace in found if trace.value}


def _plain(one: Typed) -> str:
    if one.is_phone:
        return e164(one.value)
    address = one.value.strip().lower()
    return address if "@" in address else ""
