"""portal events: a person looks, takes up again and discards; nobody's words are shown unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal.cli import main
from portal.database import Databases
from portal.model import Event
from portal.store import inbox, outbox
from portal.store.migrate import migrate
from tests.conftest import MariaDB
from tests.store.test_ledger import sql

ANNA = 7
WORDS = "canary-words"
ADDRESS = "canary@shop.example"
REPLY = {"text": WORDS, "mark": "canary-mark", "files": [["canary.png", "image/png", 9]], "contact": 5}
REQUEST = {**REPLY, "subject": WORDS, "email": ADDRESS, "name": WORDS, "proven": True, "order": [17, "A-1007"]}


@pytest.fixture
def databases(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Databases]:
    """Our tables, and an environment that names their database and nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTAL_DATABASE_URL", database_url)
    opened = Databases(database_url)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def ledger(databases: Databases) -> Databases:
    """out:1 a reply put aside, out:2 a request that is dead, out:3 a letter that waits; in:1 dead, in:2 skipped."""
    databases.run_here(outbox.put, "desk.reply", REPLY, ANNA, queue="ticket:10482", ticket_id=10482)
    databases.run_here(outbox.put, "desk.request", REQUEST, ANNA, queue="new:7")
    databases.run_here(outbox.put, "mail.proof", {"to": ADDRESS, "user": ANNA, "name": WORDS, "locale": "ru"}, ANNA)
    databases.run_here(inbox.put, Event("message.created", 41, 5, None, None, b"b:1"))
    databases.run_here(inbox.put, Event("\x1b[31mcontact.merged", 41, None, None, None, b"b:2"))
    sql(databases, "UPDATE custom_hde_outbox SET state = 'aside', sent_at = UTC_TIMESTAMP(6) WHERE id = 1")
    sql(databases, "UPDATE custom_hde_outbox SET state = 'dead', reason = 'refused [red]', attempts = 3 WHERE id = 2")
    sql(databases, "UPDATE custom_hde_inbox SET state = 'dead', attempts = 10 WHERE id = 1")
    return databases


