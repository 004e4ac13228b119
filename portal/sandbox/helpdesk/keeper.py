"""The help desk's memory on disk, so that the demo's second start finds its data. One JSON file, replaced whole."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from portal.sandbox.helpdesk.seed import seed_demo
from portal.sandbox.helpdesk.state import File, Message, Person, State, Ticket

VERSION = 1
EVERY_SECONDS = 1.0


@contextlib.contextmanager
def kept(path: Path) -> Iterator[State]:
    """The state kept in `path`, or a new one with the demo's people; written a second after it changes, and at the end.

    Kept are people, tickets and files; faults, limits and the journal are of the day.
    """
    state = State()
    if not load(state, path):
        seed_demo(state)
        save(state, path)
    stop = threading.Event()
    writer = threading.Thread(target=_write_behind, args=(state, path, stop), name="sandbox-keeper", daemon=True)
    writer.start()
    try:
        yield state
    finally:
        stop.set()
        writer.join()


def _write_behind(state: State, path: Path, stop: threading.Event) -> None:
    written = state.changes
    while True:
        is_last = stop.wait(EVERY_SECONDS)
        if state.changes != written:
            written = save(state, path)
        if is_last:
            return


def save(state: State, path: Path) -> int:
    """Write everything down; returns the count of changes it holds."""
    with state.lock:
        changes = state.changes
        value = {
            "version": VERSION,
            "last_id": state.last_id,
            "people": [asdict(person) for person in state.people.values()],
            "tickets": [asdict(ticket) for ticket in state.tickets.values()],
            "files": [asdict(file) for file in state.files.values()],
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(value, ensure_ascii=False, default=_text), encoding="utf-8")
    fresh.replace(path)
    return changes


def load(state: State, path: Path) -> bool:
    """Read what `save` wrote into `state`; False when there is nothing, or only something of another version."""
    if not path.exists():
        return False
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if value["version"] != VERSION:
        return False
    with state.lock:
        state.last_id = value["last_id"]
        state.people = {row["id"]: Person(**row) for row in value["people"]}
        state.files = {row["id"]: File(**row | {"content": base64.b64decode(row["content"])}) for row in value["files"]}
        state.tickets = {row["id"]: _ticket(row) for row in value["tickets"]}
        state.changed()
    return True


def _ticket(row: dict[str, Any]) -> Ticket:
    return Ticket(**row | {"messages": [Message(**message) for message in row["messages"]]})


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"not to be written: {type(value).__name__}")
