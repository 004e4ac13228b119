"""The pages in a real browser: what shows, what runs, what is loaded from where. No server: every request is answered here."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from portal.model import Attachment, Conversation
from portal.web.text import clean, readable
from portal.web.words import Words
from tests.browser.watch import AXE, RULES
from tests.web.hostile import HOSTILE, WRECKING
from tests.web.panel_states import panel_states
from tests.web.states import NOW, PREFIX, every_state, make_pages, message, ticket

pytestmark = pytest.mark.browser

SHOP = "https://shop.example"
NONCE = "test-nonce"
POLICY = (
    f"default-src 'none'; style-src 'self'; script-src 'nonce-{NONCE}'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
PAGES, STATICS = make_pages()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-dev-shm-usage"]
        )


def serve(context: BrowserContext, states: dict[str, tuple[str, dict[str, Any]]], locale: str) -> list[str]:
    """Answer for the shop; returns what was asked of anybody else, as it happens."""
    foreign: list[str] = []

    def answer(route: Route) -> None:
        url = route.request.url
        if not url.startswith(f"{SHOP}/"):
            foreign.append(url)
            route.abort()
        elif "/static/" in url:
            found = STATICS.get(url.rpartition("/")[2])
            assert found
            route.fulfill(body=found.body, content_type=found.content_type)
        elif url == f"{SHOP}{PREFIX}/events":
            route.fulfill(body="retry: 600000\n\n", content_type="text/event-stream")
        elif url.startswith(f"{SHOP}{PREFIX}/") and url.rpartition("/")[2].isdecimal():
            route.fulfill(body="", content_type="text/html")  # a page that follows a message on its way
        elif (name := url.rpartition("/")[2].partition("?")[0]) in states:
            template, given = states[name]
            page = PAGES.render(template, locale=locale, nonce=NONCE, **given)
            route.fulfill(
                body=page, content_type="text/html; charset=utf-8", headers={"content-security-policy": POLICY}
            )
        else:
            route.fulfill(status=404, body="not here", content_type="text/plain")

    context.route("**/*", answer)
    return foreign


def complaints(page: Page) -> list[str]:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.mark.parametrize(
    ("locale", "width", "look", "rules"),
    [
        ("ru", 1280, {"color_scheme": "light"}, RULES),
        ("en", 320, {"color_scheme": "dark"}, RULES),
        ("ru", 320, {"color_scheme": "light", "forced_colors": "active"}, ["color-contrast"]),
    ],
)
def test_every_state_is_for_everybody(
    browser: Browser, locale: str, width: int, look: dict[str, Any], rules: list[str]
) -> None:
    """Axe finds nothing, nothing scrolls sideways at any size or direction of the text, and nothing moves.

    All of axe's rules once a language; how it looks elsewhere changes the contrast alone.
    """
    states = every_state(locale) | panel_states(locale)
    context = browser.new_context(viewport={"width": width, "height": 700}, reduced_motion="reduce", **look)
    foreign = serve(context, states, locale)
    page = context.new_page()
    said = complaints(page)
    fit = "document.documentElement.scrollWidth"
    for name in states:
        page.goto(f"{SHOP}{PREFIX}/{name}")
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate(fit) <= width, name
        assert page.evaluate("document.styleSheets.length") == 1
        page.evaluate(AXE)
        found = page.evaluate(RUN, rules)
        assert not found, f"{name}: {found}"
        assert nameless(page) == [], name
        if width > 320:
            page.emulate_media(color_scheme="dark")
            found = page.evaluate(RUN, ["color-contrast"])
            assert not found, f"{name}, dark: {found}"
            page.emulate_media(color_scheme="light")
        assert page.evaluate("document.getAnimations().length") == 0, f"{name} moves"
        # Twice the text size, as people set it; and as a language from right to left has it.
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate(fit) <= width, name
        page.evaluate("document.documentElement.style.fontSize = ''; document.documentElement.dir = 'rtl'")
        assert page.evaluate(fit) <= width, f"{name}, from right to left"
    assert said == [] and foreign == []
    context.close()


NAMED = {
    "link",
    "button",
    "textbox",
    "searchbox",
    "combobox",
    "checkbox",
    "radio",
    "heading",
    "navigation",
    "DisclosureTriangle",
    "img",
}


def nameless(page: Page) -> list[str]:
    """What the browser's accessibility tree, which screen readers read, has no name for."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    assert len(nodes) > 5
    told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    return [role for role, name in told if role in NAMED and not re.search(r"\w", name)]