def events(*args: str) -> Result:
    result = CliRunner().invoke(main, ["events", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def listed(*args: str) -> list[str]:
    result = events("list", "--json", *args)
    assert result.exit_code == 0
    return [one["id"] for one in json.loads(result.output)]


def states(databases: Databases) -> dict[str, str]:
    rows = sql(databases, "SELECT CONCAT('out:', id), state FROM custom_hde_outbox UNION "
                          "SELECT CONCAT('in:', id), state FROM custom_hde_inbox")  # fmt: skip
    return {text(name): text(state) for name, state in rows}


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def test_the_list_shows_both_tables_and_can_be_narrowed_down(ledger: Databases) -> None:
    assert listed() == ["in:2", "in:1", "out:3", "out:2", "out:1"]
    assert listed("--inbox") == ["in:2", "in:1"] and listed("--outbox", "--limit", "1") == ["out:3"]
    assert listed("--state", "dead", "--state", "aside") == ["in:1", "out:2", "out:1"]
    assert listed("--kind", "desk.reply") == ["out:1"] and listed("--state", "done") == []
    shown = events("list").output
    for word in ("out:1", "in:2", "desk.request", "aside", "refused [red]", "10482"):
        assert word in shown
    assert "nothing" in events("list", "--state", "done").output


@pytest.mark.parametrize("args", [("list",), ("list", "--json"), ("show", "out:1"), ("show", "out:2"), ("show", "out:3"),
                                  ("show", "out:2", "--json"), ("show", "in:1"), ("replay", "--dry-run", "out:1", "out:2"),
                                  ("discard", "--dry-run", "out:1", "out:3")])  # fmt: skip
def test_nobodys_words_are_shown_unless_asked_for_and_no_secret_ever(ledger: Databases, args: tuple[str, ...]) -> None:
    result = events(*args)
    assert result.exit_code == 0 and result.output
    assert "canary" not in result.output


def test_words_are_shown_when_asked_for(ledger: Databases) -> None:
    assert WORDS in events("show", "out:2", "--text").output
    told = json.loads(events("show", "out:2", "--text", "--json").output)
    assert told["payload"] == REQUEST and told["state"] == "dead"


def test_one_event_is_shown_whole(ledger: Databases) -> None:
    told = json.loads(events("show", "out:2", "--json").output)
    assert (told["id"], told["attempts"], told["user_id"], told["queue"]) == ("out:2", 3, ANNA, "new:7")
    assert told["payload"]["order"] == [17, "A-1007"] and told["payload"]["text"] == "(12 characters)"
    assert told["would"] == ["open the request of customer 7 about order A-1007"]
    shown = events("show", "in:1").output
    assert (
        "message.created" in shown
        and "forget the copies of ticket 41, read it again, and act upon what is new in it" in shown
    )


def test_what_is_done_would_do_nothing(ledger: Databases) -> None:
    sql(ledger, "UPDATE custom_hde_outbox SET state = 'done' WHERE id = 1")
    assert json.loads(events("show", "out:1", "--json").output)["would"] == []


def test_the_list_is_one_line_an_event(ledger: Databases) -> None:
    sql(ledger, "UPDATE custom_hde_outbox SET reason = REPEAT('reason ', 60) WHERE id = 1")
    assert len(events("list").output.strip().splitlines()) == 6
    assert events("show", "out:1").output.count("reason") == 61


def test_a_kind_nobody_has_described_is_told_by_its_name(ledger: Databases) -> None:
    sql(ledger, "UPDATE custom_hde_outbox SET kind = 'shop.new' WHERE id = 2")
    assert events("replay", "--dry-run", "out:2").output == "out:2: would do shop.new once more\n"


def test_what_others_have_named_does_not_steer_the_terminal(ledger: Databases) -> None:
    for args in (("list",), ("list", "--json"), ("show", "in:2")):
        output = events(*args).output
        assert "contact.merged" in output and "\x1b" not in output


def test_a_dry_run_tells_the_effects_and_changes_nothing(ledger: Databases) -> None:
    before = states(ledger)
    result = events("replay", "--dry-run", "out:1", "out:2", "in:1", "out:3")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "out:1: would send the message of customer 7 to ticket 10482, if it is not there already (read back first)",
        "out:2: would open the request of customer 7 about order A-1007",
        "in:1: would forget the copies of ticket 41, read it again, and act upon what is new in it",
        "in:1: would set off what the rules say; to tell what, the help desk is asked, which needs all the settings",
        "out:3: is waiting: nothing done",
    ]
    result = events("discard", "--dry-run", "out:3")
    assert (result.exit_code, result.output) == (
        0,
        "out:3: would discard this mail.proof, which nobody does any more\n",
    )
    assert states(ledger) == before
    events("replay", "out:1", "out:2", "in:1")
    assert states(ledger) != before, "the control"


def test_replaying_twice_acts_once_and_says_so(ledger: Databases) -> None:
    first, second = events("replay", "out:2", "in:1", "out:2"), events("replay", "out:2", "in:1")
    assert first.output.splitlines() == [f"{one}: replayed: it waits for the worker" for one in ("out:2", "in:1")]
    assert second.output.splitlines() == ["out:2: is waiting: nothing done", "in:1: is waiting: nothing done"]
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert states(ledger) == {
        "out:1": "aside",
        "out:2": "waiting",
        "out:3": "waiting",
        "in:1": "waiting",
        "in:2": "skipped",
    }


def test_what_is_discarded_says_who_did_it_and_can_be_taken_up_again(ledger: Databases) -> None:
    assert events("discard", "out:2", "out:3").exit_code == 0
    reason = json.loads(events("show", "out:2", "--json").output)["reason"]
    assert reason.startswith("discarded by ") and reason.endswith("UTC; was dead: refused [red]")
    assert listed("--state", "discarded") == ["out:3", "out:2"]
    again = events("discard", "out:2")
    assert (again.exit_code, again.output) == (0, "out:2: is discarded: nothing done\n")
    assert events("replay", "out:2").exit_code == 0 and states(ledger)["out:2"] == "waiting"


def test_what_is_not_there_or_not_for_it_is_told_and_the_others_are_done(ledger: Databases) -> None:
    result = events("replay", "out:99", "in:2", "out:2")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "out:99: no such event",
        "in:2: is skipped: nothing done",
        "out:2: replayed: it waits for the worker",
    ]
    shown = events("show", "in:99")
    assert (shown.exit_code, shown.output) == (1, "in:99: no such event\n")


@pytest.mark.parametrize(
    "wrong", ["34", "out:", "out:0", "out:-1", "OUT:1", "out:1;", "in:1 ", "out:٣", "out:" + "9" * 40, "", "x:1"]
)
def test_a_wrong_id_is_wrong_usage_and_told(ledger: Databases, wrong: str) -> None:
    before = states(ledger)
    for verb in ("show", "replay", "discard"):
        result = events(verb, wrong)
        assert result.exit_code == 2 and "names no event: in:12 is one of the inbox, out:34 one of the outbox" in flat(
            result
        )
    assert events("list", "--state", "undead").exit_code == events("list", "--inbox=1").exit_code == 2
    assert events("replay").exit_code == events("list", "--limit", "0").exit_code == 2
    assert events("replay", "out:2", wrong).exit_code == 2
    assert states(ledger) == before


def flat(result: Result) -> str:
    return " ".join(result.output.split())


def test_only_the_database_has_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORTAL_DATABASE_URL", raising=False)
    missing = events("list")
    assert missing.exit_code == 2 and "PORTAL_DATABASE_URL is missing" in missing.output
    monkeypatch.setenv("PORTAL_DATABASE_URL", "mysql+pymysql://shop:canary-secret@127.0.0.1:1/shop")
    away = events("list")
    assert away.exit_code == 1 and "the database does not answer" in away.output and "canary" not in away.output


def test_missing_tables_are_told(mariadb: MariaDB, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_DATABASE_URL", mariadb.url(schema))
    result = events("list")
    assert result.exit_code == 1 and "portal migrate" in result.output
