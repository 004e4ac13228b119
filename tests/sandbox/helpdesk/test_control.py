"""The director: customers and operators act, the journal remembers, the pages work without scripts."""

from __future__ import annotations

import base64
import re
import time

import httpx
import pytest

from tests.sandbox.helpdesk.conftest import BEARER, Desk


def test_the_journal_has_the_arrival_even_of_calls_that_come_to_nothing(desk: Desk) -> None:
    began = time.time()
    desk.tell("faults", kind="status", value=500, count=1)
    desk.v1("GET", "/users", params={"email": "anna@shop.example"})
    desk.tell("limit", ban=60)
    desk.v2("POST", "/tickets/")
    desk.http.get("/api/v1/users", headers={"authorization": "Bearer wrong"})
    desk.http.get("/nothing")
    calls = desk.calls()
    assert [(c["method"], c["path"], c["query"], c["account"], c["status"]) for c in calls] == [
        ("GET", "/api/v1/users", "email=anna%40shop.example", "v1", 500),
        ("POST", "/api/v2/tickets/", "", "v2", 401),
        ("GET", "/api/v1/users", "", "wrong", 429),
        ("GET", "/nothing", "", "", 404),
    ]
    assert began <= calls[0]["at"] <= calls[1]["at"] <= time.time()
    later = desk.http.get("/_sandbox/journal", params={"since": calls[1]["at"]}).json()["calls"]
    assert [call["n"] for call in later] == [call["n"] for call in calls[2:]]


def test_a_stalled_call_is_in_the_journal_while_it_stalls(desk: Desk) -> None:
    desk.tell("faults", kind="stall", value=0.4, count=1)
    with pytest.raises(httpx.ReadTimeout):
        desk.http.get("/api/v1/users", headers=BEARER, timeout=0.1)
    assert [call["status"] for call in desk.calls()] == [None]


def test_the_journal_knows_the_busiest_window(desk: Desk) -> None:
    for at in (0.0, 10.0, 59.0, 60.0, 61.0, 200.0):
        desk.state.journal.arrive(at, "GET", "/api/v1/users", "", "v1")
    desk.state.journal.arrive(61.5, "GET", "/ru/file/download/x", "", "")
    assert desk.state.journal.busiest(60.0) == 4
    assert desk.http.get("/_sandbox/journal", params={"window": 2}).json()["busiest"] == 2


def test_a_letter_from_a_stranger_makes_a_contact_and_a_ticket(desk: Desk) -> None:
    told = desk.tell("customer/email", email="vera@post.example", name="Вера", subject="Привет", text="a < b\nc")
    ticket = desk.v2("GET", f"/tickets/{told['ticket_id']}").json()["data"]
    assert (ticket["user_email"], ticket["source"], ticket["title"]) == ("vera@post.example", "email", "Привет")
    message = desk.v1("GET", f"/tickets/{told['ticket_id']}/messages").json()["data"][0]
    assert (message["body"], message["author"]["name"]) == ("<p>a &lt; b<br>c</p>", "Вера")


def test_a_letter_into_a_closed_ticket_opens_it_again(desk: Desk) -> None:
    ticket = desk.ticket("Оплата прошла")
    desk.tell("customer/email", email="ANNA@shop.example", ticket_id=ticket, text="Опять списали!")
    shown = desk.v2("GET", f"/tickets/{ticket}").json()["data"]
    assert (shown["status_id"], shown["user_id"]) == ("process", desk.cast.anna.id)


def test_a_letter_brings_files(desk: Desk) -> None:
    files = [{"name": "a.txt", "type": "text/plain", "base64": base64.b64encode(b"hello").decode()}]
    told = desk.tell("customer/email", email="anna@shop.example", subject="Файл", text="вот", files=files)
    file = desk.v1("GET", f"/tickets/{told['ticket_id']}/messages").json()["data"][0]["files"][0]
    assert (file["name"], httpx.get(file["url"]).content) == ("a.txt", b"hello")