def test_a_name_that_is_missing_would_be_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<a href=x><svg></svg></a><button>…</button><input><h1>Named</h1><p>a</p>")
    assert nameless(page) == ["link", "button", "textbox"]
    page.close()


RUN = """tags => axe.run({runOnly: tags, resultTypes: ["violations"]}).then(({violations}) =>
    violations.map(rule => [rule.id, rule.nodes.map(node => [node.html.slice(0, 200), node.failureSummary])]))"""


MIRRORED = """() => [...document.querySelectorAll(".page *")].filter(one => !one.closest("svg, .text, [dir]:not(html), bdi, .label"))
    .filter(one => getComputedStyle(one).display !== "inline").map(one => [one.tagName, one.className, one.getBoundingClientRect()]).filter(([,, box]) => box.width > 1 && box.height > 1)
    .map(([tag, name, box]) => [`${tag}.${name}`, Math.round(box.left), Math.round(innerWidth - box.right)])"""
"""How far from the left and from the right edge everything stands; words in a line stand as their own language has them."""


@pytest.mark.parametrize("width", [360, 1280])
def test_from_right_to_left_everything_stands_on_the_other_side(browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 700}, reduced_motion="reduce")
    serve(context, every_state("en"), "en")
    page = context.new_page()
    for name in ("list-many", "list-written", "show-long", "show-written", "new-problems", "prove-ask"):
        page.goto(f"{SHOP}{PREFIX}/{name}")
        there = page.evaluate(MIRRORED)
        page.evaluate("document.documentElement.dir = 'rtl'")
        wrong = [
            (one, left, right, other)
            for (one, left, right), (_, *other) in zip(there, page.evaluate(MIRRORED), strict=True)
            if abs(left - other[1]) > 2 or abs(right - other[0]) > 2
        ]
        assert wrong == [], f"{name}: {wrong[:5]}"
    context.close()


def test_axe_would_find_something(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html><body><a href='x'></a><p style='color:#ccc'>pale</p></body></html>")
    assert Axe().run(page).violations_count > 2
    page.close()


def test_targets_are_large_enough_for_a_finger(browser: Browser) -> None:
    states = every_state("ru")
    context = browser.new_context(viewport={"width": 360, "height": 700}, has_touch=True)
    serve(context, states, "ru")
    page = context.new_page()
    for name in ("list-many", "list-unproven", "show", "prove-follow", "show-written", "new", "back-signed-out"):
        page.goto(f"{SHOP}{PREFIX}/{name}")
        small = page.evaluate(
            """[...document.querySelectorAll("a, button, summary, textarea, select, .attach label, input[name=subject]")]
            .filter(e => !e.closest(".text p, .text li, .text div, .skip, .note"))
            .map(e => [e.textContent.trim(), Math.max(e.getBoundingClientRect().height,
                e.matches("h2 a") ? e.closest("li").getBoundingClientRect().height : 0)]).filter(([, height]) => height < 44)"""
        )
        assert [each for each in small if not each[0].startswith("…")] == [], name
    context.close()


def test_a_phones_form_says_what_is_too_much_before_the_button(browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700})
    serve(context, every_state("ru"), "ru")
    page = context.new_page()
    page.goto(f"{SHOP}{PREFIX}/new")
    assert page.locator(".counter:visible").count() == 0
    page.fill("#subject", "😀" * 199)
    assert page.locator("#subject-left").inner_text() == "Осталось символов: 1"
    page.fill("#subject", "😀" * 203)
    assert page.locator("#subject-left").inner_text() == "Лишних символов: 3"
    page.fill("#text", "x" * 17_999)
    assert not page.locator("#text-left").is_visible()
    page.fill("#text", "x" * 18_500)
    assert page.locator("#text-left").inner_text().replace("\N{NO-BREAK SPACE}", " ") == "Осталось символов: 1 500"
    sizes = (1, 2, 7, 999, 1200, *range(20, 27))
    page.set_input_files("#files", [{"name": f"{size}", "mimeType": "", "buffer": b"x" * size} for size in sizes])
    said = page.locator(".chosen .kind").all_inner_texts()
    words = Words("ru", ZoneInfo("Europe/Moscow"))
    assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in said] == [words.size(size) for size in sizes]
    assert page.locator(".refused").inner_text().endswith("не больше 10 файлов. Лишних: 2.")
    send, refused = page.locator("[type=submit]").bounding_box(), page.locator(".refused").bounding_box()
    assert send and refused and refused["y"] + refused["height"] <= send["y"]
    context.close()


