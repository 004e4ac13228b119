"""Signed tokens: one salt a purpose, an audience, an expiry; keys rotate (design/contract.md, "Tokens").

A token of one purpose or audience is worthless for another. A token has several valid spellings (base64 padding bits),
so whatever may be used once is keyed on something inside it, never on its text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Literal

from itsdangerous import BadData, URLSafeTimedSerializer

Purpose = Literal["email-proof", "flash", "form", "orders", "widget"]

MAX_LENGTH = 4096
"""Longer ones are refused unread: nothing of ours is that long."""

_letters = re.compile(r"[A-Za-z0-9_.-]+").fullmatch
"""What we write; the library would also take padding (=) and skip what is no letter of its alphabet."""


class Tokens:
    """Signs with the newest key, verifies with all."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(reversed(keys))  # itsdangerous signs with the last

    def sign(self, purpose: Purpose, audience: str, value: Any = None) -> str:
        """A token that carries `value` (JSON), for `audience` alone; URL-safe text."""
        return str(self._serializer(purpose).dumps([audience, value]))

    def read(self, purpose: Purpose, audience: str, token: str, max_age: int) -> tuple[Any] | None:
        """What the token carries, in a tuple (None may be carried); None when it is not good. `max_age` in seconds."""
        match self.open(purpose, token, max_age):
            case (whose, value) if whose == audience:
                return (value,)
        return None

    def open(self, purpose: Purpose, token: str, max_age: int) -> tuple[str, Any] | None:
        """Whose the token is and what it carries, for a door that does not know yet who is asking."""
        if len(token) > MAX_LENGTH or not _letters(token):
            return None
        try:
            match self._serializer(purpose).loads(token, max_age=max_age):
                case [str(audience), value]:
                    return audience, value
        except BadData:
            pass
        return None

    def _serializer(self, purpose: Purpose) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._keys,
            salt=f"portal.{purpose}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
