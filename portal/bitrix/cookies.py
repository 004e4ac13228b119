"""The Cookie header as PHP reads it, so that we and the shop never see two different visitors in one request."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

MAX_COOKIES = 1000
"""PHP's max_input_vars: it looks at no more."""

_MANGLED = bytes.maketrans(b" .[", b"___")
_FORBIDDEN = (b"__Host-", b"__Secure-")


def parse(header: str) -> dict[str, str]:
    """Name → value, from the raw header in latin-1; what is not UTF-8 stays as surrogates.

    As PHP 8.2 does: the first of a name wins, values are percent-decoded, `+` stays, dots and spaces in names become
    `_`. A name with `[…]` makes an array there: it is nobody's text, so it is left out here.
    """
    found: dict[bytes, bytes | None] = {}
    count = 0
    for part in header.encode("latin-1", "replace").split(b";"):
        before, _, value = part.partition(b"=")
        before = before.lstrip(b" \t\n\v\f\r")
        if not before:
            continue
        count += 1
        if count > MAX_COOKIES:
            break
        name, is_array = _name(before)
        # A mangled name must not pass for one that browsers protect.
        if not name or (name.startswith(_FORBIDDEN) and not before.startswith(_FORBIDDEN)):
            continue
        if is_array:
            found[name] = None
        elif name not in found:
            found[name] = unquote_to_bytes(value) if b"%" in value else value
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in found.items()
        if value is not None
    }


def _name(raw: bytes) -> tuple[bytes, bool]:
    """The name as PHP keeps it, and whether it makes an array."""
    plain, bracket, rest = raw.partition(b"[")
    if not bracket:
        return raw.translate(_MANGLED), False
    if not plain:
        return b"", False
    if b"]" in rest:
        return plain.translate(_MANGLED), True
    return raw.translate(_MANGLED), False
