"""What operations want to know of our tables at a glance: how much waits, since when, and whether anybody works.

All ages are in seconds by the database's clock, so that the processes' own clocks do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from portal.database import Unit
from portal.store import cursors
from portal.store.slots import BAN, RATE
from portal.store.sweeps import REPAIRS, WATERMARK

BEAT = b"worker:beat"


@dataclass(frozen=True, slots=True)
class Figures:
    """One look. `inbox`, `outbox`: rows by state; `done`: those of the outbox by kind, as long as they are kept.

    `oldest`: the age of the oldest row that waits or runs, by table; none where nothing does. `calls`: slots of the
    budget that are taken: calls that end, or have ended, within the window. `banned`: seconds left of a ban, 0 for
    none. None: never told yet.
    """

    inbox: Mapping[str, int]
    outbox: Mapping[str, int]
    done: Mapping[str, int]
    oldest: Mapping[str, float]
    calls: int
    allowed: int
    banned: float
    beat_age: float | None
    sweep_age: float | None
    repairs: int
    ratings: Mapping[str, int]


def beat(unit: Unit) -> None:
    """A worker is at work."""
    cursors.put(unit, BEAT.decode(), "")


def beat_age(unit: Unit) -> float | None:
    """Seconds since a worker was at work; None when none ever was."""
    age = unit.state.execute(_BEAT_AGE, {"name": BEAT}).scalar()
    return None if age is None else float(age)


def look(unit: Unit, rate: int) -> Figures:
    """Everything at once, in one statement. `rate`: PORTAL_HDE_RATE; the help desk may allow less."""
    told = {"rate": rate, "allowed": RATE, "ban": BAN, "beat": BEAT, "swept": WATERMARK, "repairs": REPAIRS}
    found: dict[str, dict[str, float]] = {}
    for about, name, value in unit.state.execute(_LOOK, told):
        if value is not None:
            found.setdefault(about, {})[bytes(name).decode(errors="backslashreplace")] = float(value)
    one = {about: values[""] for about, values in found.items() if "" in values}
    return Figures(
        inbox=_counts(found.get("inbox", {})),
        outbox=_counts(found.get("outbox", {})),
        done=_counts(found.get("done", {})),
        oldest=found.get("oldest", {}),
        calls=int(one["calls"]),
        allowed=int(min(rate, one.get("allowed", rate))),
        banned=max(0.0, one.get("ban", 0.0)),
        beat_age=one.get("beat"),
        sweep_age=one.get("swept"),
        repairs=int(one.get("repairs", 0)),
        ratings=_counts(found.get("rating", {})),
    )


def _counts(values: Mapping[str, float]) -> dict[str, int]:
    return {name: int(value) for name, value in values.items()}


_AGE = "TIMESTAMPDIFF(MICROSECOND, {}, UTC_TIMESTAMP(6)) / 1000000"
_BEAT_AGE = text(f"SELECT {_AGE.format('updated_at')} FROM custom_hde_cursor WHERE name = :name")  # noqa: S608  # constants
_UNFINISHED = (
    f"SELECT 'oldest', '{{}}', {_AGE.format('MIN(created_at)')} FROM {{}} WHERE state IN ('waiting', 'running')"  # noqa: S608
)
_FACT = "SELECT '{0}', '', {1} FROM custom_hde_cursor WHERE name = :{0}"
_LOOK = text(
    " UNION ALL ".join(
        (
            "SELECT 'inbox', state, COUNT(*) FROM custom_hde_inbox GROUP BY state",
            "SELECT 'outbox', state, COUNT(*) FROM custom_hde_outbox GROUP BY state",
            "SELECT 'done', kind, COUNT(*) FROM custom_hde_outbox WHERE state = 'done' GROUP BY kind",
            "SELECT 'rating', score, COUNT(*) FROM custom_hde_rating GROUP BY score",
            _UNFINISHED.format("inbox", "custom_hde_inbox"),
            _UNFINISHED.format("outbox", "custom_hde_outbox"),
            "SELECT 'calls', '', COUNT(*) FROM custom_hde_api_slot WHERE id < :rate AND free_at > UTC_TIMESTAMP(6)",
            _FACT.format("allowed", "CAST(value AS UNSIGNED)"),
            _FACT.format("ban", "TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), until) / 1000000"),
            _FACT.format("beat", _AGE.format("updated_at")),
            _FACT.format("swept", _AGE.format("updated_at")),
            _FACT.format("repairs", "CAST(value AS UNSIGNED)"),
        )
    )
)
