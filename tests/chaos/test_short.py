"""The crash loop in short: what was acknowledged while processes died is all there, once; and the verdict can tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.limit import STUCK
from tests.chaos.loop import Plan, play
from tests.chaos.scene import scene

SHORT = Plan(events=150, replies=20, seconds=8.0, every=0.9, kills=8)
WITHOUT = Plan(events=45, replies=16, seconds=4.0, every=0.5, kills=6, victims="worker")


def test_nothing_is_lost_and_nothing_twice_while_processes_are_killed(database_url: str, tmp_path: Path) -> None:
    with scene(database_url, tmp_path, customers=4, orders=20, seconds=0.1) as ready:
        traffic, killed, verdict = play(ready, SHORT)
        print(verdict.line(len(killed.names)), *verdict.details(), sep="\n")
        assert not traffic.strange, "a door says 202, 200 or 503"
        assert not ready.fleet.ended, "no process ends by itself"
        assert verdict.acknowledged == SHORT.events + SHORT.replies
        assert verdict.is_exact, "\n".join(verdict.details())
        assert len(killed.names) >= SHORT.kills
        of_workers = sum(name.startswith("worker") for name in killed.names)
        assert len(verdict.mails_twice) <= of_workers, "no more than the one that was under way"


@pytest.mark.parametrize(("defence", "shows"), [("notice", "duplicated"), ("end", "lost")])
def test_the_verdict_shows_a_defence_that_is_missing(
    database_url: str, tmp_path: Path, defence: str, shows: str
) -> None:
    with scene(database_url, tmp_path, customers=4, orders=15, seconds=0.4, workers=1, without=[defence]) as ready:
        _, killed, verdict = play(ready, WITHOUT)
        print(verdict.line(len(killed.names)), *verdict.details(), sep="\n")
        assert getattr(verdict, shows), "killed in mid-call, and nobody noticed"


@pytest.mark.parametrize(("seconds", "code", "says"), [(0.2, STUCK, "in waits_for_ever"), (60, 0, "")])
def test_a_run_that_does_not_end_is_ended_and_says_where_it_stands(seconds: float, code: int, says: str) -> None:
    program = f"""
import threading
from tests.chaos.limit import STUCK, within

def waits_for_ever():
    threading.Event().wait({"None" if code else "0"})

with within({seconds}, lambda: 1 / 0, lambda: print("ended")):
    waits_for_ever()
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == code
    assert says in ran.stdout and ("ended" in ran.stdout) is bool(code)
