"""The help desk, built once: what it can be asked is in reads.py, what it can be told in writes.py and contacts.py.

Which words go over the wire is the dialect's business (v1.py, v2.py), how they go is wire.py's, what an answer means is
answer.py's.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from portal import http
from portal.config import Settings
from portal.database import Databases
from portal.helpdesk import v1, v2
from portal.helpdesk.budget import Budget
from portal.helpdesk.contacts import Contacts
from portal.helpdesk.dialect import Dialect
from portal.helpdesk.files import FILES_AT_ONCE, FileStream, open_file
from portal.helpdesk.wire import CALL_SECONDS, CONNECT_SECONDS, READ_SECONDS, Wire
from portal.model import Attachment


class Client(Contacts):
    """The help desk that the settings name; its calls share one budget, downloads of files among them."""

    def __init__(
        self,
        settings: Settings,
        databases: Databases,
        transport: http.Transport | None = None,
        budget: Budget | None = None,
    ) -> None:
        dialect: Dialect = v1 if settings.dialect == "v1" else v2
        self._base = settings.hde_url
        self._authorization = dialect.authorization(settings)
        self._budget = budget or Budget(databases, settings.hde_rate, CALL_SECONDS)
        self._downloads = http.make_client(
            connect=CONNECT_SECONDS, read=READ_SECONDS, connections=FILES_AT_ONCE, transport=transport
        )
        self._files_at_once = asyncio.Semaphore(FILES_AT_ONCE)
        super().__init__(settings, dialect, Wire(self._base, self._authorization, self._budget, transport))

    def open_file(self, attachment: Attachment) -> AbstractAsyncContextManager[FileStream]:
        """A file, streamed. Raises HelpdeskRefused for an address that is not the help desk's own."""
        return open_file(
            self._downloads,
            attachment.url,
            base=self._base,
            authorization=self._authorization,
            budget=self._budget,
            at_once=self._files_at_once,
        )

    async def close(self) -> None:
        """Hang up."""
        await self._wire.close()
        await self._downloads.aclose()
