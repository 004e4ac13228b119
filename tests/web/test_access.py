"""Who gets what at every address: actors × addresses × forms of an id × methods, made from the route table.

Anna owns what is there; Boris, whose address is proven as well, must not tell it from what is not there.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import TimestampSigner
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.testing import TestClient
from pydantic import SecretStr

from portal.app import create_app
from portal.model import Customer
from portal.service import sight, writing
from portal.service.sight import Person, Sight
from portal.service.writing import Draft
from portal.store import links
from portal.tokens import Tokens
from tests.panel_stub import SECRET as PANEL
from tests.panel_stub import stubbed
from tests.stage import ANNA, BORIS, EMAILS, PREFIX, PUBLIC_URL, Stage, stage

WEBHOOK = "a-webhook-secret-for-tests"
TOKENS = Tokens(["a-key-for-tests-only"])
HOME = {"origin": PUBLIC_URL, "sec-fetch-site": "same-origin"}

Browser = TestClient[Any]

HERS, PAGE, WRITES, ACTS, PUBLIC, IDENTITY, ORDERS, EVENTS, REDIRECT, LINKS, OPERATORS, STREAM = KINDS = range(12)
"""What an address is: a thing that has an owner, a page of whoever is signed in, a form that takes a text, another form,
for everybody, the widget's question, the two doors, a way on to a thing that has an owner, the panel's links, what is
an operator's (test_panel_access.py), and a stream (test_live.py), which does not end."""

