"""Where our pages are, as their templates link to them."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from portal.service.finding import Wish
from portal.service.writing import Written
from portal.web.wishes import query_of

PLAIN = Wish()


class Urls:
    """Where our pages are. Paths only: the shop may answer under more than one name."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.prove = f"{prefix}/prove"
        self.new = f"{prefix}/new"
        self.events = f"{prefix}/events"
        self.export = f"{prefix}/export"
        self.archive = f"{prefix}/export/requests.zip"
        self.erase = f"{prefix}/export/erase"
        self.home = f"{prefix.rpartition('/')[0]}/"

    def page(self, number: int = 1, wish: Wish = PLAIN) -> str:
        """A page of the list, as it stands or as it is wished for."""
        return self.list(query_of(wish, number))

    def list(self, query: str) -> str:
        """The list by its query, "" for its first page as it stands."""
        return f"{self._prefix}/?{query}" if query else f"{self._prefix}/"

    def query(self, wish: Wish, number: int) -> str:
        """The query of a page of the list."""
        return query_of(wish, number)

    def tab(self, wish: Wish, name: str) -> str:
        """The list as it is wished for, but of the state that a tab stands for."""
        is_open = {"open": True, "closed": False}.get(name)
        return self.page(1, replace(wish, is_open=is_open, turn="mine" if name == "mine" else ""))

    def request(self, ticket_id: int) -> str:
        """A conversation."""
        return f"{self._prefix}/{ticket_id}"

    def reply(self, ticket_id: int) -> str:
        """Where a reply goes."""
        return f"{self._prefix}/{ticket_id}/reply"

    def act(self, ticket_id: int, name: str) -> str:
        """Where a button of a conversation leads: close, reopen, rate."""
        return f"{self._prefix}/{ticket_id}/{name}"

    def written(self, one: Written) -> str:
        """Where a request that was written here is read: its conversation, or a page of its own until there is one."""
        return self.request(one.ticket_id) if one.ticket_id else f"{self._prefix}/new/{one.id}"

    def again(self, one: Written) -> str:
        """A form filled with what could not be delivered."""
        return f"{self.request(one.ticket_id) if one.ticket_id else self.new}?again={one.id}#write"

    def file(self, ticket_id: int, file_id: str) -> str:
        """An attachment, through us."""
        return f"{self._prefix}/{ticket_id}/files/{quote(file_id, safe='')}"

    def take(self, ticket_id: int) -> str:
        """A conversation as a file."""
        return f"{self._prefix}/export/{ticket_id}.html"

    def look(self, ticket_id: int, file_id: str) -> str:
        """An attachment, to be looked at."""
        return f"{self.file(ticket_id, file_id)}/view"

    def files(self, ticket_id: int) -> str:
        """All attachments of a conversation."""
        return f"{self._prefix}/{ticket_id}/files.zip"

    def part(self, ticket_id: int, part: int) -> str:
        """A part of a long conversation, 1 the newest."""
        return f"{self.request(ticket_id)}?part={part}" if part > 1 else self.request(ticket_id)

    def follow(self, token: str) -> str:
        """The link that proves an address."""
        return f"{self._prefix}/prove/{quote(token, safe='')}"
