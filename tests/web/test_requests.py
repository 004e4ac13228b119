"""The customer's pages over HTTP: Anna reads her requests, Boris and passers-by do not."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from portal.service import requests, sight
from portal.tokens import Tokens
from tests.stage import ANNA, BORIS, EMAILS, PREFIX, PUBLIC_URL, Stage, stage


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, request.param) as made:
        yield made


@pytest.fixture
def shop_v1(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        yield made


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, "the page has no form token"
    return found[1]


def test_anna_sees_her_requests_and_reads_a_conversation(shop: Stage) -> None:
    ticket = shop.ticket(ANNA, "Where is my parcel?", "It should have come on Monday.")
    shop.tell("operator/reply", ticket_id=ticket, text="We asked the courier.")
    shop.tell("operator/note", ticket_id=ticket, text="canary: she is angry")
    shop.prove(ANNA)
    with shop.client(ANNA) as anna:
        listed = anna.get(f"{PREFIX}/")
        assert listed.status_code == 200 and "Where is my parcel?" in listed.text
        assert f"{PREFIX}/{ticket}" in listed.text
        shown = anna.get(f"{PREFIX}/{ticket}")
    assert shown.status_code == 200
    assert "It should have come on Monday." in shown.text and "We asked the courier." in shown.text
    assert "canary" not in shown.text


def test_an_internal_note_is_in_no_copy(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    shop.tell("operator/note", ticket_id=ticket, text="canary: she is angry")
    shop.prove(ANNA)
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/"), anna.get(f"{PREFIX}/{ticket}")
    copies = shop.execute("SELECT body FROM custom_hde_snapshot")
    assert copies and not any(b"canary" in (body or b"") for (body,) in copies)


def test_nobody_is_sent_to_the_shops_sign_in_with_a_local_way_back(shop_v1: Stage) -> None:
    with shop_v1.client() as nobody:
        for path, back in [
            ("/", "%2Fpersonal%2Frequests%2F"),
            ("/?page=2", "%2Fpersonal%2Frequests%2F%3Fpage%3D2"),
            ("/12", "%2Fpersonal%2Frequests%2F12"),
            ("/prove", "%2Fpersonal%2Frequests%2Fprove"),
        ]:
            answer = nobody.get(PREFIX + path)
            assert (answer.status_code, answer.headers["location"]) == (302, f"/auth/?backurl={back}")


def test_a_strangers_id_answers_like_a_missing_one_byte_for_byte(shop: Stage) -> None:
    annas = shop.ticket(ANNA)
    shop.ticket(BORIS, "Mine")
    shop.prove(BORIS)
    ids = [
        str(annas),
        "999999999",
        "0",
        "-1",
        f"0{annas}",
        "9" * 18,
        "9" * 40,
        "abc",
        f"{annas}.0",
        "１２",
        "%00",
        "new2",
    ]
    with shop.client(BORIS) as boris:
        answers = [boris.get(f"{PREFIX}/{ticket_id}") for ticket_id in ids]
        answers += [boris.get(f"{PREFIX}/{ticket_id}/files/1") for ticket_id in ids]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted((k, v) for k, v in a.headers.items() if k != "date")) for a in answers}) == 1
    assert "nonce" not in answers[0].text and f"/{annas}" not in answers[0].text


def test_the_positive_control_anna_reads_the_same_id(shop: Stage) -> None:
    annas = shop.ticket(ANNA)
    shop.prove(ANNA)
    with shop.client(ANNA) as anna:
        assert anna.get(f"{PREFIX}/{annas}").status_code == 200


def test_a_ticket_that_moves_to_another_requester_is_no_longer_annas(shop_v1: Stage) -> None:
    ticket = shop_v1.ticket(ANNA)
    shop_v1.prove(ANNA)
    with shop_v1.client(ANNA, cache_seconds=1) as anna:
        assert anna.get(f"{PREFIX}/{ticket}").status_code == 200
        shop_v1.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
        time.sleep(1.1)
        assert anna.get(f"{PREFIX}/{ticket}").status_code == 404
        assert str(ticket) not in re.findall(rf"{PREFIX}/(\d+)", anna.get(f"{PREFIX}/").text)


def test_guessing_numbers_costs_few_calls_and_does_not_lock_the_guesser_out_of_his_own(shop_v1: Stage) -> None:
    own = shop_v1.ticket(BORIS, "Mine")
    shop_v1.prove(BORIS)
    with shop_v1.client(BORIS) as boris:
        boris.get(f"{PREFIX}/")
        before = shop_v1.calls()
        for guess in range(10_000, 10_060):
            assert boris.get(f"{PREFIX}/{guess}").status_code == 404
        assert shop_v1.calls() - before <= requests.GUESSES
        assert boris.get(f"{PREFIX}/{own}").status_code == 200


def test_unproven_the_page_offers_the_link_and_calls_nobody(shop: Stage) -> None:
    shop.ticket(ANNA, "Secret of whoever owns this address")
    with shop.client(ANNA) as anna:
        page = anna.get(f"{PREFIX}/")
    assert page.status_code == 200 and csrf(page.text)
    assert "Secret" not in page.text
    assert shop.calls() == 0


def test_the_link_of_the_mail_proves_the_address_by_a_post(shop: Stage) -> None:
    shop.ticket(ANNA, "Where is my parcel?")
    token = sight.proof_token(Tokens(["a-key-for-tests-only"]), ANNA, EMAILS[ANNA], "1")
    with shop.client(ANNA) as anna:
        asked = anna.post(f"{PREFIX}/prove", data={"csrf": csrf(anna.get(f"{PREFIX}/").text)})
        assert asked.status_code == 303
        assert len(shop.execute("SELECT id FROM custom_hde_outbox")) == 1
        button = anna.get(f"{PREFIX}/prove/{token}")
        assert button.status_code == 200
        assert "Where is my parcel?" not in anna.get(f"{PREFIX}/").text, "a GET proves nothing"
        proven = anna.post(f"{PREFIX}/prove/{token}", data={"csrf": csrf(button.text)})
        assert proven.status_code == 303
        for _ in range(3):
            assert "Where is my parcel?" in anna.get(f"{PREFIX}/").text


def test_boris_cannot_use_annas_link(shop_v1: Stage) -> None:
    token = sight.proof_token(Tokens(["a-key-for-tests-only"]), ANNA, EMAILS[ANNA], "1")
    with shop_v1.client(BORIS) as boris:
        form = csrf(boris.get(f"{PREFIX}/prove").text)
        boris.post(f"{PREFIX}/prove/{token}", data={"csrf": form})
    assert shop_v1.execute("SELECT * FROM custom_hde_user_map") == []


def test_asking_too_often_is_told_and_sends_no_more(shop_v1: Stage) -> None:
    with shop_v1.client(ANNA) as anna:
        form = csrf(anna.get(f"{PREFIX}/prove").text)
        codes = [anna.post(f"{PREFIX}/prove", data={"csrf": form}).status_code for _ in range(5)]
    assert codes == [303, 303, 303, 429, 429]
    assert len(shop_v1.execute("SELECT id FROM custom_hde_outbox")) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "https://cdn.shop.example"},
        {"origin": "null"},
        {"origin": PUBLIC_URL + ".evil.example"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"origin": "http://["},
        {"sec-fetch-site": "same-origin", "origin": "https://[::1"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example", "host": "["},
    ],
)
def test_another_site_cannot_post(shop_v1: Stage, headers: dict[str, str]) -> None:
    with shop_v1.client(ANNA) as anna:
        form = csrf(anna.get(f"{PREFIX}/prove").text)
        assert anna.post(f"{PREFIX}/prove", data={"csrf": form}, headers=headers).status_code == 403
    assert shop_v1.execute("SELECT id FROM custom_hde_outbox") == []


@pytest.mark.parametrize("form", [{}, {"csrf": ""}, {"csrf": "x"}, {"csrf": "y" * 100_000}])
def test_a_form_without_our_token_is_refused(shop_v1: Stage, form: dict[str, str]) -> None:
    with shop_v1.client(ANNA) as anna:
        assert anna.post(f"{PREFIX}/prove", data=form).status_code == 403


def test_boris_token_is_not_annas(shop_v1: Stage) -> None:
    with shop_v1.client(BORIS) as boris:
        form = csrf(boris.get(f"{PREFIX}/prove").text)
    with shop_v1.client(ANNA) as anna:
        assert anna.post(f"{PREFIX}/prove", data={"csrf": form}).status_code == 403


def test_an_address_of_two_accounts_joins_neither(shop_v1: Stage) -> None:
    shop_v1.ticket(ANNA, "Where is my parcel?")
    shop_v1.prove(ANNA)
    shop_v1.execute(f"UPDATE b_user SET EMAIL = ' {EMAILS[ANNA].upper()}' WHERE ID = {BORIS}")
    with shop_v1.client(ANNA) as anna:
        assert "Where is my parcel?" not in anna.get(f"{PREFIX}/").text


def test_the_proof_lapses_when_the_shop_account_changes_its_address(shop_v1: Stage) -> None:
    shop_v1.ticket(ANNA, "Where is my parcel?")
    shop_v1.prove(ANNA)
    shop_v1.execute(f"UPDATE b_user SET EMAIL = 'new@shop.example' WHERE ID = {ANNA}")
    with shop_v1.client(ANNA) as anna:
        assert "Where is my parcel?" not in anna.get(f"{PREFIX}/").text


def test_what_sees_says_no_to_is_not_shown(shop_v1: Stage) -> None:
    ticket = shop_v1.ticket(ANNA, "Where is my parcel?")
    shop_v1.prove(ANNA)
    with shop_v1.client(ANNA) as anna:
        assert "Where is my parcel?" in anna.get(f"{PREFIX}/").text
    shop_v1.execute("UPDATE custom_hde_user_map SET sees = 0")
    with shop_v1.client(ANNA) as anna:
        assert "Where is my parcel?" not in anna.get(f"{PREFIX}/").text
        assert anna.get(f"{PREFIX}/{ticket}").status_code == 404


def test_many_readers_and_pages_cause_one_call_a_minute(shop_v1: Stage) -> None:
    shop_v1.ticket(ANNA)
    shop_v1.prove(ANNA)
    with shop_v1.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
        before = shop_v1.calls()
        for _ in range(50):
            assert anna.get(f"{PREFIX}/").status_code == 200
    assert shop_v1.calls() == before


def test_a_help_desk_that_fails_leaves_the_last_good_copy_with_its_age(shop: Stage) -> None:
    ticket = shop.ticket(ANNA, "Where is my parcel?")
    shop.prove(ANNA)
    with shop.client(ANNA, cache_seconds=1) as anna:
        anna.get(f"{PREFIX}/"), anna.get(f"{PREFIX}/{ticket}")
        shop.tell("faults", kind="status", value="500")
        time.sleep(1.1)
        for path in ("/", f"/{ticket}"):
            page = anna.get(PREFIX + path)
            assert page.status_code == 200 and "Where is my parcel?" in page.text
            assert 'class="note warn"' in page.text


def test_a_help_desk_that_is_slow_keeps_a_page_waiting_three_seconds_at_most(shop_v1: Stage) -> None:
    shop_v1.ticket(ANNA, "Where is my parcel?")
    shop_v1.prove(ANNA)
    shop_v1.tell("faults", kind="stall", value="8", count=1)
    with shop_v1.client(ANNA) as anna:
        begun = time.monotonic()
        page = anna.get(f"{PREFIX}/")
        # Half of the stall, and far from it: a busy machine may add a second or two.
        assert time.monotonic() - begun < requests.PATIENCE_SECONDS + 3
        assert page.status_code == 200 and 'http-equiv="refresh"' in page.text
        deadline = time.monotonic() + 20
        while "Where is my parcel?" not in page.text and time.monotonic() < deadline:
            time.sleep(0.5)
            page = anna.get(f"{PREFIX}/")
    assert "Where is my parcel?" in page.text


def test_a_slow_help_desk_does_not_hold_up_other_pages(shop_v1: Stage) -> None:
    shop_v1.tell("faults", kind="stall", value="3", path="/api/")
    shop_v1.prove(ANNA)
    with shop_v1.client(BORIS) as boris, shop_v1.client(ANNA):
        begun = time.monotonic()
        assert boris.get(f"{PREFIX}/").status_code == 200
        assert time.monotonic() - begun < 0.5


def test_the_language_is_chosen_by_the_browser_and_switched_by_a_link(shop_v1: Stage) -> None:
    with shop_v1.client(ANNA) as anna:
        assert '<html lang="ru"' in anna.get(f"{PREFIX}/").text
        assert '<html lang="en"' in anna.get(f"{PREFIX}/", headers={"accept-language": "en-GB,en;q=0.9"}).text
        switched = anna.get(f"{PREFIX}/prove?lang=en&a=b")
        assert (switched.status_code, switched.headers["location"]) == (303, f"{PREFIX}/prove?a=b")
        assert '<html lang="en"' in anna.get(f"{PREFIX}/").text


@pytest.mark.parametrize("path", ["/", "/99", "/prove", "/static/none.css", "/a/b/c"])
def test_every_answer_carries_the_security_headers(shop_v1: Stage, path: str) -> None:
    with shop_v1.client(ANNA) as anna:
        headers = anna.get(PREFIX + path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["cache-control"] == "private, no-store"


def test_the_nonce_is_new_in_every_answer_and_is_the_headers(shop_v1: Stage) -> None:
    shop_v1.prove(ANNA)
    shop_v1.ticket(ANNA)
    seen = set()
    with shop_v1.client(ANNA) as anna:
        for _ in range(3):
            answer = anna.get(f"{PREFIX}/")
            (nonce,) = set(re.findall(r'nonce="([^"]+)"', answer.text))
            assert f"'nonce-{nonce}'" in answer.headers["content-security-policy"]
            seen.add(nonce)
    assert len(seen) == 3


def test_a_database_that_is_away_is_503_with_a_time_to_come_back(shop_v1: Stage) -> None:
    with shop_v1.client() as nobody:
        shop_v1.execute("RENAME TABLE b_user TO b_user_away")
        # A missing table is a defect of the shop, not an outage: told as ours, without details.
        answer = nobody.get(f"{PREFIX}/", headers={"cookie": shop_v1.sign_in(ANNA)})
        assert answer.status_code == 500 and "b_user" not in answer.text


def test_a_page_number_that_is_none_is_not_there(shop_v1: Stage) -> None:
    shop_v1.ticket(ANNA)
    shop_v1.prove(ANNA)
    with shop_v1.client(ANNA) as anna:
        for page in ("0", "-1", "02", "9999999999999999999999", "x", "2", ""):
            assert anna.get(f"{PREFIX}/?page={page}").status_code == 404, page


def attach(shop: Stage, name: str = "photo.jpg", content: bytes = b"canary of a file") -> tuple[int, str]:
    """A request of Anna's with a file; returns the request and the file's address on her page."""
    files = [{"name": name, "type": "image/jpeg", "base64": base64.b64encode(content).decode()}]
    ticket = shop.ticket(ANNA, "With a photo", files=files)
    shop.prove(ANNA)
    with shop.client(ANNA) as anna:
        (address,) = re.findall(rf"{PREFIX}/{ticket}/files/[^\"/.]+(?=\")", anna.get(f"{PREFIX}/{ticket}").text)
    return ticket, address


def test_a_file_comes_through_us_and_is_saved_whatever_is_in_it(shop: Stage) -> None:
    _, address = attach(shop, "фото 1.html", b"<script>alert(1)</script>")
    with shop.client(ANNA) as anna:
        file = anna.get(address)
    assert (file.status_code, file.content) == (200, b"<script>alert(1)</script>")
    assert file.headers["content-disposition"].startswith('attachment; filename="')
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in file.headers["content-security-policy"]


def test_boris_gets_annas_file_neither_by_her_request_nor_by_his_own(shop: Stage) -> None:
    _, address = attach(shop)
    own = shop.ticket(BORIS, "Mine")
    shop.prove(BORIS)
    with shop.client(BORIS) as boris:
        answers = [
            boris.get(address),
            boris.get(f"{PREFIX}/{own}/files/{address.rsplit('/', 1)[1]}"),
            boris.get(f"{PREFIX}/{own}/files/nothing"),
        ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({answer.content for answer in answers}) == 1


def test_a_file_of_a_help_desk_that_is_away_is_503_and_no_error_of_ours(shop_v1: Stage) -> None:
    _, address = attach(shop_v1)
    shop_v1.tell("faults", kind="status", value="500", path="/files/")
    with shop_v1.client(ANNA) as anna:
        assert anna.get(address).status_code == 503


def test_a_file_at_another_host_is_not_fetched(shop_v1: Stage) -> None:
    ticket, address = attach(shop_v1)
    old = b'"url":"http://127.0.0.1'
    assert shop_v1.execute("SELECT COUNT(*) FROM custom_hde_snapshot WHERE INSTR(body, 0x22)")
    shop_v1.databases.run_here(
        lambda unit: unit.state.execute(
            text("UPDATE custom_hde_snapshot SET body = REPLACE(body, :old, :new)"),
            {"old": old, "new": b'"url":"http://127.0.0.2'},
        )
    )
    with shop_v1.client(ANNA) as anna:
        assert anna.get(f"{PREFIX}/{ticket}").status_code == 200
        assert anna.get(address).status_code == 404


def test_a_browser_that_asks_for_english_gets_it_whatever_the_account_says(shop_v1: Stage) -> None:
    shop_v1.execute(f"UPDATE b_user SET LANGUAGE_ID = 'en' WHERE ID = {BORIS}")
    shop_v1.execute(f"UPDATE b_user SET LANGUAGE_ID = 'ru' WHERE ID = {ANNA}")
    with shop_v1.client(BORIS) as boris, shop_v1.client(ANNA) as anna:
        assert '<html lang="en"' in boris.get(f"{PREFIX}/").text
        assert '<html lang="ru"' in boris.get(f"{PREFIX}/", headers={"accept-language": "ru"}).text
        assert '<html lang="en"' in anna.get(f"{PREFIX}/", headers={"accept-language": "en"}).text


@pytest.mark.parametrize(
    ("kind", "value"), [("status", "503"), ("stall", "20"), ("html", ""), ("drop", ""), ("half", "")]
)
def test_a_help_desk_that_fails_tells_nobody_which_ids_others_have_opened(
    shop_v1: Stage, kind: str, value: str
) -> None:
    annas = shop_v1.ticket(ANNA)
    shop_v1.ticket(BORIS, "Mine")
    shop_v1.prove(ANNA), shop_v1.prove(BORIS)
    with shop_v1.client(ANNA) as anna:
        assert anna.get(f"{PREFIX}/{annas}").status_code == 200
    with shop_v1.client(BORIS) as boris:
        boris.get(f"{PREFIX}/")
        shop_v1.tell("faults", kind=kind, value=value)
        answers, took = [], []
        for ticket in (annas, 999_999):
            begun = time.monotonic()
            answers.append(boris.get(f"{PREFIX}/{ticket}"))
            took.append(time.monotonic() - begun)
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert abs(took[0] - took[1]) < 1


def test_fifty_guesses_at_once_cost_no_more_than_the_allowance(shop_v1: Stage) -> None:
    shop_v1.ticket(BORIS, "Mine")
    shop_v1.prove(BORIS)
    with shop_v1.client(BORIS) as boris:
        boris.get(f"{PREFIX}/")
        before = shop_v1.calls()
        with ThreadPoolExecutor(25) as crowd:
            codes = set(crowd.map(lambda guess: boris.get(f"{PREFIX}/{guess}").status_code, range(10_000, 10_050)))
        assert codes == {404}
        assert shop_v1.calls() - before <= requests.GUESSES


def test_a_request_that_no_first_page_lists_is_found_all_the_same(shop_v1: Stage) -> None:
    oldest = shop_v1.ticket(ANNA, "The oldest")
    for number in range(30):
        shop_v1.ticket(ANNA, f"Newer {number}")
    shop_v1.prove(ANNA)
    with shop_v1.client(ANNA) as anna:
        assert "The oldest" not in anna.get(f"{PREFIX}/").text
        for _ in range(requests.GUESSES + 2):
            assert anna.get(f"{PREFIX}/{oldest}").status_code == 200


@pytest.mark.parametrize("kept", ["  {}", "\t{}", "{}\n", "\r\n{}"])
def test_an_address_in_odd_white_space_is_nobodys(shop_v1: Stage, kept: str) -> None:
    shop_v1.ticket(ANNA, "Where is my parcel?")
    shop_v1.prove(ANNA)
    shop_v1.databases.run_here(
        lambda unit: unit.shop.execute(
            text("UPDATE b_user SET EMAIL = :email WHERE ID = :id"), {"email": kept.format(EMAILS[ANNA]), "id": BORIS}
        )
    )
    with shop_v1.client(BORIS) as boris:
        page = boris.get(f"{PREFIX}/").text
        assert "Where is my parcel?" not in page and 'name="csrf"' not in page


def test_a_proof_that_has_lapsed_does_not_come_back_with_the_address(shop_v1: Stage) -> None:
    shop_v1.ticket(ANNA, "Where is my parcel?")
    shop_v1.prove(ANNA)
    for email, seen in ((EMAILS[ANNA], True), ("new@shop.example", False), (EMAILS[ANNA], False)):
        shop_v1.execute(f"UPDATE b_user SET EMAIL = '{email}' WHERE ID = {ANNA}")
        with shop_v1.client(ANNA) as anna:
            assert ("Where is my parcel?" in anna.get(f"{PREFIX}/").text) is seen


def test_made_up_page_numbers_cost_no_calls(shop_v1: Stage) -> None:
    shop_v1.ticket(ANNA)
    shop_v1.prove(ANNA)
    with shop_v1.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
        before = shop_v1.calls()
        assert {anna.get(f"{PREFIX}/?page={page}").status_code for page in range(2, 30)} == {404}
    assert shop_v1.calls() == before


def test_a_head_says_what_a_get_says_without_the_page(shop: Stage) -> None:
    shop.prove(ANNA)
    ticket = shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        for path in ("/", f"/{ticket}", "/new", "/prove", "/999999"):
            page, head = anna.get(f"{PREFIX}{path}"), anna.head(f"{PREFIX}{path}")
            assert (head.status_code, head.content) == (page.status_code, b"")
            assert head.headers["content-length"] == str(len(page.content))
            assert head.headers.keys() == page.headers.keys()
        for path in ("/events", f"/{ticket}/files/1", "/export/requests.zip", "/panel/a-token"):
            assert anna.head(f"{PREFIX}{path}").status_code in (404, 405), "nothing is opened that nobody reads"
