"""Static files: read, hashed and compressed once at start, then served from memory under names that never change.

A name carries the hash of its content (`app.1a2b3c4d5e.css`), so whoever serves it may call it immutable.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}


@dataclass(frozen=True, slots=True)
class Static:
    """One file: its bytes, its type, and the bytes compressed with gzip, None where that saves nothing."""

    content: bytes
    content_type: str
    gzipped: bytes | None


class Statics:
    """Every file of the folder `static`, by its hashed name. A file of an unknown type stops the start: KeyError."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._prefix = prefix
        self._urls: dict[str, str] = {}
        self._files: dict[str, Static] = {}
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                self._add(path)

    def _add(self, path: Path) -> None:
        content = path.read_bytes()
        hashed = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:10]}{path.suffix}"
        small = gzip.compress(content, 9, mtime=0)
        self._urls[path.name] = f"{self._prefix}/static/{hashed}"
        self._files[hashed] = Static(content, CONTENT_TYPES[path.suffix], small if len(small) < len(content) else None)

    def url(self, name: str) -> str:
        """Where `app.css` is served: `{prefix}/static/app.<hash>.css`. KeyError when there is no such file."""
        return self._urls[name]

    def text(self, name: str) -> str:
        """The content of a text file by its plain name."""
        return self._files[self._urls[name].rpartition("/")[2]].content.decode()

    def get(self, hashed_name: str) -> Static | None:
        """The file behind the last part of its address; None for any other name, the plain one included."""
        return self._files.get(hashed_name)
