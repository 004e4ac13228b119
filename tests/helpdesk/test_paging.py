"""Pages that shift, repeat themselves and are not there: the newest rows are found, or it is said that they are not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from portal.errors import HelpdeskGarbled
from portal.helpdesk.paging import first_pages, last_pages
from tests.helpdesk.conftest import run

PER_PAGE = 3


class Listed:
    """A list of ids, oldest first; `before` a page is told, something may happen to it."""

    def __init__(self, count: int, before: Callable[[Listed, int], None] = lambda _listed, _page: None) -> None:
        self.ids = list(range(1, count + 1))
        self.asked: list[int] = []
        self._before = before

    async def __call__(self, page: int) -> dict[str, Any]:
        self._before(self, page)
        self.asked.append(page)
        shown = self.ids[(page - 1) * PER_PAGE : page * PER_PAGE]
        pages = max(1, -(-len(self.ids) // PER_PAGE))
        return {"data": [{"id": number} for number in shown], "pagination": {"total_pages": pages}}


def ids(rows: Sequence[Any]) -> list[int]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("count", "newest", "asked"),
    [(0, 0, [1]), (3, 3, [1]), (4, 4, [1, 2]), (9, 9, [1, 2, 3]), (10, 4, [1, 3, 4]), (12, 6, [1, 3, 4]),
     (300, 6, [1, 99, 100])],
)  # fmt: skip
def test_the_last_pages_are_the_newest_rows(count: int, newest: int, asked: list[int]) -> None:
    listed = Listed(count)
    assert ids(run(last_pages(listed, 2))) == listed.ids[count - newest :]
    assert listed.asked == asked


def test_a_page_begun_a_moment_ago_does_not_hide_the_one_before() -> None:
    """Ours was the last of a full page when somebody else began the next."""
    listed = Listed(31)
    assert 30 in ids(run(last_pages(listed, 2)))
    assert 30 not in ids(run(last_pages(listed, 1))), "the control: with one page it would seem to be missing"


def test_rows_that_come_while_it_is_read_are_read_too() -> None:
    def one_more(listed: Listed, page: int) -> None:
        if page > 1:
            listed.ids.append(listed.ids[-1] + 1)

    listed = Listed(30, one_more)
    found = ids(run(last_pages(listed, 2)))
    assert found[-1] == listed.ids[-1] and found == sorted(set(found))
    assert listed.asked == [1, 9, 10, 11]


def test_a_list_that_grows_as_fast_as_it_is_read_ends() -> None:
    def many_more(listed: Listed, _page: int) -> None:
        listed.ids += range(listed.ids[-1] + 1, listed.ids[-1] + 1 + PER_PAGE)

    listed = Listed(30, many_more)
    run(last_pages(listed, 2))
    assert len(listed.asked) < 8


def test_a_list_that_has_not_the_pages_it_tells_of_is_no_list() -> None:
    async def ask(page: int) -> dict[str, Any]:
        return {"data": [{"id": 1}] if page == 1 else [], "pagination": {"total_pages": 300}}

    with pytest.raises(HelpdeskGarbled):
        run(last_pages(ask, 2))


def test_a_list_that_knows_no_pages_is_whole() -> None:
    async def ask(_page: int) -> dict[str, Any]:
        return {"data": [{"id": 1}, {"id": 2}], "pagination": {"total_pages": 300}}

    assert ids(run(last_pages(ask, 2))) == [1, 2]
    assert run(first_pages(ask, 5)) == ([{"id": 1}, {"id": 2}], True)


def test_the_first_pages_say_whether_they_are_all(caplog: pytest.LogCaptureFixture) -> None:
    for count, whole in ((15, True), (16, False)):
        rows, told = run(first_pages(Listed(count), 5))
        assert (len(rows), told) == (15, whole)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
