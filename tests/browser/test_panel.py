"""The operator's panel in a real browser: another site frames it, and third-party cookies are blocked.

What it shows is a stub here; how it is opened, kept and closed is what these tests are about.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Request, Response, expect

from portal import snippets
from portal.sandbox.helpdesk.plugin import Plugin
from portal.sandbox.people import ANNA
from portal.service import panel_doors
from portal.service.panel_doors import Link
from tests.browser.conftest import ARGUMENTS, program
from tests.browser.origin import DESK_HOST, EVIL_HOST, PREFIX, Origin
from tests.browser.watch import WIDE, violations
from tests.panel_stub import SECRET, TOKENS, stubbed

pytestmark = pytest.mark.browser

PANEL = f"{PREFIX}/panel"
COOKIE = "PHPSESSID"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, object]]:
    with stubbed(tmp_path / "templates") as told:
        yield {"panel_secrets": SECRET, "templates": told["templates"]}


class Operator:
    """A browser at the help desk. `asked`: every request of it."""

    def __init__(self, context: BrowserContext, origin: Origin) -> None:
        self.context, self.origin = context, origin
        self.asked: list[Request] = []
        self.answers: list[Response] = []
        self.told: list[str] = []
        context.set_default_timeout(10_000)
        context.on("request", self._asks)
        context.on("response", self._answered)
        context.on("console", lambda line: self.told.append(line.text))
        context.on("weberror", lambda error: self.told.append(str(error.error)))
        self.page: Page = context.new_page()

    def _asks(self, request: Request) -> None:
        self.asked.append(request)

    def _answered(self, answer: Response) -> None:
        self.answers.append(answer)

    @property
    def plugin(self) -> FrameLocator:
        return self.page.frame_locator("#plugin")

    @property
    def panel(self) -> FrameLocator:
        return self.plugin.frame_locator("iframe")

    def read(self, ticket: int) -> None:
        """Go to a ticket of the help desk."""
        self.page.goto(f"{self.origin.desk}/_sandbox/desk/{ticket}")

    def must_see(self, what: str, where: str = "#sheet") -> None:
        expect(self.panel.locator(where)).to_contain_text(what)

    def tokens(self) -> list[str]:
        """Those that the plugin has got."""
        links = [answer for answer in self.answers if answer.url.endswith("/_sandbox/desk/request")]
        return [answer.json()["data"]["token"] for answer in links if answer.json()["status"] == 201]


@pytest.fixture
def plugged(origin: Origin) -> Origin:
    """The plugin is set up in the help desk, as its administrator does it."""
    html = snippets.plugin(origin.address, PREFIX)
    origin.state.plugin = Plugin(html, asks=origin.address, secrets={"SECRET": SECRET})
    return origin


@contextmanager
def working(chromium: Browser, origin: Origin, **how: Any) -> Iterator[Operator]:
    """An operator at work. A context of Playwright's is off the record, where Chromium blocks third-party cookies."""
    with chromium.new_context(viewport=WIDE, locale="ru-RU", **how) as context:
        yield Operator(context, origin)


@pytest.fixture
def ivan(chromium: Browser, plugged: Origin) -> Iterator[Operator]:
    with working(chromium, plugged) as operator:
        yield operator
        assert not [answer.url for answer in operator.answers if PANEL in answer.url and "set-cookie" in answer.headers]


def panels(origin: Origin) -> list[tuple[Any, ...]]:
    return origin.rows("SELECT operator, ticket_id FROM custom_hde_panel_handle ORDER BY opened_at")


def link(ticket: int = 10) -> str:
    return panel_doors.mint(TOKENS, Link("ivan", ticket))[0]


def test_the_panel_stands_beside_the_ticket_and_its_forms_work(ivan: Operator, plugged: Origin) -> None:
    ticket = plugged.ticket(ANNA.login)
    ivan.read(ticket)
    ivan.must_see(f"ticket_id={ticket}")
    ivan.panel.locator("#account-8").click()
    ivan.must_see("user_id=8")
    ivan.panel.locator("[name=q]").fill("анна")
    ivan.panel.get_by_role("button", name="find").click()
    ivan.must_see("found for анна", "#found")
    ivan.must_see("user_id=8")
    who = plugged.state.operators()[0].id
    assert panels(plugged) == [(str(who).encode(), ticket)], "the operator is whom the help desk's page names"
    assert len(ivan.tokens()) == 1 and not [line for line in ivan.told if "rror" in line]
    assert SECRET not in "".join(answer.text() for answer in ivan.answers if answer.url.startswith(plugged.desk))


