"""Whether there is anything to do, of all that the loops of the worker do: one look for all, as mostly there is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import TextClause, text

from portal.database import Unit
from portal.store import shop_events, snapshots

EVENT, UNHEARD, COPY, SHOP = "inbox", "unheard", "copy", "shop"
"""Beside the kinds of the outbox: an event to be done, one whose copies are not forgotten, a copy to be renewed, and
what the shop has told."""

NAMES = frozenset({EVENT, UNHEARD, COPY, SHOP})


def look(unit: Unit, kinds: Sequence[str], paces: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """What is due now: of these kinds of the outbox, the names above, and those of `paces` (names of cursors that begin
    with shop-) of which a cursor's time has come.

    A job that must wait for an earlier one of its queue counts as due: who claims finds out.
    """
    kinds = [kind for kind in kinds if kind not in paces]
    told = {f"kind{number}": kind.encode() for number, kind in enumerate(kinds)}
    query = _due(len(kinds))
    rows = unit.state.execute(query, {**told, "burst": snapshots.BURST_SECONDS}).scalars()
    found = {bytes(name).decode() for name in rows}
    if shop_events.waits(unit):
        found.add(SHOP)
    # A cursor whose time has not come may have the name of its topic.
    come = {name for name, cursors in paces.items() if not found.issuperset(cursors)}
    return frozenset(found & {*kinds, *NAMES} | come)


@cache
def _due(kinds: int) -> TextClause:
    # Each part ends with the first entry of an index, whatever waits; a GROUP BY would read all that wait.
    return text(" UNION ALL ".join([*(_OF_KIND.format(number) for number in range(kinds)), *_OTHERS]))


_OF_KIND = (
    "(SELECT kind FROM custom_hde_outbox WHERE state = 'waiting' AND kind = :kind{} "
    "AND run_at <= UTC_TIMESTAMP(6) LIMIT 1)"
)
_OTHERS = (
    "SELECT DISTINCT kind FROM custom_hde_outbox WHERE state = 'running' AND lease_until < UTC_TIMESTAMP(6)",
    f"(SELECT BINARY '{EVENT}' FROM custom_hde_inbox WHERE state = 'waiting' "  # noqa: S608  # constants, as below
    "AND run_at <= UTC_TIMESTAMP(6) LIMIT 1)",
    f"(SELECT BINARY '{EVENT}' FROM custom_hde_inbox WHERE state = 'running' "  # noqa: S608
    "AND lease_until < UTC_TIMESTAMP(6) LIMIT 1)",
    f"(SELECT BINARY '{UNHEARD}' FROM custom_hde_inbox WHERE heard_at IS NULL LIMIT 1)",  # noqa: S608
    f"(SELECT BINARY '{COPY}' FROM custom_hde_snapshot WHERE {snapshots.IS_OVERDUE} LIMIT 1)",  # noqa: S608
    # Cursors whose time has not come.
    "SELECT name FROM custom_hde_cursor WHERE name LIKE 'shop-%' AND until > UTC_TIMESTAMP(6)",
)
