"""Whatever a client sends, the help desk answers in its own words: a 500 is only ever ordered (see faults)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from portal.sandbox.helpdesk import State, seed_demo, v1, v2
from portal.sandbox.helpdesk.wire import Call, read_multipart

NAMES = (
    "user_id", "author_id", "email", "name", "subject", "title", "body", "text", "description", "user_email", "file_ids",
    "custom_fields", "status", "status_id", "owner_id", "type_id", "tags", "ticket_list", "internal", "ticket_lock", "phone",
)  # fmt: skip
QUERIES = (
    "page",
    "user_id",
    "user_list",
    "updated_since",
    "from_date_updated",
    "to_date_created",
    "order_by",
    "search",
    "deleted",
)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text()
    | some.sampled_from(["closed", "²", "0001-01-01 00:00:00", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "3"]),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text() | some.sampled_from(["3", "87", "²"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
PATHS = ("/users", "/users/2", "/tickets", "/tickets/{}", "/tickets/{}/messages", "/tickets/{}/posts", "/tickets/{}/union",
         "/users/custom_fields/87", "/users/2/notes", "/chat/visitor/id", "/files", "/", "//", "/tickets/²")  # fmt: skip


@pytest.mark.parametrize("dialect", [v1, v2])
@settings(max_examples=300, deadline=None)
@given(
    method=some.sampled_from(["GET", "POST", "PUT", "PATCH"]),
    path=some.sampled_from(PATHS),
    fields=some.dictionaries(some.sampled_from(NAMES), VALUES, max_size=6),
    query=some.dictionaries(some.sampled_from(QUERIES), some.text() | VALUES.map(str), max_size=4),
)
def test_any_values_anywhere_are_answered(
    dialect: Any, method: str, path: str, fields: dict[str, Any], query: dict[str, str]
) -> None:
    state = STATE
    call = Call(method, path.format(next(iter(state.tickets))), query, fields, encoding="json", origin="http://x")
    answer = dialect.answer(state, call)
    assert answer.status < 500
    assert json.loads(answer.body)


@settings(max_examples=200, deadline=None)
@given(content=some.binary(), boundary=some.sampled_from(["b", "----WebKitFormBoundary7MA4"]))
def test_any_bytes_come_through_a_form_as_they_are(content: bytes, boundary: str) -> None:
    content = content.replace(f"--{boundary}".encode(), b"")
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files[0]"; filename="ж%22.bin"\r\n'
        f"Content-Type: image/png\r\n\r\n"
    ).encode() + content + f"\r\n--{boundary}--\r\n".encode()  # fmt: skip
    pairs, uploads = read_multipart(f"multipart/form-data; boundary={boundary}", body)
    assert pairs == []
    assert [(u.key, u.name, u.type, u.content) for u in uploads] == [("files[0]", 'ж".bin', "image/png", content)]


@given(body=some.binary())
def test_any_garbage_for_a_form_is_read_without_complaint(body: bytes) -> None:
    read_multipart("multipart/form-data; boundary=b", b"--b" + body)
    read_multipart("multipart/form-data", body)


STATE = State()
seed_demo(STATE)
