"""Hours without webhooks, a worker that is away for a day, a database that is away, a ban: nothing is lost, nothing twice.

Nobody waits: the database's clock and the help desk's are put forward together.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from portal.helpdesk.client import Client
from portal.service import sweep
from portal.service.sweep import EVERY_SECONDS, GRACE_SECONDS
from portal.store import slots, sweeps
from tests.helpdesk.conftest import databases, play, served
from tests.service import test_crash_points as effects
from tests.service.crash_world import Effects, World, world_of
from tests.service.crashes import Aim, Fault
from tests.service.test_sweep import Works, clock, works

__all__ = ["clock", "databases", "play", "served", "works"]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
NOW = re.compile(r"UTC_TIMESTAMP\(6?\)")


class Calendar:
    """How far the clocks are ahead, in seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def later(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calendar]:
    """The clocks of the database and of the help desk; the product takes its time from the first."""
    made, real = Calendar(), time.time

    def put_forward(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> tuple[str, Any]:
        return NOW.sub(rf"(\g<0> + INTERVAL {int(made.ahead)} SECOND)", statement), parameters

    monkeypatch.setattr(time, "time", lambda: real() + made.ahead)
    event.listen(Engine, "before_cursor_execute", put_forward, retval=True)
    yield made
    event.remove(Engine, "before_cursor_execute", put_forward)


def test_with_webhooks_silent_for_two_hours_all_of_1000_changed_tickets_are_told_once(
    works: Works, calendar: Calendar
) -> None:
    """They change all the time, and the sweep goes on all the time, as it does in a shop whose webhooks have ended."""
    old = [works.letter(number) for number in range(500)]
    new: list[int] = []

    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        calendar.later(HOUR)
        works.letter(999)
        await works.round(sweeper)
        for part in range(20):
            for ticket in old[part * 25 : part * 25 + 25]:
                works.play.tell("operator/reply", ticket_id=ticket, text="Answer")
            new.extend(works.letter(1000 + part * 25 + number) for number in range(25))
            calendar.later(2 * HOUR / 20 - EVERY_SECONDS)
            await works.round(sweeper, 2 * HOUR / 20 - EVERY_SECONDS)
            calendar.later(EVERY_SECONDS)
            await works.round(sweeper)
        calendar.later(GRACE_SECONDS)
        await works.round(sweeper, GRACE_SECONDS)
        told = [("message.created", ticket) for ticket in old] + [("ticket.created", ticket) for ticket in new]
        assert Counter(works.rows()) == Counter(told)
        assert works.cursor(sweeps.REPAIRS) == b"1000"

    works.run(story)


@pytest.fixture(params=["v1", "v2"])
def world(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[World]:
    with world_of(database_url, tmp_path, request.param) as made:
        made.settings = made.settings.model_copy(update={"hde_rate": 1500})
        yield made


def much(world: World, customers: int = 4) -> list[Callable[[], Effects]]:
    """Of each of so many customers: a new ticket, a reply, a request, and what the shop tells of him."""
    counts = []
    for _ in range(customers):
        world.newcomer()
        customer = world.customer
        for begin in (effects.event, effects.reply, effects.customer):
            counts.append(of(world, customer, begin(world)))
    return counts


def of(world: World, customer: int, count: Callable[[], Effects]) -> Callable[[], Effects]:
    """The count, which asks of the customer that it began with."""

    def counted() -> Effects:
        world.customer = customer
        return count()

    return counted


def are_once(world: World, counts: list[Callable[[], Effects]]) -> bool:
    wrong = [(name, times) for count in counts for name, times in count().items() if times != 1]
    assert not wrong, wrong
    ends = {end for _kind, end in world.ends()}
    return ends <= {"done", "stale"}


def test_a_worker_that_was_killed_and_away_for_a_day_comes_back_to_all_of_it(world: World, calendar: Calendar) -> None:
    counts = much(world)
    world.points.begin(Aim("inbound._act", 2, Fault.KILL, False))
    world.live()
    assert world.points.hit
    for _ in range(12):
        calendar.later(DAY / 12)
        counts += much(world, 1)
    assert world.waiting()
    world.until_idle(lambda: calendar.later(MINUTE))
    assert not world.waiting() and are_once(world, counts)


def test_a_database_that_is_away_for_an_hour_costs_nothing_but_time(world: World, calendar: Calendar) -> None:
    counts = much(world)
    world.points.begin(Aim("outbox.claim", 9, Fault.LOST_CONNECTION, False))
    world.live()
    assert world.points.hit
    world.points.away = True
    before = world.stage.calls(), len(world.letters), len(world.book.asked)
    for _ in range(60):
        world.live()
        calendar.later(MINUTE)
    assert (world.stage.calls(), len(world.letters), len(world.book.asked)) == before, (
        "nothing is done that cannot be kept"
    )
    world.points.away = False
    world.until_idle(lambda: calendar.later(MINUTE))
    assert are_once(world, counts)


def test_a_help_desk_that_bans_for_twenty_minutes_is_asked_nothing_and_told_all(
    world: World, calendar: Calendar
) -> None:
    counts = much(world)
    world.stage.tell("limit", ban=20 * MINUTE)
    before = world.stage.calls()
    for _ in range(19):
        world.live()
        calendar.later(MINUTE)
    assert world.stage.calls() == before + 1, "the call that learned of it"
    assert world.waiting()
    world.until_idle(lambda: calendar.later(5 * MINUTE))
    assert not world.waiting() and are_once(world, counts)
    assert world.stage.state.limit.bans == 1


def test_who_forgets_a_ban_asks_again_and_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the one above."""
    monkeypatch.setattr(slots, "ban", lambda _unit, _seconds: datetime.now(UTC))
    much(world, 1)
    world.stage.tell("limit", ban=20 * MINUTE)
    before = world.stage.calls()
    world.live()
    assert world.stage.calls() > before + 1


def test_a_sweep_that_looks_at_one_page_does_not_find_all(
    works: Works, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the first one."""
    monkeypatch.setattr(sweep, "MAX_PAGES", 1)

    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        works.letter()
        await works.round(sweeper)
        calendar.later(HOUR)
        for number in range(200):
            works.letter(number)
        for _ in range(3):
            calendar.later(GRACE_SECONDS)
            await works.round(sweeper, GRACE_SECONDS)
        assert 0 < len(works.rows()) < 200

    works.run(story)
