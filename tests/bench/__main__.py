"""`python -m tests.bench [NAME…]`: every figure, or those of the named functions of figures.py.

Prints a table and writes build/bench.json: {name: {"value", "unit", "goal", "holds"}}. A goal that is not
reached is told and no failure; a figure that could not be measured is one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.bench.browser import NotThePage
from tests.bench.figures import ALL, Figure
from tests.bench.load import WrongAnswers
from tests.bench.stage import stage

REPORT = Path("build/bench.json")
HOLDS = {None: "", True: "yes", False: "NO"}


def main(wanted: list[str]) -> None:
    known = [measure.__name__ for measure in ALL]
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"no such figure: {', '.join(unknown)}; there are {', '.join(known)}")
    figures: list[Figure] = []
    failed: list[str] = []
    # Ratios bear a busy machine, absolute figures do not: say how busy it was.
    print(f"load average at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':>10} {'':8} {'goal':>7}  holds")
    with stage() as ready:
        for measure in ALL:
            if wanted and measure.__name__ not in wanted:
                continue
            try:
                for figure in measure(ready):
                    figures.append(figure)
                    show(figure)
            except (NotThePage, WrongAnswers) as error:
                failed.append(measure.__name__)
                print(f"{measure.__name__} could not be measured: {error}", flush=True)
    report = {
        f.name: {"value": round(f.value, 3), "unit": f.unit, "goal": f.goal or None, "holds": f.holds} for f in figures
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def show(figure: Figure) -> None:
    print(f"{figure.value:10.2f} {figure.unit:8} {figure.goal:>7}  {HOLDS[figure.holds]:5}  {figure.name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
