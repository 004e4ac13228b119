"""Anna writes: a reply, a new request, and whatever can come between. Her text comes back to her every time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from litestar.testing import TestClient
from pytest import MonkeyPatch

from portal import app
from portal.bitrix import sessions
from portal.database import Unit
from portal.errors import DatabaseAway
from portal.helpdesk import forgetting
from portal.model import OrderChoice
from portal.service import writing
from portal.store import snapshots
from portal.web import site
from tests.stage import ANNA, BORIS, EMAILS, PREFIX, PUBLIC_URL, Stage, stage

TEXT = "Where is it?\n\n<b>I</b> wait & hope."
SAFE = "Where is it?\n\n&lt;b&gt;I&lt;/b&gt; wait &amp; hope."
MB = 2**20

Browser = TestClient[Any]


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def ticket(shop: Stage) -> int:
    """A request of Anna's, whose address is proven."""
    shop.prove(ANNA)
    return shop.ticket(ANNA)


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, "the page has no form token"
    return found[1]


def token(browser: Browser) -> str:
    return csrf(browser.get(f"{PREFIX}/new").text)


def kept(shop: Stage) -> list[tuple[Any, ...]]:
    """What waits to be delivered: kind, ticket, payload."""
    return shop.execute("SELECT kind, ticket_id, payload FROM custom_hde_outbox ORDER BY id")


def files(*named: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("files", (name, content, "image/png")) for name, content in named]


def text_in(page: str) -> str:
    """What stands in the text field, as the browser would have it."""
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found, "the page has no text field"
    return unescape(found[1])


class Orders:
    """Anna has one order; Boris has another."""

    def choices(self, unit: Unit, user_id: int) -> Sequence[OrderChoice]:
        return [one] if (one := self.own(unit, user_id, "A-1007")) else []

    def own(self, unit: Unit, user_id: int, number: str) -> OrderChoice | None:
        whose = {"A-1007": ANNA, "B-2000": BORIS, "A-0001": ANNA}
        if whose.get(number) != user_id:
            return None
        return OrderChoice(7, number, datetime(2026, 11, 1, tzinfo=UTC), Decimal("4590.00"), "RUB")


@pytest.fixture
def orders(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(app, "Orders", lambda *_: Orders())


# A reply.


def test_a_reply_is_kept_first_and_shows_at_once_with_its_state(shop: Stage, ticket: int) -> None:
    with shop.client(ANNA) as anna:
        form = csrf(anna.get(f"{PREFIX}/{ticket}").text)
        calls = shop.calls()
        answer = anna.post(
            f"{PREFIX}/{ticket}/reply", data={"csrf": form, "text": TEXT}, files=files(("a.png", b"png"))
        )
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PREFIX}/{ticket}#last")
        assert shop.calls() == calls, "the help desk need not be there"
        page = anna.get(f"{PREFIX}/{ticket}").text
        assert SAFE in page and "Отправляется" in page and "a.png" in page and text_in(page) == ""
        again = anna.get(f"{PREFIX}/{ticket}").text
        assert SAFE in again, "also once the flash is gone"
    ((kind, of, payload),) = kept(shop)
    assert (kind, of) == (b"desk.reply", ticket) and b"Where is it?" in payload
    assert shop.execute("SELECT content FROM custom_hde_blob") == [(b"png",)]


def state_in(page: str, ticket: int) -> str:
    """What the row of a request says of its state."""
    row = re.search(rf'href="{PREFIX}/{ticket}">.*?class="status[^>]*>.*?<span>(.*?)</span>', page, re.DOTALL)
    assert row, "it is not in the list"
    return row[1]


