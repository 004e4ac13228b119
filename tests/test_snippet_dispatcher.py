"""What the shop's developer and the help desk's administrator paste, read back by what it is pasted for."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from portal import cli
from portal.helpdesk.webhooks import Proven, read_event
from portal.model import EventKind

TAGS = {
    "ticket_id": "10",
    "user_id": "41",
    "last_post_id": "77",
    "status": "open",
    "date_update": "2026-11-20 13:00:00",
}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "https://shop.example")
    result = CliRunner().invoke(cli.main, ["snippet", "dispatcher"])
    assert result.exit_code == 0, result.output
    return result.output


def filled(template: str) -> bytes:
    return re.sub(r"\{(\w+)\}", lambda tag: TAGS[tag[1]], template).encode()


def test_the_dispatchers_bodies_are_read_as_the_events_they_name(printed: str) -> None:
    """With the tags that the vendor is known to have, and no others (a KeyError here)."""
    bodies = [line for line in printed.splitlines() if line.startswith('{"event"')]
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    events = [read_event(filled(body), "application/json", Proven(), ZoneInfo("Europe/Moscow"), now) for body in bodies]
    assert [event.kind for event in events] == list(EventKind)
    for event in events:
        assert (event.ticket_id, event.contact_id, event.message_id) == (10, 41, 77)
        assert event.happened_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    form = next(line for line in printed.splitlines() if line.startswith("event="))
    as_form = read_event(
        filled(form).replace(b" ", b"+"), "application/x-www-form-urlencoded", Proven(), ZoneInfo("Europe/Moscow"), now
    )
    assert as_form == events[1]


def test_it_carries_ids_and_enums_only_and_no_secret(printed: str) -> None:
    for body in re.findall(r"^\{.*\}$", printed, re.M):
        assert set(json.loads(body)) == {"event", "ticket_id", "user_id", "last_post_id", "status", "updated"}
    assert "https://shop.example/api/hde-webhook" in printed
    assert "PORTAL_WEBHOOK_SECRETS" in printed
