"""What the help desk can be told about a person, in both dialects, against the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from portal.errors import HelpdeskMissing, HelpdeskStaff
from portal.helpdesk.client import Client
from tests.helpdesk.conftest import Play, run

EMAIL = "anna@shop.example"
NAMES = ("bitrix_user_id", "bitrix_orders", "nobody_made_this")


def by(play: Play, work: Any) -> Any:
    async def calls() -> Any:
        client = play.client()
        try:
            return await work(client)
        finally:
            await client.close()

    return run(calls())


def anna(play: Play) -> Any:
    play.tell("customer/email", email=EMAIL, subject="Hello", text="Hello")
    return play.state.person_by_email(EMAIL)


def test_a_card_has_the_values_and_of_what_nobody_defined_none(play: Play) -> None:
    person = anna(play)
    person.fields = {"bitrix_user_id": "7", "level": 2}
    card = by(play, lambda client: client.get_card(person.id, NAMES))
    assert (card.contact.id, card.contact.email) == (person.id, EMAIL)
    defined = {"bitrix_user_id": "7", "bitrix_orders": ""}
    assert card.fields == (defined if play.dialect == "v2" else {**defined, "nobody_made_this": ""})


@pytest.mark.parametrize("keyed", [False, True])
def test_what_is_not_told_stays(play: Play, *, keyed: bool) -> None:
    play.tell("quirks", keyed_objects=keyed)
    person = anna(play)
    person.fields, person.phone = {"level": 2}, "+371 1"

    async def work(client: Client) -> None:
        card = await client.get_card(person.id, NAMES)
        await client.update_contact(card.contact, fields={"bitrix_user_id": "7", "nobody_made_this": "x"})

    by(play, work)
    assert (person.phone, person.fields["level"], person.fields["bitrix_user_id"]) == ("+371 1", 2, "7")


def test_nothing_to_write_is_no_call(play: Play) -> None:
    person = anna(play)

    async def work(client: Client) -> None:
        card = await client.get_card(person.id, NAMES)
        before = play.calls()
        await client.update_contact(card.contact)
        assert play.calls() == before

    by(play, work)


def test_a_member_of_staff_is_refused_before_any_call(play: Play) -> None:
    if play.dialect == "v1":
        pytest.skip("its users do not say what they are")
    person = anna(play)
    person.staff = True

    async def work(client: Client) -> None:
        card = await client.get_card(person.id, NAMES)
        with pytest.raises(HelpdeskStaff):
            await client.update_contact(card.contact, name="Anna")
        with pytest.raises(HelpdeskStaff):
            await client.ensure_card(EMAIL, "Anna", "", {})

    by(play, work)
    assert all(entry.method == "GET" for entry in play.state.journal.entries)


def test_a_contact_is_made_with_all_that_is_known_in_one_call(play: Play) -> None:
    told = {"bitrix_user_id": "7", "bitrix_orders": "A-1\n- Mug × 2"}
    card = by(play, lambda client: client.ensure_card(EMAIL, "Anna Ivanova", "+79001234567", told))
    person = play.state.person_by_email(EMAIL)
    assert person and (person.full_name, person.phone, person.fields) == ("Anna Ivanova", "+79001234567", told)
    assert card.fields == told
    assert [entry.method for entry in play.state.journal.entries].count("POST") == 1


def test_a_contact_that_is_not_there_is_missing(play: Play) -> None:
    with pytest.raises(HelpdeskMissing):
        by(play, lambda client: client.get_card(999, NAMES))


@pytest.mark.parametrize("errors_on_200", [False, True])
def test_notes_come_and_go_and_one_that_is_gone_is_fine(play: Play, *, errors_on_200: bool) -> None:
    play.tell("quirks", errors_on_200=errors_on_200)
    person = anna(play)

    async def work(client: Client) -> None:
        assert client.notes_contacts is (play.dialect == "v2")
        if not client.notes_contacts:
            assert await client.contact_notes(person.id) == ()
            return
        await client.add_contact_note(person.id, "<p>one</p>")
        (note,) = await client.contact_notes(person.id)
        assert note.html == "<p>one</p>"
        for _ in range(2):
            await client.drop_contact_note(person.id, note.id)
        assert await client.contact_notes(person.id) == ()

    by(play, work)