def test_a_reply_on_its_way_shows_in_its_row_which_moves_up(shop: Stage, ticket: int) -> None:
    shop.tell("operator/reply", ticket_id=ticket, text="We asked the courier")
    other, now = shop.ticket(ANNA, "A newer one"), "UTC_TIMESTAMP(6)"
    with shop.client(ANNA) as anna:
        listed = anna.get(f"{PREFIX}/").text
        assert listed.index(f'"{PREFIX}/{other}"') < listed.index(f'"{PREFIX}/{ticket}"')
        status = state_in(listed, ticket)
        anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": token(anna), "text": TEXT})

        def becomes(change: str) -> str:
            shop.execute(f"UPDATE custom_hde_outbox SET {change}")
            return anna.get(f"{PREFIX}/").text

        listed = anna.get(f"{PREFIX}/").text
        assert listed.index(f'"{PREFIX}/{ticket}"') < listed.index(f'"{PREFIX}/{other}"')
        anna.cookies.delete("portal_flash")  # from here on the list is kept
        assert state_in(anna.get(f"{PREFIX}/").text, ticket) == "Отправляется"
        assert state_in(becomes("created_at = created_at - INTERVAL 20 SECOND"), ticket) == "Будет отправлено"
        assert state_in(becomes(f"state = 'aside', finished_at = {now}, created_at = {now}"), ticket) == "Проверяется"
        assert state_in(becomes("state = 'dead'"), ticket) == "Не отправлено"
        assert state_in(becomes("created_at = created_at - INTERVAL 1 DAY"), ticket) == status, "the talk went on"
        assert state_in(becomes(f"state = 'done', created_at = {now}"), ticket) == "Отправлено"
        later = f"finished_at = {now} - INTERVAL 5 MINUTE"
        assert state_in(becomes(later), ticket) == status, "the list is newer than the delivery"


def test_a_reply_shows_soon_in_another_process_that_has_kept_the_page(shop: Stage, ticket: int) -> None:
    with shop.client(ANNA) as one, shop.client(ANNA) as other:
        form = csrf(one.get(f"{PREFIX}/{ticket}").text)
        other.get(f"{PREFIX}/{ticket}")
        one.post(f"{PREFIX}/{ticket}/reply", data={"csrf": form, "text": TEXT})
        deadline = monotonic() + 2
        while SAFE not in other.get(f"{PREFIX}/{ticket}").text:
            assert monotonic() < deadline


def test_a_form_sent_twice_by_an_impatient_finger_is_one_message(shop: Stage, ticket: int) -> None:
    with shop.client(ANNA) as anna:
        form = csrf(anna.get(f"{PREFIX}/{ticket}").text)
        for _ in range(2):
            assert anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": form, "text": TEXT}).status_code == 303
        assert len(kept(shop)) == 1
        anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": form, "text": "another thing"})
        assert len(kept(shop)) == 2, "another text from a page out of the browser's memory"
        other = csrf(anna.get(f"{PREFIX}/{ticket}").text)
        anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": other, "text": TEXT})
        assert len(kept(shop)) == 3, "a second honest word is not a repeat"


def test_the_forms_name_is_new_in_every_answer_though_the_page_is_kept(shop: Stage, ticket: int) -> None:
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/{ticket}")
        seen = {csrf(anna.get(f"{PREFIX}/{ticket}").text) for _ in range(5)}
        assert len(seen) == 5
        assert site.FORM_PLACE not in anna.get(f"{PREFIX}/{ticket}").text


def test_a_message_that_names_the_place_of_the_token_does_not_get_it(shop: Stage) -> None:
    """The place is made anew by every process, so that nobody can put it into a link; the nonce's is worth nothing."""
    assert len(site.FORM_PLACE) == 24 and site.FORM_PLACE != "csrf-csrf-csrf-csrf-csrf"


def test_a_strangers_request_takes_no_reply_and_says_what_a_missing_one_says(shop: Stage, ticket: int) -> None:
    shop.prove(BORIS)
    shop.ticket(BORIS, "Mine")
    with shop.client(BORIS) as boris:
        form = token(boris)
        wrote = [
            boris.post(f"{PREFIX}/{number}/reply", data={"csrf": form, "text": TEXT}, files=files(("a.png", b"png")))
            for number in (ticket, 99_999_999, "0", "-1", "07", "x")
        ]
        wrote.append(boris.post(f"{PREFIX}/{ticket}/reply", data={"text": TEXT}))
        asked = [boris.post(f"{PREFIX}/{number}/reply", data={"csrf": form}) for number in (ticket, "0", "x")]
        asked.append(boris.get(f"{PREFIX}/{ticket}"))
    for answers in (wrote, asked):
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
    assert SAFE in wrote[0].text and "nonce" not in wrote[0].text and "?lang=" not in wrote[0].text
    assert kept(shop) == []


