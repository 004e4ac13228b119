"""How a row of a table is claimed, done and buried: the same for what we have to do (outbox) and what came (inbox).

waiting → running → done | waiting again later | dead | another end of the table's own. An attempt is counted before it
begins, so that a row that kills its worker cannot kill it for ever; a row whose lease ran out is anybody's again;
whoever comes back late finds that the row no longer names his claim, and changes nothing. Rows of one `queue` are done
one after another, in the order they were put.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, bindparam, text

from portal.database import Unit

CANDIDATES = 8
"""Rows looked at together; several workers race for them."""

SWEEP_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that is ours until `holder` is no longer named in it.

    `attempts` counts this one, too. `left`: how many there are after it; below 0 its worker has died at every one of
    them, and all that is left to do is to end it.
    """

    id: int
    attempts: int
    holder: bytes
    left: int


class Queue:
    """The rows of one table; the table's name is a constant of ours, values are parameters."""

    def __init__(self, table: str, max_attempts: int) -> None:
        self._max_attempts = max_attempts
        self._expired = _on(table, _EXPIRED, kinds=True)
        self._due = _on(table, _DUE, kinds=True)
        self._first = _on(table, _FIRST)
        self._claim, self._prolong = _on(table, _CLAIM), _on(table, _PROLONG)
        self._end, self._again = _on(table, _END), _on(table, _AGAIN)
        self._sweep = _on(table, _SWEEP)

    def claim(self, unit: Unit, kinds: Sequence[str], lease_seconds: float) -> Claim | None:
        """Take the first row of these kinds that is due, for `lease_seconds`; None when there is none."""
        wanted = {"kinds": [kind.encode() for kind in kinds], "limit": CANDIDATES}
        while True:
            # Two steps, as no MySQL before 8 can pick and mark in one without waiting for what others have locked.
            rows = unit.state.execute(self._expired, wanted).all() or unit.state.execute(self._due, wanted).all()
            if not rows:
                return None
            for row_id, attempts in rows:
                holder = secrets.token_hex(16).encode()
                told = {"id": row_id, "attempts": attempts, "holder": holder, "lease": lease_seconds}
                if unit.state.execute(self._claim, told).rowcount:
                    return Claim(row_id, attempts + 1, holder, self._max_attempts - attempts - 1)
            unit.state.rollback()  # others were faster: look again, at what they have left

    def claim_first(self, unit: Unit, queue: str, lease_seconds: float) -> Claim | None:
        """Take the first row of this queue; None when there is none, it is not due, or another has it."""
        row = unit.state.execute(self._first, {"queue": queue.encode()}).one_or_none()
        if row is None:
            return None
        holder = secrets.token_hex(16).encode()
        told = {"id": row.id, "attempts": row.attempts, "holder": holder, "lease": lease_seconds}
        if not unit.state.execute(self._claim, told).rowcount:
            return None
        return Claim(row.id, row.attempts + 1, holder, self._max_attempts - row.attempts - 1)

    def prolong(self, unit: Unit, claim: Claim, lease_seconds: float) -> bool:
        """It takes longer; False when the row is no longer ours."""
        told = {"id": claim.id, "holder": claim.holder, "lease": lease_seconds}
        return bool(unit.state.execute(self._prolong, told).rowcount)

    def end(self, unit: Unit, claim: Claim, state: str, reason: str = "") -> bool:
        """It has come to its end, `state`; False when the row is no longer ours."""
        told = {"id": claim.id, "holder": claim.holder, "state": state.encode(), "reason": reason[:500]}
        return bool(unit.state.execute(self._end, told).rowcount)

    def again(self, unit: Unit, claim: Claim, reason: str, seconds: float, *, count: bool = True) -> bool:
        """It failed: once more in `seconds`. False when no longer ours.

        Without `count` the attempt was none: nothing was tried, as nobody could be asked.
        """
        told = {"id": claim.id, "holder": claim.holder, "reason": reason[:500], "seconds": seconds, "count": count}
        return bool(unit.state.execute(self._again, told).rowcount)

    def sweep(self, unit: Unit, days: int, states: Sequence[str]) -> int:
        """Forget rows that came to one of these ends `days` ago, a bounded number at a time; how many went."""
        told = {"days": days, "states": [state.encode() for state in states], "limit": SWEEP_ROWS}
        return int(unit.state.execute(self._sweep, told).rowcount)


def _on(table: str, statement: str, *, kinds: bool = False) -> TextClause:
    clause = text(statement.replace("TABLE_", table))
    if kinds:
        return clause.bindparams(bindparam("kinds", expanding=True))
    return clause.bindparams(bindparam("states", expanding=True)) if ":states" in statement else clause


_FIRST_OF_ITS_QUEUE = (
    "AND (r.queue = '' OR NOT EXISTS (SELECT 1 FROM TABLE_ e WHERE e.queue = r.queue AND e.id < r.id "
    "AND e.state IN ('waiting', 'running')))"
)
_EXPIRED = (
    "SELECT r.id, r.attempts FROM TABLE_ r WHERE r.state = 'running' AND r.lease_until < UTC_TIMESTAMP(6) "
    "AND r.kind IN :kinds ORDER BY r.id LIMIT :limit"
)
_DUE = (
    "SELECT r.id, r.attempts FROM TABLE_ r WHERE r.state = 'waiting' AND r.run_at <= UTC_TIMESTAMP(6) "  # noqa: S608
    f"AND r.kind IN :kinds {_FIRST_OF_ITS_QUEUE} ORDER BY r.run_at, r.id LIMIT :limit"
)
_FIRST = "SELECT id, attempts FROM TABLE_ WHERE queue = :queue AND state IN ('waiting', 'running') ORDER BY id LIMIT 1"
_CLAIM = (
    "UPDATE TABLE_ SET state = 'running', holder = :holder, attempts = attempts + 1, "
    "lease_until = UTC_TIMESTAMP(6) + INTERVAL ROUND(:lease * 1000000) MICROSECOND "
    "WHERE id = :id AND attempts = :attempts "
    "AND (state = 'waiting' AND run_at <= UTC_TIMESTAMP(6) OR state = 'running' AND lease_until < UTC_TIMESTAMP(6))"
)
_PROLONG = (
    "UPDATE TABLE_ SET lease_until = UTC_TIMESTAMP(6) + INTERVAL ROUND(:lease * 1000000) MICROSECOND "
    "WHERE id = :id AND holder = :holder"
)
_END = (
    "UPDATE TABLE_ SET state = :state, reason = :reason, holder = NULL, finished_at = UTC_TIMESTAMP(6) "
    "WHERE id = :id AND holder = :holder"
)
_AGAIN = (
    "UPDATE TABLE_ SET state = 'waiting', reason = :reason, holder = NULL, attempts = attempts - IF(:count, 0, 1), "
    "run_at = UTC_TIMESTAMP(6) + INTERVAL ROUND(:seconds * 1000000) MICROSECOND WHERE id = :id AND holder = :holder"
)
_SWEEP = (
    "DELETE FROM TABLE_ WHERE state IN :states AND finished_at < UTC_TIMESTAMP(6) - INTERVAL :days DAY LIMIT :limit"
)
