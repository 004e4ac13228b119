"""The shop's clothes: what of its page comes around ours, and that neither side's looks reach the other's."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from portal import assets
from portal.config import Settings
from portal.service.shop_frame import Unfit
from portal.web.dress import Dress, cut_by, plain
from portal.web.framed_sheet import framed_sheet
from portal.web.pages import Pages
from portal.web.statics import Statics
from tests.browser.conftest import ARGUMENTS, program
from tests.web.states import PREFIX, every_state, settings

SHOP = "https://shop.example"
SHEETS = {True: "/dark.css", False: "/light.css"}
cut = cut_by(f"{SHOP}/local/frame.php", SHOP, SHEETS)


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html lang=ru class='shop'><head>{head}</head><body class='bx' id='top' onload=P()>{body}</body></html>"


def around(body: str, head: str = "", locale: str = "en") -> tuple[str, str, str]:
    """The head, and what stands before and after our content."""
    _, sheets, _, top, end = (piece.decode() for piece in cut(page(body, head)).pieces[locale])
    return sheets, top, end


def test_what_stands_before_the_marker_and_after_it_stands_around_ours() -> None:
    _, top, end = around("<header><p>Лавка</p></header><div class=wrap><!-- portal --></div><footer>2026</footer>")
    assert top == '</div><header><p>Лавка</p></header><div class="wrap"><div class="portal" lang="en">'
    assert end == "</div></div><footer>2026</footer>"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<!-- portal --><!--portal-->",
        "<!-- portals -->",
        "<a title='<!-- portal -->'>x</a>",
        "<script><!-- portal --></script>",
    ],
)
def test_a_page_without_exactly_one_marker_is_none(body: str) -> None:
    with pytest.raises(Unfit):
        cut(page(body))


def test_a_marker_in_the_head_is_none() -> None:
    with pytest.raises(Unfit):
        cut(page("", "<!-- portal -->"))


def test_what_runs_is_styled_by_hand_or_is_sent_stays_behind() -> None:
    bad = (
        "<script>P()</script><style>a{}</style><p style='color:red' onclick=P()>text</p><a href='javascript:P()'>x</a>"
        "<form action=/search><input name=q><button>go</button></form><iframe src=/x></iframe><base href=//evil.test>"
        "<meta http-equiv=refresh content=0><object data=/x></object><template><b>t</b></template><svg onload=P()><script>P()</script></svg>"
    )
    _, top, _ = around(f"{bad}<!-- portal -->")
    assert "text" in top
    assert not re.search(r"P\(|style|script|form|input|button|iframe|base|meta|object|template|onload|javascript", top)


def test_addresses_are_the_shops_and_pictures_of_others_stay_away() -> None:
    _, top, _ = around(
        "<a href='../catalog/'>c</a><a href='https://t.example/x'>t</a><a href='tel:+7'>p</a><a href='#x'>x</a>"
        "<img src='logo.png' alt=l><img src='//cdn.example/a.png' alt=f><img src='data:image/png;base64,x' alt=d><!-- portal -->"
    )
    assert re.findall(r'href="([^"]*)"', top) == ["/catalog/", "https://t.example/x", "tel:+7", "#x"]
    assert re.findall(r'src="([^"]*)"', top) == ["/local/logo.png"]


def test_no_path_is_an_address_of_anybody_elses() -> None:
    sheets, top, _ = around(
        "<a href='https://shop.example//evil.test/x'>c</a><img src='/\\evil.test/p' alt=p>"
        "<img src='https://shop.example//evil.test/q' alt=q><!-- portal -->",
        "<link rel=stylesheet href='https://shop.example//evil.test/x.css'>",
    )
    assert '@import url("/evil.test/x.css")' in sheets
    assert re.findall(r'(?:href|src)="([^"]*)"', top) == ["/evil.test/x", "/evil.test/p", "/evil.test/q"]


def test_a_broken_page_costs_no_more_than_a_whole_one() -> None:
    began = monotonic()
    with pytest.raises(Unfit):
        cut("<html>" + "<body " * 40_000)
    assert monotonic() - began < 1


def test_what_a_browser_would_repeat_without_end_is_none() -> None:
    never_closed = "".join(f"<b id=b{n}>" for n in range(800))
    with pytest.raises(Unfit, match="never closes"):
        cut(page(f"<!-- portal --><p>{never_closed}{'<p>x' * 2000}"))
    cut(page("<!-- portal -->" + "<p><b>bold</b> <i>x" * 200))


def test_what_the_shop_calls_portal_is_not_ours() -> None:
    dress = cut(
        "<html class='portal wide'><body class='bx portal' id=main><p class='a portal b'>x</p><!-- portal --></body>"
    )
    html, _, start, top, _ = (piece.decode() for piece in dress.pieces["en"])
    assert (html, start) == (' class="wide"', '<body class="bx"><div class="portal" lang="en">')
    assert '<p class="a b">' in top


def test_an_id_of_ours_is_ours_alone() -> None:
    _, top, _ = around("<div id=main><div id=header><svg><symbol id=closed></symbol></svg></div></div><!-- portal -->")
    assert re.findall(r'id="(\w+)"', top) == ["header"]


def test_only_the_shops_own_stylesheets_come_along_and_in_the_lowest_layer() -> None:
    head = (
        "<link rel=stylesheet href='/bitrix/t.css?1'><link rel=stylesheet href='print.css' media=print>"
        "<link rel=stylesheet href='https://cdn.example/x.css'><link rel='alternate stylesheet' href=/alt.css>"
        "<link rel=stylesheet href='/a\"); } </style><script>P()</script>'><link rel=stylesheet href=/m.css media='x;} *{'>"
    )
    sheets, _, _ = around("<!-- portal -->", head)
    style = re.search(r"<style>(.*?)</style>", sheets)
    assert style
    assert style[1].startswith(
        '@layer shop;@import url("/bitrix/t.css?1") layer(shop);@import url("/local/print.css") layer(shop) print;'
    )
    assert len(re.findall("@import", style[1])) == 3 and "<" not in style[1] and "m.css" not in style[1]
    assert (
        cut(page("<!-- portal -->", head)).style == f"'sha256-{b64encode(sha256(style[1].encode()).digest()).decode()}'"
    )


@pytest.mark.parametrize(("head", "sheet"), [("", "light"), ("<meta name=color-scheme content='light dark'>", "dark")])
def test_it_is_dark_where_the_shop_is(head: str, sheet: str) -> None:
    sheets, _, _ = around("<!-- portal -->", head)
    assert f'href="/{sheet}.css"' in sheets
    assert f'content="{"light dark" if head else "light"}"' in sheets


def test_a_page_wears_it_in_its_own_language_and_the_shops_class() -> None:
    dress = cut(page("<!-- portal -->"))
    html, _, start, top, _ = (piece.decode() for piece in dress.pieces["en"])
    assert (html, start) == (' class="shop"', '<body class="bx" id="top" lang="ru"><div class="portal" lang="en">')
    assert 'lang="en"' in top and b'lang="ru"' in dress.pieces["ru"][3]


def test_our_sheet_in_a_frame_has_nothing_outside_of_our_part() -> None:
    css = framed_sheet("@layer a, b;\n/* x */ @layer a { :root, .portal a { margin: 1.5rem } } @keyframes k { from { top: 0 } }\n"
                       "@media (max-width: 42rem) { p { top: .5rem } } @media (prefers-color-scheme: dark) { b { top: 0 } }", dark=False)  # fmt: skip
    inside = css[css.index(".portal {\n@") if ".portal {\n@" in css else css.rindex(".portal {") :]
    assert css.startswith("@layer shield, a, b;")
    assert "&, & a { margin: calc(1.5*var(--rem)) }" in inside and "(max-width: 42rem)" in inside
    assert "calc(.5*var(--rem))" in inside and "@media not all" in inside and "dark" not in inside
    assert inside.rstrip().endswith("@keyframes k { from { top: 0 } }")


def test_until_there_is_a_frame_a_page_is_as_without_one() -> None:
    statics = Statics(assets.folder("static"), PREFIX)
    framed = cast(Settings, SimpleNamespace(**{**vars(settings()), "frame_url": "/frame"}))
    waiting, without = Pages(framed, statics), Pages(settings(), statics)
    for name, (template, given) in every_state("en").items():
        bare = without.render(template, locale="en", nonce="n", **given)
        assert (
            plain(statics.url("app.css")).on(waiting.render(template, locale="en", nonce="n", **given), "en") == bare
        ), name


RUDE = """
html { font-size: 10px; color: red; text-transform: uppercase; letter-spacing: 3px }
:root { --accent: lime; --ink: lime; --paper: maroon; --line: lime; --radius: 40px }
* { margin: 0; padding: 0; box-sizing: content-box }
a { color: red; text-decoration: line-through; display: inline } a::before { content: "!!!" }
.status { float: left; display: none } button { all: unset } svg { display: none }
h1, h2, p, time { font-size: 60px; color: red; background: yellow } ol, ul { list-style: square; padding: 99px }
.page, .title, .note, .messages, .files, .requests { display: block; width: 200px; overflow: hidden; position: absolute }
.button, .label, .icon, .back, .meta { visibility: hidden; position: fixed }
textarea, select, input { width: 30px; border: 9px solid red } table { display: none } main, footer { width: 100px }
"""
FRAME = page(
    "<div id=shell><header><a href=/ class=button>Лавка</a> <h2 class=title>Чай</h2><span class=status>x</span></header>"
    "<!-- portal --></div><footer>2026</footer>",
    "<link rel=stylesheet href=/rude.css>",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program(), args=ARGUMENTS) as started,
    ):
        yield started


BOXES = """() => [...document.querySelectorAll(".page *, .page")].filter(e => !e.closest("svg") || e.matches(".icon")).map(e => {
    const s = getComputedStyle(e), b = e.getBoundingClientRect(), top = document.querySelector(".page").getBoundingClientRect();
    return [e.tagName, e.className.baseVal ?? e.className, Math.round(b.x - top.x), Math.round(b.y - top.y), Math.round(b.width), Math.round(b.height),
      s.color, s.backgroundColor, s.fontSize, s.textDecorationLine, s.display, s.float, s.position, s.textTransform, s.borderRadius, getComputedStyle(e, "::before").content]
})"""
"""Where everything of ours is and how it looks, whatever stands above it."""


def drawn(tab: Page, name: str, statics: Statics, dress: Dress) -> list[list[Any]]:
    """The page in these clothes, with the shop's rude sheet at hand."""
    framed = cast(Settings, SimpleNamespace(**{**vars(settings()), "frame_url": "/frame"}))
    template, given = every_state("ru")[name]
    html = dress.on(Pages(framed, statics).render(template, locale="ru", nonce="n", **given), "ru").decode()
    style = f" {dress.style}" if dress.style else ""
    policy = f"default-src 'none'; style-src 'self'{style}; script-src 'nonce-n'; img-src 'self'; connect-src 'self'"

    def answer(route: Any) -> None:
        path = route.request.url.removeprefix(SHOP)
        found = statics.get(path.rpartition("/")[2])
        if path.endswith("/events"):
            route.fulfill(body="retry: 600000\n\n", content_type="text/event-stream")
        elif path == "/rude.css":
            route.fulfill(body=RUDE, content_type="text/css")
        elif found:
            route.fulfill(body=found.body, content_type=found.content_type)
        else:
            route.fulfill(
                body=html, content_type="text/html; charset=utf-8", headers={"content-security-policy": policy}
            )

    tab.unroute_all()
    tab.route("**/*", answer)
    tab.goto(f"{SHOP}{PREFIX}/{name}")
    return cast(list[list[Any]], tab.evaluate(BOXES))