def test_nobody_can_be_replied_to_while_it_is_not_known_whose_it_is(shop: Stage, ticket: int) -> None:
    with shop.client(ANNA) as anna:
        form = token(anna)
        anna.get(f"{PREFIX}/")
        shop.tell("faults", kind="status", value="500")
        answer = anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": form, "text": TEXT})
    assert answer.status_code == 503 and text_in(answer.text) == TEXT and kept(shop) == []
    assert "retry-after" in answer.headers and 'http-equiv="refresh"' not in answer.text


def test_a_closed_request_says_what_a_reply_does(shop: Stage, ticket: int) -> None:
    shop.tell("operator/status", ticket_id=ticket, status="closed")
    with shop.client(ANNA) as anna:
        assert anna.get(f"{PREFIX}/{ticket}").text.count("закрыто") == 1, "and once is enough"


# Nobody loses a text.


@pytest.mark.parametrize("path", ["/new", "/{ticket}/reply"])
def test_signed_out_she_gets_her_text_back_signs_in_and_sends_it(shop: Stage, ticket: int, path: str) -> None:
    address = PREFIX + path.format(ticket=ticket)
    written = {"subject": "My «subject»", "text": TEXT, "order": ""}
    with shop.client(ANNA) as anna:
        form, session = token(anna), anna.cookies["PHPSESSID"]
        anna.cookies.clear()
        out = anna.post(address, data={"csrf": form, **written}, files=files(("photo.png", b"png")))
        assert out.status_code == 401 and "location" not in out.headers
        assert text_in(out.text) == TEXT and "My «subject»" in out.text and "photo.png" in out.text
        assert f'action="{address}"' in out.text and 'name="csrf"' not in out.text
        assert 'href="/auth/?backurl=' in out.text and 'target="_blank"' in out.text
        anna.cookies.set("PHPSESSID", session)
        # The page that was given back has no token; one more press, with the token of the account that is signed in.
        lost = re.search(r'name="lost" value="([^"]*)"', out.text)
        assert lost and "Продолжить" in out.text
        back = anna.post(address, data={**written, "lost": unescape(lost[1])})
        assert back.status_code == 403 and text_in(back.text) == TEXT and kept(shop) == []
        assert "осталось его отправить" in back.text and "страница долго" not in back.text
        assert "photo.png" in back.text and 'type="file"' in back.text
        assert anna.post(address, data={"csrf": csrf(back.text), **written}).status_code == 303
    assert len(kept(shop)) == 1


@pytest.mark.parametrize("spoilt", ["", "x", "y" * 100_000, "boris", None])
def test_a_stale_or_foreign_token_gives_the_text_back_with_a_fresh_one(
    shop: Stage, ticket: int, spoilt: str | None
) -> None:
    with shop.client(BORIS) as boris:
        boris_token = token(boris)
    with shop.client(ANNA) as anna:
        for path in ("/new", f"/{ticket}/reply"):
            told = {"csrf": boris_token if spoilt == "boris" else spoilt} if spoilt is not None else {}
            page = anna.post(PREFIX + path, data={**told, "subject": "S", "text": TEXT})
            assert page.status_code == 403 and text_in(page.text) == TEXT
            assert (
                anna.post(PREFIX + path, data={"csrf": csrf(page.text), "subject": "S", "text": TEXT}).status_code
                == 303
            )


