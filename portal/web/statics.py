"""Static files: read, hashed and compressed once at start, then served from memory under names that never change.

A name carries the hash of its content (`app.1a2b3c4d5e.css`), so whoever serves it may call it immutable. The parts in
a folder are one file for each of their types, `base` first and the others in the order of their names: `app/base.css`
and `app/acting.css` are `app.css`.
"""

from __future__ import annotations

import gzip as gzip_format
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
    """A file as it goes over the wire; `encoding` is "gzip" or ""."""

    body: bytes
    content_type: str
    encoding: str = ""


class Statics:
    """Every file of a folder, by its hashed name. A file of an unknown type stops the start with KeyError.

    `shop`: the shop's own folder, whose `shop.css`, where there is one, stands at the end of `app.css`.
    """

    def __init__(self, folder: Path, prefix: str, shop: str = "") -> None:
        self._prefix = prefix
        self._urls: dict[str, str] = {}
        self._whole: dict[str, Static] = {}
        self._small: dict[str, Static] = {}
        shops = [path for path in [Path(shop, "shop.css")] if shop and path.is_file()]
        for path in _visible(folder):
            if path.is_file():
                self.add(path.name, path.read_bytes())
            else:
                parts = sorted(_visible(path), key=lambda part: part.stem != "base")
                parts += shops if path.name == "app" else []
                for suffix in sorted({part.suffix for part in parts}):
                    whole = b"\n".join(part.read_bytes() for part in parts if part.suffix == suffix)
                    self.add(f"{path.name}{suffix}", whole)

    def add(self, name: str, content: bytes) -> None:
        """One file more, which is in no folder."""
        stem, suffix = Path(name).stem, Path(name).suffix
        content_type = CONTENT_TYPES[suffix]
        hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:10]}{suffix}"
        self._urls[f"{stem}{suffix}"] = f"{self._prefix}/static/{hashed}"
        self._whole[hashed] = Static(content, content_type)
        small = gzip_format.compress(content, 9, mtime=0)
        if len(small) < len(content):
            self._small[hashed] = Static(small, content_type, "gzip")

    def url(self, name: str) -> str:
        """Where `app.css` is served: `{prefix}/static/app.<hash>.css`. KeyError when there is no such file."""
        return self._urls[name]

    def text(self, name: str) -> str:
        """What is in `app.css`. KeyError when there is no such file."""
        return self._whole[self._urls[name].rpartition("/")[2]].body.decode()

    def get(self, hashed_name: str, *, gzip: bool = False) -> Static | None:
        """The file behind the last part of its address, compressed if wished and worth it.

        None for every other name, the plain one included.
        """
        return (self._small.get(hashed_name) if gzip else None) or self._whole.get(hashed_name)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
