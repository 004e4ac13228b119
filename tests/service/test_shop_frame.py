"""The shop's frame: fetched as nobody, bounded, and kept when the shop fails."""

import asyncio
import logging
from collections.abc import Callable

import httpx
import pytest

from portal.service import shop_frame
from portal.service.shop_frame import LARGEST_BYTES, ShopFrame, Unfit

HTML = {"content-type": "text/html; charset=utf-8"}
Answer = Callable[[httpx.Request], httpx.Response]


def looks(
    *answers: Answer | httpx.Response, make: Callable[[str], str] = str.upper
) -> tuple[ShopFrame[str], list[str]]:
    """A frame that has looked as often as there are answers, and what was kept after each."""
    left, kept = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        told = left.pop(0)
        return told(request) if callable(told) else told

    frame = ShopFrame("https://shop.example/frame/", make, httpx.MockTransport(answer))

    async def all_of_them() -> None:
        for _ in answers:
            await frame.look()
            kept.append(frame.kept)

    asyncio.run(all_of_them())
    return frame, kept  # type: ignore[return-value]


def streamed(*chunks: bytes, **headers: str) -> httpx.Response:
    async def body():  # type: ignore[no-untyped-def]
        for chunk in chunks:
            yield chunk

    return httpx.Response(200, content=body(), headers={**HTML, **{k.replace("_", "-"): v for k, v in headers.items()}})


def test_what_comes_is_made_into_a_dress_and_renewed() -> None:
    assert looks(streamed("Лавка".encode()), streamed(b"new"))[1] == ["ЛАВКА", "NEW"]


def test_the_letters_are_of_the_charset_that_is_named() -> None:
    answer = streamed("Лавка".encode("cp1251"), content_type="text/html; charset=windows-1251")
    assert looks(answer)[1] == ["ЛАВКА"]


def test_no_cookie_goes_out_or_is_kept() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return streamed(b"x", set_cookie="PHPSESSID=stranger; Path=/")

    looks(answer, answer)
    assert len(asked) == 2 and all("cookie" not in request.headers for request in asked)


def away(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def unfit(_: str) -> str:
    raise Unfit("it has no marker")


@pytest.mark.parametrize(
    "answer",
    [
        away,
        httpx.Response(500, headers=HTML),
        httpx.Response(302, headers={"location": "https://shop.example/auth/"}),
        httpx.Response(200, content=b"{}", headers={"content-type": "application/json"}),
        streamed(*[b"x" * 65536] * (LARGEST_BYTES // 65536), b"x"),
        streamed(b"\x1f\x8b", content_encoding="gzip"),
        streamed(b"\xff\xfe"),
        streamed(b"x", content_type="text/html; charset=no-such-charset"),
        streamed(b"x", content_type="text/html; charset=undefined"),
        streamed(b"+2AA-", content_type="text/html; charset=utf-7"),
    ],
)
def test_what_is_no_page_leaves_the_last_good_copy_and_is_told_once(
    answer: Answer | httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        _, kept = looks(streamed(b"good"), answer, away, streamed(b"again"), away)
    assert kept == ["GOOD", "GOOD", "GOOD", "AGAIN", "AGAIN"]
    said = [record.message for record in caplog.records if record.name.startswith("portal")]
    assert [("cannot be had" in one, "there again" in one) for one in said] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert "the last good copy" in said[0]


def test_a_page_of_the_largest_size_is_taken() -> None:
    assert looks(streamed(*[b"x" * 65536] * (LARGEST_BYTES // 65536)))[1] == ["X" * LARGEST_BYTES]


def test_a_page_without_the_marker_is_told_and_nothing_shows(caplog: pytest.LogCaptureFixture) -> None:
    assert looks(streamed(b"x"), make=unfit)[1] == [None]
    assert "it has no marker" in caplog.text and "pages show none" in caplog.text


def test_a_page_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_frame, "WHOLE_SECONDS", 0.05)

    async def drip():  # type: ignore[no-untyped-def]
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    assert looks(httpx.Response(200, content=drip(), headers=HTML))[1] == [None]
