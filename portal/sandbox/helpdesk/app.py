"""The sandbox as one ASGI application: the vendor's addresses, and ours under /_sandbox/ to direct it."""

from __future__ import annotations

from litestar import Litestar
from litestar.datastructures import State as AppState
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from portal.sandbox.helpdesk.control import ROUTES
from portal.sandbox.helpdesk.state import State
from portal.sandbox.helpdesk.vendor import serve_call


def create_app(state: State) -> ASGIApp:
    """The help desk over `state`; everything but /_sandbox/ is the vendor's and goes into the journal.

    The vendor's side is bare ASGI: a framework would mend the very answers that are meant to be broken.
    """
    director = Litestar(ROUTES, state=AppState({"helpdesk": state}), openapi_config=None, logging_config=None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and not scope["path"].startswith("/_sandbox"):
            await serve_call(state, scope, receive, send)
        else:
            await director(scope, receive, send)

    return app
