"""The rules table: the one we ship makes sense, and a wrong one is told before anything is done by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal import assets
from portal.errors import WrongSettings
from portal.model import Status
from portal.service import rules
from portal.service.rules import By, Effect, Rules, Told
from tests.helpdesk.conftest import Desk

ALL = frozenset(Effect)


def read(folder: Path, text: str) -> Rules:
    (folder / "rules.toml").write_text(text, "utf-8")
    return rules.read(folder)


def test_ours_tell_the_manager_of_new_requests_alone() -> None:
    ours = rules.read(assets.folder("templates"))
    assert ours.effects(Told("ticket.created", Status.RECEIVED)) == ALL
    assert ours.effects(Told("message.created", Status.WAITING, By.CUSTOMER)) == {Effect.ORDER_FIELD}
    assert ours.effects(Told("ticket.status_changed", Status.CLOSED)) == {Effect.ORDER_FIELD}
    assert not ours.effects(Told("something.else", Status.CLOSED))
    assert not any(ours.ask_for_the_message(kind, ALL) for kind in ("message.created", "ticket.status_changed"))


def test_all_conditions_of_a_rule_must_hold_and_all_rules_that_hold_count(tmp_path: Path) -> None:
    ours = read(
        tmp_path,
        """
        [[rule]]
        event = "message.created"
        by = "customer"
        first = false
        status = ["closed", "waiting"]
        effects = ["mail_manager"]
        [[rule]]
        event = "message.created"
        effects = ["order_field"]
        """,
    )
    holds = Told("message.created", Status.CLOSED, By.CUSTOMER, False)
    assert ours.effects(holds) == {Effect.MAIL_MANAGER, Effect.ORDER_FIELD}
    for other in (
        Told("message.created", Status.RECEIVED, By.CUSTOMER, False),
        Told("message.created", Status.CLOSED, By.STAFF, False),
        Told("message.created", Status.CLOSED, By.CUSTOMER, True),
        Told("message.created", Status.CLOSED),
    ):
        assert ours.effects(other) == {Effect.ORDER_FIELD}
    assert ours.ask_for_the_message("message.created", ALL)
    assert not ours.ask_for_the_message("message.created", frozenset({Effect.ORDER_FIELD}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule]]\nevent = 'ticket.created'", "rule 1: effects is missing"),
        ("[[rule]]\neffects = []", "rule 1: event is missing"),
        ("[[rule]]\nevent = 'ticket.creatde'\neffects = []", "rule 1: 'ticket.creatde'"),
        ("[[rule]]\nevent = 'ticket.created'\neffects = ['mail']", "rule 1: 'mail'"),
        ("[[rule]]\nevent = 'ticket.created'\neffects = 'crm_task'", "rule 1: effects and status are lists"),
        ("[[rule]]\nevent = 'ticket.created'\neffects = []\nby = 'cat'", "rule 1: 'cat'"),
        ("[[rule]]\nevent = 'ticket.created'\neffects = []\nfirst = 'yes'", "rule 1: first is true or false"),
        ("[[rule]]\nevent = 'ticket.created'\neffects = []\nstatus = ['shut']", "rule 1: 'shut'"),
        ("[[rule]]\nevent = 'ticket.created'\neffects = []\nwhen = 'now'", "rule 1: there is no when"),
        ("[[rules]]\nevent = 'ticket.created'\neffects = []", "nothing but tables [[rule]]"),
        ("rule = 1", "nothing but tables [[rule]]"),
        ("rule = [1]", "rule 1"),
        ("[[rule", "is not TOML"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(WrongSettings, match=r"rules\.toml") as caught:
        read(tmp_path, text)
    assert told in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings) as caught:
        read(tmp_path, "[[rule]]\neffects = []\n[[rule]]\nevent = 'x'\neffects = []")
    assert len(caught.value.problems) == 2


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="cannot be read"):
        rules.read(tmp_path)


def test_a_folder_of_ones_own_stands_in_for_ours_when_it_has_the_file(tmp_path: Path) -> None:
    settings = Desk("v1", templates=str(tmp_path)).settings
    assert rules.of(settings) == rules.of(Desk("v1").settings)
    read(tmp_path, "rule = []")
    assert rules.of(settings) == Rules(())
