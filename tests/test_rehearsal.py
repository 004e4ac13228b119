"""A dry run tells what an event would set off, asks the help desk for it, and keeps nothing."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from portal.cli import main
from portal.rehearsal import told
from portal.service.effects import FieldChange, Outcome
from tests.service.test_effects import Shop, shop
from tests.stage import ANNA

__all__ = ["shop"]

KEPT = "custom_hde_outbox", "custom_hde_inbox", "custom_hde_order_ticket", "custom_hde_profile", "b_uts_order"


def fingerprint(shop: Shop) -> str:
    return repr([shop.stage.execute(f"SELECT * FROM {table}") for table in KEPT])


def test_an_event_is_rehearsed_and_then_does_just_that(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.order(1007, ANNA, "A-1007")
    ticket = shop.stage.ticket(ANNA, "About A-1007")
    shop.rings("ticket.created", ticket)
    shop.stage.execute("UPDATE custom_hde_inbox SET state = 'dead', attempts = 10")
    monkeypatch.setattr("portal.cli_events.load", lambda _kind: shop.settings)
    before = fingerprint(shop)
    lines = CliRunner().invoke(main, ["events", "replay", "--dry-run", "in:1"]).output.splitlines()
    assert lines[1].startswith("in:1: would set off: order A-1007: field (empty)→") and lines[1].endswith(
        ", 1 mail, 1 task"
    )
    assert fingerprint(shop) == before
    assert CliRunner().invoke(main, ["events", "replay", "in:1"]).exit_code == 0
    shop.work()
    assert f"→{shop.field(1007)}, 1 mail" in lines[1]
    assert shop.jobs() == [(b"mail.manager".decode(), "waiting"), ("crm.task", "waiting")]


def test_a_help_desk_that_is_away_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.rings("message.created", 41)
    shop.stage.execute("UPDATE custom_hde_inbox SET state = 'dead'")
    away = shop.settings.model_copy(update={"hde_url": f"http://127.0.0.1:1/api/{shop.settings.dialect}"})
    monkeypatch.setattr("portal.cli_events.load", lambda _kind: away)
    result = CliRunner().invoke(main, ["events", "replay", "--dry-run", "in:1"])
    assert result.exit_code == 0 and "cannot be asked now (HelpdeskUnreachable)" in result.output


def test_an_outcome_is_told_in_a_line() -> None:
    assert told(Outcome((FieldChange("1007", "A", "B"),), 1, 0)) == "order 1007: field A→B, 1 mail, 0 tasks"
    assert told(Outcome(stale=True)) == "0 mails, 0 tasks"
