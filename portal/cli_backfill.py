"""portal backfill: the customers that a shop has already, for a person at a terminal.

Exit codes: 0 done; 1 stopped before its end, or another is under way; 2 wrong usage or settings; 130 interrupted.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from portal.cli_shown import clean
from portal.environment import load
from portal.errors import DatabaseAway, WrongSettings

if TYPE_CHECKING:
    from portal.config import Settings
    from portal.database import Databases
    from portal.service.backfill import Backfill, Done, Estimate, Outcome

STOPPED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
AGAIN = "`portal backfill` goes on from there"


@click.command()
@click.option("--dry-run", is_flag=True, help="Count customers, calls and time; do nothing.")
def backfill(dry_run: bool) -> None:
    """Tell the help desk of all customers the shop has already, and of their last orders."""
    from sqlalchemy.exc import ProgrammingError

    from portal.config import Settings
    from portal.database import Databases

    try:
        settings = load(Settings)
    except WrongSettings as error:
        _leave("\n".join(error.problems), WRONG_USAGE)
    databases = Databases(settings.database_url.get_secret_value(), settings.state_url.get_secret_value())
    try:
        with _quiet():
            asyncio.run(_backfill(settings, databases, dry_run))
    except WrongSettings as error:
        _leave("\n".join(error.problems), WRONG_USAGE)
    except KeyboardInterrupt:
        _leave(_where(databases), INTERRUPTED)
    except DatabaseAway as error:
        _leave(f"PORTAL_DATABASE_URL: the database does not answer ({error}); {AGAIN}", STOPPED)
    except ProgrammingError:
        _leave("our tables are not there: run `portal migrate`", STOPPED)
    finally:
        databases.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """A line for each of ten thousand would tear the bar; what went wrong is still told."""
    ours = logging.getLogger("portal")
    before = ours.level
    ours.setLevel(logging.WARNING)
    try:
        yield
    finally:
        ours.setLevel(before)


async def _backfill(settings: Settings, databases: Databases, dry_run: bool) -> None:
    from portal.app import outbound_alone
    from portal.service.backfill import Backfill, Busy

    async with outbound_alone(settings, databases) as outbound:
        work = Backfill(settings, databases, outbound)
        estimate = await databases.read(work.estimate)
        for line in described(estimate):
            click.echo(line)
        if dry_run:
            click.echo("nothing was written, and the help desk was asked nothing")
            return
        try:
            outcomes = await _shown(work, estimate.accounts)
        except Busy as error:
            _leave(str(error), STOPPED)
    for line in ended(outcomes):
        click.echo(line)


async def _shown(work: Backfill, accounts: int) -> Counter[Outcome]:
    """The run with its bar; who was refused is told above it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from portal.service.backfill import Outcome

    outcomes: Counter[Outcome] = Counter()
    columns = TextColumn("accounts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns) as progress:
        bar = progress.add_task("", total=accounts)

        def tell(done: Done) -> None:
            outcomes[done.outcome] += 1
            progress.advance(bar)
            if done.outcome is Outcome.REFUSED:
                progress.console.print(clean(f"account {done.user_id}: {done.reason}"), markup=False, highlight=False)

        await work.run(tell)
    return outcomes


def described(estimate: Estimate) -> list[str]:
    """What is before us, a line a fact."""
    without = estimate.accounts - estimate.customers - estimate.shared
    return [
        *([f"goes on after account {estimate.after}"] if estimate.after else []),
        f"{estimate.accounts} accounts: {estimate.customers} customers with an address of their own, "
        f"{estimate.shared} with one that several have, {without} without one or switched off",
        f"about {estimate.calls} calls of the help desk, {duration(estimate.seconds)} at {estimate.rate} a minute",
    ]


def ended(outcomes: Counter[Outcome]) -> list[str]:
    """How it ended."""
    from portal.service.backfill import Outcome

    told, skipped, refused = (outcomes[Outcome(name)] for name in ("told", "skipped", "refused"))
    lines = [f"done: {told} accounts seen to, {skipped} skipped, {refused} refused"]
    if refused:
        lines.append("the worker tries those who were refused again; see `portal events list --outbox`")
    return lines


def duration(seconds: float) -> str:
    """Such as 4 min or 3 h 20 min."""
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _where(databases: Databases) -> str:
    from portal.store import backfills

    try:
        after = databases.read_here(backfills.after)
    except DatabaseAway:
        return f"stopped; {AGAIN}"
    return f"stopped after account {after}; {AGAIN}" if after else f"stopped at the beginning; {AGAIN}"


def _leave(why: str, code: int) -> NoReturn:
    click.echo(why, err=True)
    sys.exit(code)
