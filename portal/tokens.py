"""Signed tokens: one salt a purpose, an audience, an expiry; keys rotate (design/contract.md, "Tokens").

A token of one purpose or audience is worthless for another. A token has several valid spellings (base64 padding bits),
so whatever may be used once is keyed on something inside it, never on its text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from itsdangerous import BadData, URLSafeTimedSerializer

Purpose = Literal["email-proof", "flash", "form", "orders", "widget"]

MAX_LENGTH = 4096
"""Longer ones are refused unread: nothing of ours is that long."""

_TOKEN = re.compile(r"\.?[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""Payload (a dot before it: compressed), time and signature; the decoder would pass over padding and other letters."""


class Tokens:
    """Signs with the newest key, verifies with all."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(reversed(keys))  # itsdangerous signs with the last

    def sign(self, purpose: Purpose, audience: str, value: Any = None) -> str:
        """A token that carries `value` (JSON), for `audience` alone; URL-safe text."""
        return str(self._serializer(purpose, audience).dumps(value))

    def read(self, purpose: Purpose, audience: str, token: str, max_age: int) -> tuple[Any] | None:
        """What the token carries, in a tuple (None may be carried); None when it is not good. `max_age` in seconds."""
        if len(token) > MAX_LENGTH or not _TOKEN.fullmatch(token):
            return None
        try:
            return (self._serializer(purpose, audience).loads(token, max_age=max_age),)
        except BadData:
            return None

    def read_dated(self, purpose: Purpose, audience: str, token: str) -> tuple[Any, datetime] | None:
        """What the token carries and when it was signed (UTC, whole seconds); its age is the caller's to judge."""
        if len(token) > MAX_LENGTH or not _TOKEN.fullmatch(token):
            return None
        try:
            value, signed_at = self._serializer(purpose, audience).loads(token, return_timestamp=True)
        except BadData:
            return None
        return value, signed_at

    def derived_key(self, purpose: Purpose, audience: str) -> bytes:
        """The key that signs tokens of this purpose and audience and no other; the key it is made from stays unknown.

        A token is `payload.time.signature`, each in base64url without padding: JSON, big-endian seconds, and the
        HMAC-SHA256 of what stands before it under this key (itsdangerous, key derivation "hmac").
        """
        serializer = self._serializer(purpose, audience)
        return serializer.make_signer(serializer.salt).derive_key()

    def _serializer(self, purpose: Purpose, audience: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._keys,
            salt=f"portal.{purpose}:{audience}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