def test_the_widget_believes_whatever_the_page_says(desk: Desk) -> None:
    told = desk.tell(
        "customer/widget", email="anna@shop.example", text="Это точно я", custom_fields={"bitrix_user_id": "7"}
    )
    person = desk.v1("GET", f"/users/{desk.cast.anna.id}").json()["data"]
    assert person["custom_fields"] == {"bitrix_user_id": "7"}
    assert desk.v1("GET", f"/tickets/{told['ticket_id']}").json()["data"]["channel"] == "widget"


def test_a_call_makes_a_contact_without_an_address(desk: Desk) -> None:
    first = desk.tell("customer/phone", phone="+7 495 000-00-00", name="Голос", text="Звонок")
    second = desk.tell("customer/phone", phone="+7 495 000-00-00", text="Ещё звонок")
    other = desk.tell("customer/phone", phone="84950000000", text="То же с восьмёркой")
    assert first["user_id"] == second["user_id"] != other["user_id"]
    ticket = desk.v2("GET", f"/tickets/{first['ticket_id']}").json()["data"]
    assert (ticket["user_email"], ticket["source"]) == ("", "call")


def test_an_operator_answers_notes_assigns_and_closes(desk: Desk) -> None:
    ticket = desk.ticket("Можно ли изменить")
    desk.tell("operator/note", ticket_id=ticket, text="между нами", operator_id=desk.cast.maria.id)
    desk.tell("operator/reply", ticket_id=ticket, html="<b>Да</b>", status="6")
    desk.tell("operator/assign", ticket_id=ticket, operator_id=desk.cast.maria.id)
    shown = desk.v2("GET", f"/tickets/{ticket}").json()["data"]
    assert (shown["status_id"], shown["owner_name"]) == ("6", "Мария")
    assert desk.v2("GET", f"/tickets/{ticket}/posts/").json()["data"][0]["text"] == "<b>Да</b>"
    assert "между нами" in desk.v2("GET", f"/tickets/{ticket}/comments/").json()["data"][0]["text"]
    desk.tell("operator/status", ticket_id=ticket, status="closed")
    assert desk.v1("GET", f"/tickets/{ticket}").json()["data"]["status"] == "closed"


def test_a_ticket_moves_to_another_requester_and_is_no_longer_annas(desk: Desk) -> None:
    ticket = desk.ticket("Самовывоз")
    desk.tell("operator/move", ticket_id=ticket, email="boris@shop.example")
    mine = desk.v1("GET", "/tickets", params={"user_id": desk.cast.anna.id}).json()["data"]
    assert ticket not in {row["id"] for row in mine}
    assert desk.v1("GET", f"/tickets/{ticket}").json()["data"]["user_id"] == desk.cast.boris.id


def test_tickets_are_merged(desk: Desk) -> None:
    into, other = desk.ticket("Самовывоз"), desk.ticket("Можно ли изменить")
    desk.tell("operator/merge", into=into, tickets=[other])
    assert desk.v1("GET", f"/tickets/{other}").status_code == 404
    assert len(desk.v1("GET", f"/tickets/{into}/messages").json()["data"]) == 4


def test_a_contacts_address_is_changed(desk: Desk) -> None:
    desk.tell("operator/contact", user_id=desk.cast.anna.id, email="other@post.example")
    assert desk.v1("GET", "/users", params={"email": "anna@shop.example"}).json()["data"] == []


@pytest.mark.parametrize(
    ("act", "told"),
    [
        ("operator/reply", {"ticket_id": 999999, "text": "x"}),
        ("operator/reply", {"text": "x"}),
        ("operator/status", {"ticket_id": 999999, "status": "closed"}),
        ("operator/contact", {"user_id": 999999, "email": "x@y.z"}),
        ("customer/email", {"text": "from nobody"}),
        ("customer/email", {"email": " ", "text": "x"}),
        ("customer/phone", {"phone": "", "text": "x"}),
        ("quirks", {"kindness": True}),
        ("limit", {"ban_form": "418"}),
    ],
)
def test_an_act_that_makes_no_sense_is_refused_in_words(desk: Desk, act: str, told: dict[str, object]) -> None:
    answer = desk.http.post(f"/_sandbox/{act}", json=told)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_an_unknown_act_or_a_body_that_is_not_json_is_told(desk: Desk) -> None:
    assert desk.http.post("/_sandbox/dance").status_code == 404
    assert desk.http.post("/_sandbox/reset", content=b"{").status_code == 400
    assert desk.http.post("/_sandbox/reset", content=b"[]").status_code == 400