RULES = {
    f"GET {PREFIX}": PAGE,
    f"GET {PREFIX}/{{ticket_id}}": HERS,
    f"POST {PREFIX}/{{ticket_id}}/reply": WRITES,
    f"GET {PREFIX}/{{ticket_id}}/reply": REDIRECT,
    f"POST {PREFIX}/{{ticket_id}}/close": ACTS,
    f"POST {PREFIX}/{{ticket_id}}/reopen": ACTS,
    f"POST {PREFIX}/{{ticket_id}}/rate": ACTS,
    f"GET {PREFIX}/new": PAGE,
    f"POST {PREFIX}/new": WRITES,
    f"GET {PREFIX}/new/{{kept_id}}": HERS,
    f"GET {PREFIX}/{{ticket_id}}/files/{{file_id}}": HERS,
    f"GET {PREFIX}/{{ticket_id}}/files/{{file_id}}/view": HERS,
    f"GET {PREFIX}/{{ticket_id}}/files.zip": HERS,
    f"GET {PREFIX}/export": PAGE,
    f"POST {PREFIX}/export": ACTS,
    f"GET {PREFIX}/export/requests.zip": PAGE,
    f"GET {PREFIX}/export/{{ticket_file}}": HERS,
    f"GET {PREFIX}/export/erase": PAGE,
    f"POST {PREFIX}/export/erase": ACTS,
    f"GET {PREFIX}/export/receipt": PAGE,
    f"GET {PREFIX}/prove": PAGE,
    f"POST {PREFIX}/prove": ACTS,
    f"GET {PREFIX}/prove/{{token}}": PAGE,
    f"POST {PREFIX}/prove/{{token}}": ACTS,
    f"GET {PREFIX}/widget.js": PUBLIC,
    f"GET {PREFIX}/widget/identity": IDENTITY,
    f"GET {PREFIX}/order.js": PUBLIC,
    f"GET {PREFIX}/order": IDENTITY,
    f"GET {PREFIX}/events": STREAM,
    f"GET {PREFIX}/badge": IDENTITY,
    f"GET {PREFIX}/badge.js": PUBLIC,
    f"GET {PREFIX}/static/{{name}}": PUBLIC,
    f"GET {PREFIX}/panel": OPERATORS,
    f"POST {PREFIX}/panel": OPERATORS,
    f"GET {PREFIX}/panel/{{token}}": OPERATORS,
    f"POST {PREFIX}/panel/{{act}}": OPERATORS,
    "POST /api/panel/links": LINKS,
    "GET /api/orders": ORDERS,
    "HEAD /api/orders": ORDERS,
    "GET /api/orders/openapi.json": PUBLIC,
    "POST /api/hde-webhook": EVENTS,
    "POST /api/hde-webhook.php": EVENTS,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")

NOBODYS = [
    "999999999", "0", "-1", "007", "+7", "1.0", "1e3", "0x1F", "٣", "１２", "true", "null", "None", "%00", "%0a", "1%00", "1%20", "%201",
    "9223372036854775808", "9" * 40, "1;2", "1,2", "1'--", "..%2f1", "%2e%2e", "admin", "{ticket_id}", "a" * 3000,
]  # fmt: skip
"""Forms of an id that nothing has."""

TECHNICAL = (
    "custom_hde_snapshot", "custom_hde_ticket", "custom_hde_index_want", "custom_hde_api_slot", "custom_hde_cursor",
)  # fmt: skip
"""Copies of the help desk and the count of calls: they change when somebody reads, and belong to nobody."""


@dataclass
class World:
    """What there is, and one client for each who comes; `ids` by parameter, Anna's and Boris's."""

    shop: Stage
    ids: dict[int, dict[str, str]]
    nobody: Browser
    anna: Browser
    boris: Browser
    untouched: dict[str, str] = field(default_factory=dict)
    """The fingerprint before anybody asked for anything."""

    def fill(self, template: str, whose: int = ANNA, **ids: str) -> str:
        return template.format(**{**self.ids[whose], "act": "show", **ids})

    def form(self, **more: object) -> dict[str, Any]:
        """Anna's form as it should be; it would do for both kinds."""
        return {"csrf": token("form", ANNA, "form-1"), "text": "canary", "subject": "canary", **more}

    def fingerprint(self) -> dict[str, str]:
        """Every table but the technical ones, the shop's too, and the session files with their times."""
        found = {
            name: repr(sorted(map(repr, self.shop.execute(f"SELECT * FROM {name}"))))
            for (name,) in self.shop.execute("SHOW TABLES")
            if name not in TECHNICAL
        }
        for file in sorted(self.shop.sessions.iterdir()):
            found[file.name] = f"{file.stat().st_mtime_ns} {file.read_bytes()!r}"
        return {name: hashlib.sha256(value.encode()).hexdigest() for name, value in found.items()}


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    sessions = tmp_path / "sessions"
    sessions.mkdir()
    with stage(database_url, sessions) as shop, stubbed(tmp_path / "templates") as panel:
        ids = {user: owned(shop, user) for user in (ANNA, BORIS)}
        told = panel | {"webhook_secrets": (SecretStr(WEBHOOK),)}
        with shop.client(**told) as nobody, shop.client(ANNA, **told) as anna, shop.client(BORIS, **told) as boris:
            made = World(shop, ids, nobody, anna, boris)
            made.untouched = made.fingerprint()
            for user, browser in ((ANNA, anna), (BORIS, boris)):
                page = browser.get(f"{PREFIX}/{ids[user]['ticket_id']}").text
                found = re.search(rf"{PREFIX}/\d+/files/([^\"/]+)", page)
                assert found, "the conversation shows its file"
                ids[user]["file_id"] = found[1]
            static = re.search(rf"{PREFIX}/static/([^\"]+)", anna.get(f"{PREFIX}/").text)
            assert static
            ids[ANNA]["name"] = ids[BORIS]["name"] = static[1]
            yield made


def owned(shop: Stage, user: int) -> dict[str, str]:
    """A ticket with a file, and a request that waits to be sent."""
    shop.prove(user)
    paper = {"name": "a.txt", "type": "text/plain", "base64": base64.b64encode(b"canary").decode()}
    ticket = shop.ticket(user, f"Of {EMAILS[user]}", files=[paper])
    person = Person(Customer(user, "", EMAILS[user], ""), Sight.PROVEN)
    kept = shop.databases.run_here(writing.open_request, person, Draft("waits", f"form-{user}", "Waits"), None)
    return {"ticket_id": str(ticket), "ticket_file": f"{ticket}.html", "kept_id": str(kept.id), "token": proof(user)}


def proof(user: int) -> str:
    return sight.proof_token(TOKENS, user, EMAILS[user], f"jti-{user}")


def token(purpose: Any, audience: object, value: object = None) -> str:
    return TOKENS.sign(purpose, str(audience), value)


def routes(*kinds: int) -> list[tuple[str, str]]:
    """(method, template) of the addresses of these kinds."""
    return [(name.partition(" ")[0], name.partition(" ")[2]) for name, kind in RULES.items() if kind in kinds]


def same(answer: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Everything but the date."""
    return answer.status_code, answer.content, [(k, v) for k, v in answer.headers.multi_items() if k != "date"]


def kept(world: World) -> int:
    return int(world.shop.execute("SELECT COUNT(*) FROM custom_hde_outbox")[0][0])


def test_every_address_has_a_rule_and_every_rule_an_address(world: World) -> None:
    app = create_app(world.shop.settings, run_worker=False)
    found = {
        f"{method} {route.path_format}"
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if isinstance(handler, HTTPRouteHandler)
        for method in handler.http_methods
        if method != "OPTIONS"
    }
    # Where HEAD is answered it is as GET is (web/reading.py): by the same handler, under the same rule.
    heads = {name for name in found if name.startswith("HEAD ")}
    assert {name.replace("HEAD", "GET", 1) for name in heads} <= found
    assert found - heads == {name for name in RULES if not name.startswith("HEAD ")}
    assert len(app.routes) == len({path for _method, path in routes(*KINDS)})


@pytest.mark.parametrize(("method", "template"), routes(HERS))
def test_what_has_an_owner_is_his_and_nobody_elses(world: World, method: str, template: str) -> None:
    assert world.anna.request(method, world.fill(template)).status_code == 200
    assert world.boris.request(method, world.fill(template, BORIS)).status_code == 200
    nobodys = {"ticket_id": "999999999", "kept_id": "999999999", "ticket_file": "999999999.html"}
    missing = same(world.boris.get(world.fill(template, BORIS, **nobodys)))
    assert missing[0] == 404 and b"999999999" not in missing[1]
    assert same(world.boris.request(method, world.fill(template, ANNA))) == missing
    name = next(name for name in ("kept_id", "ticket_file", "ticket_id") if name in template)
    for form in [*NOBODYS, *(f"{form}.html" for form in NOBODYS if name == "ticket_file")]:
        assert same(world.boris.request(method, world.fill(template, BORIS, **{name: form}))) == missing, form


@pytest.mark.parametrize(("method", "template"), routes(REDIRECT))
def test_a_way_on_is_the_same_for_everybody_and_asks_nobody(world: World, method: str, template: str) -> None:
    calls = world.shop.calls()
    for browser in (world.nobody, world.anna, world.boris):
        for ticket in (world.ids[ANNA]["ticket_id"], "999999999"):
            answer = browser.request(method, world.fill(template, ticket_id=ticket))
            assert (answer.status_code, answer.headers["location"]) == (303, f"{PREFIX}/{ticket}")
            assert answer.content == b"" and "set-cookie" not in answer.headers
        for form in set(NOBODYS) - {"999999999"}:
            assert browser.request(method, world.fill(template, ticket_id=form)).status_code == 404, form
    assert world.shop.calls() == calls


def test_a_file_is_found_in_its_own_conversation_only(world: World) -> None:
    """Each id is his own, the two together are not."""
    template = f"{PREFIX}/{{ticket_id}}/files/{{file_id}}"
    hers, his = world.ids[ANNA], world.ids[BORIS]
    missing = same(world.boris.get(world.fill(template, BORIS, file_id="nothing")))
    assert missing[0] == 404
    assert same(world.boris.get(world.fill(template, BORIS, file_id=hers["file_id"]))) == missing
    assert same(world.boris.get(world.fill(template, ANNA, file_id=his["file_id"]))) == missing
    for form in NOBODYS:
        assert same(world.boris.get(world.fill(template, BORIS, file_id=form))) == missing, form


@pytest.mark.parametrize(("method", "template"), routes(HERS, PAGE, ACTS))
def test_nobody_is_sent_to_the_sign_in_whatever_he_asks_for(world: World, method: str, template: str) -> None:
    for whose, more in ((ANNA, {}), (ANNA, {"ticket_id": "999999999", "kept_id": "999999999", "token": "x"})):
        answer = world.nobody.request(method, world.fill(template, whose, **more), headers=HOME)
        assert answer.status_code == 302 and answer.headers["location"].startswith("/auth/?backurl=%2Fpersonal%2F")
        assert answer.content == b""


@pytest.mark.parametrize(("method", "template"), routes(WRITES))
def test_nobodys_text_comes_back_and_nothing_is_kept(world: World, method: str, template: str) -> None:
    before = world.fingerprint()
    for more in ({}, {"ticket_id": "999999999"}):
        answer = world.nobody.request(method, world.fill(template, **more), data=world.form(), headers=HOME)
        assert answer.status_code < 500 and "canary" in answer.text and "/auth/" in answer.text
        assert EMAILS[ANNA] not in answer.text
    assert world.fingerprint() == before


def test_a_reply_to_anothers_ticket_is_a_404_like_any_other_and_is_not_kept(world: World) -> None:
    template = f"{PREFIX}/{{ticket_id}}/reply"
    form = {"csrf": token("form", BORIS, "form-2"), "text": "canary"}
    missing = same(world.boris.post(world.fill(template, ticket_id="999999999"), data=form, headers=HOME))
    before = world.fingerprint()
    assert missing[0] == 404 and b"canary" in missing[1], "her words are given back"
    assert b"999999999" not in missing[1] and b"nonce" not in missing[1] and b"csrf" not in missing[1]
    for number in (world.ids[ANNA]["ticket_id"], *NOBODYS):
        answer = world.boris.post(world.fill(template, ticket_id=number), data=form, headers=HOME)
        # One with a slash in it is the address of nothing at all.
        assert same(answer) == missing or (number == "..%2f1" and b"canary" not in answer.content), number
    for method, bare in (("GET", ""), ("POST", "/reply")):
        answer = world.boris.request(method, f"{PREFIX}/{world.ids[ANNA]['ticket_id']}{bare}", headers=HOME)
        assert answer.status_code == 404 and "canary" not in answer.text
        assert same(world.boris.request(method, f"{PREFIX}/999999999{bare}", headers=HOME)) == same(answer)
    assert world.fingerprint() == before
    answer = world.boris.post(world.fill(template, BORIS), data=form, headers=HOME)
    assert answer.status_code == 303 and kept(world) == 3


FOREIGN = [
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    {"origin": "https://evil.example"},
    {"origin": "https://sub.shop.example", "sec-fetch-site": "same-site"},
    {"origin": "https://sub.shop.example"},
    {"origin": "http://shop.example"},
    {"origin": "https://shop.example.evil.example"},
    {"origin": "https://shop.example:8443"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": PUBLIC_URL, "sec-fetch-site": "cross-site"},
    {"origin": PUBLIC_URL, "sec-fetch-site": "none"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize(("method", "template"), routes(WRITES, ACTS))
def test_no_other_origin_makes_her_browser_do_anything(world: World, method: str, template: str) -> None:
    world.shop.execute("DELETE FROM custom_hde_user_map")
    links_before = world.shop.databases.read_here(links.of, ANNA)
    address, before = world.fill(template), world.fingerprint()
    for said in FOREIGN:
        answer = world.anna.request(method, address, data=world.form(), headers=said)
        assert answer.status_code == 403 and "canary" not in answer.text, said
    assert world.fingerprint() == before
    if "ticket_id" in template or "export" in template:
        world.shop.databases.run_here(links.prove, ANNA, EMAILS[ANNA], "email-proof")
    world.anna.cookies.set("portal_flash", "x")  # read anew
    assert world.anna.request(method, address, data=world.form(), headers=HOME).status_code == 303
    assert world.fingerprint() != before, "the control: from home it does something"
    assert links_before.links == []


@pytest.mark.parametrize("whose", [ANNA, BORIS])
def test_a_forms_token_is_the_accounts_whatever_its_session(world: World, whose: int) -> None:
    address = f"{PREFIX}/new"
    world.anna.cookies.set("PHPSESSID", world.shop.sign_in(ANNA).partition("=")[2])
    form = world.form(csrf=token("form", whose, "form-9"))
    answer = world.anna.post(address, data=form, headers=HOME)
    assert (answer.status_code == 303) is (whose == ANNA)
    assert kept(world) == (3 if whose == ANNA else 2)
    assert whose == ANNA or "canary" in answer.text, "her text is given back"


def every_path() -> list[str]:
    return sorted({path for _method, path in routes(*KINDS)})


@pytest.mark.parametrize("template", every_path())
def test_other_methods_are_refused_and_change_nothing(world: World, template: str) -> None:
    before = world.fingerprint()
    shape = re.sub(r"{\w+}", "{}", template)
    allowed = {method for method, path in routes(*KINDS) if re.sub(r"{\w+}", "{}", path) == shape}
    for browser in (world.nobody, world.anna):
        for method in sorted(set(METHODS) - allowed):
            answer = browser.request(method, world.fill(template), headers=HOME)
            assert answer.status_code == 405, f"{method}: {answer.status_code}"
    assert world.fingerprint() == before


def bad_tokens(
    purpose: Any,
    audience: object,
    value: object,
    monkeypatch: pytest.MonkeyPatch,
    *,
    another: object = BORIS,
    largest: int = 60_000,  # no client makes a longer address
) -> dict[str, str]:
    """Everything like the right one and not it."""
    good = token(purpose, audience, value)
    others: tuple[Any, ...] = ("email-proof", "flash", "form", "orders", "panel", "panel-ref", "widget")
    bad = {f"of purpose {other}": token(other, audience, value) for other in others if other != purpose}
    with monkeypatch.context() as earlier:
        now = TimestampSigner.get_timestamp
        earlier.setattr(TimestampSigner, "get_timestamp", lambda self: now(self) - 2 * 86400)
        bad["expired"] = token(purpose, audience, value)
    foreign = Tokens(["another-key-altogether"]).sign(purpose, str(audience), value)
    return bad | {
        "another's": token(purpose, another, value),
        "another key's": foreign,
        "padded": good + "=",
        "padded twice": good + "==",
        "with a space": good + " ",
        "another spelling": respelled(good),
        "cut": good[:-1],
        "a megabyte long": good + "A" * largest,
        "a megabyte of dots": "." * largest,
        "empty": "",
        "not ASCII": good + "é",
        "a null": "\x00",
    }


def respelled(good: str) -> str:
    """The signature with other padding bits in its last letter: base64 reads both as the same bytes."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return good[:-1] + letters[letters.index(good[-1]) ^ 1]


def orders_token(world: World, given: str) -> bool:
    answer = world.nobody.get("/api/orders/", params={"user_id": ANNA, "token": given})
    assert answer.status_code in (200, 401, 404)
    return answer.status_code == 200


def form_token(world: World, given: str) -> bool:
    answer = world.anna.post(f"{PREFIX}/new", data=world.form(csrf=given), headers=HOME)
    assert answer.status_code == 303 or "canary" in answer.text
    return answer.status_code == 303


@pytest.mark.parametrize(("purpose", "value", "opens"), [("orders", None, orders_token), ("form", "f", form_token)])
def test_a_token_that_is_not_quite_right_opens_nothing(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    purpose: str,
    value: object,
    opens: Callable[[World, str], bool],
) -> None:
    good = token(purpose, ANNA, value)
    largest = 2**20 if purpose == "form" else 60_000
    for name, bad in bad_tokens(purpose, ANNA, value, monkeypatch, largest=largest).items():
        if name == "another spelling" and purpose == "form":
            continue  # as good as the first: what counts once is the form's name inside it
        assert not opens(world, bad) or name == "another spelling", name
    assert opens(world, good)


def test_a_proof_that_is_not_quite_right_proves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.shop.execute("DELETE FROM custom_hde_user_map")
    world.anna.cookies.set("portal_flash", "x")
    value = [EMAILS[ANNA], "jti-of-the-matrix"]
    form = {"csrf": token("form", ANNA, "f")}
    for name, bad in bad_tokens("email-proof", ANNA, value, monkeypatch).items():
        if name in ("another spelling", "empty"):
            continue  # the same proof, which counts once; and another address
        address = f"{PREFIX}/prove/{bad}"
        answer = world.anna.post(address.replace("\x00", "%00").replace(" ", "%20"), data=form, headers=HOME)
        assert answer.status_code != 303, name
        assert world.shop.databases.read_here(links.of, ANNA).links == [], name
    good = token("email-proof", ANNA, value)
    assert world.anna.post(f"{PREFIX}/prove/{good}", data=form, headers=HOME).status_code == 303
    assert world.shop.databases.read_here(links.of, ANNA).links
    world.shop.execute("DELETE FROM custom_hde_user_map")
    for again in (good, respelled(good)):
        world.anna.post(f"{PREFIX}/prove/{again}", data=form, headers=HOME)
        assert world.shop.databases.read_here(links.of, ANNA).links == [], "reused"


def test_the_doors_open_to_their_own_secrets_only(world: World) -> None:
    orders, event = "/api/orders/", {"id": "e-1", "event": "message.created", "ticket": {"id": 1}}

    def pulls(**headers: str) -> int:
        return int(world.nobody.get(orders, params={"user_id": ANNA}, headers=headers).status_code)

    def tells(**headers: str) -> int:
        return int(world.nobody.post("/api/hde-webhook", json=event, headers=headers).status_code)

    assert pulls(authorization=f"Bearer {PANEL}") == 200
    for wrong in ("", WEBHOOK, PANEL[:-1], f"{PANEL} ", PANEL.upper(), "a-key-for-tests-only", "A" * 2**20):
        assert pulls(authorization=f"Bearer {wrong}") == 401, wrong[:50]
        assert tells(authorization=f"Bearer {wrong}") == 401, wrong[:50]
    assert world.anna.get(orders, params={"user_id": ANNA}).status_code == 401, "a session is no key to this door"
    assert world.shop.execute("SELECT COUNT(*) FROM custom_hde_inbox") == [(0,)]


def test_the_widgets_question_is_answered_to_the_shops_own_pages_only(world: World) -> None:
    address = f"{PREFIX}/widget/identity"
    assert world.nobody.get(address).json() == {}
    assert world.anna.get(address).json()["user_email"] == EMAILS[ANNA]
    for said in ("cross-site", "same-site"):
        assert world.anna.get(address, headers={"sec-fetch-site": said}).json() == {}


def crawl(world: World) -> int:
    """Every GET there is, by everybody, with every form of an id; how many were asked."""
    asked = 0
    for method, template in routes(*KINDS):
        if method != "GET" or (method, template) in routes(STREAM):
            continue
        paths = {world.fill(template, whose) for whose in (ANNA, BORIS)}
        for name in re.findall(r"{(\w+)}", template):
            paths |= {world.fill(template, **{name: form}) for form in NOBODYS}
        paths |= {
            f"{path}?{query}" for path in sorted(paths)[:2] for query in ("page=1", "order=A-1007", "again=1", "x=1")
        }
        for path in sorted(paths):
            for browser in (world.nobody, world.anna, world.boris):
                # No worker runs on this stage, which /readyz says.
                assert browser.get(path).status_code < 500 or path.startswith("/readyz"), path
                asked += 1
    return asked


LOOKS = {"custom_hde_visit"}
"""That he was there."""


def test_get_changes_nothing_neither_in_the_database_nor_in_the_sessions(world: World) -> None:
    before = world.fingerprint()
    # The first look at a proven address writes down the contacts that carry it: what the proof has granted already.
    # And what he has looked at is what a look may leave.
    assert {name for name in before if before[name] != world.untouched[name]} - LOOKS == {"custom_hde_user_map"}
    granted = world.shop.execute("SELECT user_id, email, sees FROM custom_hde_user_map")
    assert set(granted) == {(user, EMAILS[user].encode(), 1) for user in (ANNA, BORIS)}
    assert crawl(world) > 400
    after = world.fingerprint()
    assert {name for name in before if before[name] != after[name]} <= LOOKS
    world.anna.post(f"{PREFIX}/new", data=world.form(), headers=HOME)
    after = world.fingerprint()
    assert {name for name in before if before[name] != after[name]} - LOOKS, "the control: a POST changes it"
