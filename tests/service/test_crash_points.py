"""Wherever a worker dies, and however: each effect is there once. Every point that it passes, every way to go wrong.

The points are collected: what a worker passes must be what is said here, and what the code hands to the database must
be passed by one of the scenarios or stand in ELSEWHERE.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import portal
from portal.crm import Crm
from portal.database import Unit
from portal.helpdesk.client import Client
from portal.model import Customer, Event, OrderChoice
from portal.service import acting, delivery, widget, writing
from portal.service.readback import Trace
from portal.service.sight import Person, Sight
from portal.service.ticket_orders import TicketOrders
from portal.store import inbox, links, order_tickets, outbox, shop_events
from tests.service.crash_world import TOKENS, Effects, Scenario, World, dry, sweep, world_of
from tests.service.crashes import Aim, Fault, aims

Count = Callable[[], Effects]

WRITES = r"/(messages|posts/?|tickets/?)$"


def person(world: World) -> Person:
    return Person(Customer(world.customer, world.email, world.email, "Clara"), Sight.PROVEN)


def event(world: World) -> Count:
    """A new ticket that names an order and carries a token of the widget."""
    ticket = world.ticket(f"Where is {world.order}?")
    made = world.stage.state.tickets[ticket]
    made.fields["portal_token"] = widget.mint(TOKENS, world.customer)
    key = f"b:{ticket}".encode()
    world.stage.databases.run_here(inbox.put, Event("ticket.created", ticket, None, None, None, key))
    order = world.customer

    def count() -> Effects:
        field = world.stage.execute(f"SELECT UF_HDE_TICKETS FROM b_uts_order WHERE VALUE_ID = {order}")
        owner = world.stage.databases.read_here(links.owner, ticket)
        return {
            "order field": int(field == [(f"{made.number} open",)]),
            "letter": world.letters.count(f"<portal-created-{ticket}@shop.example>"),
            "task": world.tasks(ticket),
            "owner": int(owner is not None and owner.user_id == order),
        }

    return count


def plain_event(world: World) -> Count:
    """The same without a token: an event that is forgotten is told by nothing else."""
    count = event(world)
    ticket = world.stage.state.tickets[max(world.stage.state.tickets)]
    del ticket.fields["portal_token"]
    return lambda: {effect: times for effect, times in count().items() if effect != "owner"}


def event_in_trouble(*trouble: str) -> Callable[[World], Count]:
    """The same, while help desk, mail server and CRM have a bad day."""

    def begin(world: World) -> Count:
        count = event(world)
        world.stage.tell("faults", kind="status", value="503", method="GET", count=1)
        world.refused_letters = 1
        world.book.trouble.extend(trouble)
        return count

    return begin


def told_of_its_order(world: World) -> Count:
    """An operator has said which order a ticket is about; the ticket is told by a note."""
    ticket = world.ticket()
    orders = TicketOrders(world.settings, world.shape)
    world.stage.databases.run_here(orders.link, "ivan", ticket, world.customer)
    return lambda: {"note": world.texts(ticket, world.order, internal=True)}


def reply(world: World) -> Count:
    ticket, words = world.ticket(), f"reply of {world.customer}"
    contact = world.stage.state.tickets[ticket].user_id
    draft = writing.Draft(words, "a form")
    world.stage.databases.run_here(writing.reply, person(world), ticket, contact, draft)
    return lambda: {"reply": world.texts(ticket, words)}


def close(world: World) -> Count:
    """What was written before arrives before it is closed; support is told why."""
    count = reply(world)
    ticket = max(world.stage.state.tickets)
    contact = world.stage.state.tickets[ticket].user_id
    told = {"once": "closing", "reason": "solved", "words": f"why of {world.customer}"}
    world.stage.databases.run_here(acting.turn, person(world), writing.CLOSE, ticket, contact, **told)
    return lambda: {
        **count(),
        "closed": int(world.stage.state.tickets[ticket].status == "closed"),
        "note": world.texts(ticket, f"why of {world.customer}", internal=True),
    }


def lost_reply(world: World) -> Count:
    count = reply(world)
    world.stage.tell("faults", kind="drop", method="POST", path=WRITES, count=1)
    return count


def doubtful_reply(world: World) -> Count:
    """Its answer is lost, and the help desk has stripped the marker: it is set aside, and support is told."""
    world.stage.tell("quirks", strip_marks=True)
    count = lost_reply(world)
    ticket = max(world.stage.state.tickets)
    return lambda: {**count(), "note": world.texts(ticket, f"reply of {world.customer}", internal=True)}


def refused_reply(world: World) -> Count:
    """The ticket is somebody else's by now: nothing is sent, and support is told."""
    reply(world)
    ticket, words = max(world.stage.state.tickets), f"reply of {world.customer}"
    world.stage.tell("operator/move", ticket_id=ticket, email="boris@shop.example")
    return lambda: {
        "nothing": int(world.texts(ticket, words) == 0),
        "note": world.texts(ticket, words, internal=True),
    }


