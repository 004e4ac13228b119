"""The steps of the check that concern the operator's panel."""

from __future__ import annotations

import html
import re
import secrets
from typing import Any

from portal.http import Response
from portal.sandbox.people import ANNA
from portal.sandbox.walk import Walk, must


async def opens_once(walk: Walk) -> None:
    """Operator: the plugin opens the panel of Anna's ticket, once a link, in the help desk's frame alone."""
    token = await _link(walk)
    page = await _spend(walk, token)
    must(page.status_code == 200 and _handle(page), f"status {page.status_code}")
    policy = page.headers["content-security-policy"]
    must(f"frame-ancestors {walk.helpdesk};" in policy, "another may frame it")
    must("set-cookie" not in page.headers and "x-frame-options" not in page.headers, "its headers are a page's")
    for again in (await _spend(walk, token), await walk.nobody.get(f"{walk.requests}panel/{token}")):
        must(again.status_code == 403, f"the same link opens it again: {again.status_code}")
    by_path = await walk.nobody.get(f"{walk.requests}panel/{await _link(walk)}")
    must(by_path.status_code == 200 and _handle(by_path), f"by its address it answers {by_path.status_code}")
    told = {"ticket_id": walk.ticket, "operator": "nobody"}
    refused = await walk.nobody.post(f"{walk.shop}/api/panel/links", json=told)
    must(refused.status_code == 401, "nobody gets a link")


async def searches_and_says_so(walk: Walk) -> None:
    """Operator: he finds Anna in the panel by her address; without its handle nobody finds anybody."""
    handle = _handle(await _spend(walk, await _link(walk)))
    found = await _act(walk, "find", handle=handle, q=ANNA.login)
    must(found.status_code == 200 and ANNA.login in found.text, f"status {found.status_code}")
    stranger = await _act(walk, "find", handle=secrets.token_urlsafe(32), q=ANNA.login)
    must(stranger.status_code == 410 and ANNA.login not in stranger.text, f"a made-up handle: {stranger.status_code}")


async def _link(walk: Walk) -> str:
    """As the plugin asks for it: the help desk's own server puts the secret in."""
    plugin = await walk.nobody.get(f"{walk.helpdesk}/_sandbox/desk/plugin")
    must(plugin.status_code == 200 and walk.panel not in plugin.text, "the plugin is not there, or holds the secret")
    told: dict[str, Any] = {
        "url": f"{walk.shop}/api/panel/links",
        "method": "POST",
        "headers": {"Authorization": "Bearer {{SECRET}}"},
        "data": {"ticket_id": walk.ticket, "operator": "demo"},
    }
    answer = (await walk.nobody.post(f"{walk.helpdesk}/_sandbox/desk/request", json=told)).json()
    must(answer.get("status") == 201, f"no link: {answer}")
    return str(answer["data"]["token"])


async def _spend(walk: Walk, token: str) -> Response:
    return await walk.nobody.post(f"{walk.shop}{walk.prefix}/panel", data={"token": token})


async def _act(walk: Walk, act: str, **fields: str) -> Response:
    headers = {"origin": "null", "sec-fetch-site": "same-origin"}
    return await walk.nobody.post(f"{walk.shop}{walk.prefix}/panel/{act}", data=fields, headers=headers)


def _handle(page: Response) -> str:
    found = re.search(r'name="handle" value="([^"]+)"', page.text)
    return html.unescape(found[1]) if found else ""
