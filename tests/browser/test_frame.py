"""The demo shop's own header and footer around the portal, in a browser that has never been there."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from portal.sandbox.people import ANNA
from tests import clothes
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import Tab

pytestmark = pytest.mark.browser


@pytest.fixture
def settings() -> dict[str, object]:
    return {"frame_url": "/frame/"}


def test_our_pages_wear_the_shops_frame_with_and_without_scripts(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login, "Где моя посылка?")
    tab.enter(ANNA)
    for path in ("", f"{ticket}", "new", "404404"):
        tab.open(f"{PREFIX}/{path}")
        if path == "404404":
            tab.expect_complaint("404")
        shop = tab.page.locator("body > header a")
        assert shop.all_inner_texts() == ["Лавка", "Каталог", "Мои обращения", "Личный кабинет"]
        assert "ничего не продаёт" in tab.page.locator("body > footer").inner_text()
        assert tab.page.locator("script:not([nonce])").count() == 0
        # Its stylesheet came through our policy, and ours is as it is without it.
        assert shop.first.evaluate("e => getComputedStyle(e).textDecorationLine") == "none"
        assert tab.page.locator("h1").evaluate("e => getComputedStyle(e).fontWeight") in ("600", "650")
    tab.open(f"{PREFIX}/{ticket}")
    tab.page.fill("#text", "Спасибо")
    tab.follow(tab.page.get_by_role("button", name="Отправить"))
    assert "Спасибо" in tab.text() and tab.page.locator("body > header").count() == 1
    tab.must_be_clean()
    tab.inspect("framed")
    tab.complaints.clear()  # axe puts stylesheets of its own into a page that has one inline, and our policy forbids it


def test_the_picture_of_the_readme_can_be_made_anew(chromium: Browser, tmp_path: Path) -> None:
    clothes.picture(chromium, tmp_path / "clothes.png")
    assert [one.name for one in tmp_path.iterdir()] == ["clothes.png"]
