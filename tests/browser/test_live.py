"""An open page keeps up by itself: it takes nothing from whoever is writing, and costs one connection a browser."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from portal.sandbox.people import ANNA
from tests.browser.conftest import WIDE
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import Tab
from tests.web.test_taking import PNG

SOON_MS = 6_000
HIDE = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def context(chromium: Browser, origin: Origin) -> Iterator[BrowserContext]:
    with chromium.new_context(viewport=WIDE, locale="ru-RU", reduced_motion="reduce") as made:
        made.set_default_timeout(10_000)
        yield made


SECRET = "a-secret-of-the-webhook"


@pytest.fixture
def settings() -> dict[str, object]:
    return {"webhook_secrets": SECRET}


@pytest.fixture(autouse=True)
def rung(origin: Origin) -> None:
    """The help desk tells at once: the sweep takes ten seconds."""
    origin.tell("webhooks", url=f"{origin.address}/api/hde-webhook", body="v1", proof="hmac", secret=SECRET)


def streams(context: BrowserContext) -> list[str]:
    """What has been asked of the stream's address, as it happens."""
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url) if request.url.endswith("/events") else None)
    return asked


def until(page: Page, asked: list[str], number: int) -> None:
    for _ in range(50):
        if len(asked) >= number:
            return
        page.wait_for_timeout(100)
    raise AssertionError(asked)


def test_an_answer_appears_by_itself_and_takes_nothing_from_who_is_writing(
    context: BrowserContext, origin: Origin
) -> None:
    ticket = origin.ticket(ANNA.login)
    tab = Tab(context, origin.address, scripted=True)
    asked = streams(context)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    until(tab.page, asked, 1)
    tab.page.fill("#text", "I am still wri")
    before = time.monotonic()
    origin.tell("operator/reply", ticket_id=ticket, text="We asked the courier.")
    expect(tab.page.locator(".theirs")).to_contain_text("We asked the courier.", timeout=20_000)
    print(f"seen after {time.monotonic() - before:.1f} s")
    assert tab.page.input_value("#text") == "I am still wri"
    expect(tab.page.locator(".title .status")).to_contain_text("Ждёт вашего ответа")
    assert tab.page.locator("[data-live]").inner_text() == "Есть новое."
    assert len(asked) == 1


def test_a_new_request_appears_in_the_open_list(context: BrowserContext, origin: Origin) -> None:
    origin.ticket(ANNA.login, "The first")
    tab = Tab(context, origin.address, scripted=True)
    asked = streams(context)
    tab.enter(ANNA)
    until(tab.page, asked, 1)
    origin.ticket(ANNA.login, "The second")
    expect(tab.page.locator(".requests h2")).to_have_count(2, timeout=20_000)


def test_two_tabs_share_a_connection_and_hidden_ones_have_none(context: BrowserContext, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    first = Tab(context, origin.address, scripted=True)
    asked = streams(context)
    first.enter(ANNA)
    until(first.page, asked, 1)
    second = Tab(context, origin.address, scripted=True)
    second.open(f"{PREFIX}/{ticket}")
    second.page.wait_for_timeout(500)
    assert len(asked) == 1, "it is shared"
    origin.tell("operator/reply", ticket_id=ticket, text="Told to both")
    expect(second.page.locator(".theirs")).to_contain_text("Told to both", timeout=20_000)
    first.page.evaluate(HIDE % "true")
    until(first.page, asked, 2)  # the other takes over
    second.page.evaluate(HIDE % "true")
    first.page.wait_for_timeout(300)
    origin.tell("operator/reply", ticket_id=ticket, text="Told to nobody")
    first.page.wait_for_timeout(1_000)
    assert len(asked) == 2 and "Told to nobody" not in second.text()
    second.page.evaluate(HIDE % "false")
    expect(second.page.locator(".messages")).to_contain_text("Told to nobody", timeout=20_000)
    until(first.page, asked, 3)


def test_what_was_opened_stays_open_when_something_comes(context: BrowserContext, origin: Origin) -> None:
    photo = {"name": "photo.png", "type": "image/png", "base64": base64.b64encode(PNG).decode()}
    ticket = origin.ticket(ANNA.login, files=[photo])
    tab = Tab(context, origin.address, scripted=True)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    tab.page.get_by_role("link", name="photo.png").first.click()
    expect(tab.page.locator(".files img")).to_be_visible()
    origin.tell("operator/reply", ticket_id=ticket, html="<p>Посылка едет</p>")
    expect(tab.page.get_by_text("Посылка едет")).to_be_visible(timeout=SOON_MS)
    expect(tab.page.locator(".files img")).to_be_visible()
    expect(tab.page.get_by_role("link", name="photo.png").first).to_be_focused()
    tab.must_be_clean()


def test_news_is_told_in_a_conversation_that_goes_on_on_other_pages(context: BrowserContext, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    for number in range(51):
        origin.tell("operator/reply", ticket_id=ticket, text=f"Answer {number}")
    tab = Tab(context, origin.address, scripted=True)
    asked = streams(context)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    until(tab.page, asked, 1)
    expect(tab.page.locator(".theirs")).to_have_count(50)
    origin.tell("operator/reply", ticket_id=ticket, text="The newest answer")
    expect(tab.page.locator("[data-live]")).to_have_text("Есть новое.", timeout=SOON_MS)
    expect(tab.page.locator(".theirs")).to_have_count(50)