def closed_reply(world: World) -> Count:
    """A closed ticket that takes nothing: what was written becomes a request of its own."""
    reply(world)
    ticket, words = max(world.stage.state.tickets), f"reply of {world.customer}"
    world.stage.tell("operator/status", ticket_id=ticket, status="closed")
    for method in ("PUT", "PATCH"):
        world.stage.tell("faults", kind="status", value=403, method=method, path=rf"/{ticket}\b")
    world.stage.tell("faults", kind="status", value=400, method="POST", path=rf"/{ticket}/.*")

    def count() -> Effects:
        new = [one for one in world.stage.state.tickets if one > ticket]
        return {
            "request": sum(world.texts(one, words) for one in new),
            "note": sum(world.texts(one, world.stage.state.tickets[ticket].number, internal=True) for one in new),
        }

    return count


def request(world: World) -> Count:
    words, before = f"request of {world.customer}", set(world.stage.state.tickets)
    draft = writing.Draft(words, "a form", subject="Where is it?")
    choice = OrderChoice(world.customer, world.order, datetime.now(UTC), Decimal(100), "RUB")
    world.stage.databases.run_here(writing.open_request, person(world), draft, choice)

    def count() -> Effects:
        new = [one for one in world.stage.state.tickets if one not in before]
        owners = [world.stage.databases.read_here(links.owner, one) for one in new]
        return {
            "request": sum(world.texts(one, words) for one in new),
            "owner": sum(owner is not None and owner.user_id == world.customer for owner in owners),
            "note": sum(world.texts(one, world.order, internal=True) for one in new),
        }

    return count


def account(world: World) -> Count:
    """The shop tells of a new account: a contact, the shop's own field, the orders."""
    return told(world, "user")


def customer(world: World) -> Count:
    """The same, and its order is told of, too."""
    return told(world, "user", "order")


def told(world: World, *kinds: str) -> Count:
    for kind in kinds:
        world.stage.execute(
            "INSERT INTO custom_hde_shop_event (kind, object_id, created_at) "
            f"VALUES ('{kind}', {world.customer}, UTC_TIMESTAMP(6))"
        )

    def count() -> Effects:
        people = [one for one in world.stage.state.people.values() if one.email == world.email]
        told = [one for one in people if one.fields.get("bitrix_user_id") == str(world.customer)]
        mirror = world.stage.execute(f"SELECT UF_HDE_USER_ID FROM b_uts_user WHERE VALUE_ID = {world.customer}")
        if not people:
            return {"no contact": 0}
        counts = {"contact": len(people), "its number": len(told), "mirror": int(mirror == [(people[0].id,)])}
        if world.settings.dialect == "v2":
            return counts | {"note": sum(world.order in note["text"] for note in people[0].notes)}
        return counts | {"orders": int(world.order in people[0].fields["bitrix_orders"])}

    return count


def order_in_ticket(world: World) -> Count:
    """An order has changed that a ticket is about, where the help desk has no notes about people."""
    ticket = world.ticket()
    world.stage.databases.run_here(order_tickets.put, world.customer, ticket, world.customer, world.order, "text")
    count = customer(world)
    return lambda: {**count(), "note": world.texts(ticket, world.order, internal=True)}


MAILS = {"mail", "outbox.claim", "outbox.finish"}
ACTS = {"inbound._hear", "inbox.claim", "inbound._before_reading", "inbound._act", "GET /tickets/{}"}
ACTS |= {"GET /tickets/{}/messages"}
TELLS = {"POST /tickets/{}/messages", "cursors.put"}
MAKES = {"outbox.sending", "CRM tasks.task.add"}
BUDGET = {"slots.fill", "slots.take", "slots.release"}
EVENT = {*ACTS, *MAKES, *MAILS, *TELLS, *BUDGET, "widget._own"}
REPLY = {*BUDGET, "outbox.claim", "GET /tickets/{}", "outbox.sending", "POST /tickets/{}/messages"}
NOTE = {*BUDGET, "outbox.claim", "POST /tickets/{}/messages", "outbox.finish"}
DONE = frozenset({"done", "stale"})
MAIL_WINDOW = ("mail", "outbox.finish")
"""A mail server cannot be asked what it has: its yes, and our COMMIT that says so. The Message-ID is the same."""

