"""The demo's people and letters: believable, and as bad as letters get."""

from __future__ import annotations

import time
import zlib
from pathlib import Path

import httpx

from portal.sandbox.helpdesk import State, kept, running, seed_demo
from tests.sandbox.helpdesk.conftest import BEARER, Desk


def test_anna_has_twelve_boris_two_and_strangers_forty(desk: Desk) -> None:
    owners = [ticket.user_id for ticket in desk.state.tickets.values()]
    assert (owners.count(desk.cast.anna.id), owners.count(desk.cast.boris.id), len(owners)) == (12, 2, 54)


def test_annas_tickets_came_by_every_channel_and_are_in_every_state(desk: Desk) -> None:
    hers = [ticket for ticket in desk.state.tickets.values() if ticket.user_id == desk.cast.anna.id]
    assert {ticket.channel for ticket in hers} == {"email", "phone", "widget", "chat", "telegram", "api"}
    assert {ticket.status for ticket in hers} == {"open", "process", "closed", "awaiting-client", "6", "v-processe"}
    assert any(len(max(ticket.subject.split() or [""], key=len)) > 150 for ticket in hers)


def test_her_letters_quote_hide_and_attack(desk: Desk) -> None:
    hers = [ticket for ticket in desk.state.tickets.values() if ticket.user_id == desk.cast.anna.id]
    text = " ".join(message.html for ticket in hers for message in ticket.messages)
    for sign in (
        "gmail_quote",
        "<blockquote",
        "г., в ",
        "написал(а):",
        "<script>",
        "onerror=",
        "pixel.gif",
        "\u202e",
        "<style>",
    ):
        assert sign in text
    assert any(message.internal for ticket in hers for message in ticket.messages)


def test_nothing_happens_in_the_future_and_time_goes_forward(desk: Desk) -> None:
    now = time.time()
    for ticket in desk.state.tickets.values():
        moments = [message.created for message in ticket.messages]
        assert moments == sorted(moments)
        assert ticket.created == moments[0]
        assert moments[-1] <= ticket.updated <= now


def test_the_files_are_what_they_say(desk: Desk) -> None:
    files = {file.name: file.content for file in desk.state.files.values()}
    png = files["photo.png"]
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    start = png.index(b"IDAT") + 4
    size = int.from_bytes(png[start - 8 : start - 4], "big")
    assert len(zlib.decompress(png[start : start + size])) == 100 * (160 * 3 + 1)
    pdf = files["invoice-A-0999.pdf"]
    assert pdf.startswith(b"%PDF-1.4")
    place = int(pdf.split(b"startxref\n")[1].split()[0])
    assert pdf[place : place + 4] == b"xref"


def test_two_seeds_differ_only_in_their_clock() -> None:
    one, two = State(), State()
    seed_demo(one)
    seed_demo(two)
    shapes = [
        [(t.id, t.number, t.subject, t.status, t.user_id, len(t.messages)) for t in state.tickets.values()]
        for state in (one, two)
    ]
    assert shapes[0] == shapes[1]


def test_a_second_start_finds_what_the_first_one_left(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "helpdesk.json"
    with kept(path) as state, running(state) as base, httpx.Client(base_url=base, headers=BEARER) as http:
        body = {"author_id": 2, "body": "<p>запомни меня</p>"}
        ticket = http.get("/api/v1/tickets").json()["data"][0]["id"]
        http.post(f"/api/v1/tickets/{ticket}/messages", json=body)
        before = http.get(f"/api/v1/tickets/{ticket}/messages").json()
        files = {file.key: file.content for file in state.files.values()}
    with kept(path) as state, running(state) as other, httpx.Client(base_url=other, headers=BEARER) as http:
        after = http.get(f"/api/v1/tickets/{ticket}/messages").json()
        assert after == before
        assert "запомни меня" in after["data"][-1]["body"]
        assert {file.key: file.content for file in state.files.values()} == files
        assert state.next_id() not in {*state.people, *state.tickets, *state.files}


def test_what_changes_is_written_while_it_runs_not_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "helpdesk.json"
    with kept(path) as state:
        state.people[2].name = "Переименована"
        state.changed()
        deadline = time.monotonic() + 5
        while "Переименована" not in path.read_text(encoding="utf-8"):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_file_of_another_version_is_left_for_a_fresh_start(tmp_path: Path) -> None:
    path = tmp_path / "helpdesk.json"
    path.write_text('{"version": 0}', encoding="utf-8")
    with kept(path) as state:
        assert len(state.tickets) == 54
