"""portal events list | show | replay | discard: the inbox and the outbox, for a person at a terminal.

Exit codes: 0 done, or so already; 1 nothing such, or not to be done with it; 2 wrong usage or settings.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from portal import cli_shown as shown
from portal.config import DatabaseSettings
from portal.environment import load
from portal.errors import DatabaseAway, HelpdeskError, WrongSettings

if TYPE_CHECKING:
    from portal.database import Databases, Unit
    from portal.store.ledger import Answer, Entry, EntryId, Verb

NOTHING_SUCH, WRONG_USAGE = 1, 2
STATES = ("waiting", "running", "done", "dead", "aside", "discarded", "skipped", "stale")


class _EventId(click.ParamType[Any]):
    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from portal.store.ledger import EntryId

        found = re.fullmatch(r"(in|out):([1-9][0-9]{0,17})", value)
        if not found:
            self.fail(f"{value!r} names no event: in:12 is one of the inbox, out:34 one of the outbox", param, ctx)
        return EntryId(found[1], int(found[2]))


_ids = click.argument("ids", nargs=-1, required=True, type=_EventId(), metavar="ID…")
_as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
_dry_run = click.option("--dry-run", is_flag=True, help="Show what it would come to; do nothing.")


@click.group()
def events() -> None:
    """What came from the help desk and what is to be done outside, dead letters included."""


@events.command("list")
@click.option("--inbox", "boxes", flag_value="in", help="Only what came.")
@click.option("--outbox", "boxes", flag_value="out", help="Only what is to be done.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Repeatable.")
@click.option("--kind", "kinds", multiple=True, help="Such as message.created or desk.reply; repeatable.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The newest so many.")
@_as_json
def list_events(boxes: str | None, states: Sequence[str], kinds: Sequence[str], limit: int, as_json: bool) -> None:
    """The newest first."""
    from portal.store import ledger

    wanted = [boxes] if boxes else [*ledger.TABLES]
    with _databases() as databases:
        found = databases.read_here(ledger.entries, wanted, states=states, kinds=kinds, limit=limit)
    if as_json:
        click.echo(json.dumps([shown.facts(entry) for entry in found], ensure_ascii=False, indent=1))
    else:
        shown.print_list(found)


@events.command()
@click.argument("event_id", type=_EventId(), metavar="ID")
@click.option("--text", "with_text", is_flag=True, help="With what customers wrote.")
@_as_json
def show(event_id: EntryId, with_text: bool, as_json: bool) -> None:
    """One event with everything that is known of it."""
    from portal.service.ledger import describe
    from portal.store import ledger

    def read(unit: Unit) -> tuple[Entry, list[str]] | None:
        entry = ledger.entry(unit, event_id)
        return (entry, describe(unit, entry)) if entry else None

    with _databases() as databases:
        found = databases.read_here(read)
    if found is None:
        click.echo(f"{event_id}: no such event", err=True)
        sys.exit(NOTHING_SUCH)
    entry, effects = found
    facts = shown.facts(entry) | {
        "payload": entry.payload if with_text else shown.without_words(entry.payload),
        "would": effects,
    }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        shown.print_facts(facts)


@events.command()
@_ids
@_dry_run
def replay(ids: Sequence[EntryId], dry_run: bool) -> None:
    """Do once more what is dead, put aside or discarded."""
    from portal.service.ledger import describe
    from portal.store import ledger

    def act(unit: Unit, event_id: EntryId) -> Answer:
        return ledger.replay(unit, event_id)

    _each(ids, "replayed: it waits for the worker", ledger.REPLAY, None if dry_run else act, describe)


@events.command()
@_ids
@_dry_run
def discard(ids: Sequence[EntryId], dry_run: bool) -> None:
    """Never do what waits, is dead or put aside."""
    from portal.store import ledger

    reason = f"discarded by {_who()} at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def act(unit: Unit, event_id: EntryId) -> Answer:
        return ledger.discard(unit, event_id, reason)

    def effects(_unit: Unit, entry: Entry) -> list[str]:
        return [f"discard this {entry.kind}, which nobody does any more"]

    _each(ids, "discarded", ledger.DISCARD, None if dry_run else act, effects)


def _each(
    ids: Sequence[EntryId],
    done: str,
    verb: Verb,
    act: Callable[[Unit, EntryId], Answer] | None,
    effects: Callable[[Unit, Entry], list[str]],
) -> None:
    """Each id by itself, in a transaction of its own; without `act` only what it would come to."""
    from portal.store import ledger
    from portal.store.ledger import Answer, Outcome

    def foresee(unit: Unit, event_id: EntryId) -> tuple[Answer, list[str]]:
        entry = ledger.entry(unit, event_id)
        if entry is None:
            return Answer(Outcome.MISSING, ""), []
        outcome = ledger.outcome(verb, entry.state)
        return Answer(outcome, entry.state), effects(unit, entry) if outcome is Outcome.DONE else []

    failed = False
    with _databases() as databases:
        for event_id in dict.fromkeys(ids):
            if act:
                answer, lines = databases.run_here(act, event_id), [done]
            else:
                answer, found = databases.read_here(foresee, event_id)
                lines = [f"would {line}" for line in found]
                if answer.outcome is Outcome.DONE and verb is ledger.REPLAY and event_id.box == "in":
                    lines.append(_rehearsed(databases, event_id))
            for line in lines if answer.outcome is Outcome.DONE else [_why_not(answer)]:
                click.echo(f"{event_id}: {shown.clean(line)}")
            failed |= answer.outcome in (Outcome.MISSING, Outcome.REFUSED)
    sys.exit(NOTHING_SUCH if failed else 0)


def _rehearsed(databases: Databases, event_id: EntryId) -> str:
    """What an event would set off in the shop; its ticket is read for that, which needs all the settings."""
    from portal.config import Settings
    from portal.rehearsal import rehearse
    from portal.service.effects import Outdated
    from portal.store import ledger

    entry = databases.read_here(ledger.entry, event_id)
    if entry is None:  # swept a moment ago
        return "no such event"
    try:
        return f"would set off: {rehearse(load(Settings), databases, ledger.event(entry))}"
    except WrongSettings:
        return "would set off what the rules say; to tell what, the help desk is asked, which needs all the settings"
    except (HelpdeskError, Outdated) as error:
        return f"would set off what the rules say; the help desk cannot be asked now ({type(error).__name__})"


def _why_not(answer: Answer) -> str:
    return f"is {answer.state}: nothing done" if answer.state else "no such event"


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's account may have no name
        return f"account {os.getuid()}"


class _WrongSettings(click.ClickException):
    exit_code = WRONG_USAGE


@contextmanager
def _databases() -> Iterator[Databases]:
    from sqlalchemy.exc import ProgrammingError

    from portal.database import Databases

    try:
        settings = load(DatabaseSettings)
    except WrongSettings as error:
        raise _WrongSettings("\n".join(error.problems)) from None
    databases = Databases(settings.database_url.get_secret_value(), settings.state_url.get_secret_value())
    try:
        yield databases
    except DatabaseAway as error:
        raise click.ClickException(f"PORTAL_DATABASE_URL: the database does not answer ({error})") from None
    except ProgrammingError:
        raise click.ClickException("our tables are not there: run `portal migrate`") from None
    finally:
        databases.close()
