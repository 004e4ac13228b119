"""A browser that only reads: keep-alive, one Cookie header a page, and the time each page took."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.bench.stage import PREFIX

LIST = f"{PREFIX}/"
ROW = re.compile(rb'<h2><a href="(' + PREFIX.encode() + rb'/\d+)">')
MESSAGE = b"<article>"


@dataclass(frozen=True)
class Page:
    """`size` counts the head of the answer, too."""

    body: bytes
    size: int
    seconds: float

    @property
    def requests(self) -> list[str]:
        """The addresses of the conversations that a list leads to."""
        return [address.decode() for address in ROW.findall(self.body)]


class NotThePage(Exception):
    """Another answer than the page that was to be measured."""


def read(address: str, pages: Iterable[tuple[str, str]]) -> Iterable[Page]:
    """Each page (path, Cookie header) in turn, over one connection. Raises NotThePage but for a 200."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        for path, cookie in pages:
            began = time.perf_counter()
            connection.request("GET", path, headers={"Host": "shop.example", "Cookie": cookie})
            answer = connection.getresponse()
            body = answer.read()
            took = time.perf_counter() - began
            if answer.status != 200:
                raise NotThePage(f"{path} at {address}: {answer.status}")
            yield Page(body, len(body) + len(bytes(answer.headers)), took)
    finally:
        connection.close()


def read_one(address: str, path: str, cookie: str) -> Page:
    return next(iter(read(address, [(path, cookie)])))
