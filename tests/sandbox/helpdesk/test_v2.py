"""The vendor's dialect: every oddity that was ever seen, each on its own."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.sandbox.helpdesk.conftest import BASIC, Desk

MOSCOW = ZoneInfo("Europe/Moscow")


def test_tickets_are_a_map_by_id_in_the_order_of_the_raw_text(desk: Desk) -> None:
    raw = desk.v2("GET", "/tickets/", params={"user_list": desk.cast.anna.id, "order_by": "date_updated{asc}"}).text
    ids = [int(key) for key, _ in json.loads(raw, object_pairs_hook=list)[0][1]]
    tickets = json.loads(raw)["data"]
    assert len(ids) == 12
    assert [tickets[str(number)]["date_updated"] for number in ids] == sorted(
        t["date_updated"] for t in tickets.values()
    )
    assert ids != sorted(ids)  # else the order of the text would tell nothing


def test_the_newest_ticket_comes_first_by_default(desk: Desk) -> None:
    dates = [t["date_created"] for t in desk.v2("GET", "/tickets/").json()["data"].values()]
    assert dates == sorted(dates, reverse=True)


def test_no_tickets_are_an_empty_list_instead_of_an_empty_map(desk: Desk) -> None:
    answer = desk.v2("GET", "/tickets/", params={"user_list": "999999"}).json()
    assert answer == {
        "data": [],
        "pagination": {"total": "0", "per_page": 30, "current_page": 1, "total_pages": 1},
    }


def test_the_total_is_text_for_tickets_and_a_number_for_everything_else(desk: Desk) -> None:
    totals = {
        path: desk.v2("GET", path).json()["pagination"]["total"] for path in ("/tickets/", "/users/", "/statuses/")
    }
    assert totals["/tickets/"] == "54"
    assert isinstance(totals["/users/"], int)
    assert isinstance(totals["/statuses/"], int)


def test_a_page_has_thirty_rows_whatever_one_asks_for(desk: Desk) -> None:
    pages = [desk.v2("GET", "/tickets/", params={"page": page, "per_page": 5}).json() for page in (1, 2, 3)]
    assert [len(page["data"]) for page in pages] == [30, 24, 0]
    assert pages[1]["pagination"] == {"total": "54", "per_page": 30, "current_page": 2, "total_pages": 2}


def test_three_formats_of_dates_on_the_accounts_clock(desk: Desk) -> None:
    parcel = desk.ticket("Где моя посылка?")
    state_ticket = desk.state.tickets[parcel]
    state_ticket.sla = state_ticket.created
    ticket = desk.v2("GET", f"/tickets/{parcel}").json()["data"]
    post = desk.v2("GET", f"/tickets/{parcel}/posts/").json()["data"][-1]
    local = datetime.fromtimestamp(state_ticket.created, MOSCOW)
    assert ticket["date_created"] == f"{local:%Y-%m-%d %H:%M:%S}"
    assert post["date_created"] == f"{local:%H:%M:%S %d.%m.%Y}"
    assert ticket["sla_date"] == f"{local:%d.%m.%Y %H:%M}"


def test_no_date_is_null_or_the_word_or_nothing(desk: Desk) -> None:
    tickets = list(desk.v2("GET", "/tickets/").json()["data"].values())
    assert {ticket["sla_date"] for ticket in tickets} == {None, "null", ""}
    assert {ticket["freeze_date"] for ticket in tickets} == {"null"}


def test_a_status_is_a_slug_or_a_number_and_its_name_a_map_or_a_text(desk: Desk) -> None:
    used = {
        t["status_id"]
        for t in desk.v2("GET", "/tickets/", params={"user_list": desk.cast.anna.id}).json()["data"].values()
    }
    statuses = {row["id"]: row["name"] for row in desk.v2("GET", "/statuses/").json()["data"]}
    assert used == {"open", "process", "closed", "awaiting-client", "v-processe", "6"}
    assert used <= set(statuses)
    assert statuses["open"]["ru"] == "Открыто"
    assert statuses["6"] == "Передано в доставку"
    assert "en" not in statuses["awaiting-client"]


def test_a_select_shows_an_object_a_checkbox_a_number_and_an_emptied_select_nothing(desk: Desk) -> None:
    ticket = desk.ticket("Не подошёл размер")
    path = f"/tickets/{ticket}"

    def shown() -> dict[int, object]:
        return {row["id"]: row["field_value"] for row in desk.v2("GET", path).json()["data"]["custom_fields"]}

    assert shown() == {3: "A-1005", 5: {"id": 1, "name": "Размер"}}
    desk.v2("PUT", path, json={"custom_fields": {"4": "1", "5": "", "777": "nobody knows"}})
    assert shown() == {3: "A-1005", 4: 1, 5: ""}


def test_ticket_fields_are_a_map_and_options_a_list(desk: Desk) -> None:
    fields = desk.v2("GET", "/custom_fields/").json()["data"]
    assert list(fields) == ["3", "4", "5", "6"]
    assert desk.v2("GET", "/users/custom_fields/").json()["data"]["87"]["name"] == {"ru": "bitrix_user_id"}
    options = desk.v2("GET", "/custom_fields/5/options/").json()
    assert (options["pagination"]["per_page"], len(options["data"])) == (50, 3)


def test_a_known_filter_filters_and_an_unknown_one_shows_everyones(desk: Desk) -> None:
    anna = str(desk.cast.anna.id)
    for query, total in (({"user_list": anna}, "12"), ({"user_id": anna}, "54"), ({"status_list": "closed,6"}, None)):
        answer = desk.v2("GET", "/tickets/", params=query).json()
        if total:
            assert answer["pagination"]["total"] == total
        else:
            assert {ticket["status_id"] for ticket in answer["data"].values()} == {"closed", "6"}
    desk.tell("quirks", ignore_filters=True)
    assert desk.v2("GET", "/tickets/", params={"user_list": anna}).json()["pagination"]["total"] == "54"


def test_date_filters_include_both_ends_and_unreadable_ones_are_ignored(desk: Desk) -> None:
    updated = desk.v2("GET", f"/tickets/{desk.ticket('Самовывоз')}").json()["data"]["date_updated"]
    exact = {"from_date_updated": updated, "to_date_updated": updated}
    assert desk.v2("GET", "/tickets/", params=exact).json()["pagination"]["total"] == "1"
    iso = {"from_date_updated": updated.replace(" ", "T")}
    assert desk.v2("GET", "/tickets/", params=iso).json()["pagination"]["total"] == "54"


def test_an_exact_search_of_people_finds_more_than_was_asked(desk: Desk) -> None:
    query = {"search": "anna@shop.example", "exact_search": "1"}
    found = {user["email"] for user in desk.v2("GET", "/users/", params=query).json()["data"]}
    assert found == {"anna@shop.example", "joanna@shop.example", "anna@shop.example.org"}
    desk.tell("quirks", loose_search=False)
    found = {user["email"] for user in desk.v2("GET", "/users/", params=query).json()["data"]}
    assert found == {"anna@shop.example"}


def test_people_are_found_by_their_telephone_as_it_is_written(desk: Desk) -> None:
    found = desk.v2("GET", "/users/", params={"search": "+79161234567"}).json()["data"]
    assert {user["email"] for user in found} == {"anna@shop.example", ""}
    assert desk.v2("GET", "/users/", params={"search": "89161234567"}).json()["data"] == []


def test_a_person_comes_with_his_key_a_group_and_an_organization_of_either_shape(desk: Desk) -> None:
    users = {user["email"]: user for user in desk.v2("GET", "/users/").json()["data"]}
    anna, boris, ivan = (users[e] for e in ("anna@shop.example", "boris@shop.example", "ivan@helpdesk.example"))
    assert re.fullmatch(r"[0-9a-f-]{36}", anna["api_key"])
    assert users["integration@helpdesk.example"]["api_key"] == BASIC[1]
    assert (anna["group"]["type"], ivan["group"]["type"]) == ("user", "staff")
    assert anna["group"]["name"]["ru"] == "Клиент"
    assert anna["organization"] == ""
    assert boris["organization"]["name"] == "ООО «Ромашка»"


def test_one_person_is_an_object_or_an_array_of_one(desk: Desk) -> None:
    shapes = {type(desk.v2("GET", f"/users/{number}").json()["data"]) for number in list(desk.state.people)[:4]}
    assert shapes == {dict, list}


def test_posts_come_newest_first_without_notes_and_without_roles(desk: Desk) -> None:
    parcel = desk.ticket("Где моя посылка?")
    posts = desk.v2("GET", f"/tickets/{parcel}/posts/").json()["data"]
    ids = [post["id"] for post in posts]
    assert ids == sorted(ids, reverse=True)
    assert len(posts) == 11
    assert {key for post in posts for key in post} == {
        "ticket_id", "id", "user_id", "text", "date_created", "date_updated", "files", "user_name",
    }  # fmt: skip
    assert any("user_name" not in post for post in posts)
    assert "Компенсация" not in json.dumps(posts, ensure_ascii=False)


def test_comments_are_only_the_notes_and_have_no_date_updated(desk: Desk) -> None:
    comments = desk.v2("GET", f"/tickets/{desk.ticket('Где моя посылка?')}/comments/").json()["data"]
    assert [comment["visible"] for comment in comments] == ["staff", "staff"]
    assert all("date_updated" not in comment for comment in comments)


def test_a_long_thread_is_paged(desk: Desk) -> None:
    ticket = desk.ticket("Самовывоз")
    for number in range(40):
        desk.tell("customer/email", email="anna@shop.example", ticket_id=ticket, text=f"№ {number}")
    pages = [desk.v2("GET", f"/tickets/{ticket}/posts/", params={"page": page}).json() for page in (1, 2)]
    assert [len(page["data"]) for page in pages] == [30, 13]
    assert "№ 39" in pages[0]["data"][0]["text"]
    assert pages[0]["pagination"] == {"total": 43, "per_page": 30, "current_page": 1, "total_pages": 2}


def test_a_ticket_by_form_with_files_makes_the_contact_too(desk: Desk) -> None:
    content = bytes(range(256))
    answer = desk.v2(
        "POST",
        "/tickets/",
        data={"title": "Чек", "description": "<p>где?</p>", "user_email": "new@post.example", "custom_fields[3]": "A-7",
              "tags[]": ["a", "b"]},
        files={"files[0]": ("чек.bin", content), "files[]": ("lost.txt", b"without an index")},
    )  # fmt: skip
    ticket = answer.json()["data"]
    assert answer.status_code == 200
    assert (ticket["status_id"], ticket["source"], ticket["tags"]) == ("open", "api", ["a", "b"])
    assert ticket["custom_fields"] == [{"id": 3, "field_type": "text", "field_value": "A-7"}]
    assert (ticket["user_email"], ticket["user_name"]) == ("new@post.example", "new")
    files = desk.v2("GET", f"/tickets/{ticket['id']}/posts/").json()["data"][0]["files"]
    assert [(file["name"], file["data_type"]) for file in files] == [("чек.bin", "bin")]
    assert re.fullmatch(rf"{desk.base}/ru/file/download/[0-9a-f]{{40}}", files[0]["url"])
    assert httpx.get(files[0]["url"]).content == content


def test_a_ticket_by_json_for_a_known_contact_can_begin_with_the_staff(desk: Desk) -> None:
    body = {"title": "t", "description": "d", "user_id": desk.cast.anna.id, "create_from_user": 0}
    ticket = desk.v2("POST", "/tickets/", json=body).json()["data"]
    assert ticket["user_id"] == desk.cast.anna.id
    assert desk.v2("GET", f"/tickets/{ticket['id']}/posts/").json()["data"][0]["user_id"] == 1


def test_a_put_reads_json_and_is_blind_to_forms(desk: Desk) -> None:
    path = f"/tickets/{desk.ticket('Самовывоз')}"
    assert desk.v2("PUT", path, data={"status_id": "closed"}).json()["data"]["status_id"] == "process"
    body = {"status_id": "closed", "owner_id": "", "title": "Готово"}
    changed = desk.v2("PUT", path, json=body).json()["data"]
    assert (changed["status_id"], changed["owner_id"], changed["owner_name"]) == ("closed", 0, "")
    assert changed["title"] == "Готово"


def test_a_reply_is_whose_it_says_and_the_api_users_by_default(desk: Desk) -> None:
    path = f"/tickets/{desk.ticket('Можно ли изменить')}"
    anna = desk.cast.anna.id
    assert desk.v2("POST", f"{path}/posts/", data={"text": "ещё", "user_id": anna}).json()["data"]["user_id"] == anna
    assert desk.v2("GET", path).json()["data"]["status_id"] == "open"
    assert desk.v2("POST", f"{path}/posts/", json={"text": "да"}).json()["data"]["user_id"] == 1
    assert desk.v2("GET", path).json()["data"]["status_id"] == "process"


def test_a_closed_or_locked_ticket_refuses_posts_but_takes_comments(desk: Desk) -> None:
    path = f"/tickets/{desk.ticket('Оплата прошла')}"
    refused = desk.v2("POST", f"{path}/posts/", json={"text": "ещё вопрос"})
    assert (refused.status_code, refused.json()["errors"][0]["details"]) == (400, "Ticket is closed")
    assert desk.v2("POST", f"{path}/comments/", json={"text": "между нами"}).json()["data"]["visible"] == "staff"
    desk.v2("PUT", path, json={"status_id": "process", "ticket_lock": True})
    assert desk.v2("POST", f"{path}/posts/", json={"text": "?"}).status_code == 400
    desk.v2("PUT", path, json={"ticket_lock": False})
    assert desk.v2("POST", f"{path}/posts/", json={"text": "?"}).status_code == 200


def test_a_post_is_changed_and_deleted_and_success_is_told_in_errors(desk: Desk) -> None:
    ticket = desk.ticket("Самовывоз")
    post = desk.v2("GET", f"/tickets/{ticket}/posts/").json()["data"][0]["id"]
    path = f"/tickets/{ticket}/posts/{post}"
    assert desk.v2("PUT", path, json={"text": "иначе"}).json()["data"]["text"] == "иначе"
    assert desk.v2("DELETE", f"/tickets/{ticket}/comments/{post}").status_code == 404
    deleted = desk.v2("DELETE", path)
    assert deleted.status_code == 200
    assert deleted.json() == {
        "errors": [
            {
                "code": "s-204",
                "title": "No content",
                "details": f"Post with id {{{post}}} in ticket with id {{{ticket}}} successfully deleted",
            }
        ]
    }
    assert post not in {row["id"] for row in desk.v2("GET", f"/tickets/{ticket}/posts/").json()["data"]}


def test_a_deleted_ticket_is_hidden_first_and_gone_when_told_twice(desk: Desk) -> None:
    ticket = desk.ticket("Самовывоз")
    assert desk.v2("DELETE", f"/tickets/{ticket}").json()["errors"][0]["code"] == "s-204"
    assert str(ticket) not in desk.v2("GET", "/tickets/", params={"user_list": desk.cast.anna.id}).json()["data"]
    assert str(ticket) in desk.v2("GET", "/tickets/", params={"deleted": "1"}).json()["data"]
    assert desk.v2("GET", f"/tickets/{ticket}").json()["data"]["deleted"] == 1
    desk.v2("DELETE", f"/tickets/{ticket}", params={"delete": "true"})
    assert desk.v2("GET", f"/tickets/{ticket}").status_code == 404


def test_merged_tickets_leave_their_posts_behind_and_are_gone(desk: Desk) -> None:
    into, other = desk.ticket("Самовывоз"), desk.ticket("Можно ли изменить")
    assert desk.v2("POST", f"/tickets/{into}/union/", json={"ticket_list": [other]}).status_code == 200
    assert desk.v2("GET", f"/tickets/{other}").status_code == 404
    assert desk.v2("GET", f"/tickets/{into}/posts/").json()["pagination"]["total"] == 4
    assert desk.v2("POST", f"/tickets/{into}/union/", json={"ticket_list": [into]}).status_code == 400


def test_people_are_created_changed_noted_and_deleted(desk: Desk) -> None:
    body = {
        "name": "Вера",
        "email": "vera@shop.example",
        "organization": "Цветы",
        "custom_fields": {"87": "7", "89": 2},
    }
    person = desk.v2("POST", "/users/", json=body).json()["data"]
    path = f"/users/{person['id']}"
    assert {row["id"]: row["field_value"] for row in person["custom_fields"]} == {
        87: "7",
        89: {"id": 2, "name": "Золотой"},
    }
    assert desk.v2("POST", "/users/", json=body).status_code == 400
    assert desk.v2("POST", "/users/", json={"name": "без адреса"}).status_code == 400
    assert desk.v2("PUT", path, json={"phone": "+7", "email": "anna@shop.example"}).status_code == 400
    assert desk.v2("PUT", path, json={"phone": "+7"}).json()["data"]["phone"] == "+7"
    note = desk.v2("POST", f"{path}/notes/", json={"text": "заказы: A-1"}).json()["data"]
    assert [row["text"] for row in desk.v2("GET", f"{path}/notes/").json()["data"]] == ["заказы: A-1"]
    assert desk.v2("DELETE", f"{path}/notes/{note['id']}").json()["errors"][0]["code"] == "s-204"
    assert desk.v2("DELETE", path).json()["errors"][0]["code"] == "s-204"
    assert desk.v2("GET", path).status_code == 404


def test_a_chat_visitor_keeps_his_id(desk: Desk) -> None:
    ids = [
        desk.v2("POST", "/chat/visitor/id", json={"email": e}).json()["data"]["id"] for e in ("a@b.c", "a@b.c", "d@e.f")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_failures_are_told_in_errors_and_with_status_200_when_told_so(desk: Desk) -> None:
    missing = desk.v2("GET", "/tickets/999999")
    assert missing.status_code == 404
    assert missing.json()["errors"][0] == {
        "code": "e-404", "title": "Not found", "details": "Ticket with id {999999} not found",
    }  # fmt: skip
    desk.tell("quirks", errors_on_200=True)
    assert desk.v2("GET", "/tickets/999999").status_code == 200
    assert desk.v2("GET", "/tickets/999999").json()["errors"][0]["code"] == "e-404"


@pytest.mark.parametrize("auth", [None, (BASIC[0], "wrong"), ("anna@shop.example", BASIC[1]), ("", "")])
def test_a_wrong_key_gets_a_401_that_is_no_ban(desk: Desk, auth: tuple[str, str] | None) -> None:
    answer = desk.http.get("/api/v2/tickets/", auth=auth)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["title"] == "Unauthorized"
    assert "API limit" not in answer.text


def test_the_slash_at_the_end_may_be_left_out(desk: Desk) -> None:
    assert desk.v2("GET", "/tickets").json() == desk.v2("GET", "/tickets/").json()


def test_lists_may_be_behind_the_tickets(desk: Desk) -> None:
    ticket = desk.ticket("Самовывоз")
    desk.tell("quirks", list_lag=0.15)
    desk.v2("GET", "/tickets/")
    desk.tell("operator/status", ticket_id=ticket, status="closed")

    def listed() -> str:
        rows = desk.v2("GET", "/tickets/", params={"user_list": desk.cast.anna.id}).json()["data"]
        return str(rows[str(ticket)]["status_id"])

    assert listed() == "process"
    assert desk.v2("GET", f"/tickets/{ticket}").json()["data"]["status_id"] == "closed"
    time.sleep(0.2)
    assert listed() == "closed"


def test_files_may_want_the_key(desk: Desk) -> None:
    posts = desk.v2("GET", f"/tickets/{desk.ticket('Invoice')}/posts/").json()["data"]
    url = next(file["url"] for post in posts for file in post["files"])
    assert httpx.get(url).content.startswith(b"%PDF-1.4")
    desk.tell("quirks", files_need_key=True)
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=BASIC).status_code == 200
    assert httpx.get(url[:-1] + "g", auth=BASIC).status_code == 404
