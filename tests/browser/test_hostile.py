"""Hostile mail, from the help desk to a browser whose policy is switched off; and that the watch itself is awake."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from portal.sandbox.people import ANNA
from portal.web.talk import parts
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import WIDE, Tab, violations
from tests.web.hostile import HOSTILE, LOAD

pytestmark = pytest.mark.browser

PATIENCE_SECONDS = 15
NAME = '"><img src=x onerror=P()><script>P()</script>'
PIECES = [piece.encode("utf-8", "replace").decode() for piece in HOSTILE]

TEASE = """() => {
    for (const each of document.querySelectorAll("main *, body > *")) {
        for (const type of ["mouseover", "focus", "toggle"]) each.dispatchEvent(new Event(type));
        if (!/^https?:/.test(each.href) && !each.closest(".acts")) each.dispatchEvent(new MouseEvent("click", {cancelable: true}));
    }
}"""
"""Whatever waits for a pointer or a click gets it."""


@pytest.fixture
def unguarded(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that obeys no policy."""
    with chromium.new_context(viewport=WIDE, bypass_csp=True) as context:
        yield context


def ran_and_asked(tab: Tab) -> tuple[list[str], list[str]]:
    """What ran and what was asked of others so far; both are filled as it happens."""
    ran: list[str] = []
    tab.page.context.expose_function("P", lambda: ran.append(tab.page.url))
    tab.page.context.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    return ran, tab.foreign


def tease(page: Page) -> None:
    page.wait_for_timeout(300)
    page.evaluate(TEASE)
    page.wait_for_timeout(300)


def test_hostile_mail_runs_nothing_and_loads_nothing(unguarded: BrowserContext, origin: Origin) -> None:
    file = {"name": f"{NAME}.html", "type": "text/html", "base64": "eA=="}
    ticket = origin.ticket(ANNA.login, NAME, PIECES[0], name=NAME, files=[file])
    staff = origin.tell("seed", people=[{"email": "evil@helpdesk.example", "name": NAME, "staff": True}])["people"][0]
    for piece in PIECES[1:]:
        origin.tell("operator/reply", ticket_id=ticket, html=piece, operator_id=staff)
    tab = Tab(unguarded, origin.address, scripted=True)
    ran, asked = ran_and_asked(tab)
    tab.enter(ANNA)
    assert tab.subjects() == [NAME]
    tease(tab.page)
    there = 0
    for part in range(parts(len(PIECES)), 0, -1):
        tab.open(f"{PREFIX}/{ticket}?part={part}")
        there += tab.page.locator("article").count()
        assert NAME in tab.text()
        tease(tab.page)
    assert there == len(PIECES)
    assert (ran, asked) == ([], []) and tab.page.url.startswith(f"{origin.requests}{ticket}")


def test_the_same_mail_bites_where_nobody_cleans_it(unguarded: BrowserContext, origin: Origin) -> None:
    tab = Tab(unguarded, origin.address, scripted=True)
    ran, asked = ran_and_asked(tab)
    tab.page.route("**/bare", lambda route: route.fulfill(body="<!doctype html><main>", content_type="text/html"))
    tab.open("/bare")
    show = "pieces => pieces.forEach(piece => document.body.append(Object.assign(document.createElement('iframe'), {srcdoc: piece})))"
    tab.page.evaluate(show, PIECES)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(ran) <= 15 or len([url for url in asked if url.startswith(LOAD)]) <= 10:
        assert time.monotonic() < deadline, (ran, asked)
        tab.page.wait_for_timeout(100)


def test_the_watch_sees_what_it_watches_for(chromium: Browser, origin: Origin) -> None:
    with chromium.new_context(viewport=WIDE) as context:
        tab = Tab(context, origin.address, scripted=True)
        ticket = origin.ticket(ANNA.login)
        tab.enter(ANNA)
        tab.must_be_clean()

        def spoil(route: object) -> None:
            answer = route.fetch()  # type: ignore[attr-defined]
            body = answer.text().replace(
                "<main", "<script>P()</script><img src='https://tracker.example/x'><a href=x></a><main"
            )
            route.fulfill(response=answer, body=body)  # type: ignore[attr-defined]

        tab.page.route(f"**/{ticket}", spoil)
        tab.open(f"{PREFIX}/{ticket}")
        tab.page.wait_for_timeout(200)
        assert any("script" in said and "Content Security Policy" in said for said in tab.complaints)
        assert any("tracker.example" in said for said in tab.complaints)
        assert {"link-name", "image-alt"} <= {found["rule"] for found in violations(tab.page)}
        tab.page.evaluate("document.querySelector('main').style.minWidth = '50rem'")
        with pytest.raises(AssertionError, match=r"\d+ of 360 px|link-name"):
            tab.inspect("spoilt")
