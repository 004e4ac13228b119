"""What is done every few seconds by one process and not by each: cursors with a time, in custom_hde_cursor."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate


def begin(unit: Unit, name: str, seconds: float) -> str | None:
    """Where the last one got to ("" for nowhere), when it is time again; None when it is not.

    The next is in `seconds`. The cursor is locked to the unit's end: who looks meanwhile waits, and finds it done.
    """
    told = {"name": name.encode(), "seconds": seconds}
    is_due = unit.state.execute(_IS_DUE, told).scalar()
    if is_due is not None:
        # Asked first, as it mostly is not; and again by the UPDATE, as another may have begun since.
        begun = bool(is_due) and unit.state.execute(_BEGIN, told).rowcount
        return bytes(unit.state.execute(_READ, told).scalar_one()).decode() if begun else None
    try:
        unit.state.execute(_FIRST, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        return None
    return ""


def keep(unit: Unit, name: str, value: str) -> None:
    """This is where it got to; at most 255 bytes."""
    unit.state.execute(_KEEP, {"name": name.encode(), "value": value.encode()})


_NEXT = "UTC_TIMESTAMP(6) + INTERVAL ROUND(:seconds * 1000000) MICROSECOND"
_BEGIN = text(
    f"UPDATE custom_hde_cursor SET until = {_NEXT}, updated_at = UTC_TIMESTAMP(6) "  # noqa: S608  # a constant
    "WHERE name = :name AND until <= UTC_TIMESTAMP(6)"
)
_IS_DUE = text("SELECT until <= UTC_TIMESTAMP(6) FROM custom_hde_cursor WHERE name = :name")
_READ = text("SELECT value FROM custom_hde_cursor WHERE name = :name")
_FIRST = text(
    "INSERT INTO custom_hde_cursor (name, value, until, updated_at) "  # noqa: S608  # a constant
    f"VALUES (:name, '', {_NEXT}, UTC_TIMESTAMP(6))"
)
_KEEP = text("UPDATE custom_hde_cursor SET value = :value, updated_at = UTC_TIMESTAMP(6) WHERE name = :name")
