"""The document's dialect: tidy shapes, and everything the contract promises of them."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from tests.sandbox.helpdesk.conftest import BEARER, Desk


def test_a_contact_is_found_by_his_address_in_any_case_and_nobody_else(desk: Desk) -> None:
    answer = desk.v1("GET", "/users", params={"email": "ANNA@shop.example"}).json()
    assert [user["email"] for user in answer["data"]] == ["anna@shop.example"]
    assert answer["pagination"] == {"page": 1, "per_page": 25, "total": 1, "total_pages": 1}
    assert set(answer["data"][0]) == {"id", "email", "name", "phone", "custom_fields"}


def test_saving_a_contact_creates_once_and_updates_ever_after(desk: Desk) -> None:
    body = {"email": "vera@shop.example", "name": "Вера", "phone": "+7916", "custom_fields": {"bitrix_user_id": "7"}}
    created = desk.v1("POST", "/users", json=body)
    updated = desk.v1("POST", "/users", json={"email": "Vera@shop.example", "custom_fields": {"level": "2"}})
    assert (created.status_code, updated.status_code) == (201, 200)
    person = updated.json()["data"]
    assert person["id"] == created.json()["data"]["id"]
    assert (person["name"], person["phone"]) == ("Вера", "+7916")
    assert person["custom_fields"] == {"bitrix_user_id": "7", "level": "2"}


def test_a_persons_tickets_come_newest_activity_first(desk: Desk) -> None:
    tickets = desk.v1("GET", "/tickets", params={"user_id": desk.cast.anna.id}).json()["data"]
    moments = [datetime.fromisoformat(ticket["updated_at"]) for ticket in tickets]
    assert len(tickets) == 12
    assert moments == sorted(moments, reverse=True)
    assert moments[0].utcoffset() is not None
    assert {ticket["user_email"] for ticket in tickets} == {"anna@shop.example"}


def test_lists_are_cut_into_pages_and_the_last_one_is_short(desk: Desk) -> None:
    pages = [desk.v1("GET", "/tickets", params={"page": page}).json() for page in (1, 2, 3, 4)]
    assert [len(page["data"]) for page in pages] == [25, 25, 4, 0]
    assert pages[2]["pagination"] == {"page": 3, "per_page": 25, "total": 54, "total_pages": 3}


def test_only_what_changed_since_is_listed(desk: Desk) -> None:
    parcel = desk.ticket("Где моя посылка?")
    changed_at = desk.v1("GET", f"/tickets/{parcel}").json()["data"]["updated_at"]
    listed = desk.v1("GET", "/tickets", params={"updated_since": changed_at}).json()["data"]
    assert parcel in {ticket["id"] for ticket in listed}
    assert all(ticket["updated_at"] >= changed_at for ticket in listed)
    assert len(listed) < 54
    assert desk.v1("GET", "/tickets", params={"updated_since": "yesterday"}).status_code == 422


def test_ignored_filters_show_everyones_rows_when_told_so(desk: Desk) -> None:
    desk.tell("quirks", ignore_filters=True)
    tickets = desk.v1("GET", "/tickets", params={"user_id": desk.cast.anna.id}).json()
    people = desk.v1("GET", "/users", params={"email": "anna@shop.example"}).json()
    assert tickets["pagination"]["total"] == 54
    assert people["pagination"]["total"] > 1


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        ("Можно ли изменить", "open"),
        ("Где моя посылка?", "pending"),
        ("Оплата прошла", "closed"),
        ("Самовывоз", "open"),
    ],
)
def test_the_status_says_whose_turn_it_is(desk: Desk, subject: str, status: str) -> None:
    assert desk.v1("GET", f"/tickets/{desk.ticket(subject)}").json()["data"]["status"] == status


def test_the_last_reply_is_the_staffs_and_null_as_long_as_nobody_answered(desk: Desk) -> None:
    unanswered = desk.ticket("Можно ли изменить")
    assert desk.v1("GET", f"/tickets/{unanswered}").json()["data"]["last_reply_at"] is None
    desk.tell("operator/note", ticket_id=unanswered, text="между нами")
    assert desk.v1("GET", f"/tickets/{unanswered}").json()["data"]["last_reply_at"] is None
    desk.tell("operator/reply", ticket_id=unanswered, text="Поменяли.")
    assert desk.v1("GET", f"/tickets/{unanswered}").json()["data"]["last_reply_at"] is not None


def test_messages_come_oldest_first_with_author_and_internal_notes(desk: Desk) -> None:
    messages = desk.v1("GET", f"/tickets/{desk.ticket('Где моя посылка?')}/messages").json()["data"]
    assert [m["created_at"] for m in messages] == sorted(m["created_at"] for m in messages)
    assert messages[0]["author"] == {"id": desk.cast.anna.id, "name": "Анна Смирнова", "type": "user"}
    assert {m["author"]["type"] for m in messages} == {"user", "staff"}
    assert [m["internal"] for m in messages].count(True) == 2


def test_a_ticket_is_opened_answered_closed_and_opened_again(desk: Desk) -> None:
    anna, ivan = desk.cast.anna.id, desk.cast.ivan.id
    opened = desk.v1("POST", "/tickets", json={"user_id": anna, "subject": "Вопрос", "body": "<p>?</p>"})
    path = f"/tickets/{opened.json()['data']['id']}"
    assert opened.status_code == 201
    assert (opened.json()["data"]["status"], opened.json()["data"]["channel"]) == ("open", "api")
    assert desk.v1("POST", f"{path}/messages", json={"author_id": ivan, "body": "<p>!</p>"}).status_code == 201
    assert desk.v1("GET", path).json()["data"]["status"] == "pending"
    assert desk.v1("PATCH", path, json={"status": "closed"}).json()["data"]["status"] == "closed"
    assert desk.v1("PATCH", path, json={"status": "open"}).json()["data"]["status"] == "open"
    desk.v1("PATCH", path, json={"status": "closed"})
    desk.v1("POST", f"{path}/messages", json={"author_id": anna, "body": "<p>снова</p>"})
    assert desk.v1("GET", path).json()["data"]["status"] == "open"


def test_an_internal_note_changes_neither_turn_nor_owner(desk: Desk) -> None:
    ticket = desk.ticket("Можно ли изменить")
    body = {"author_id": desk.cast.ivan.id, "body": "<p>тс-с</p>", "internal": True}
    assert desk.v1("POST", f"/tickets/{ticket}/messages", json=body).json()["data"]["internal"] is True
    assert desk.v1("GET", f"/tickets/{ticket}").json()["data"]["status"] == "open"


def test_a_file_goes_up_byte_for_byte_into_a_message_and_comes_down_again(desk: Desk) -> None:
    content = bytes(range(256)) * 50 + b"\r\n--\r\n\r\r\n"
    sent = desk.v1("POST", "/files", files={"file": ("чек №1.bin", content, "application/x-thing")})
    file = sent.json()["data"]
    assert (file["name"], file["size"], file["type"]) == ("чек №1.bin", len(content), "application/x-thing")
    ticket = desk.ticket("Самовывоз")
    body = {"author_id": desk.cast.anna.id, "body": "<p>чек</p>", "file_ids": [file["id"]]}
    assert desk.v1("POST", f"/tickets/{ticket}/messages", json=body).json()["data"]["files"] == [file]
    assert file["url"].startswith(f"{desk.base}/files/")
    assert httpx.get(file["url"]).content == content


def test_custom_fields_are_listed_by_name(desk: Desk) -> None:
    fields = desk.v1("GET", "/custom_fields").json()["data"]
    assert {"bitrix_user_id", "order_number"} <= {field["name"] for field in fields}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/tickets/999999", None, 404),
        ("GET", "/tickets/0x1", None, 404),
        ("GET", "/tickets/-1", None, 404),
        ("GET", "/nothing", None, 404),
        ("DELETE", "/tickets/5", None, 404),
        ("POST", "/tickets", {"user_id": 999999, "subject": "s", "body": "b"}, 422),
        ("POST", "/tickets", {"user_id": 2, "subject": "", "body": "b"}, 422),
        ("POST", "/tickets", {"user_id": 2, "subject": "s", "body": "b", "file_ids": [999999]}, 422),
        ("POST", "/users", {"name": "nobody"}, 422),
        ("POST", "/users", [1], 400),
    ],
)
def test_what_makes_no_sense_is_told_in_one_shape(
    desk: Desk, method: str, path: str, body: object, status: int
) -> None:
    answer = desk.v1(method, path, json=body) if body is not None else desk.v1(method, path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic ZGVtby10b2tlbg=="}])
def test_a_wrong_token_gets_401_and_no_work_done(desk: Desk, header: dict[str, str]) -> None:
    before = len(desk.state.people)
    answer = desk.http.post("/api/v1/users", headers=header, json={"email": "x@y.example", "name": "x"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert len(desk.state.people) == before


def test_every_answer_tells_the_limit(desk: Desk) -> None:
    for answer in (desk.v1("GET", "/users"), desk.v1("GET", "/nothing"), desk.http.get("/api/v1/users")):
        assert answer.headers["x-rate-limit"] == "1000"
        assert 0 < int(answer.headers["x-rate-limit-remaining"]) < 1000


def test_nothing_is_said_to_other_origins(desk: Desk) -> None:
    answer = desk.http.get("/api/v1/users", headers={**BEARER, "origin": "https://shop.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
