"""The widget on the shop's pages in a real browser: whom it knows, and that it always shows itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from portal.sandbox.helpdesk.widget import SCRIPT
from portal.sandbox.people import ANNA
from portal.web import widget
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import WIDE, Tab

pytestmark = pytest.mark.browser

PATIENCE_SECONDS = 10
BUTTON = "#hde-contact-widget-button"
VENDOR = "https://cdn.vendor.example/js/contact-widget.js"
STAND_IN = """
window.loads = (window.loads || 0) + 1;
window.seen = window.HDE_CONFIG ? JSON.parse(JSON.stringify(window.HDE_CONFIG)) : null;
"""


@pytest.fixture
def settings() -> dict[str, object]:
    return {"widget": "contact", "widget_script": VENDOR}


@pytest.fixture
def shop(chromium: Browser, origin: Origin) -> Iterator[Tab]:
    """A browser at the shop; the vendor's address answers with a script that says what it saw."""
    with chromium.new_context(viewport=WIDE, locale="ru-RU") as context:
        context.set_default_timeout(10_000)
        context.route(VENDOR, lambda route: route.fulfill(body=STAND_IN, content_type="text/javascript"))
        yield Tab(context, origin.address, scripted=True)


def seen(page: Page) -> Any:
    """What the vendor's script found in window.HDE_CONFIG, once it has run."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate("window.loads"):  # not wait_for_function, which a page's policy may forbid
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    return page.evaluate("window.seen")


def answer_identity(tab: Tab, how: Callable[[Route], None]) -> None:
    tab.page.route(f"**{PREFIX}/widget/identity", how)


def test_signed_in_the_widget_knows_who_it_is(shop: Tab) -> None:
    shop.enter(ANNA)
    shop.open("/")
    told = seen(shop.page)
    assert told["user_email"] == ANNA.login and told["custom_fields"]["portal_token"]
    assert shop.complaints == [] and set(shop.foreign) == {VENDOR}


def test_signed_out_it_is_anonymous_and_nobody_complains(shop: Tab) -> None:
    shop.open("/")
    assert seen(shop.page) is None
    assert shop.complaints == [] and shop.foreign == [VENDOR]


@pytest.mark.parametrize(
    "how",
    [
        lambda route: route.fulfill(status=503, json={"error": "unavailable"}),
        lambda route: route.fulfill(status=200, body="<!doctype html>", content_type="text/html"),
        lambda route: route.fulfill(status=200, body='{"user_email": "half'),
        lambda route: route.fulfill(status=200, json=None),
        lambda route: route.fulfill(status=200, json=[1]),
        lambda route: route.fulfill(status=200, json={"error": "x"}),
        lambda route: route.fulfill(status=302, headers={"location": "/auth/"}),
        lambda route: route.abort(),
    ],
    ids=["503", "html", "half", "null", "list", "other", "redirect", "cut off"],
)
def test_whatever_becomes_of_the_question_the_widget_shows_itself(shop: Tab, how: Callable[[Route], None]) -> None:
    answer_identity(shop, how)
    shop.enter(ANNA)
    shop.open("/")
    assert seen(shop.page) is None
    # The browser itself tells of an address that fails; what we let happen is told nowhere.
    assert [told for told in shop.complaints if "Failed to load resource" not in told] == []


def test_a_question_without_an_answer_holds_it_up_for_three_seconds(shop: Tab) -> None:
    shop.enter(ANNA)
    answer_identity(shop, lambda _route: None)
    shop.open("/")
    shop.page.wait_for_timeout(1500)
    assert shop.page.evaluate("window.loads") is None, "it waits for who is here"
    assert seen(shop.page) is None
    assert shop.complaints == []


def test_a_line_that_stands_twice_loads_it_once(shop: Tab) -> None:
    asked = []
    shop.page.context.on("request", lambda request: asked.append(request.url))

    def twice(route: Route) -> None:
        answer = route.fetch()
        line = f'<script src="{PREFIX}/widget.js" defer></script>'
        assert line in answer.text()
        route.fulfill(response=answer, body=answer.text().replace(line, line + line))

    shop.page.route(f"{shop.address}/", twice)
    shop.open("/")
    seen(shop.page)
    shop.page.wait_for_timeout(500)
    assert shop.page.locator(f'script[src="{PREFIX}/widget.js"]').count() == 2
    assert shop.page.evaluate("window.loads") == 1
    assert len([url for url in asked if url.endswith("/widget/identity")]) == 1


@pytest.mark.parametrize(("policy", "loads"), [("'nonce-abc'", True), ("'nonce-other'", False)])
def test_a_page_with_a_policy_lets_it_in_by_the_nonce_of_its_line(shop: Tab, policy: str, loads: bool) -> None:
    page = f'<!doctype html><script src="{PREFIX}/widget.js" nonce="abc" defer></script>'
    headers = {"content-security-policy": f"default-src 'self'; script-src {policy}"}
    shop.page.route("**/strict", lambda route: route.fulfill(body=page, content_type="text/html", headers=headers))
    shop.open("/strict")
    if loads:
        assert seen(shop.page) is None
    else:
        shop.page.wait_for_timeout(500)
        assert not shop.page.evaluate("window.loads") and shop.complaints


def test_what_the_page_has_told_already_is_not_asked_for(shop: Tab) -> None:
    asked = []
    shop.page.context.on("request", lambda request: asked.append(request.url))
    told = '<script>window.HDE_CONFIG = {"user_email": "inline@shop.example", "colour": "red"};</script>'
    page = f'<!doctype html>{told}<script src="{PREFIX}/widget.js" defer></script>'
    shop.page.route("**/inline", lambda route: route.fulfill(body=page, content_type="text/html"))
    shop.open("/inline")
    assert seen(shop.page)["user_email"] == "inline@shop.example"
    assert not [url for url in asked if "identity" in url]


def test_what_the_page_has_set_of_other_things_stays(shop: Tab) -> None:
    shop.enter(ANNA)
    page = f'<!doctype html><script>window.HDE_CONFIG = {{"colour": "red"}};</script><script src="{PREFIX}/widget.js" defer></script>'
    shop.page.route("**/coloured", lambda route: route.fulfill(body=page, content_type="text/html"))
    shop.open("/coloured")
    told = seen(shop.page)
    assert (told["colour"], told["user_email"]) == ("red", ANNA.login)


def test_the_vendors_own_line_is_not_doubled(shop: Tab) -> None:
    page = f'<!doctype html><script id="hde-contact-widget" src="{VENDOR}"></script><script src="{PREFIX}/widget.js" defer></script>'
    shop.page.route("**/both", lambda route: route.fulfill(body=page, content_type="text/html"))
    shop.open("/both")
    shop.page.wait_for_timeout(1000)
    assert shop.page.evaluate("window.loads") == 1


@pytest.mark.parametrize("settings", [{}], ids=["off"])
def test_without_a_widget_nothing_is_asked_and_nothing_loaded(shop: Tab) -> None:
    asked = []
    shop.page.context.on("request", lambda request: asked.append(request.url))
    shop.open("/")
    shop.page.wait_for_timeout(500)
    assert [url for url in asked if "widget" in url] == [f"{shop.address}{PREFIX}/widget.js"]
    assert shop.complaints == []


@pytest.mark.parametrize("settings", [{"widget": kind, "widget_script": VENDOR} for kind in ("contact", "chat")])
def test_anna_writes_through_the_demos_widget(shop: Tab, origin: Origin) -> None:
    """The stand-in of the demo: a button, a form filled in for her, and a ticket with her token."""
    shop.page.route(VENDOR, lambda route: route.fulfill(path=SCRIPT, content_type="text/javascript"))
    shop.enter(ANNA)
    shop.open("/")
    shop.page.click(BUTTON)
    assert shop.page.input_value("#hde-container [name=email]") == ANNA.login
    shop.page.fill("#hde-container [name=text]", "Где моя посылка?")
    shop.page.click("#hde-container form button")
    shop.page.wait_for_selector("#hde-container [role=status][data-ticket]")
    assert shop.complaints == []
    (ticket,) = origin.state.tickets.values()
    assert ticket.subject == "Где моя посылка?" and ticket.fields["portal_token"]


ASK_AS_A_NEIGHBOUR = """async identity => {
    const told = {};
    try { told.read = await (await fetch(identity, {credentials: "include"})).text() } catch (error) { told.read = error.name }
    told.opaque = await (await fetch(identity, {credentials: "include", mode: "no-cors"}).catch(error => new Response(error.name))).text();
    told.script = await new Promise(done => document.head.append(Object.assign(document.createElement("script"),
        {src: identity, onload: () => done("ran"), onerror: () => done("refused")})));
    return told;
}"""


@pytest.mark.parametrize("defence", [True, False], ids=["defence", "control"])
def test_a_neighbouring_host_that_gets_her_cookies_learns_nothing(
    shop: Tab, monkeypatch: pytest.MonkeyPatch, defence: bool
) -> None:
    """Another port of the same host is same-site: the browser sends it Anna's cookies with every question."""
    minted = []
    mint = widget.service.mint
    monkeypatch.setattr(widget.service, "mint", lambda *told: minted.append(told) or mint(*told))
    if not defence:
        monkeypatch.setattr(widget, "OURS", (*widget.OURS, "same-site"))
    shop.enter(ANNA)
    # A document of the help desk's: what it is does not matter, but that nothing of it forbids to ask.
    script = shop.page.request.get(f"{shop.address}{PREFIX}/widget.js").text()
    (neighbour,) = re.findall(r'"data-host": "([^"]+)"', script)
    shop.page.goto(f"http://{neighbour}/js/contact-widget.js")
    minted.clear()
    told = shop.page.evaluate(ASK_AS_A_NEIGHBOUR, f"{shop.address}{PREFIX}/widget/identity")
    assert bool(minted) is not defence, "the control: with her cookies it would be answered"
    assert told == {"read": "TypeError", "opaque": "TypeError", "script": "refused"}
