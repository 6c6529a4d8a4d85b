"""What staff may write in a message to players, and how it looks."""

import pytest

from bot.messages import markup
from bot.messages.markup import MarkupError


@pytest.mark.parametrize(
    "text",
    [
        "Hallo",
        "<b>Neu:</b> <i>Duelle</i> &lt;3",
        '<a href="https://example.org/a?b=c">hier</a>',
        '<A\nhref="https://example.org">hier</A> und <a>https://example.org</a>',
        "👨\u200d👩\u200d👧",
        "<blockquote expandable>lang</blockquote>",
        "<tg-spoiler>psst</tg-spoiler>",
        "x" * 4096,
        # The tags do not count.
        "<b>" + "x" * 4096 + "</b>",
    ],
)
def test_telegram_takes(text: str) -> None:
    markup.check(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "There is no text."),
        ("<b></b>", "There is no text."),
        ("\u200b<b>\u2060\u200e</b> \xa0\ufeff", "There is no text."),
        ("<h1>Neu</h1>", 'Unsupported start tag "h1", in line 1 at character 1.'),
        ("Grüße\n1 < 2", 'Unsupported start tag "", in line 2 at character 3.'),
        ("<b>Neu", 'Can\'t find end tag corresponding to start tag "b".'),
        ("<b>a<i>b</b></i>", 'Unmatched end tag, expected "</i>", found "</b>", in line 1'),
        ("</b>", "Unexpected end tag, in line 1 at character 1."),
        ('<a href="javascript:alert(1)">x</a>', "A link leads nowhere"),
        ('<a href="https://">x</a>', "A link leads nowhere"),
        ('<a href="https:///path">x</a>', "A link leads nowhere"),
        ('<a href="https://[">x</a>', "A link leads nowhere"),
        ('<A\nhref="javascript:alert(1)">x</A>', "A link leads nowhere"),
        ("<a>x</a>", "A link leads nowhere"),
        ("<tg-emoji emoji-id='1'>x</tg-emoji>", "Bots cannot send custom emoji."),
        ("x" * 4097, "It has 4,097 characters; Telegram takes 4,096 at most."),
        (
            "<b>x</b> " * 101,
            "It has 101 formatted parts, links included; Telegram shows the first 100 and drops",
        ),
        ("/play <i>x</i> " * 60, "It has 120 formatted parts"),
        # An emoji counts twice there.
        ("😀" * 2049, "It has 4,098 characters"),
    ],
)
def test_telegram_would_refuse(text: str, reason: str) -> None:
    with pytest.raises(MarkupError) as refusal:
        markup.check(text)

    assert str(refusal.value).startswith(reason)


def test_a_hundred_formatted_parts_are_shown() -> None:
    markup.check("<b>x</b> " * 100)


def test_it_looks_as_in_a_chat() -> None:
    looks = markup.look(
        '😀 <b>Neu <i>hier</i></b> &lt;script&gt; <a href="https://example.org">Link</a> /play'
    )

    assert looks == (
        "😀 <b>Neu <i>hier</i></b> &lt;script&gt; "
        '<span class="chat-link" title="https://example.org">Link</span> '
        '<span class="chat-link">/play</span>'
    )
