"""`portal demo --check`: the main job walked over HTTP, as a customer, as an operator and as the help desk."""

from __future__ import annotations

import asyncio
import html
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from portal.http import AsyncClient, Response, TransportError
from portal.sandbox import check_panel, check_widget, check_writing
from portal.sandbox.orders import CANARY, bought
from portal.sandbox.people import ANNA, BORIS, Account
from portal.sandbox.walk import Walk, Wrong, csrf, links, must, post, until

NEWS_SECONDS = 2.0
"""From an operator's key press to the customer's next page, by way of the webhook."""

OLD_COPY = 'class="note warn"'
"""How the list says that the help desk does not answer, in every language."""

ORDERS = {order.id for order in bought(ANNA.id, BORIS.id) if order.user == ANNA.id}
NOWHERE = 999_999_999
"""An id that no ticket has."""


async def all_holds(shop: str, helpdesk: str, prefix: str, panel: str) -> bool:
    """Walk every step and print a line for each; a step that fails ends the walk. True when all hold."""
    walk = Walk(shop, helpdesk, prefix, panel)
    began = time.monotonic()
    try:
        for step in STEPS:
            if not await _holds(step, walk):
                return False
    finally:
        for client in (walk.anna, walk.boris, walk.nobody):
            await client.aclose()
    print(f"All {len(STEPS)} steps hold ({time.monotonic() - began:.1f} s).", flush=True)
    return True


async def _holds(step: Callable[[Walk], Awaitable[None]], walk: Walk) -> bool:
    sentence = (step.__doc__ or "").strip().rstrip(".")
    try:
        await step(walk)
    except (Wrong, TransportError, StopIteration, KeyError, ValueError) as problem:
        print(f"✗ {sentence}: {problem or type(problem).__name__}", flush=True)
        return False
    print(f"✓ {sentence}", flush=True)
    return True


async def signed_out(walk: Walk) -> None:
    """Signed out, the list sends to the shop's sign-in with a local way back."""
    answer = await walk.nobody.get(walk.requests)
    must(answer.status_code == 302, f"status {answer.status_code}")
    where = answer.headers["location"]
    must(unquote(where).rstrip("/") == f"/auth/?backurl={walk.prefix}", f"sent to {where}")


async def anna_signs_in(walk: Walk) -> None:
    """Customer: Anna signs in at the shop and comes back to her requests."""
    await _sign_in(walk, walk.anna, ANNA)


async def anna_sees_her_list(walk: Walk) -> None:
    """Customer: Anna's list shows her requests and nobody else's."""
    hers, his = await walk.tickets(ANNA), await walk.tickets(BORIS)

    def shown(answer: Response) -> bool:
        return links(walk, answer.text) == set(hers)

    page = await until(lambda: walk.anna.get(walk.requests), shown, f"the list does not show her {len(hers)} requests")
    must(not links(walk, page.text) & set(his), "Boris's request is in her list")
    walk.ticket = max(hers)


async def anna_reads_a_conversation(walk: Walk) -> None:
    """Customer: Anna reads a conversation."""
    hers = await walk.tickets(ANNA)

    def shown(answer: Response) -> bool:
        return answer.status_code == 200 and hers[walk.ticket][:20] in html.unescape(answer.text)

    await until(lambda: walk.anna.get(f"{walk.requests}{walk.ticket}"), shown, "the conversation does not show")


async def strangers_id_is_missing(walk: Walk) -> None:
    """Customer: a stranger's request answers like one that does not exist, byte for byte."""
    strangers = await walk.anna.get(f"{walk.requests}{min(await walk.tickets(BORIS))}")
    missing = await walk.anna.get(f"{walk.requests}{NOWHERE}")
    must(strangers.status_code == missing.status_code == 404, f"{strangers.status_code} and {missing.status_code}")
    must(strangers.content == missing.content, "the two pages differ")


async def operators_answer_shows(walk: Walk) -> None:
    """Operator: the webhook brings an answer to Anna's open conversation within 2 s, an internal note never."""
    note, answer = f"note {secrets.token_hex(8)}", f"answer {secrets.token_hex(8)}"
    await walk.tell("operator/note", ticket_id=walk.ticket, text=note)
    await walk.tell("operator/reply", ticket_id=walk.ticket, text=answer)
    url = f"{walk.requests}{walk.ticket}"
    page = await until(
        lambda: walk.anna.get(url), lambda got: answer in got.text, "the answer does not show up", NEWS_SECONDS
    )
    must(note not in page.text, "the internal note shows")


async def letter_becomes_a_request(walk: Walk) -> None:
    """Help desk: a letter that Anna sends becomes a request in her list."""
    subject = f"Letter {secrets.token_hex(8)}"
    await walk.tell("customer/email", email=ANNA.login, subject=subject, text="By e-mail")
    await until(lambda: walk.anna.get(walk.requests), lambda got: subject in got.text, "it does not show up")


async def boris_sees_nothing_yet(walk: Walk) -> None:
    """Customer: Boris, whose address is not proven, sees no request and is offered the link."""
    await _sign_in(walk, walk.boris, BORIS)
    page = await walk.boris.get(walk.requests)
    must(page.status_code == 200 and not links(walk, page.text), "he sees requests")
    must(csrf(page.text), "no link is offered")
    own = await walk.boris.get(f"{walk.requests}{min(await walk.tickets(BORIS))}")
    must(own.status_code == 404, f"his request answers {own.status_code}")


