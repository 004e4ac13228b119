"""Kept copies: who may renew one, and how long one stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from portal.database import Databases, Unit
from portal.store import snapshots
from portal.store.migrate import migrate


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    migrate(opened)
    yield opened
    opened.close()


def kept(databases: Databases) -> set[str]:
    query = text("SELECT id FROM custom_hde_snapshot")
    return {bytes(row[0]).decode() for row in databases.read_here(lambda unit: list(unit.state.execute(query)))}


def put(databases: Databases, key: str, body: bytes | None, days: int) -> None:
    def work(unit: Unit) -> None:
        began = snapshots.claim(unit, "tickets", key, b"me", 30).at
        snapshots.store(unit, "tickets", key, holder=b"me", began=began, body=body)
        past = text("UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL :days DAY WHERE id = :key")
        unit.state.execute(past, {"days": days, "key": key.encode()})

    databases.run_here(work)


def test_what_nobody_has_renewed_for_a_month_goes_and_what_was_missing_goes_after_a_day(databases: Databases) -> None:
    put(databases, "new", b"1{}", 0)
    put(databases, "weeks", b"1{}", 29)
    put(databases, "old", b"1{}", 31)
    put(databases, "missing", None, 0)
    put(databases, "long missing", None, 2)
    databases.run_here(snapshots.claim, "tickets", "never told", b"me", 0)
    databases.run_here(snapshots.claim, "tickets", "being fetched", b"me", 30)
    assert databases.run_here(snapshots.sweep) == 3
    assert kept(databases) == {"new", "weeks", "missing", "being fetched"}
    assert databases.run_here(snapshots.sweep) == 0


def test_a_sweep_takes_a_bounded_bite(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SWEPT_AT_ONCE", 2)
    for key in "abc":
        put(databases, key, b"1{}", 31)
    assert [databases.run_here(snapshots.sweep) for _ in range(3)] == [2, 1, 0]


def test_a_claim_is_prolonged_by_its_holder_alone(databases: Databases) -> None:
    assert databases.run_here(snapshots.claim, "tickets", "1", b"me", 30).claimed
    past = text("UPDATE custom_hde_snapshot SET lease_until = UTC_TIMESTAMP(6)")
    databases.run_here(lambda unit: unit.state.execute(past).rowcount)
    databases.run_here(snapshots.prolong, "tickets", "1", b"him", 30)
    assert not databases.read_here(snapshots.look, "tickets", "1")[1]
    databases.run_here(snapshots.prolong, "tickets", "1", b"me", 30)
    assert databases.read_here(snapshots.look, "tickets", "1")[1]
    assert not databases.run_here(snapshots.claim, "tickets", "1", b"him", 30).claimed


def test_who_lost_his_claim_keeps_nothing(databases: Databases) -> None:
    began = databases.run_here(snapshots.claim, "tickets", "1", b"late", 0).at
    assert databases.run_here(snapshots.claim, "tickets", "1", b"me", 30).claimed
    late = {"holder": b"late", "began": began, "body": b"1late"}
    assert databases.run_here(lambda unit: snapshots.store(unit, "tickets", "1", **late)) is None
    assert databases.read_here(snapshots.load, "tickets", "1") is None
    assert databases.read_here(snapshots.look, "tickets", "1")[1], "nor ends another's"
