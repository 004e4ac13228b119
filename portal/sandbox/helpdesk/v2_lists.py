"""Dialect v2's grammar of lists: date filters and `order_by`."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any, TypeVar

from portal.sandbox.helpdesk.state import Person, State, Ticket
from portal.sandbox.helpdesk.v2_shapes import read_date

Dated = TypeVar("Dated", Ticket, Person)

ATTRIBUTES = {"date_created": "created", "date_updated": "updated", "name": "name"}
DATES = (("date_created", "created"), ("date_updated", "updated"))


def within(state: State, query: dict[str, str], rows: list[Dated]) -> list[Dated]:
    """Rows between `from_…` and `to_…`, both ends included, whole seconds; a date it cannot read it ignores."""
    for name, attribute in DATES:
        since = read_date(state, query.get(f"from_{name}", ""))
        until = read_date(state, query.get(f"to_{name}", ""))
        rows = [
            row
            for row in rows
            if (since is None or int(getattr(row, attribute)) >= since)
            and (until is None or int(getattr(row, attribute)) <= until)
        ]
    return rows


def ordered(order_by: str, rows: list[Dated]) -> list[Dated]:
    """`date_updated{asc},date_created{desc}`; words it does not know it ignores. By default the newest come first."""
    keys = re.findall(r"(\w+)\{(asc|desc)\}", order_by) or [("date_created", "desc")]
    for key, direction in reversed(keys):  # sorting is stable: the last key first
        attribute = ATTRIBUTES.get(key)
        if attribute and rows and hasattr(rows[0], attribute):
            rows = sorted(rows, key=attrgetter(attribute), reverse=direction == "desc")
    return rows


def number(value: Any) -> int:
    """An id out of a form or JSON; 0, which nobody has, when it is none."""
    return int(value) if str(value).isdecimal() and len(str(value)) < 19 else 0
