"""The rate limit and the lock-out, in every form they were seen in."""

from __future__ import annotations

import time

import pytest

from portal.sandbox.helpdesk.limit import Limit
from tests.sandbox.helpdesk.conftest import Desk


def test_the_window_slides_so_that_two_bursts_around_a_minutes_end_are_too_much() -> None:
    limit = Limit(per_minute=10)
    assert all(limit.arrive(59.0) for _ in range(5))
    assert all(limit.arrive(61.0) for _ in range(5))
    assert not limit.arrive(118.9)  # eleven within the minute before, though only five since its beginning


def test_a_call_leaves_the_window_a_minute_after_it_arrived() -> None:
    limit = Limit(per_minute=2)
    assert limit.arrive(0.0)
    assert limit.arrive(30.0)
    assert limit.remaining == 0
    assert limit.arrive(60.0)
    assert not limit.arrive(89.9)


def test_a_lock_out_lasts_its_time_and_is_not_prolonged_by_calls() -> None:
    limit = Limit(per_minute=1, ban_seconds=1200)
    assert limit.arrive(0.0)
    assert [limit.arrive(moment) for moment in (1.0, 600.0, 1200.9)] == [False, False, False]
    assert limit.arrive(1201.0)
    assert limit.bans == 1


def test_both_dialects_use_up_one_account(desk: Desk) -> None:
    desk.tell("limit", per_minute=4, lift=True)
    answers = [desk.v1("GET", "/users"), desk.v2("GET", "/users/"), desk.v1("GET", "/users"), desk.v2("GET", "/users/")]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.headers["x-rate-limit-remaining"] for answer in answers] == ["3", "2", "1", "0"]
    assert desk.v1("GET", "/users").status_code == 429
    assert desk.v2("GET", "/users/").status_code == 401


def test_the_ban_in_v2_is_a_401_with_the_body_seen_in_the_wild(desk: Desk) -> None:
    desk.tell("limit", per_minute=300, ban=1200)
    answer = desk.v2("GET", "/tickets/")
    assert answer.status_code == 401
    assert answer.json() == {
        "errors": [
            {
                "code": "e-401",
                "title": "Ban",
                "details": "Ban for 20 min. API limit reached (300 request per minute).",
            }
        ]
    }
    assert "retry-after" not in answer.headers
    assert answer.headers["x-rate-limit"] == "300"


@pytest.mark.parametrize(("form", "status"), [("401", 401), ("403", 403), ("429", 429), ("429-retry-after", 429)])
def test_the_form_of_the_ban_can_be_chosen_for_both(desk: Desk, form: str, status: int) -> None:
    desk.tell("limit", ban_form=form, ban=90)
    for answer in (desk.v1("GET", "/users"), desk.v2("GET", "/users/")):
        assert answer.status_code == status
        assert "API limit reached" in answer.text
        assert answer.headers.get("retry-after") == ("90" if form == "429-retry-after" else None)


def test_a_banned_call_does_nothing(desk: Desk) -> None:
    before = len(desk.state.people)
    desk.tell("limit", ban=60)
    desk.v1("POST", "/users", json={"email": "x@y.example", "name": "x"})
    desk.v2("POST", "/users/", json={"email": "x@y.example", "name": "x"})
    assert len(desk.state.people) == before


def test_after_its_time_the_ban_is_over(desk: Desk) -> None:
    desk.tell("limit", per_minute=2, ban_seconds=0.2)
    assert [desk.v1("GET", "/users").status_code for _ in range(4)] == [200, 200, 429, 429]
    time.sleep(0.25)
    assert desk.v1("GET", "/users").status_code == 200


def test_files_are_no_api_calls(desk: Desk) -> None:
    desk.tell("limit", per_minute=1, lift=True)
    for _ in range(3):
        assert desk.http.get("/ru/file/download/" + "0" * 40).status_code == 404
    assert desk.v1("GET", "/users").status_code == 200