def test_on_a_phone_nothing_hangs_out_and_no_line_stands_alone(browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700})
    serve(context, every_state("ru"), "ru")
    page = context.new_page()
    lefts = "all => all.map(one => one.getBoundingClientRect().left)"
    page.goto(f"{SHOP}{PREFIX}/show-long")
    assert len(set(page.locator(".title > *").evaluate_all(lefts))) == 1, "the state stands under the subject"
    page.goto(f"{SHOP}{PREFIX}/show-in-progress")
    assert len(set(page.locator(".theirs :is(h2, .when)").evaluate_all(lefts))) == 1, "the time under the name"
    for name, width in (("gone", "0px"), ("back-signed-out", "0px"), ("new", "1px"), ("error-404", "1px")):
        page.goto(f"{SHOP}{PREFIX}/{name}")
        line = page.locator("footer").evaluate("e => getComputedStyle(e).borderTopWidth")
        assert line == width, name
    context.close()


def test_a_whole_row_is_the_link(browser: Browser) -> None:
    context = browser.new_context()
    serve(context, every_state("ru"), "ru")
    page = context.new_page()
    page.goto(f"{SHOP}{PREFIX}/list-many")
    row = page.locator(".requests li").first.bounding_box()
    assert row
    page.mouse.click(row["x"] + row["width"] * 0.6, row["y"] + row["height"] - 6)
    page.wait_for_url(f"{SHOP}{PREFIX}/1")
    context.close()


def test_the_keyboard_reaches_everything_and_sees_where_it_is(browser: Browser) -> None:
    context = browser.new_context()
    serve(context, every_state("ru"), "ru")
    page = context.new_page()
    page.goto(f"{SHOP}{PREFIX}/show")
    seen = []
    for _ in range(10):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim().slice(0, 12)"
            )
        )
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert seen[:5] == ["К содержанию", "Все обращени", "квитанция.jp", "Сохранить кв", "договор пост"]
    assert any(each.startswith("…") for each in seen)
    context.close()


@pytest.mark.parametrize("locale", ["ru", "en"])
def test_relative_times_stay_true_and_in_the_same_words(browser: Browser, locale: str) -> None:
    words = Words(locale, ZoneInfo("Europe/Moscow"))
    context = browser.new_context()
    serve(context, every_state(locale), locale)
    page = context.new_page()
    for later in (timedelta(minutes=1), timedelta(minutes=17), timedelta(minutes=57), timedelta(hours=3)):
        page.clock.set_fixed_time(NOW + later)
        page.goto(f"{SHOP}{PREFIX}/list-many")
        shown = page.locator(".requests time").all_inner_texts()[:3]
        minutes = timedelta(minutes=4)
        assert shown[2] == words.ago(NOW - minutes, NOW + later)
        assert shown[0] == words.ago(NOW - timedelta(hours=2), NOW + later)
        assert shown[1] == words.ago(NOW - timedelta(hours=15), NOW), "older times are left as the server wrote them"
    context.close()


def test_a_page_being_fetched_shows_itself_once_there_is_something(browser: Browser) -> None:
    states = every_state("ru")
    pending, ready = states["list-pending"], states["list-one"]
    context = browser.new_context()
    serve(context, states, "ru")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{SHOP}{PREFIX}/list-pending")
    with page.expect_response("**/list-pending"):
        page.clock.run_for(3000)
    assert page.locator("h2").inner_text() == "Загружаем ваши обращения"
    states["list-pending"] = ready
    with page.expect_navigation():
        page.clock.run_for(3000)
    assert page.locator(".requests li").count() == 1
    states["list-pending"] = pending
    context.close()


def test_without_the_script_a_page_being_fetched_still_goes_on(browser: Browser) -> None:
    states = every_state("ru")
    context = browser.new_context(java_script_enabled=False)
    serve(context, states, "ru")
    page = context.new_page()
    page.goto(f"{SHOP}{PREFIX}/list-pending")
    page.wait_for_url("**/list-pending?try=1", timeout=8000)
    context.close()


