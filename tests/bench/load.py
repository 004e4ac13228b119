"""Load: wrk in rounds, the contestants in turn, so that a noisy minute of the machine hits all of them alike."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.bench.processes import cpu_seconds

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 8
WARM_UP_SECONDS = 1


@dataclass
class Contestant:
    """Who serves `pages` (path, Cookie header) at `address`; `pids` are all the processes that work for it.

    `size` is what a right answer has at least, headers included: a redirect to the sign-in page is fast, too.
    """

    name: str
    address: str
    pages: Sequence[tuple[str, str]]
    pids: Sequence[int]
    size: int
    rounds: list[Round] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Pages a second, the median of the rounds."""
        return median(one.rate for one in self.rounds)

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU a page, of all its processes, the median of the rounds."""
        return median(one.cpu_ms for one in self.rounds)


@dataclass(frozen=True)
class Round:
    rate: float
    cpu_ms: float
    p99_ms: float


class WrongAnswers(Exception):
    """The contestant did not serve what was to be measured."""


def compete(contestants: Sequence[Contestant], folder: Path, rounds: int = 3, seconds: int = 3) -> None:
    """Warm everyone up, then let them run in turn, `rounds` times `seconds` each; the figures land in `.rounds`."""
    for contestant in contestants:
        _run(contestant, folder, WARM_UP_SECONDS)
    for _ in range(rounds):
        for contestant in contestants:
            contestant.rounds.append(_run(contestant, folder, seconds))


def _run(contestant: Contestant, folder: Path, seconds: int) -> Round:
    pages = folder / "pages"
    pages.write_text("".join(f"{path}\t{cookie}\n" for path, cookie in contestant.pages))
    before = cpu_seconds(contestant.pids)
    # One thread: wrk's own work must leave the cores to those who are measured.
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", SCRIPT, contestant.address, "--", pages],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    used = cpu_seconds(contestant.pids) - before
    told = json.loads(done.stdout.splitlines()[-1])
    if told["failed"] or not told["requests"] or told["bytes"] / told["requests"] < contestant.size:
        raise WrongAnswers(f"{contestant.name}: {told}")
    return Round(
        told["requests"] / told["microseconds"] * 1e6,
        used / told["requests"] * 1e3,
        told["p99_microseconds"] / 1e3,
    )
