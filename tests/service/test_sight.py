"""Anna sees what she has proven; Boris, who holds her address too, makes it nobody's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from portal.database import Databases
from portal.errors import NotFound, TooOften
from portal.model import Customer
from portal.service import sight
from portal.service.sight import BY_MAIL, BY_SHOP, Person, Sight
from portal.store import links
from portal.store.links import Holdings, Link
from portal.store.migrate import migrate
from portal.tokens import Tokens

ANNA = Customer(7, "anna", "anna@shop.example", "Anna")
BORIS = Customer(8, "boris", "boris@shop.example", "Boris")
TOKENS = Tokens(["key-key-key-key-key"])

PROOF = Link(links.ADDRESS, ANNA.email, BY_MAIL, True)
CONTACT = Link(41, ANNA.email, BY_MAIL, True)


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    migrate(opened)
    yield opened
    opened.close()


def sees(*rows: Link, customer: Customer = ANNA, shared: bool = False, trust: bool = False) -> Person:
    return sight.person(customer, Holdings([*rows], {}), shared=shared, trust_shop=trust)


def changed(customer: Customer, **what: object) -> Customer:
    values = {name: getattr(customer, name) for name in ("id", "login", "email", "name", "language", "confirmed")}
    return Customer(**(values | what))  # type: ignore[arg-type]


def test_nothing_proven_nothing_seen() -> None:
    assert sees().sight is Sight.UNPROVEN
    assert sees(customer=changed(ANNA, email="")).sight is Sight.NO_EMAIL


def test_a_proven_address_and_its_contacts_are_seen() -> None:
    person = sees(PROOF, CONTACT)
    assert (person.sight, person.contacts, person.joins) == (Sight.PROVEN, {41}, BY_MAIL)


def test_the_proof_lapses_when_the_address_changes() -> None:
    person = sees(PROOF, CONTACT, customer=changed(ANNA, email="new@shop.example"))
    assert (person.sight, person.contacts, person.joins) == (Sight.UNPROVEN, frozenset(), None)


def test_an_address_that_two_accounts_hold_joins_neither() -> None:
    person = sees(PROOF, CONTACT, shared=True)
    assert (person.sight, person.contacts, person.joins) == (Sight.SHARED, frozenset(), None)


def test_only_sees_grants_sight() -> None:
    withdrawn = Link(41, ANNA.email, BY_MAIL, False)
    assert sees(PROOF, withdrawn).contacts == frozenset()
    assert sees(PROOF, withdrawn).withdrawn == {41}
    assert sees(Link(links.ADDRESS, ANNA.email, BY_MAIL, False), withdrawn).sight is Sight.UNPROVEN


@pytest.mark.parametrize("evidence", ["reverse-sync", "push", "bitrix_user_id", "", "phone"])
def test_no_other_evidence_grants_sight_even_where_a_row_says_so(evidence: str) -> None:
    rows = Link(links.ADDRESS, ANNA.email, evidence, True), Link(41, ANNA.email, evidence, True)
    assert sees(*rows, trust=True, customer=changed(ANNA, confirmed=True)).contacts == frozenset()


def test_the_shops_own_confirmation_counts_only_where_it_is_trusted_and_done() -> None:
    confirmed = changed(ANNA, confirmed=True)
    assert sees(customer=confirmed).sight is Sight.UNPROVEN
    assert sees(trust=True).sight is Sight.UNPROVEN
    assert sees(customer=confirmed, trust=True).joins == BY_SHOP


def test_what_the_shops_word_granted_lapses_with_it() -> None:
    row = Link(41, ANNA.email, BY_SHOP, True)
    confirmed = changed(ANNA, confirmed=True)
    assert sees(row, customer=confirmed, trust=True).contacts == {41}
    assert sees(row, customer=confirmed, trust=False).contacts == frozenset()
    assert sees(row, customer=ANNA, trust=True).contacts == frozenset()


def test_the_link_of_the_mail_proves_the_address_of_this_account_only(databases: Databases) -> None:
    token = sight.proof_token(TOKENS, ANNA.id, ANNA.email, "1")
    for other in (BORIS, changed(ANNA, email="new@shop.example"), changed(BORIS, email=ANNA.email)):
        with pytest.raises(NotFound):
            databases.run_here(sight.prove, TOKENS, other, token)
    databases.run_here(sight.prove, TOKENS, ANNA, token)
    assert sees(*databases.read_here(links.of, ANNA.id).links).sight is Sight.PROVEN


def test_a_link_proves_once_and_brings_nothing_back_that_was_withdrawn_since(databases: Databases) -> None:
    token = sight.proof_token(TOKENS, ANNA.id, ANNA.email, "1")
    databases.run_here(sight.prove, TOKENS, ANNA, token)
    databases.run_here(links.add, ANNA.id, ANNA.email, BY_MAIL, [41])
    databases.run_here(lambda unit: unit.state.execute(text("UPDATE custom_hde_user_map SET sees = 0")))
    with pytest.raises(NotFound):
        databases.run_here(sight.prove, TOKENS, ANNA, token)
    assert sees(*databases.read_here(links.of, ANNA.id).links).sight is Sight.UNPROVEN


def test_a_new_proof_brings_back_the_address_and_no_contact_that_was_withdrawn_by_name(databases: Databases) -> None:
    for jti in ("1", "2"):
        databases.run_here(sight.prove, TOKENS, ANNA, sight.proof_token(TOKENS, ANNA.id, ANNA.email, jti))
        databases.run_here(links.add, ANNA.id, ANNA.email, BY_MAIL, [41])
        if jti == "1":
            databases.run_here(lambda unit: unit.state.execute(text("UPDATE custom_hde_user_map SET sees = 0")))
    person = sees(*databases.read_here(links.of, ANNA.id).links)
    assert (person.joins, person.contacts, person.withdrawn) == (BY_MAIL, frozenset(), {41})


def test_asking_is_limited_per_account_and_per_address(databases: Databases) -> None:
    for _ in range(3):
        databases.run_here(sight.ask, ANNA, "ru")
    with pytest.raises(TooOften):
        databases.run_here(sight.ask, ANNA, "ru")
    with pytest.raises(TooOften):
        databases.run_here(sight.ask, changed(BORIS, email=ANNA.email), "ru")
    databases.run_here(sight.ask, BORIS, "ru")
    query = text("SELECT COUNT(*) FROM custom_hde_outbox")
    assert databases.read_here(lambda unit: unit.state.execute(query).scalar_one()) == 4


def test_no_token_rests_in_the_database(databases: Databases) -> None:
    databases.run_here(sight.ask, ANNA, "ru")
    query = text("SELECT payload FROM custom_hde_outbox")
    payload = databases.read_here(lambda unit: unit.state.execute(query).scalar_one())
    assert b"." not in payload.replace(ANNA.email.encode(), b"")
