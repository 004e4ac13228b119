"""What a customer takes with him: whole, his alone, harmless wherever it is opened; made by a worker that may die."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from litestar.testing import TestClient
from sqlalchemy import text

from portal import worker
from portal.app import _letters
from portal.bitrix import tables
from portal.helpdesk import forgetting
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.service import erasing, exporting, taking
from portal.service.archive import Zip, picture, safe_name
from portal.service.exporting import Exporter
from portal.service.shop_changes import forget
from portal.store import exports, lanes, outbox
from portal.store.exports import Part
from portal.store.lanes import Lane
from portal.tokens import Tokens
from portal.web.files import EACH
from portal.web.site import Site
from tests.stage import ANNA, BORIS, EMAILS, PREFIX, PUBLIC_URL, Stage, stage
from tests.web.hostile import HOSTILE
from tests.web.states import NOW, make_pages

Browser = TestClient[Any]
HOME = {"origin": PUBLIC_URL, "sec-fetch-site": "same-origin"}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PAGES = make_pages()[0]
EXPORT, ARCHIVE = f"{PREFIX}/export", f"{PREFIX}/export/requests.zip"
EVIL_NAMES = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "CON",
    "a\u202egpj.exe",
    "same.txt",
    "same.txt",
    ".",
    "x" * 400 + ".pdf",
]


LOST = ("../../etc/passwd", ".")
"""The help desk itself does not find these again."""


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        made.prove(ANNA)
        made.prove(BORIS)
        yield made


def paper(name: str, content: bytes = b"canary", kind: str = "text/plain") -> dict[str, str]:
    return {"name": name, "type": kind, "base64": base64.b64encode(content).decode()}


def form(user: int = ANNA) -> dict[str, str]:
    return {"csrf": Tokens(["a-key-for-tests-only"]).sign("form", str(user), "form-1")}


def ask(browser: Browser, path: str = EXPORT, user: int = ANNA) -> Any:
    return browser.post(path, data=form(user), headers=HOME)


async def steps(shop: Stage, most: int) -> int:
    """So many steps of the worker at most; how many found something to do."""
    client = Client(shop.settings, shop.databases)
    shape = shop.databases.read_here(tables.inspect)
    exporter = Exporter(shop.settings, shop.databases, client, shape, _letters(PAGES))
    try:
        for taken in range(most):
            if not await worker._deliver(shop.databases, [exports.KIND], exporter.make):
                return taken
        return most
    finally:
        await client.close()


def make(shop: Stage, most: int = 50) -> int:
    return asyncio.run(steps(shop, most))


def opened(answer: Any) -> zipfile.ZipFile:
    assert answer.status_code == 200, answer.text
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    assert found.testzip() is None
    return found


def rows(shop: Stage, table: str) -> int:
    return int(shop.execute(f"SELECT COUNT(*) FROM {table}")[0][0])


def test_one_conversation_is_one_file_that_needs_nobody(shop: Stage) -> None:
    ticket = shop.ticket(
        ANNA, "Where <is> it?", "Hello <script>P()</script>", files=[paper("photo.png", PNG), paper("a.txt")]
    )
    shop.tell("operator/reply", ticket_id=ticket, text="We asked the courier")
    shop.tell("operator/note", ticket_id=ticket, text="internal-canary")
    with shop.client(ANNA) as anna:
        answer = anna.get(f"{EXPORT}/{ticket}.html", headers={"accept-language": "en"})
    page, headers = answer.text, answer.headers
    assert answer.status_code == 200 and headers["content-disposition"].startswith('attachment; filename="request-')
    assert (
        headers["content-security-policy"] == "default-src 'none'; sandbox"
        and headers["cache-control"] == "private, no-store"
    )
    assert f"{PUBLIC_URL}{PREFIX}/{ticket}" in page and "1. You" in page and "2. Support" in page and "UTC+3" in page
    assert f"data:image/png;base64,{base64.b64encode(PNG).decode()}" in page and "a.txt" in page
    assert "internal-canary" not in page and "<script" not in page and "<form" not in page
    assert page.count("src=") == 1 and "href=" not in page, "the picture is in it; nothing leads anywhere"


def test_only_what_is_a_picture_by_its_bytes_stands_in_the_page(shop: Stage) -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='P()'/>"
    files = [
        paper("a.svg", svg, "image/svg+xml"),
        paper("b.png", svg, "image/png"),
        paper("c.gif", b"GIF89a" + b"x" * 50),
    ]
    ticket = shop.ticket(ANNA, files=files)
    with shop.client(ANNA) as anna:
        page = anna.get(f"{EXPORT}/{ticket}.html").text
    assert page.count("data:image/") == 1 and "data:image/gif" in page and "onload" not in page
    assert all(file["name"] in page for file in files)


def test_pictures_that_are_too_large_or_too_many_are_named(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "PICTURE_BYTES", len(PNG) + 10)
    monkeypatch.setattr(taking, "PICTURES", 2)
    big = PNG + b"\0" * 20
    ticket = shop.ticket(ANNA, files=[paper("big.png", big), *(paper(f"{n}.png", PNG) for n in range(3))])
    with shop.client(ANNA) as anna:
        page = anna.get(f"{EXPORT}/{ticket}.html").text
    assert page.count("data:image/png") == 1, "of the first two one is too large"
    assert all(name in page for name in ("big.png", "0.png", "1.png", "2.png"))


def test_he_may_save_so_many_an_hour(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "FILES_TAKEN", ((2, 3600),))
    ticket = shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        site: Site = anna.app.dependencies["site"].dependency()
        site.open_files[ANNA] = EACH
        assert anna.get(f"{EXPORT}/{ticket}.html").status_code == 429, "those he has open fill the memory already"
        site.open_files.clear()
        shop.execute("DELETE FROM custom_hde_cursor WHERE name LIKE '%take%'")
        answers = [anna.get(f"{EXPORT}/{ticket}.html") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429] and int(answers[2].headers["retry-after"]) > 3500


def test_everything_comes_as_one_archive(shop: Stage) -> None:
    files = [paper(name, name.encode()) for name in EVIL_NAMES]
    mine = [shop.ticket(ANNA, f"Request {n}", f"text {n}", files=files if n == 1 else []) for n in range(3)]
    shop.tell("operator/note", ticket_id=mine[2], text="internal-canary")
    shop.ticket(BORIS, "Boris's canary")
    with shop.client(ANNA) as anna:
        assert anna.get(ARCHIVE).status_code == 404, "there is none yet"
        assert ask(anna).headers["location"] == EXPORT
        assert anna.get(ARCHIVE).status_code == 404, "it is not whole yet"
        assert "data-archive" in anna.get(EXPORT).text
        assert make(shop) == 1
        assert ARCHIVE in anna.get(EXPORT).text
        site: Site = anna.app.dependencies["site"].dependency()
        site.open_files[ANNA] = EACH
        assert anna.get(ARCHIVE).status_code == 429, "he holds enough already"
        site.open_files.clear()
        answer = anna.get(ARCHIVE)
        assert not site.open_files
    assert answer.headers["content-type"] == "application/zip" and "attachment" in answer.headers["content-disposition"]
    found = opened(answer)
    names = found.namelist()
    assert len(names) == len(set(names)) == 2 + 2 * 3 + len(EVIL_NAMES) - len(LOST)
    everything = b"".join(found.read(name) for name in names)
    assert b"internal-canary" not in everything and b"Boris" not in everything
    listed = json.loads(found.read("requests.json"))
    assert listed["version"] == 1 and listed["left_out"] == 0
    assert [one["subject"] for one in listed["requests"]] == ["Request 2", "Request 1", "Request 0"]
    told = json.loads(found.read(listed["requests"][1]["data"]))
    assert told["subject"] == "Request 1" and told["messages"][0]["from"] == "customer"
    given = {file["name"]: file for file in told["messages"][0]["files"] if file["path"] is None}
    assert set(given) == set(LOST) and {file["left_out"] for file in given.values()} == {"not_there"}
    paths = {file["path"] for file in told["messages"][0]["files"]} - {None}
    assert paths == {name for name in names if name.startswith("files/")}
    index = found.read("index.html").decode()
    assert all(f'href="{one["page"]}"' in index for one in listed["requests"])
    page = found.read(listed["requests"][1]["page"]).decode()
    assert 'href="../files/' in page and f"{PUBLIC_URL}{PREFIX}/{mine[1]}" in page


def test_no_name_in_the_archive_leads_out_of_it_or_deceives() -> None:
    for number, name in enumerate(
        [*EVIL_NAMES, "a/b", "C:\\x", "nul.txt", "\x00\x1f", "tab\there", "…/..", "~root", "a" * 90]
    ):
        safe = f"{number:02}-{safe_name(name, 'file')}"
        path = PurePosixPath("files/1") / safe
        assert path.parent == PurePosixPath("files/1") and ".." not in path.parts
        assert (
            safe.isprintable()
            and not set(safe) & set('/\\:*?"<>|')
            and len(safe) <= 90
            and not safe.endswith((".", " "))
        )
    assert safe_name("отчёт за май.pdf", "file") == "отчёт за май.pdf" and safe_name("README", "file") == "README"
    assert safe_name("x" * 400 + ".pdf", "file").endswith(".pdf") and safe_name("..", "file") == "file"


def test_a_zip_grows_as_it_is_read() -> None:
    made, parts = Zip(NOW), [Part(1, "a.txt", b"one "), Part(2, "a.txt", b"two"), Part(3, "ё.txt", b"")]
    whole = b"".join([*(made.add([part]) for part in parts), made.end()])
    found = zipfile.ZipFile(io.BytesIO(whole))
    assert {name: found.read(name) for name in found.namelist()} == {"a.txt": b"one two", "ё.txt": b""}


def test_a_picture_is_told_by_how_it_begins() -> None:
    assert str(picture(PNG)).startswith("data:image/png;base64,")
    for other in (b"", b"<svg onload=P()>", b"<html>", b"%PDF-1.4", b" " + PNG, b"RIFF....WAVE"):
        assert picture(other) is None


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies in each request after its files are kept, and before it is done."""
    for n in range(4):
        shop.ticket(ANNA, f"Request {n}", files=[paper("a.txt", b"canary" * 100)])
    monkeypatch.setattr(exporting, "SLICE", 2)
    written, dies = Exporter._written, iter([True, False, False, True, False, False, False, False])

    class Killed(BaseException):
        pass

    def fails(self: Exporter, *args: Any) -> Any:
        if next(dies):
            raise Killed
        return written(self, *args)

    monkeypatch.setattr(Exporter, "_written", fails)
    done = []
    with shop.client(ANNA) as anna:
        ask(anna)
        for _ in range(6):
            try:
                make(shop)
            except Killed:
                done.append(shop.execute("SELECT done, total FROM custom_hde_export")[0])
                assert make(shop) == 0, "its lease protects it"
                shop.execute("UPDATE custom_hde_outbox SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
        assert done == [(0, 4), (2, 4)], "what was done is not done again"
        found = opened(anna.get(ARCHIVE))
    assert len(found.namelist()) == len(set(found.namelist())) == 2 + 4 * 3
    papers = [found.read(name) for name in found.namelist() if name.startswith("files/")]
    assert papers == [b"canary" * 100] * 4, "what was begun and not ended does not stand beside it"


def test_while_it_is_made_it_says_how_far_it_is_and_no_second_one_is_begun(
    shop: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "SLICE", 2)
    for n in range(5):
        shop.ticket(ANNA, f"Request {n}")
    with shop.client(ANNA) as anna:
        for _ in range(3):
            assert ask(anna).status_code == 303
        assert rows(shop, "custom_hde_outbox") == 1
        assert make(shop, 1) == 1
        page = anna.get(EXPORT, headers={"accept-language": "en"}).text
        assert "2 of 5" in page and '<meta http-equiv="refresh"' in page
        assert make(shop) == 2


def test_it_is_made_in_the_last_lane(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the worker's own list of steps has it."""
    told: list[Lane] = []

    async def look(self: Exporter, job: Any) -> None:
        told.append(lanes.current())
        await self._databases.run(outbox.finish, job)

    monkeypatch.setattr(Exporter, "make", look)
    with shop.client(ANNA) as anna:
        ask(anna)
    shape = shop.databases.read_here(tables.inspect)

    async def run() -> None:
        client = Client(shop.settings, shop.databases)
        made = worker.steps(shop.settings, shop.databases, client, Tokens(["k"]), _letters(PAGES), shape, None)
        (step,) = [one for one in made if getattr(one, "topics", None) == [exports.KIND]]
        await step()
        await client.close()

    asyncio.run(run())
    assert told == [Lane.BACKFILL]


def test_so_many_archives_a_day(shop: Stage) -> None:
    shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        for _ in range(3):
            assert ask(anna).status_code == 303
            make(shop)
        before = rows(shop, "custom_hde_export_part")
        answer = ask(anna)
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 80_000
        assert rows(shop, "custom_hde_export_part") == before, "the one he has stays"
        assert anna.get(ARCHIVE).status_code == 200


def ready(shop: Stage, browser: Browser) -> None:
    ask(browser)
    make(shop)
    assert browser.get(ARCHIVE).status_code == 200


@pytest.mark.parametrize("loss", ["withdrawn", "address", "shared", "moved", "blocked"])
def test_who_lost_sight_gets_nothing(shop: Stage, loss: str) -> None:
    ticket = shop.ticket(ANNA)
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:
        ready(shop, anna)
        assert boris.get(ARCHIVE).status_code == 404 and ARCHIVE not in boris.get(EXPORT).text
        anna.cookies.set("portal_flash", "x")
        if loss == "withdrawn":
            shop.execute(f"UPDATE custom_hde_user_map SET sees = 0 WHERE user_id = {ANNA}")
        elif loss == "address":
            shop.execute(f"UPDATE b_user SET EMAIL = 'other@shop.example' WHERE ID = {ANNA}")
        elif loss == "shared":
            shop.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
        elif loss == "blocked":
            shop.execute(f"UPDATE b_user SET ACTIVE = 'N' WHERE ID = {ANNA}")
        else:
            shop.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
            boris.get(f"{PREFIX}/")  # by his list we learn of it
        answer = anna.get(ARCHIVE)
    assert answer.status_code in ((302, 404) if loss == "blocked" else (404,)) and b"PK" not in answer.content[:2]


def test_a_request_that_is_no_longer_his_when_it_is_its_turn_is_left_out(shop: Stage) -> None:
    ticket, other = shop.ticket(ANNA, "Moved canary"), shop.ticket(ANNA, "Stays")
    with shop.client(ANNA) as anna:
        ask(anna)
        shop.databases.run_here(decided, {one: shop.state.tickets[one].user_id for one in (ticket, other)})
        shop.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
        make(shop)
        found = opened(anna.get(ARCHIVE))
    assert b"Moved canary" not in b"".join(found.read(name) for name in found.namelist())
    assert len(json.loads(found.read("requests.json"))["requests"]) == 1


def decided(unit: Any, tickets: dict[int, int]) -> None:
    """It is decided which requests go into the archive."""
    plan = {"email": EMAILS[ANNA], "contacts": [], "own": [], "tickets": list(tickets.items()), "more": 0, "gone": []}
    told = {"plan": json.dumps(plan).encode(), "total": len(tickets)}
    unit.state.execute(text("UPDATE custom_hde_export SET plan = :plan, total = :total"), told)


@pytest.mark.parametrize("when", ["before", "between"])
def test_nothing_is_left_of_a_customer_who_was_deleted_meanwhile(
    shop: Stage, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(exporting, "SLICE", 1)
    for n in range(3):
        shop.ticket(ANNA, f"Request {n}")
    with shop.client(ANNA) as anna:
        ask(anna)
        if when == "between":
            make(shop, 1)
            assert rows(shop, "custom_hde_export_part") > 0
    shop.execute(f"DELETE FROM b_user WHERE ID = {ANNA}")
    if when == "before":
        make(shop)
    else:
        shop.databases.run_here(forget, ANNA)
        make(shop)
    for table in ("custom_hde_export", "custom_hde_export_part"):
        assert rows(shop, table) == 0, table
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_outbox WHERE kind = 'take.all'") == [(0,)]


def test_a_worker_whose_archive_was_given_up_adds_nothing(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.ticket(ANNA)
    written = Exporter._written

    def gives_up(self: Exporter, *args: Any) -> Any:
        shop.databases.run_here(exports.drop, ANNA)
        return written(self, *args)

    monkeypatch.setattr(Exporter, "_written", gives_up)
    with shop.client(ANNA) as anna:
        ask(anna)
        make(shop)
        assert anna.get(ARCHIVE).status_code == 404
    assert rows(shop, "custom_hde_export_part") == 0


def test_a_help_desk_that_is_away_is_waited_for_and_costs_no_attempt(shop: Stage) -> None:
    shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        ask(anna)
        shop.tell("faults", kind="status", value=503)
        make(shop)
        assert shop.execute("SELECT state, attempts FROM custom_hde_outbox") == [(b"waiting", 0)]


def test_files_beyond_the_bounds_are_named_with_the_reason(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "FILE_BYTES", 100)
    monkeypatch.setattr(exporting, "FILES_BYTES", 150)
    shop.ticket(ANNA, files=[paper("big.bin", b"x" * 101), paper("a.bin", b"x" * 100), paper("b.bin", b"x" * 100)])
    with shop.client(ANNA) as anna:
        ready(shop, anna)
        found = opened(anna.get(ARCHIVE))
    told = json.loads(found.read(json.loads(found.read("requests.json"))["requests"][0]["data"]))
    assert [(file["name"], file["left_out"]) for file in told["messages"][0]["files"]] == [
        ("big.bin", "too_large"), ("a.bin", None), ("b.bin", "too_large")
    ]  # fmt: skip


def test_no_mass_of_pages_fills_the_disk(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "WHOLE_BYTES", 1)
    for n in range(3):
        shop.ticket(ANNA, f"Request {n}")
    with shop.client(ANNA) as anna:
        ready(shop, anna)
        found = opened(anna.get(ARCHIVE))
    told = json.loads(found.read("requests.json"))
    assert ([one["subject"] for one in told["requests"]], told["left_out"]) == (["Request 2"], 2)


def test_it_is_kept_for_a_day_and_then_swept(shop: Stage) -> None:
    shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        ready(shop, anna)
        assert shop.databases.run_here(exports.sweep) == 0
        shop.execute("UPDATE custom_hde_export SET finished_at = finished_at - INTERVAL 25 HOUR")
        assert anna.get(ARCHIVE).status_code == 404
        assert shop.databases.run_here(exports.sweep) > 1
    assert (rows(shop, "custom_hde_export"), rows(shop, "custom_hde_export_part")) == (0, 0)


def test_an_archive_that_is_deleted_while_it_is_fetched_is_no_whole_one(
    shop: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE_ROWS", 1)
    after, asked = exports.after, []

    def deletes(unit: Any, *told: Any) -> list[Part]:
        asked.append(told)
        if len(asked) == 2:
            exports.drop(unit, ANNA)
        return after(unit, *told)

    shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        ready(shop, anna)
        monkeypatch.setattr(exports, "after", deletes)
        found = anna.get(ARCHIVE).content
    assert len(asked) == 2
    assert not zipfile.is_zipfile(io.BytesIO(found)), "where it is served it breaks off"


def test_a_request_that_went_to_whom_we_have_no_list_of_takes_the_archive_away(shop: Stage) -> None:
    ticket = shop.ticket(ANNA, "Moved canary")
    with shop.client(ANNA) as anna:
        ready(shop, anna)
        shop.tell("operator/move", ticket_id=ticket, email="nobody@shop.example")
        shop.databases.run_here(forgetting.forget, ticket, None)
        asyncio.run(renewed(shop, ticket))
        assert anna.get(ARCHIVE).status_code == 404


async def renewed(shop: Stage, ticket: int) -> None:
    """The worker reads the conversation again."""
    client = Client(shop.settings, shop.databases)
    cache = Cache(client, shop.databases, 60)
    await cache.conversation(ticket, asyncio.get_running_loop().time() + 5)
    await cache.close()
    await client.close()


def test_nothing_is_read_for_an_archive_that_was_given_up(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(31):
        shop.ticket(ANNA, f"Request {n}")
    tickets = Cache.tickets

    async def erases(self: Cache, contact: int, page: int, until: float) -> Any:
        found = await tickets(self, contact, page, until)
        if page == 1:
            person = await shop.databases.read(
                taking.person_of, shop.settings, shop.databases.read_here(tables.inspect), ANNA
            )
            await shop.databases.run(erasing.erase, person)
        return found

    with shop.client(ANNA) as anna:
        ask(anna)
        monkeypatch.setattr(Cache, "tickets", erases)
        make(shop)
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_snapshot WHERE body IS NOT NULL AND kind <> 'listed'") == [
        (0,)
    ]
    assert rows(shop, "custom_hde_ticket") == 0


def test_who_sees_nothing_has_nothing_to_take(shop: Stage) -> None:
    shop.execute("DELETE FROM custom_hde_user_map")
    with shop.client(ANNA) as anna:
        assert "<form" not in anna.get(EXPORT).text
        assert ask(anna).status_code == 303
    assert rows(shop, "custom_hde_export") == 0


def test_hostile_words_stay_words_in_a_file(shop: Stage) -> None:
    ticket = shop.ticket(ANNA, '"><script>P()</script>', "x", files=[paper('"><script>P()</script>.png', PNG)])
    for piece in HOSTILE[:40]:
        shop.tell("operator/reply", ticket_id=ticket, html=piece.encode("utf-8", "replace").decode())
    with shop.client(ANNA) as anna:
        page = anna.get(f"{EXPORT}/{ticket}.html").text
    tags = set(re.findall(r"<([a-z]\w*)", page.lower()))
    assert not tags & {"script", "iframe", "form", "base", "link", "object", "embed", "svg", "input", "video"}
    assert not re.search(r"<[a-z][^>]*\son\w+=", page.lower()) and page.count('src="') == page.count(
        'src="data:image/png;'
    )
