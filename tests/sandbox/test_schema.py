from __future__ import annotations

import pymysql
import pytest

from portal.sandbox import schema as shop_tables
from portal.sandbox.schema import Generation
from tests.conftest import MariaDB

USER = "INSERT INTO b_user (LOGIN, PASSWORD, DATE_REGISTER{more}) VALUES ('anna', 'x', NOW(){values})"


@pytest.mark.parametrize("generation", ["old", "new"])
def test_the_tables_take_what_bitrix_writes_and_refuse_what_it_could_not(
    mariadb: MariaDB, schema: str, generation: Generation
) -> None:
    def execute(statement: str) -> None:
        mariadb.execute(statement, schema=schema)

    for _ in range(2):
        shop_tables.create(execute, generation)
    execute(USER.format(more="", values=""))
    for incomplete in (
        "INSERT INTO b_user (LOGIN, PASSWORD) VALUES ('boris', 'x')",
        "INSERT INTO b_user_stored_auth (USER_ID, STORED_HASH, DATE_REG, LAST_AUTH) VALUES (1, 'x', NOW(), NOW())",
        "INSERT INTO b_lang (LID, NAME, DIR) VALUES ('s1', 'Shop', '/')",
        "INSERT INTO b_sale_order (LID, PERSON_TYPE_ID, STATUS_ID, PRICE, CURRENCY, USER_ID) VALUES ('s1', 1, 'N', 1, 'RUB', 1)",
        "INSERT INTO b_sale_basket (ORDER_ID, PRODUCT_ID, PRICE, CURRENCY, LID, NAME) VALUES (1, 1, 1, 'RUB', 's1', 'Mug')",
        "INSERT INTO b_sale_order_payment (ORDER_ID, PAY_SYSTEM_ID, `SUM`, CURRENCY) VALUES (1, 1, 1, 'RUB')",
        "INSERT INTO b_sale_order_delivery (ORDER_ID, DATE_INSERT, DELIVERY_ID) VALUES (1, NOW(), 1)",
        "INSERT INTO b_sale_order_change (ORDER_ID, TYPE, DATE_CREATE) VALUES (1, 'ORDER_ADDED', NOW())",
    ):
        with pytest.raises(pymysql.Error):
            execute(f"SET STATEMENT sql_mode = 'STRICT_ALL_TABLES' FOR {incomplete}")


def test_the_generations_differ_where_the_cores_do(mariadb: MariaDB, schema: str) -> None:
    shop_tables.create(lambda statement: mariadb.execute(statement, schema=schema), "old")
    with pytest.raises(pymysql.Error, match="BLOCKED"):
        mariadb.execute(USER.format(more=", BLOCKED", values=", 'Y'"), schema=schema)
    old, new = (" ".join(shop_tables.statements(generation)) for generation in ("old", "new"))
    assert "b_user_session" not in old
    assert "b_user_session" in new
    assert "SEARCH_CONTENT" not in old
    assert "SEARCH_CONTENT" in new
    assert "[old]" not in old + new
    assert "[new]" not in old + new