def test_an_operator_whom_the_page_does_not_name_is_whom_the_plugins_variable_does(
    ivan: Operator, plugged: Origin
) -> None:
    """Or nobody in particular; whatever it is, it opens."""
    ticket = plugged.ticket(ANNA.login)
    nameless = "document.addEventListener('DOMContentLoaded', () => document.getElementById('ticketAppInitialState')?.remove())"
    ivan.page.add_init_script(nameless)
    for number, (said, kept) in enumerate(
        ((" \u2014\tИван 🙂", "Иван 🙂"), ("", "unknown"), ("🙂", "unknown"), ("я" * 120, "я" * 100))
    ):
        plugged.state.plugin.shown = {"OPERATOR": said}
        ivan.read(ticket)
        ivan.must_see(f"ticket_id={ticket}")
        assert panels(plugged)[number] == (kept.encode(), ticket)


def test_another_ticket_has_a_panel_of_its_own(ivan: Operator, plugged: Origin) -> None:
    first, second = plugged.ticket(ANNA.login, "First"), plugged.ticket(ANNA.login, "Second")
    ivan.read(first)
    ivan.must_see(f"ticket_id={first}")
    ivan.page.locator(f"[data-ticket='{second}']").click()
    ivan.must_see(f"ticket_id={second}")
    expect(ivan.plugin.locator("iframe")).to_have_count(1)
    assert [ticket for _who, ticket in panels(plugged)] == [first, second]
    assert len(set(ivan.tokens())) == 2


def test_a_panel_that_has_ended_says_so_and_opens_again_by_a_click(ivan: Operator, plugged: Origin) -> None:
    ticket = plugged.ticket(ANNA.login)
    ivan.read(ticket)
    ivan.must_see(f"ticket_id={ticket}")
    plugged.execute("UPDATE custom_hde_panel_handle SET seen_at = seen_at - INTERVAL 31 MINUTE")
    ivan.panel.locator("#account-8").click()
    expect(ivan.panel.locator("h1")).to_have_text("Панель закрыта")
    assert len(panels(plugged)) == 1, "nothing opens by itself, or it would never end"
    ivan.panel.get_by_role("button", name="Открыть заново").click()
    ivan.must_see(f"ticket_id={ticket}")
    assert len(panels(plugged)) == 2


def test_only_the_panel_itself_can_ask_for_a_new_link(ivan: Operator, plugged: Origin) -> None:
    ticket = plugged.ticket(ANNA.login)
    ivan.read(ticket)
    ivan.must_see(f"ticket_id={ticket}")
    ivan.page.evaluate("frames[0].postMessage({portal: 'ended'}, '*')")
    ivan.page.evaluate("frames[0].eval(`postMessage({portal: 'ended'}, '*')`)")
    ivan.page.wait_for_timeout(300)
    assert len(ivan.tokens()) == 1


def test_a_wrong_secret_is_told_and_another_try_helps(ivan: Operator, plugged: Origin) -> None:
    ticket = plugged.ticket(ANNA.login)
    plugged.state.plugin.secrets["SECRET"] = "not-the-secret-of-the-portal"
    ivan.read(ticket)
    expect(ivan.plugin.locator("#said")).to_contain_text("SECRET")
    plugged.state.plugin.secrets["SECRET"] = SECRET
    ivan.plugin.get_by_role("button", name="Повторить").click()
    ivan.must_see(f"ticket_id={ticket}")
    expect(ivan.plugin.locator("#said")).to_be_hidden()


