"""Security headers on every answer, error answers and redirects too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar.types import Message, Scope

NONCE = "nonce"
"""The key under which a page leaves its nonce in the request's state; an answer without one may run no script."""
SHOP_COOKIES = "shop_cookies"
"""The Set-Cookie values that the shop's own whoami page sent along; they go on to the browser as they are."""

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
]
_CSP = (
    "default-src 'none'; style-src 'self'; {scripts}; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")


def security_headers(public_url: str) -> Callable[[Message, Scope], Awaitable[None]]:
    """The hook that adds them; a header the handler has set itself stays as it is."""
    always = [*_ALWAYS, _HSTS] if public_url.startswith("https:") else _ALWAYS

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = list(message["headers"])
        there = {name.lower() for name, _ in headers}
        nonce = scope["state"].get(NONCE)
        csp = _CSP.format(scripts=f"script-src 'nonce-{nonce}'" if nonce else "script-src 'none'").encode()
        wanted = [*always, (b"content-security-policy", csp), (b"cache-control", b"private, no-store")]
        headers += [(b"set-cookie", cookie.encode("latin-1")) for cookie in scope["state"].get(SHOP_COOKIES, ())]
        message["headers"] = headers + [(name, value) for name, value in wanted if name not in there]

    return add
