"""The door of the help desk's events: who is let in, what is kept, and what everyone else is told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from pydantic import SecretStr

from portal.app import create_app
from portal.database import Unit
from portal.errors import DatabaseAway
from portal.store import inbox
from portal.web import webhook
from tests.conftest import MariaDB
from tests.stage import Stage, stage

RAW, OLD = "raw-secret-of-the-door", "raw-secret-of-last-year"
SIGNING = "whsec_" + base64.b64encode(b"signing-secret-of-the-door").decode()
SECRETS = tuple(SecretStr(secret) for secret in (RAW, OLD, SIGNING))
EVERY_PROOF = frozenset(("hmac", "standard", "bearer", "basic"))
ADDRESSES = ("/api/hde-webhook", "/api/hde-webhook.php")

EVENT = {
    "id": "evt-1", "event": "message.created", "created_at": "2026-11-20T10:00:00Z",
    "ticket": {"id": 10, "user_id": 41}, "message": {"id": 77},
}  # fmt: skip
BODY = json.dumps(EVENT).encode()
Headers = dict[str, str]


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no database that is away."""
    if "within_a_second" not in request.node.name:
        monkeypatch.setattr(webhook, "WRITE_SECONDS", 20)


@pytest.fixture
def it(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def door(it: Stage) -> Iterator[TestClient[Any]]:
    with it.client(webhook_secrets=SECRETS, webhook_auth=EVERY_PROOF) as client:
        yield client


def signed(body: bytes = BODY, secret: str = RAW) -> Headers:
    return {"x-hde-signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def standard(body: bytes = BODY, *, id: str = "msg_1", at: float | None = None, secret: str = SIGNING) -> Headers:
    stamp = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def basic(pair: str) -> Headers:
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def send(door: TestClient[Any], headers: Any, body: bytes = BODY, path: str = ADDRESSES[0]) -> httpx.Response:
    return door.post(path, content=body, headers=headers)


def rows(it: Stage) -> list[tuple[Any, ...]]:
    return it.execute("SELECT kind, ticket_id, contact_id, message_id, seen, state FROM custom_hde_inbox ORDER BY id")


@pytest.mark.parametrize("path", ADDRESSES)
def test_an_event_is_kept_once_and_a_repeat_is_counted(it: Stage, door: TestClient[Any], path: str) -> None:
    answers = [send(door, signed(), path=path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert rows(it) == [(b"message.created", 10, 41, 77, 3, b"waiting")]


@pytest.mark.parametrize(
    "headers",
    [
        signed(),
        {"x-hde-signature": signed()["x-hde-signature"].removeprefix("sha256=")},
        {"x-hde-signature": signed()["x-hde-signature"].removeprefix("sha256=").upper()},
        signed(secret=OLD),
        {"authorization": f"Bearer {RAW}"},
        {"authorization": f"bearer  {OLD}"},
        {"x-webhook-secret": RAW},
        basic(f"help desk:{RAW}"),
        {**signed(), "authorization": "Bearer of-a-proxy"},
    ],
)
def test_every_proof_opens_the_door(it: Stage, door: TestClient[Any], headers: Headers) -> None:
    assert send(door, headers).status_code == 202
    assert len(rows(it)) == 1


def test_standard_webhooks_open_it_too(it: Stage, door: TestClient[Any]) -> None:
    assert send(door, standard()).status_code == 202
    assert send(door, standard(id="msg_2")).status_code == 202, "another id is another event"
    several = standard(id="msg_3")
    several["webhook-signature"] = f"v1,{base64.b64encode(bytes(32)).decode()} v2,x {several['webhook-signature']}"
    assert send(door, several).status_code == 202
    assert send(door, standard(at=time.time() + 290)).status_code == 200
    assert send(door, standard(at=time.time() - 290)).status_code == 200
    assert len(rows(it)) == 3


def without(headers: Headers, name: str) -> Headers:
    return {key: value for key, value in headers.items() if key != name}


def broken() -> list[tuple[str, Any]]:
    right, hexed = signed()["x-hde-signature"], signed()["x-hde-signature"].removeprefix("sha256=")
    now = standard()
    return [
        ("nothing", {}),
        ("empty", {"x-hde-signature": ""}),
        ("name only", {"x-hde-signature": "sha256="}),
        ("another name", {"x-hde-signature": f"sha1={hexed}"}),
        ("name twice", {"x-hde-signature": f"sha256=sha256={hexed}"}),
        ("cut", {"x-hde-signature": right[:-1]}),
        ("too long", {"x-hde-signature": right + "0"}),
        ("not hex", {"x-hde-signature": "sha256=" + "z" * 64}),
        ("blanks in it", {"x-hde-signature": "sha256=" + " ".join([hexed[:32], hexed[32:]])}),
        ("base64", {"x-hde-signature": base64.b64encode(bytes.fromhex(hexed)).decode()}),
        ("not ASCII", [(b"x-hde-signature", b"sha256=\xff\xfe" + b"0" * 62)]),
        ("other digits", [(b"x-hde-signature", "١".encode() * 64)]),
        ("zeros", {"x-hde-signature": "0" * 64}),
        ("twice", [("x-hde-signature", right), ("x-hde-signature", right)]),
        ("right and wrong", [("x-hde-signature", right), ("x-hde-signature", "0" * 64)]),
        ("in a list", {"x-hde-signature": f"{right}, {right}"}),
        ("a stranger's key", signed(secret="another-secret-of-the-door")),
        ("the key of the other way", signed(secret=SIGNING)),
        ("an empty key", signed(secret="")),
        ("another body's", signed(b"{}")),
        ("standard: no id", without(now, "webhook-id")),
        ("standard: no time", without(now, "webhook-timestamp")),
        ("standard: no signature", without(now, "webhook-signature")),
        ("standard: another id", {**now, "webhook-id": "msg_2"}),
        ("standard: another time", {**now, "webhook-timestamp": str(int(time.time()) - 7)}),
        ("standard: old", standard(at=time.time() - 310)),
        ("standard: of the future", standard(at=time.time() + 310)),
        ("standard: time is words", {**now, "webhook-timestamp": "now"}),
        ("standard: time is a fraction", {**now, "webhook-timestamp": now["webhook-timestamp"] + ".0"}),
        ("standard: time is huge", {**now, "webhook-timestamp": "9" * 400}),
        ("standard: time is negative", {**now, "webhook-timestamp": "-1"}),
        ("standard: no version", {**now, "webhook-signature": now["webhook-signature"].removeprefix("v1,")}),
        ("standard: another version", {**now, "webhook-signature": "v1a" + now["webhook-signature"][2:]}),
        ("standard: cut", {**now, "webhook-signature": now["webhook-signature"][:-2]}),
        ("standard: not base64", {**now, "webhook-signature": "v1,%%%"}),
        ("standard: not ASCII", [*without(now, "webhook-signature").items(), ("webhook-signature", b"v1,\xff")]),
        ("standard: the raw key", standard(secret="whsec_" + base64.b64encode(RAW.encode()).decode())),
        ("standard: id twice", [*now.items(), ("webhook-id", "msg_1")]),
        ("standard: signature twice", [*now.items(), ("webhook-signature", now["webhook-signature"])]),
        ("bearer: nothing", {"authorization": "Bearer"}),
        ("bearer: empty", {"authorization": "Bearer "}),
        ("bearer: longer", {"authorization": f"Bearer {RAW}x"}),
        ("bearer: shorter", {"authorization": f"Bearer {RAW[:-1]}"}),
        ("bearer: two", {"authorization": f"Bearer {RAW} {RAW}"}),
        ("bearer: another scheme", {"authorization": f"Token {RAW}"}),
        ("bearer: no scheme", {"authorization": RAW}),
        ("bearer: the signing key", {"authorization": f"Bearer {SIGNING}"}),
        ("bearer: twice", [("authorization", f"Bearer {RAW}"), ("authorization", f"Bearer {RAW}")]),
        ("bearer: not ASCII", [("authorization", b"Bearer \xd0\xb9")]),
        ("secret: empty", {"x-webhook-secret": ""}),
        ("secret: twice", [("x-webhook-secret", RAW), ("x-webhook-secret", RAW)]),
        ("basic: not base64", {"authorization": "Basic %%%"}),
        ("basic: no colon", basic(RAW)),
        ("basic: as the user", basic(f"{RAW}:")),
        ("basic: wrong", basic("user:wrong")),
        ("in the query", {}),
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name, _ in broken()])
def test_a_broken_proof_is_401_and_leaves_no_row(it: Stage, door: TestClient[Any], name: str) -> None:
    headers = dict(broken())[name]  # made now: they carry the time
    path = f"{ADDRESSES[0]}?secret={RAW}" if name == "in the query" else ADDRESSES[0]
    answer = send(door, headers, path=path)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert rows(it) == []
    assert send(door, signed()).status_code == 202, "the positive control: nothing but the proof was wrong"


def test_with_the_check_switched_off_a_forged_event_gets_in(
    it: Stage, door: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control of the whole defence."""
    monkeypatch.setattr("portal.helpdesk.webhooks.hmac.compare_digest", lambda *_: True)
    assert send(door, {"x-hde-signature": "0" * 64}).status_code == 202
    assert len(rows(it)) == 1


@pytest.mark.parametrize(
    ("changes", "opens", "shut"),
    [
        ({}, [signed(), standard()], [{"authorization": f"Bearer {RAW}"}, basic(f"a:{RAW}"), {"x-webhook-secret": RAW}]),
        ({"hde_url": "https://help.example/api/v2"}, [{"authorization": f"Bearer {RAW}"}, {"x-webhook-secret": RAW}],
         [signed(), standard(), basic(f"a:{RAW}")]),
        ({"webhook_auth": frozenset(("basic",))}, [basic(f"a:{RAW}")], [signed(), {"authorization": f"Bearer {RAW}"}]),
        ({"webhook_secrets": SECRETS[1:]}, [signed(secret=OLD), standard()], [signed()]),
        ({"webhook_secrets": SECRETS[:1]}, [signed()], [standard(), signed(secret=OLD)]),
        ({"webhook_secrets": ()}, [], [signed(), standard(), {"authorization": f"Bearer {RAW}"}]),
        ({"webhook_auth": frozenset(("standard",)), "webhook_secrets": SECRETS[:1]}, [], [signed(), standard()]),
    ],
)  # fmt: skip
def test_only_the_proofs_that_are_set_count(
    it: Stage, changes: dict[str, Any], opens: list[Headers], shut: list[Headers]
) -> None:
    # Signed when the tests were collected; some run later than such a signature is good for.
    opens, shut = ([standard() if "webhook-id" in headers else headers for headers in those] for those in (opens, shut))
    with it.client(**{"webhook_secrets": SECRETS, **changes}) as client:
        assert [send(client, headers).status_code for headers in shut] == [401] * len(shut)
        assert {send(client, headers).status_code for headers in opens} <= {202, 200}
    assert bool(rows(it)) == bool(opens)


def test_a_door_that_is_off_says_so_at_start(it: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with it.client(webhook_secrets=()):
        assert "PORTAL_WEBHOOK_SECRETS" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"{", b"null", b"5", b"[]", b'"ticket"', b"{}", b'{"ticket":null}', b'{"ticket":{}}', b"\xff\xfe", b"[" * 500_000,
        b'{"ticket":' * 100_000, b'{"ticket":{"id":true}}', b'{"ticket":{"id":0}}', b'{"ticket":{"id":-1}}', b'{"ticket":{"id":1.5}}',
        b'{"ticket":{"id":NaN}}', b'{"ticket":{"id":1e400}}', b'{"ticket":{"id":"\\ud800"}}', b'{"ticket":{"id":[1]}}',
        b'{"ticket":{"id":9223372036854775808}}', b'{"ticket":{"id":' + b"9" * 5000 + b"}}", b'{"ticket":{"id":"10 "}}',
        b'{"ticket_id":"{ticket_id}"}', b"ticket_id=10", b'{"ticket":[{"id":10}]}',
    ],
    ids=range(27),
)  # fmt: skip
def test_a_proven_body_that_makes_no_sense_is_400_and_leaves_no_row(
    it: Stage, door: TestClient[Any], body: bytes
) -> None:
    answer = send(door, signed(body), body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert rows(it) == []


def test_a_body_over_a_megabyte_is_413_with_a_length_and_without(it: Stage, door: TestClient[Any]) -> None:
    fits = BODY + b" " * (webhook.BODY_BYTES - len(BODY))
    assert send(door, signed(fits), fits).status_code == 202
    assert send(door, signed(fits + b" "), fits + b" ").status_code == 413

    read = 0

    async def endless() -> Any:
        nonlocal read
        read += 65536
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    assert asyncio.run(past_the_client(door.app, [(b"transfer-encoding", b"chunked")], endless)) == 413
    assert read <= webhook.BODY_BYTES + 65536, "and no more of it is read"
    assert len(rows(it)) == 1


async def past_the_client(app: Any, headers: list[tuple[bytes, bytes]], receive: Any) -> int:
    """Straight into the application: a test client would read the whole body first, and take its time."""
    status = 0

    async def tell(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http", "method": "POST", "path": ADDRESSES[0], "raw_path": ADDRESSES[0].encode(), "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("shop.example", 443), "scheme": "https",
        "http_version": "1.1", "asgi": {"version": "3.0"}, "root_path": "",
    }  # fmt: skip
    await app(scope, receive, tell)
    return status


def test_a_sender_that_hangs_up_in_the_middle_leaves_nothing_and_no_traceback(
    it: Stage, door: TestClient[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def half() -> Any:
        return messages.pop(0)

    messages = [{"type": "http.request", "body": BODY[:9], "more_body": True}, {"type": "http.disconnect"}]
    header = (b"x-hde-signature", signed(BODY[:9])["x-hde-signature"].encode())
    assert asyncio.run(past_the_client(door.app, [header], half)) == 400
    assert rows(it) == []
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ADDRESSES)
def test_nothing_but_post_and_never_a_redirect(door: TestClient[Any], method: str, path: str) -> None:
    answer = door.request(method, path)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    for near in (f"{path}/", f"{path}/x", "/api/hde-webhook.php5"):
        assert not door.request(method, near).is_redirect


def test_an_unknown_event_is_kept_told_and_skipped(
    it: Stage, door: TestClient[Any], caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({**EVENT, "event": "ticket.слито\n{}" + "x" * 100}).encode()
    assert [send(door, signed(body), body).status_code for _ in range(2)] == [202, 200]
    assert caplog.text.count("skipped") == 1
    kind, *_rest, seen, state = rows(it)[0]
    assert (kind[:20], len(kind), seen, state) == (b"ticket." + b"?" * 8 + b"xxxxx", 64, 2, b"skipped")


def test_a_hundred_of_the_same_at_once_are_one_row_and_one_202(it: Stage) -> None:
    app = create_app(it.settings_with(webhook_secrets=SECRETS), run_worker=False)

    async def storm() -> list[int]:
        async with (
            app.lifespan(),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://shop.example") as client,
        ):
            posts = [client.post(ADDRESSES[0], content=BODY, headers=signed()) for _ in range(100)]
            return sorted(answer.status_code for answer in await asyncio.gather(*posts))

    assert asyncio.run(storm()) == [200] * 99 + [202]
    assert [row[4] for row in rows(it)] == [100]


def test_identities_are_compared_as_bytes(it: Stage, door: TestClient[Any]) -> None:
    for name in ("evt", "EVT", "evt ", "évt", "evt\x00", "e" * 5000, "e" * 5001):
        body = json.dumps({**EVENT, "id": name}).encode()
        assert send(door, signed(body), body).status_code == 202
    assert len(rows(it)) == 7


def test_the_key_is_the_signed_id_else_the_bodys_else_its_meaning(it: Stage, door: TestClient[Any]) -> None:
    assert send(door, {**signed(), "webhook-id": "unsigned"}).status_code == 202
    assert send(door, {**signed(), "webhook-id": "another"}).status_code == 200, "an unsigned id is nobody's word"
    assert send(door, standard(id="evt-1")).status_code == 202, "a signed one is its own name"
    nameless = {key: value for key, value in EVENT.items() if key != "id"}
    body, same = json.dumps(nameless).encode(), json.dumps(nameless, indent=1).encode()
    assert send(door, signed(body), body).status_code == 202
    assert send(door, signed(same), same).status_code == 200, "it means the same"
    for field, value in (("event", "ticket.created"), ("created_at", "2026-11-20T10:00:01Z"), ("ticket", {"id": 11}), ("message", {"id": 78})):  # fmt: skip
        other = json.dumps({**nameless, field: value}).encode()
        assert send(door, signed(other), other).status_code == 202, field
    assert len(rows(it)) == 7


def test_no_secret_and_no_text_gets_into_a_log(
    door: TestClient[Any], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    body = json.dumps({**EVENT, "event": "odd", "message": {"id": 5, "body": "canary-text"}}).encode()
    send(door, {**signed(body), "authorization": f"Bearer {RAW}"}, body)
    send(door, {"authorization": f"Bearer {RAW}x"}, body)
    send(door, {"authorization": f"Bearer {RAW}"}, b"canary-text")
    told = caplog.text + capsys.readouterr().err
    assert not [one for one in (RAW, OLD, SIGNING, "canary-text", signed(body)["x-hde-signature"]) if one in told]


def test_ten_thousand_forged_leave_no_row_no_lines_and_no_memory(
    it: Stage, door: TestClient[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def forge(count: int) -> set[int]:
        return {await one(number) for number in range(count)}

    async def one(number: int) -> int:
        body = BODY + b" " * (number % 1000)
        header = (b"x-hde-signature", signed(body, f"forged-secret-number-{number}")["x-hde-signature"].encode())

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        return await past_the_client(door.app, [header], receive)

    asyncio.run(forge(1000))
    tracemalloc.start()
    asyncio.run(forge(500))
    before = tracemalloc.get_traced_memory()[0]
    assert asyncio.run(forge(10_000)) == {401}
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 50_000
    assert rows(it) == []
    assert caplog.text.count("refused") == 1


def test_a_database_that_is_away_is_503_within_a_second_and_nothing_is_acknowledged(
    it: Stage, door: TestClient[Any], mariadb: MariaDB
) -> None:
    assert send(door, signed()).status_code == 202
    other = json.dumps({**EVENT, "id": "evt-2"}).encode()
    mariadb.kill()
    try:
        began = time.monotonic()
        answer = send(door, signed(other), other)
        took = time.monotonic() - began
    finally:
        mariadb.start()
    assert (answer.status_code, took < 1, answer.headers["retry-after"]) == (503, True, "5")
    assert len(rows(it)) == 1
    assert send(door, signed(other), other).status_code == 202


def test_a_database_that_hangs_is_503_within_a_second_too(it: Stage, door: TestClient[Any]) -> None:
    it.execute(
        "INSERT INTO custom_hde_inbox (event_key, kind, ticket_id, run_at, created_at) VALUES ('x', 'x', 1, NOW(), NOW())"
    )
    lock = it.databases._state.connect()
    lock.exec_driver_sql("LOCK TABLES custom_hde_inbox WRITE")
    try:
        began = time.monotonic()
        answer = send(door, signed())
        took = time.monotonic() - began
    finally:
        lock.exec_driver_sql("UNLOCK TABLES")
        lock.close()
    assert (answer.status_code, took < 1) == (503, True)


def test_what_cannot_be_committed_is_not_acknowledged(
    it: Stage, door: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power cut between the INSERT and the COMMIT: with the commit gone there is no row, so there must be no 2xx."""

    def cut(_unit: Unit) -> None:
        raise DatabaseAway("cut off")

    monkeypatch.setattr(Unit, "commit", cut)
    assert send(door, signed()).status_code == 503
    monkeypatch.undo()
    assert rows(it) == []


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["id", "event", "created_at", "ticket", "message", "ticket_id", "user_id", "last_post_id", "updated"]
)
BODIES = st.binary(max_size=200) | st.dictionaries(NAMES, JSON_VALUES, max_size=6).map(
    lambda value: json.dumps(value).encode()
)
HEADER_NAMES = st.sampled_from(["x-hde-signature", "webhook-id", "webhook-timestamp", "webhook-signature", "authorization", "x-webhook-secret", "content-type"])  # fmt: skip
HEADER_VALUES = st.binary(max_size=60).map(lambda value: bytes(b for b in value if b not in b"\r\n\x00"))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES, headers=st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=4), proven=st.booleans())
def test_whatever_comes_it_is_never_500(
    door: TestClient[Any], body: bytes, headers: list[tuple[str, bytes]], proven: bool
) -> None:
    if proven:
        headers = [pair for pair in headers if pair[0] != "x-hde-signature"]
        headers.append(("x-hde-signature", signed(body)["x-hde-signature"].encode()))
    status = send(door, headers, body).status_code
    assert status in ((200, 202, 400) if proven else (401, 400))


def test_the_sweep_keeps_what_repeats_are_told_by(it: Stage, door: TestClient[Any]) -> None:
    for state, days in (("done", 29), ("done", 31), ("skipped", 31), ("dead", 31), ("dead", 91), ("waiting", 400)):
        it.execute(
            "INSERT INTO custom_hde_inbox (event_key, kind, ticket_id, state, run_at, created_at, finished_at) VALUES "
            f"('{state}{days}', 'x', 1, '{state}', NOW(), NOW(), UTC_TIMESTAMP(6) - INTERVAL {days} DAY)"
        )
    assert it.databases.run_here(inbox.sweep) == 3
    assert [row[0] for row in it.execute("SELECT event_key FROM custom_hde_inbox ORDER BY id")] == [
        b"done29", b"dead31", b"waiting400"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"event":"message.created","ticket_id":"10","user_id":"41","last_post_id":"77","status":"open","updated":"2026-11-20 13:00:00"}'),
        ("application/x-www-form-urlencoded; charset=utf-8", b"event=message.created&ticket_id=10&user_id=41&last_post_id=77&status=open&updated=2026-11-20+13%3A00%3A00"),
    ],
)  # fmt: skip
def test_the_dispatchers_body_is_read_as_json_and_as_a_form(it: Stage, content_type: str, body: bytes) -> None:
    with it.client(webhook_secrets=SECRETS, hde_url="https://help.example/api/v2") as door:
        headers = {"authorization": f"Bearer {RAW}", "content-type": content_type}
        assert [send(door, headers, body).status_code for _ in range(2)] == [202, 200]
    assert rows(it) == [(b"message.created", 10, 41, 77, 2, b"waiting")]
    assert str(it.execute("SELECT happened_at FROM custom_hde_inbox")[0][0]) == "2026-11-20 10:00:00"
