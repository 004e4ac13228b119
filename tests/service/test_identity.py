"""Anna is one person by evidence, Boris is another; operators see who may be who, and customers see no more for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from portal.bitrix import people as shop_people
from portal.bitrix import tables, users
from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import NotFound
from portal.model import Channel, Contact, Customer, Status, Ticket
from portal.sandbox import schema
from portal.service import sight, traces
from portal.service.evidence import Kind
from portal.service.gathering import NODES
from portal.service.identity import Identity, Node, Recognised
from portal.service.weighing import FEW
from portal.store import forgetting_user, links, profiles
from portal.store.migrate import migrate
from tests.conftest import MariaDB
from tests.test_layout import GRAPH

ANNA, BORIS, VERA = 7, 8, 9
HERS, ALSO_HERS, HIS = 41, 42, 51
EMAILS = {ANNA: "anna@shop.example", BORIS: "boris@shop.example"}
PHONE, OTHER_PHONE = "+79161234567", "+79161234568"
NOW = datetime(2026, 5, 3, tzinfo=UTC)


class World:
    """A shop's tables and ours, and an identity of them."""

    def __init__(self, url: str, generation: schema.Generation) -> None:
        self.databases = Databases(url)
        migrate(self.databases)
        schema.create(self.execute, generation)
        for user, email in EMAILS.items():
            self.account(user, email)
        self.shape = self.databases.read_here(tables.inspect)
        self.settings = _settings(url)
        self.identity = Identity(self.settings, self.shape)
        self.generation = generation

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        def work(unit: Unit) -> list[tuple[Any, ...]]:
            found = unit.state.exec_driver_sql(statement.replace("%", "%%"))
            return [tuple(row) for row in found] if found.returns_rows else []

        return self.databases.run_here(work)

    def account(self, user: int, email: str = "", name: str = "", phone: str = "", mobile: str = "") -> None:
        first, _, last = name.partition(" ")
        self.execute(
            "INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, NAME, LAST_NAME, PERSONAL_PHONE, PERSONAL_MOBILE, DATE_REGISTER) "
            f"VALUES ({user}, 'u{user}', '', 'Y', '{email}', '{first}', '{last}', '{phone}', '{mobile}', NOW())"
        )

    def confirm(self, user: int, number: str, confirmed: str = "Y") -> None:
        self.execute(
            f"INSERT INTO b_user_phone_auth (USER_ID, PHONE_NUMBER, CONFIRMED) VALUES ({user}, '{number}', '{confirmed}')"
        )

    def order(self, id: int, user: int, phone: str = "", email: str = "") -> None:
        new = self.generation == "new"
        self.execute(
            "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, DATE_UPDATE, "
            f"ACCOUNT_NUMBER) VALUES ({id}, 's1', 1, 'N', NOW(), 100, 'RUB', {user}, NOW(), NOW(), 'A-{id}')"
        )
        for prop, (flag, value) in enumerate((("IS_PHONE", phone), ("IS_EMAIL", email)), 1):
            columns, values = (", ENTITY_TYPE", ", 'ORDER'") if new else ("", "")
            self.execute(
                f"INSERT INTO b_sale_order_props (ID, PERSON_TYPE_ID, NAME, TYPE, PROPS_GROUP_ID, {flag}{columns}) "
                f"VALUES ({prop}, 1, 'x', 'STRING', 1, 'Y'{values}) ON DUPLICATE KEY UPDATE ID = ID"
            )
            columns, values = (", ENTITY_ID, ENTITY_TYPE", f", {id}, 'ORDER'") if new else ("", "")
            self.execute(
                f"INSERT INTO b_sale_order_props_value (ORDER_ID, ORDER_PROPS_ID, NAME, VALUE{columns}) "
                f"VALUES ({id}, {prop}, 'x', '{value}'{values})"
            )

    def walk(self) -> None:
        self.execute("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) WHERE name = 'shop-traces'")
        self.databases.run_here(traces.walk, self.shape)

    def prove(self, user: int, *contacts: int) -> None:
        self.databases.run_here(links.prove, user, EMAILS[user], "email-proof")
        self.databases.run_here(links.add, user, EMAILS[user], "email-proof", contacts)

    def own(self, ticket: int, user: int, contact: int) -> None:
        self.databases.run_here(links.own, ticket, user, contact, "form")

    def of_ticket(
        self, contact: Contact, *known: Contact, ticket: int = 1, channel: Channel = Channel.EMAIL
    ) -> Recognised:
        told = Ticket(ticket, str(ticket), "", Status.RECEIVED, "", contact.id, contact.email, channel, NOW, NOW)
        return self.databases.read_here(self.identity.of_ticket, told, contact, known)

    def of_account(self, user: int, *known: Contact) -> Recognised:
        return self.databases.read_here(self.identity.of_account, user, known)

    def say(self, left: Node, right: Node, *, same: bool, operator: str = "Olga") -> int:
        return self.databases.run_here(self.identity.say, operator, left, right, same=same)

    def undo(self, word: int) -> None:
        self.databases.run_here(self.identity.undo, "Petr", word)

    def dump(self, *but: str) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table of ours but these."""
        names = [row[0] for row in self.execute("SHOW TABLES LIKE 'custom_hde_%'")]
        return {name: sorted(self.execute(f"SELECT * FROM {name}"), key=repr) for name in names if name not in but}

    @contextmanager
    def counting(self) -> Iterator[list[str]]:
        counted: list[str] = []
        engine = self.databases._shop_reads

        def count(_c: object, _cursor: object, statement: str, *_more: object) -> None:
            counted.append(statement)

        event.listen(engine, "before_cursor_execute", count)
        try:
            yield counted
        finally:
            event.remove(engine, "before_cursor_execute", count)


def _settings(url: str) -> Settings:
    return Settings(
        database_url=url, public_url="https://shop.example", secret_keys="a-key-for-tests-only", sessions="files:///tmp",
        hde_url="http://127.0.0.1:1/api/v1", hde_token="x", _env_file=None,
    )  # type: ignore[call-arg, arg-type]  # fmt: skip


@pytest.fixture(params=["old", "new"])
def either(request: pytest.FixtureRequest, database_url: str) -> Iterator[World]:
    made = World(database_url, request.param)
    yield made
    made.databases.close()


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    made = World(database_url, "new")
    yield made
    made.databases.close()


def hers(phone: str = "", email: str = EMAILS[ANNA], id: int = HERS, name: str = "") -> Contact:
    return Contact(id, email, name, phone)


def account(id: int) -> Node:
    return Node("account", id)


def contact(id: int) -> Node:
    return Node("contact", id)


def reasons(found: Recognised) -> dict[Node, list[Kind]]:
    return {one.node: [why.kind for why in one.because] for one in found.probable}


# What joins, and what does not


def test_an_unproven_address_is_probable_and_a_proven_one_joins(either: World) -> None:
    before = either.of_ticket(hers())
    assert (before.someone.accounts, reasons(before)) == ((), {account(ANNA): [Kind.SAME_EMAIL]})
    either.prove(ANNA)
    after = either.of_ticket(hers())
    assert (after.someone.accounts, after.someone.contacts, after.probable) == ((ANNA,), (HERS,), ())
    assert after.someone.emails == ((EMAILS[ANNA], True),)
    either.execute(f"UPDATE b_user SET EMAIL = 'new@shop.example' WHERE ID = {ANNA}")
    assert either.of_ticket(hers()).someone.accounts == (), "the proof lapses with the address"


def test_a_ticket_opened_signed_in_joins_its_account(either: World) -> None:
    either.own(1, ANNA, HERS)
    assert either.of_ticket(hers(email="x@else.example")).someone.accounts == (ANNA,)
    assert either.of_account(ANNA).someone.contacts == (HERS,)
    assert either.of_ticket(hers(email="", id=HIS)).someone.accounts == ()


def test_a_contact_that_two_accounts_opened_tickets_of_joins_them_in_nobody(world: World) -> None:
    world.own(1, ANNA, HERS)
    world.own(2, BORIS, HERS)
    assert world.of_account(ANNA).someone.accounts == (ANNA,)
    assert world.of_account(ANNA).someone.contacts == ()
    assert world.of_ticket(hers(email=""), ticket=2).someone.accounts == (BORIS,), "the ticket at hand is whose it is"
    elsewhere = world.of_ticket(hers(email=""), ticket=3)
    assert elsewhere.someone.accounts == ()
    assert {*reasons(elsewhere)} == {account(ANNA), account(BORIS)}


def test_who_has_proven_the_address_goes_before_who_opened_a_ticket(world: World) -> None:
    world.own(2, BORIS, HERS)
    world.prove(ANNA, HERS)
    assert world.of_ticket(hers()).someone.accounts == (ANNA,)
    assert account(BORIS) in reasons(world.of_ticket(hers()))


def test_an_address_of_two_live_accounts_joins_nobody(world: World) -> None:
    world.prove(ANNA)
    world.account(VERA, EMAILS[ANNA])
    shared = world.of_ticket(hers())
    assert shared.someone.accounts == ()
    assert {*reasons(shared)} == {account(ANNA), account(VERA)}
    world.execute(f"UPDATE b_user SET ACTIVE = 'N' WHERE ID = {VERA}")
    assert world.of_ticket(hers()).someone.accounts == (ANNA,)


def test_a_confirmed_phone_joins_who_calls_from_it_and_not_who_types_it(world: World) -> None:
    world.confirm(ANNA, PHONE)
    calling = world.of_ticket(hers("8 916 123-45-67", email=""), channel=Channel.PHONE)
    assert calling.someone.accounts == (ANNA,)
    assert calling.someone.phones == ((PHONE, True),)
    for typing in (
        world.of_ticket(hers(PHONE, email="boris@else.example"), channel=Channel.PHONE),
        world.of_ticket(hers(PHONE, email=""), channel=Channel.CHAT),
    ):
        assert typing.someone.accounts == ()
        assert reasons(typing) == {account(ANNA): [Kind.SAME_PHONE]}


def test_a_confirmed_phone_that_another_live_account_has_too_joins_nobody(world: World) -> None:
    world.confirm(ANNA, PHONE)
    world.execute(f"UPDATE b_user SET PERSONAL_MOBILE = '8(916)1234567' WHERE ID = {BORIS}")
    world.walk()
    found = world.of_ticket(hers(PHONE, email=""), channel=Channel.PHONE)
    assert found.someone.accounts == ()
    assert {*reasons(found)} == {account(ANNA), account(BORIS)}


def test_all_phones_and_addresses_of_accounts_and_orders_are_found(either: World) -> None:
    either.execute(f"UPDATE b_user SET PERSONAL_MOBILE = '8 (916) 123-45-67' WHERE ID = {ANNA}")
    either.order(1, BORIS, phone=OTHER_PHONE, email="Work@Else.example ")
    either.walk()
    assert reasons(either.of_ticket(hers(PHONE, email=""))) == {account(ANNA): [Kind.SAME_PHONE]}
    assert reasons(either.of_ticket(hers("9161234568", email="work@else.example"))) == {
        account(BORIS): [Kind.SAME_EMAIL, Kind.SAME_PHONE]
    }
    assert either.of_account(BORIS).someone.phones == ((OTHER_PHONE, False),)
    assert either.of_account(BORIS).someone.emails == ((EMAILS[BORIS], False), ("work@else.example", False))


def test_a_phone_that_is_an_accounts_no_more_is_forgotten_at_once(world: World) -> None:
    world.execute(f"UPDATE b_user SET PERSONAL_PHONE = '{PHONE}' WHERE ID = {ANNA}")
    world.order(1, BORIS, phone=OTHER_PHONE)
    world.walk()
    world.execute(f"UPDATE b_user SET PERSONAL_PHONE = '' WHERE ID = {ANNA}")
    assert reasons(world.of_ticket(hers(PHONE, email=""))) == {}
    world.execute("DELETE FROM b_sale_order")
    world.walk()
    assert world.execute("SELECT * FROM custom_hde_trace") == []


def test_a_link_for_operators_is_weak_and_one_that_was_taken_away_is_no_reason(world: World) -> None:
    world.databases.run_here(links.note, ANNA, EMAILS[ANNA], HIS)
    assert reasons(world.of_account(ANNA)) == {contact(HIS): [Kind.SAME_EMAIL]}
    world.prove(ANNA, HERS)
    world.execute(f"UPDATE custom_hde_user_map SET sees = 0 WHERE contact_id = {HERS}")
    found = world.of_ticket(hers())
    assert (found.someone.accounts, found.probable) == ((), ())


def test_the_shops_own_confirmation_joins_only_where_it_is_trusted(world: World) -> None:
    world.databases.run_here(links.prove, ANNA, EMAILS[ANNA], "shop")
    assert world.of_ticket(hers()).someone.accounts == ()
    world.identity = Identity(world.settings.model_copy(update={"trust_shop_email": True}), world.shape)
    assert world.of_ticket(hers()).someone.accounts == (ANNA,)


def test_an_address_that_a_crowd_holds_is_evidence_for_nobody(world: World) -> None:
    for id in range(100, 130):
        world.account(id, "office@shop.example")
    assert world.of_ticket(hers(email="office@shop.example")).probable == ()


def test_other_contacts_with_his_address_or_phone_are_found(world: World) -> None:
    world.databases.run_here(profiles.put, Contact(ALSO_HERS, "other@else.example", "A", "8" + PHONE[2:]))
    found = world.of_ticket(hers(PHONE), hers(id=HIS))
    assert reasons(found) == {
        contact(ALSO_HERS): [Kind.SAME_PHONE],
        contact(HIS): [Kind.SAME_EMAIL],
        account(ANNA): [Kind.SAME_EMAIL],
    }


def test_a_name_counts_with_its_surname_only(world: World) -> None:
    world.account(VERA, "v@shop.example", "Vera Kim")
    found = world.of_ticket(hers(name="KIM Vera", email="v@shop.example"), hers(id=HIS, email="", name="Vera Kim"))
    assert reasons(found) == {account(VERA): [Kind.SAME_EMAIL, Kind.SAME_NAME], contact(HIS): [Kind.SAME_NAME]}
    assert reasons(world.of_ticket(hers(name="Vera", email=""), hers(id=HIS, email="", name="Vera"))) == {}


def test_staff_and_the_nameless_buyers_account_are_nobody(world: World) -> None:
    staff = Contact(HERS, EMAILS[ANNA], "Anna", is_staff=True)
    assert world.of_ticket(staff).probable == ()
    world.execute(f"INSERT INTO b_option (MODULE_ID, NAME, VALUE) VALUES ('sale', 'anonymous_user_id', '{ANNA}')")
    assert world.of_ticket(hers()).probable == ()
    assert world.of_account(ANNA).someone.accounts == ()


# Words of operators


def test_words_join_and_part_and_the_chain_is_one_person_unless_parted(world: World) -> None:
    world.prove(ANNA, HERS)
    world.say(account(ANNA), account(BORIS), same=True)
    world.say(account(BORIS), contact(HIS), same=True)
    whole = world.of_ticket(hers())
    assert (whole.someone.accounts, whole.someone.contacts) == ((ANNA, BORIS), (HERS, HIS))
    word = world.say(contact(HIS), contact(HERS), same=False, operator="Petr")
    parted = world.of_ticket(hers())
    assert (parted.someone.accounts, parted.someone.contacts) == ((ANNA, BORIS), (HERS,)), "her own proof stands"
    assert [(one.author, one.word_id) for one in parted.parted] == [("Petr", word)]
    assert reasons(parted) == {contact(HIS): [Kind.SAID_SAME]}, "the weakest link of the way is shown"
    assert world.of_ticket(hers(id=HIS, email="")).someone.contacts == (HIS,)
    world.undo(word)
    assert world.of_ticket(hers()) == whole


def test_not_the_same_is_stronger_than_what_is_strong(world: World) -> None:
    world.prove(ANNA, HERS)
    world.own(1, ANNA, HERS)
    word = world.say(account(ANNA), contact(HERS), same=False)
    found = world.of_ticket(hers())
    assert (found.someone.accounts, found.probable) == ((), ())
    assert [one.word_id for one in found.parted] == [word]


def test_an_undo_gives_back_the_former_state_byte_for_byte(world: World) -> None:
    """Every table of ours but the journal itself, which is what only grows: who said and undid what is never lost."""
    world.prove(ANNA, HERS)
    two = account(ANNA), contact(HIS)
    states = [world.dump("custom_hde_word")]
    said = []
    for same in (True, False, True):
        said.append(world.say(*two, same=same, operator=f"Operator {same}"))
        assert world.say(*reversed(two), same=same) == said[-1], "the same word twice is one"  # type: ignore[misc]
        states.append(world.dump("custom_hde_word"))
    assert len({repr(state) for state in states}) == 4, "the dump tells words apart"
    for word in reversed(said):
        states.pop()
        world.undo(word)
        assert world.dump("custom_hde_word") == states[-1]
        with pytest.raises(NotFound):
            world.undo(word)
    assert world.execute("SELECT verdict, operator FROM custom_hde_word ORDER BY id") == [
        (b"same", b"Operator True"), (b"not", b"Operator False"), (b"same", b"Operator True"), *[(b"undo", b"Petr")] * 3
    ]  # fmt: skip


def test_words_said_and_undone_at_once_are_one(world: World) -> None:
    two = account(ANNA), contact(HIS)
    with ThreadPoolExecutor(8) as threads:
        said = {*threads.map(lambda _n: world.say(*two, same=True), range(8))}
        assert len(said) == 1
        (word,) = said

        def undone(_n: int) -> bool:
            with suppress(NotFound):
                world.undo(word)
                return True
            return False

        assert sum(threads.map(undone, range(8))) == 1
    assert world.execute("SELECT verdict FROM custom_hde_word ORDER BY id") == [(b"same",), (b"undo",)]
    assert world.execute("SELECT * FROM custom_hde_said") == []


def test_a_word_under_a_later_one_is_undone_without_disturbing_it(world: World) -> None:
    two = account(ANNA), contact(HIS)
    first, second = world.say(*two, same=True), world.say(*two, same=False)
    held = world.execute("SELECT * FROM custom_hde_said")
    world.undo(first)
    assert world.execute("SELECT * FROM custom_hde_said") == held
    world.undo(second)
    assert world.execute("SELECT * FROM custom_hde_said") == []


def test_what_cannot_be_said_is_refused(world: World) -> None:
    for left, right, operator in (
        (account(ANNA), account(ANNA), "Olga"),
        (account(0), account(ANNA), "Olga"),
        (account(ANNA), account(BORIS), " "),
    ):
        with pytest.raises(NotFound):
            world.say(left, right, same=True, operator=operator)
    with pytest.raises(NotFound):
        world.undo(1)


def test_words_about_an_account_and_its_phones_go_with_it(world: World) -> None:
    world.execute(f"UPDATE b_user SET PERSONAL_PHONE = '{PHONE}'")
    world.walk()
    world.undo(world.say(account(ANNA), contact(HERS), same=True))
    world.say(account(ANNA), account(BORIS), same=False)
    kept = world.say(account(BORIS), contact(HIS), same=True)
    assert world.databases.read_here(forgetting_user.known_after, 0, 9) == [ANNA, BORIS]
    world.databases.run_here(forgetting_user.forget, ANNA)
    assert world.execute("SELECT id FROM custom_hde_word") == [(kept,)]
    assert world.execute("SELECT word_id FROM custom_hde_said") == [(kept,)]
    assert world.execute("SELECT user_id FROM custom_hde_trace") == [(BORIS,)]


# What it costs


def test_a_thousand_accounts_with_one_phone_are_evidence_for_nobody_and_cost_no_more(world: World) -> None:
    world.prove(ANNA, HERS)
    world.execute(f"UPDATE b_user SET PERSONAL_PHONE = '{PHONE}' WHERE ID = {ANNA}")
    world.order(1, ANNA, phone=OTHER_PHONE)
    world.walk()
    with world.counting() as few:
        assert world.of_ticket(hers(PHONE)).someone.accounts == (ANNA,)
    rows = ", ".join(f"({id}, 'u{id}', '', 'Y', '', '{PHONE}', NOW())" for id in range(1000, 2000))
    world.execute(
        f"INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, PERSONAL_PHONE, DATE_REGISTER) VALUES {rows}"
    )
    for _ in range(4):
        world.walk()
    assert world.execute(f"SELECT COUNT(*) FROM custom_hde_trace WHERE value = '{PHONE}'") == [(1001,)]
    with world.counting() as many:
        found = world.of_ticket(hers(PHONE))
    assert (found.someone.accounts, found.probable) == ((ANNA,), ())
    assert len(few) <= 8
    assert len(many) <= 8
    owners = ", ".join(f"({ticket}, {ticket}, {HERS}, 'form', NOW())" for ticket in range(1000, 2000))
    world.execute(
        f"INSERT INTO custom_hde_ticket_owner (ticket_id, user_id, contact_id, evidence, created_at) VALUES {owners}"
    )
    with world.counting() as crowded:
        assert world.of_ticket(hers(PHONE)).someone.accounts == (ANNA,)
    assert len(crowded) <= 8


def test_a_family_of_a_few_is_shown_and_more_is_not(world: World) -> None:
    for number in range(FEW + 1):
        found = reasons(world.of_ticket(hers(PHONE, email="")))
        assert len(found) == number
        world.account(100 + number, phone=PHONE)
        world.walk()
    assert reasons(world.of_ticket(hers(PHONE, email=""))) == {}


def test_no_lookup_reads_a_whole_table(world: World) -> None:
    rows = ", ".join(
        f"({id}, 'u{id}', '', 'Y', 'u{id}@x.example', '{PHONE[:-4]}{id}', NOW())" for id in range(1000, 3000)
    )
    world.execute(
        f"INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, PERSONAL_PHONE, DATE_REGISTER) VALUES {rows}"
    )
    rows = ", ".join(f"({id}, '+7916{id:07}')" for id in range(1000, 3000))
    world.execute(f"INSERT INTO b_user_phone_auth (USER_ID, PHONE_NUMBER) VALUES {rows}")
    rows = ", ".join(f"('{PHONE[:-4]}{id}', {id}, 0)" for id in range(1000, 3000))
    world.execute(f"INSERT INTO custom_hde_trace (value, user_id, order_id) VALUES {rows}")
    world.execute("ANALYZE TABLE b_user, b_user_phone_auth, custom_hde_trace")
    statements: list[tuple[str, Any]] = []
    engine = world.databases._shop_reads

    def keep(_c: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", keep)
    world.of_ticket(hers(PHONE))
    event.remove(engine, "before_cursor_execute", keep)
    for statement, parameters in statements:
        assert _scanned(world, statement, parameters) == set()
    bad = "SELECT ID FROM b_user WHERE PERSONAL_PHONE = %(p)s"
    assert _scanned(world, bad, {"p": PHONE}) == {"b_user"}, "the positive control"


def _scanned(world: World, statement: str, parameters: Any) -> set[str]:
    """Tables that the plan reads as a whole."""
    rows = world.databases.read_here(
        lambda unit: unit.shop.exec_driver_sql("EXPLAIN " + statement, parameters).mappings().all()
    )
    names = {"u": "b_user", "p": "b_user_phone_auth"}
    whole = [row for row in rows if row["type"] in ("ALL", "index") and row["table"] and row["table"][0] != "<"]
    return {names.get(row["table"], row["table"]) for row in whole if int(row["rows"] or 0) > 100}


def test_a_walk_reads_orders_by_their_keys_and_leaves_the_nameless_out(either: World) -> None:
    either.order(1, ANNA, phone=PHONE, email="a@x.example")
    either.order(2, BORIS, phone=OTHER_PHONE)
    either.execute(f"INSERT INTO b_option (MODULE_ID, NAME, VALUE) VALUES ('sale', 'anonymous_user_id', '{BORIS}')")
    found, last = either.databases.read_here(shop_people.typed_in_orders, either.shape, 0, 2)
    assert ({one.value for one in found}, last) == ({PHONE, "a@x.example"}, 2)
    assert either.databases.read_here(shop_people.typed_in_orders, either.shape, 2, 2) == ([], None)


def test_what_the_shop_tells_of_is_looked_at_at_once(world: World) -> None:
    world.order(1, ANNA, phone=PHONE)
    world.execute(f"UPDATE b_user SET PERSONAL_PHONE = '{OTHER_PHONE}' WHERE ID = {BORIS}")
    world.databases.run_here(traces.renew, world.shape, users=[BORIS], orders=[1])
    assert world.execute("SELECT value, user_id, order_id FROM custom_hde_trace ORDER BY user_id") == [
        (PHONE.encode(), ANNA, 1),
        (OTHER_PHONE.encode(), BORIS, 0),
    ]


# What a customer sees

WORDS = st.lists(
    st.tuples(
        st.sampled_from([account(ANNA), account(BORIS), contact(HERS), contact(HIS), contact(ALSO_HERS)]),
        st.sampled_from([account(ANNA), account(BORIS), contact(HERS), contact(HIS), contact(ALSO_HERS)]),
        st.booleans(),
    ).filter(lambda word: word[0] != word[1]),
    max_size=6,
)
FACTS = st.lists(
    st.tuples(
        st.sampled_from(["note", "phone", "order", "confirm", "profile"]),
        st.sampled_from([ANNA, BORIS]),
        st.sampled_from([HERS, HIS, ALSO_HERS]),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def one_world(mariadb: MariaDB) -> Iterator[World]:
    name = "t_" + hashlib.sha256(b"identity").hexdigest()[:12]
    mariadb.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    made = World(mariadb.url(name), "new")
    yield made
    made.databases.close()
    mariadb.execute(f"DROP DATABASE {name}")


def sees(world: World) -> list[sight.Person]:
    """What each customer may see: all that pages are made of."""

    def person(unit: Unit, user: int) -> sight.Person:
        customer = Customer(user, "", EMAILS[user], "")
        shared = users.others_with_email(unit, user, EMAILS[user])
        return sight.person(customer, links.of(unit, user), shared=shared, trust_shop=False)

    return [world.databases.read_here(person, user) for user in (ANNA, BORIS)]


def _clean(world: World) -> None:
    for table in ("custom_hde_word", "custom_hde_said", "custom_hde_trace", "custom_hde_user_map", "custom_hde_profile",
                  "custom_hde_ticket_owner", "b_user_phone_auth", "b_sale_order", "b_sale_order_props_value"):  # fmt: skip
        world.execute(f"DELETE FROM {table}")
    world.execute("UPDATE b_user SET PERSONAL_PHONE = ''")


def _make_so(world: World, what: str, user: int, contact_id: int) -> None:
    if what == "note":
        world.databases.run_here(links.note, user, EMAILS[user], contact_id)
    elif what == "phone":
        world.execute(f"UPDATE b_user SET PERSONAL_PHONE = '{PHONE}' WHERE ID = {user}")
    elif what == "order" and not world.execute(f"SELECT 1 FROM b_sale_order WHERE ID = {contact_id}"):
        world.order(contact_id, user, phone=PHONE, email=EMAILS[ANNA])
    elif what == "confirm" and not world.execute("SELECT 1 FROM b_user_phone_auth"):
        world.confirm(user, PHONE)
    elif what == "profile":
        world.databases.run_here(profiles.put, Contact(contact_id, EMAILS[user], "", PHONE))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(proven=st.sets(st.sampled_from([ANNA, BORIS])), facts=FACTS, words=WORDS, undone=st.integers(0, 6))
def test_no_evidence_and_no_word_widens_what_a_customer_sees(
    one_world: World, proven: set[int], facts: list[Any], words: list[Any], undone: int
) -> None:
    _clean(one_world)
    for user in proven:
        one_world.prove(user, {ANNA: HERS, BORIS: HIS}[user])
    before = sees(one_world)
    kept = {name: one_world.execute(f"SELECT * FROM {name}") for name in ("custom_hde_ticket_owner",)}
    for what, user, contact_id in facts:
        _make_so(one_world, what, user, contact_id)
    one_world.walk()
    said = [one_world.say(left, right, same=same) for left, right, same in words]
    for id in (HERS, HIS):
        found = one_world.of_ticket(Contact(id, EMAILS[ANNA], "", PHONE), channel=Channel.PHONE)
        assert contact(id).id in found.someone.contacts
    for word in dict.fromkeys(said[:undone]):
        one_world.undo(word)
    assert sees(one_world) == before
    assert {name: one_world.execute(f"SELECT * FROM {name}") for name in kept} == kept


def test_a_grant_would_be_seen(one_world: World) -> None:
    """The positive control: the one column that grants, changed by hand, shows."""
    _clean(one_world)
    one_world.prove(ANNA)
    one_world.databases.run_here(links.note, ANNA, EMAILS[ANNA], HIS)
    before = sees(one_world)
    one_world.execute(f"UPDATE custom_hde_user_map SET sees = 1, evidence = 'email-proof' WHERE contact_id = {HIS}")
    assert sees(one_world) != before


def test_who_is_tied_to_more_than_is_looked_at_still_costs_the_same(world: World) -> None:
    for id in range(100, 100 + 2 * NODES):
        world.say(account(ANNA), contact(id), same=True)
    with world.counting() as counted:
        found = world.of_account(ANNA)
    assert len(counted) <= 8
    assert len(found.someone.contacts) <= 2 * NODES


FOR_OPERATORS = {
    "portal.service.identity", "portal.service.evidence", "portal.service.weighing", "portal.service.gathering",
    "portal.service.traces", "portal.store.people", "portal.store.traces", "portal.store.words_of_operators",
    "portal.bitrix.people",
}  # fmt: skip


def _reached(module: str) -> set[str]:
    found, todo = set(), {module}
    while todo:
        one = todo.pop()
        found.add(one)
        todo |= GRAPH.get(one, set()) - found
    return found


@pytest.mark.parametrize("module", ["portal.service.sight", "portal.service.requests", "portal.service.listing"])
def test_what_decides_what_a_customer_sees_cannot_even_ask(module: str) -> None:
    assert not _reached(module) & FOR_OPERATORS


def test_who_asks_would_be_found() -> None:
    """The positive control; and every name above is a module."""
    assert _reached("portal.service.identity") & FOR_OPERATORS
    assert {*GRAPH} >= FOR_OPERATORS
