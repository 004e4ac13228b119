"""The demo shop: a few pages, a sign-in, and sessions written as Bitrix with PHP would write them.

It plays the shop, so it shares nothing with the portal: the two meet in PHP's session files and in the shop's tables.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from portal import assets
from portal.sandbox import mailbox, people, php_session, shop_acts
from portal.sandbox.php_session import Value

COOKIE = "PHPSESSID"
HOME = "/personal/"
REFRESH_SECONDS = 60
"""SESS_TIME moves on a hit when it is older than this, as in Bitrix's newer engine."""

POLICY: dict[str, Value] = {
    "SESSION_TIMEOUT": 1440,
    "SESSION_IP_MASK": "0.0.0.0",  # noqa: S104  # a mask
    "MAX_STORE_NUM": 10,
    "STORE_IP_MASK": "0.0.0.0",  # noqa: S104  # a mask
    "STORE_TIMEOUT": 525600,
    "CHECKWORD_TIMEOUT": 1440,
    "PASSWORD_LENGTH": 6,
    "PASSWORD_UPPERCASE": "N",
    "LOGIN_ATTEMPTS": 0,
}
LOCAL = re.compile(r"/(?![/\\])[^\\\s]*")
"""An address on this site; two slashes, or a backslash, would be another site to a browser."""

ICON = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#8a4b1f"
 d="M2 5h9v1h1.5a2.5 2.5 0 0 1 0 5H11a3 3 0 0 1-3 2H5a3 3 0 0 1-3-3zm9 2.5v2h1.5a1 1 0 0 0 0-2z"/></svg>"""

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Shop:
    """Where the shop keeps its things."""

    database_url: str
    sessions: Path
    mail: Path
    requests_path: str = "/personal/requests/"


@dataclass(slots=True)
class Visit:
    """One visitor's session: what PHP has in $_SESSION, and the id it lies under."""

    id: str
    data: dict[str, Any]

    @property
    def user_id(self) -> int:
        """The signed-in account, 0 for nobody."""
        context = json.loads(self.data.get("SESS_AUTH", {}).get("CONTEXT", "{}"))
        return int(context.get("userId", 0))


def create_app(shop: Shop) -> Litestar:
    """The shop as an ASGI application; its tables must be there."""
    shop.sessions.mkdir(parents=True, exist_ok=True, mode=0o700)
    pages = Environment(loader=FileSystemLoader(assets.folder("templates") / "shop"), autoescape=True)

    def show(visit: Visit, template: str, status: int = 200, **context: object) -> Response[str]:
        body = pages.get_template(template).render(
            accounts=people.ACCOUNTS, requests=shop.requests_path, token=visit.data["fixed_session_id"], **context
        )
        return Response(
            body,
            media_type=MediaType.HTML,
            status_code=status,
            cookies=[_cookie(visit)],
            headers={"cache-control": "no-store"},
        )

    async def who(visit: Visit) -> dict[str, str] | None:
        return await _ask(shop, people.account, visit.user_id) if visit.user_id else None

    @get("/")
    async def front(request: AnyRequest) -> Response[str]:
        visit = await _visit(shop, request)
        return show(visit, "front.html", account=await who(visit))

    @get(HOME)
    async def personal(request: AnyRequest) -> Response[Any]:
        visit = await _visit(shop, request)
        account = await who(visit)
        if not account:
            return Redirect(f"/auth/?backurl={HOME}")
        return show(visit, "personal.html", account=account, orders=await _ask(shop, shop_acts.orders, visit.user_id))

    @post(HOME)
    async def change(request: AnyRequest) -> Response[Any]:
        visit, form = await _visit(shop, request), await _form(request)
        if visit.user_id and _own(visit, form):
            await _ask(shop, shop_acts.change, visit.user_id, form)
        return Response(None, status_code=303, headers={"location": HOME})

    @post("/auth/register/")
    async def register(request: AnyRequest) -> Response[Any]:
        before, form = await _visit(shop, request), await _form(request)
        told = [form.get(field, "").strip() for field in ("email", "password", "name")]
        user_id = await _ask(shop, shop_acts.register, *told)
        account = await _ask(shop, people.account, user_id) if user_id else None
        if not user_id or not account:
            return show(before, "auth.html", 403, account=None, back=HOME, taken=True)
        visit = Visit(php_session.new_id(), before.data | {"SESS_AUTH": signed_in(user_id, account)})
        await asyncio.to_thread(_replace, shop, before, visit)
        return Response(None, status_code=303, headers={"location": HOME}, cookies=[_cookie(visit)])

    @get("/auth/")
    async def sign_in_page(request: AnyRequest) -> Response[Any]:
        visit = await _visit(shop, request)
        back = local(request.query_params.get("backurl", ""))
        if visit.user_id:
            return Redirect(back)
        return show(visit, "auth.html", account=None, back=back)

    @post("/auth/")
    async def sign_in(request: AnyRequest) -> Response[Any]:
        form = await _form(request)
        back = local(form.get("backurl", ""))
        before = await _visit(shop, request)
        user_id = await _ask(shop, people.check_password, form.get("login", "").strip(), form.get("password", ""))
        account = await _ask(shop, people.account, user_id) if user_id else None
        if not user_id or not account:
            return show(before, "auth.html", 403, account=None, back=back, login=form.get("login", ""), wrong=True)
        # A new id at every change of who is signed in: the old one may be known to somebody.
        visit = Visit(php_session.new_id(), before.data | {"SESS_AUTH": signed_in(user_id, account)})
        await asyncio.to_thread(_replace, shop, before, visit)
        return Response(None, status_code=303, headers={"location": back}, cookies=[_cookie(visit)])

    @post("/auth/logout/")
    async def sign_out(request: AnyRequest) -> Response[Any]:
        visit = await _visit(shop, request)
        if not _own(visit, await _form(request)):
            return Redirect(HOME)
        after = Visit(php_session.new_id(), visit.data | {"SESS_AUTH": {"POLICY": POLICY}})
        await asyncio.to_thread(_replace, shop, visit, after)
        return Response(None, status_code=303, headers={"location": "/"}, cookies=[_cookie(after)])

    @get("/_mail/")
    async def mail(request: AnyRequest) -> Response[str]:
        visit = await _visit(shop, request)
        letters = await asyncio.to_thread(mailbox.letters, shop.mail)
        return show(visit, "mail.html", account=await who(visit), letters=letters)

    @get("/favicon.ico", media_type="image/svg+xml")
    async def icon() -> bytes:
        """Browsers ask for it on every page of the origin, the portal's too, and complain when it is missing."""
        return ICON

    return Litestar(
        [front, personal, change, sign_in_page, sign_in, register, sign_out, mail, icon, *_look(pages, shop)],
        openapi_config=None,
        logging_config=None,
    )


