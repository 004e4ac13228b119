"""`make screenshots`: every state of every page, as its visitors see it, in build/screenshots.

With names, only those whose name contains one of them: `python -m tests.screenshots show-written new`.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, program
from tests.web.panel_states import panel_states
from tests.web.states import PREFIX, every_state
from tests.web.test_look import SHOP, serve

FOLDER = Path("build/screenshots")
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}


def main(wanted: list[str]) -> None:
    """Take them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program(), args=ARGUMENTS) as browser,
    ):
        for (device, (width, height)), scheme, locale in product(SIZES.items(), ("light", "dark"), ("ru", "en")):
            states = every_state(locale) | panel_states(locale)
            with browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            ) as context:
                serve(context, states, locale)
                page = context.new_page()
                for name in states:
                    if wanted and not any(one in name for one in wanted):
                        continue
                    page.goto(f"{SHOP}{PREFIX}/{name}")
                    page.screenshot(path=FOLDER / f"{name}-{device}-{scheme}-{locale}.png", full_page=True)
    print(f"{len(list(FOLDER.iterdir()))} pictures in {FOLDER}")


if __name__ == "__main__":
    main(sys.argv[1:])