async def link_comes_by_mail(walk: Walk) -> None:
    """Customer: Boris asks for the link, and it comes by mail."""
    page = await walk.boris.get(walk.requests)
    answer = await post(walk, walk.boris, f"{walk.requests}prove", page.text)
    must(answer.status_code == 303, f"status {answer.status_code}")
    link = re.compile(re.escape(f"{walk.requests}prove/") + r"[\w.~-]+")
    mail = await until(lambda: walk.nobody.get(f"{walk.shop}/_mail/"), lambda got: link.search(got.text), "no letter")
    walk.proof = next(link.finditer(mail.text)).group()


async def link_alone_proves_nothing(walk: Walk) -> None:
    """Customer: following the link shows a button and proves nothing by itself, nor for anybody else."""
    page = await walk.boris.get(walk.proof)
    must(page.status_code == 200 and csrf(page.text), "no button")
    must(not links(walk, (await walk.boris.get(walk.requests)).text), "the link alone was enough")
    hers = await walk.anna.get(walk.proof)
    must(not re.search(rf'action="[^"]*{re.escape(walk.proof[-20:])}"', hers.text), "it offers Anna his button")


async def button_proves(walk: Walk) -> None:
    """Customer: the button proves the address, and Boris sees his requests."""
    page = await walk.boris.get(walk.proof)
    answer = await post(walk, walk.boris, walk.proof, page.text)
    must(answer.status_code == 303, f"status {answer.status_code}")
    his = set(await walk.tickets(BORIS))
    await until(
        lambda: walk.boris.get(walk.requests), lambda got: links(walk, got.text) == his, "his requests do not show"
    )


async def orders_for_the_plugin(walk: Walk) -> None:
    """Help desk: its plugin reads Anna's orders, also by her ticket; without the secret nobody reads any."""
    address, secret = f"{walk.shop}/api/orders/", {"authorization": f"Bearer {walk.panel}"}
    must((await walk.nobody.get(address, params={"user_id": ANNA.id})).status_code == 401, "nobody is let in")
    for whose in ({"user_id": ANNA.id}, {"ticket_id": walk.ticket}):
        answer = await walk.nobody.get(address, params=whose, headers=secret)
        must(answer.status_code == 200, f"with the secret they answer {answer.status_code} to {whose}")
        must({order["id"] for order in answer.json()["orders"]} == ORDERS, f"other orders than hers for {whose}")
        must(CANARY not in answer.text, "a note of the staff is among them")


async def helpdesk_away(walk: Walk) -> None:
    """Help desk: while it fails, Anna still reads the last good copy."""
    await walk.tell("faults", kind="status", value="503")
    await walk.tell("operator/reply", ticket_id=walk.ticket, text="Nobody can read this yet")
    try:

        def from_the_copy(answer: Response) -> bool:
            return answer.status_code == 200 and OLD_COPY in answer.text

        page = await until(lambda: walk.anna.get(walk.requests), from_the_copy, "no word about the copy's age")
        must(walk.ticket in links(walk, page.text), "the list is gone")
    finally:
        await walk.tell("mend")


async def within_the_budget(walk: Walk) -> None:
    """Help desk: all of this stayed within its budget of calls."""
    journal = (await walk.nobody.get(f"{walk.helpdesk}/_sandbox/journal")).json()
    must(0 < journal["busiest"] <= 60, f"{journal['busiest']} calls in one minute")


async def signed_out_again(walk: Walk) -> None:
    """Customer: Anna signs out at the shop, and her requests ask for the sign-in again."""
    page = await walk.anna.get(f"{walk.shop}/personal/")
    sessid = next(re.finditer(r'name="sessid" value="(\w+)"', page.text)).group(1)
    cookie = dict(walk.anna.cookies)
    await walk.anna.post(f"{walk.shop}/auth/logout/", data={"sessid": sessid})
    must((await walk.anna.get(walk.requests)).status_code == 302, "she is still let in")
    old = await walk.nobody.get(walk.requests, headers={"cookie": f"PHPSESSID={cookie['PHPSESSID']}"})
    # The portal may keep what it knows of a visitor for five seconds.
    if old.status_code != 302:
        await asyncio.sleep(5.5)
        old = await walk.nobody.get(walk.requests, headers={"cookie": f"PHPSESSID={cookie['PHPSESSID']}"})
    must(old.status_code == 302, "her old session is still let in")


STEPS: tuple[Callable[[Walk], Awaitable[None]], ...] = (
    signed_out,
    anna_signs_in,
    anna_sees_her_list,
    anna_reads_a_conversation,
    strangers_id_is_missing,
    operators_answer_shows,
    letter_becomes_a_request,
    check_writing.reply_arrives,
    check_writing.request_becomes_a_ticket,
    check_writing.nothing_is_lost_while_away,
    check_writing.text_comes_back,
    check_widget.knows_her,
    check_widget.vouches_once,
    boris_sees_nothing_yet,
    link_comes_by_mail,
    link_alone_proves_nothing,
    button_proves,
    orders_for_the_plugin,
    check_panel.opens_once,
    check_panel.searches_and_says_so,
    helpdesk_away,
    within_the_budget,
    signed_out_again,
)


async def _sign_in(walk: Walk, client: AsyncClient, account: Account) -> None:
    form = {"login": account.login, "password": account.password, "backurl": f"{walk.prefix}/"}
    answer = await client.post(f"{walk.shop}/auth/", data=form)
    must(answer.status_code == 303, f"the shop answers {answer.status_code}")
    must(answer.headers["location"] == f"{walk.prefix}/", f"it sends to {answer.headers['location']}")
    page = await client.get(walk.requests)
    must(page.status_code == 200, f"the list answers {page.status_code}")
