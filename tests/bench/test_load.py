"""The benchmark cannot be won by a wrong answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.bench.__main__ import main
from tests.bench.figures import Figure
from tests.bench.load import Contestant, WrongAnswers, compete
from tests.bench.paced import paced, percentile
from tests.bench.webhooks import events

PAGE = b"x" * 4000


@contextmanager
def serving(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def log_message(self, *_told: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def contestant(address: str) -> Contestant:
    return Contestant("test", address, [("/", "PHPSESSID=anna")], [], size=len(PAGE))


def test_pages_are_counted(tmp_path: Path) -> None:
    with serving(200, PAGE) as address:
        one = contestant(address)
        compete([one], tmp_path, rounds=1, seconds=1)
        assert one.rate > 1


@pytest.mark.parametrize(("status", "body"), [(302, b""), (200, PAGE[:100]), (500, PAGE)])
def test_a_fast_wrong_answer_is_no_figure(tmp_path: Path, status: int, body: bytes) -> None:
    with serving(status, body) as address, pytest.raises(WrongAnswers):
        compete([contestant(address)], tmp_path, rounds=1, seconds=1)


def test_events_are_timed_from_when_they_were_due() -> None:
    with serving(202, b"{}") as address:
        took = paced(address, events("test"), rate=50, seconds=1)
    assert len(took) == 50
    assert 0 < percentile(took, 0.5) <= percentile(took, 0.99)


@pytest.mark.parametrize("status", [200, 401, 503])
def test_a_fast_refusal_is_no_acknowledgement(status: int) -> None:
    with serving(status, b"{}") as address, pytest.raises(WrongAnswers):
        paced(address, events("test"), rate=20, seconds=1)


def test_a_goal_that_is_missed_is_told_as_missed() -> None:
    assert Figure("list", 0.99, "x", "≥ 1").holds is False
    assert Figure("list", 1.0, "x", "≥ 1").holds is True
    assert Figure("start", 2.1, "s", "≤ 2").holds is False
    assert Figure("list, cold", 30, "ms").holds is None


def test_a_figure_that_nobody_measures_is_told_before_anything_starts() -> None:
    """Measuring nothing would look like success, and write an empty report."""
    with pytest.raises(SystemExit, match=r"no such figure: order_pul; there are .*order_pull, operators_panel"):
        main(["order_pul"])
