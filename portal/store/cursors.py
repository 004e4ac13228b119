"""custom_hde_cursor: small facts that every process must agree on, by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, text

from portal.database import Unit


def now(unit: Unit) -> datetime:
    """The database's clock, naive UTC: the one that all rows are dated by."""
    found: datetime = unit.state.execute(_NOW).scalar_one()
    return found


def get(unit: Unit, name: str) -> str:
    """What is written under this name, "" for nothing."""
    found = unit.state.execute(_GET, {"name": name.encode()}).scalar_one_or_none()
    return found.decode() if found is not None else ""


def present(unit: Unit, names: Sequence[str]) -> frozenset[str]:
    """Those of these names under which something is written; one query."""
    if not names:
        return frozenset()
    found = unit.state.execute(_PRESENT, {"names": [name.encode() for name in names]}).scalars()
    return frozenset(name.decode() for name in found)


def put(unit: Unit, name: str, value: str) -> None:
    """Write it, whatever was there."""
    unit.state.execute(_PUT, {"name": name.encode(), "value": value.encode()})


def drop(unit: Unit, name: str) -> None:
    """Forget it."""
    unit.state.execute(_DROP, {"name": name.encode()})


_NOW = text("SELECT UTC_TIMESTAMP(6)")
_GET = text("SELECT value FROM custom_hde_cursor WHERE name = :name")
_PRESENT = text("SELECT name FROM custom_hde_cursor WHERE name IN :names").bindparams(
    bindparam("names", expanding=True)
)
_PUT = text(
    "INSERT INTO custom_hde_cursor (name, value, updated_at) VALUES (:name, :value, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE value = VALUES(value), updated_at = VALUES(updated_at)"
)
_DROP = text("DELETE FROM custom_hde_cursor WHERE name = :name")
