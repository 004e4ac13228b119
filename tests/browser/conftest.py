"""System Chromium, one a test worker; a context, and a whole shop with its portal, one a test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.origin import DESK_HOST, EVIL_HOST, Origin, on_one_origin
from tests.browser.watch import WIDE, Tab

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Whatever a page asks of another host is told by Playwright, and goes nowhere; but for two that we play.
    f"--host-resolver-rules=MAP {DESK_HOST} 127.0.0.1, MAP {EVIL_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def program() -> str:
    """The system's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "chromium is not installed: run `make test`, which says how"
    return found


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """For this folder only: while Playwright runs, no other event loop can run in the main thread."""
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program(), args=ARGUMENTS) as browser,
    ):
        yield browser


@pytest.fixture
def settings() -> dict[str, object]:
    """Settings of the portal that a test wants otherwise."""
    return {}


@pytest.fixture
def origin(database_url: str, tmp_path: Path, settings: dict[str, object]) -> Iterator[Origin]:
    with on_one_origin(database_url, tmp_path, **settings) as origin:
        yield origin


@pytest.fixture(params=["script", "no script"])
def tab(request: pytest.FixtureRequest, chromium: Browser, origin: Origin) -> Iterator[Tab]:
    """A browser that has never been here, once with JavaScript and once without; it must have nothing to complain of."""
    scripted = request.param == "script"
    with chromium.new_context(
        viewport=WIDE, java_script_enabled=scripted, locale="ru-RU", reduced_motion="reduce"
    ) as context:
        context.set_default_timeout(10_000)
        tab = Tab(context, origin.address, scripted=scripted)
        yield tab
        tab.must_be_clean()
