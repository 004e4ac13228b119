"""The steps of the check that concern what a customer writes."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

from portal.sandbox.orders import bought
from portal.sandbox.people import ANNA, BORIS
from portal.sandbox.walk import PATIENCE_SECONDS, Walk, csrf, links, must, post, until


async def reply_arrives(walk: Walk) -> None:
    """Customer: Anna's reply shows at once and arrives in the help desk once, in her name."""
    text = await _reply(walk)
    messages = await _arrived(walk, text)
    must(len(messages) == 1, f"it arrived {len(messages)} times")
    (person,) = (one for one in (await walk.helpdesk_state())["people"] if one["email"] == ANNA.login)
    must(messages[0]["author_id"] == person["id"], "it is in another's name")


async def request_becomes_a_ticket(walk: Walk) -> None:
    """Customer: a new request about an order of hers is seen on its way and arrives; the operator knows the order."""
    subject = f"Request {secrets.token_hex(8)}"
    order = bought(ANNA.id, BORIS.id)[0].number
    form = await walk.anna.get(f"{walk.requests}new", params={"order": order})
    must(f'value="{order}" selected' in form.text, "her order is not preselected")
    told = {"subject": subject, "text": "It has a crack.", "order": order}
    sent = await post(walk, walk.anna, f"{walk.requests}new", form.text, **told)
    must(sent.status_code == 303, f"status {sent.status_code}")
    shown = await walk.anna.get(f"{walk.shop}{sent.headers['location']}")
    must(shown.status_code == 303 or subject in shown.text, "it is not seen on its way")
    listed = await until(lambda: walk.anna.get(walk.requests), lambda got: subject in got.text, "it is not in her list")
    must(listed.status_code == 200, f"status {listed.status_code}")
    (ticket,) = (number for number, title in (await _tickets(walk, subject)).items() if title == subject)
    await until(lambda: walk.anna.get(walk.requests), lambda got: ticket in links(walk, got.text), "it has no number")
    await _arrived(walk, order, of=ticket)


async def nothing_is_lost_while_away(walk: Walk) -> None:
    """Customer: what Anna writes while the help desk fails is kept, and arrives once when it is back."""
    await walk.tell("faults", kind="status", value="503")
    try:
        text = await _reply(walk)
        await asyncio.sleep(1)
        must(not await _said(walk, text), "the help desk was not away")
    finally:
        await walk.tell("mend")
    must(len(await _arrived(walk, text)) == 1, "it arrived more than once")


async def text_comes_back(walk: Walk) -> None:
    """Customer: what is sent when the shop has signed her out comes back to her, with what to do."""
    text = f"text {secrets.token_hex(8)}"
    answer = await post(walk, walk.nobody, f"{walk.requests}{walk.ticket}/reply", "", text=text)
    must(answer.status_code == 401 and text in answer.text and "/auth/" in answer.text, f"status {answer.status_code}")
    must(not csrf(answer.text), "a stranger gets a token")


async def _reply(walk: Walk) -> str:
    url, text = f"{walk.requests}{walk.ticket}", f"reply {secrets.token_hex(8)}"
    page = await walk.anna.get(url)
    sent = await post(walk, walk.anna, f"{url}/reply", page.text, text=text)
    must(sent.status_code == 303, f"status {sent.status_code}")
    must(text in (await walk.anna.get(url)).text, "it does not show at once")
    return text


async def _tickets(walk: Walk, subject: str) -> dict[int, str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while subject not in (hers := await walk.tickets(ANNA)).values():
        must(time.monotonic() < deadline, "it does not become a ticket")
        await asyncio.sleep(0.2)
    return hers


async def _arrived(walk: Walk, text: str, *, of: int | None = None) -> list[dict[str, Any]]:
    """The messages that say so, once there is one; of one ticket or of any."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := await _said(walk, text, of=of)):
        must(time.monotonic() < deadline, "it does not arrive")
        await asyncio.sleep(0.2)
    return found


async def _said(walk: Walk, text: str, *, of: int | None = None) -> list[dict[str, Any]]:
    tickets = (await walk.helpdesk_state())["tickets"]
    return [m for one in tickets if of in (None, one["id"]) for m in one["messages"] if text in m["html"]]