def test_a_database_that_is_away_gives_the_text_back(shop: Stage, ticket: int, monkeypatch: MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseAway("gone")

    with shop.client(ANNA) as anna:
        form = token(anna)
        with monkeypatch.context() as patch:
            patch.setattr(writing, "reply", away)
            late = anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": form, "text": TEXT})
        with monkeypatch.context() as patch:
            patch.setattr(sessions.Gate, "sign_in", away)
            early = anna.post(f"{PREFIX}/new", data={"csrf": form, "text": TEXT, "subject": "S"})
        for answer in (early, late):
            assert answer.status_code == 503 and text_in(answer.text) == TEXT and "retry-after" in answer.headers
        assert anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": form, "text": TEXT}).status_code == 303


@pytest.mark.parametrize(
    ("told", "attached", "said"),
    [
        ({"text": ""}, [], "сейчас оно пустое"),
        ({"text": " \r\n\t"}, [], "сейчас оно пустое"),
        ({"text": "x" * (writing.MAX_TEXT + 1)}, [], "слишком длинное"),
        ({"text": TEXT}, [(f"{number}.png", b"x") for number in range(11)], "Файлов слишком много"),
        ({"text": TEXT}, [("huge.png", b"x" * (10 * MB + 1))], "слишком большой"),
        ({"text": TEXT}, [("empty.png", b"")], "пустой"),
        ({"text": TEXT, "subject": ""}, [], "о чём обращение"),
        ({"text": TEXT, "subject": "s" * 201}, [], "Тема слишком длинная"),
        ({"text": TEXT, "order": "B-2000"}, [], "Среди ваших заказов такого нет"),
        ({"text": TEXT, "order": "' OR 1=1 --"}, [], "Среди ваших заказов такого нет"),
    ],
)
def test_what_will_not_do_is_said_and_every_field_survives(
    shop: Stage, orders: None, told: dict[str, str], attached: list[tuple[str, bytes]], said: str
) -> None:
    fields = {"subject": "S & S", "order": "A-1007", **told}
    with shop.client(ANNA) as anna:
        page = anna.post(f"{PREFIX}/new", data={"csrf": token(anna), **fields}, files=files(*attached) or None)
        assert page.status_code == 422 and said in page.text
        assert text_in(page.text) == fields["text"].replace("\r\n", "\n")
        subject = re.search(r'<input id="subject"[^>]* value="([^"]*)"', page.text)
        assert subject and unescape(subject[1]) == fields["subject"]
        assert ('value="A-1007" selected' in page.text) is (fields["order"] == "A-1007")
        assert all(name in page.text for name, _ in attached)
    assert kept(shop) == [] and shop.execute("SELECT * FROM custom_hde_blob") == []


def test_a_text_of_five_megabytes_comes_back_whole(shop: Stage, ticket: int) -> None:
    long = "Мегабайты слов. " * 200_000
    with shop.client(ANNA) as anna:
        for multipart in (None, files(("a.png", b"x"))):
            page = anna.post(
                f"{PREFIX}/{ticket}/reply", data={"csrf": token(anna), "text": long[: 5 * MB // 28]}, files=multipart
            )
            assert page.status_code == 422 and text_in(page.text) == long[: 5 * MB // 28]
        page = anna.post(
            f"{PREFIX}/{ticket}/reply", data={"csrf": token(anna), "text": "x" * 5 * MB}, files=files(("a", b"x"))
        )
        assert page.status_code == 422 and text_in(page.text) == "x" * 5 * MB


def test_exactly_what_is_allowed_is_taken(shop: Stage, ticket: int) -> None:
    attached = [(f"{number}.png", b"%d" % number * 10) for number in range(9)] + [
        ("ten.bin", b"0123456789abcdef" * (10 * MB // 16))
    ]
    long = "ы\n" * (writing.MAX_TEXT // 2)
    with shop.client(ANNA) as anna:
        answer = anna.post(
            f"{PREFIX}/{ticket}/reply",
            data={"csrf": token(anna), "text": long.replace("\n", "\r\n")},
            files=files(*attached),
        )
        assert answer.status_code == 303
    assert shop.execute("SELECT SUM(LENGTH(content)), COUNT(DISTINCT file) FROM custom_hde_blob") == [
        (10 * MB + 90, 10)
    ]


def test_who_sends_too_often_is_told_when_to_come_again(shop: Stage, ticket: int, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "POSTS", ((2, 600),))
    with shop.client(ANNA) as anna:
        answers = [
            anna.post(f"{PREFIX}{path}", data={"csrf": token(anna), "text": TEXT, "subject": "S"})
            for path in (f"/{ticket}/reply", "/new", "/new", f"/{ticket}/reply")
        ]
    assert [answer.status_code for answer in answers] == [303, 303, 429, 429]
    for answer in answers[2:]:
        assert (
            text_in(answer.text) == TEXT and int(answer.headers["retry-after"]) > 0 and "через 10 минут" in answer.text
        )
    assert len(kept(shop)) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "https://cdn.shop.example"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize("signed_in", [True, False])
def test_another_site_gets_nothing_and_not_even_its_own_words_back(
    shop: Stage, ticket: int, headers: dict[str, str], signed_in: bool
) -> None:
    with shop.client(ANNA) as anna:
        form = token(anna)
        assert anna.post(f"{PREFIX}/new", data={"csrf": form, "text": TEXT, "subject": "S"}).status_code == 303
        if not signed_in:
            anna.cookies.clear()
        for path in ("/new", f"/{ticket}/reply"):
            answer = anna.post(PREFIX + path, data={"csrf": form, "text": "canary <b>"}, headers=headers)
            assert answer.status_code == 403 and "canary" not in answer.text and "<form" not in answer.text
    assert len(kept(shop)) == 1


def test_another_sites_upload_is_refused_before_it_is_read(shop: Stage) -> None:
    def upload(taken: list[bytes]) -> Iterator[bytes]:
        for _ in range(3):
            taken.append(b"--x\r\n")
            yield taken[-1]

    with shop.client(ANNA) as anna:
        for origin, status, pieces in (("https://evil.example", 403, 0), (PUBLIC_URL, 400, 3)):
            taken: list[bytes] = []
            headers = {"origin": origin, "content-type": "multipart/form-data; boundary=x"}
            answer = anna.post(f"{PREFIX}/new", content=upload(taken), headers=headers)
            assert (answer.status_code, len(taken)) == (status, pieces)


# A new request.


def test_a_new_request_is_kept_and_shown_with_its_state_until_it_is_there(shop: Stage, orders: None) -> None:
    with shop.client(ANNA) as anna:
        page = anna.get(f"{PREFIX}/new").text
        assert "A-1007 от 1 ноя, 4 590 ₽" in page.replace("\N{NO-BREAK SPACE}", " ")
        told = {"csrf": csrf(page), "subject": " Where\tis it? ", "text": TEXT, "order": "A-1007"}
        answer = anna.post(f"{PREFIX}/new", data=told, files=files(("../../x.png", b"png")))
        assert answer.status_code == 303
        place = answer.headers["location"]
        assert re.fullmatch(f"{PREFIX}/new/[0-9]+", place)
        shown = anna.get(place).text
        assert (
            "Where is it?" in shown
            and SAFE in shown
            and "Отправляется" in shown
            and ">x.png<" in shown
            and "A-1007" in shown
        )
        listed = anna.get(f"{PREFIX}/").text
        assert f'href="{place}"' in listed and "Отправляется" in listed, "Anna's address is not proven, and it is hers"
        job = int(place.rpartition("/")[2])
        shop.execute(
            f"UPDATE custom_hde_outbox SET state = 'done', ticket_id = 55, finished_at = UTC_TIMESTAMP(6) WHERE id = {job}"
        )
        arrived = anna.get(place)
        assert (arrived.status_code, arrived.headers["location"]) == (303, f"{PREFIX}/55")
    ((kind, _, payload),) = kept(shop)
    assert kind == b"desk.request" and b'"order": [7, "A-1007"]' in payload


def test_what_is_on_its_way_is_its_writers_alone(shop: Stage) -> None:
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:
        told = {"csrf": token(anna), "subject": "canary", "text": TEXT}
        place = anna.post(f"{PREFIX}/new", data=told).headers["location"]
        assert "canary" in anna.get(place).text
        hers, missing = boris.get(place), boris.get(f"{PREFIX}/new/99999999")
        assert (hers.status_code, hers.content) == (404, missing.content)
        assert {anna.get(f"{PREFIX}/new/{spelt}").status_code for spelt in ("0", "-1", "01", "x", "1e3")} == {404}
        assert "canary" not in boris.get(f"{PREFIX}/").text
        assert "canary" not in boris.get(f"{PREFIX}/new?again={place.rpartition('/')[2]}").text


def test_a_reply_is_no_request_on_its_way(shop: Stage, ticket: int) -> None:
    with shop.client(ANNA) as anna:
        anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": token(anna), "text": TEXT})
        ((job,),) = shop.execute("SELECT id FROM custom_hde_outbox")
        assert anna.get(f"{PREFIX}/new/{job}").status_code == 404


def test_an_order_is_preselected_when_it_is_hers_and_else_ignored(shop: Stage, orders: None) -> None:
    with shop.client(ANNA) as anna:
        assert 'value="A-1007" selected' in anna.get(f"{PREFIX}/new?order=A-1007").text
        assert 'value="A-0001" selected' in anna.get(f"{PREFIX}/new?order=A-0001").text, "an older one, too"
        for number in ("B-2000", "", "x" * 5000, "%00", "<script>"):
            page = anna.get(f"{PREFIX}/new?order={number}")
            assert page.status_code == 200 and "selected" not in page.text and "B-2000" not in page.text


def test_without_an_address_she_is_told_what_to_do_and_keeps_her_text(shop: Stage) -> None:
    shop.execute(f"UPDATE b_user SET EMAIL = '' WHERE ID = {ANNA}")
    with shop.client(ANNA) as anna:
        page = anna.get(f"{PREFIX}/new").text
        assert "нужен адрес почты" in page and "<form" not in page and 'href="/personal/"' in page
        assert f'href="{PREFIX}/new"' not in anna.get(f"{PREFIX}/").text
        answer = anna.post(f"{PREFIX}/new", data={"subject": "S", "text": TEXT})
        assert SAFE in answer.text and kept(shop) == []


@pytest.mark.parametrize("sight", ["shared", "unproven", "proven"])
def test_whoever_has_an_address_may_open_a_request(shop: Stage, sight: str) -> None:
    if sight == "shared":
        shop.execute(f"UPDATE b_user SET EMAIL = 'anna@shop.example' WHERE ID = {BORIS}")
    if sight == "proven":
        shop.prove(ANNA)
    with shop.client(ANNA) as anna:
        assert f'href="{PREFIX}/new"' in anna.get(f"{PREFIX}/").text
        assert anna.post(f"{PREFIX}/new", data={"csrf": token(anna), "subject": "S", "text": TEXT}).status_code == 303
    assert len(kept(shop)) == 1


# What became of it.


@contextmanager
def settled(shop: Stage, ticket: int, state: str) -> Iterator[Browser]:
    """Anna after her reply, of which this has become."""
    with shop.client(ANNA) as anna:
        anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": token(anna), "text": TEXT}, files=files(("a.png", b"x")))
        shop.execute(f"UPDATE custom_hde_outbox SET state = '{state}', finished_at = UTC_TIMESTAMP(6)")
        yield anna


@pytest.mark.parametrize(
    ("state", "said"),
    [("done", "Отправлено"), ("aside", "Поддержка об этом знает"), ("dead", "Доставить сообщение не получилось")],
)
def test_a_message_says_what_has_become_of_it(shop: Stage, ticket: int, state: str, said: str) -> None:
    with settled(shop, ticket, state) as anna:
        page = anna.get(f"{PREFIX}/{ticket}").text
        assert said in page and SAFE in page and "data-sending" not in page


def test_what_could_not_be_delivered_can_be_written_again(shop: Stage, ticket: int) -> None:
    with settled(shop, ticket, "dead") as anna:
        again = re.search(r'href="([^"]+\?again=\d+)#write"', anna.get(f"{PREFIX}/{ticket}").text)
        assert again
        page = anna.get(unescape(again[1]))
        assert text_in(page.text) == TEXT and "a.png" in page.text
        assert anna.post(f"{PREFIX}/{ticket}/reply", data={"csrf": csrf(page.text), "text": TEXT}).status_code == 303
        assert text_in(anna.get(f"{PREFIX}/{ticket}?again=999").text) == ""


def test_a_request_that_could_not_be_delivered_can_be_written_again(shop: Stage) -> None:
    with shop.client(ANNA) as anna:
        place = anna.post(f"{PREFIX}/new", data={"csrf": token(anna), "subject": "S1", "text": TEXT}).headers[
            "location"
        ]
        shop.execute("UPDATE custom_hde_outbox SET state = 'dead', finished_at = UTC_TIMESTAMP(6)")
        again = re.search(r'href="([^"]+\?again=\d+)#write"', anna.get(place).text)
        assert again
        page = anna.get(again[1]).text
        assert text_in(page) == TEXT and 'value="S1"' in page


# The same once more.

AGAIN = {"subject": "Parcels", "text": TEXT}


def seen(page: str) -> str:
    """The requests that the form has shown already."""
    found = re.search(r'name="seen" value="([^"]*)"', page)
    assert found, "the form does not say what it shows"
    return found[1]


def test_who_asks_the_same_again_is_told_once_and_sends_it_all_the_same(shop: Stage) -> None:
    shop.prove(ANNA)
    ticket = shop.ticket(ANNA, "Where is my parcel?")
    shop.ticket(BORIS, "Boris' parcel")
    with shop.client(ANNA, locale="en") as anna:
        anna.get(f"{PREFIX}/")
        told = anna.post(f"{PREFIX}/new", data={"csrf": token(anna), **AGAIN})
        assert told.status_code == 409 and kept(shop) == []
        assert f'href="{PREFIX}/{ticket}"' in told.text and "Send all the same" in told.text
        assert text_in(told.text) == TEXT and "Boris" not in told.text
        form = {"csrf": csrf(told.text), "seen": seen(told.text)}
        assert form["seen"] == str(ticket)
        there = anna.post(f"{PREFIX}/{ticket}/reply", data=form | AGAIN)
        assert (there.status_code, there.headers["location"]) == (303, f"{PREFIX}/{ticket}#last")
        assert anna.post(f"{PREFIX}/new", data=form | AGAIN).status_code == 303
    assert [kind for kind, _, _ in kept(shop)] == [b"desk.reply", b"desk.request"]


def test_a_silent_help_desk_holds_up_nobody_who_asks_the_same_again(shop: Stage) -> None:
    shop.prove(ANNA)
    shop.ticket(ANNA, "Where is my parcel?")
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
    with shop.client(ANNA) as anna:
        form = {"csrf": token(anna), **AGAIN}
        shop.tell("faults", kind="stall", value=4)
        shop.execute("UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL 3 HOUR")
        began = monotonic()
        assert anna.post(f"{PREFIX}/new", data=form).status_code == 303
        assert monotonic() - began < 2.5


@pytest.mark.parametrize("loss", ["moved", "contact", "address", "withdrawn"])
def test_what_is_his_no_more_is_not_told_as_his(shop: Stage, loss: str) -> None:
    shop.prove(ANNA)
    ticket = shop.ticket(ANNA, "Where is my parcel?")
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
        contact = shop.state.tickets[ticket].user_id
        if loss == "moved":
            shop.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
            shop.databases.run_here(forgetting.forget, ticket, None)
        elif loss == "contact":
            shop.tell("operator/contact", user_id=contact, email="new@shop.example")
            shop.databases.run_here(snapshots.forget, "contacts", EMAILS[ANNA])
        elif loss == "address":
            shop.execute(f"UPDATE b_user SET EMAIL = 'other@shop.example' WHERE ID = {ANNA}")
        else:
            shop.execute(f"UPDATE custom_hde_user_map SET sees = 0 WHERE user_id = {ANNA}")
    with shop.client(ANNA) as again:  # a process that remembers nothing
        assert "parcel?" not in again.get(f"{PREFIX}/").text
        told = again.post(f"{PREFIX}/new", data={"csrf": token(again), **AGAIN})
        assert (told.status_code, "parcel?" in told.text) == (303, False)


@pytest.mark.parametrize(
    ("told", "enclosed"),
    [
        ({"subject": "A wrong colour"}, []),
        ({}, [("a.png", b"png")]),
        ({"seen": "1 2 {ticket}"}, []),
    ],
)
def test_nobody_else_is_held_up(shop: Stage, told: dict[str, str], enclosed: list[tuple[str, bytes]]) -> None:
    shop.prove(ANNA)
    ticket = shop.ticket(ANNA, "Where is my parcel?")
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
        fields = {name: value.format(ticket=ticket) for name, value in told.items()}
        data = {"csrf": token(anna), **AGAIN, **fields}
        assert anna.post(f"{PREFIX}/new", data=data, files=files(*enclosed)).status_code == 303


def test_the_second_of_two_clicks_is_not_told_of_the_first(shop: Stage) -> None:
    shop.prove(ANNA)
    with shop.client(ANNA) as anna:
        data = {"csrf": token(anna), **AGAIN}
        first = anna.post(f"{PREFIX}/new", data=data)
        shop.ticket(ANNA, AGAIN["subject"])
        shop.execute("UPDATE custom_hde_snapshot SET forgotten_at = UTC_TIMESTAMP(6)")
        anna.get(f"{PREFIX}/")
        second = anna.post(f"{PREFIX}/new", data=data)
        assert (second.status_code, second.headers["location"]) == (303, first.headers["location"])
    assert len(kept(shop)) == 1
