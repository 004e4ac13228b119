"""A run that does not come to its end is ended, and says what it waits for."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

STUCK = 3
"""The exit code of a run that was ended."""


@contextmanager
def within(seconds: float, tell: Callable[[], str], end: Callable[[], None]) -> Iterator[None]:
    """End the process when the block takes longer: after `tell`, where each thread stands, and `end`."""

    def stuck() -> None:
        print(f"not at its end after {seconds:g} s; where each thread stands:", flush=True)
        faulthandler.dump_traceback(sys.stdout)
        for last in (lambda: print(tell()), end):
            with suppress(Exception):  # a database that is away cannot be asked; the end comes all the same
                last()
        sys.stdout.flush()
        os._exit(STUCK)

    timer = threading.Timer(seconds, stuck)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
