"""Signed tokens: one salt a purpose, an audience, an expiry; keys rotate (design/contract.md, "Tokens").

A token of one purpose or audience is worthless for another. A token has several valid spellings (base64 padding bits),
so whatever may be used once is keyed on something inside it, never on its text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from itsdangerous import BadData, URLSafeTimedSerializer

Purpose = Literal["email-proof", "flash", "form", "orders", "panel", "panel-ref", "widget"]

MAX_LENGTH = 4096
"""Longer ones are refused unread: nothing of ours is that long."""

_TOKEN = re.compile(r"\.?[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""Payload (a dot before it: compressed), time and signature; the decoder would pass over padding and other letters."""


class Tokens:
    """Signs with the newest key, verifies with all."""

    def __init__(self, keys: Sequence[str]) -> None:
        newest_last = list(reversed(keys))  # as itsdangerous has it: it signs with the last
        self._serializers = {purpose: _serializer(newest_last, purpose) for purpose in get_args(Purpose)}

    def sign(self, purpose: Purpose, audience: str, value: Any = None) -> str:
        """A token that carries `value` (JSON), for `audience` alone; URL-safe text."""
        return str(self._serializers[purpose].dumps([audience, value]))

    def read(self, purpose: Purpose, audience: str, token: str, max_age: int) -> tuple[Any] | None:
        """What the token carries, in a tuple (None may be carried); None when it is not good. `max_age` in seconds."""
        match self.open(purpose, token, max_age):
            case (whose, value) if whose == audience:
                return (value,)
        return None

    def open(self, purpose: Purpose, token: str, max_age: int) -> tuple[str, Any] | None:
        """Whose the token is and what it carries, for a door that does not know yet who is asking."""
        found = self._read(purpose, token, max_age)
        return found[:2] if found else None

    def open_dated(self, purpose: Purpose, token: str) -> tuple[str, Any, datetime] | None:
        """Like `open`, with the time it was signed (UTC, whole seconds): its age is the caller's to judge."""
        return self._read(purpose, token, None)

    def derived_key(self, purpose: Purpose) -> bytes:
        """The key that signs the tokens of this purpose and no others; what it is made from cannot be told from it.

        A token is `payload.time.signature`, each in base64url without padding: JSON of [audience, value], big-endian
        seconds, and the HMAC-SHA256 of what stands before it under this key.
        """
        serializer = self._serializers[purpose]
        return serializer.make_signer(serializer.salt).derive_key()

    def _read(self, purpose: Purpose, token: str, max_age: int | None) -> tuple[str, Any, datetime] | None:
        if len(token) > MAX_LENGTH or not _TOKEN.fullmatch(token):
            return None
        try:
            match self._serializers[purpose].loads(token, max_age=max_age, return_timestamp=True):
                case ([str(audience), value], datetime() as signed_at):
                    return audience, value, signed_at
        except BadData:
            pass
        return None


def _serializer(keys: Sequence[str], purpose: Purpose) -> URLSafeTimedSerializer:
    signs = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeTimedSerializer(keys, salt=f"portal.{purpose}", signer_kwargs=signs)
