"""Tasks in Bitrix24, by its incoming webhook. Called from the outbox only, so that a failing CRM loses nothing.

The webhook's address is a secret: it is in no message and in no log. Answers are {"result": …} or {"error",
"error_description"}, the latter with 4xx or 5xx; the description may quote what was asked and is not repeated here.
Source: apidocs.bitrix24.com, tasks.task.add and tasks.task.list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from portal import http
from portal.errors import CrmAway, CrmRefused, CrmUnsure

CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
CONNECTIONS = 2

LIMITS = frozenset({"QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "OVERLOAD_LIMIT"})
"""It has had enough calls for now, and has done nothing."""

UNAUTHORIZED, FORBIDDEN, TOO_MANY, SERVER_ERROR = 401, 403, 429, 500

Answer = Mapping[str, Any]


class Crm:
    """The Bitrix24 behind `address` (https://…/rest/1/secret/); its tasks are `responsible_id`'s."""

    def __init__(self, address: str, responsible_id: int, transport: http.Transport | None = None) -> None:
        self._address = address if address.endswith("/") else f"{address}/"
        self._responsible_id = responsible_id
        # No connection is kept: one that was closed meanwhile would lose an answer for nothing.
        self._http = http.make_client(
            connect=CONNECT_SECONDS, read=READ_SECONDS, connections=CONNECTIONS, kept=0, transport=transport
        )

    async def add_task(self, title: str, description: str) -> int:
        """A new task; its id. Raises CrmRefused and CrmAway when there is none, CrmUnsure when there may be one."""
        fields = {"TITLE": title, "DESCRIPTION": description, "RESPONSIBLE_ID": self._responsible_id}
        result = await self._call("tasks.task.add", {"fields": fields})
        try:
            return int(result["task"]["id"])
        except (KeyError, TypeError, ValueError):
            raise CrmUnsure("its answer names no task") from None

    async def find_task(self, marker: str) -> int | None:
        """The oldest task whose title holds `marker` (no % and no _ in it). Raises what `add_task` does."""
        asked = {"filter": {"TITLE": f"%{marker}%"}, "select": ["ID", "TITLE"], "order": {"ID": "desc"}}
        result = await self._call("tasks.task.list", asked)
        try:
            # A filter it does not know is ignored, and everybody's tasks come back.
            found = [int(task["id"]) for task in result["tasks"] if marker in task["title"]]
        except (KeyError, TypeError, ValueError):
            raise CrmUnsure("its answer lists no tasks") from None
        return min(found, default=None)

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _call(self, method: str, asked: Answer) -> Any:
        try:
            response = await self._http.post(f"{self._address}{method}", json=asked)
        except http.NotConnected as error:
            raise CrmAway(type(error).__name__) from None
        except http.TransportError as error:
            # Without its cause: the request it carries has the address.
            raise CrmUnsure(type(error).__name__) from None
        return _result(response)


def _result(response: http.Response) -> Any:
    status, answer = response.status_code, _decoded(response)
    error = answer.get("error")
    reason = f"HTTP {status} {_code(error)}".strip()
    if error in LIMITS or status == TOO_MANY:
        raise CrmAway(reason)
    if status in (UNAUTHORIZED, FORBIDDEN):
        raise CrmRefused(reason, key=True)
    if status >= SERVER_ERROR:
        raise CrmUnsure(reason)
    if error is not None or not response.is_success:
        raise CrmRefused(reason)
    if "result" not in answer:
        raise CrmUnsure("its answer is not JSON, or has no result")
    return answer["result"]


def _decoded(response: http.Response) -> Answer:
    try:
        answer = json.loads(response.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _code(error: object) -> str:
    """Its code for what is wrong: a word, never a sentence."""
    return error if isinstance(error, str) and re.fullmatch(r"\w{1,40}", error) else ""
