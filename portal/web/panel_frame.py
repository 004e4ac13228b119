"""What the operator's panel is shown in: another product's page, which may frame it and nobody else may.

No cookie is read or set here, and nothing follows from one: a browser may block them all in a frame, and a customer's
must change nothing. The language is the browser's.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any

from litestar import Response
from litestar.enums import MediaType

from portal.store.panel import IDLE_SECONDS
from portal.web.headers import NONCE
from portal.web.pages import choose_locale
from portal.web.site import Site
from portal.web.visitor import AnyRequest, CrossSite

Answer = Response[bytes]


def framed(site: Site, request: AnyRequest, template: str, status: int = 200, **context: Any) -> Answer:
    """A page of the panel. A panel that is left open gives way, after as long as it lives, to the page that says so."""
    nonce = secrets.token_urlsafe(18)
    request.scope["state"][NONCE] = nonce
    told = {"panel": f"{site.settings.prefix}/panel", "framed_by": site.settings.hde_origin, "now": datetime.now(UTC)}
    body = site.pages.render(template, locale=locale_of(site, request), nonce=nonce, **told, **context)
    headers = {"refresh": f"{IDLE_SECONDS}; url={site.settings.prefix}/panel"} if "handle" in context else {}
    return Response(body, status_code=status, media_type=MediaType.HTML, headers=headers)


def refused(site: Site, request: AnyRequest, why: str, status: int, *, handle: str = "", seconds: int = 0) -> Answer:
    """A small page that says why there is nothing to see and what to do; with the handle, a button that goes back."""
    more = {"handle": handle} if handle else {}
    answer = framed(site, request, "panel/refused.html", status, why=why, minutes=-(-seconds // 60), **more)
    if seconds:
        answer.headers["retry-after"] = str(seconds)
    return answer


def locale_of(site: Site, request: AnyRequest) -> str:
    """The browser's language, else the shop's."""
    return choose_locale(None, None, request.headers.get("accept-language"), site.settings.locale)


def check_own_form(request: AnyRequest, public_url: str) -> None:
    """Raises CrossSite when the browser says that a form of another origin sends this.

    A page that sends no referrer sends its forms with `Origin: null`, to its own origin too: then the browser's word
    about the site counts, and where it gives none the handle alone, which nobody else has.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin") or origin not in (None, "null", public_url):
        raise CrossSite


AHEAD = ("purpose", "sec-purpose", "x-purpose", "x-moz")
"""Where browsers say that nobody has followed the link yet."""

AHEAD_WORDS = ("prefetch", "preview", "prerender")
PREVIEWS = re.compile(r"bot\b|crawler|spider|preview|facebookexternalhit|whatsapp|viber|skype|vkshare", re.IGNORECASE)
"""Who looks at the links that people send each other, by what they call themselves."""


def check_followed(request: AnyRequest) -> None:
    """Raises CrossSite for a link that is fetched ahead, for a preview, or as a part of another page."""
    headers = request.headers
    ahead = any(word in headers.get(name, "").lower() for name in AHEAD for word in AHEAD_WORDS)
    looked_at = PREVIEWS.search(headers.get("user-agent", ""))
    if ahead or looked_at or headers.get("sec-fetch-mode", "navigate") != "navigate":
        raise CrossSite
