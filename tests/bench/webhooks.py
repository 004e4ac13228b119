"""The events that the webhook's door is timed with."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable

from tests.bench.paced import Question

SECRET = "a-secret-for-benchmarks-only"


def events(name: str) -> Callable[[int], Question]:
    """Signed events of tickets all over, each new; `name` tells these from others."""

    def event(number: int) -> Question:
        told = {
            "id": f"{name}-{number}",
            "event": "message.created",
            "created_at": "2026-11-20T10:00:00Z",
            "ticket": {"id": 1 + number % 500, "user_id": 1 + number % 100, "subject": "Где моя посылка?"},
            "message": {"id": 1 + number, "body": "<p>Здравствуйте!</p>" * 20},
        }
        body = json.dumps(told, ensure_ascii=False).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Host": "shop.example", "X-HDE-Signature": f"sha256={signature}"}
        return Question("/api/hde-webhook", headers, "POST", body, status=202)

    return event
