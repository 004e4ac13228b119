"""Templates to bytes: every page in every state, both languages."""

import gzip
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from babel.messages.pofile import read_po

from portal import assets
from portal.config import Settings
from portal.web.entered import Entered, given_back
from portal.web.pages import WAITING_SHOWN, Pages, choose_locale, icons, masked, page_numbers, speakable
from portal.web.statics import Statics
from portal.web.talk import talk
from portal.web.urls import Urls
from portal.web.words import LOCALES
from tests.web.states import (
    NOW,
    ORDERS,
    PREFIX,
    conversation,
    every_state,
    make_pages,
    message,
    requests,
    settings,
    ticket,
    written,
)

ROOT = Path(__file__).parent.parent.parent
PAGES, STATICS = make_pages()
STATES = [(locale, name) for locale in LOCALES for name in every_state(locale)]
EVIL = "x\"'><script>P()</script>\u202eexe"


def draw(name: str, locale: str = "ru", **changes: Any) -> str:
    template, context = every_state(locale)[name]
    if template == "requests/show.html" and "view" in changes:
        changes |= {"talk": talk(changes["view"], context["beside"], 1, None)}
    return PAGES.render(template, locale=locale, nonce="the-nonce", **{**context, **changes}).decode()


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<(?:svg.*?</svg|[^>]*)>", " ", html, flags=re.DOTALL)).split())


@pytest.mark.parametrize(("locale", "name"), STATES)
def test_every_page_stands_on_its_own_under_a_strict_policy(locale: str, name: str) -> None:
    page = draw(name, locale)
    assert page.startswith(f'<!doctype html>\n<html lang="{locale}" class="portal">')
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert len(re.findall(r"<main[ >]", page)) == 1
    assert re.search(r"<title>[^<]+</title>", page)
    assert not re.search(r"<style|<script(?! type=\"module\" nonce=)|\sstyle=|\son[a-z]+=|javascript:", page)
    assert set(re.findall(r'(?:src|href|action)="(https?:)?//', page)) <= {"https:"}  # links in messages alone
    assert "None" not in text(page)


@pytest.mark.parametrize(("locale", "name"), STATES)
def test_every_icon_that_a_page_draws_is_in_the_page(locale: str, name: str) -> None:
    page = draw(name, locale)
    assert set(re.findall(r'<use href="#(\w+)"', page)) <= set(re.findall(r'<symbol id="(\w+)"', page))


@pytest.mark.parametrize("name", every_state("ru"))
def test_a_russian_page_is_in_russian_but_for_the_way_to_english(name: str) -> None:
    russian = text(draw(name, "ru")).replace("Русский English", "")
    words = set(re.findall(r"[A-Za-z]{2,}", russian)) - {"shop", "example", "help", "JPG", "PDF", "jpg", "pdf"}
    assert not words
    assert not re.search(r"тикет|HDE", russian, re.IGNORECASE)


