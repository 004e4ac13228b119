"""`make screenshots`: every state of every page, as its visitors see it, in build/screenshots, and a sheet of the best.

With names, only those whose name contains one of them: `python -m tests.screenshots show-written new`.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from tests import clothes
from tests.browser.conftest import ARGUMENTS, program
from tests.web.panel_states import panel_states
from tests.web.states import PREFIX, every_state
from tests.web.test_look import SHOP, serve

FOLDER = Path("build/screenshots")
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

SHEET = Path("build/account.png")
BEST = (
    ("list-many-desktop-light-en", "show-long-desktop-light-en", "new-desktop-dark-en"),
    ("list-many-phone-dark-ru", "show-long-phone-light-ru", "list-empty-phone-light-ru", "new-problems-phone-light-en", "show-long-phone-dark-en"),
)  # fmt: skip
"""Rows of the sheet: wide pages, then narrow ones; each is cut to the shape of its screen."""


def main(wanted: list[str]) -> None:
    """Take them. A page is drawn once a language: its size and its colours change under it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program(), args=ARGUMENTS) as browser,
    ):
        for locale in ("ru", "en"):
            _take(browser, locale, wanted)
        if not wanted:
            _sheet(browser)
            clothes.picture(browser, Path("build/clothes.png"))
    print(f"{len(list(FOLDER.iterdir()))} pictures in {FOLDER}")


def _take(browser: Browser, locale: str, wanted: list[str]) -> None:
    states = every_state(locale) | panel_states(locale)
    with browser.new_context(reduced_motion="reduce") as context:
        serve(context, states, locale)
        page = context.new_page()
        for name in states:
            if wanted and not any(one in name for one in wanted):
                continue
            page.goto(f"{SHOP}{PREFIX}/{name}")
            for (device, (width, height)), scheme in product(SIZES.items(), SCHEMES):
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=FOLDER / f"{name}-{device}-{scheme}-{locale}.png", full_page=True)


def _sheet(browser: Browser) -> None:
    rows = "".join(f"<div>{''.join(f'<img src={name}.png>' for name in row)}</div>" for row in BEST)
    style = "body{margin:0;padding:20px;background:#d9dde4;width:1200px}div{display:flex;gap:16px;margin-bottom:16px}div:last-child{margin:0}img{flex:1;min-width:0;object-fit:cover;object-position:top;border-radius:6px}div:first-child img{aspect-ratio:4/3}div:last-child img{aspect-ratio:9/17}"
    (FOLDER / "sheet.html").write_text(f"<!doctype html><style>{style}</style>{rows}", "utf-8")
    page = browser.new_page(viewport={"width": 1240, "height": 600})
    page.goto((FOLDER / "sheet.html").absolute().as_uri())
    page.screenshot(path=SHEET, full_page=True)
    (FOLDER / "sheet.html").unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
