"""The demo's mail: whatever is sent is kept in a folder, and read on a page of the demo shop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT = 100
"""The newest letters the page shows."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as the page shows it; `text` is its plain part."""

    to: str
    subject: str
    date: str
    text: str


class _Keep:
    """The SMTP server's handler: a file a letter, numbered in the order of arrival."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        taken = [int(file.stem) for file in folder.glob("*.eml")]
        self._numbers = itertools.count(max(taken, default=0) + 1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # its name
        """Keep the letter, then say so."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        file = self._folder / f"{next(self._numbers):06d}.eml"
        await asyncio.to_thread(file.write_bytes, content)
        return "250 OK"


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[str]:
    """Catch mail on a free port of 127.0.0.1; yields the address for PORTAL_SMTP_URL."""
    keep = _Keep(folder)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(keep), "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def letters(folder: Path) -> list[Letter]:
    """The letters that came, newest first."""
    files = sorted(folder.glob("*.eml"), reverse=True)[:KEPT]
    return [_letter(file.read_bytes()) for file in files]


def _letter(data: bytes) -> Letter:
    message = message_from_bytes(data, _class=EmailMessage, policy=policy.default)
    body = message.get_body(("plain",))
    text = body.get_content() if body else ""
    return Letter(str(message["To"]), str(message["Subject"]), str(message["Date"]), str(text).strip())
