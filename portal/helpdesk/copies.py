"""What the cache keeps its copies in: kept ones, renewals under way, and the kinds of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from portal.model import Copy

T = TypeVar("T")


@dataclass(slots=True)
class Kept(Generic[T]):
    copy: Copy[T]
    until: float
    size: int


@dataclass(slots=True)
class Flight(Generic[T]):
    """A renewal under way, and the old copy it has found meanwhile."""

    task: asyncio.Task[Copy[T]]
    old: Copy[T] | None = None


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A sort of copies: its name in the table, its type, how to fetch one, how long it is fresh (seconds)."""

    name: str
    type: Any
    fetch: Callable[[str], Awaitable[T]]
    fresh: Callable[[T], float]
    brief: Callable[[T], bytes] = lambda _value: b""