def test_a_help_desk_at_another_address_learns_why_there_is_nothing(ivan: Operator, plugged: Origin) -> None:
    ticket = plugged.ticket(ANNA.login)
    ivan.page.clock.install()
    ivan.page.goto(f"{plugged.desk.replace(DESK_HOST, '127.0.0.1')}/_sandbox/desk/{ticket}")
    expect(ivan.plugin.locator("iframe")).to_have_count(1)
    ivan.page.wait_for_timeout(500)
    ivan.page.clock.fast_forward(11_000)
    expect(ivan.plugin.locator("#said")).to_contain_text("PORTAL_HDE_ORIGIN")


FRAMES = """<!doctype html><iframe name="by-path" src="{address}{panel}/{first}"></iframe>
<iframe name="by-form"></iframe><form method="post" action="{address}{panel}" target="by-form">
<input name="token" value="{second}"></form><script>document.forms[0].submit()</script>"""


@pytest.mark.parametrize("foreign", [True, False], ids=["foreign", "control"])
def test_no_other_origin_frames_it(ivan: Operator, plugged: Origin, foreign: bool) -> None:
    """Not even one that has got a link; the same page at another name of the same machine."""
    host = plugged.desk.replace(DESK_HOST, EVIL_HOST) if foreign else plugged.desk
    body = FRAMES.format(address=plugged.address, panel=PANEL, first=link(), second=link(11))
    plugged.state.plugin.html = body
    ivan.page.goto(f"{host}/_sandbox/desk/plugin", wait_until="networkidle")
    for name in ("by-path", "by-form"):
        shown = ivan.page.frame_locator(f"[name={name}]").locator("#sheet")
        expect(shown).to_have_count(0 if foreign else 1)
    refused = [line for line in ivan.told if "frame-ancestors" in line]
    assert len(refused) == (2 if foreign else 0)


def history_of(page: Page) -> list[str]:
    """Every address in the tab's history, as the browser itself would show it."""
    told = page.context.new_cdp_session(page).send("Page.getNavigationHistory")
    return [entry["url"] for entry in told["entries"]]


