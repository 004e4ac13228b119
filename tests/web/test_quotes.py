"""The history that mail programs repeat."""

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.web.text import clean, readable

MAILS = {
    "Gmail": '<div dir="ltr">Reply</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, 20 Nov 2026 at 10:00, Support '
    '&lt;<a href="mailto:help@shop.example">help@shop.example</a>&gt; wrote:<br></div><blockquote class="gmail_quote">Old</blockquote></div>',
    "Gmail, Russian": '<div>Reply</div><div class="gmail_quote gmail_quote_container"><div>пн, 20 нояб. 2026 г. в 10:00, Поддержка:<br></div>'
    "<blockquote>Old</blockquote></div>",
    "Outlook": '<div class="WordSection1"><p class="MsoNormal">Reply<o:p></o:p></p><div><div style="border-top:solid"><p><b>From:</b> Support '
    "&lt;help@shop.example&gt;<br><b>Sent:</b> Monday<br><b>To:</b> Anna<br><b>Subject:</b> Parcel</p></div></div><p>Old</p><p>Old</p></div>",
    "Outlook, Russian": "<div>Reply</div><hr><div><b>От:</b> Поддержка<br><b>Отправлено:</b> понедельник<br><b>Кому:</b> Анна<br>"
    "<b>Тема:</b> Посылка</div><div>Old</div>",
    "Outlook, text": "Reply\r\n\r\n-----Original Message-----\r\nFrom: Support\r\nOld",
    "Outlook, Russian text": "Reply\n\n-----Исходное сообщение-----\nOld",
    "Apple Mail": '<div>Reply</div><div><blockquote type="cite"><div>On 20 Nov 2026, at 10:00, Support wrote:</div>Old</blockquote></div>',
    "Apple Mail, text": "Reply\n\n> 20 нояб. 2026 г., в 10:00, Поддержка <help@shop.example> написал(а):\n> \n> Old",
    "Thunderbird": '<p>Reply</p><div class="moz-cite-prefix">20.11.2026 10:00, Поддержка пишет:<br></div><blockquote type="cite">Old</blockquote>',
    "Thunderbird, text": "Reply\n\n20.11.2026 10:00, Support пишет:\n> Old\n> Old\n",
    "Yandex": '<div>Reply</div><div> </div><div>20.11.2026, 10:00, "Поддержка" &lt;help@shop.example&gt;:</div><blockquote><p>Old</p></blockquote>',
    "Mail.ru": '<div>Reply</div><div>Понедельник, 20 ноября 2026, 10:00 +03:00 от Поддержка &lt;<a href="mailto:help@shop.example">'
    "help@shop.example</a>&gt;:<br> </div><blockquote>Old</blockquote>",
    "broken line": "Reply\n\nOn Mon, 20 Nov 2026 at 10:00, Support\n<help@shop.example> wrote:\n> Old",
    "no marks": "Reply\n\n20 ноября 2026 г. Поддержка <help@shop.example> написала:\nOld\nOld",
}
FRESH = {
    "a husband": "<p>Мой муж написал: не надо.</p><p>Old</p>",
    "a telephone and an address": "Мой номер 8 900 000-00-00, почта anna@shop.example\nЖду",
    "a form": "От: Анна\nСпасибо за помощь",
    "arithmetic": "5 > 3\nи это верно",
    "nothing but a quotation": "<blockquote>Old</blockquote>",
    "nothing but an old answer": "20 ноября 2026 г. Поддержка <help@shop.example> написала:\n> Old",
}


def split(html: str) -> tuple[str, str]:
    """What is open, and what is folded."""
    shown = str(readable(html, "Quoted text"))
    folded = " ".join(re.findall(r"</summary>(.*?)</details>", shown, re.DOTALL))
    return words(re.sub(r"<details>.*?</details>", " ", shown, flags=re.DOTALL)), words(folded)


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.mark.parametrize("program", MAILS)
def test_the_reply_is_open_and_the_history_is_folded(program: str) -> None:
    is_open, folded = split(MAILS[program])
    assert is_open == "Reply"
    assert "Old" in folded


@pytest.mark.parametrize("case", FRESH)
def test_what_only_looks_like_history_stays_open(case: str) -> None:
    assert "<details>" not in readable(FRESH[case])


def test_answers_between_the_quoted_lines_stay_open() -> None:
    is_open, folded = split("> first\nyes\n> second\nno")
    assert is_open == "yes no"
    assert folded == "> first > second"


def test_what_stands_under_a_quotation_stays_open() -> None:
    is_open, _ = split("Above<blockquote>Old</blockquote><p>Below</p>")
    assert is_open == "Above Below"


def test_the_fold_has_a_name_for_those_who_do_not_see_its_dots() -> None:
    shown = readable("Reply<blockquote>Old</blockquote>", '"> <script>')
    assert '<span class="label">&#34;&gt; &lt;script&gt;</span>' in shown
    assert "<script>" not in shown


def test_a_table_of_several_columns_can_be_reached_to_be_scrolled() -> None:
    assert '<table tabindex="0">' in readable("<table><tr><td>a</td><td>b</td></tr></table>")
    assert "tabindex" not in readable("<table><tr><td>a</td></tr><tr><td>b</td></tr></table>")


PIECES = ["<p>", "</p>", "<div>", "</div>", "<br>", "<b>", "</b>", "<ul><li>", "</ul>", "<blockquote>", "</blockquote>", "> Old\n", "\n",
          "On 20 Nov 2026 Support wrote:", "From: x\nSent: y\nTo: z\n", "<table><tr><td>", "</table>", "Reply ", "<hr>", "20.11.2026 <a@b.example>:"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_folding_loses_no_word_and_stays_well_nested(html: str) -> None:
    shown = str(readable(html, "~"))
    bare = re.sub(r"<summary.*?</summary>", "", shown)
    assert "".join(words(bare).split()) == "".join(words(str(clean(html))).split())
    nested: list[str] = []
    for closing, name in re.findall(r"<(/?)([a-z0-9]+)[^>]*>", shown):
        if not closing and name not in ("br", "hr"):
            nested.append(name)
        elif closing:
            assert nested.pop() == name
    assert nested == []
