"""The widget over HTTP: one script for everybody, and who is signed in for the shop's own pages alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.errors import DatabaseAway
from portal.tokens import Tokens
from portal.web.visitor import Visitors
from portal.web.widget_script import widget_script
from tests.stage import ANNA, BORIS, EMAILS, PREFIX, Stage, stage

SCRIPT, IDENTITY = f"{PREFIX}/widget.js", f"{PREFIX}/widget/identity"
TOKENS = Tokens(["a-key-for-tests-only"])


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        yield made


def carried(answer: dict[str, Any]) -> Any:
    found = TOKENS.open_dated("widget", answer["custom_fields"]["portal_token"])
    assert found
    return found[:2]


def test_anna_is_told_as_the_widget_takes_it(shop: Stage) -> None:
    with shop.client(ANNA) as anna:
        first, second = anna.get(IDENTITY), anna.get(IDENTITY)
    told = first.json()
    assert (told["user_email"], told["user_name"]) == (EMAILS[ANNA], "Anna")
    assert told["custom_fields"]["bitrix_user_id"] == "7"
    assert set(told) == {"user_email", "user_name", "custom_fields"}
    user, jti = carried(told)
    assert user == str(ANNA) and jti != carried(second.json())[1], "each page has a token of its own"
    assert first.headers["content-type"] == "application/json"
    assert "no-store" in first.headers["cache-control"] and "cookie" in first.headers["vary"].lower()


@pytest.mark.parametrize("cookie", ["", "PHPSESSID=nobody", "PHPSESSID=../../x", "a=b; PHPSESSID=\x00", "x" * 9000])
def test_signed_out_is_an_empty_object_and_no_error(shop: Stage, cookie: str) -> None:
    with shop.client() as nobody:
        answer = nobody.get(IDENTITY, headers={"cookie": cookie} if cookie else {})
    assert (answer.status_code, answer.json()) == (200, {})
    assert "no-store" in answer.headers["cache-control"] and "cookie" in answer.headers["vary"].lower()


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "SAME-ORIGIN", "same-origin, cross-site"])
def test_another_site_is_told_nothing_though_anna_is_signed_in(shop: Stage, site: str) -> None:
    with shop.client(ANNA) as anna:
        answer = anna.get(IDENTITY, headers={"sec-fetch-site": site, "origin": "https://evil.example"})
        ours = anna.get(IDENTITY, headers={"sec-fetch-site": "same-origin"})
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert ours.json()["user_email"] == EMAILS[ANNA], "the control"


def test_no_answer_lets_another_origin_read_it(shop: Stage) -> None:
    with shop.client(ANNA) as anna:
        for path in (IDENTITY, SCRIPT):
            headers = anna.get(path, headers={"origin": "https://evil.example"}).headers
            assert not [name for name in headers if name.startswith("access-control-")]
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
        assert anna.options(IDENTITY, headers={"origin": "https://evil.example"}).status_code in (204, 405)


def test_asking_changes_nothing_and_does_not_prolong_the_session(shop: Stage) -> None:
    shop.ticket(ANNA)
    with shop.client(ANNA, widget="contact") as anna:

        def whole() -> str:
            tables = [row[0] for row in shop.execute("SHOW TABLES")]
            sums = shop.execute(f"CHECKSUM TABLE {', '.join(tables)}")
            files = sorted((path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in shop.sessions.iterdir())
            return hashlib.sha256(repr((sums, files)).encode()).hexdigest()

        before, calls = whole(), shop.calls()
        for _ in range(20):
            answer = anna.get(IDENTITY)
            anna.get(SCRIPT)
        assert answer.json()["user_email"] and "set-cookie" not in answer.headers
        assert whole() == before and shop.calls() == calls
        shop.prove(ANNA)
        assert whole() != before, "the control"


def test_a_database_that_is_away_is_503_in_json(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise DatabaseAway("error 2003")

    with shop.client(ANNA, widget="contact") as anna:
        monkeypatch.setattr(Visitors, "of", away)
        answer, script = anna.get(IDENTITY), anna.get(SCRIPT)
    assert (answer.status_code, answer.json()) == (503, {"title": "Service Unavailable", "status": 503})
    assert "no-store" in answer.headers["cache-control"] and answer.headers["retry-after"]
    assert script.status_code == 200, "the script needs no database"


def test_the_script_is_one_for_everybody_and_says_nothing_of_anybody(shop: Stage) -> None:
    with shop.client(ANNA, widget="contact") as anna, shop.client(BORIS, widget="contact") as boris:
        scripts = [anna.get(SCRIPT), boris.get(SCRIPT), anna.get(SCRIPT, headers={"accept-language": "en"})]
    assert len({script.content for script in scripts}) == 1
    assert scripts[0].headers["content-type"] == "text/javascript; charset=utf-8"
    assert "set-cookie" not in scripts[0].headers and "vary" not in scripts[0].headers
    assert not re.search(r"anna|boris|@shop|eval\(|innerHTML|a-key-for", scripts[0].text)


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"other",W/{}', "*"])
def test_a_browser_that_has_the_script_is_told_so(shop: Stage, form: str) -> None:
    with shop.client(widget="contact") as nobody:
        whole = nobody.get(SCRIPT)
        again = nobody.get(SCRIPT, headers={"if-none-match": form.format(whole.headers["etag"])})
        other = nobody.get(SCRIPT, headers={"if-none-match": '"other"'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == whole.headers["etag"]
    assert int(re.findall(r"max-age=(\d+)", whole.headers["cache-control"])[0]) <= 3600
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (
            {"widget": "contact", "hde_url": "https://x.helpdeskeddy.com/api/v1"},
            {
                '"id": "hde-contact-widget"',
                '"src": "//cdn5.helpdeskeddy.com//js/contact-widget.js"',
                '"data-assets-host": "//cdn5.helpdeskeddy.com/"',
                '"data-host": "x.helpdeskeddy.com"',
                '"data-lang": "ru"',
            },
        ),
        (
            {"widget": "chat", "hde_url": "https://help.shop.example/api/v2", "locale": "en"},
            {
                '"id": "hde-chat-widget"',
                '"src": "https://cdn5.helpdeskeddy.com/js/modules/chat_widget/hde.js"',
                '"data-host": "help.shop.example"',
                '"data-lang": "en"',
                '"data-position": "bottom-right"',
            },
        ),
        (
            {"widget": "contact", "widget_script": "https://help.shop.example/w.js?v=1"},
            {'"src": "https://help.shop.example/w.js?v=1"', '"data-assets-host": "https://help.shop.example/"'},
        ),
        (
            {"widget": "contact", "prefix": "/help/mine"},
            {'"/help/mine/widget/identity"'},
        ),
    ],
)
def test_the_script_loads_the_vendors_own_embed(shop: Stage, settings: dict[str, str], wanted: set[str]) -> None:
    body = widget_script(shop.settings_with(**settings)).body.decode()
    assert not [piece for piece in wanted if piece not in body], body


def test_without_a_widget_the_script_does_nothing(shop: Stage) -> None:
    with shop.client(ANNA) as anna:
        script = anna.get(SCRIPT)
    assert script.status_code == 200 and "".join(line for line in script.text.splitlines() if line[:2] != "//") == ""


def test_in_v2_a_proven_customer_gets_a_visitor_id_and_nobody_else(database_url: str, tmp_path: Path) -> None:
    with stage(database_url, tmp_path, "v2") as shop:
        shop.prove(ANNA)
        with shop.client(ANNA, widget="chat") as anna, shop.client(BORIS, widget="chat") as boris:
            told = [anna.get(IDENTITY).json() for _ in range(5)]
            assert "visitor_id" not in boris.get(IDENTITY).json()
        minted = [entry for entry in shop.state.journal.entries if "visitor" in entry.path]
    assert len({one["visitor_id"] for one in told}) == len(minted) == 1


def test_a_help_desk_that_is_away_costs_the_visitor_id_and_nothing_else(database_url: str, tmp_path: Path) -> None:
    with stage(database_url, tmp_path, "v2") as shop:
        shop.prove(ANNA)
        shop.tell("faults", kind="status", value="503")
        with shop.client(ANNA, widget="chat") as anna:
            told = [anna.get(IDENTITY).json() for _ in range(5)]
        asked = [entry for entry in shop.state.journal.entries if "visitor" in entry.path]
    assert {one["user_email"] for one in told} == {EMAILS[ANNA]} and not [one for one in told if "visitor_id" in one]
    assert len(asked) == 1
