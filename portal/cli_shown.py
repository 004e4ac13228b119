"""How a row of the ledger is shown at a terminal: a line, or all of it; for programs, the facts by their names."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portal.store.ledger import Entry

PIPE_WIDTH = 160
"""Columns of a table that goes to no terminal."""

REASON_CHARACTERS = 60

PLAIN_WORDS = ("about", "follows", "locale", "number", "order", "orders", "status", "what")
"""What of a job's payload is no customer's words and is shown as it is; other texts only when asked for."""


def facts(entry: Entry) -> dict[str, Any]:
    """Everything but the payload; times as ISO 8601."""
    told: dict[str, Any] = {
        "id": str(entry.id),
        "kind": entry.kind,
        "state": entry.state,
        "attempts": entry.attempts,
        "queue": entry.queue,
        "ticket_id": entry.ticket_id,
        "user_id": entry.user_id,
        "reason": entry.reason,
        "created_at": entry.created_at,
        "run_at": entry.run_at,
        "sent_at": entry.sent_at,
        "finished_at": entry.finished_at,
        **entry.more,
    }
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}


def without_words(value: Any) -> Any:
    """A payload with numbers and our own words as they are, and of every other text its length alone."""
    match value:
        case dict():
            return {name: one if name in PLAIN_WORDS else without_words(one) for name, one in value.items()}
        case list():
            return [without_words(one) for one in value]
        case str():
            return f"({len(value)} characters)"
    return value


def print_list(found: Sequence[Entry]) -> None:
    """A line an event; a long reason is told whole by `show`."""
    from rich.table import Column, Table

    names = ("id", "kind", "state", "tries", "ticket", "customer", "came")
    table = Table(*(Column(name, no_wrap=True) for name in names), "reason", box=None, pad_edge=False)
    for entry in found:
        cells = (
            entry.id,
            entry.kind,
            entry.state,
            entry.attempts,
            entry.ticket_id or "",
            entry.user_id or "",
            f"{entry.created_at:%Y-%m-%d %H:%M:%S}",
            entry.reason[:REASON_CHARACTERS],
        )
        table.add_row(*map(_cell, cells))
    _print(table if found else "nothing")


def print_facts(facts: dict[str, Any]) -> None:
    """A line a fact; what is empty is left out."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        for line in shown if isinstance(shown, list) else [shown]:
            if line not in (None, ""):
                table.add_row(_cell(name), _cell(line))
    _print(table)


def _print(what: Any) -> None:
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False).print(what)


def _cell(value: object) -> Any:
    from rich.text import Text

    return Text(clean(str(value)))


def clean(line: str) -> str:
    """What others have named must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
