"""What an operator says in his panel, all the way to where it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from portal.bitrix import tables
from portal.database import Unit
from portal.errors import NotFound
from portal.service import panel_acts, panel_doors
from portal.service.identity import Identity
from portal.service.ticket_orders import TicketOrders
from portal.store.panel import Handle, Whom
from tests.stage import ANNA, BORIS, Stage, stage

PANEL = Handle(b"\x01" * 32, "ivan", 10, None)
CONTACT = ("contact", 70)


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        yield made


def do(shop: Stage, act: str, *whom: Whom) -> None:
    """As web/panel.py does it: written down and done in one transaction."""
    shape = shop.databases.read_here(tables.inspect)
    deeds = panel_acts.words(Identity(shop.settings, shape), TicketOrders(shop.settings, shape))

    def work(unit: Unit, about: Sequence[Whom]) -> None:
        panel_doors.begin(unit, PANEL, act, about)
        deeds[act](unit, PANEL, about)

    shop.databases.run_here(work, whom)


def said(shop: Stage) -> list[tuple[object, ...]]:
    return shop.execute("SELECT a_kind, a_id, b_kind, b_id, verdict, operator FROM custom_hde_said")


def test_a_word_holds_until_it_is_undone_and_every_step_is_written_down(shop: Stage) -> None:
    do(shop, "same", ("account", ANNA), CONTACT)
    assert said(shop) == [(b"account", ANNA, b"contact", 70, b"same", b"ivan")]
    do(shop, "not-same", CONTACT, ("account", ANNA))
    assert said(shop) == [(b"account", ANNA, b"contact", 70, b"not", b"ivan")]
    ((newest,),) = shop.execute("SELECT MAX(id) FROM custom_hde_word")
    do(shop, "undo", ("word", newest))
    assert said(shop) == [(b"account", ANNA, b"contact", 70, b"same", b"ivan")]
    acts = shop.execute("SELECT act, whom, whom_id FROM custom_hde_panel_audit WHERE whom <> 'contact' ORDER BY id")
    assert acts == [(b"same", b"account", 7), (b"not-same", b"account", 7), (b"undo", b"word", newest)]


@pytest.mark.parametrize(
    ("act", "whom"),
    [("same", (("account", BORIS), ("account", BORIS))), ("same", (("account", 0), CONTACT)), ("undo", (("word", 4711),))],
)  # fmt: skip
def test_what_cannot_be_said_leaves_no_trace(shop: Stage, act: str, whom: tuple[Whom, ...]) -> None:
    with pytest.raises(NotFound):
        do(shop, act, *whom)
    assert said(shop) == [] == shop.execute("SELECT * FROM custom_hde_panel_audit")
