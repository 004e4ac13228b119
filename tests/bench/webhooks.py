"""How soon an event is acknowledged: sent at a steady rate, whatever the answers take, each timed from when it was due."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles
from urllib.parse import urlsplit

from tests.bench.load import WrongAnswers

SECRET = "a-secret-for-benchmarks-only"
PATH = "/api/hde-webhook"
SENDERS = 8


@dataclass(frozen=True)
class Acknowledged:
    """Seconds from when each event was due to its 202."""

    seconds: Sequence[float]

    def percentile(self, number: int) -> float:
        """In milliseconds."""
        return quantiles(self.seconds, n=100)[number - 1] * 1e3


def send(address: str, a_second: int, seconds: float, name: str) -> Acknowledged:
    """Events of tickets all over, each new, over SENDERS connections. Raises WrongAnswers for other than 202.

    A sender that is late is late on account of the door, so what counts begins when the event was due.
    """
    count = int(a_second * seconds)
    began = time.perf_counter() + 0.1

    def one(sender: int) -> list[float]:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        took = []
        for number in range(sender, count, SENDERS):
            due = began + number / a_second
            time.sleep(max(0.0, due - time.perf_counter()))
            _post(connection, f"{name}-{number}", number)
            took.append(time.perf_counter() - due)
        connection.close()
        return took

    with ThreadPoolExecutor(SENDERS) as senders:
        return Acknowledged([took for part in senders.map(one, range(SENDERS)) for took in part])


def _post(connection: http.client.HTTPConnection, event_id: str, number: int) -> None:
    event = {
        "id": event_id,
        "event": "message.created",
        "created_at": "2026-11-20T10:00:00Z",
        "ticket": {"id": 1 + number % 500, "user_id": 1 + number % 100, "subject": "Где моя посылка?"},
        "message": {"id": 1 + number, "body": "<p>Здравствуйте!</p>" * 20},
    }
    body = json.dumps(event, ensure_ascii=False).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    connection.request("POST", PATH, body, {"Host": "shop.example", "X-HDE-Signature": f"sha256={signature}"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 202:
        raise WrongAnswers(f"{PATH} at {connection.host}: {answer.status}")
