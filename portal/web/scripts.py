"""The scripts for the shop's own pages: the same bytes for everybody, kept by browsers for some minutes."""

from __future__ import annotations

from functools import cache

from litestar import Response

from portal import assets
from portal.web.answers import Answer
from portal.web.etags import etag_of, is_known
from portal.web.visitor import AnyRequest

SECONDS = 300
"""How long browsers keep one without asking; a new one reaches everybody within it."""


def script(request: AnyRequest, name: str) -> Answer:
    """`templates/widget/<name>` as it is; 304 to a browser that has it."""
    body, etag = _script(name)
    return answered(request, body, etag)


def answered(request: AnyRequest, body: bytes, etag: str) -> Answer:
    """A script under its etag; 304 to a browser that has it."""
    headers = {"etag": etag, "cache-control": f"public, max-age={SECONDS}"}
    if is_known(request, etag):
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type="text/javascript", headers=headers)


@cache
def _script(name: str) -> tuple[bytes, str]:
    body = (assets.folder("templates") / "widget" / name).read_bytes()
    return body, etag_of(body)
