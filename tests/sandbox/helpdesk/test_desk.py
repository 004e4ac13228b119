"""The help desk as an operator's browser sees it: a plugin in a ticket, whose requests the help desk makes itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from litestar.testing import TestClient

from portal.sandbox.helpdesk import State, create_app, seed_demo
from portal.sandbox.helpdesk.plugin import Plugin

SECRET = "kept-by-the-help-desk"


class Portal(BaseHTTPRequestHandler):
    """Tells what it was asked, without the secret that it was shown."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        knows = self.headers.get("authorization") == f"Bearer {SECRET}"
        told = {"path": self.path, "knows": knows, "type": self.headers["content-type"], "body": json.loads(body)}
        self.send_response(201 if knows else 401)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_told: object) -> None:
        pass


@pytest.fixture
def portal() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def state(portal: str) -> State:
    made = State()
    seed_demo(made)
    html = "<!doctype html>\n<p>plugin</p>"
    made.plugin = Plugin(html, asks=portal, secrets={"SECRET": SECRET}, shown={"COLOUR": "</script>"})
    return made


@pytest.fixture
def browser(state: State) -> Iterator[TestClient[Any]]:
    with TestClient(create_app(state)) as client:
        yield client


def ask(browser: TestClient[Any], url: str, **more: object) -> Any:
    told = {"url": url, "method": "POST", "headers": {"Authorization": "Bearer {{SECRET}}"}, "data": {"a": 1}, **more}
    return browser.post("/_sandbox/desk/request", json=told)


def test_a_ticket_is_shown_with_its_operator_and_the_plugin_in_its_slot(browser: TestClient[Any], state: State) -> None:
    newest = max(state.tickets.values(), key=lambda one: one.updated)
    page = browser.get("/_sandbox/desk/").text
    assert f"desk.show({newest.id})" in page and "/_sandbox/desk/plugin" in page
    assert f'"userId": {state.operators()[0].id}' in page
    assert browser.get("/_sandbox/desk/999999").status_code == 404


def test_the_plugin_gets_its_variables_and_no_secret(browser: TestClient[Any], state: State) -> None:
    plugin = browser.get("/_sandbox/desk/plugin").text
    assert plugin.startswith("<!doctype html>") and "<p>plugin</p>" in plugin and "window.HDE" in plugin
    assert SECRET not in plugin and plugin.count("</script>") == 1
    state.plugin.html = ""
    assert browser.get("/_sandbox/desk/plugin").status_code == 404


def test_the_secret_is_put_in_by_the_help_desk(browser: TestClient[Any], portal: str) -> None:
    answer = ask(browser, f"{portal}/api/panel/links").json()
    assert answer["status"] == 201 and answer["data"]["knows"]
    assert answer["data"] | {"knows": 0} == {
        "path": "/api/panel/links",
        "knows": 0,
        "type": "application/json",
        "body": {"a": 1},
    }
    assert ask(browser, f"{portal}/x", headers={"Authorization": "Bearer {{OTHER}}"}).json()["status"] == 401
    assert ask(browser, f"{portal}/x", data='{"b": 2}').json()["data"]["body"] == {"b": 2}


@pytest.mark.parametrize(
    "url", ["http://evil.example/", "{portal}.evil.example/", "{portal}@evil.example/", "", "{{SECRET}}"]
)
def test_it_goes_to_the_portal_alone(browser: TestClient[Any], portal: str, url: str) -> None:
    assert ask(browser, url.replace("{portal}", portal)).status_code == 400
    assert browser.post("/_sandbox/desk/request", content=b"[]").status_code == 400


def test_a_portal_that_is_away_is_told_as_no_answer(browser: TestClient[Any], state: State) -> None:
    state.plugin.asks = "http://127.0.0.1:1"
    assert ask(browser, "http://127.0.0.1:1/x").json() == {"status": 0, "data": None}
