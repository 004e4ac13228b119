"""The operator's rows of the matrix: who gets what at the panel's addresses. The customers' are in test_access.py."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from itsdangerous import TimestampSigner

from portal.service import panel_doors
from portal.store import panel as store
from portal.web.panel import ACTS
from tests.panel_stub import BEARER, act, handle_of, link, ref_of, said, spend
from tests.stage import ANNA, BORIS, PREFIX
from tests.web.test_access import HOME, NOBODYS, WEBHOOK, World, bad_tokens, respelled, token, world

__all__ = ["world"]

JTI = "0123456789abcdefghijkl"
SPENDERS: list[Callable[[World, str], Any]] = [
    lambda world, given: spend(world.nobody, given),
    lambda world, given: world.nobody.get(f"{PREFIX}/panel/{given.replace(chr(0), '%00')}"),
]


def opens(answer: Any) -> bool:
    """Whether a panel has opened; what refuses tells no more than that."""
    assert answer.status_code in (200, 403, 404, 410, 413), answer.status_code
    assert (answer.status_code == 200) is ('name="handle"' in answer.text)
    return bool(answer.status_code == 200)


@pytest.mark.parametrize("spender", SPENDERS, ids=["form", "path"])
def test_a_link_that_is_not_quite_right_opens_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, spender: Callable[[World, str], Any]
) -> None:
    largest = 2**20 if spender is SPENDERS[0] else 60_000
    value = ["ivan", JTI]
    bad = bad_tokens("panel", "ticket:10", value, monkeypatch, another=f"user:{ANNA}", largest=largest) | {
        "for a person": token("panel", ANNA, value),
        "for a ticket of no number": token("panel", "ticket:0", value),
        "for two": token("panel", "ticket:10,order:5", value),
        "without a name": token("panel", "ticket:10", JTI),
        "without chance": token("panel", "ticket:10", ["ivan", ""]),
        "of too much chance": token("panel", "ticket:10", ["ivan", JTI * 4]),
        "of an operator who is nobody": token("panel", "ticket:10", [None, JTI]),
        "the secret": "a-panel-secret-for-tests",
    }
    assert bad.pop("another spelling") == respelled(token("panel", "ticket:10", value)), "see below"
    before = world.fingerprint()
    for name, given in bad.items():
        assert not opens(spender(world, given)), name
    assert world.fingerprint() == before
    assert opens(spender(world, token("panel", "ticket:10", value))), "the control"


def test_however_it_is_spelled_and_sent_fifty_at_once_open_one(world: World) -> None:
    good = link(world.nobody)
    tries = [(SPENDERS[n % 2], (good, respelled(good))[n // 2 % 2]) for n in range(50)]
    with ThreadPoolExecutor(50) as crowd:
        opened = list(crowd.map(lambda one: opens(one[0](world, one[1])), tries))
    assert sum(opened) == 1


def test_a_link_is_old_after_five_minutes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = TimestampSigner.get_timestamp
    for age, good in ((panel_doors.LINK_SECONDS + 2, False), (panel_doors.LINK_SECONDS - 5, True)):
        with monkeypatch.context() as earlier:
            earlier.setattr(TimestampSigner, "get_timestamp", lambda self, age=age: now(self) - age)
            given = link(world.nobody)
        assert opens(spend(world.nobody, given)) is good


def test_who_has_no_handle_does_nothing_whoever_he_is(world: World) -> None:
    page = spend(world.nobody, link(world.nobody)).text
    ended = handle_of(page)
    world.shop.execute("DELETE FROM custom_hde_panel_handle")
    before = world.fingerprint()
    fields = {"q": "anna", "ref": ref_of(page, "account", ANNA), "order": ref_of(page, "order", 5)}
    for browser in (world.nobody, world.anna, world.boris):
        assert browser.post("/api/panel/links", json={"ticket_id": 10, "operator": "x"}).status_code == 401
        assert browser.get(f"{PREFIX}/panel", headers=HOME).status_code == 410
        for name in ACTS:
            for handle in ("", ended, ended[:-1], ended + "=", store.digest(ended).hex(), *NOBODYS[:10], "A" * 2**16):
                answer = act(browser, name, handle=handle, **fields)
                assert answer.status_code in (410, 413) and "anna" not in answer.text, (name, handle[:50])
    assert world.fingerprint() == before
    opened = handle_of(spend(world.anna, link(world.nobody)).text)
    assert act(world.boris, "find", handle=opened, q="anna").status_code == 200, (
        "the control: the handle is all there is"
    )
    assert world.fingerprint() != before


def test_what_a_panel_names_is_worth_nothing_in_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another operator, of another ticket of the same one, and of the same ticket opened anew."""
    mine = spend(world.nobody, link(world.nobody, "ivan", ticket_id=10)).text
    handle = handle_of(mine)
    others = {
        f"{who} at {ticket}": ref_of(
            spend(world.nobody, link(world.nobody, who, ticket_id=ticket)).text, "account", BORIS
        )
        for who, ticket in (("olga", 10), ("ivan", 11), ("ivan", 10))
    }
    whose = store.digest(handle).hex()
    bad = bad_tokens("panel-ref", whose, ["account", BORIS], monkeypatch, another="0" * 64, largest=2**15)
    del bad["another spelling"]  # as good as the first, and it may be used as often
    for name, given in (others | bad | {"a bare id": str(BORIS), "another kind": ref_of(mine, "order", 5)}).items():
        for fields in ({"ref": given}, {"ref": ref_of(mine, "account", ANNA), "view": given}):
            answer = act(world.nobody, "person", handle=handle, **fields)
            assert answer.status_code == 404 or "view" in fields, name
            assert f"user_id={BORIS}" not in answer.text, name
        answer = act(world.nobody, "find", handle=handle, view=given, q="x")
        assert answer.status_code == 404 or not given, name
    good = act(world.nobody, "person", handle=handle, ref=ref_of(mine, "account", BORIS))
    assert f"user_id={BORIS}" in said(good.text, "sheet"), "the control"


def test_the_secrets_of_other_doors_open_no_panel_and_its_own_no_other_door(world: World) -> None:
    told = {"ticket_id": 10, "operator": "ivan"}
    for wrong in ("", WEBHOOK, "a-key-for-tests-only", BEARER["authorization"][7:-1], link(world.nobody)):
        answer = world.nobody.post("/api/panel/links", json=told, headers={"authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401 and "token" not in answer.json()
    event = {"id": "e-9", "event": "message.created", "ticket": {"id": 1}}
    assert world.nobody.post("/api/hde-webhook", json=event, headers=BEARER).status_code == 401
    opened = link(world.nobody)
    for path in (f"{PREFIX}/", f"{PREFIX}/{world.ids[ANNA]['ticket_id']}", f"{PREFIX}/new"):
        for headers in (BEARER, {"authorization": f"Bearer {opened}"}, {"cookie": f"PHPSESSID={opened}"}):
            assert world.nobody.get(path, headers=headers).status_code == 302
    assert world.nobody.get("/api/orders/", params={"user_id": ANNA, "token": opened}).status_code == 401