def _look(pages: Environment, shop: Shop) -> list[HTTPRouteHandler]:
    @get("/frame/", media_type=MediaType.HTML, sync_to_thread=False)
    def frame() -> str:
        """For PORTAL_FRAME_URL: the header and the footer, as everybody sees them, around the portal's marker."""
        return pages.get_template("frame.html").render(requests=shop.requests_path)

    @get("/shop.css", media_type="text/css", sync_to_thread=False)
    def sheet() -> str:
        return (assets.folder("templates") / "shop" / "shop.css").read_text("utf-8")

    return [frame, sheet]


def local(address: str) -> str:
    """The address when it is one on this site, the personal page otherwise."""
    return address if LOCAL.fullmatch(address) else HOME


def signed_in(user_id: int, account: dict[str, str]) -> dict[str, Value]:
    """SESS_AUTH as Bitrix's core since 22.5 leaves it: who it is stands in CONTEXT alone."""
    context = {"userId": user_id, "applicationId": None, "applicationPasswordId": None, "storedAuthId": None}
    return {
        "POLICY": POLICY,
        "LOGIN": account["LOGIN"],
        "EMAIL": account["EMAIL"],
        "TITLE": "",
        "NAME": f"{account['NAME']} {account['LAST_NAME']}",
        "FIRST_NAME": account["NAME"],
        "SECOND_NAME": "",
        "LAST_NAME": account["LAST_NAME"],
        "PERSONAL_PHOTO": None,
        "PERSONAL_GENDER": "",
        "EXTERNAL_AUTH_ID": None,
        "XML_ID": None,
        "ADMIN": False,
        "AUTO_TIME_ZONE": "",
        "TIME_ZONE": "",
        "GROUPS": [str(people.EVERYONE), str(people.REGISTERED)],
        "CONTEXT": json.dumps(context),
    }


async def _visit(shop: Shop, request: AnyRequest) -> Visit:
    address = request.client.host if request.client else ""
    return await asyncio.to_thread(_open, shop, request.cookies.get(COOKIE, ""), address)


def _open(shop: Shop, session_id: str, address: str) -> Visit:
    """The session of this id, or a new one: PHP too starts one for whoever comes, signed in or not."""
    now = int(time.time())
    data = _known(shop, session_id)
    if data is None:
        sign = hashlib.md5(f"nobody{people.SERVER_ID}nowhere".encode(), usedforsecurity=False).hexdigest()
        session_id = php_session.new_id()
        data = {
            "BX_SESSION_SIGN": sign,
            "fixed_session_id": php_session.new_id().lower(),
            "SESS_AUTH": {"POLICY": POLICY},
        }
    elif data["SESS_TIME"] > now - REFRESH_SECONDS and data["SESS_IP"] == address:
        return Visit(session_id, data)
    visit = Visit(session_id, data | {"SESS_IP": address, "SESS_TIME": now})
    _store(shop, visit)
    return visit


def _known(shop: Shop, session_id: str) -> dict[str, Any] | None:
    """What the shop knows of a session: its own JSON beside PHP's file, which nobody here can read back."""
    if not php_session.ID_PATTERN.fullmatch(session_id) or not php_session.path(shop.sessions, session_id).exists():
        return None
    try:
        known: dict[str, Any] = json.loads((shop.sessions / f"shop_{session_id}.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    return known


def _store(shop: Shop, visit: Visit) -> None:
    (shop.sessions / f"shop_{visit.id}.json").write_text(json.dumps(visit.data), "utf-8")
    php_session.write(shop.sessions, visit.id, visit.data)


def _replace(shop: Shop, old: Visit, new: Visit) -> None:
    _store(shop, new)
    php_session.path(shop.sessions, old.id).unlink(missing_ok=True)
    (shop.sessions / f"shop_{old.id}.json").unlink(missing_ok=True)


def _cookie(visit: Visit) -> Cookie:
    return Cookie(key=COOKIE, value=visit.id, path="/", httponly=True, samesite="lax")


def _own(visit: Visit, form: dict[str, str]) -> bool:
    """Whether the form was on a page of this session."""
    return hmac.compare_digest(form.get("sessid", "").encode(), visit.data["fixed_session_id"].encode())


async def _form(request: AnyRequest) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


async def _ask(shop: Shop, question: Callable[..., Any], *args: object) -> Any:
    def ask() -> Any:
        with people.connect(shop.database_url) as connection:
            return question(connection, *args)

    return await asyncio.to_thread(ask)
