"""A claim is renewed for as long as the work takes, whatever becomes of one renewal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import pytest

from portal.database import Databases, Unit
from portal.errors import DatabaseAway
from portal.service.holding import held

LEASE = 0.03


class Answers:
    """Databases that answer each renewal with the next of these, and then with the last again."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = answers
        self.asked = 0

    async def run(self, _work: Callable[[Unit], bool]) -> bool:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def renewals(*answers: bool | Exception, until: int) -> int:
    """How often a claim is renewed while a block waits for `until` renewals, or long enough for many more."""
    databases = Answers(*answers)

    async def work() -> None:
        async with held(cast("Databases", cast("Any", databases)), lambda _unit: True, LEASE):
            for _ in range(100):
                if databases.asked >= until:
                    break
                await asyncio.sleep(LEASE / 3)

    asyncio.run(work())
    return databases.asked


def test_it_is_renewed_again_and_again() -> None:
    assert renewals(True, until=4) == 4


@pytest.mark.parametrize("error", [DatabaseAway("away"), ValueError("a defect")])
def test_a_renewal_that_fails_is_not_the_last(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert renewals(error, True, until=4) == 4
    assert ("was not prolonged" in caplog.text) is isinstance(error, ValueError), "a defect is told, each time"


def test_a_claim_that_is_somebody_else_s_is_renewed_no_more() -> None:
    assert renewals(True, False, until=4) == 2
