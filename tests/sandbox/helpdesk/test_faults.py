"""Every way to go wrong, and that nothing goes wrong unasked."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import httpx
import pytest

from portal.sandbox.helpdesk.faults import KINDS
from tests.sandbox.helpdesk.conftest import BEARER, Desk


def test_it_fails_as_often_as_told_and_then_is_well_again(desk: Desk) -> None:
    desk.tell("faults", kind="status", value=503, count=2)
    assert [desk.v1("GET", "/users").status_code for _ in range(3)] == [503, 503, 200]


def test_it_fails_until_mended(desk: Desk) -> None:
    desk.tell("faults", kind="status", value=500)
    assert [desk.v2("GET", "/users/").status_code for _ in range(3)] == [500] * 3
    desk.tell("mend")
    assert desk.v2("GET", "/users/").status_code == 200


def test_only_matching_calls_are_hit(desk: Desk) -> None:
    desk.tell("faults", kind="status", value=502, path=r"/tickets/\d+/messages$", method="get")
    ticket = desk.ticket("Самовывоз")
    assert desk.v1("GET", f"/tickets/{ticket}").status_code == 200
    assert desk.v1("GET", f"/tickets/{ticket}/messages").status_code == 502
    body = {"author_id": desk.cast.anna.id, "body": "<p>!</p>"}
    assert desk.v1("POST", f"/tickets/{ticket}/messages", json=body).status_code == 201


def test_a_failure_does_nothing(desk: Desk) -> None:
    desk.tell("faults", kind="status", value=500)
    before = len(desk.state.people)
    desk.v1("POST", "/users", json={"email": "x@y.example", "name": "x"})
    assert len(desk.state.people) == before


def test_a_dropped_answer_leaves_the_work_done(desk: Desk) -> None:
    ticket = desk.ticket("Самовывоз")
    before = len(desk.state.tickets[ticket].messages)
    desk.tell("faults", kind="drop", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        desk.v1("POST", f"/tickets/{ticket}/messages", json={"author_id": desk.cast.anna.id, "body": "<p>!</p>"})
    assert len(desk.state.tickets[ticket].messages) == before + 1
    assert desk.calls()[-1]["status"] == 0


def test_a_late_failure_leaves_the_work_done_and_the_journal_tells_of_it(desk: Desk) -> None:
    ticket = desk.ticket("Самовывоз")
    desk.tell("faults", kind="late_status", value=502, count=1)
    answer = desk.v1("POST", f"/tickets/{ticket}/messages", json={"author_id": desk.cast.anna.id, "body": "<p>!</p>"})
    assert answer.status_code == 502
    last = desk.state.tickets[ticket].messages[-1]
    assert (last.html, desk.calls()[-1]["status"]) == ("<p>!</p>", 502)
    assert desk.calls()[-1]["effects"] == [["message", last.id]]


def test_an_answer_cut_off_in_the_middle_is_seen_as_such(desk: Desk) -> None:
    desk.tell("faults", kind="cut", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        desk.v2("GET", "/tickets/")


def test_a_stalled_call_holds_up_nobody_else(desk: Desk) -> None:
    desk.tell("faults", kind="stall", value=0.6, count=1, path="/tickets")
    took: list[float] = []

    def slow() -> None:
        began = time.monotonic()
        httpx.get(f"{desk.base}/api/v1/tickets", headers=BEARER)
        took.append(time.monotonic() - began)

    thread = threading.Thread(target=slow)
    thread.start()
    while not desk.calls():
        time.sleep(0.005)
    began = time.monotonic()
    assert desk.v1("GET", "/users").status_code == 200
    quick = time.monotonic() - began
    thread.join()
    assert took[0] >= 0.6
    assert quick < 0.5


def test_a_dripping_answer_is_right_but_slow_and_outlives_a_read_time_out(desk: Desk) -> None:
    desk.tell("faults", kind="drip", value=0.5, count=1)
    began = time.monotonic()
    answer = desk.v2("GET", "/tickets/", timeout=0.3)
    assert time.monotonic() - began >= 0.45
    assert len(answer.json()["data"]) == 30


def test_a_page_comes_instead_of_json(desk: Desk) -> None:
    desk.tell("faults", kind="html")
    answer = desk.v1("GET", "/users")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")


def test_json_is_cut_in_half_under_a_length_that_fits(desk: Desk) -> None:
    whole = desk.v2("GET", "/users/").content
    desk.tell("faults", kind="half")
    half = desk.v2("GET", "/users/")
    assert half.content == whole[: len(whole) // 2]
    with pytest.raises(json.JSONDecodeError):
        half.json()


def test_nothing_comes_under_a_200(desk: Desk) -> None:
    desk.tell("faults", kind="empty")
    answer = desk.v1("GET", "/users")
    assert (answer.status_code, answer.content) == (200, b"")


def test_every_value_is_of_another_type(desk: Desk) -> None:
    ticket = desk.v1("GET", f"/tickets/{desk.ticket('Самовывоз')}").json()["data"]
    desk.tell("faults", kind="types")
    wrong = desk.v1("GET", f"/tickets/{ticket['id']}").json()["data"]
    assert set(wrong) == set(ticket)
    assert not [key for key in ticket if key != "custom_fields" and type(ticket[key]) is type(wrong[key])]


@pytest.mark.parametrize(("path", "total"), [("/api/v1/tickets", 9000), ("/api/v2/tickets/", "9000")])
def test_three_hundred_pages_are_claimed_and_each_is_full(desk: Desk, path: str, total: object) -> None:
    desk.tell("faults", kind="pages")
    call = desk.v1 if "v1" in path else desk.v2
    for page in (1, 2, 299):
        answer = call("GET", path[7:], params={"page": page}).json()
        assert answer["pagination"]["total_pages"] == 300
        assert answer["pagination"]["total"] == total
        assert len(answer["data"]) in (25, 30)


def test_it_redirects(desk: Desk) -> None:
    desk.tell("faults", kind="redirect", value="http://elsewhere.example/")
    answer = desk.v1("GET", "/users")
    assert (answer.status_code, answer.headers["location"]) == (302, "http://elsewhere.example/")


def test_right_json_comes_under_a_wrong_type(desk: Desk) -> None:
    desk.tell("faults", kind="content_type", value="text/plain")
    answer = desk.v1("GET", "/users")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.json()["data"]


def test_files_can_go_wrong_too(desk: Desk) -> None:
    desk.tell("faults", kind="status", value=500, path="^/ru/file/")
    posts = desk.v2("GET", f"/tickets/{desk.ticket('Invoice')}/posts/").json()["data"]
    url = next(file["url"] for post in posts for file in post["files"])
    assert httpx.get(url).status_code == 500


def test_two_faults_can_hit_one_call(desk: Desk) -> None:
    desk.tell("faults", kind="stall", value=0.2)
    desk.tell("faults", kind="html")
    began = time.monotonic()
    assert desk.v1("GET", "/users").text.startswith("<!doctype")
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "earthquake"},
        {"kind": "stall", "value": "long"},
        {"kind": "drip", "value": "-1"},
        {"kind": "status", "value": "5"},
        {"kind": "late_status", "value": "5"},
        {"kind": "html", "path": "("},
        {},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(desk: Desk, told: dict[str, str]) -> None:
    assert desk.http.post("/_sandbox/faults", json=told).status_code == 400
    assert desk.v1("GET", "/users").status_code == 200


def test_a_fault_without_a_value_has_a_usual_one(desk: Desk) -> None:
    desk.tell("faults", kind="status")
    assert desk.v1("GET", "/users").status_code == 503


def test_no_kind_of_fault_is_untested() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f'kind="{kind}"' not in here] == []
