"""What an answer means: bans in all their forms, errors under status 200, success told among errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from portal.errors import (
    HelpdeskError,
    HelpdeskGarbled,
    HelpdeskMissing,
    HelpdeskRefused,
    HelpdeskUnauthorized,
    HelpdeskUnreachable,
)
from portal.helpdesk.answer import BAN_SECONDS, LONGEST_BAN, ban_seconds, data_of
from tests.helpdesk.conftest import sample


@pytest.mark.parametrize("status", [401, 403])
def test_a_ban_is_known_by_its_words_and_its_length_is_read(status: int) -> None:
    assert ban_seconds(status, {}, sample("v2_ban")) == 1200
    longer = sample("v2_ban").replace(b"20 min", b"48 hours")
    assert ban_seconds(status, {}, longer) == 48 * 3600


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_no_ban(status: int) -> None:
    assert ban_seconds(status, {}, sample("v2_wrong_key")) is None
    with pytest.raises(HelpdeskRefused):
        data_of(status, sample("v2_wrong_key"))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": 7}'])
def test_429_is_a_ban_whatever_it_says(body: bytes) -> None:
    assert ban_seconds(429, {}, body) == BAN_SECONDS
    assert ban_seconds(429, {"retry-after": "90"}, body) == 90


def test_the_documents_dialect_bans_in_its_own_words() -> None:
    body = json.dumps({"error": {"code": "rate_limited", "message": "API limit reached (60 requests per minute)."}})
    assert ban_seconds(403, {}, body.encode()) == BAN_SECONDS


def test_retry_after_may_be_a_date_and_nothing_absurd_is_believed() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    assert 295 < (ban_seconds(429, {"retry-after": soon}, b"") or 0) <= 300
    assert ban_seconds(429, {"retry-after": "999999"}, b"") == LONGEST_BAN
    assert ban_seconds(429, {"retry-after": "later"}, b"") == BAN_SECONDS
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    assert ban_seconds(429, {"retry-after": past}, b"") == 1


def test_a_ban_under_status_200_is_one_and_data_about_bans_is_not() -> None:
    assert ban_seconds(200, {}, sample("v2_ban")) == 1200
    assert ban_seconds(200, {}, b'{"data": [{"title": "Ban for 20 min. API limit"}]}') is None
    assert ban_seconds(200, {}, b'{"errors": [{"code": "e-401", "title": "Unauthorized"}]}') is None


def test_500_is_no_ban() -> None:
    assert ban_seconds(503, {}, sample("v2_ban")) is None


def test_success_told_among_errors_is_success() -> None:
    deleted = json.loads(sample("v2_deleted"))
    assert data_of(200, json.dumps({"data": {"id": 1}, **deleted}).encode())["data"] == {"id": 1}
    assert data_of(200, sample("v2_deleted"))["data"] is None


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b'{"errors": [{"code": "e-404", "title": "Not found"}]}', HelpdeskMissing),
        (200, b'{"errors": {"0": {"code": "e-400"}}}', HelpdeskRefused),
        (200, b'{"error": {"code": "invalid", "message": "no"}}', HelpdeskRefused),
        (404, b"<html>", HelpdeskMissing),
        (200, b'{"data": [], "errors": [{"code": "e-400"}]}', HelpdeskRefused),
        (200, b'{"data": {"id": 1}, "errors": [{"code": "e-400"}]}', HelpdeskGarbled),
        (200, b'{"errors": [{"code": "s-200"}, {"code": "e-500"}]}', HelpdeskUnreachable),
        (200, b'{"errors": [{"code": "e-401"}]}', HelpdeskUnauthorized),
        (200, b'{"errors": []}', HelpdeskGarbled),
        (401, b"<html>", HelpdeskUnauthorized),
        (403, b'{"error": {"code": "forbidden", "message": "no"}}', HelpdeskUnauthorized),
        (408, b"", HelpdeskUnreachable),
        (413, b"<html>", HelpdeskRefused),
        (400, b"{}", HelpdeskRefused),
        (500, b'{"data": []}', HelpdeskUnreachable),
        (503, b"<html>", HelpdeskUnreachable),
        (302, b"", HelpdeskGarbled),
        (200, b"", HelpdeskGarbled),
        (200, b"<!doctype html><h1>Technical works</h1>", HelpdeskGarbled),
        (200, b'{"data": [{"id": 1}, {"id"', HelpdeskGarbled),
        (200, b"[" * 100_000, HelpdeskGarbled),
        (200, b"false", HelpdeskGarbled),
        (200, b"[]", HelpdeskGarbled),
        (200, b'{"data": ' + b"9" * 10_000 + b"}", HelpdeskGarbled),
        (200, b'"\xff\xfe"', HelpdeskGarbled),
    ],
)
def test_every_other_answer_is_an_error_of_ours(status: int, body: bytes, error: type[HelpdeskError]) -> None:
    with pytest.raises(HelpdeskError) as told:
        data_of(status, body)
    assert type(told.value) is error