def test_every_text_is_translated_and_nothing_else(tmp_path: Path) -> None:
    extracted = tmp_path / "portal.pot"
    command = [
        sys.executable,
        "-m",
        "babel.messages.frontend",
        "-q",
        "extract",
        "-F",
        "babel.cfg",
        "-k",
        "_n:1,2",
        "-o",
        str(extracted),
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    with extracted.open("rb") as source:
        wanted = {entry.id for entry in read_po(source) if entry.id}
    path = ROOT / "portal/locale/ru/LC_MESSAGES/portal.po"
    with path.open("rb") as source:
        catalogue = read_po(source, locale="ru")
    assert {entry.id for entry in catalogue if entry.id} == wanted
    assert not catalogue.obsolete and not catalogue.fuzzy and catalogue.num_plurals == 3
    for entry in catalogue:
        if entry.id:
            said = entry.string if isinstance(entry.string, tuple) else (entry.string,)
            asked = entry.id if isinstance(entry.id, tuple) else (entry.id,)
            assert len(said) == (3 if len(asked) == 2 else 1) and all(said), entry.id
            assert not entry.fuzzy and not list(entry.check(catalogue)), entry.id
            assert {frozenset(re.findall(r"%\(\w+\)[sd]", each)) for each in (*said, *asked)} == {
                frozenset(re.findall(r"%\(\w+\)[sd]", asked[0]))
            }, entry.id


def test_numbers_are_counted_as_the_language_counts() -> None:
    for total, said in ((1, "1 обращение"), (3, "3 обращения"), (11, "11 обращений"), (21, "21 обращение")):
        view = requests(1, total=total)
        assert said in text(draw("list-one", view=view))
    assert "1 request " in text(draw("list-one", "en"))


def test_a_row_says_number_subject_state_way_in_and_when_it_changed() -> None:
    row = text(re.findall(r"<li class=.*?</li>", draw("list-many"), re.DOTALL)[0])
    assert row == "Где моя посылка? Ждёт вашего ответа Обновлено: 2 часа назад № 10499 · по почте"


def test_a_request_without_a_reply_date_shows_its_last_change() -> None:
    view = requests()
    view.tickets = (ticket(1, last_reply_at=None),)
    assert "2 часа назад" in text(draw("list-one", view=view))


def test_a_request_shows_the_later_of_its_last_reply_and_its_last_change() -> None:
    view = requests()
    view.tickets = (ticket(1, last_reply_at=NOW - timedelta(days=3)),)
    assert "2 часа назад" in text(draw("list-one", view=view)), "the list is sorted by changes"
    view.tickets = (ticket(1, last_reply_at=NOW - timedelta(minutes=3)),)
    assert "3 минуты назад" in text(draw("list-one", view=view))


def test_a_row_with_a_reply_on_its_way_says_so_instead_of_its_state() -> None:
    found = [text(row) for row in re.findall(r"<li class=.*?</li>", draw("list-replies"), re.DOTALL)]
    states = ["Отправляется", "Отправлено", "Проверяется", "Не отправлено", "Будет отправлено"]
    for row, state in zip(found, states, strict=True):
        assert f" {state} Обновлено: " in row
    assert "Ждёт вашего ответа" not in " ".join(found) and "Обновлено: только что" in found[0]


def test_hostile_names_and_subjects_are_shown_as_text() -> None:
    evil = replace(ticket(6), subject=EVIL, number=EVIL, status_name=EVIL)
    view = requests()
    view.tickets = (evil,)
    talk = conversation(1)
    hostile = message(2, author_name=EVIL, files=(replace(message(1).files[0], name=EVIL),))
    talk.conversation = replace(talk.conversation, ticket=evil, messages=(hostile,))
    shown = "x&#34;&#39;&gt;&lt;script&gt;P()&lt;/script&gt;exe"
    for page, times in ((draw("list-one", view=view), 3), (draw("show", view=talk), 6)):
        assert page.count(shown) == times
        assert page.count(f"<bdi>{shown}</bdi>") + page.count(f'<bdi class="name">{shown}</bdi>') >= 2
        assert "<script>P" not in page and "\u202e" not in page
    assert "<script>P" not in draw("list-unproven", view=requests(sight="unproven", email=f"<script>P@{EVIL}"))


def test_a_message_names_its_author_and_files_go_through_us() -> None:
    page = draw("show")
    said = text(page)
    assert "Вы 20 ноя, 12:03 Здравствуйте! Заказ A-1007" in said
    assert "Поддержка, Иван 20 ноя, 13:03 Анна, здравствуйте." in said
    assert f'href="{PREFIX}/1/files/a%2F1" download' in page
    assert "квитанция.jpg JPG 1,2 МБ" in said
    assert "Поддержка 20 ноя, 13:03" in text(draw("show", view=with_message(author_name="")))


def with_message(**changes: Any) -> Any:
    view = conversation(1)
    view.conversation = replace(view.conversation, messages=(message(2, **changes),))
    return view


def test_the_owner_is_told_why_he_sees_nothing() -> None:
    assert "a…@shop.example" in draw("list-unproven")
    assert "anna@shop.example" not in draw("list-unproven")
    assert f'action="{PREFIX}/prove"' in draw("list-unproven") and 'name="csrf" value="token"' in draw("list-unproven")
    assert "<form" not in draw("list-unproven-no-mail")
    assert "двух учётных записях" in draw("list-shared")
    assert "нет адреса почты" in draw("list-no-email")
    assert "Обращений пока нет" in draw("list-empty")


def test_a_page_being_fetched_looks_again_without_the_script_and_then_stops() -> None:
    assert '<noscript><meta http-equiv="refresh" content="3;url=?try=1"></noscript>' in draw("list-pending")
    assert 'data-pending="10"' in draw("list-pending")
    assert 'url=?try=4">' in draw("show-pending", attempt=3)
    assert 'content="30;url=?try=1"' in draw("list-away")
    assert "refresh" not in draw("list-late") and "data-pending" not in draw("list-late")
    assert "дольше, чем обычно" in text(draw("list-late"))
    assert '<a class="button quiet" href="?">' in draw("list-late", attempt=10)  # and begins to count anew
    assert 'content="3;url=?page=2&amp;try=1"' in draw("list-pending", view=requests(pending=True, as_of=None, page=2))


def test_an_old_copy_tells_its_age() -> None:
    for name in ("list-stale", "show-stale"):
        assert "По состоянию на 14:03 . Служба поддержки сейчас не отвечает" in text(draw(name))
    assert "не отвечает" not in text(draw("list-many"))


def test_error_pages_need_nothing_and_echo_nothing() -> None:
    for status in (400, 403, 404, 405, 413, 429, 500, 503, 418):
        pages = {PAGES.render("error.html", locale="ru", nonce=nonce, status=status) for nonce in ("", "a", "b")}
        assert len(pages) == 1
        assert b"nonce" not in pages.pop()
    assert b'href="?lang=en"' in PAGES.render("error.html", locale="ru", status=404)


def test_what_is_said_once_is_said_only_by_name() -> None:
    assert "Спасибо, адрес подтверждён" in text(draw("list-proven"))
    assert 'role="status"' not in draw("list-one", flash="<b>something else</b>")


def test_the_first_view_weighs_less_than_fifty_kilobytes() -> None:
    page = draw("list-many", view=requests(30, page=2, pages=9, total=243)).encode()
    statics = Statics(assets.folder("static"), "")
    names = [statics.url(name).rpartition("/")[2] for name in ("app.css", "app.js")]
    files = [statics.get(name, gzip=True) for name in names]
    assert len(gzip.compress(page)) + sum(len(file.body) for file in files if file) < 50_000 and all(files)
    assert len(gzip.compress(page)) < 6_000


def test_letters_are_whole_in_both_languages() -> None:
    given = {"link": "https://shop.example/personal/requests/prove/a.b-c?x=1&y=2", "shop": "shop.example", "hours": 2}
    for locale, hello in (("ru", "Здравствуйте, Анна Мария."), ("en", "Hello, Анна Мария.")):
        letter, html = (
            PAGES.render(f"email/prove.{kind}", locale=locale, name="Анна Мария", **given).decode()
            for kind in ("txt", "html")
        )
        assert hello in letter and given["link"] in letter
        assert hello in text(html) and 'href="https://shop.example/personal/requests/prove/a.b-c?x=1&amp;y=2"' in html
        subject = PAGES.render("email/prove.subject.txt", locale=locale, name="", **given).decode()
        assert "shop.example" in subject and "\n" not in subject.strip()


@pytest.mark.parametrize(
    ("name", "may"),
    [("Анна", True), ("Jean-Luc O’Neil", True), ("", False), ("evil.example", False), ("Вы выиграли 1000", False),
     ("http://evil.example", False), ("a b c d e", False), ("Анна\nBcc: x", False), ("x" * 50, False)],
)  # fmt: skip
def test_a_letter_greets_by_a_name_and_by_nothing_else(name: str, may: bool) -> None:
    assert speakable(name) is may
    letter = PAGES.render(
        "email/prove.txt", locale="en", link="https://a.example/", shop="a", hours=1, name=name
    ).decode()
    assert (name in letter if may else letter.startswith("Hello.")) and letter.count("http") == 1


@pytest.mark.parametrize(
    ("cookie", "shop", "accept", "chosen"),
    [
        ("en", "ru", "ru", "en"),
        ("xx", "en", "ru", "en"),
        (None, "ua", "en-GB,ru;q=0.5", "en"),
        (None, None, "de, ru;q=0.3, en;q=0.8", "en"),
        (None, None, "ru;q=0, en;q=0.1", "en"),
        (None, None, "en;q=0.5, ru;q=0.5", "en"),
        (None, None, "eng, ruin", "ru"),
        (None, None, "en;q=x", "ru"),
        ("", "", "", "ru"),
        (None, "en-US", None, "en"),
        (None, "english", None, "ru"),
        (None, None, "," * 10_000 + "en", "ru"),
    ],
)
def test_the_language_is_the_first_that_somebody_asked_for(
    cookie: str | None, shop: str | None, accept: str | None, chosen: str
) -> None:
    assert choose_locale(cookie, shop, accept, "ru") == chosen


@pytest.mark.parametrize(
    ("email", "shown"),
    [("anna@shop.example", "a…@shop.example"), ("", "…"), ("@", "…@"), ("no", "…no")],
)
def test_an_address_is_masked(email: str, shown: str) -> None:
    assert masked(email) == shown


@pytest.mark.parametrize(
    ("page", "pages", "drawn"),
    [(1, 1, [1]), (1, 3, [1, 2, 3]), (2, 9, [1, 2, 3, None, 9]), (4, 9, [1, 2, 3, 4, 5, None, 9]), (5, 9, [1, None, 4, 5, 6, None, 9]),
     (9, 9, [1, None, 8, 9]), (7, 9, [1, None, 6, 7, 8, 9])],
)  # fmt: skip
def test_page_numbers_show_the_ends_and_the_neighbours(page: int, pages: int, drawn: list[int | None]) -> None:
    assert page_numbers(page, pages) == drawn


def test_addresses_stay_under_the_prefix_whatever_an_id_says() -> None:
    urls = Urls("/personal/requests")
    assert urls.file(1, "../../x?y#z") == "/personal/requests/1/files/..%2F..%2Fx%3Fy%23z"
    assert urls.follow("a/b") == "/personal/requests/prove/a%2Fb"
    assert (urls.home, Urls("/requests").home) == ("/personal/", "/")
    assert (urls.page(1), urls.page(3)) == ("/personal/requests/", "/personal/requests/?page=3")


def test_an_icon_that_is_not_drawn_is_an_error() -> None:
    with pytest.raises(KeyError):
        icons("<svg></svg>", "nothing")


def test_a_request_that_was_just_opened_looks_again_by_itself_and_has_no_form_to_disturb() -> None:
    page = draw("show-opened")
    assert "data-pending" in page and "<form" not in page and "получила ваше обращение" in text(page)
    assert "data-pending" not in draw("show-away-written") and "<form" in draw("show-away-written")


def test_where_a_form_is_given_back_no_link_leads_to_an_address_that_takes_only_forms() -> None:
    for name in ("show-problems", "show-form-stale", "show-unknown", "new-problems", "back-signed-out"):
        assert not re.findall(r'href="\?[^"]*"|refresh', draw(name)), name


def test_a_problem_is_tied_to_its_field() -> None:
    page = draw("new-problems")
    for field, names in (
        ("subject", "wrong-no_subject wrong-long_subject"),
        ("order", "wrong-not_his_order"),
        ("text", "wrong-no_text wrong-long_text"),
    ):
        assert re.search(rf'id="{field}"[^>]* aria-describedby="{names}" aria-invalid="true"', page), field
        assert all(f'id="{name}"' in page for name in names.split())
    assert "aria-invalid" not in draw("new") and "<title>Не отправлено: " in page
    assert 'aria-describedby="text-hint"' in draw("show-closed")


def test_money_and_numbers_are_written_as_the_language_writes_them() -> None:
    page = draw("new").replace("\N{NO-BREAK SPACE}", " ")
    assert "A-1007 от 14 ноя, 4 590 ₽" in page and "A-0990 от 19 окт 2025, 1 299,50 ₽" in page
    english = draw("new", "en").replace("\N{NO-BREAK SPACE}", " ")
    assert "A-1007 of 14 Nov, RUB 4,590" in english and "RUB 1,299.50" in english
    assert "20 000 символов" in draw("new-problems").replace("\N{NO-BREAK SPACE}", " ")
    assert "20,000 characters" in draw("new-problems", "en")


def test_the_field_is_called_an_answer_only_where_one_is_waited_for() -> None:
    assert ">Ваш ответ</label>" in draw("show") and ">Сообщение</label>" not in draw("show")
    for name in ("show-in-progress", "show-closed", "show-away-written"):
        assert ">Сообщение</label>" in draw(name) and "Ваш ответ" not in draw(name), name


def test_how_many_files_are_too_many_is_said() -> None:
    assert "больше 10 файлов. Лишних: 1." in text(draw("new-problems"))
    assert "Лишних: 1" not in draw("new")
    assert given_back({}, ["a.png"] * 13).extra == 3 and given_back({}, ["a.png"] * 10).extra == 0


def test_of_many_messages_on_their_way_the_newest_are_drawn_and_the_others_counted() -> None:
    page = draw("show-many-written")
    assert page.count("data-sending") == WAITING_SHOWN and "Ещё 13 ваших сообщений в пути." in text(page)
    assert page.count('id="last"') == 1
    few = conversation(2, written=tuple(written(n) for n in range(WAITING_SHOWN)))
    assert "в пути" not in draw("show-many-written", view=few)


def test_a_text_that_is_too_long_is_never_cut_by_the_browser() -> None:
    for name in ("new", "show", "back-signed-out"):
        assert "maxlength" not in draw(name) and 'data-limit="20000"' in draw(name)


def test_the_way_to_the_other_language_keeps_the_order() -> None:
    page = draw("new", entered=Entered(order="A-1 & 2"), orders=[replace(ORDERS[0], number="A-1 & 2")])
    assert 'href="?order=A-1%20%26%202&lang=en"' in page and "?lang=" not in page
    assert 'href="?lang=en"' in draw("new") and "nobody" not in draw("new", entered=Entered(order="nobody"))


def test_a_draft_is_kept_apart_by_the_order_that_is_preselected() -> None:
    assert 'data-draft="7:new:A-0990"' in draw("new", entered=Entered(order="A-0990"))
    assert 'data-draft="7:new"' in draw("new", entered=Entered(order="nobody's"))
    assert 'data-done="7:new"' in draw("kept", flash="written") and 'data-done="7:new"' in draw("show-opened")


def test_a_template_and_a_sheet_of_the_shops_stand_in_for_ours(tmp_path: Path) -> None:
    (tmp_path / "error.html").write_text(
        '{% extends "base.html" %}{% block title %}Лавка{% endblock %}{% block main %}<h1>{{ status }} лавки</h1>{% endblock %}'
    )
    (tmp_path / "shop.css").write_text(".portal { --accent: tan }")
    statics = Statics(assets.folder("static"), PREFIX, str(tmp_path))
    shops = SimpleNamespace(**{**vars(settings()), "templates": str(tmp_path)})
    pages = Pages(cast(Settings, shops), statics)
    page = pages.render("error.html", locale="ru", status=404).decode()
    assert "<h1>404 лавки</h1>" in page and f'href="{statics.url("app.css")}"' in page
    assert statics.text("app.css").endswith(".portal { --accent: tan }")
    template, given = every_state("ru")["list-one"]
    assert "Мои обращения" in pages.render(template, locale="ru", nonce="n", **given).decode(), "all others are ours"
    assert "404 лавки" not in PAGES.render("error.html", locale="ru", status=404).decode()
