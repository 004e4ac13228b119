"""A call and its answer, apart from any server: the dialects are plain functions from one to the other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from litestar.types import HTTPScope


@dataclass(frozen=True)
class Request:
    """What is known of a call before its body is read. `path` is decoded; `headers` by lower-case name."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    origin: str


def read_request(scope: HTTPScope) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path = unquote(scope["raw_path"].decode("ascii", "replace").partition("?")[0])
    origin = f"{scope['scheme']}://{headers.get('host', 'localhost')}"
    return Request(scope["method"], path, scope["query_string"].decode("ascii", "replace"), headers, origin)


@dataclass(frozen=True)
class Upload:
    """A file of a multipart form; `key` is the form's name for it."""

    key: str
    name: str
    type: str
    content: bytes


@dataclass(frozen=True)
class Call:
    """`path` begins after the dialect's base and has no slash at its end; `fields` is the body, JSON or form.

    `encoding`: json, form, multipart or none. `origin` is the address the caller used: file addresses begin with it.
    """

    method: str
    path: str
    query: dict[str, str]
    fields: dict[str, Any] = field(default_factory=dict)
    uploads: tuple[Upload, ...] = ()
    encoding: str = "none"
    origin: str = ""
    broken: bool = False


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(status: int, value: Any, headers: dict[str, str] | None = None) -> Answer:
    """Keys stay in the order given: in v2 the order of a map's keys is the order of the list."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, {"content-type": "application/json; charset=utf-8", **(headers or {})})


Handler = Callable[..., Answer]
"""Takes the state, the call, and the ids of the path."""
Route = tuple[str, re.Pattern[str], Handler]


def route(method: str, pattern: str, handler: Handler) -> Route:
    """`{}` in the pattern is an id, passed on as int."""
    return method, re.compile(pattern.replace("{}", r"([0-9]{1,18})")), handler


def find_route(routes: Iterable[Route], method: str, path: str) -> tuple[Handler, list[int]] | None:
    for wanted, pattern, handler in routes:
        if wanted == method and (found := pattern.fullmatch(path)):
            return handler, [int(part) for part in found.groups()]
    return None


def read_call(request: Request, base: str, path: str, body: bytes) -> Call:
    """The request as a Call; a body that cannot be read makes it `broken`, which both dialects answer with 400."""
    fields: dict[str, Any] = {}
    uploads: tuple[Upload, ...] = ()
    encoding, broken = "none", False
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        encoding = "multipart"
        pairs, uploads = read_multipart(kind, body)
        fields = nest(pairs)
    elif kind.startswith("application/x-www-form-urlencoded"):
        encoding = "form"
        fields = nest(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif body:
        encoding = "json"
        try:
            fields = json.loads(body)
        except (ValueError, RecursionError):
            broken = True
        if not isinstance(fields, dict):
            fields, broken = {}, True
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    within = path.removeprefix(base).rstrip("/")
    return Call(request.method, within, query, fields, uploads, encoding, request.origin, broken)


def read_multipart(content_type: str, body: bytes) -> tuple[list[tuple[str, str]], tuple[Upload, ...]]:
    """Values and files of a form, byte for byte; a form without a boundary is an empty one."""
    pairs, uploads = [], []
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("latin-1"))[1:-1] if boundary else ()
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        words = dict(re.findall(r'\b(name|filename)="([^"]*)"', head.decode("utf-8", "replace")))
        kind = re.search(rb"(?im)^content-type:[ \t]*([^;\r\n]+)", head)
        key = words.get("name", "")
        if "filename" in words:
            name = words["filename"].replace("%22", '"')  # how browsers write a quotation mark in there
            uploads.append(Upload(key, name, kind[1].decode("latin-1").strip() if kind else "", content))
        else:
            pairs.append((key, content.decode("utf-8", "replace")))
    return pairs, tuple(uploads)


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """PHP's reading of form names: `tags[]=a` is a list, `custom_fields[3]=x` a map."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        name, bracket, rest = key.partition("[")
        inner = rest.removesuffix("]")
        if not bracket:
            result[name] = value
        elif inner:
            into = result.setdefault(name, {})
            if isinstance(into, dict):
                into[inner] = value
        else:
            into = result.setdefault(name, [])
            if isinstance(into, list):
                into.append(value)
    return result
