"""A plugin of the help desk: one HTML file in a ticket, and the variables that the help desk keeps for it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from portal.http import TransportError, make_client


class NotAllowed(Exception):
    """What the plugin asks is none of its business here."""


@dataclass
class Plugin:
    """`html` "" is none. `secrets` are put into addresses and headers outside the browser, `shown` is HDE.vars.

    `asks`: the beginning of the addresses it may ask, so that nobody fetches a secret to elsewhere through it.
    """

    html: str = ""
    asks: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)

    async def request(self, told: dict[str, Any]) -> tuple[int, Any]:
        """HDE.request: made by the help desk's own server (facts: §7, inferred). Status and data; 0 for no answer."""
        url = self._filled(str(told.get("url", "")))
        if not self.asks or not url.startswith(f"{self.asks}/"):
            raise NotAllowed
        headers = {str(name): self._filled(str(value)) for name, value in (told.get("headers") or {}).items()}
        headers["content-type"] = str(told.get("contentType") or "application/json")
        data = told.get("data")
        body = data if isinstance(data, str) else json.dumps(data)
        async with make_client(connect=2, read=10, connections=1) as client:
            try:
                answer = await client.request(str(told.get("method", "GET")), url, headers=headers, content=body)
            except TransportError:
                return 0, None
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    def _filled(self, text: str) -> str:
        return re.sub(r"\{\{(\w+)\}\}", lambda name: self.secrets.get(name[1], name[0]), text)
