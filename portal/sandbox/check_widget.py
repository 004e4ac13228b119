"""The steps of the check that concern the site's widget."""

from __future__ import annotations

import secrets

from portal.sandbox.people import ANNA
from portal.sandbox.walk import Walk, must, until


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
    subjects = [f"Widget {secrets.token_hex(8)}" for _ in range(2)]
    for subject in subjects:
        told = {"email": "elsewhere@post.example", "text": subject, "custom_fields": said}
        answer = await walk.nobody.post(f"{walk.helpdesk}/widget/tickets", json=told)
        await walk.adopt(answer.json()["ticket_id"])
    page = await until(lambda: walk.anna.get(walk.requests), lambda got: subjects[0] in got.text, "it does not show up")
    must(subjects[1] not in page.text, "the copied token has vouched again")
