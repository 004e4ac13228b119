"""Requests at a steady pace, whatever the answers take: who is late is measured from when he should have been asked."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.bench.load import WrongAnswers

ASKERS = 16
"""Connections; enough of them that a slow answer holds up no other question."""


@dataclass(frozen=True)
class Question:
    """One request, and the status of its right answer."""

    path: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes | None = None
    status: int = 200
    holds: bytes = field(default=b"")
    """Stands in the right answer."""


def paced(address: str, question: Callable[[int], Question], *, rate: int, seconds: int) -> list[float]:
    """Seconds from when each question was due to its whole answer, sorted. Raises WrongAnswers.

    `question` makes the nth one, from 0.
    """
    took: list[float] = []
    wrong: list[str] = []
    begin = time.perf_counter() + 0.2

    def ask(first: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
        for number in range(first, rate * seconds, ASKERS):
            due = begin + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            asked = question(number)
            connection.request(asked.method, asked.path, asked.body, dict(asked.headers))
            answer = connection.getresponse()
            body = answer.read()
            took.append(time.perf_counter() - due)
            if answer.status != asked.status or asked.holds not in body:
                wrong.append(f"{answer.status}: {body[:100]!r}")
        connection.close()

    askers = [threading.Thread(target=ask, args=(first,)) for first in range(ASKERS)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    if wrong or len(took) != rate * seconds:
        raise WrongAnswers(f"{len(wrong)} wrong of {len(took)} of {rate * seconds}: {wrong[:1]}")
    return sorted(took)


def percentile(took: Sequence[float], share: float) -> float:
    """The time within which this share of the answers came; `took` is sorted."""
    return took[min(len(took) - 1, int(len(took) * share))]