def test_a_link_is_nowhere_to_be_found_afterwards(
    ivan: Operator, plugged: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ticket = plugged.ticket(ANNA.login)
    ivan.read(ticket)
    ivan.must_see(f"ticket_id={ticket}")
    ivan.panel.locator("#account-8").click()
    ivan.must_see("user_id=8")
    tokens = [*ivan.tokens(), by_path := link()]
    ivan.page.goto(f"{plugged.address}{PANEL}/{by_path}")
    ivan.page.locator("#account-7").click()
    expect(ivan.page.locator("#sheet")).to_contain_text("user_id=7")
    ivan.page.goto(f"{plugged.address}/")
    assert len(tokens) == 2 and len(panels(plugged)) == 2
    carried = [request for request in ivan.asked if any(token in request.url for token in tokens)]
    assert [request.url for request in carried] == [f"{plugged.address}{PANEL}/{by_path}"]
    for request in ivan.asked:
        headers = request.all_headers()
        assert not any(token in headers.get("referer", "") for token in tokens), request.url
        assert request.url.startswith(plugged.desk) or plugged.desk not in headers.get("referer", "")
    kept = json.dumps(history_of(ivan.page)) + caplog.text
    assert "/_sandbox/desk/" in kept and PANEL in kept, "the control: there is a history"
    assert not any(token in kept for token in tokens)


@pytest.mark.parametrize("language", ["ru-RU", "en-GB"])
def test_a_page_that_refuses_is_for_everybody(chromium: Browser, plugged: Origin, language: str) -> None:
    with chromium.new_context(locale=language, viewport={"width": 320, "height": 600}) as context:
        page = context.new_page()
        page.goto(f"{plugged.address}{PANEL}/{link()}")
        handle = page.input_value("[name=handle] >> nth=0")
        for path in ("", "/nothing", "/no/such"):
            page.goto(f"{plugged.address}{PANEL}{path}")
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                assert not violations(page), f"{path}, {scheme}"
                assert page.evaluate("document.scrollingElement.scrollWidth") <= 320
        form = f'<form method="post" action="{PANEL}/undo"><input name="handle" value="{handle}"></form>'
        page.evaluate("form => { document.body.innerHTML = form; document.forms[0].submit(); }", form)
        name = {"ru-RU": "Назад к панели", "en-GB": "Back to the panel"}[language]
        expect(page.get_by_role("button")).to_have_text(name)
        assert not violations(page)
        page.get_by_role("button").press("Enter")
        expect(page.locator("#sheet")).to_contain_text("ticket_id=10")


def test_going_back_and_reloading_opens_nothing(ivan: Operator, plugged: Origin) -> None:
    token = link()
    ivan.page.goto(f"{plugged.address}{PANEL}/{token}")
    expect(ivan.page.locator("#sheet")).to_contain_text("ticket_id=10")
    assert ivan.page.url == f"{plugged.address}{PANEL}"
    ivan.page.goto(f"{plugged.address}/")
    for again in (ivan.page.go_back, ivan.page.reload):
        again()
        assert ivan.page.url == f"{plugged.address}{PANEL}"
        expect(ivan.page.locator("h1")).to_have_text("Панель закрыта")
    assert len(panels(plugged)) == 1 and not [request for request in ivan.asked[1:] if token in request.url]


def test_a_page_that_came_by_a_form_is_not_sent_again(ivan: Operator, plugged: Origin) -> None:
    ivan.page.goto(f"{plugged.address}{PANEL}/{link()}")
    ivan.page.locator("#account-8").click()
    expect(ivan.page.locator("#sheet")).to_contain_text("user_id=8")
    ivan.page.reload()
    expect(ivan.page.locator("h1")).to_have_text("Панель закрыта")
    assert sum(request.method == "POST" for request in ivan.asked) == 1


def test_without_scripts_its_forms_work_in_the_frame(chromium: Browser, plugged: Origin) -> None:
    with working(chromium, plugged, java_script_enabled=False) as ivan:
        token = link()
        plugged.state.plugin.html = f'<!doctype html><iframe src="{plugged.address}{PANEL}/{token}"></iframe>'
        ivan.page.goto(f"{plugged.desk}/_sandbox/desk/plugin")
        panel = ivan.page.frame_locator("iframe")
        expect(panel.locator("#sheet")).to_contain_text("ticket_id=10")
        panel.locator("#account-8").click()
        expect(panel.locator("#sheet")).to_contain_text("user_id=8")
        panel.locator("[name=q]").fill("anna")
        panel.get_by_role("button", name="find").click()
        expect(panel.locator("#found")).to_have_text("found for anna")
        plugged.execute("UPDATE custom_hde_panel_handle SET seen_at = seen_at - INTERVAL 31 MINUTE")
        panel.get_by_role("button", name="find").click()
        expect(panel.locator("h1")).to_have_text("Панель закрыта")
        expect(panel.get_by_role("button")).to_be_hidden()
        # No script has taken the token out of the address here: the page itself must not tell it.
        assert not [request.url for request in ivan.asked if token in request.all_headers().get("referer", "")]


@pytest.mark.parametrize("allowed", [False, True], ids=["blocked", "control"])
def test_a_signed_in_customers_cookie_changes_nothing_where_it_comes_along(
    chromium: Browser, plugged: Origin, tmp_path: Path, allowed: bool
) -> None:
    """The control shows what blocking keeps away; the panel is the same with it."""
    preferences = tmp_path / "profile/Default/Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0 if allowed else 1}}))
    with chromium.browser_type.launch_persistent_context(
        tmp_path / "profile", executable_path=program(), args=ARGUMENTS, locale="ru-RU"
    ) as context:
        at = {"domain": "127.0.0.1", "path": "/", "secure": True, "sameSite": "None"}
        context.add_cookies([{"name": COOKIE, "value": "canary", **at}])  # type: ignore[list-item]
        ivan, ticket = Operator(context, plugged), plugged.ticket(ANNA.login)
        ivan.read(ticket)
        ivan.must_see(f"ticket_id={ticket}")
        ivan.panel.locator("#account-8").click()
        ivan.must_see("user_id=8")
        ours = [request for request in ivan.asked if PANEL in request.url]
        carried = [f"{COOKIE}=" in request.all_headers().get("cookie", "") for request in ours]
        assert carried == [allowed] * 2
        assert [cookie["name"] for cookie in context.cookies()] == [COOKIE]
