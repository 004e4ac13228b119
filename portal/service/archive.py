"""What a customer takes away, as bytes: names safe on every disk, pictures that are pictures, a ZIP as it goes."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import IO

from portal.store.exports import Part

LONGEST_NAME = 80
"""Characters; with its folder it fits on every disk, also in letters of four bytes."""

LONGEST_ENDING = 12

_RASTERS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)
"""By how they begin, whatever they are called: nothing in these can run (an SVG is a document, and can)."""

PLAIN = re.compile(r"\.(?:txt|log|csv)\Z", re.IGNORECASE)
_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp)\Z", re.IGNORECASE)
_UNSAFE = re.compile(r'[/\\:*?"<>|]')


def safe_name(name: str, otherwise: str) -> str:
    """A foreign name as one name of a file: no folder, no drive, nothing invisible or turned around, no device.

    It is for use behind a number, which keeps names of devices (CON, NUL) and equal names apart.
    """
    seen = "".join(" " if char.isspace() else char for char in name if char.isspace() or _shows(char))
    name = " ".join(_UNSAFE.sub("_", seen).split()).strip(". ")
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > LONGEST_ENDING:
        return name[:LONGEST_NAME].rstrip(". ") or otherwise
    return f"{stem[: LONGEST_NAME - len(ending)].rstrip('. ')}{dot}{ending}"


def _shows(char: str) -> bool:
    return unicodedata.category(char)[0] != "C"


def raster_type(content: bytes) -> str | None:
    """The type of a picture that is safe to show by itself; None for anything else."""
    return next((kind for start, kind in _RASTERS if start.match(content)), None)


def can_be_viewed(name: str) -> bool:
    """Whether a file of this name may be of a kind that is shown; what it really is decides when it is."""
    return bool(PLAIN.search(name)) or is_picture(name)


def is_picture(name: str) -> bool:
    """Whether a file calls itself a picture of a kind that we show: what it is, its content says."""
    return bool(_PICTURE.search(name))


def picture(content: bytes) -> str | None:
    """A safe picture as an address that holds it all (data:); None for anything else."""
    kind = raster_type(content)
    return f"data:{kind};base64,{b64encode(content).decode()}" if kind else None


class Zip:
    """A ZIP that is written as its chunks come and read as it grows: it is never whole in memory.

    `made` is the time that its files bear.
    """

    def __init__(self, made: datetime) -> None:
        self._made = made
        self._out = _Sink()
        self._zip = zipfile.ZipFile(self._out, "w")
        self._name = ""
        self._file: IO[bytes] | None = None

    def add(self, parts: Iterable[Part]) -> bytes:
        """The bytes that these chunks make. A chunk of the same name as the one before goes on with its file."""
        for part in parts:
            if self._file is None or part.name != self._name:
                self._end_file()
                self._name = part.name
                entry = zipfile.ZipInfo(part.name, self._made.timetuple()[:6])
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o600 << 16
                self._file = self._zip.open(entry, "w")
            self._file.write(part.content)
        return self._out.take()

    def end(self) -> bytes:
        """The last bytes."""
        self.close()
        return self._out.take()

    def close(self) -> None:
        """Nothing more comes, also when it was given up halfway."""
        self._end_file()
        self._zip.close()

    def _end_file(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


class _Sink(io.RawIOBase):
    """Takes what is written and cannot go back, so that nothing written is changed later."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self._bytes += content
        return len(content)

    def take(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken
