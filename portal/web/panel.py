"""The operator's panel: opened once by a link, then a page whose forms carry its handle, in the help desk's frame.

    POST {prefix}/panel          token                opens it, from the plugin's form
    GET  {prefix}/panel/{token}                       opens it, for a help desk that can only open an address
    GET  {prefix}/panel                               what is left of it: it is closed
    POST {prefix}/panel/{act}    handle, view?, page?, …  an act of ACTS, with the fields named there

A person, an order or a word of an operator is named by what `ref` makes of it, and by nothing else; `view` is whom the
page shows that is not whom it was opened for. What is done and the line that tells of it are one transaction. Every act
keeps the panel open: a script must make none by itself, or it would never end.

panel/show.html is given `sheet` and `found` (service/panel.py), `said` (the deed just done, or nothing), `q`, `handle`
and `view` (for the forms' hidden fields; `view` may be empty), `act(name)` (a form's address), `ref((kind, number))`,
`deeds` (names of ACTS that can be done here), `shop` (its address).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from litestar import get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, InternalServerException
from litestar.params import FromPath

from portal.database import Unit
from portal.errors import DatabaseAway, HelpdeskError, NotFound, TooOften
from portal.service import panel_doors as doors
from portal.service.panel import Subject
from portal.store.panel import Handle, Whom
from portal.web.panel_frame import Answer, check_followed, check_own_form, framed, refused
from portal.web.site import Site
from portal.web.visitor import AnyRequest

log = logging.getLogger(__name__)

FORM_BYTES = 1 << 16
FIELDS = 20
Q_CHARACTERS = 200
PAGE = re.compile(r"[1-9][0-9]{0,5}")
RETRY_SECONDS = 5

PERSON = ("account", "contact")
ACTS: Mapping[str, Sequence[tuple[str, tuple[str, ...]]]] = {
    "show": (),
    "find": (),  # and q, which is words
    "person": (("ref", PERSON),),
    "same": (("left", PERSON), ("right", PERSON)),
    "not-same": (("left", PERSON), ("right", PERSON)),
    "undo": (("word", ("word",)),),
    "link": (("order", ("order",)),),
    "unlink": (("order", ("order",)),),
    "undo-link": (("order", ("order",)),),
}
"""What an operator can do: the fields that name whom it is about, and what each may name."""

LOOKS = frozenset(["show", "find", "person"])
"""The others are done (service/panel_acts.py)."""

Form = Mapping[str, str]


@post("/panel", status_code=200, request_max_body_size=FORM_BYTES)
async def open_by_form(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """The token alone is the proof: who sends it is a page of the help desk's, from its own origin."""
    _must_be_on(site)
    return await _open(request, site, (await _form(request)).get("token", ""))


@get("/panel/{token:str}")
async def open_by_path(request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]) -> Answer:
    """The same by an address, which is worth nothing once it has been followed."""
    _must_be_on(site)
    check_followed(request)
    return await _open(request, site, token)


@get("/panel")
async def closed(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """Where a panel's address leads when it is asked for anew: by a reload, or when nobody has used it for long."""
    _must_be_on(site)
    return refused(site, request, "ended", 410)


@post("/panel/{act:str}", status_code=200, request_max_body_size=FORM_BYTES)
async def act(request: AnyRequest, site: NamedDependency[Site], act: FromPath[str]) -> Answer:
    """Do it, and show the panel again."""
    _must_be_on(site)
    check_own_form(request, site.settings.public_url)
    if act not in ACTS or (act not in LOOKS and act not in site.deeds):
        raise NotFound
    form = await _form(request)
    given = form.get("handle", "")
    try:
        return await _act(request, site, act, form, given)
    except TooOften as error:
        return refused(site, request, "too_often", 429, handle=given, seconds=error.retry_after)
    except NotFound:
        return refused(site, request, "missing", 404, handle=given)
    except DatabaseAway as error:
        return _away(request, site, act, given, error)


async def _open(request: AnyRequest, site: Site, token: str) -> Answer:
    given, handle = await site.databases.run(doors.open_panel, site.tokens, token)
    return await _show(request, site, doors.OPEN, given, handle)


async def _act(request: AnyRequest, site: Site, act: str, form: Form, given: str) -> Answer:
    handle = await site.databases.run(doors.enter, given)
    whom = [_named(site, handle, form.get(field, ""), kinds) for field, kinds in ACTS[act]]
    view = whom[0] if act == "person" else _view(site, handle, form)
    page, q = _page(form), form.get("q", "")[:Q_CHARACTERS]
    await site.databases.run(_do, site, handle, act, whom)
    return await _show(request, site, act, given, handle, view=view, page=page, q=q)


def _do(unit: Unit, site: Site, handle: Handle, act: str, whom: Sequence[Whom]) -> None:
    """Written down, and done, in one transaction. Raises TooOften and NotFound, and nothing has happened then."""
    doors.begin(unit, handle, act, whom)
    if act not in LOOKS:
        site.deeds[act](unit, handle, whom)


async def _show(
    request: AnyRequest,
    site: Site,
    act: str,
    given: str,
    handle: Handle,
    *,
    view: Whom | None = None,
    page: int = 1,
    q: str = "",
) -> Answer:
    try:
        found = await site.panel.find(q) if act == doors.FIND else None
        sheet = await site.panel.sheet(_subject(handle, view), page)
        shown = [*sheet.whom, *(found.whom if found else ())]
        if shown:
            await site.databases.run(doors.shown, handle, dict.fromkeys(shown))
    except (HelpdeskError, DatabaseAway) as error:
        return _away(request, site, act, given, error)

    def ref(whom: Whom) -> str:
        return doors.ref(site.tokens, handle, *whom)

    def address(name: str) -> str:
        return f"{site.settings.prefix}/panel/{name}"

    context: dict[str, Any] = {"sheet": sheet, "found": found, "q": q, "said": act if act in site.deeds else ""}
    context |= {"deeds": frozenset(site.deeds), "shop": site.settings.public_url}
    context |= {"handle": given, "view": ref(view) if view else "", "act": address, "ref": ref}
    return framed(site, request, "panel/show.html", **context)


def _away(request: AnyRequest, site: Site, act: str, given: str, error: Exception) -> Answer:
    """The panel stays open: its handle goes back with the button."""
    log.warning("panel: %s answered with 503: %s: %s", act, type(error).__name__, error)
    return refused(site, request, "away", 503, handle=given, seconds=RETRY_SECONDS)


def _subject(handle: Handle, view: Whom | None) -> Subject:
    if view:
        kind, number = view
        return Subject(user_id=number) if kind == "account" else Subject(contact_id=number)
    return Subject(ticket_id=handle.ticket_id, order_id=handle.order_id)


def _view(site: Site, handle: Handle, form: Form) -> Whom | None:
    """Whom the page has shown so far; None for whom it was opened for."""
    return _named(site, handle, form["view"], PERSON) if form.get("view") else None


def _page(form: Form) -> int:
    """Of the orders and requests. Raises NotFound for what no page of ours sends."""
    page = form.get("page", "1")
    if not PAGE.fullmatch(page):
        raise NotFound
    return int(page)


def _named(site: Site, handle: Handle, given: str, kinds: Sequence[str]) -> Whom:
    """Raises NotFound for what this panel has not named, and for what it has named as something else."""
    whom = doors.named(site.tokens, handle, given)
    if whom is None or whom[0] not in kinds:
        raise NotFound
    return whom


def _must_be_on(site: Site) -> None:
    if not site.settings.panel:
        raise NotFound


async def _form(request: AnyRequest) -> Form:
    """The fields of a form, each once. Raises ClientException for anything else."""
    try:
        body = (await request.body()).decode("ascii")
        fields = parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except (ValueError, InternalServerException):
        raise ClientException("not a form") from None
    told = dict(fields)
    if len(told) != len(fields):
        raise ClientException("a field twice")
    return told
