"""The demo's front door: one origin for shop and portal, as nginx makes it in a real shop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

OURS = ("/api/hde-webhook", "/api/hde-webhook.php", "/api/orders/")
OURS_UNDER = "/api/panel/"
"""As templates/nginx/portal.conf has them."""


def one_origin(portal: ASGIApp, its_shop: ASGIApp, prefix: str) -> ASGIApp:
    """What nginx does in a real shop: our addresses to the portal, the rest to the shop, the visitor's address said."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        path = scope["path"]
        ours = path == prefix or path in OURS or path.startswith((f"{prefix}/", OURS_UNDER))
        address = (scope["client"] or ("", 0))[0].encode()
        kept = [pair for pair in scope["headers"] if pair[0] not in (b"x-real-ip", b"x-forwarded-for")]
        scope["headers"] = [*kept, (b"x-real-ip", address), (b"x-forwarded-for", address)]
        await (portal if ours else its_shop)(scope, receive, send)

    return app


class _Server(uvicorn.Server):
    """A server among others: who ends the demo is decided in one place, not in each of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()


@asynccontextmanager
async def served(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """The application on a socket that listens already, in this loop, until the block ends."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await server.up.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await serving
