"""The files of a conversation: looked at where nothing can run, and all of them at once; a stranger's are not there."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from portal.errors import HelpdeskRefused, HelpdeskUnreachable
from portal.model import Attachment
from portal.web import files
from portal.web.site import Site
from tests.stage import ANNA, BORIS, PREFIX, Stage, stage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def paper(name: str, content: bytes, type: str = "application/octet-stream") -> dict[str, str]:
    return {"name": name, "type": type, "base64": base64.b64encode(content).decode()}


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, request.param) as made:
        made.prove(ANNA)
        made.prove(BORIS)
        yield made


def links(page: str) -> list[str]:
    return re.findall(rf'href="({PREFIX}/\d+/files/[^"/]+)" download', page)


def test_what_is_a_picture_or_a_text_is_shown_in_a_sandbox_and_all_else_is_saved(shop: Stage) -> None:
    script = b"<script>alert(1)</script>"
    papers = [
        paper("photo.png", PNG), paper("talk.txt", script, "text/html"), paper("evil.png", b"<svg onload=alert(1)>" + bytes(20)),
        paper("evil.svg", b"<svg onload=alert(1)>"), paper("page.html", script, "text/html"), paper("bin.txt", bytes(64)), paper("empty.png", b""),
    ]  # fmt: skip
    ticket = shop.ticket(ANNA, files=papers)
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:
        found = links(anna.get(f"{PREFIX}/{ticket}").text)
        assert len(found) == len(papers)
        for link, kind in zip(
            found, ["image/png", "text/plain; charset=utf-8", None, None, None, None, None], strict=True
        ):
            answer = anna.get(f"{link}/view")
            if kind is None:
                assert answer.status_code == 303 and answer.headers["location"] == link
                continue
            assert answer.status_code == 200 and answer.headers["content-type"] == kind
            assert (
                "sandbox" in answer.headers["content-security-policy"]
                and answer.headers["x-content-type-options"] == "nosniff"
            )
            assert answer.headers["content-disposition"].startswith("inline") and answer.content in (PNG, script)
        saved = anna.get(found[0])
        assert saved.headers["content-disposition"].startswith("attachment") and saved.content == PNG
        missing = boris.get(f"{PREFIX}/999999/files/1/view")
        for path in (f"{found[0]}/view", f"{PREFIX}/{ticket}/files.zip"):
            answer = boris.get(path)
            assert answer.status_code == 404 and answer.content == missing.content


def test_all_files_come_as_one_zip_with_safe_names_and_what_is_missing_is_named(shop: Stage) -> None:
    papers = [
        paper("a.txt", b"one"),
        paper("a.txt", b"two"),
        paper("..\\..\\x\u202egnp.exe", b"three"),
        paper("gone.bin", b"four"),
    ]
    ticket = shop.ticket(ANNA, files=papers)
    empty = shop.ticket(ANNA, "Without files")
    gone = next(number for number, file in shop.state.files.items() if file.name == "gone.bin")
    with shop.client(ANNA) as anna:
        assert (
            "files.zip" in anna.get(f"{PREFIX}/{ticket}").text and "files.zip" not in anna.get(f"{PREFIX}/{empty}").text
        )
        assert anna.get(f"{PREFIX}/{empty}/files.zip").status_code == 404
        del shop.state.files[gone]
        answer = anna.get(f"{PREFIX}/{ticket}/files.zip")
        assert answer.status_code == 200 and "attachment" in answer.headers["content-disposition"]
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    names = packed.namelist()
    assert names[:2] == ["001 a.txt", "002 a.txt"] and packed.read(names[1]) == b"two"
    assert packed.testzip() is None and not any("/" in one or "\\" in one or "\u202e" in one for one in names)
    assert "gone.bin" in packed.read("not-here.txt").decode()


LARGE = Random(1).randbytes(2**16)


class Endless:
    """Gives files of many chunks that cannot be made smaller; those called broken stop in the middle."""

    def __init__(self, chunks: int) -> None:
        self.chunks, self.open = chunks, 0

    @asynccontextmanager
    async def open_file(self, file: Attachment) -> AsyncIterator[Any]:
        async def chunks() -> AsyncIterator[bytes]:
            for number in range(self.chunks):
                if file.name == "broken" and number == self.chunks // 2:
                    raise HelpdeskUnreachable("it broke off")
                yield LARGE

        self.open += 1
        try:
            yield SimpleNamespace(size=None, chunks=chunks)
        finally:
            self.open -= 1


def test_a_zip_of_large_files_is_never_in_memory_and_tells_what_broke_off() -> None:
    desk: Any = SimpleNamespace(client=Endless(320))
    named = [Attachment(str(number), name, "") for number, name in enumerate(("large", "broken", "", "last"))]

    async def zipped() -> list[bytes]:
        return [piece async for piece in files._zipped(desk, named)]

    pieces = asyncio.run(zipped())
    assert max(map(len, pieces)) < 2**18
    packed = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert packed.namelist() == ["001 large", "002 broken", "003 file", "004 last", "not-here.txt"]
    assert packed.testzip() is None and packed.read("004 last") == LARGE * 320
    assert packed.read("not-here.txt") == b"broken"


def test_who_goes_away_in_the_middle_leaves_no_file_open() -> None:
    desk: Any = SimpleNamespace(client=Endless(10))

    async def go_away() -> tuple[int, int]:
        going: Any = files._zipped(desk, [Attachment("1", "large", "")])
        await anext(going)
        meanwhile = desk.client.open
        await going.aclose()
        return meanwhile, desk.client.open

    assert asyncio.run(go_away()) == (1, 0)


def test_one_customer_does_not_hold_the_files_of_all(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = shop.ticket(ANNA, files=[paper("a.txt", b"one")])
    with shop.client(ANNA) as anna:
        site: Site = anna.app.dependencies["site"].dependency()
        link = links(anna.get(f"{PREFIX}/{ticket}").text)[0]
        doors = (link, f"{link}/view", f"{PREFIX}/{ticket}/files.zip")
        assert [anna.get(door).status_code for door in doors] == [200, 200, 200]
        assert not site.open_files, "what is over is not counted"
        site.open_files[ANNA] = files.EACH
        answers = [anna.get(door) for door in doors]
        assert [answer.status_code for answer in answers] == [429, 429, 429]
        assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        site.open_files[ANNA] = files.EACH - 1
        assert anna.get(link).status_code == 200 and site.open_files[ANNA] == files.EACH - 1
        monkeypatch.setattr(type(site.client), "open_file", refused)
        assert anna.get(link).status_code == 404 and site.open_files[ANNA] == files.EACH - 1
        site.open_files.clear()


@asynccontextmanager
async def refused(*_: object) -> AsyncIterator[None]:
    raise HelpdeskRefused("no")
    yield


def test_who_leaves_while_he_is_sent_something_holds_nothing(shop: Stage) -> None:
    """The generator stays where it was then, and with it what it holds, until somebody collects garbage."""
    ticket = shop.ticket(ANNA, files=[paper("large.bin", bytes(300_000))])
    with shop.client(ANNA) as anna:
        link = links(anna.get(f"{PREFIX}/{ticket}").text)[0]
        site: Site = anna.app.dependencies["site"].dependency()
        cookie = "; ".join(f"{name}={value}" for name, value in anna.cookies.items())
        with anna.portal() as portal:
            assert portal.call(leave_while_sent, anna.app, link, cookie) == 200
        assert not site.open_files


async def leave_while_sent(app: Any, path: str, cookie: str) -> int:
    """Ask as a server does, and go away while the first bytes are on their way; the status of the answer."""
    statuses: list[int] = []
    gone, asked = asyncio.Event(), False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        else:
            gone.set()
            await asyncio.sleep(60)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("x", 443),
        "headers": [(b"cookie", cookie.encode()), (b"host", b"shop.example")], "state": {}, "app": app,
    }  # fmt: skip
    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return statuses[0]
