"""`python -m tests.bench.serve strict|constant`: what `portal serve` does not offer, on the same server with its settings.

strict: the portal that reads session and account at every request. constant: BENCH_CONSTANT, a file, as an HTML page.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn
from litestar import Litestar, Response, get
from litestar.enums import MediaType
from uvicorn.supervisors import Multiprocess

from portal.app import create_app
from portal.cli import GRACE_SECONDS, HEADER_BYTES
from portal.config import Settings
from portal.environment import load


def strict() -> Litestar:
    return create_app(load(Settings), run_worker=False, fresh_seconds=0)


def constant() -> Litestar:
    page = Path(os.environ["BENCH_CONSTANT"]).read_bytes()

    @get("/personal/requests/")
    async def index() -> Response[bytes]:
        return Response(page, media_type=MediaType.HTML)

    return Litestar([index], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("what", choices=["strict", "constant"])
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--workers", type=int, default=1)
    told = arguments.parse_args()
    config = uvicorn.Config(
        f"tests.bench.serve:{told.what}",
        factory=True,
        port=told.port,
        workers=told.workers,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
    server = uvicorn.Server(config)
    if told.workers == 1:
        server.run()
    else:
        Multiprocess(config, sockets=[config.bind_socket()]).run()
