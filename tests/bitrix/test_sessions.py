"""The gate as a whole, on a real MariaDB: whom a pair of cookies stands for."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from portal.bitrix import session_stores, users
from portal.bitrix.sessions import Gate
from portal.database import Unit
from portal.errors import WrongSettings
from tests.bitrix.conftest import Files
from tests.bitrix.world import ANNA, BORIS, HOME, NOW, SID, Shop, Sql, auth, serialize, session, signed_in

SECRET = "aB3" + "x" * 29


def who(shop: Shop, gate: Gate, cookies: str, **more: Any) -> int:
    """The id of whoever is signed in, 0 for nobody."""
    found = shop.sign_in(gate, cookies, **more)
    return found.customer.id if found else 0


@pytest.mark.parametrize("generation", ["A", "B", "C"])
@pytest.mark.parametrize("handler", ["php", "php_serialize", "php_binary"])
def test_anna_is_signed_in_by_her_session_file(shop: Shop, files: Files, generation: str, handler: str) -> None:
    found = shop.sign_in(shop.gate(files.setting), files.write(signed_in(generation, handler=handler)))
    assert found
    assert (found.customer.id, found.customer.email, found.customer.name) == (ANNA, "anna@shop.example", "Анна Иванова")
    assert found.set_cookies == ()


def test_on_the_core_of_2017_too(old_shop: Shop, files: Files) -> None:
    gate = old_shop.gate(files.setting)
    assert who(old_shop, gate, files.write(signed_in("A"))) == ANNA
    old_shop.logout(ANNA)
    assert who(old_shop, gate, files.write(signed_in("A"))) == 0


@pytest.mark.parametrize("save_path", ["1;{}", "2;{}", "2;600;{}", "0;{}"])
def test_folders_in_levels(shop: Shop, tmp_path: Path, save_path: str) -> None:
    folder = tmp_path.joinpath(*SID[: int(save_path[0])])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"sess_{SID}").write_bytes(signed_in())
    assert who(shop, shop.gate("files://" + save_path.format(tmp_path)), f"PHPSESSID={SID}") == ANNA


@pytest.mark.parametrize(("sessions", "table"), [("database:", "b_user_session"), ("security:", "b_sec_session")])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_sessions_in_tables_at_every_depth_of_base64(shop: Shop, sessions: str, table: str, depth: int) -> None:
    data = signed_in("C")
    for _ in range(depth):
        data = base64.b64encode(data)
    shop.insert(table, SESSION_ID=SID, TIMESTAMP_X=Sql("NOW()"), SESSION_DATA=data)
    assert who(shop, shop.gate(sessions), f"PHPSESSID={SID}") == ANNA
    assert who(shop, shop.gate(sessions), f"PHPSESSID={SID.upper()}") == 0, "the collation folds case, an id does not"
    assert who(shop, shop.gate(sessions), f"PHPSESSID={SID[:-1]}6") == 0


def test_a_row_that_is_being_replaced_is_looked_for_once_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "SESSION_ID": SID,
        "TIMESTAMP_X": Sql("NOW()"),
        "SESSION_DATA": base64.b64encode(base64.b64encode(signed_in("C"))),
    }
    gate = shop.gate("database:")
    monkeypatch.setattr(session_stores.time, "sleep", lambda _seconds: shop.insert("b_user_session", **row))
    assert who(shop, gate, f"PHPSESSID={SID}") == ANNA


def test_made_up_session_ids_do_not_hold_up_all_threads(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, go_on, waiting = shop.gate("database:"), threading.Event(), []

    def wait(_seconds: float) -> None:
        waiting.append(threading.current_thread())
        go_on.wait(10)

    monkeypatch.setattr(session_stores.time, "sleep", wait)
    threads = [threading.Thread(target=who, args=(shop, gate, f"PHPSESSID=madeup{n}")) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        if thread not in waiting:
            thread.join(2)
    assert sum(thread.is_alive() for thread in threads) == session_stores.GAP_WAITERS == len(waiting)
    go_on.set()
    for thread in threads:
        thread.join()


def test_a_store_that_the_shop_has_not_is_told_at_start(old_shop: Shop) -> None:
    with pytest.raises(WrongSettings, match="b_user_session"):
        old_shop.gate("database:")


def test_a_folder_that_is_not_there_is_told_at_start(
    shop: Shop, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    shop.gate(files.setting)
    assert "PORTAL_SESSIONS" not in caplog.text
    gate = shop.gate(f"{files.setting}/gone")
    assert "PORTAL_SESSIONS" in caplog.text
    assert who(shop, gate, f"PHPSESSID={SID}") == 0


def test_files_that_cannot_be_read_are_told(
    shop: Shop, files: Files, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, cookies = shop.gate(files.setting), files.write(signed_in())
    monkeypatch.setattr(session_stores._unreadable, "_next", 0.0)

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")  # as for a process that is not the web server's user

    with monkeypatch.context() as patched:
        patched.setattr(session_stores.os, "open", refused)
        assert who(shop, gate, cookies) == who(shop, gate, cookies) == 0
    assert caplog.text.count("Permission denied") == 1
    assert SID not in caplog.text
    assert who(shop, gate, cookies) == ANNA


def test_b_user_decides_in_the_end(shop: Shop, files: Files) -> None:
    gate, cookies = shop.gate(files.setting), files.write(signed_in())
    assert who(shop, gate, cookies) == ANNA
    for change in ("ACTIVE = 'N'", "BLOCKED = 'Y'"):
        shop.execute(f"UPDATE b_user SET {change} WHERE ID = {ANNA}")
        assert who(shop, gate, cookies) == 0
        shop.execute(f"UPDATE b_user SET ACTIVE = 'Y', BLOCKED = 'N' WHERE ID = {ANNA}")
        assert who(shop, gate, cookies) == ANNA
    shop.execute(f"DELETE FROM b_user WHERE ID = {ANNA}")
    assert who(shop, gate, cookies) == 0


def test_a_session_that_ends_in_the_store_ends_here_at_once(shop: Shop, files: Files) -> None:
    gate, cookies = shop.gate(files.setting), files.write(signed_in())
    assert who(shop, gate, cookies) == ANNA
    files.write(session(SESS_AUTH={"POLICY": {}}))
    assert who(shop, gate, cookies) == 0
    files.write(signed_in("A", sess_auth=auth("A", BORIS)))
    assert who(shop, gate, cookies) == BORIS
    (files.folder / f"sess_{SID}").unlink()
    assert who(shop, gate, cookies) == 0


def test_the_checks_of_a_hit_run_again_for_the_same_bytes(shop: Shop, files: Files) -> None:
    gate, cookies = shop.gate(files.setting), files.write(signed_in())
    assert who(shop, gate, cookies, now=NOW) == ANNA
    assert who(shop, gate, cookies, now=NOW + 24 * 60) == 0
    assert who(shop, gate, cookies, now=NOW) == ANNA


@pytest.mark.parametrize(
    "ended", [{"IS_EXPIRED": True}, {"SESS_TIME": 5}, {"BX_SESSION_SIGN": "x" * 32}, {"BX_SESSION_TERMINATE_TIME": 5}]
)
def test_a_session_that_bitrix_would_end_is_nobody(shop: Shop, files: Files, ended: dict[str, Any]) -> None:
    assert who(shop, shop.gate(files.setting), files.write(signed_in(**ended))) == 0


def test_the_sign_is_that_of_this_shop(shop: Shop, files: Files) -> None:
    shop.option("server_uniq_id", "u" * 32)
    sign = sign_of("u" * 32)
    assert who(shop, shop.gate(files.setting), files.write(signed_in(BX_SESSION_SIGN=sign))) == ANNA
    assert who(shop, shop.gate(files.setting), files.write(signed_in(BX_SESSION_SIGN=sign_of("v")))) == 0


def sign_of(uniq: str) -> bytes:
    return hashlib.md5(f"nobody{uniq}nowhere".encode()).hexdigest().encode()


def test_a_renewed_id_leads_to_the_new_session_once_and_not_for_long(shop: Shop, files: Files) -> None:
    gate, new = shop.gate(files.setting), "n" * 32
    files.write(signed_in(), new)
    cookies = files.write(signed_in(destroyed=int(NOW) - 90, newSid=new))
    assert who(shop, gate, cookies) == ANNA
    assert who(shop, gate, cookies, now=NOW + 11) == 0, "after 100 s the old id is nobody's"
    files.write(signed_in(destroyed=int(NOW) - 90, newSid="m" * 32), new)
    files.write(signed_in(), "m" * 32)
    assert who(shop, gate, cookies) == 0, "only one step is followed"
    files.write(signed_in(destroyed=int(NOW) - 90, newSid=SID))
    assert who(shop, gate, cookies) == 0, "and no circle"
    files.write(signed_in(destroyed=int(NOW) - 90, newSid="../../etc/passwd"))
    assert who(shop, gate, cookies) == 0
    files.write(signed_in(destroyed=int(NOW) - 90))
    assert who(shop, gate, cookies) == 0, "nobody knows where it went"


def test_a_forced_logout_ends_the_sessions_that_were_there_before(shop: Shop, files: Files) -> None:
    gate, cookies = shop.gate(files.setting), files.write(signed_in())
    shop.logout(BORIS, 40)
    assert who(shop, gate, cookies) == ANNA, "another's logout is not hers"
    shop.logout(ANNA, 41)
    assert who(shop, gate, cookies) == 0
    files.write(signed_in(AUTH_ACTIONS_PERFORMED={41: True}))
    assert who(shop, gate, cookies) == ANNA, "a session that began after it has it on its list"
    shop.logout(ANNA, 42)
    assert who(shop, gate, cookies) == 0
    files.write(signed_in(sess_auth=auth("C", AUTH_ACTION_SKIP_LOGOUT=True)))
    assert who(shop, gate, cookies) == ANNA, "she changed her own password here"


@pytest.mark.parametrize(
    "row", [{"ACTION": "update"}, {"APPLICATION_ID": "calendar"}, {"when": "NOW() + INTERVAL 1 HOUR"}]
)
def test_rows_that_are_no_logout_now_end_nothing(shop: Shop, files: Files, row: dict[str, Any]) -> None:
    shop.logout(ANNA, 41, **row)
    assert who(shop, shop.gate(files.setting), files.write(signed_in())) == ANNA


def test_a_forced_logout_is_not_undone_by_the_remembered_sign_in(shop: Shop, files: Files) -> None:
    shop.stored(ANNA, SECRET)
    shop.logout(ANNA)
    remembered = f"BITRIX_SM_UIDL=anna; BITRIX_SM_UIDH={SECRET}"
    gate = shop.gate(files.setting)
    assert who(shop, gate, f"{files.write(signed_in())}; {remembered}") == 0
    assert who(shop, gate, remembered) == ANNA, "alone it begins a new session, which the logout does not concern"


def test_a_session_without_its_policy_gets_that_of_the_groups(shop: Shop, files: Files) -> None:
    array = auth("A")
    del array["POLICY"]
    gate, cookies = shop.gate(files.setting), files.write(signed_in(sess_auth=array, SESS_TIME=int(NOW) - 16 * 60))
    shop.group(2, None)
    assert who(shop, gate, cookies) == ANNA
    shop.group(5, serialize({"SESSION_TIMEOUT": 15}), ANNA)
    assert who(shop, gate, cookies) == 0


def test_the_session_cookie_has_the_name_that_php_ini_gave_it(shop: Shop, files: Files) -> None:
    files.write(signed_in())
    gate = shop.gate(files.setting, session_cookie="SHOPSESSID")
    assert who(shop, gate, f"SHOPSESSID={SID}") == ANNA
    assert who(shop, gate, f"PHPSESSID={SID}") == 0


def test_the_first_cookie_of_a_name_counts(shop: Shop, files: Files) -> None:
    files.write(signed_in(), SID)
    files.write(signed_in(sess_auth=auth("A", BORIS)), "boris-session")
    gate = shop.gate(files.setting)
    assert who(shop, gate, f"PHPSESSID={SID}; PHPSESSID=boris-session") == ANNA
    assert who(shop, gate, f"PHPSESSID=boris-session; PHPSESSID={SID}") == BORIS
    assert who(shop, gate, f"PHPSESSID={SID}; PHPSESSID[x]=boris-session") == 0, "in PHP it is an array now, and no id"


@pytest.mark.parametrize(
    "cookies",
    [
        "", ";", "=", "PHPSESSID", "PHPSESSID=", "PHPSESSID=../sess_x", "PHPSESSID=" + "a" * 5, "PHPSESSID=" + "a" * 251, "PHPSESSID=abc%00def",
        "PHPSESSID=abcdef%0A", "PHPSESSID=%D0%90" * 10, "PHPSESSID=abcdef ", "PHPSESSID=/etc/passwd", "\xff=\xfe", "PHPSESSID=" + "a," * 20,
        "x" * 100_000, "a=1;" * 20_000, "BITRIX_SM_UIDL=anna; BITRIX_SM_UIDH=%FF%FE", "BITRIX_SM_UIDL=%FF; BITRIX_SM_UIDH=" + "a" * 32,
        "BITRIX_SM_UIDL=%00%27; BITRIX_SM_UIDH=" + "a" * 32, "BITRIX_SM_UIDL=%F0%9F%98%80; BITRIX_SM_UIDH=" + "а" * 16,
    ],
)  # fmt: skip
def test_cookies_of_every_broken_kind_are_nobody(shop: Shop, files: Files, cookies: str) -> None:
    for gate in (shop.gate(files.setting), shop.gate("files://2;" + str(files.folder)), shop.gate("security:")):
        assert who(shop, gate, cookies.encode().decode("latin-1")) == 0


def test_files_of_every_broken_kind_are_nobody(shop: Shop, files: Files) -> None:
    good, gate = signed_in(), shop.gate(files.setting)
    for data in (
        b"",
        good[:-1],
        good[1:],
        good + b"x",
        b"\0" * 5000,
        os.urandom(5000),
        good * 100 + b"?",
        b"<?php",
        b"{}",
        good.replace(b"a:", b"b:"),
    ):
        assert who(shop, gate, files.write(data)) == 0, data[:40]
    path = files.folder / f"sess_{SID}"
    path.unlink()
    path.mkdir()
    assert who(shop, gate, f"PHPSESSID={SID}") == 0
    path.rmdir()
    os.mkfifo(path)
    assert who(shop, gate, f"PHPSESSID={SID}") == 0
    path.unlink()
    (files.folder / "elsewhere").write_bytes(good)
    path.symlink_to(files.folder / "elsewhere")
    assert who(shop, gate, f"PHPSESSID={SID}") == 0, "PHP follows no link either"
    path.unlink()
    with path.open("wb") as file:
        file.truncate(session_stores.MAX_BYTES + 1)
    assert who(shop, gate, f"PHPSESSID={SID}") == 0


def test_a_page_that_keeps_its_session_locked_does_not_sign_anybody_out(
    shop: Shop, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, cookies = shop.gate(files.setting), files.write(signed_in())
    waits: list[float] = []
    monkeypatch.setattr(session_stores.time, "sleep", waits.append)
    with (files.folder / f"sess_{SID}").open("rb") as page:
        fcntl.flock(page, fcntl.LOCK_EX)
        assert who(shop, gate, cookies) == ANNA
    assert 0 < sum(waits) < 0.05


def test_a_write_half_done_is_waited_for(shop: Shop, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, cookies = shop.gate(files.setting), files.write(b"")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if waits.count(session_stores.TORN_WAIT) == 2:
            files.write(signed_in())

    monkeypatch.setattr(session_stores.time, "sleep", sleep)
    with (files.folder / f"sess_{SID}").open("rb") as page:
        fcntl.flock(page, fcntl.LOCK_EX)
        assert who(shop, gate, cookies) == ANNA
    assert waits.count(session_stores.TORN_WAIT) == 3, (
        "an empty file says nothing, and what was read once is read again"
    )


def test_the_options_of_the_shop_are_read_once_a_minute(
    shop: Shop, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    options = users.options

    def counted(unit: Unit) -> users.ShopOptions:
        asked.append(1)
        return options(unit)

    monkeypatch.setattr(users, "options", counted)
    gate, cookies = shop.gate(files.setting), files.write(signed_in())
    for _ in range(3):
        assert who(shop, gate, cookies) == ANNA
    assert len(asked) == 1


def test_twenty_thousand_mutants_are_anna_or_nobody(shop: Shop, files: Files) -> None:
    """Broken bytes, never made ones: PHP's sessions carry no seal, so bytes that are a whole session of Boris's are Boris.

    What must not be is a step from broken bytes to another person. Boris's id stands in Anna's session, in her groups and
    her texts; it is far from her own, so only a reader that loses its place could take it for hers.
    """
    random_ = random.Random(20261123)
    note = f'x";USER_ID";s:7:"{BORIS}";i:{BORIS};"AUTHORIZED";s:1:"Y"'
    sources = [
        signed_in(
            generation,
            handler=handler,
            CART={"note": note, "ids": [BORIS, str(BORIS)], f"{BORIS}": BORIS},
            SEEN={BORIS: True},
        )
        for generation in ("A", "B", "C")
        for handler in ("php", "php_serialize", "php_binary")
    ]
    sources = [source.replace(b'"GROUPS";a:2:{i:0;i:2;', b'"GROUPS";a:2:{i:0;i:%d;' % BORIS) for source in sources]
    gate, seen = shop.gate(files.setting), {0: 0, ANNA: 0}

    def all_of_them(unit: Unit) -> None:
        for n in range(20_000):
            cookies = files.write(mutant(random_, sources[n % len(sources)]))
            found = gate.sign_in(unit, cookies, HOME, NOW)
            seen[found.customer.id if found else 0] += 1

    shop.read(all_of_them)
    assert seen[0] > 5_000
    assert seen[ANNA] > 500, "some leave her session as it was for our purposes, and are read"


def mutant(random_: random.Random, source: bytes) -> bytes:
    """One to three bytes flipped, cut, doubled, moved, or a length that lies."""
    data = bytearray(source)
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        at, length = random_.randrange(len(data)), random_.randrange(1, 40)
        match random_.randrange(7):
            case 0:
                data[at] ^= 1 << random_.randrange(8)
            case 1:
                data[at] = random_.randrange(256)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case 5:
                there = random_.randrange(len(data))
                data[there:there] = bytes(data[at : at + length])
            case 6:
                digits = [i for i, byte in enumerate(data) if 0x30 <= byte <= 0x39]
                if digits:
                    data[random_.choice(digits)] = random_.choice(b"0123456789")
        if not data:
            return b""
    return bytes(data)


def test_base64_is_taken_off_and_nothing_else() -> None:
    data = signed_in("C")
    for spelled in (
        data,
        base64.b64encode(data),
        base64.encodebytes(data),
        base64.b64encode(base64.b64encode(data)) + b"\n",
    ):
        assert session_stores.decoded(spelled) == data
    for other in (b"", b"====", b"abc", b"ab=c", b" " * 1_000_000 + b"!"):
        assert session_stores.decoded(other) == other


def test_a_session_may_be_megabytes_but_not_anything(shop: Shop, files: Files) -> None:
    gate, rest = shop.gate(files.setting), len(signed_in(CART="")) + 10
    for size, user_id in ((session_stores.MAX_BYTES - rest, ANNA), (session_stores.MAX_BYTES, 0)):
        assert who(shop, gate, files.write(signed_in(CART="x" * size))) == user_id


def test_an_id_too_short_for_the_folders_names_no_session(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "a/b/c/d/e/f").mkdir(parents=True)
    for session_id, user_id in (("abcdef", 0), ("abcdefg", ANNA)):
        (tmp_path / f"a/b/c/d/e/f/sess_{session_id}").write_bytes(signed_in())
        assert who(shop, shop.gate(f"files://6;{tmp_path}"), f"PHPSESSID={session_id}") == user_id, "as in PHP"