SCENARIOS = (
    Scenario("event", event, frozenset(EVENT), window=MAIL_WINDOW, twice="letter"),
    Scenario(
        "event whose task is lost",
        event_in_trouble("lost"),
        frozenset(EVENT | {"inbox.fail", "outbox.fail", "CRM tasks.task.list"}),
        since="inbox.fail",
        window=MAIL_WINDOW,
        twice="letter",
    ),
    Scenario(
        "event whose task has to wait",
        event_in_trouble("limit", "refused"),
        frozenset(EVENT | {"inbox.fail", "outbox.fail", "outbox.not_sent", "CRM tasks.task.list"}),
        since="CRM tasks.task.list",
    ),
    Scenario(
        "ticket that is told of its order",
        told_of_its_order,
        frozenset(BUDGET | TELLS | {"outbox.claim", "outbox.finish"}),
        window=("POST /tickets/{}/messages", "cursors.put"),
        twice="note",
    ),
    Scenario("reply", reply, frozenset(REPLY | {"outcomes.finish_reply"})),
    Scenario(
        "request that is closed",
        close,
        frozenset(REPLY | NOTE | {"outcomes.finish_reply", "outcomes.finish_turn", "PATCH /tickets/{}"}),
        window=("POST /tickets/{}/messages", "outbox.finish"),
        twice="note",
    ),
    Scenario(
        "reply whose answer is lost",
        lost_reply,
        frozenset(
            REPLY - {"POST /tickets/{}/messages"}
            | {
                "GET /statuses",
                "POST /tickets/{}/posts",
                "GET /tickets/{}/posts",
                "outbox.fail",
                "outcomes.finish_reply",
            }
        ),
        dialect="v2",
        since="POST /tickets/{}/posts",
    ),
    Scenario(
        "reply nobody is sure of",
        doubtful_reply,
        frozenset(REPLY | NOTE | {"GET /tickets/{}/messages", "outbox.fail", "outcomes.set_aside"}),
        since="outbox.fail",
        window=("POST /tickets/{}/messages", "outbox.finish"),
        twice="note",
        ends=DONE | {"aside"},
    ),
    Scenario(
        "reply that has no place",
        refused_reply,
        frozenset(NOTE | {"GET /tickets/{}", "outcomes.give_up"}),
        window=("POST /tickets/{}/messages", "outbox.finish"),
        twice="note",
        ends=DONE | {"dead"},
    ),
    Scenario(
        "reply to a closed ticket",
        closed_reply,
        frozenset(
            REPLY
            | NOTE
            | {"PATCH /tickets/{}", "GET /users/{}", "POST /tickets", "outbox.not_sent"}
            | {"outcomes.follow_up", "outcomes.finish_request"}
        ),
        since="PATCH /tickets/{}",
        window=("POST /tickets/{}/messages", "outbox.finish"),
        twice="note",
    ),
    Scenario(
        "request",
        request,
        frozenset(
            BUDGET
            | {"outbox.claim", "outbox.sending", "GET /users", "POST /users", "GET /statuses", "POST /tickets"}
            | {"outcomes.finish_request", "POST /tickets/{}/comments", "outbox.finish"}
        ),
        dialect="v2",
        window=("POST /tickets/{}/comments", "outbox.finish"),
        twice="note",
    ),
    Scenario(
        "customer",
        customer,
        frozenset(
            BUDGET
            | {"shop_changes.take", "outbox.claim", "outbound._finish_told", "outbound._finish"}
            | {"GET /users/custom_fields", "GET /users", "POST /users", "GET /users/{}"}
            | {"GET /users/{}/notes", "POST /users/{}/notes"}
        ),
        dialect="v2",
    ),
    Scenario(
        "order in a ticket",
        order_in_ticket,
        frozenset(
            BUDGET
            | {
                "shop_changes.take",
                "outbox.claim",
                "outbound._finish_told",
                "outbound._finish",
                "order_tickets.now_told",
            }
            | {"GET /users", "POST /users", "GET /users/{}", "GET /tickets/{}", "POST /tickets/{}/messages"}
        ),
        since="outbound._finish_told",
        window=("POST /tickets/{}/messages", "order_tickets.now_told"),
        twice="note",
    ),
)

PLAIN_EVENT = Scenario("plain event", plain_event, frozenset())
ACCOUNT = Scenario("account", account, frozenset(), dialect="v2")


@pytest.fixture
def world(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[World]:
    with world_of(database_url, tmp_path, request.param) as made:
        yield made


@pytest.mark.parametrize(
    ("world", "scenario"),
    [(one.dialect, one) for one in SCENARIOS],
    ids=[one.name for one in SCENARIOS],
    indirect=["world"],
)
def test_wherever_and_however_a_worker_dies_each_effect_is_there_once(world: World, scenario: Scenario) -> None:
    passed = dry(world, scenario)
    assert {name for name, _nth in passed} == scenario.points, "a point that is new, or is no more"
    first = [name for name, _nth in passed].index(scenario.since) if scenario.since else 0
    # Calls have their slots in every scenario alike.
    here = [one for one in passed[first:] if scenario.name == "reply" or one[0] not in BUDGET]
    result = sweep(world, scenario, passed, aims(here))
    assert not result.wrong, "\n".join(result.wrong)
    assert result.played == 5 * len(here)
    assert bool(result.twice) is bool(scenario.twice), "a window that was closed is no window any more"


# Without the defence


def finds_no_task(patched: pytest.MonkeyPatch) -> None:
    async def nothing(*_told: object) -> None:
        return None

    patched.setattr(Crm, "find_task", nothing)


def reads_nothing_back(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(delivery, "look_for", lambda *_told: Trace())


def says_nothing_before(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(outbox, "sending", lambda *_told: True)


def sees_no_notes(patched: pytest.MonkeyPatch) -> None:
    async def nothing(*_told: object) -> list[Any]:
        return []

    patched.setattr(Client, "contact_notes", nothing)


def has_no_names(patched: pytest.MonkeyPatch) -> None:
    """What is set off is committed before the event's end, and put again by whoever comes next."""
    put, finish = outbox.put, inbox.finish

    def nameless(*told: Any, once: str = "", **more: Any) -> Any:
        assert once is not None
        return put(*told, **more)

    def ends_later(unit: Unit, *told: Any) -> bool:
        unit.commit()
        return finish(unit, *told)

    patched.setattr(outbox, "put", nameless)
    patched.setattr(inbox, "finish", ends_later)


def ends_at_once(patched: pytest.MonkeyPatch) -> None:
    """At most once: a job is done as soon as it is begun."""
    claim, finish = outbox.claim, outbox.finish

    def done_already(unit: Unit, *told: Any) -> Any:
        job = claim(unit, *told)
        if job is not None:
            finish(unit, job)
        return job

    def done(unit: Unit, *told: Any, **more: Any) -> bool:
        return finish(unit, *told, **more) or True

    def sends(*_told: Any) -> bool:
        return True

    for name, instead in (("claim", done_already), ("sending", sends), ("finish", done)):
        instead.__module__, instead.__name__ = outbox.__name__, name
        patched.setattr(outbox, name, instead)


def forgets_events(patched: pytest.MonkeyPatch) -> None:
    """An event is done as soon as it is begun."""
    claim, finish = inbox.claim, inbox.finish

    def done_already(unit: Unit, *told: Any) -> Any:
        arrived = claim(unit, *told)
        if arrived is not None:
            finish(unit, arrived)
        return arrived

    done_already.__module__, done_already.__name__ = claim.__module__, claim.__name__
    patched.setattr(inbox, "claim", done_already)
    patched.setattr(inbox, "finish", lambda *told: finish(*told) or True)


def takes_first(patched: pytest.MonkeyPatch) -> None:
    """What the shop told is gone before there is a job."""
    take = shop_events.take

    def gone(unit: Unit, *told: Any) -> Any:
        events = take(unit, *told)
        unit.commit()
        return events

    patched.setattr(shop_events, "take", gone)


KILL, LOST = Fault.KILL, Fault.LOST_ANSWER
CONTROLS: tuple[tuple[str, Callable[[pytest.MonkeyPatch], None], Aim, str], ...] = (
    ("event", finds_no_task, Aim("CRM tasks.task.add", 1, KILL, True), "task 2 times"),
    ("event", finds_no_task, Aim("CRM tasks.task.add", 1, LOST, True), "task 2 times"),
    ("event", says_nothing_before, Aim("CRM tasks.task.add", 1, KILL, True), "task 2 times"),
    ("event", has_no_names, Aim("inbound._act", 1, KILL, False), "letter 2 times"),
    ("event", has_no_names, Aim("inbound._act", 1, Fault.LOST_CONNECTION, False), "letter 2 times"),
    ("event", has_no_names, Aim("inbound._act", 1, Fault.EXCEPTION, False), "letter 2 times"),
    ("plain event", forgets_events, Aim("inbox.claim", 1, LOST, True), "order field 0 times"),
    ("plain event", forgets_events, Aim("inbound._before_reading", 1, KILL, True), "order field 0 times"),
    ("event", ends_at_once, Aim("mail", 1, KILL, False), "letter 0 times"),
    ("event", ends_at_once, Aim("widget._own", 1, Fault.LOST_CONNECTION, False), "owner 0 times"),
    ("reply", reads_nothing_back, Aim("POST /tickets/{}/messages", 1, KILL, True), "reply 2 times"),
    ("reply", reads_nothing_back, Aim("outcomes.finish_reply", 1, Fault.LOST_CONNECTION, False), "reply 2 times"),
    ("reply", says_nothing_before, Aim("POST /tickets/{}/messages", 1, KILL, True), "reply 2 times"),
    ("reply", ends_at_once, Aim("outbox.claim", 2, LOST, True), "reply 0 times"),
    ("request", says_nothing_before, Aim("POST /tickets", 1, KILL, True), "request 2 times"),
    ("request", ends_at_once, Aim("outcomes.finish_request", 1, KILL, False), "owner 0 times"),
    ("customer", sees_no_notes, Aim("POST /users/{}/notes", 1, KILL, True), "note 2 times"),
    ("account", ends_at_once, Aim("outbound._finish_told", 1, KILL, False), "mirror 0 times"),
    ("account", ends_at_once, Aim("outbox.claim", 11, LOST, True), "no contact"),
    ("account", takes_first, Aim("shop_changes.take", 1, Fault.LOST_CONNECTION, False), "no contact"),
)


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_without_the_defence_the_same_sweep_shows_it(database_url: str, tmp_path: Path, dialect: str) -> None:
    with world_of(database_url, tmp_path, dialect) as world:
        for name, sabotage, aim, says in CONTROLS:
            scenario = next(one for one in (*SCENARIOS, ACCOUNT, PLAIN_EVENT) if one.name == name)
            if scenario.dialect == dialect:
                with pytest.MonkeyPatch.context() as patched:
                    sabotage(patched)
                    assert not sweep(world, scenario, [], [None]).wrong, "it is no defence against a good day"
                    wrong = sweep(world, scenario, [], [aim]).wrong
                assert says in "".join(wrong), f"{sabotage.__name__}, {aim}: {wrong}"


# What the code hands to the database


ELSEWHERE = {
    "inbound._act_and_undo": "a rehearsal writes nothing",
    "inbox.bury": "an event that killed ten workers: test_inbound.py",
    "outbox.put_aside": "a CRM that loses six answers: test_effects.py",
    "shop_changes.look_for_new": "repeated from its own pace, by no job: test_shop_changes.py",
    "shop_changes.walk": "the same",
    "figures.beat": "tells that a worker lives",
    "worker.sweep": "forgets old rows",
    "slots.give_back": "a slot: test_budget.py",
    "slots.ban": "the same",
    "slots.unban": "the same",
    "slots.allow": "the same",
    "slots.yield_to_others": "the same",
}
LOOKED_INTO = (
    "worker.py",
    *(f"service/{one}.py" for one in ("attempts", "crm_tasks", "delivery", "inbound", "order_notes", "outbound")),
    *(f"service/{one}.py" for one in ("shop_changes", "widget", "effects", "outcomes", "ticket_order_notes")),
    "helpdesk/budget.py",
)


def units_of(source: str, module: str) -> Iterator[str]:
    """What is handed to `Databases.run` here, as `crashes.watch` names it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run":
            where = ast.unparse(node.func.value)
            if where.endswith("databases"):
                owner, _, name = ast.unparse(node.args[0]).rpartition(".")
                yield f"{module if owner in ('', 'self') else owner}.{name}"


def test_every_unit_of_work_that_the_code_has_is_played() -> None:
    root = Path(portal.__file__).parent
    found = {name for one in LOOKED_INTO for name in units_of((root / one).read_text(), Path(one).stem)}
    played = frozenset[str]().union(*(one.points for one in SCENARIOS))
    assert found - played - set(ELSEWHERE) == set(), "a point without a case"
    assert set(ELSEWHERE) <= found, "a point that is no more"
    assert len(found & played) > 15


def test_a_new_point_is_found_by_its_name() -> None:
    assert [*units_of("await self._databases.run(outbox.vanish, job)", "delivery")] == ["outbox.vanish"]
    assert [*units_of("await databases.run(self._act, 1)", "inbound")] == ["inbound._act"]
