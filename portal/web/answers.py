"""How a page, a redirect and an error become an answer."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from litestar import Response
from litestar.enums import MediaType
from litestar.exceptions import ClientException, HTTPException

from portal.errors import DatabaseAway, HelpdeskError, NotFound, TooOften
from portal.service.panel_doors import LinkRefused, PanelEnded
from portal.web.headers import NONCE, is_panel
from portal.web.panel_frame import refused
from portal.web.site import FLASH_SECONDS, FORM_PLACE, LANGUAGE_COOKIE, LIST_COOKIE, NONCE_PLACE, Site
from portal.web.visitor import (
    FLASH_COOKIE,
    AnyRequest,
    CrossSite,
    SignedOut,
    Visitor,
    cookie_choice,
    form_token,
    login_address,
    own_path,
)
from portal.web.words import LOCALES

log = logging.getLogger(__name__)

HTML = MediaType.HTML
YEAR = 365 * 24 * 3600
RETRY_SECONDS = 5
LIST_SECONDS = 24 * 3600
DOORS_PATH = "/api/"
"""Machines ask there, and get their errors as JSON."""
PANEL_WORDS = {400: "wrong", 403: "link", 404: "missing", 405: "wrong", 410: "ended", 413: "wrong", 503: "away"}
"""What the operator's panel says in place of our error page, which nobody may frame."""
LARGEST_KEPT = 2**19
"""Bytes of a rendered page; a monster must not drive a hundred others out."""

Answer = Response[bytes]


def page(
    site: Site,
    request: AnyRequest,
    visitor: Visitor,
    template: str,
    *,
    keep: Hashable = None,
    status: int = 200,
    later: Callable[[], Mapping[str, Any]] | None = None,
    **context: Any,
) -> Answer:
    """Render a page for a signed-in visitor. `later`: more of what it shows, for which no kept page has to wait.

    With `keep` the rendered bytes are kept for this customer and language under it, for the current minute: whatever
    the page shows must follow from it. The nonce and the token of its forms (`csrf`) are put in afterwards, so that
    they are new in every answer.
    """
    locale, flash = site.locale(request, visitor), _flash(site, request, visitor)
    now = datetime.now(UTC)
    customer = visitor.person.customer.id
    key = (template, customer, locale, keep) if keep is not None and not flash else None
    minute = int(now.timestamp()) // 60
    kept_minute, body = site.kept.get(key, (0, b"")) if key else (0, b"")
    if kept_minute != minute:
        shown = {"nonce": NONCE_PLACE, "csrf": FORM_PLACE, "now": now, "flash": flash, "account": customer, **context}
        shown |= later() if later else {}
        body = site.pages.render(template, locale=locale, **shown)
        if key and len(body) <= LARGEST_KEPT:
            site.kept[key] = minute, body
    nonce = secrets.token_urlsafe(18)
    request.scope["state"][NONCE] = nonce
    body = site.dressed(request, body, locale).replace(NONCE_PLACE.encode(), nonce.encode())
    if FORM_PLACE.encode() in body:
        body = body.replace(FORM_PLACE.encode(), form_token(site.tokens, visitor.person).encode())
    answer: Answer = Response(body, status_code=status, media_type=HTML)
    if flash:
        answer.set_cookie(FLASH_COOKIE, "", max_age=0, path=site.settings.prefix, httponly=True)
    return answer


def bare_page(site: Site, request: AnyRequest, template: str, status: int, **context: Any) -> Answer:
    """A page for somebody we do not know: nothing of any account, and no form's token, is on it."""
    nonce = secrets.token_urlsafe(18)
    request.scope["state"][NONCE] = nonce
    locale = site.locale(request)
    body = site.pages.render(template, locale=locale, nonce=nonce, **context)
    return Response(site.dressed(request, body, locale), status_code=status, media_type=HTML)


def redirect(site: Site, path: str, visitor: Visitor | None = None, flash: str = "") -> Answer:
    """303 to one of our own pages; `flash` names what the next page says once."""
    answer: Answer = Response(b"", status_code=303, headers={"location": f"{site.settings.prefix}{path}"})
    if flash and visitor:
        token = site.tokens.sign("flash", str(visitor.person.customer.id), flash)
        _set_cookie(site, answer, FLASH_COOKIE, token, FLASH_SECONDS)
    return answer


