"""The panel's doors with nothing much behind them: what it shows is the business of other tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from portal import app
from portal.database import Unit
from portal.errors import HelpdeskUnreachable, NotFound
from portal.service import panel_acts
from portal.service.evidence import Node
from portal.service.identity import Identity
from portal.service.panel import Subject
from portal.tokens import Tokens
from tests.stage import PREFIX, Stage

SECRET = "a-panel-secret-for-tests"
DESK = "https://desk.example"
TOKENS = Tokens(["a-key-for-tests-only"])
BEARER = {"authorization": f"Bearer {SECRET}"}
SHOW = """<!doctype html><html lang="{{ locale }}"><head>{% include "panel/_frame.html" %}<title>panel</title></head><body>
<p id="sheet">{{ sheet }}</p><p id="found">{{ found }}</p><p id="said">{{ said }}</p>
<form method="post" action="{{ act('find') }}"><input type="hidden" name="handle" value="{{ handle }}">
<input type="hidden" name="view" value="{{ view }}"><input name="q" value="{{ q }}"><button>find</button></form>
{% for whom in (("account", 7), ("account", 8), ("contact", 7), ("order", 5), ("word", 3), ("word", 101)) %}
<form method="post" action="{{ act('person') }}"><input type="hidden" name="handle" value="{{ handle }}">
<input type="hidden" name="ref" value="{{ ref(whom) }}"><button id="{{ whom|join('-') }}">{{ whom|join(' ') }}</button></form>
{% endfor %}</body></html>"""
"""Stands in for panel/show.html: what it was given, and a form for each of some names."""

Door = TestClient[Any]


class Shown(str):
    """What a sheet or a search says of itself, and whom it shows."""

    __slots__ = ("whom",)

    def __new__(cls, text: str, *whom: tuple[str, int]) -> Shown:
        made = super().__new__(cls, text)
        made.whom = whom
        return made


class StubPanel:
    """Knows nothing, and says whom it was asked for."""

    away = False

    def __init__(self, *_built_of: object, **_named: object) -> None:
        pass

    async def sheet(self, subject: Subject, page: int = 1) -> Shown:
        if StubPanel.away:
            raise HelpdeskUnreachable("away")
        return Shown(f"{subject} {page}", ("account", subject.user_id or 7), ("contact", 70))

    async def find(self, q: str) -> Shown:
        return Shown(f"found for {q}", ("account", 7), ("account", 8))


class Done(Identity):
    """Plays those who do what an operator asks for: tells what it was, and knows no word and no order beyond 100."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.followed: list[int] = []

    def say(self, unit: Unit, operator: str, left: Node, right: Node, *, same: bool) -> int:
        if left == right:
            raise NotFound
        self.told.append(("say", operator, left, right, same))
        return 3

    def undo(self, unit: Unit, operator: str, *said: int) -> None:
        if said[-1] > 100:
            raise NotFound
        self.told.append(("undo", operator, *said))

    def follow(self, unit: Unit, ticket_id: int) -> None:
        self.followed.append(ticket_id)

    def link(self, unit: Unit, operator: str, ticket_id: int, order_id: int) -> None:
        self.told.append(("link", operator, ticket_id, order_id))

    def unlink(self, unit: Unit, operator: str, ticket_id: int, order_id: int) -> None:
        self.told.append(("unlink", operator, ticket_id, order_id))


DONE = Done()


@contextmanager
def stubbed(folder: Path) -> Iterator[dict[str, object]]:
    """Within it create_app builds the stub; yields the settings that turn the panel on."""
    (folder / "panel").mkdir(parents=True)
    (folder / "panel/show.html").write_text(SHOW)
    with pytest.MonkeyPatch.context() as instead:
        instead.setattr(app, "Panel", StubPanel)
        instead.setattr(app, "_deeds", lambda *_: {**panel_acts.words(DONE, DONE), **panel_acts.links(DONE)})
        yield {"panel_secrets": (SecretStr(SECRET),), "hde_origin": DESK, "templates": str(folder)}


@contextmanager
def doors(shop: Stage, folder: Path, **settings: object) -> Iterator[Door]:
    """The portal with its panel on."""
    with stubbed(folder) as told, shop.client(**told | settings) as client:
        yield client


def link(door: Door, operator: str = "ivan", **about: int) -> str:
    """A token for a ticket (10 unless said otherwise) or an order."""
    told = {**(about or {"ticket_id": 10}), "operator": operator}
    answer = door.post("/api/panel/links", json=told, headers=BEARER)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def spend(door: Door, token: str, **headers: str) -> Any:
    return door.post(f"{PREFIX}/panel", data={"token": token}, headers={"origin": DESK, **headers})


def act(door: Door, name: str, **fields: str) -> Any:
    """As the page in its frame sends it: it tells no referrer, so that its origin is null."""
    headers = {"origin": "null", "sec-fetch-site": "same-origin"}
    return door.post(f"{PREFIX}/panel/{name}", data=fields, headers=headers)


def handle_of(page: str) -> str:
    found = re.search(r'name="handle" value="([^"]+)"', page)
    assert found, "no panel is open"
    return found[1]


def ref_of(page: str, kind: str, number: int) -> str:
    """What the page calls it."""
    found = re.search(rf'name="ref" value="([^"]+)"><button id="{kind}-{number}"', page)
    assert found
    return found[1]


def said(page: str, what: str) -> str:
    found = re.search(rf'id="{what}">([^<]*)<', page)
    assert found, page
    return found[1]
