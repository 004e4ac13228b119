"""The one module that imports httpx: how we call out.

httpx tells whole URLs at INFO; with a token or an e-mail address in a query that would be a secret in a log,
so its loggers are held at WARNING from the first import on.
"""

from __future__ import annotations

import logging
import ssl
from functools import cache

import httpx

logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

Response = httpx.Response
Transport = httpx.AsyncBaseTransport
AsyncClient = httpx.AsyncClient
TransportError = httpx.HTTPError
HungUp = httpx.RemoteProtocolError
"""The other end closed the connection before it had answered."""

NotConnected = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""No connection was made: certainly nothing was sent. After any other error something may have arrived."""

InvalidURL = httpx.InvalidURL
Timeout = httpx.Timeout


def make_client(
    *,
    connect: float,
    read: float,
    connections: int,
    kept: int | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """An asynchronous client that follows no redirect, repeats nothing and ignores the environment's proxies.

    `connect` and `read` are seconds; `connections` bounds how many calls are under way at once, `kept` how many
    connections are kept for the next call (None: all of them). `transport` is where tests put a fake outside.
    """
    return httpx.AsyncClient(
        timeout=httpx.Timeout(read, connect=connect),
        limits=httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections if kept is None else kept
        ),
        follow_redirects=False,
        trust_env=False,
        verify=_authorities(),
        transport=transport,
    )


@cache
def _authorities() -> ssl.SSLContext:
    """Whom we trust: read once a process, as it takes longer than all else of a client."""
    return httpx.create_ssl_context(trust_env=False)
