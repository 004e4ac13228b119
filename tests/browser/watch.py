"""A browser's tab that is watched, and what must hold of whatever it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import BrowserContext, Locator, Page

from portal.sandbox.people import Account
from tests.browser.origin import PREFIX

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "experimental"]
"""Every rule of axe but the AAA ones; also those that are off by themselves (target-size)."""

FOCUSED = """() => {
  const one = document.activeElement;
  const around = [one, one.closest("label, summary, li, h2") ?? one, one.labels?.[0] ?? one];
  const outlined = (each, part) => getComputedStyle(each, part).outlineStyle !== "none";
  const name = one.labels?.[0]?.textContent || one.ariaLabel || one.textContent || one.value || "";
  return [name, around.some((each) => outlined(each) || outlined(each, "::after"))];
}"""
"""What the element with the focus is called, and whether it, its label or what it stands in shows the focus."""

NARROW = (360, 320)
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


class Tab:
    """A page of its own context. `complaints`: errors and warnings of the console, violated policies, uncaught errors."""

    def __init__(self, context: BrowserContext, address: str, *, scripted: bool) -> None:
        self.address = address
        self.scripted = scripted
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        context.on("request", lambda request: self._asked(request.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on(
            "console",
            lambda said: self._said(said.type, said.text, said.location["url"]),
        )
        self.page: Page = context.new_page()

    def _said(self, kind: str, text: str, url: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{text} ({url.removeprefix(self.address)})")

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.address}/", "data:", "blob:")):
            self.foreign.append(url)

    def open(self, path: str) -> int:
        """Go to an address of ours; returns the status."""
        answer = self.page.goto(f"{self.address}{path}")
        assert answer
        return answer.status

    def enter(self, account: Account, path: str = f"{PREFIX}/") -> None:
        """Go to an address of the portal, and by the shop's sign-in there."""
        self.open(path)
        self.sign_in(account)
        assert self.page.url == f"{self.address}{path}"

    def sign_in(self, account: Account) -> None:
        """Fill in the shop's form, which must be on the screen."""
        self.page.fill("#login", account.login)
        self.page.fill("#password", account.password)
        self.follow(self.page.get_by_role("button", name="Войти"))

    def follow(self, link: Locator) -> None:
        """Click a link or a button, and wait for the page it leads to."""
        with self.page.expect_navigation():
            link.click()

    def walk_to(self, name: str) -> None:
        """Go on by the Tab key to what is called so, which must show that it has the focus."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            called, shows = self.page.evaluate(FOCUSED)
            if name in re.sub(r"\s+", " ", called):
                assert shows, f"{name} has the focus and does not show it"
                return
        raise AssertionError(f"{name} cannot be reached")

    def press(self, key: str) -> None:
        """A key that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def text(self) -> str:
        """What the main part says, in one line."""
        return re.sub(r"\s+", " ", self.page.locator("main").inner_text().replace("\u2060", ""))

    def subjects(self) -> list[str]:
        """Of the requests that are listed."""
        return self.page.locator(".requests h2 bdi").all_inner_texts()

    def inspect(self, state: str) -> None:
        """Axe finds nothing (light and wide, dark and narrow) and nothing scrolls sideways."""
        self._axe(f"{state}, light")
        for width in NARROW:
            self.page.set_viewport_size({**PHONE, "width": width})
            needed = self.page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
            assert needed[0] <= needed[1] == width, f"{state}: {needed[0]} of {width} px"
        if self.scripted:
            self.page.emulate_media(color_scheme="dark")
            self._axe(f"{state}, dark")
            self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(WIDE)

    def _axe(self, state: str) -> None:
        found = violations(self.page) if self.scripted else self._violations_in_a_twin()
        assert not found, f"{state}: {json.dumps(found, ensure_ascii=False, indent=1)}"

    def _violations_in_a_twin(self) -> list[dict[str, Any]]:
        """Axe needs timers, which a page without scripts does not have: the same markup in a browser that has them.

        What stands in <noscript> is not seen there.
        """
        browser = self.page.context.browser
        assert browser
        shown, scheme = self.page.content(), self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        with browser.new_context(
            viewport=self.page.viewport_size, color_scheme="dark" if scheme else "light"
        ) as context:
            twin = context.new_page()
            twin.route(self.page.url, lambda route: route.fulfill(body=shown, content_type="text/html; charset=utf-8"))
            twin.route("**/*.js", lambda route: route.abort())
            twin.goto(self.page.url)
            return violations(twin)

    def expect_complaint(self, about: str) -> None:
        """Exactly one complaint, with these words, and it is forgotten."""
        if not self.complaints:
            self.page.wait_for_event("console")  # it is told a moment after the page
        (complaint,) = self.complaints
        assert about in complaint
        self.complaints.clear()

    def must_be_clean(self) -> None:
        """Nothing was complained about, nothing was asked of anybody else."""
        assert self.complaints == []
        assert self.foreign == []


def violations(page: Page) -> list[dict[str, Any]]:
    """What axe finds on the page as it is shown: rule, and the elements with why."""
    page.evaluate(AXE)
    found = page.evaluate(
        "tags => axe.run({runOnly: tags, resultTypes: ['violations']}).then(found => found.violations)", RULES
    )
    return [
        {
            "rule": rule["id"],
            "help": rule["help"],
            "nodes": [[n["html"][:200], n["failureSummary"]] for n in rule["nodes"]],
        }
        for rule in found
    ]
