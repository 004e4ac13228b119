"""A Bitrix24 to live with: the two methods of its REST that we call, with its shapes and its bad days.

`Book.trouble` is what the next calls meet, one a call: limit (QUERY_LIMIT_EXCEEDED), lost (done, and no answer),
refused (nothing done, 500), expired (the webhook was withdrawn), core (the task is wrong), garbled (done, and an answer
that is no JSON), strange (done, and an answer of another shape).
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]

PAGE = 50
ERRORS = {
    "limit": (503, "QUERY_LIMIT_EXCEEDED", "Too many requests"),
    "refused": (500, "INTERNAL_SERVER_ERROR", "Internal server error"),
    "expired": (401, "INVALID_CREDENTIALS", "Invalid request credentials"),
    "core": (400, "ERROR_CORE", "Task title not specified<br>"),
}


@dataclass
class Book:
    """Its tasks, and what it was asked: (method, fields or filter)."""

    path: str = "/rest/1/secret/"
    tasks: list[dict[str, str]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ignores_filters: bool = False
    trouble: deque[str] = field(default_factory=deque)

    def answer(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        """The status and the body of the answer to a POST; None when the connection breaks instead."""
        if not path.startswith(self.path):
            return _error(*ERRORS["expired"])
        method = path.removeprefix(self.path).removesuffix(".json")
        asked = json.loads(body or b"{}")
        self.asked.append((method, asked))
        trouble = self.trouble.popleft() if self.trouble else ""
        if trouble in ERRORS:
            return _error(*ERRORS[trouble])
        if method == "tasks.task.add":
            result = self._add(asked["fields"])
        elif method == "tasks.task.list":
            result = self._list(asked)
        else:
            return _error(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
        if trouble == "lost":
            return None
        if trouble == "garbled":
            return 200, b"<html>Bitrix24</html>"
        return _json(200, {"result": [] if trouble == "strange" else result, "time": {"duration": 0.1}})

    def _add(self, fields: dict[str, Any]) -> dict[str, Any]:
        task = {
            "id": str(len(self.tasks) + 1),
            "title": str(fields["TITLE"]),
            "description": str(fields.get("DESCRIPTION", "")),
            "responsibleId": str(fields["RESPONSIBLE_ID"]),
        }
        self.tasks.append(task)
        return {"task": task}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        pattern = asked.get("filter", {}).get("TITLE", "%")
        wanted = "" if self.ignores_filters else pattern.strip("%")
        found = [task for task in reversed(self.tasks) if wanted in task["title"]]
        return {"tasks": [{"id": task["id"], "title": task["title"]} for task in found[:PAGE]]}


def create_app(book: Book) -> Any:
    """The CRM as an ASGI application."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = book.answer(scope["path"], body)
        if answer is None:
            raise ConnectionError("the connection breaks, as it was told to")
        status, content = answer
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


def _error(status: int, code: str, description: str) -> tuple[int, bytes]:
    return _json(status, {"error": code, "error_description": description})


def _json(status: int, answer: Any) -> tuple[int, bytes]:
    return status, json.dumps(answer).encode()