def test_a_quotation_opens_without_the_script(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    serve(context, every_state("ru"), "ru")
    page = context.new_page()
    page.goto(f"{SHOP}{PREFIX}/show")
    quoted = page.get_by_text("help@shop.example")
    assert not quoted.is_visible()
    page.locator(".text summary").click()
    assert quoted.is_visible()
    context.close()


def run_hostile(browser: Browser, pieces: list[str]) -> tuple[list[str], list[str]]:
    """Show each piece in a page without any policy, click what can be clicked; returns what ran and what was asked for."""
    context = browser.new_context()
    asked: list[str] = []
    ran: list[str] = []

    def answer(route: Route) -> None:
        if "tracker.example" in route.request.url:
            asked.append(route.request.url)
        if route.request.url == f"{SHOP}/":
            route.fulfill(body="<!doctype html><body>", content_type="text/html")
        else:
            route.fulfill(status=404, body="")

    context.route("**/*", answer)
    context.expose_function("P", lambda: ran.append(shown[0]))
    page = context.new_page()
    shown = [""]
    for number in range(0, len(pieces), 30):
        page.goto(f"{SHOP}/")
        for piece in pieces[number : number + 30]:
            shown[0] = piece
            frame = f"<!doctype html><meta charset=utf-8><div>{piece}</div>"
            page.evaluate(
                "html => { const f = document.createElement('iframe'); f.srcdoc = html; document.body.append(f) }",
                frame,
            )
        page.wait_for_timeout(150)
        for inside in page.frames[1:]:
            inside.evaluate(
                "() => document.querySelectorAll('a').forEach(a => { a.target = '_self'; if (!/^https?:/.test(a.href)) a.dispatchEvent(new MouseEvent('click', {bubbles: true})) })"
            )
        page.wait_for_timeout(100)
    context.close()
    return ran, asked


def test_nothing_hostile_runs_or_loads_in_a_browser_without_any_policy(browser: Browser) -> None:
    raw_ran, raw_asked = run_hostile(browser, [piece.encode("utf-8", "replace").decode() for piece in HOSTILE])
    assert len(raw_ran) > 15 and len(raw_asked) > 10, "the attack itself must bite"
    made = [str(clean(piece)) for piece in HOSTILE]
    folded = [str(readable(f"Reply<blockquote>{piece}</blockquote>", escape("…"))) for piece in HOSTILE]
    assert run_hostile(browser, ["<hr>".join(made + folded)]) == ([], [])


def test_what_would_wreck_a_page_stays_where_it_is(browser: Browser) -> None:
    """As a body, a subject, a name and the name of a file: nothing scrolls sideways, nothing of ours is turned around."""
    short = {what: text[:200_000] for what, text in WRECKING.items()}
    said = [
        message(number, html=WRECKING[what], author_name=text, files=(Attachment("a", f"{text}.pdf", "x", 1),))
        for number, (what, text) in enumerate(short.items(), 1)
    ]
    names = [ticket(number, subject=text) for number, text in enumerate(short.values(), 1)]
    states = {name: given for name, given in every_state("ru").items() if name in ("list-many", "show")}
    whole = Conversation(names[0], tuple(said))
    states["list-many"][1]["view"].tickets = tuple(names)
    states["show"][1]["view"].conversation = whole
    context = browser.new_context(viewport={"width": 320, "height": 700})
    serve(context, states, "ru")
    page = context.new_page()
    for name in states:
        page.goto(f"{SHOP}{PREFIX}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
        ours = page.evaluate(
            "[...document.querySelectorAll('h1, h2, .meta, .when, .files')].map(one => one.textContent).join('')"
        )
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08]", ours), name
        nowhere = "all => all.filter(one => !one.textContent.trim()).length"
        assert page.locator(".requests h2 a, .messages h2, .files .name").evaluate_all(nowhere) == 0, (
            "each can be read and pressed"
        )
    context.close()


def test_the_wreckage_would_wreck(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 700})
    page.set_content("<p></p>")
    page.locator("p").evaluate("(one, text) => one.textContent = text", WRECKING["a line of a megabyte"])
    assert page.evaluate("document.documentElement.scrollWidth") > 320
    page.close()
