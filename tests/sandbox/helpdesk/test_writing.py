"""What a caller that writes may meet: a cleaner of HTML, a limit for uploads, objects in maps; and what was done."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.helpdesk.conftest import Desk

MARKED = (
    "<!-- m7 --><p class=\"m7\" data-m='7' id=m7 title='m7'>"
    "Да <a href=\"https://x.example/?id=7\" style='x'>id=7</a></p>"
)
PLAIN = '<p>Да <a href="https://x.example/?id=7">id=7</a></p>'


def effects(desk: Desk) -> list[list[Any]]:
    """Of the last call."""
    return desk.calls()[-1]["effects"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("strips", [False, True])
def test_a_mark_in_the_html_is_kept_or_dropped(desk: Desk, strips: bool) -> None:
    desk.tell("quirks", strip_marks=strips)
    ticket, anna = desk.ticket("Самовывоз"), desk.cast.anna.id
    kept = PLAIN if strips else MARKED
    first = desk.v1("POST", f"/tickets/{ticket}/messages", json={"author_id": anna, "body": MARKED}).json()["data"]
    second = desk.v2("POST", f"/tickets/{ticket}/posts/", data={"user_id": anna, "text": MARKED}).json()["data"]
    assert (first["body"], second["text"]) == (kept, kept)
    desk.v2("POST", "/tickets/", data={"user_id": anna, "title": "t", "description": MARKED})
    assert max(desk.state.tickets.values(), key=lambda made: made.id).messages[0].html == kept


def test_an_upload_beyond_the_limit_is_refused_before_anything_is_done(desk: Desk) -> None:
    desk.tell("quirks", upload_limit=1000)
    files, big = len(desk.state.files), {"file": ("a.bin", b"x" * 1000)}
    assert desk.v1("POST", "/files", files=big).status_code == 413
    path = f"/tickets/{desk.ticket('Самовывоз')}/posts/"
    assert desk.v2("POST", path, data={"text": "x"}, files={"files[0]": big["file"]}).status_code == 413
    assert (len(desk.state.files), effects(desk)) == (files, [])
    assert desk.v1("POST", "/files", files={"file": ("a.bin", b"x" * 100)}).status_code == 201


def test_one_object_may_come_in_a_map_under_its_id(desk: Desk) -> None:
    desk.tell("quirks", keyed_objects=True)
    ticket = desk.ticket("Самовывоз")
    assert list(desk.v2("GET", f"/tickets/{ticket}").json()["data"]) == [str(ticket)]
    made = desk.v2("POST", f"/tickets/{ticket}/posts/", data={"text": "x"}).json()["data"]
    ((number, row),) = made.items()
    assert number == str(row["id"])


def test_the_journal_tells_what_each_call_has_done(desk: Desk) -> None:
    person = desk.v1("POST", "/users", json={"email": "new@shop.example", "name": "Новый"}).json()["data"]["id"]
    assert effects(desk) == [["contact", person], ["contact_changed", person]]
    desk.v1("POST", "/users", json={"email": "new@shop.example", "name": "Новейший"})
    assert effects(desk) == [["contact_changed", person]]
    file = desk.v1("POST", "/files", files={"file": ("a.txt", b"a")}).json()["data"]["id"]
    assert effects(desk) == [["file", file]]
    body = {"user_id": person, "title": "t", "description": "d"}
    ticket = desk.v2("POST", "/tickets/", json=body).json()["data"]["id"]
    assert [kind for kind, _ in effects(desk)] == ["ticket", "message"] and effects(desk)[0] == ["ticket", ticket]
    note = desk.v2("POST", f"/tickets/{ticket}/comments/", json={"text": "x"}).json()["data"]["id"]
    assert effects(desk) == [["note", note]]
    desk.v2("PUT", f"/tickets/{ticket}", json={"status_id": "closed"})
    assert effects(desk) == [["status", ticket]]
    desk.v2("GET", f"/tickets/{ticket}")
    assert effects(desk) == []
    assert desk.state.journal.effects("contact_changed") == [person, person]


def test_what_the_director_does_is_no_callers_effect(desk: Desk) -> None:
    desk.tell("customer/email", email="vera@post.example", subject="s", text="t")
    desk.v1("GET", "/users")
    assert effects(desk) == []


@pytest.mark.parametrize("kind", ["drop", "cut", "html", "half", "empty", "types", "late_status"])
def test_an_answer_that_is_lost_has_its_effect_in_the_journal(desk: Desk, kind: str) -> None:
    desk.tell("faults", kind=kind, count=1)
    path = f"/tickets/{desk.ticket('Самовывоз')}/posts/"
    if kind in ("drop", "cut"):
        with pytest.raises(httpx.RemoteProtocolError):
            desk.v2("POST", path, data={"text": "x"})
    else:
        desk.v2("POST", path, data={"text": "x"})
    assert [made for made, _ in effects(desk)] == ["message"]
