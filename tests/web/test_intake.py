"""What a form brought: whole, cut, twisted, in pieces of any size. Nothing here is an error of ours."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar, Request, post

from portal.service.writing import MAX_FILE_BYTES, MAX_FILES
from portal.web import intake
from portal.web.intake import Form, safe_name, safe_type

MB = 2**20
MULTIPART = "multipart/form-data; boundary=edge"


@post("/")
async def handler() -> None: ...


APP = Litestar([handler], openapi_config=None)
URLENCODED = "application/x-www-form-urlencoded"


def part(name: str, value: bytes, filename: str | None = None, kind: str = "") -> bytes:
    head = f'content-disposition: form-data; name="{name}"' + (
        f'; filename="{filename}"' if filename is not None else ""
    )
    return f"--edge\r\n{head}\r\n{f'content-type: {kind}' if kind else 'x: y'}\r\n\r\n".encode() + value + b"\r\n"


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--edge--\r\n"


def taken(body: bytes | Iterable[bytes], kind: str = MULTIPART, *, keep_files: bool = True, gone: bool = False) -> Form:
    """The form that a request with this body holds; `gone`: the browser leaves before the end."""
    pieces = iter([body] if isinstance(body, bytes) else body)

    async def receive() -> dict[str, object]:
        piece = next(pieces, None)
        if piece is None:
            return {"type": "http.disconnect"} if gone else {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    async def read() -> Form:
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "state": {}, "litestar_app": APP,
                 "headers": [(b"content-type", kind.encode("latin-1"))], "route_handler": NoLimit()}  # fmt: skip
        return await intake.read(Request(scope, receive), keep_files=keep_files)  # type: ignore[arg-type]

    return asyncio.run(read())


class NoLimit:
    def resolve_request_max_body_size(self) -> None:
        return None


def content(form: Form, number: int = 0) -> bytes:
    return b"".join(form.files[number].chunks(1000))


def test_fields_and_files_come_as_they_were_sent() -> None:
    body = whole(
        part("text", "Привет\r\n«ё»".encode()),
        part("files", b"\r\n--edg\r\n", "фото.png", "image/png"),
        part("order", b""),
    )
    for form in (taken(body), taken(bytes([one]) for one in body)):
        assert form.fields == {"text": "Привет\n«ё»", "order": ""} and not form.broken
        (file,) = form.files
        assert (file.name, file.type, file.size) == ("фото.png", "image/png", 9)
        assert content(form) == content(form) == b"\r\n--edg\r\n", "read as often as asked"


def test_an_urlencoded_form_is_read_too() -> None:
    form = taken(urlencode({"text": "Привет\r\n&=", "csrf": "t"}).encode(), URLENCODED)
    assert form.fields == {"text": "Привет\n&=", "csrf": "t"} and not form.broken and not form.files


def test_the_first_field_of_a_name_counts_and_strange_names_do_not() -> None:
    form = taken(whole(part("text", b"one"), part("text", b"two"), part("admin", b"1"), part("", b"x")))
    assert form.fields == {"text": "one"}
    assert taken(b"text=one&text=two&admin=1&=x", URLENCODED).fields == {"text": "one"}


def test_a_field_without_a_chosen_file_is_no_file_and_a_nameless_one_is() -> None:
    assert taken(whole(part("files", b"", ""), part("text", b"x"))).files == []
    (file,) = taken(whole(part("files", b"abc", ""))).files
    assert (file.name, file.size) == ("file", 3)
    (empty,) = taken(whole(part("files", b"", "empty.txt"))).files
    assert (empty.name, empty.size) == ("empty.txt", 0)


def test_what_is_too_much_is_counted_and_let_go() -> None:
    files = [part("files", b"%d" % number, f"{number}.txt") for number in range(MAX_FILES + 1)]
    form = taken(whole(*files, part("text", b"after them")))
    assert form.fields == {"text": "after them"} and len(form.files) == MAX_FILES + 1
    assert [content(form, number) for number in (0, MAX_FILES - 1, MAX_FILES)] == [b"0", b"9", b""]
    assert form.files[MAX_FILES].size == 2

    def huge() -> Iterator[bytes]:
        yield part("files", b"", "huge.bin").removesuffix(b"\r\n")
        for _ in range(MAX_FILE_BYTES // MB + 1):
            yield bytes(MB)
        yield b"\r\n" + whole(part("text", b"after it"))

    form = taken(huge())
    assert form.files[0].size == MAX_FILE_BYTES + MB and content(form) == b"" and form.fields == {"text": "after it"}


def test_without_keeping_files_nothing_of_them_stays() -> None:
    form = taken(whole(part("files", b"abc", "a.txt"), part("text", b"x")), keep_files=False)
    assert form.files[0].size == 3 and content(form) == b"" and form.fields == {"text": "x"}


def test_a_file_goes_with_its_form() -> None:
    with taken(whole(part("files", bytes(2 * MB), "a.bin"))) as form:
        assert sum(map(len, form.files[0].chunks(1000))) == 2 * MB
    assert content(form) == b"" and form.files[0].size == 2 * MB


def test_a_text_is_kept_far_beyond_what_may_be_sent_and_not_without_end() -> None:
    form = taken(
        [part("text", bytes(0)).removesuffix(b"\r\n"), *[b"x" * MB] * 20, b"\r\n" + whole(part("order", b"7"))]
    )
    assert len(form.fields["text"]) == intake.FIELDS["text"] and form.fields["order"] == "7" and not form.broken
    form = taken([b"text=", *[b"x" * MB] * 20], URLENCODED)
    assert form.broken and len(form.fields["text"]) == intake.FIELDS["text"]
    form = taken([whole(*(part(name, b"x" * MB) for name in ("csrf", "subject", "order")))])
    assert {name: len(value) for name, value in form.fields.items()} == {"csrf": 4096, "subject": 65536, "order": 1024}


def test_a_form_of_a_million_fields_is_broken_and_costs_nothing() -> None:
    began = time.process_time()
    assert taken([b"%e4&" * 1_500_000], URLENCODED).broken
    assert time.process_time() - began < 2  # it took eight seconds before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (whole(part("text", b"kept"))[:-6], MULTIPART),
        (whole(part("text", b"kept"), part("files", b"x" * 100, "a"))[:-60], MULTIPART),
        (part("text", b"kept") + b"--edge\r\nno header at all\r\n\r\nx\r\n--edge--\r\n", MULTIPART),
        (part("text", b"kept") + b"--edgeXX", MULTIPART),
        (part("text", b"kept") + b"--edge\r\n" + b"x: y\r\n" * 100, MULTIPART),
        (part("text", b"kept") + b"--edge\r\nx: " + b"y" * 10_000, MULTIPART),
        (whole(part("text", b"kept"), *[part("x", b"")] * 500), MULTIPART),
    ],
)
def test_what_came_before_it_broke_is_kept(body: bytes, kind: str) -> None:
    form = taken(body, kind)
    assert form.broken and form.fields == {"text": "kept"}


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other",
     f"multipart/form-data; boundary={'x' * 300}", 'multipart/form-data; boundary="a\\"b"', "multipart/mixed; boundary=edge", "multipart/form-data; boundary=\xff"],
)  # fmt: skip
def test_another_kind_of_body_is_a_broken_form(kind: str) -> None:
    form = taken(whole(part("text", b"x")), kind)
    assert form.broken and not form.fields and not form.files


def test_a_browser_that_goes_away_leaves_a_broken_form() -> None:
    assert taken(part("text", b"half"), gone=True).broken
    assert taken(b"text=half", URLENCODED, gone=True).broken


def test_a_body_without_end_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "DRAIN_BYTES", 10 * MB)
    seen = []

    def endless() -> Iterator[bytes]:
        yield part("text", b"kept")
        while True:
            seen.append(1)
            assert len(seen) < 20
            yield bytes(MB)

    form = taken(endless())
    assert form.broken and form.fields["text"].startswith("kept")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_comes_is_a_form(data: st.DataObject) -> None:
    body = bytearray(
        whole(part("text", b"hello"), part("files", b"0123456789", "a.txt", "text/plain"), part("csrf", b"t"))
    )
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    pieces = [bytes(body[start:end]) for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    form = taken(pieces)
    assert all(isinstance(value, str) for value in form.fields.values())
    assert all(len(content(form, number)) == file.size for number, file in enumerate(form.files[:MAX_FILES]))
    for file in form.files:
        assert file.name and not set(file.name) & set("/\\\r\n\x00")


@given(st.binary(max_size=300))
def test_whatever_is_urlencoded_is_a_form(body: bytes) -> None:
    assert set(taken(body, URLENCODED).fields) <= set(intake.FIELDS)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../x", "x"),
        ("..\\..\\x.png", "x.png"),
        ("C:\\Users\\Anna\\фото.png", "фото.png"),
        ("/etc/passwd", "passwd"),
        ("a\r\nb", "a b"),
        ("a\r\nContent-Type: text/html", "html"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\u2066a\u2069\u200b.png", "a.png"),
        ("a\x00.png", "a.png"),
        ("", "file"),
        ("..", "file"),
        ("/", "file"),
        (" . ", "file"),
        ("x" * 300 + ".pdf", "x" * 115 + "….pdf"),
        ("x." + "y" * 300, "x." + "y" * 117 + "…"),
        ("42.zip", "42.zip"),
        ("<script>.png", "<script>.png"),
    ],
)
def test_a_name_is_only_a_name(name: str, safe: str) -> None:
    assert safe_name(name) == safe and len(safe) <= intake.MAX_NAME


@given(st.text())
def test_any_name_becomes_safe_and_stays_as_it_is_then(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= intake.MAX_NAME and safe.isprintable() and safe_name(safe) == safe


def test_a_name_that_a_browser_has_quoted_is_read() -> None:
    form = taken(whole(part("files", b"x", "a%0D%0Ab%22.png")))
    assert form.files[0].name == 'a b".png'


@pytest.mark.parametrize(
    ("kind", "safe"),
    [("image/png", "image/png"), ("Text/HTML; charset=x", "application/octet-stream"), ("", "application/octet-stream"), (None, "application/octet-stream"),
     ("x/y\r\nz: 1", "application/octet-stream"), ("a/" + "b" * 200, "application/octet-stream"), ("image/svg+xml", "image/svg+xml")],
)  # fmt: skip
def test_a_type_is_one_or_none(kind: str | None, safe: str) -> None:
    assert safe_type(kind) == safe


def test_a_zip_bomb_is_a_file_like_any_other() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50 * MB))
    form = taken(whole(part("files", bomb.getvalue(), "42.zip", "application/zip")))
    assert form.files[0].size == len(bomb.getvalue()) < MB and content(form) == bomb.getvalue()
