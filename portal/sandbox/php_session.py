"""PHP's side of a session: written as PHP itself writes it, in Python, so that the demo needs no PHP.

Nothing here is shared with the portal's decoder: it plays the shop, and a test compares it with a real PHP.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

Value = None | bool | int | float | str | Sequence["Value"] | Mapping[str, "Value"]

ID_PATTERN = re.compile(r"[0-9A-Za-z\-,]{6,}")
ALPHABET = string.ascii_letters + string.digits
INTEGER_KEY = re.compile(r"0|-?[1-9][0-9]{0,17}")


def serialize(value: Value) -> bytes:
    """What PHP's serialize() gives: lengths in bytes, sequences as arrays keyed from 0."""
    match value:
        case None:
            return b"N;"
        case bool():
            return b"b:%d;" % value
        case int():
            return b"i:%d;" % value
        case float():
            return b"d:%s;" % repr(value).encode()
        case str():
            data = value.encode()
            return b's:%d:"%s";' % (len(data), data)
        case Mapping():
            items = [_key(key) + serialize(item) for key, item in value.items()]
        case _:
            items = [b"i:%d;%s" % (number, serialize(item)) for number, item in enumerate(value)]
    return b"a:%d:{%s}" % (len(items), b"".join(items))


def _key(key: str) -> bytes:
    """PHP turns a key that looks like an integer into one."""
    return serialize(int(key) if INTEGER_KEY.fullmatch(key) else key)


def encode(session: Mapping[str, Value]) -> bytes:
    """A whole session as the `php` serialize handler stores it: name|value name|value, without separators."""
    return b"".join(name.encode() + b"|" + serialize(value) for name, value in session.items())


def new_id() -> str:
    """32 letters and digits, as Bitrix's own session engine makes them."""
    return "".join(secrets.choice(ALPHABET) for _ in range(32))


def write(folder: Path, session_id: str, session: Mapping[str, Value]) -> None:
    """Store a session where PHP's files handler would: in place, under an exclusive lock, for its owner's eyes only."""
    descriptor = os.open(path(folder, session_id), os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        data = encode(session)
        file.write(data)
        file.truncate(len(data))


def path(folder: Path, session_id: str) -> Path:
    """The session's file; an id that PHP would refuse is refused with ValueError."""
    if not ID_PATTERN.fullmatch(session_id):
        raise ValueError("not a session id")
    return folder / f"sess_{session_id}"
