"""Security headers on every answer, error answers and redirects too.

No page of ours may be framed, but for the operator's panel: by the help desk, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar.types import Message, Scope

from portal.config import Settings

NONCE = "nonce"
"""The key under which a page leaves its nonce in the request's state; an answer without one may run no script."""
SHEET = "sheet"
"""The same for what the policy says of the inline sheet of the shop's frame; an answer without one has none."""
SHOP_COOKIES = "shop_cookies"
"""The Set-Cookie values that the shop's own whoami page sent along; they go on to the browser as they are."""

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
]
_PAGES = [(b"referrer-policy", b"same-origin"), (b"x-frame-options", b"DENY")]
_PANEL = [(b"referrer-policy", b"no-referrer")]
"""X-Frame-Options knows no origin but ours. A panel's address may hold the token that has opened it."""

_CSP = (
    "default-src 'none'; style-src 'self'{sheet}; {scripts}; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors {framed_by}; base-uri 'none'"
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")


def is_panel(settings: Settings, path: str) -> bool:
    """Whether an address is the panel's, and there is one."""
    root = f"{settings.prefix}/panel"
    return settings.panel and (path == root or path.startswith(f"{root}/"))


def security_headers(settings: Settings) -> Callable[[Message, Scope], Awaitable[None]]:
    """The hook that adds them; a header the handler has set itself stays as it is."""
    always = [*_ALWAYS, _HSTS] if settings.public_url.startswith("https:") else _ALWAYS

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = list(message["headers"])
        there = {name.lower() for name, _ in headers}
        nonce, panel = scope["state"].get(NONCE), is_panel(settings, scope["path"])
        scripts = f"script-src 'nonce-{nonce}'" if nonce else "script-src 'none'"
        sheet = f" {scope['state'][SHEET]}; font-src 'self'" if scope["state"].get(SHEET) else ""
        csp = _CSP.format(sheet=sheet, scripts=scripts, framed_by=settings.hde_origin if panel else "'none'").encode()
        wanted = [*always, *(_PANEL if panel else _PAGES)]
        wanted += [(b"content-security-policy", csp), (b"cache-control", b"private, no-store")]
        headers += [(b"set-cookie", cookie.encode("latin-1")) for cookie in scope["state"].get(SHOP_COOKIES, ())]
        message["headers"] = headers + [(name, value) for name, value in wanted if name not in there]

    return add