@pytest.mark.browser
def test_a_rude_shop_changes_nothing_of_ours_and_we_nothing_of_the_shops(browser: Browser) -> None:
    statics = Statics(assets.folder("static"), PREFIX)
    statics.add("framed.css", framed_sheet(statics.text("app.css"), dark=True).encode())
    bare = plain(statics.url("app.css"))
    link = b"<link rel=stylesheet href=/rude.css>"
    unguarded = Dress({locale: (one[0], one[1] + link, *one[2:]) for locale, one in bare.pieces.items()})
    framed = cut_by(f"{SHOP}/frame", SHOP, dict.fromkeys((True, False), statics.url("framed.css")))(FRAME)
    with browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as context:
        tab = context.new_page()
        said: list[str] = []
        tab.on("console", lambda told: said.append(told.text))
        for name in ("list-many", "show-long", "new-problems", "error-404"):
            ours = drawn(tab, name, statics, bare)
            assert drawn(tab, name, statics, unguarded) != ours, "the attack itself must bite"
            worn = drawn(tab, name, statics, framed)
            different = [(a, b) for a, b in zip(ours, worn, strict=True) if a != b]
            assert different == [], f"{name}: {different[:6]}"
            shops = tab.locator("#shell > header a").evaluate("e => [getComputedStyle(e).color, e.offsetHeight]")
            assert shops[0] == "rgb(255, 0, 0)" and shops[1] < 44, "the shop's own link is as the shop has it"
            tab.emulate_media(media="print")
            assert [tab.locator(one).is_visible() for one in ("body > footer", "h1")] == [False, True]
            tab.emulate_media(media="screen")
        assert [one for one in said if "Policy" in one] == []
