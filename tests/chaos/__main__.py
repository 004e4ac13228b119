"""`python -m tests.chaos`: the long loop of design/goals.md, "Nothing lost, nothing twice".

5,000 events while web and worker processes are killed, and the database once. What is wrong is told a line each; the
last line is the verdict: `acknowledged N lost N unexpected N duplicated N mails_twice N kills N`. Exit 0 only when
all of it holds.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.chaos.limit import within
from tests.chaos.loop import Killed, Plan, play
from tests.chaos.scene import Scene, scene
from tests.chaos.traffic import Traffic
from tests.conftest import MariaDB

PLAN = Plan(events=5000, replies=400, seconds=600.0, every=4.0, drain=600.0)
CUSTOMERS, ORDERS = 40, 40
ANSWERS_AFTER = 0.1
"""Seconds for which the help desk and the CRM keep an answer back: when they die then, nobody hears it."""

WELL_AGAIN_SECONDS = 5.0

LEEWAY_SECONDS = 300.0
"""What a run may take beyond its traffic and its drain: doors that stay shut are rung at for a minute each."""


def main(plan: Plan) -> bool:
    """Play it, tell what came of it; whether all holds."""
    folder = Path(tempfile.mkdtemp(prefix="portal-chaos-"))
    database = MariaDB(folder / "db")
    database.start()
    name = f"t_{secrets.token_hex(6)}"
    database.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    try:
        with (
            scene(database.url(name), folder, customers=CUSTOMERS, orders=ORDERS, seconds=ANSWERS_AFTER) as ready,
            within(_longest(plan), partial(_standing, ready), partial(_end, ready, database)),
        ):
            traffic, killed, verdict = play(ready, plan, database)
    finally:
        database.kill()
    wrong = [*verdict.details(), *_wrong(traffic, killed)]
    print(*wrong, f"database: well again after {killed.recovered[0]:.1f} s, {traffic.away} answers 503", sep="\n")
    holds = verdict.holds and not _wrong(traffic, killed)
    if holds:
        shutil.rmtree(folder)
    else:
        print(f"kept for a look: {folder}")
    print(verdict.line(len(killed.names)))
    return holds


def _longest(plan: Plan) -> float:
    return plan.seconds + plan.drain + LEEWAY_SECONDS


def _standing(ready: Scene) -> str:
    """What waits, of each kind."""
    count = "SELECT kind, state, COUNT(*) FROM {} WHERE state IN ('waiting', 'running') GROUP BY kind, state"
    tables = ("custom_hde_inbox", "custom_hde_outbox")
    rows = [row for table in tables for row in ready.stage.execute(count.format(table))]
    return "\n".join(f"{kind.decode()} {state.decode()}: {number}" for kind, state, number in rows) or "nothing waits"


def _end(ready: Scene, database: MariaDB) -> None:
    ready.fleet.end()
    database.kill()


def _wrong(traffic: Traffic, killed: Killed) -> list[str]:
    wrong = [f"a door said {status}" for status in traffic.strange]
    wrong += [f"never acknowledged: {one}" for one in (*traffic.events, *traffic.replies) if not one.acknowledged]
    if killed.recovered[0] > WELL_AGAIN_SECONDS:
        wrong.append(f"the database was back, and no event kept for {killed.recovered[0]:.1f} s")
    return wrong


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    for option in ("events", "replies"):
        arguments.add_argument(f"--{option}", type=int, default=getattr(PLAN, option))
    arguments.add_argument("--seconds", type=float, default=PLAN.seconds)
    told = arguments.parse_args()
    sys.exit(not main(replace(PLAN, events=told.events, replies=told.replies, seconds=told.seconds)))