def test_people_and_tickets_are_seeded_as_told(desk: Desk) -> None:
    desk.tell("reset")
    told = desk.tell(
        "seed",
        people=[{"email": "op@helpdesk.example", "name": "Оператор", "staff": True}],
        tickets=[
            {"email": "x@post.example", "subject": "S", "text": "?", "channel": "chat", "status": "closed",
             "replies": [{"text": "!"}, {"by": "customer", "text": "ok"}, {"text": "hush", "internal": True}]},
        ],
    )  # fmt: skip
    messages = desk.v1("GET", f"/tickets/{told['tickets'][0]}/messages").json()["data"]
    assert [(m["author"]["type"], m["internal"]) for m in messages] == [
        ("user", False), ("staff", False), ("user", False), ("staff", True),
    ]  # fmt: skip
    state = desk.http.get("/_sandbox/state").json()
    assert [ticket["status"] for ticket in state["tickets"]] == ["closed"]
    assert {person["email"] for person in state["people"]} >= {"x@post.example", "op@helpdesk.example"}


def test_a_reset_forgets_everything(desk: Desk) -> None:
    desk.tell("faults", kind="status", value=500)
    desk.tell("quirks", ignore_filters=True)
    desk.v1("GET", "/users")
    desk.tell("limit", ban=60)
    desk.tell("reset")
    assert desk.calls() == []
    assert desk.v2("GET", "/tickets/", params={"user_list": "1"}).json()["data"] == []
    assert len(desk.state.people) == 1


def test_a_newcomer_answers_and_breaks_it_with_plain_forms(desk: Desk) -> None:
    index = desk.http.get("/_sandbox/")
    assert index.status_code == 200
    assert "Где моя посылка?" in index.text
    assert not re.search(r"<script|https?://", index.text.replace("&lt;script", ""))
    ticket = desk.ticket("Можно ли изменить")
    form = {"ticket_id": str(ticket), "text": "Конечно", "operator_id": str(desk.cast.ivan.id), "status": ""}
    answer = desk.http.post("/_sandbox/operator/reply", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/_sandbox/tickets/{ticket}")
    assert "Конечно" in desk.http.get(f"/_sandbox/tickets/{ticket}").text
    broken = desk.http.post("/_sandbox/faults", data={"kind": "status", "value": "503", "count": "", "path": ""})
    assert (broken.status_code, broken.headers["location"]) == (303, "/_sandbox/")
    assert desk.v1("GET", "/users").status_code == 503
    assert "Broken: status 503" in desk.http.get("/_sandbox/").text
    desk.http.post("/_sandbox/mend", data={"all": "yes"})
    assert desk.v1("GET", "/users").status_code == 200


def test_hostile_letters_are_shown_as_text_on_the_directors_desk(desk: Desk) -> None:
    page = desk.http.get(f"/_sandbox/tickets/{desk.ticket('<script>')}")
    assert "&lt;script&gt;alert(" in page.text
    assert not re.search(r"<(script|img|iframe|svg|math)", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_every_form_of_the_desk_leads_to_an_act(desk: Desk) -> None:
    pages = [desk.http.get(p).text for p in ("/_sandbox/", f"/_sandbox/tickets/{desk.ticket('Самовывоз')}")]
    acts = {act for page in pages for act in re.findall(r'(?:form)?action="/_sandbox/([^"]+)"', page)}
    assert len(acts) > 8
    for act in acts:
        assert desk.http.post(f"/_sandbox/{act}", json={}).status_code != 404
