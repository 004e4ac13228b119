"""What a form brought, read as it comes: small texts to memory, files to disk, and never more than we asked for.

A form is read to its end whatever is in it, as a browser that is still sending shows nobody's answer; what is too much
is counted and let go. The words are kept through all of it, so that the page can give them back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import parse_qsl

from litestar.exceptions import InternalServerException
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from portal.service.writing import MAX_FILE_BYTES, MAX_FILES
from portal.web.entered import MAX_LOST
from portal.web.visitor import AnyRequest
from portal.web.words import tidy

FIELDS = {"csrf": 4096, "subject": 2**16, "order": 1024, "text": 6 * 2**20, "lost": MAX_LOST, "seen": 128}
"""Bytes of each that are kept: a text far too long comes back whole, the others need not."""

MAX_BODY = sum(FIELDS.values())
"""Of a form without files."""

SPOOL_BYTES = 2**20
"""Larger files go to disk while they come."""

MAX_PARTS = 200
DRAIN_BYTES = 300 * 2**20
"""A body is read so far, and no further; nginx refuses a little earlier (templates/nginx/portal.conf)."""

MAX_NAME = 120
MAX_TYPE = 100
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Upload:
    """A file that came with a form (service.writing.Incoming). What is beyond the limits is counted and not kept."""

    def __init__(self, name: str, kind: str, *, keep: bool) -> None:
        self.name = name
        self.type = kind
        self.size = 0
        self._content: IO[bytes] | None = SpooledTemporaryFile(SPOOL_BYTES) if keep else None  # noqa: SIM115

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > MAX_FILE_BYTES:
            self.close()
        if self._content:
            self._content.write(piece)

    def chunks(self, size: int) -> Iterator[bytes]:
        """The content in pieces of `size` bytes, from its beginning each time; nothing when it was not kept."""
        if self._content:
            self._content.seek(0)
            while piece := self._content.read(size):
                yield piece

    def close(self) -> None:
        """The content goes; name and size stay."""
        if self._content:
            self._content.close()
            self._content = None


@dataclass(frozen=True)
class Form:
    """What the form held. `fields`: those of FIELDS that came, the first of each name. `broken`: it did not come whole.

    To be used as a context: the files go at its end.
    """

    fields: Mapping[str, str]
    files: list[Upload] = field(default_factory=list)
    broken: bool = False

    @property
    def lost(self) -> list[str]:
        """The names of files that came before, with a form that had to be given back without them."""
        return [safe_name(name) for name in self.fields.get("lost", "").split("\n") if name.strip()]

    def __enter__(self) -> Form:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files:
            file.close()


async def read(request: AnyRequest, *, keep_files: bool = True) -> Form:
    """The form of a request, urlencoded or multipart; another kind of body, or none, is a broken one.

    Without `keep_files` (nobody is signed in) files are counted and let go.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == "application/x-www-form-urlencoded":
        return await _urlencoded(request)
    reading = _Multipart(options.get("boundary", "") if kind == "multipart/form-data" else "", keep_files)
    try:
        await _drain(request, reading.take)
    except BaseException:
        reading.form().__exit__()
        raise
    return reading.form()


async def _drain(request: AnyRequest, take: Callable[[bytes], object]) -> bool:
    """Hand over the body piece by piece; whether it came to its end."""
    read_bytes = 0
    try:
        async for piece in request.stream():
            read_bytes += len(piece)
            if read_bytes > DRAIN_BYTES:
                return False
            take(piece)
    except InternalServerException:
        return False  # the browser has gone; litestar has no other name for that
    return True


async def _urlencoded(request: AnyRequest) -> Form:
    kept, total = bytearray(), 0

    def take(piece: bytes) -> None:
        nonlocal total
        total += len(piece)
        kept.extend(piece[: max(0, MAX_BODY - len(kept))])

    ended = await _drain(request, take)
    # Megabytes of percent signs take their time: not in the loop that serves everybody.
    fields = await asyncio.to_thread(_parsed, kept.decode("latin-1"))
    return Form(fields or {}, broken=fields is None or not ended or total > len(kept))


