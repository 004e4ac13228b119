"""Entity tags: what an answer is known by, and whether the asker has it already (RFC 9110, 13.1.2)."""

from __future__ import annotations

import hashlib
import re

from portal.web.visitor import AnyRequest

_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


def etag_of(body: bytes) -> str:
    """A strong tag: the same for the same bytes and no others."""
    return f'"{hashlib.blake2b(body, digest_size=15).hexdigest()}"'


def is_known(request: AnyRequest, etag: str) -> bool:
    """Whether If-None-Match names the tag, weakly compared: a proxy that compresses makes it a weak one."""
    said = ",".join(request.headers.getall("if-none-match", []))
    return said.strip() == "*" or etag in _TAG.findall(said)
