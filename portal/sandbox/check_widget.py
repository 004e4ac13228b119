"""The steps of the check that concern the site's widget."""

from __future__ import annotations

import asyncio
import secrets

from portal.sandbox.people import ANNA
from portal.sandbox.walk import Walk, must, until

EVENT_SECONDS = 2.0
"""Within so much the portal has done what the help desk's event asks for."""


async def knows_her(walk: Walk) -> None:
    """Widget: the script is the same for everybody; who is signed in is told to the shop's own pages alone."""
    front = await walk.nobody.get(f"{walk.shop}/")
    must(f'<script src="{walk.prefix}/widget.js" defer></script>' in front.text, "the shop's pages lack its line")
    scripts = [await client.get(f"{walk.requests}widget.js") for client in (walk.nobody, walk.anna)]
    must({script.status_code for script in scripts} == {200}, f"status {scripts[0].status_code}")
    must(scripts[0].content == scripts[1].content, "Anna gets another script than a stranger")
    nobody = await walk.nobody.get(f"{walk.requests}widget/identity")
    must((nobody.status_code, nobody.json()) == (200, {}), f"a stranger is told {nobody.text[:100]}")
    anna = (await walk.anna.get(f"{walk.requests}widget/identity")).json()
    must(anna["user_email"] == ANNA.login, "it does not know her")
    elsewhere = await walk.anna.get(f"{walk.requests}widget/identity", headers={"sec-fetch-site": "cross-site"})
    must(elsewhere.json() == {}, "another site is told who she is")


async def vouches_once(walk: Walk) -> None:
    """Widget: a request with Anna's token is hers whatever address is typed, and a copied token is worth nothing."""
    said = (await walk.anna.get(f"{walk.requests}widget/identity")).json()["custom_fields"]
    first, second = (f"Widget {secrets.token_hex(8)}" for _ in range(2))
    await _write(walk, first, said)
    await until(lambda: walk.anna.get(walk.requests), lambda got: first in got.text, "it does not show up")
    await _write(walk, second, said)
    await asyncio.sleep(EVENT_SECONDS)
    page = await walk.anna.get(walk.requests)
    must(first in page.text and second not in page.text, "the copied token has vouched again")


async def _write(walk: Walk, text: str, said: dict[str, str]) -> None:
    """Open a ticket as the widget's visitor, under an address that is nobody's in the shop."""
    told = {"email": "elsewhere@post.example", "text": text, "custom_fields": said}
    answer = await walk.nobody.post(f"{walk.helpdesk}/widget/tickets", json=told)
    must(answer.status_code == 200, f"the help desk's widget answers {answer.status_code}")
