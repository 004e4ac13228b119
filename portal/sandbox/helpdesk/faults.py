"""Bad days, on demand: which calls go wrong and how."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from portal.sandbox.helpdesk.wire import Answer, json_answer

KINDS = {
    "status": "answers with this status, nothing done (value: the status)",
    "stall": "waits before doing anything (value: seconds)",
    "late_status": "does it, then answers with this status (value: the status)",
    "drip": "does it, then lets the answer out bit by bit (value: seconds in all)",
    "drop": "does it, then hangs up without an answer",
    "cut": "does it, then hangs up in the middle of the answer",
    "html": "a page instead of JSON, with status 200",
    "half": "JSON cut in half, whole as far as HTTP goes",
    "types": "every value of another type than promised",
    "empty": "200 and nothing",
    "pages": "says there are 300 pages, and each is full",
    "redirect": "302 to another place (value: where)",
    "content_type": "right JSON under a wrong content type (value: which)",
}
USUAL = {"status": "503", "late_status": "500", "stall": "5", "drip": "5"}
PAGE = b"<!doctype html><html><head><title>HelpDesk</title></head><body><h1>Technical works</h1></body></html>"
HTML = {"content-type": "text/html; charset=utf-8"}


@dataclass
class Fault:
    """One way to go wrong (empty `value`: as is usual for it) for the next `count` matching calls (None: for ever).

    `path` is a regular expression searched for in the path, `method` one of HTTP's; empty matches every call.
    """

    kind: str
    value: str = ""
    count: int | None = None
    path: str = ""
    method: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {', '.join(KINDS)}")
        self.value = self.value or USUAL.get(self.kind, "")
        if self.kind in USUAL and float(self.value) < 0:
            raise ValueError("value: less than nothing")
        if self.kind in ("status", "late_status") and int(self.value) not in range(200, 600):
            raise ValueError("value: no status of HTTP")
        try:
            re.compile(self.path)
        except re.error as problem:
            raise ValueError(f"path: {problem}") from problem

    def matches(self, method: str, path: str) -> bool:
        return (not self.method or self.method == method) and re.search(self.path, path) is not None


class Faults:
    def __init__(self) -> None:
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self.active.append(fault)

    def mend(self) -> None:
        self.active.clear()

    def take(self, method: str, path: str) -> dict[str, str]:
        """The kinds that hit this call, with their values; each is used up by one."""
        hit = [fault for fault in self.active if fault.matches(method, path)]
        for fault in hit:
            if fault.count is not None:
                fault.count -= 1
        self.active = [fault for fault in self.active if fault.count is None or fault.count > 0]
        return {fault.kind: fault.value for fault in hit}


def refuse(faults: dict[str, str]) -> Answer | None:
    """The answer that takes the place of the work, if one does."""
    if "status" in faults:
        return Answer(int(faults["status"]), PAGE, HTML)
    if "redirect" in faults:
        return Answer(302, b"", {"location": faults["redirect"] or "/ru/login/", "content-type": "text/html"})
    return None


def spoil(answer: Answer, faults: dict[str, str]) -> Answer:
    """The answer after the work was done, garbled as told."""
    for kind, value in faults.items():
        if kind in GARBLERS:
            answer = GARBLERS[kind](answer, value)
    return answer


def _wrong_types(answer: Answer, _: str) -> Answer:
    return replace(answer, body=json_answer(200, _mistype(json.loads(answer.body))).body)


def _mistype(value: Any) -> Any:
    """Objects stay objects, so that the envelope still looks right; everything inside is of the wrong type."""
    match value:
        case dict():
            return {key: _mistype(item) for key, item in value.items()}
        case list():
            return [_mistype(item) for item in value] or {"0": "?"}
        case bool() | None:
            return {"value": str(value)}
        case int() | float():
            return f"n/a {value}"
        case _:
            return [len(value)]


def _many_pages(answer: Answer, _: str) -> Answer:
    value = json.loads(answer.body)
    if not isinstance(value, dict) or "pagination" not in value:
        return answer
    total = 9000 if isinstance(value["pagination"]["total"], int) else "9000"
    value["pagination"] |= {"total": total, "total_pages": 300}
    return replace(answer, body=json_answer(200, value).body)


GARBLERS: dict[str, Callable[[Answer, str], Answer]] = {
    "late_status": lambda _, status: Answer(int(status), PAGE, HTML),
    "html": lambda answer, _: Answer(200, PAGE, HTML),
    "empty": lambda answer, _: replace(answer, status=200, body=b""),
    "half": lambda answer, _: replace(answer, body=answer.body[: len(answer.body) // 2]),
    "types": _wrong_types,
    "pages": _many_pages,
    "content_type": lambda answer, kind: replace(answer, headers={"content-type": kind or "text/html"}),
}
