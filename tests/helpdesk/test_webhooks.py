"""Whose word an event is, and what both dialects' bodies are read as. No database."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.helpdesk.webhooks import NotAnEvent, Proofs, Proven, read_event
from portal.model import Event
from tests.helpdesk.conftest import Desk

RAW = "raw-secret-of-the-door"
KEY = b"signing-secret-of-the-door"
SIGNING = "whsec_" + base64.b64encode(KEY).decode()
MOSCOW = ZoneInfo("Europe/Moscow")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY = b'{"event":"message.created","ticket":{"id":10}}'
EVERY = frozenset(("hmac", "standard", "bearer", "basic"))


def proofs(*secrets: str, auth: frozenset[str] = EVERY) -> Proofs:
    return Proofs(Desk("v1", webhook_secrets=",".join(secrets or (RAW, SIGNING)), webhook_auth=",".join(auth)).settings)


def read(body: Any, content_type: str = "application/json", proven: Proven = Proven()) -> Event:  # noqa: B008
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_event(data, content_type, proven, MOSCOW, NOW)


def test_the_published_example_of_standard_webhooks_verifies() -> None:
    """The vector of the specification's own libraries."""
    check = proofs("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").check
    body = b'{"test": 2432232314}'
    headers = [
        (b"webhook-id", b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
        (b"webhook-timestamp", b"1614265330"),
        (b"webhook-signature", b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]
    assert check(headers, body, 1614265330.0) == Proven(b"msg_p5jXN8AQM9LWM0D4loKWxJek")
    assert check(headers, body + b" ", 1614265330.0) is None
    assert check(headers, body, 1614265330.0 + 301) is None
    assert check(headers, body, 1614265330.0 - 301) is None
    assert check(headers, body, 1614265330.0 + 300)


def test_the_older_of_two_secrets_still_opens() -> None:
    digest = hmac.new(RAW.encode(), BODY, hashlib.sha256).hexdigest().encode()
    assert proofs("another-secret-that-is-newer", RAW).check([(b"x-hde-signature", b"sha256=" + digest)], BODY, 0.0)


@pytest.mark.parametrize(
    "header",
    [
        (b"x-hde-signature", hmac.new(RAW.encode(), BODY, hashlib.sha256).hexdigest().encode()),
        (b"authorization", b"Bearer " + RAW.encode()),
        (b"x-webhook-secret", RAW.encode()),
        (b"authorization", b"Basic " + base64.b64encode(b"desk:" + RAW.encode())),
    ],
)
def test_a_header_that_comes_twice_proves_nothing(header: tuple[bytes, bytes]) -> None:
    check = proofs().check
    assert check([header], BODY, 0.0) == Proven(), "the positive control"
    assert check([header, header], BODY, 0.0) is None
    assert check([header, (header[0].upper(), b"x")], BODY, 0.0) is None
    assert check([(header[0], header[1] + b", " + header[1])], BODY, 0.0) is None, "nor when a proxy has folded them"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_nor_does_one_of_the_three(name: str) -> None:
    digest = hmac.new(KEY, b"m.100." + BODY, hashlib.sha256).digest()
    headers = [
        (b"webhook-id", b"m"),
        (b"webhook-timestamp", b"100"),
        (b"webhook-signature", b"v1," + base64.b64encode(digest)),
    ]
    assert proofs().check(headers, BODY, 100.0) == Proven(b"m")
    twice = next(pair for pair in headers if pair[0] == name.encode())
    assert proofs().check([*headers, twice], BODY, 100.0) is None


def test_without_a_fitting_secret_the_door_is_shut() -> None:
    assert not proofs(RAW, auth=frozenset(("standard",))).can_pass
    assert not proofs(SIGNING, auth=frozenset(("hmac", "bearer", "basic"))).can_pass
    assert not Proofs(Desk("v1").settings).can_pass
    assert Proofs(Desk("v1").settings).check([(b"authorization", b"Bearer ")], BODY, 0.0) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"x-hde-signature", b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"authorization", b"x-webhook-secret"]
            ),
            st.binary(max_size=80) | st.sampled_from([b"Basic ", b"Bearer ", b"v1,", b"sha256="]),
        ),
        max_size=6,
    ),
    st.binary(max_size=40),
)  # fmt: skip
def test_whatever_the_headers_hold_nothing_is_raised_and_nothing_is_proven(
    headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    assert proofs().check(headers, body, 1_700_000_000.0) is None


def test_the_documents_body() -> None:
    event = read(
        {
            "id": "evt-1", "event": "ticket.created", "created_at": "2026-11-20T10:00:00Z",
            "ticket": {"id": 10, "user_id": "41", "subject": "…"}, "message": {"id": 77, "body": "…"},
        }
    )  # fmt: skip
    assert event == Event("ticket.created", 10, 41, 77, datetime(2026, 11, 20, 10, tzinfo=UTC), b"b:evt-1")


def test_the_dispatchers_body_has_the_accounts_own_clock() -> None:
    body = {"event": "message.created", "ticket_id": "10", "user_id": "41", "last_post_id": "77", "updated": "2026-11-20 13:00:00"}  # fmt: skip
    event = read(body)
    assert (event.ticket_id, event.contact_id, event.message_id) == (10, 41, 77)
    assert event.happened_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    form = b"event=message.created&ticket_id=10&user_id=41&last_post_id=77&updated=2026-11-20+13:00:00"
    assert read(form, "application/x-www-form-urlencoded") == event, "the same event, however it is written"


@pytest.mark.parametrize(
    "hint",
    [None, "", "null", "x", True, [], {}, 1.5, -1, 0, 2**64, "10 ", "１０", "{user_id}", "\ud800", float("nan")],
)
def test_hints_that_make_no_sense_are_none_and_the_event_is_kept(hint: Any) -> None:
    event = read({"event": "message.created", "ticket": {"id": 10, "user_id": hint}, "message": {"id": hint}})
    assert (event.contact_id, event.message_id) == (None, None)
    assert read({"event": "message.created", "ticket": {"id": 10}, "message": hint}).message_id is None
    assert read({"event": "message.created", "ticket": {"id": 10}, "created_at": hint}).happened_at is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ((NOW + timedelta(days=2)).isoformat(), None),
        ((NOW + timedelta(hours=2)).isoformat(), NOW + timedelta(hours=2)),
        ("2015-01-01T00:00:00+03:00", datetime(2014, 12, 31, 21, tzinfo=UTC)),
    ],
)
def test_an_absurd_time_is_no_time(said: str, kept: datetime | None) -> None:
    event = read({"event": "message.created", "ticket": {"id": 10}, "created_at": said})
    assert event.happened_at == kept
    assert not event.is_vague, "but it still tells this event from another"


