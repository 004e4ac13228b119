"""Links, limits and the outbox on a real MariaDB."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymysql.cursors import Cursor
from sqlalchemy import text

from portal.database import Databases, Unit
from portal.store import cursors, limits, links, order_tickets, outbox, pushed, tickets
from portal.store.migrate import migrate
from portal.store.pushed import Pushed

ANNA, BORIS = 7, 8
ANNAS = "anna@shop.example"


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    migrate(opened)
    yield opened
    opened.close()


def test_migrating_twice_changes_nothing(databases: Databases) -> None:
    assert migrate(databases) == []


def test_a_proof_is_a_link_of_that_account_and_no_other(databases: Databases) -> None:
    databases.run_here(links.prove, ANNA, ANNAS, "email-proof")
    databases.run_here(links.add, ANNA, ANNAS, "email-proof", [41, 42])
    found = databases.read_here(links.of, ANNA).links
    assert {(link.contact_id, link.sees) for link in found} == {(links.ADDRESS, True), (41, True), (42, True)}
    assert databases.read_here(links.of, BORIS) == links.Holdings([], {})


def test_a_withdrawn_contact_is_not_granted_again_by_being_found_again(databases: Databases) -> None:
    databases.run_here(links.prove, ANNA, ANNAS, "email-proof")
    databases.run_here(links.add, ANNA, ANNAS, "email-proof", [41])
    databases.run_here(
        lambda unit: unit.state.execute(text("UPDATE custom_hde_user_map SET sees = 0 WHERE contact_id = 41"))
    )
    databases.run_here(links.add, ANNA, ANNAS, "email-proof", [41])
    assert [link.sees for link in databases.read_here(links.of, ANNA).links if link.contact_id == 41] == [False]


def test_an_address_is_compared_as_bytes(databases: Databases) -> None:
    databases.run_here(links.prove, ANNA, "anna@shop.example", "email-proof")
    databases.run_here(links.prove, ANNA, "ännä@shop.example", "email-proof")
    assert len(databases.read_here(links.of, ANNA).links) == 2


def test_a_limit_counts_to_its_end_and_tells_how_long_to_wait(databases: Databases) -> None:
    assert [databases.run_here(limits.hit, "ask", 3, 3600) for _ in range(3)] == [0, 0, 0]
    assert 3590 <= databases.run_here(limits.hit, "ask", 3, 3600) <= 3601
    assert databases.run_here(limits.hit, "another", 3, 3600) == 0


def test_a_limit_opens_again_when_its_time_is_over(databases: Databases) -> None:
    databases.run_here(limits.hit, "ask", 1, 3600)
    assert databases.run_here(limits.hit, "ask", 1, 3600) > 0
    databases.run_here(
        lambda unit: unit.state.execute(
            text("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) WHERE name = 'limit:ask'")
        )
    )
    assert databases.run_here(limits.hit, "ask", 1, 3600) == 0


def test_hits_at_once_are_counted_one_after_another(databases: Databases) -> None:
    async def storm() -> list[int]:
        return await asyncio.gather(*(databases.run(limits.hit, "ask", 3, 3600) for _ in range(30)))

    assert sum(wait == 0 for wait in asyncio.run(storm())) == 3


def put(unit: Unit) -> int:
    return outbox.put(unit, "mail.proof", {"to": ANNAS}, ANNA).id


def expire(databases: Databases) -> None:
    past = "UPDATE custom_hde_outbox SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE state = 'running'"
    databases.run_here(lambda unit: unit.state.execute(text(past)))


def state(databases: Databases, job: int) -> bytes:
    query = text("SELECT state FROM custom_hde_outbox WHERE id = :id")
    return bytes(databases.read_here(lambda unit: unit.state.execute(query, {"id": job}).scalar_one()))


def test_a_job_is_claimed_by_one_worker_and_is_done_once(databases: Databases) -> None:
    for _ in range(20):
        databases.run_here(put)

    async def race() -> list[outbox.Job | None]:
        return await asyncio.gather(*(databases.run(outbox.claim, ["mail.proof"], 60) for _ in range(40)))

    jobs = [job for job in asyncio.run(race()) if job]
    assert len({job.id for job in jobs}) == len(jobs) == 20
    assert all(databases.run_here(outbox.finish, job) for job in jobs)
    assert databases.run_here(outbox.claim, ["mail.proof"], 60) is None


def test_who_comes_back_after_his_lease_changes_nothing(databases: Databases) -> None:
    databases.run_here(put)
    late = databases.run_here(outbox.claim, ["mail.proof"], 60)
    expire(databases)
    second = databases.run_here(outbox.claim, ["mail.proof"], 60)
    assert late and second and late.id == second.id and second.attempts == 2
    assert not databases.run_here(outbox.finish, late)
    assert not databases.run_here(outbox.fail, late, "late", 0)
    assert databases.run_here(outbox.finish, second)


def test_what_is_done_and_nobodys_keeps_no_words(databases: Databases) -> None:
    for user in (None, ANNA):
        databases.run_here(outbox.put, "mail.manager", {"email": "who@else.example"}, user)
    while job := databases.run_here(outbox.claim, ["mail.manager"], 60):
        assert databases.run_here(outbox.finish, job)
    kept = databases.read_here(
        lambda unit: unit.state.execute(text("SELECT payload FROM custom_hde_outbox ORDER BY id")).all()
    )
    assert kept[0][0] == b"{}" and b"who@else" in kept[1][0], "the control: hers goes with her account"


def test_a_failed_job_waits_and_a_hopeless_one_is_dead_with_its_reason(databases: Databases) -> None:
    first, second = databases.run_here(put), databases.run_here(put)
    job = databases.run_here(outbox.claim, ["mail.proof"], 60)
    assert job and job.id == first
    databases.run_here(outbox.fail, job, "later", 3600)
    other = databases.run_here(outbox.claim, ["mail.proof"], 60)
    assert other and other.id == second
    databases.run_here(outbox.fail, other, "never", None)
    assert databases.run_here(outbox.claim, ["mail.proof"], 60) is None
    assert (state(databases, first), state(databases, second)) == (b"waiting", b"dead")


@pytest.mark.parametrize(("sent", "end"), [(False, b"dead"), (True, b"aside")])
def test_a_job_that_kills_its_worker_is_handed_over_once_more_to_be_ended(
    databases: Databases, *, sent: bool, end: bytes
) -> None:
    job = databases.run_here(put)
    for attempt in range(1, outbox.MAX_ATTEMPTS + 1):
        claimed = databases.run_here(outbox.claim, ["mail.proof"], 60)
        assert claimed and (claimed.attempts, claimed.claim.left) == (attempt, outbox.MAX_ATTEMPTS - attempt)
        if sent:
            assert databases.run_here(outbox.sending, claimed)
        expire(databases)
    last = databases.run_here(outbox.claim, ["mail.proof"], 60)
    assert last and last.claim.left == -1
    assert databases.run_here(outbox.fail, last, "its worker died", 60)
    assert state(databases, job) == end


def test_counters_that_are_over_are_swept_and_running_ones_stay(databases: Databases) -> None:
    databases.run_here(limits.hit, "over", 3, -1)
    databases.run_here(limits.hit, "running", 3, 3600)
    assert databases.run_here(limits.sweep) == 1
    assert [row[0] for row in databases.read_here(names)] == [b"limit:running", b"schema"]


def names(unit: Unit) -> list[Any]:
    return list(unit.state.execute(text("SELECT name FROM custom_hde_cursor ORDER BY name")))


def test_jobs_done_a_week_ago_are_swept_and_the_dead_stay_for_somebody_to_look_at(databases: Databases) -> None:
    done, dead, waiting = (databases.run_here(put) for _ in range(3))
    for job, how in ((done, "done"), (dead, "dead")):
        statement = f"UPDATE custom_hde_outbox SET state = '{how}', finished_at = UTC_TIMESTAMP(6) - INTERVAL 8 DAY WHERE id = {job}"
        databases.run_here(lambda unit, sql=statement: unit.state.execute(text(sql)))
    assert databases.run_here(outbox.sweep) == 1
    left = databases.read_here(
        lambda unit: [row[0] for row in unit.state.execute(text("SELECT id FROM custom_hde_outbox"))]
    )
    assert sorted(left) == sorted([dead, waiting])


def test_two_starting_processes_migrate_one_after_the_other(database_url: str) -> None:
    async def both() -> list[list[str]]:
        first, second = Databases(database_url), Databases(database_url)
        found = await asyncio.gather(asyncio.to_thread(migrate, first), asyncio.to_thread(migrate, second))
        first.close(), second.close()
        return list(found)

    assert sorted(len(applied) for applied in asyncio.run(both()))[0] == 0


def test_what_was_kept_in_cursors_moves_to_its_table(databases: Databases) -> None:
    """0005: of whom the help desk was told, and what was told of an order; also when it was cut short before its end."""

    def as_before(unit: Unit) -> None:
        values = "(:name, :value, UTC_TIMESTAMP(6))"
        insert = text(f"INSERT INTO custom_hde_cursor (name, value, updated_at) VALUES {values}")
        for name, value in (
            ("pushed:7", "2026-11-25 10:00:00.250000"),
            ("contact:7", "41"),
            ("pushed:8", "2026-11-25 11:00:00"),
            ("order:1001", "ab"),
        ):
            unit.state.execute(insert, {"name": name.encode(), "value": value.encode()})
        order_tickets.put(unit, 1001, 500, 7, "A-1", "text")
        unit.state.execute(text("UPDATE custom_hde_cursor SET value = '4' WHERE name = 'schema'"))

    databases.run_here(as_before)
    migrate(databases)

    def seen(unit: Unit) -> tuple[object, ...]:
        left = unit.state.execute(text("SELECT name FROM custom_hde_cursor WHERE LOCATE(':', name)")).all()
        return pushed.get(unit, 7), pushed.get(unit, 8), order_tickets.told_of(unit, 1001), left

    ten = datetime(2026, 11, 25, 10, 0, 0, 250000, tzinfo=UTC)
    eleven = datetime(2026, 11, 25, 11, tzinfo=UTC)
    assert databases.run_here(seen) == (Pushed(ten, 41), Pushed(eleven, None), "ab", [])


def test_what_a_ticket_was_told_of_its_orders_is_forgotten_after_a_year_and_nothing_else_is(database_url: str) -> None:
    databases = Databases(database_url)
    migrate(databases)

    def old(unit: Unit) -> int:
        for name in ("about:1", "about:2", "schema-of-something"):
            cursors.put(unit, name, "x")
        past = text("UPDATE custom_hde_cursor SET updated_at = updated_at - INTERVAL 400 DAY WHERE name <> 'about:2'")
        unit.state.execute(past)
        return cursors.sweep(unit)

    assert databases.run_here(old) == 1
    assert [databases.read_here(cursors.get, name) for name in ("about:1", "about:2", "schema")][:2] == ["", "x"]
    assert databases.read_here(cursors.get, "schema-of-something") == "x"
    databases.close()


def test_a_page_of_tickets_is_kept_in_one_statement(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    databases = Databases(database_url)
    migrate(databases)
    now = datetime.now(UTC)
    rows = [
        tickets.Indexed(number, 41, b"", b"waiting", b"email", now, now, now, b"{}", b"subject")
        for number in range(1, 51)
    ]
    query, asked = Cursor._query, []

    def counted(self: Any, statement: Any) -> Any:
        asked.append(statement)
        return query(self, statement)

    with monkeypatch.context() as patched:
        patched.setattr(Cursor, "_query", counted)
        databases.run_here(tickets.put, rows)
    assert len([one for one in asked if b"INTO custom_hde_ticket " in _bytes(one)]) == 1
    assert databases.read_here(tickets.count, tickets.Whose([41], "", {}), tickets.Terms()).total == 50
    databases.close()


def _bytes(statement: Any) -> bytes:
    return statement.encode() if isinstance(statement, str) else bytes(statement)


def test_an_older_copy_takes_no_newer_words_away(database_url: str) -> None:
    databases = Databases(database_url)
    migrate(databases)
    now = datetime.now(UTC)

    def copy(at: datetime, words: bytes | None) -> tickets.Indexed:
        return tickets.Indexed(1, 41, b"", b"waiting", b"email", now, at, at, b"1", b"subject", words, words)

    def finds(word: str) -> bool:
        terms = tickets.Terms(words=[tickets.Word(word)])
        return databases.read_here(tickets.count, tickets.Whose([41], "", {}), terms).matching == 1

    hour = timedelta(hours=1)
    for at, words in ((now, b"newer"), (now - hour, b"older")):
        databases.run_here(tickets.put, [copy(at, words)])
    assert finds("newer") and not finds("older")
    databases.run_here(tickets.put, [copy(now + hour, None)])
    assert finds("newer"), "a list knows no words, and takes none away"
    databases.run_here(tickets.put, [copy(now + hour, b"newest")])
    assert finds("newest") and not finds("newer")
    databases.close()