def problem(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """An error for a machine (RFC 9457); `detail` says nothing that only we may know."""
    told: dict[str, object] = {"title": HTTPStatus(status).phrase, "status": status}
    body = json.dumps(told | ({"detail": detail} if detail else {})).encode()
    return Response(body, status_code=status, media_type="application/problem+json", headers=headers)


def switch_language(site: Site, request: AnyRequest) -> Answer | None:
    """`?lang=en` on any page: remember it and show the page again without it."""
    query = request.query_params
    if request.method != "GET" or query.get("lang") not in LOCALES:
        return None
    rest = urlencode(
        [(k, v) for k, v in parse_qsl(request.scope["query_string"].decode("latin-1"), True) if k != "lang"]
    )
    path = own_path(request)
    answer: Answer = Response(b"", status_code=303, headers={"location": path + (f"?{rest}" if rest else "")})
    _set_cookie(site, answer, LANGUAGE_COOKIE, query["lang"], YEAR)
    return answer


def _set_cookie(site: Site, answer: Answer, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path=site.settings.prefix,
        httponly=True,
        secure=site.settings.public_url.startswith("https:"),
        samesite="lax",
    )


def remember_list(site: Site, answer: Answer, query: str) -> None:
    """The way back to the list leads to this; "" to the list as it stands."""
    _set_cookie(site, answer, LIST_COOKIE, quote(query, safe=""), LIST_SECONDS if query else 0)


def _flash(site: Site, request: AnyRequest, visitor: Visitor) -> str | None:
    token = cookie_choice(request, FLASH_COOKIE)
    audience = str(visitor.person.customer.id)
    carried = site.tokens.read("flash", audience, token, FLASH_SECONDS) if token else None
    return str(carried[0]) if carried else None


def error_handler(site: Site) -> Any:
    """The one handler of everything raised: told to the visitor without details, to the operator where it is ours."""

    def answer(request: AnyRequest, error: Exception) -> Answer:
        status, headers = _status(error), dict[str, str]()
        if isinstance(error, SignedOut):
            return Response(b"", status_code=302, headers={"location": login_address(site.settings, request)})
        if status == 500:
            log.exception("failed: %s %r", request.method, _without_token(site, request), exc_info=error)
        if status == 503:
            log.warning("%r answered with 503: %s: %s", _without_token(site, request), type(error).__name__, error)
            headers["retry-after"] = str(RETRY_SECONDS)
        if isinstance(error, TooOften):
            headers["retry-after"] = str(error.retry_after)
        if isinstance(error, HTTPException) and error.headers:
            headers.update({name: value for name, value in error.headers.items() if name.lower() == "allow"})
        if request.scope["path"].startswith(DOORS_PATH):
            headers |= {"www-authenticate": "Bearer"} if status == 401 else {}
            return problem(
                status, error.detail if isinstance(error, ClientException) and status == 400 else "", headers
            )
        if is_panel(site.settings, request.scope["path"]):
            told = refused(site, request, PANEL_WORDS.get(status, "failed"), status)
            told.headers.update(headers)
            return told
        locale = site.locale(request)
        body = site.pages.render("error.html", locale=locale, nonce="", status=status)
        return Response(site.dressed(request, body, locale), status_code=status, media_type=HTML, headers=headers)

    return answer


def _without_token(site: Site, request: AnyRequest) -> str:
    """The path for a log: what stands behind these may be a token, and is worth something when it was not taken."""
    path, prefix = str(request.scope["path"]), site.settings.prefix
    return next((f"{door}…" for door in (f"{prefix}/panel/", f"{prefix}/prove/") if path.startswith(door)), path)


STATUSES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], int], ...] = (
    (NotFound, 404),
    ((CrossSite, LinkRefused), 403),
    (PanelEnded, 410),
    (TooOften, 429),
    ((DatabaseAway, HelpdeskError), 503),
)


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code
    return next((status for kinds, status in STATUSES if isinstance(error, kinds)), 500)