@pytest.mark.parametrize(
    ("said", "kind", "known"),
    [
        ("message.created", "message.created", True),
        ("ticket.replied", "message.created", True),
        ("ticket.merged", "ticket.merged", False),
        ("Message.Created", "Message.Created", False),
        ("x" * 100, "x" * 64, False),
        ("a\nb\x00é\ud800", "a?b???", False),
        (None, "unnamed", False),
        ({}, "unnamed", False),
        (5, "5", False),
    ],
)
def test_names_of_events(said: Any, kind: str, known: bool) -> None:
    event = read({"event": said, "ticket": {"id": 10}})
    assert (event.kind, event.is_known) == (kind, known)


def test_an_event_without_id_message_or_time_is_vague() -> None:
    assert read({"event": "message.created", "ticket": {"id": 10}}).is_vague
    for more in ({"id": "1"}, {"message": {"id": 1}}, {"created_at": "x"}):
        assert not read({"event": "message.created", "ticket": {"id": 10}, **more}).is_vague
    assert not read({"event": "message.created", "ticket": {"id": 10}}, proven=Proven(b"m")).is_vague


def test_keys_of_different_sources_never_meet_and_fit_the_column() -> None:
    body = {"id": "x", "event": "message.created", "ticket": {"id": 10}}
    assert read(body, proven=Proven(b"x")).key != read(body).key
    assert read({**body, "id": 5}).key == read({**body, "id": "5"}).key
    for body_id in ("y" * 10**5, "\ud800" * 300, "", None, True, [], {}):
        assert 0 < len(read({**body, "id": body_id}).key) <= 255
    assert len(read(body, proven=Proven(b"z" * 10**4)).key) <= 255


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff", b"[" * 10**6, b'{"ticket":{"id":' + b"1" * 5000 + b"}}", b"ticket_id=10"]
)
def test_what_is_no_event(body: bytes) -> None:
    with pytest.raises(NotAnEvent) as caught:
        read(body)
    assert len(str(caught.value)) < 40, "and it quotes nothing"


@pytest.mark.parametrize("body", [b"", b"ticket_id=", b"ticket_id=x", b"&" * 1000, b"a=1&" * 1000 + b"ticket_id=10", b"\xff=\xfe", b"ticket_id=%31%30x"])  # fmt: skip
def test_what_is_no_event_as_a_form(body: bytes) -> None:
    with pytest.raises(NotAnEvent):
        read(body, "application/x-www-form-urlencoded")


def test_of_a_key_that_is_there_twice_the_last_counts_as_everywhere() -> None:
    assert read(b'{"event":"message.created","ticket":{"id":1},"ticket":{"id":2}}').ticket_id == 2
