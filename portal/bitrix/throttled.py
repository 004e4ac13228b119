"""A warning that many requests would repeat, told once in a while."""

from __future__ import annotations

import logging
import time

QUIET_SECONDS = 600


class Throttled:
    """Warns through a logger, at most once in QUIET_SECONDS, whatever the number of causes."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next = 0.0

    def warning(self, message: str, *args: object) -> None:
        """Tell it, unless it was told a short while ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + QUIET_SECONDS
            self._logger.warning(message, *args)
