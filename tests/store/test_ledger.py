"""A person reads both tables, takes up again what came to a bad end, and never what somebody works on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from portal.database import Databases
from portal.model import Event
from portal.store import inbox, ledger, outbox
from portal.store.ledger import EntryId, Outcome
from portal.store.migrate import migrate

ANNA = 7


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    migrate(opened)
    yield opened
    opened.close()


def job(databases: Databases, kind: str = "desk.reply") -> EntryId:
    return EntryId("out", databases.run_here(outbox.put, kind, {"text": "canary"}, ANNA, ticket_id=41).id)


def event(databases: Databases, number: int = 1, kind: str = "message.created") -> EntryId:
    databases.run_here(inbox.put, Event(kind, 41, 5, None, None, f"b:{number}".encode()))
    return EntryId("in", sql(databases, "SELECT MAX(id) FROM custom_hde_inbox")[0][0])


def either(databases: Databases, box: str) -> EntryId:
    return job(databases) if box == "out" else event(databases)


def sql(databases: Databases, statement: str) -> list[Any]:
    def work(unit: Any) -> list[Any]:
        result = unit.state.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []

    return databases.run_here(work)


def make(databases: Databases, entry: EntryId, state: str, more: str = "attempts = 10, reason = 'refused'") -> None:
    table = ledger.TABLES[entry.box]
    sql(databases, f"UPDATE {table} SET state = '{state}', {more} WHERE id = {entry.number}")


def row(databases: Databases, entry: EntryId) -> Any:
    """The row as it is, every column."""
    return sql(databases, f"SELECT * FROM {ledger.TABLES[entry.box]} WHERE id = {entry.number}")


def names(found: Sequence[ledger.Entry]) -> list[str]:
    return [str(entry.id) for entry in found]


def test_both_tables_are_listed_newest_first_and_narrowed_down(databases: Databases) -> None:
    first, second, third = job(databases), event(databases), job(databases, "mail.proof")
    make(databases, first, "aside")
    make(databases, second, "dead")

    def listed(boxes: Sequence[str] = ("in", "out"), limit: int = 10, **more: Any) -> list[str]:
        return names(databases.read_here(ledger.entries, boxes, limit=limit, **more))

    assert listed() == names_of(third, second, first)
    assert listed(limit=2) == names_of(third, second)
    assert listed(["in"]) == names_of(second) and listed(["out"]) == names_of(third, first)
    assert listed(states=["dead", "aside"]) == names_of(second, first)
    assert listed(kinds=["mail.proof"]) == names_of(third)
    assert listed(states=["done"]) == listed(kinds=["nothing"]) == []


def names_of(*ids: EntryId) -> list[str]:
    return [str(one) for one in ids]


def test_one_is_read_with_what_only_its_table_has(databases: Databases) -> None:
    mine, came = job(databases), event(databases)
    out, into = databases.read_here(ledger.entry, mine), databases.read_here(ledger.entry, came)
    assert out and into
    assert (out.payload, out.user_id, out.ticket_id, out.more) == ({"text": "canary"}, ANNA, 41, {"result_id": None})
    assert (into.payload, into.user_id, into.more["event_key"], into.more["contact_id"]) == ({}, None, "b:1", 5)
    assert out.created_at.tzinfo and into.run_at.tzinfo
    assert databases.read_here(ledger.entry, EntryId("in", 999)) is None


@pytest.mark.parametrize("box", ["in", "out"])
@pytest.mark.parametrize("state", ["dead", "aside", "discarded"])
def test_replaying_takes_it_up_again_with_all_its_attempts_and_twice_acts_once(
    databases: Databases, box: str, state: str
) -> None:
    entry = either(databases, box)
    make(databases, entry, state, "attempts = 10, finished_at = UTC_TIMESTAMP(6), run_at = '2000-01-01'")
    assert databases.run_here(ledger.replay, entry).outcome is Outcome.DONE
    told = databases.read_here(ledger.entry, entry)
    assert told and (told.state, told.attempts, told.finished_at) == ("waiting", 0, None) and told.run_at.year > 2000
    before = row(databases, entry)
    assert databases.run_here(ledger.replay, entry) == (Outcome.ALREADY, "waiting")
    assert row(databases, entry) == before


def test_what_may_have_gone_out_stays_known_when_it_is_replayed(databases: Databases) -> None:
    entry = job(databases)
    make(databases, entry, "aside", "sent_at = '2026-11-25 08:00:00'")
    databases.run_here(ledger.replay, entry)
    again = databases.run_here(outbox.claim, ["desk.reply"], 60)
    assert again and again.attempts == 1 and again.sent_at is not None


@pytest.mark.parametrize("box", ["in", "out"])
def test_two_who_replay_at_once_act_once(databases: Databases, box: str) -> None:
    entry = either(databases, box)
    make(databases, entry, "dead")

    async def both() -> list[ledger.Answer]:
        return await asyncio.gather(*(databases.run(ledger.replay, entry) for _ in range(8)))

    outcomes = [answer.outcome for answer in asyncio.run(both())]
    assert outcomes.count(Outcome.DONE) == 1 and outcomes.count(Outcome.ALREADY) == 7


@pytest.mark.parametrize("box", ["in", "out"])
def test_nobody_touches_what_a_worker_holds(databases: Databases, box: str) -> None:
    """Its lease may even have run out: the next worker takes it, and nobody else."""
    entry = either(databases, box)
    if box == "out":
        assert databases.run_here(outbox.claim, ["desk.reply"], 60)
    else:
        assert databases.run_here(inbox.claim, 60)
    for more in ("attempts = attempts", "lease_until = '2000-01-01'"):
        make(databases, entry, "running", more)
        before = row(databases, entry)
        assert databases.run_here(ledger.replay, entry) == (Outcome.ALREADY, "running")
        assert databases.run_here(ledger.discard, entry, "by Boris") == (Outcome.REFUSED, "running")
        assert row(databases, entry) == before
    make(databases, entry, "dead", "attempts = 10")
    assert databases.run_here(ledger.replay, entry).outcome is Outcome.DONE, "the control: it is the state that forbids"


@pytest.mark.parametrize("state", ["waiting", "dead", "aside"])
def test_what_is_discarded_is_not_done_and_says_who_wanted_it(databases: Databases, state: str) -> None:
    entry = job(databases)
    make(databases, entry, state, "attempts = 3, reason = 'её письмо'")
    assert databases.run_here(ledger.discard, entry, "discarded by Boris").outcome is Outcome.DONE
    told = databases.read_here(ledger.entry, entry)
    assert told and (told.state, told.reason) == ("discarded", f"discarded by Boris; was {state}: её письмо")
    assert told.finished_at
    assert databases.run_here(outbox.claim, ["desk.reply"], 60) is None
    assert databases.run_here(ledger.discard, entry, "by Anna") == (Outcome.ALREADY, "discarded")


def test_a_long_reason_is_cut_between_letters(databases: Databases) -> None:
    entry = job(databases)
    make(databases, entry, "dead", f"reason = '{'ё' * 500}'")
    databases.run_here(ledger.discard, entry, "discarded by Boris")
    told = databases.read_here(ledger.entry, entry)
    assert told and len(told.reason) == 500 and told.reason.endswith("ёё")


@pytest.mark.parametrize(
    ("verb", "state", "expected"),
    [
        (ledger.replay, "done", Outcome.ALREADY),
        (ledger.replay, "stale", Outcome.REFUSED),
        (ledger.replay, "skipped", Outcome.REFUSED),
        (ledger.discard, "done", Outcome.REFUSED),
        (ledger.discard, "skipped", Outcome.REFUSED),
    ],
)
def test_what_has_come_to_a_good_end_stays(databases: Databases, verb: Any, state: str, expected: Outcome) -> None:
    entry = event(databases)
    make(databases, entry, state)
    before = row(databases, entry)
    told = () if verb is ledger.replay else ("by Boris",)
    assert databases.run_here(verb, entry, *told) == (expected, state)
    assert row(databases, entry) == before
    assert databases.run_here(verb, EntryId("in", 999), *told) == (Outcome.MISSING, "")


@pytest.mark.parametrize(("box", "days", "going"), [
    ("out", 8, {"done"}),
    ("out", 91, {"done", "dead", "aside", "discarded"}),
    ("in", 31, {"done", "skipped", "stale"}),
    ("in", 91, {"done", "skipped", "stale", "dead", "discarded"}),
])  # fmt: skip
def test_every_end_has_its_day_of_being_forgotten(databases: Databases, box: str, days: int, going: set[str]) -> None:
    states = ["waiting", "running", "done", "dead", "aside", "discarded", "skipped", "stale"]
    for number, state in enumerate(states):
        entry = job(databases) if box == "out" else event(databases, number)
        make(databases, entry, state, f"finished_at = UTC_TIMESTAMP(6) - INTERVAL {days} DAY")
    databases.run_here(outbox.sweep if box == "out" else inbox.sweep)
    left = {entry.state for entry in databases.read_here(ledger.entries, [box], limit=100)}
    assert set(states) - left == going
