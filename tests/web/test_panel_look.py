"""The operator's panel in a real browser: what is copied, and what is there without the script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, program
from tests.web.panel_states import TRACK, panel_states
from tests.web.states import PREFIX
from tests.web.test_look import SHOP, serve

pytestmark = pytest.mark.browser
SENTENCE = f"Order A-1007 of 15 November, 4,590 ₽, handed to the courier, track {TRACK}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program(), args=ARGUMENTS)


def panel(browser: Browser, name: str = "panel", *, script: bool = True, clipboard: bool = True) -> Page:
    context = browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=script)
    if clipboard:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
    serve(context, panel_states("en"), "en")
    page = context.new_page()
    page.goto(f"{SHOP}{PREFIX}/{name}")
    return page


def held(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()")).replace("\u00a0", " ")


def test_number_track_and_sentence_are_copied_and_it_is_said(browser: Browser) -> None:
    page = panel(browser)
    for name, text in ((f"Copy {TRACK}", TRACK), ("Copy № A-1007", "A-1007"), ("Copy for the answer", SENTENCE)):
        button = page.get_by_role("button", name=name, exact=True).first
        button.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".copied").first).to_have_text("copied")
        expect(page.locator("#told")).to_have_text("copied")
        assert held(page) == text
        page.locator(".copied").first.wait_for(state="detached")
    page.context.close()


def test_where_the_frame_may_not_write_to_the_clipboard_the_text_is_copied_all_the_same(browser: Browser) -> None:
    page = panel(browser)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not in this frame')) }")
    page.get_by_role("button", name=f"Copy {TRACK}").first.click()
    expect(page.locator(".copied").first).to_have_text("copied")
    assert held(page) == TRACK
    page.context.close()


def test_a_copy_that_fails_is_not_called_one(browser: Browser) -> None:
    page = panel(browser)
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); document.execCommand = () => false }"
    )
    page.get_by_role("button", name=f"Copy {TRACK}").first.click()
    expect(page.locator(".copied").first).to_have_text("select it and copy it yourself")
    page.context.close()


def test_without_the_script_everything_is_there_to_be_selected(browser: Browser) -> None:
    page = panel(browser, script=False, clipboard=False)
    expect(page.get_by_text(TRACK, exact=True).first).to_be_visible()
    expect(page.locator(".ready p")).to_be_visible()
    assert page.get_by_role("button", name="Copy").count() == 0, "no button that does nothing"
    page.locator("details.card summary").first.click()
    expect(page.locator("details.card .inside").first).to_be_visible()
    page.context.close()


def test_after_a_search_the_reader_is_at_what_was_found(browser: Browser) -> None:
    page = panel(browser, "panel-found")
    assert page.evaluate("document.activeElement.id") == "found"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "hit"
    page.context.close()