def _parsed(body: str) -> dict[str, str] | None:
    """The fields, None for a body of more of them than any form of ours has: a million would take seconds."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(body, keep_blank_values=True, errors="replace", max_num_fields=MAX_PARTS)
    except ValueError:
        return None
    for name, value in pairs:
        if name in FIELDS:
            found.setdefault(name, plain(value[: FIELDS[name]]))
    return found


class _Multipart:
    """A multipart body as it comes, in pieces of any size."""

    def __init__(self, boundary: str, keep_files: bool) -> None:
        self._keep_files = keep_files
        self._fields: dict[str, bytearray] = {}
        self._files: list[Upload] = []
        self._write: Callable[[bytes], object] | None = None
        self._parser: PushMultipartParser | None = None
        self.broken = not 0 < len(boundary) <= 200
        if not self.broken:
            try:
                self._parser = PushMultipartParser(boundary, max_segment_count=MAX_PARTS)
            except (MultipartError, UnicodeError):
                self.broken = True

    def take(self, piece: bytes) -> None:
        """The next piece; after the first thing that is wrong the rest is let go."""
        if self._parser is None or self.broken or not piece:
            return
        try:
            for event in self._parser.parse(piece):
                if isinstance(event, MultipartSegment):
                    self._write = self._begin(event)
                elif event and self._write:
                    self._write(event)
        except MultipartError:
            self.broken = True

    def _begin(self, part: MultipartSegment) -> Callable[[bytes], object] | None:
        if part.filename is not None:
            keep = self._keep_files and len(self._files) < MAX_FILES
            file = Upload(safe_name(part.filename), safe_type(part.content_type), keep=keep)
            if part.filename:
                self._files.append(file)
                return file.write
            return self._nameless(file)
        name = part.name or ""
        if name not in FIELDS or name in self._fields:
            return None
        value, most = bytearray(), FIELDS[name]
        self._fields[name] = value
        return lambda piece: value.extend(piece[: max(0, most - len(value))])

    def _nameless(self, file: Upload) -> Callable[[bytes], object]:
        """A field of the form that nobody has chosen a file in comes without a name and empty: it is no file."""

        def write(piece: bytes) -> None:
            if file.size == 0:
                self._files.append(file)
            file.write(piece)

        return write

    def form(self) -> Form:
        """All that came."""
        whole = self._parser is not None and not self.broken and self._is_complete(self._parser)
        fields = {name: plain(value.decode("utf-8", "replace")) for name, value in self._fields.items()}
        return Form(fields, self._files, broken=not whole)

    @staticmethod
    def _is_complete(parser: PushMultipartParser) -> bool:
        try:
            parser.close()
        except MultipartError:
            return False
        return True


def plain(text: str) -> str:
    """A typed text without control characters, its lines ended as people count them (browsers send two characters)."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def safe_name(name: str) -> str:
    """A file's name that is only a name: no folders, no controls, nothing that turns its direction, not too long.

    "file" when nothing is left of it. The ending survives a cut, as people tell files by it.
    """
    name = tidy(re.split(r"[/\\]", name)[-1].replace("\x00", ""))
    if len(name) > MAX_NAME:
        head, dot, ending = name.rpartition(".")
        tail = f".{ending}" if dot and len(ending) <= 10 else ""
        name = (head if tail else name)[: MAX_NAME - len(tail) - 1] + "…" + tail
    return name if name.strip(". ") else "file"


def safe_type(kind: str | None) -> str:
    """What the browser calls the type, where it looks like one: told on, never trusted."""
    kind = (kind or "").strip().lower()
    return kind if len(kind) <= MAX_TYPE and _TYPE.fullmatch(kind) else "application/octet-stream"
