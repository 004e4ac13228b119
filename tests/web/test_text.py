"""Foreign HTML made harmless."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.web import markup, text
from portal.web.markup import rebuild
from portal.web.text import clean, readable
from tests.web.hostile import HOSTILE

ALLOWED = {"a": {"href", "rel", "target"}, "td": {"colspan", "rowspan"}, "table": {"tabindex"}, "summary": {"title"},
           "span": {"class", "aria-hidden"}}  # fmt: skip
TAGS = markup.TAGS | {"details", "summary", "span"}


class Reader(HTMLParser):
    """What a page would get: every tag with its attributes, and how deep it goes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.depth = self.deepest = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("br", "hr"):
            self.depth += 1
            self.deepest = max(self.depth, self.deepest)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1


def assert_harmless(html: str) -> None:
    for tag, attributes in Reader(html).tags:
        assert tag in TAGS
        assert set(attributes) <= ALLOWED.get(tag, set())
        if "href" in attributes:
            assert re.match(r"https?://[^@/]+(/|$)|mailto:|tel:", attributes["href"] or "", re.IGNORECASE)
    html.encode()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_is_left_that_could_run_or_load(hostile: str) -> None:
    for made in (clean(hostile), readable(hostile), readable(f"Reply<blockquote>{hostile}</blockquote>")):
        assert_harmless(made)


def test_the_cleaner_alone_would_do_what_the_rebuilding_does_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "rebuild", lambda html: html.replace("\ud800", ""))
    for hostile in HOSTILE:
        assert_harmless(clean(hostile))


def test_a_link_leads_outside_in_a_window_of_its_own_and_vouches_for_nothing() -> None:
    assert clean('<a href="https://a.example/?x=1&amp;y=2" class="b">a</a>') == (
        '<a href="https://a.example/?x=1&amp;y=2" target="_blank" rel="noopener noreferrer nofollow ugc">a</a>'
    )
    assert 'href="mailto:help@shop.example"' in clean("<a href=mailto:help@shop.example>write</a>")
    assert 'href="tel:+78000000000"' in clean("<a href=tel:+78000000000>call</a>")


@pytest.mark.parametrize("url", ["/x", "x", "//a.example", "ftp://a.example", "https:a.example", "http://", "https://a@b.example/"])  # fmt: skip
def test_a_link_that_is_not_a_whole_address_stays_text(url: str) -> None:
    assert clean(f'<a href="{url}">text</a>') == "text"


def test_a_picture_gives_way_to_its_description() -> None:
    assert (
        clean('<p>Look: <img src="https://tracker.example/1.gif" alt="a <b>lamp</b>"></p>')
        == "<p>Look: a &lt;b&gt;lamp&lt;/b&gt;</p>"
    )
    assert clean('<a href="https://a.example/x"><img src="data:image/png;base64,AAAA"></a>').endswith(">a.example</a>")


def test_a_plain_text_keeps_its_lines_its_brackets_and_its_links() -> None:
    made = clean("5 < 6 & Anna <anna@shop.example>\r\nsee https://a.example/x?y=1&z=2.\n\nBye")
    assert made.startswith("5 &lt; 6 &amp; Anna &lt;anna@shop.example&gt;<br>\nsee <a href=")
    assert ">https://a.example/x?y=1&amp;z=2</a>.<br>\n<br>\nBye" in made
    assert clean("<p>one\ntwo</p>") == "<p>one\ntwo</p>"


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b>c"),
        ("<ul>x<li>a<li>b</ul>c", "<ul><li>x</li><li>a</li><li>b</li></ul>c"),
        ("<li>a</li>", "<div>a</div>"),
        ("<table>x<tr>y<td>z</table>", "<table><tbody><tr><td>x</td></tr><tr><td>y</td><td>z</td></tr></tbody></table>"),
        ("<div><table><tr><td>a</div></td></tr></table>b</div>", "<div><table><tbody><tr><td>a</td></tr></tbody></table>b</div>"),
        ("<h1>Big</h1>text", "<p><strong>Big</strong></p>text"),
        ("<h1>a<div>b</div></h1>", "<p><strong>a</strong></p><div>b</div>"),
        ("</p></div></td>a", "a"),
        ("a<br/>b</br>c", "a<br>b<br>c"),
    ],
)  # fmt: skip
def test_broken_html_is_put_in_order(broken: str, whole: str) -> None:
    assert clean(broken) == whole


FRAGMENTS = ["<p>", "</p>", "<b>", "</b>", "<i a=1>", "<a href=https://a.example>", "</a>", "<div>", "</div>", "<ul>", "<li>", "</ul>", "<table>",
             "<tr>", "<td>", "</td>", "</table>", "<h1>", "</h1>", "<blockquote>", "</blockquote>", "<br>", "<hr>", "<pre>", "</pre>", "x", " ", "\n",
             "<", "&", "&lt;", "<img alt=y>", "<!--", "-->", "<svg>", "<style>", "</style>", "<th>", "<dl><dd>", '"', "'", "="]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join))
def test_the_cleaner_finds_nothing_to_put_in_order_after_us(html: str) -> None:
    """What we write is read back as we meant it: so its depth and its size are what we counted."""
    ours, judged = rebuild(html), clean(html)
    count = r"<(?!tbody)[a-z]+"
    assert len(re.findall(count, judged)) == len(re.findall(count, ours))
    assert Reader(judged).depth == 0


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text("<>/=\"'&; abp!-\n", max_size=60))
def test_any_text_at_all_is_cleaned(html: str) -> None:
    assert_harmless(readable(html))


BOMBS = {
    "nested": "<div>" * 5_000 + "boom",
    "formatting repeated in every paragraph": "".join(f"<p><b><i><u>{n}" for n in range(9_000)),
    "many tags": "<i>x</i>" * 9_000,
    "much text": "<p>" + "x" * 2**21,
    "brackets": "<" * 500_000 + "boom",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_shown_as_text(bomb: str) -> None:
    made = clean(BOMBS[bomb])
    assert made.startswith("<pre>")
    assert Reader(made).deepest == 1


def test_without_the_gate_the_bomb_would_reach_the_cleaner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "MAX_DEPTH", 10_000)
    assert Reader(clean(BOMBS["nested"])).deepest == 5_000


def test_nesting_within_reason_is_kept() -> None:
    assert Reader(clean("<div>" * 500 + "deep")).deepest == 500


def test_a_picture_inside_the_html_does_not_count_as_its_size() -> None:
    assert clean(f'<p>a<img src="data:image/png;base64,{"A" * 2**21}">b</p>') == "<p>ab</p>"
