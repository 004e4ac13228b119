"""The picture of our pages in the demo shop's own look, for the README: its frame around them, and a shop.css of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from jinja2 import Environment, FileSystemLoader
from playwright.sync_api import Browser, Route

from portal import assets
from portal.config import Settings
from portal.web.dress import cut_by
from portal.web.framed_sheet import framed_sheet
from portal.web.pages import Pages
from portal.web.statics import Statics
from tests.web.states import PREFIX, every_state, settings

SHOP = "https://shop.example"
SHOP_CSS = """.portal { --accent: #8a4b1f; --paper: #faf8f4; --ink: #26221c; --radius: 4px; }
.portal .wide, .portal .narrow { max-inline-size: 60rem; padding-inline: 16px; }
"""


def picture(browser: Browser, path: Path) -> None:
    """A list on a desk and a conversation on a phone, side by side."""
    look = assets.folder("templates") / "shop"
    page = Environment(loader=FileSystemLoader(look), autoescape=True).get_template("frame.html")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "shop.css").write_text(SHOP_CSS)
        statics = Statics(assets.folder("static"), PREFIX, folder)
    statics.add("framed.css", framed_sheet(statics.text("app.css"), dark=False).encode())
    sheets = dict.fromkeys((True, False), statics.url("framed.css"))
    dress = cut_by(f"{SHOP}/frame/", SHOP, sheets)(page.render(requests=f"{PREFIX}/"))
    pages = Pages(cast(Settings, SimpleNamespace(**{**vars(settings()), "frame_url": "/frame/"})), statics)
    states = every_state("ru")

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name == "shop.css":
            route.fulfill(body=(look / name).read_text("utf-8"), content_type="text/css")
        elif found := statics.get(name):
            route.fulfill(body=found.body, content_type=found.content_type)
        elif name == "events":
            route.fulfill(body="retry: 600000\n\n", content_type="text/event-stream")
        else:
            template, given = states[name]
            body = dress.on(pages.render(template, locale="ru", nonce="n", **given), "ru")
            route.fulfill(body=body, content_type="text/html; charset=utf-8")

    with browser.new_context(reduced_motion="reduce") as context:
        context.route(f"{SHOP}/**", answer)
        page_, shots = context.new_page(), []
        for name, width, height in (("list-new", 960, 740), ("show", 360, 740)):
            page_.set_viewport_size({"width": width, "height": height})
            page_.goto(f"{SHOP}{PREFIX}/{name}")
            shots.append(path.with_name(f"{name}.part.png"))
            page_.screenshot(path=shots[-1])
    both = "".join(f'<img src="{one.name}">' for one in shots)
    style = "body{margin:0;padding:20px;display:flex;gap:20px;background:#d9dde4;width:max-content}img{height:555px;border-radius:6px}"
    sheet = path.with_suffix(".html")
    sheet.write_text(f"<!doctype html><style>{style}</style>{both}", "utf-8")
    with browser.new_context(viewport={"width": 1050, "height": 595}) as context:
        page_ = context.new_page()
        page_.goto(sheet.absolute().as_uri())
        page_.screenshot(path=path)
    for one in (sheet, *shots):
        one.unlink()
