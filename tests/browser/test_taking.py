"""What is taken away, where it is read: on paper, and from a disk by a browser that obeys nobody."""

from __future__ import annotations

import base64
import io
import re
import time
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from portal.sandbox.people import ANNA
from tests.browser.origin import PREFIX, Origin
from tests.browser.test_hostile import NAME, PIECES, unguarded
from tests.browser.watch import WIDE, Tab
from tests.web.test_taking import PNG

__all__ = ["unguarded"]

pytestmark = pytest.mark.browser

SHOWN = """() => [...document.querySelectorAll("a, button, input, textarea, form, nav, .icon")]
    .filter(each => each.checkVisibility()).map(each => each.outerHTML.slice(0, 80))"""
BEFORE = "(each, which) => getComputedStyle(each, which).content"
READY_SECONDS = 20


def test_a_conversation_prints_as_a_numbered_record(chromium: Browser, origin: Origin) -> None:
    """The numbers, the times and the address are made by the sheet: they are asked of it, and of the PDF its pages."""
    file = {"name": "receipt.txt", "type": "text/plain", "base64": "eA=="}
    ticket = origin.ticket(ANNA.login, "Where is it?", "<p>Hello</p>", files=[file])
    origin.tell("operator/reply", ticket_id=ticket, html="<p>On its way</p>")
    with chromium.new_context(viewport=WIDE, locale="en-GB", color_scheme="dark") as context:
        tab = Tab(context, origin.address, scripted=True)
        tab.enter(ANNA)
        tab.open(f"{PREFIX}/{ticket}?lang=en")
        page = tab.page
        page.locator("#write textarea").fill("a draft that is nobody's business")
        assert page.evaluate(SHOWN), "the control: on a screen there is something to press"
        page.emulate_media(media="print", color_scheme="dark")
        # Links in a record are files and what people wrote: these stay, and nothing else to press does.
        left = [one for one in page.evaluate(SHOWN) if "/files/" not in one]
        assert left == []
        text = page.locator("body").inner_text()
        assert "Where is it?" in text and "On its way" in text and "receipt.txt" in text and "1 byte" in text
        assert "draft" not in text
        top = page.locator(".printed")
        assert top.evaluate(BEFORE, "::before") == f'"{origin.address}{PREFIX}/{ticket}"'
        heads = page.locator(".messages h2")
        assert [heads.nth(n).evaluate(BEFORE, "::before") for n in range(2)] == ['counter(message) ". "'] * 2
        assert [
            page.locator(".messages > li").nth(n).evaluate("e => getComputedStyle(e).counterIncrement")
            for n in range(2)
        ] == ["message 1"] * 2
        when = heads.first.locator("time")
        assert re.fullmatch(r'"\d+ \w+ \d{4}, \d\d:\d\d UTC\+3"', when.evaluate(BEFORE, "::after"))
        assert when.evaluate("each => getComputedStyle(each).fontSize") == "0px"
        assert page.evaluate("getComputedStyle(document.documentElement).color") == "rgb(0, 0, 0)"
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        pdf = page.pdf()
        assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", pdf)) == 1
        tab.must_be_clean()


def test_a_saved_conversation_runs_nothing_and_loads_nothing_from_the_disk(
    unguarded: BrowserContext, origin: Origin, tmp_path: Path
) -> None:
    pictures = [
        {"name": name, "type": "image/png", "base64": base64.b64encode(PNG).decode()}
        for name in (f"{NAME}.png", "a.png")
    ]
    ticket = origin.ticket(ANNA.login, NAME, PIECES[0], name=NAME, files=pictures)
    staff = origin.tell("seed", people=[{"email": "evil@helpdesk.example", "name": NAME, "staff": True}])["people"][0]
    for piece in PIECES[1:]:
        origin.tell("operator/reply", ticket_id=ticket, html=piece, operator_id=staff)
    tab = Tab(unguarded, origin.address, scripted=True)
    tab.enter(ANNA)
    tab.open(f"{PREFIX}/{ticket}")
    with tab.page.expect_download() as coming:
        tab.page.locator("a.foot").first.click()
    saved = tmp_path / "saved.html"
    coming.value.save_as(saved)
    html = saved.read_text("utf-8")
    ran: list[str] = []
    asked: list[str] = []
    page = unguarded.new_page()
    page.expose_function("P", lambda: ran.append("ran"))
    page.on("request", lambda request: asked.append(request.url))
    # Without the page's own policy too: what is cleaned needs none.
    for name, shown in (("saved", html), ("bare", re.sub(r"<meta http-equiv[^>]*>", "", html))):
        file = tmp_path / f"{name}.html"
        file.write_text(shown, "utf-8")
        page.goto(file.as_uri())
        assert page.locator(".messages > li").count() == len(PIECES)
        assert page.locator("img").count() == 1 and page.locator("img").evaluate("each => each.naturalWidth") == 1
        assert NAME in page.locator("body").inner_text()
        page.evaluate(
            """() => { for (const each of document.querySelectorAll("body *"))
                for (const type of ["mouseover", "focus", "toggle"]) each.dispatchEvent(new Event(type)); }"""
        )
        page.wait_for_timeout(300)
        assert ran == [] and [url for url in asked if not url.startswith(("file:", "data:"))] == []
        asked.clear()
    # The control: the same page with one hostile piece as it came.
    file.write_text(shown.replace("</main>", "<img src=x onerror=P()></main>"), "utf-8")
    page.goto(file.as_uri())
    page.wait_for_timeout(300)
    assert ran == ["ran"]


def test_everything_is_made_and_downloaded_also_without_script(tab: Tab, origin: Origin) -> None:
    origin.ticket(ANNA.login, "Request")
    tab.enter(ANNA)
    tab.follow(tab.page.locator("a.foot"))
    tab.follow(tab.page.get_by_role("button", name="Сделать архив"))
    link, deadline = tab.page.get_by_role("link", name="Скачать архив"), time.monotonic() + READY_SECONDS
    while not link.count():
        assert time.monotonic() < deadline
        if tab.scripted:
            tab.page.wait_for_timeout(200)
        else:
            tab.open(f"{PREFIX}/export")
            time.sleep(0.2)
    with tab.page.expect_download() as coming:
        link.click()
    names = zipfile.ZipFile(io.BytesIO(Path(coming.value.path()).read_bytes())).namelist()
    assert len(names) == 2 + 2 and "index.html" in names
    tab.follow(tab.page.get_by_role("link", name="Что будет удалено"))
    tab.follow(tab.page.get_by_role("button", name="Удалить копии"))
    assert "Копии удалены" in tab.text() and "Это останется у поддержки" in tab.text()
    tab.follow(tab.page.get_by_role("link", name="К моим обращениям"))
    assert tab.subjects() == ["Request"]
