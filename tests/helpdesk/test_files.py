"""Files come from the help desk's own host only, and the key goes to the API's own origin only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from portal.errors import HelpdeskBanned, HelpdeskBusy, HelpdeskMissing, HelpdeskRefused, HelpdeskUnreachable
from portal.helpdesk import client, files
from portal.model import Attachment
from tests.helpdesk.conftest import Desk, run, sample

CONTENT = b"\x89PNG" + bytes(range(256)) * 1000


def file(url: str) -> Attachment:
    return Attachment("1", "photo.png", url)


async def fetch(reader: client.Client, url: str) -> tuple[int | None, bytes]:
    async with reader.open_file(file(url)) as stream:
        return stream.size, b"".join([chunk async for chunk in stream.chunks()])


@pytest.mark.parametrize(
    ("url", "with_key"),
    [
        ("https://help.example/ru/file/download/f8bb", True),
        ("/files/abc/photo.png", True),
        ("https://HELP.example:443/files/abc", True),
        ("//help.example/files/abc", True),
    ],
)
def test_a_file_of_the_help_desk_is_passed_on_whole(v1: Desk, url: str, with_key: bool) -> None:
    v1.answers = {path: httpx.Response(200, content=CONTENT) for path in
                  ("/ru/file/download/f8bb", "/files/abc/photo.png", "/files/abc")}  # fmt: skip
    assert run(fetch(v1.client(), url)) == (len(CONTENT), CONTENT)
    assert v1.asked[0].url.host == "help.example"
    assert ("authorization" in v1.asked[0].headers) is with_key
    assert v1.budget.taken == 0, "a download is no API call"


def test_the_key_does_not_go_to_another_port_or_scheme(v1: Desk) -> None:
    v1.settings = v1.settings.model_copy(update={"hde_url": "http://help.example:8080/api/v1"})
    v1.answers["/files/abc"] = httpx.Response(200, content=CONTENT)
    run(fetch(v1.client(), "https://help.example/files/abc"))
    assert "authorization" not in v1.asked[0].headers


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/files/abc",
        "https://help.example.evil.example/x",
        "https://help.example@evil.example/x",
        "https://user:pass@help.example/x",
        "https://help.example:8443/x",
        "http://help.example/x",
        "//evil.example/x",
        "\\\\evil.example\\x",
        "https:\\\\evil.example\\x",
        "https://help.example\\@evil.example/x",
        "https://help.example\t@evil.example/x",
        "ftp://help.example/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://[broken",
        "https://help.example:port/x",
        "https://169.254.169.254/latest",
        "https://127.0.0.1/x",
    ],
)
def test_nothing_is_asked_of_any_other_host(v1: Desk, url: str) -> None:
    with pytest.raises((HelpdeskRefused, HelpdeskMissing, HelpdeskUnreachable)):
        run(fetch(v1.client(), url))
    assert {request.url.host for request in v1.asked} <= {"help.example"}
    assert {request.url.scheme for request in v1.asked} <= {"https"}


def test_a_redirect_leads_nowhere(v1: Desk) -> None:
    v1.answer("/files/abc", b"", 302, location="https://evil.example/")
    with pytest.raises(HelpdeskUnreachable):
        run(fetch(v1.client(), "/files/abc"))
    assert len(v1.asked) == 1


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_gone_is_missing(v1: Desk, status: int) -> None:
    v1.answer("/files/abc", b"", status)
    with pytest.raises(HelpdeskMissing):
        run(fetch(v1.client(), "/files/abc"))


def test_a_file_below_the_api_costs_a_slot_until_its_answer_begins(v1: Desk) -> None:
    v1.answer("/files/7", CONTENT)

    async def read() -> None:
        async with v1.client().open_file(file("https://help.example/api/v1/files/7")) as stream:
            assert (v1.budget.taken, v1.budget.open) == (1, 0), "however long the reader takes"
            assert b"".join([chunk async for chunk in stream.chunks()]) == CONTENT

    run(read())


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_ban_told_to_a_file_is_a_ban(v2: Desk, status: int) -> None:
    v2.answer("/files/7", sample("v2_ban"), status)
    with pytest.raises(HelpdeskBanned):
        run(fetch(v2.client(), "https://help.example/api/v2/files/7"))
    assert v2.budget.bans == [1200] and v2.budget.open == 0


def test_an_answer_that_does_not_begin_gives_its_slot_back(v1: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HEAD_SECONDS", 0.05)

    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert v1.budget.open == 1
            await asyncio.sleep(60)
            raise AssertionError("nobody waits so long")

    with pytest.raises(HelpdeskUnreachable):
        run(fetch(client.Client(v1.settings, None, Silent(), v1.budget), "https://help.example/api/v1/files/7"))  # type: ignore[arg-type]
    assert (v1.budget.taken, v1.budget.open) == (1, 0)


def test_a_file_that_breaks_off_is_told(v1: Desk) -> None:
    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield CONTENT
            raise httpx.ReadError("cut")

    v1.answers["/files/abc"] = httpx.Response(200, stream=Cut())
    with pytest.raises(HelpdeskUnreachable):
        run(fetch(v1.client(), "/files/abc"))


def test_too_many_files_at_once_are_refused_and_not_queued_for_ever(v1: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FILES_AT_ONCE", 1)
    monkeypatch.setattr(files, "SLOT_WAIT_SECONDS", 0.01)
    v1.answer("/files/abc", CONTENT)

    async def two() -> None:
        reader = v1.client()
        async with reader.open_file(file("/files/abc")):
            with pytest.raises(HelpdeskBusy):
                await fetch(reader, "/files/abc")
        assert (await fetch(reader, "/files/abc"))[1] == CONTENT

    run(two())
