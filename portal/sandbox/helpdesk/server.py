"""The help desk on a port: in the foreground, or beside a test in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from portal.sandbox.helpdesk.app import create_app
from portal.sandbox.helpdesk.sender import sending
from portal.sandbox.helpdesk.state import State

START_SECONDS = 10.0


class Protocol(HttpToolsProtocol):
    """HTTP that can be hung up on: ASGI has no word for a server that drops the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"sandbox.hang_up": {"call": self._hang_up}}

    def _hang_up(self) -> None:
        self.transport.close()


class _Server(uvicorn.Server):
    """Ends when it is told to: uvicorn looks ten times a second, which is a long time for a test."""

    async def main_loop(self) -> None:
        """Tick as uvicorn does, until it is told to end."""
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        both = {asyncio.create_task(super().main_loop()), asyncio.create_task(self._ending.wait())}
        _, left = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()

    def end(self) -> None:
        """From another thread, once it has started."""
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._ending.set)


def _server(state: State) -> _Server:
    config = uvicorn.Config(
        create_app(state),
        http=Protocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    return _Server(config)


def serve(state: State, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve until the process is told to stop (SIGINT, SIGTERM)."""
    with _listening(host, port) as listener, sending(state):
        _server(state).run(sockets=[listener])


@contextlib.contextmanager
def running(state: State | None = None, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """The help desk in a thread; yields its address without a path, http://127.0.0.1:49152.

    Port 0 lets the system choose. The thread ends with the block, calls under way included.
    """
    state = state or State()
    server = _server(state)
    with _listening(host, port) as listener, sending(state):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox-helpdesk")
        thread.start()
        try:
            _await_start(server, thread)
            yield f"http://{host}:{listener.getsockname()[1]}"
            server.end()
        finally:
            server.should_exit = True
            thread.join()


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the sandbox help desk did not start")
        time.sleep(0.005)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    listener = socket.socket()
    with contextlib.closing(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        yield listener
