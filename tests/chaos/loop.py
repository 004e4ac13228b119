"""The loop: traffic, and kill -9 at random; then quiet, until all that was kept has come to its end."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pymysql

from tests.chaos.scene import Scene
from tests.chaos.traffic import Traffic
from tests.chaos.verdict import Verdict, judge
from tests.conftest import MariaDB

QUIET_LOOKS = 2
LOOK_SECONDS = 0.25
OUTAGE_SECONDS = 3.0
AIM_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """So many events and replies spread over `seconds`; a process killed every `every` seconds, give or take a half.

    `kills`: how many there are at least, if need be while what was kept is worked off.
    `victims`: how the names of those begin that are killed. `drain`: how long, in seconds, what is kept may take to its end afterwards.
    """

    events: int
    replies: int
    seconds: float
    every: float
    kills: int = 0
    victims: str = ""
    drain: float = 120.0


@dataclass
class Killed:
    """What was killed: processes by name; and how long, in seconds, after a restart of the database all was well."""

    names: list[str]
    recovered: list[float]


def play(scene: Scene, plan: Plan, database: MariaDB | None = None) -> tuple[Traffic, Killed, Verdict]:
    """The whole of it; with `database`, that one is killed once in mid-traffic, too."""
    traffic, killed = Traffic(scene), Killed([], [])
    with _killing(scene, plan, killed):
        outage = threading.Timer(plan.seconds / 2, _outage, (database, traffic, killed)) if database else None
        if outage:
            outage.start()
        traffic.run(plan.events, plan.replies, plan.seconds)
        if outage:
            outage.join()
    _drain(scene, plan.drain)
    return traffic, killed, judge(traffic)


@contextmanager
def _killing(scene: Scene, plan: Plan, killed: Killed) -> Iterator[None]:
    stop, errors = threading.Event(), []

    def kill() -> None:
        try:
            for name in _dealt([name for name in scene.fleet.names if name.startswith(plan.victims)]):
                time.sleep(random.uniform(plan.every / 2, plan.every * 1.5))
                if stop.is_set() and len(killed.names) >= plan.kills:
                    break
                if name.startswith("worker"):
                    _await_call(scene, stop)
                    time.sleep(random.uniform(0, 2 * scene.seconds))
                scene.fleet.kill(name)
                killed.names.append(name)
        except Exception as error:  # told by the loop, in whose thread it counts
            errors.append(error)

    thread = threading.Thread(target=kill, name="killer")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


def _await_call(scene: Scene, stop: threading.Event) -> None:
    """Until a call is out: on a busy machine most moments find a worker that is still starting, and prove nothing."""
    deadline = time.monotonic() + AIM_SECONDS
    while not scene.calls.out and time.monotonic() < deadline:
        if stop.is_set() and not _waiting(scene):
            break
        time.sleep(0.01)


def _dealt(names: list[str]) -> Iterator[str]:
    """At random, and each as often as the others."""
    while True:
        yield from random.sample(names, len(names))


def _outage(database: MariaDB, traffic: Traffic, killed: Killed) -> None:
    database.kill()
    time.sleep(OUTAGE_SECONDS)
    try:
        database.start()
    except pymysql.Error:
        killed.recovered.append(float("inf"))
        return
    back = time.monotonic()
    while not (later := [moment for moment in traffic.heard if moment > back]):
        if time.monotonic() > back + 60:
            break
        time.sleep(0.05)
    killed.recovered.append(later[0] - back if later else float("inf"))


def _drain(scene: Scene, seconds: float) -> None:
    """Until nothing waits; what still does when the time is over is judged as it stands."""
    deadline, looks = time.monotonic() + seconds, 0
    while looks < QUIET_LOOKS and time.monotonic() < deadline:
        scene.fleet.revive()
        looks = looks + 1 if _waiting(scene) == 0 else 0
        time.sleep(LOOK_SECONDS)


def _waiting(scene: Scene) -> int:
    tables = ("custom_hde_inbox", "custom_hde_outbox")
    count = "SELECT COUNT(*) FROM {} WHERE state IN ('waiting', 'running')"
    return sum(int(scene.stage.execute(count.format(table))[0][0]) for table in tables)
