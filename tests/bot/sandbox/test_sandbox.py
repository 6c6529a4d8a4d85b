"""The sandbox says what Telegram says: to python-telegram-bot, to a webhook and to people."""

import asyncio
import json
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllPrivateChats,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputFile,
    InputTextMessageContent,
    MessageEntity,
    Update,
)
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
)

from tests.sandbox import ROOT, Sandbox, SandboxRefusedError, free_port

Json = dict[str, Any]
Answer = TypeVar("Answer")


class Receiver:
    """A webhook that remembers what is posted to it.

    It answers with the next of `statuses`, with 200 when there are none, and with `body`.
    """

    def __init__(self) -> None:
        self.updates: list[Json] = []
        self.secrets: list[str | None] = []
        self.statuses: list[int] = []
        self.body: Json | None = None
        self.answers_after_s = 0.0
        self.at_once = 0
        self.at_once_max = 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.receive(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        # Often enough that closing does not take half a second.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def update_ids(self) -> set[int]:
        """Which updates have come, however often."""
        return {update["update_id"] for update in self.updates}

    def receive(self, request: BaseHTTPRequestHandler) -> None:
        """Take one update and answer."""
        update = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        with self._lock:
            self.updates.append(update)
            self.secrets.append(request.headers["X-Telegram-Bot-Api-Secret-Token"])
            status = self.statuses.pop(0) if self.statuses else 200
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)
        time.sleep(self.answers_after_s)
        with self._lock:
            self.at_once -= 1
        call = self.answer_to(update)
        body = json.dumps(call).encode() if call else b""
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def answer_to(self, update: Json) -> Json | None:
        """Return the call that stands in the HTTP answer."""
        return self.body

    def texts(self) -> list[str]:
        """Return the texts of the messages in the order in which they came."""
        return [update["message"]["text"] for update in list(self.updates)]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    running_sandbox.reset()
    running_sandbox.call("deleteWebhook", drop_pending_updates=True)
    running_sandbox.call("getUpdates", allowed_updates=[])
    return running_sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def anna(sandbox: Sandbox) -> int:
    """Return the id of a player who has started the bot."""
    anna = sandbox.add_player("Anna", language_code="de")
    sandbox.say(anna, "/start")
    sandbox.call("getUpdates", offset=-1)
    sandbox.call("getUpdates", offset=sandbox.call("getUpdates")[0]["update_id"] + 1)
    return anna


def ask(sandbox: Sandbox, conversation: Callable[[Bot], Awaitable[Answer]]) -> Answer:
    """Let python-telegram-bot talk to the sandbox and return what comes of it."""

    async def talk() -> Answer:
        async with Bot(sandbox.token, base_url=sandbox.bot_api_url) as bot:
            return await conversation(bot)

    return asyncio.run(talk())


def send(sandbox: Sandbox, player: int, text: str = "Hallo", **parameters: Any) -> Json:
    """Send a message as the bot does and return it."""
    return dict(sandbox.call("sendMessage", chat_id=player, text=text, **parameters))


def refusal(sandbox: Sandbox, method: str, **parameters: Any) -> str:
    """Make a call that is refused and return Telegram's words."""
    with pytest.raises(SandboxRefusedError) as refused:
        sandbox.call(method, **parameters)
    return str(refused.value.body["description"])


def keyboard(*data: str) -> Json:
    """Return an inline keyboard with one button a row."""
    return {"inline_keyboard": [[{"text": it.title(), "callback_data": it}] for it in data]}


def png(*, width: int, height: int) -> bytes:
    """Return a black picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(width)) * height)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


class TestToken:
    def test_the_right_one_is_quizarena_bot(self, sandbox: Sandbox) -> None:
        me = ask(sandbox, lambda bot: bot.get_me())

        assert (me.id, me.username, me.first_name) == (4200000001, "quizarena_bot", "Quiz Arena")

    def test_a_wrong_one_is_refused_as_telegram_does(self, sandbox: Sandbox) -> None:
        async def introduce() -> None:
            async with Bot("4200000001:wrong", base_url=sandbox.bot_api_url):
                pass

        with pytest.raises(InvalidToken):
            asyncio.run(introduce())

    @pytest.mark.parametrize(
        ("path", "status", "description"),
        [
            ("/bot1:x/getMe", 401, "Unauthorized"),
            ("/botnonsense/getMe", 404, "Not Found"),
            ("/bot4200000001:TEST-token-of-the-sandbox/fly", 404, "Not Found"),
        ],
    )
    def test_what_does_not_exist_has_telegrams_status(
        self, sandbox: Sandbox, path: str, status: int, description: str
    ) -> None:
        with pytest.raises(SandboxRefusedError) as refused:
            sandbox.request(path)

        assert refused.value.status == status
        assert refused.value.body == {
            "ok": False,
            "error_code": status,
            "description": description,
        }


class TestSending:
    def test_html_becomes_text_and_entities(self, sandbox: Sandbox, anna: int) -> None:
        message = ask(
            sandbox,
            lambda bot: bot.send_message(
                anna,
                "🎯 <b>Der <i>Apfel</i></b> &amp; <a href='https://a.example/'>mehr</a>, /play\n"
                '<pre><code class="language-python">x</code></pre><tg-spoiler>y</tg-spoiler>',
                parse_mode=ParseMode.HTML,
            ),
        )

        assert message.text == "🎯 Der Apfel & mehr, /play\nxy"
        assert [(it.type, it.offset, it.length) for it in message.entities] == [
            (MessageEntity.BOLD, 3, 9),
            (MessageEntity.ITALIC, 7, 5),
            (MessageEntity.TEXT_LINK, 15, 4),
            (MessageEntity.BOT_COMMAND, 21, 5),
            (MessageEntity.PRE, 27, 1),
            (MessageEntity.SPOILER, 28, 1),
        ]
        assert message.entities[2].url == "https://a.example/"
        assert message.entities[4].language == "python"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
            ("ä<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 2'),
            ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
            ("x</b>", "Unexpected end tag at byte offset 1"),
            ("a <b", "Unclosed start tag at byte offset 2"),
            ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
            ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ],
    )
    def test_broken_html_is_refused_with_the_place(
        self, sandbox: Sandbox, anna: int, text: str, words: str
    ) -> None:
        description = refusal(sandbox, "sendMessage", chat_id=anna, text=text, parse_mode="HTML")

        assert description == f"Bad Request: can't parse entities: {words}"

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"text": ""}, "message text is empty"),
            ({"text": " <b> </b> ", "parse_mode": "HTML"}, "message text is empty"),
            ({"text": "x" * 4097}, "message is too long"),
            ({"text": "x", "parse_mode": "MarkdownV2"}, "unsupported parse_mode"),
            ({"text": "x", "reply_markup": keyboard("x" * 65)}, "BUTTON_DATA_INVALID"),
            (
                {
                    "text": "x",
                    "reply_markup": {
                        "inline_keyboard": [[{"text": "x", "copy_text": {"text": "x" * 257}}]]
                    },
                },
                "BUTTON_COPY_TEXT_INVALID",
            ),
            (
                {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "x"}]]}},
                (
                    "can't parse inline keyboard button: "
                    "Text buttons are unallowed in the inline keyboard"
                ),
            ),
            ({"text": "x", "reply_markup": "{"}, "can't parse reply markup JSON object"),
            ({"text": "x", "chat_id": 1}, "chat not found"),
            ({"text": "x", "chat_id": ""}, "chat_id is empty"),
        ],
    )
    def test_a_senseless_message_is_a_bad_request(
        self, sandbox: Sandbox, anna: int, parameters: Json, words: str
    ) -> None:
        description = refusal(sandbox, "sendMessage", **{"chat_id": anna, **parameters})

        assert description == f"Bad Request: {words}"

    def test_the_longest_message_passes(self, sandbox: Sandbox, anna: int) -> None:
        assert len(send(sandbox, anna, "ü" * 4096)["text"]) == 4096

    def test_whoever_never_wrote_is_not_written_to(self, sandbox: Sandbox) -> None:
        stranger = sandbox.add_player("Oleh")

        with pytest.raises(Forbidden, match="bot can't initiate conversation with a user"):
            ask(sandbox, lambda bot: bot.send_message(stranger, "Hallo"))

    def test_whoever_blocked_the_bot_is_not_written_to(self, sandbox: Sandbox, anna: int) -> None:
        sandbox.block(anna)

        with pytest.raises(Forbidden, match="bot was blocked by the user"):
            ask(sandbox, lambda bot: bot.send_message(anna, "Hallo"))

    def test_a_chat_keeps_its_last_200_messages(self, sandbox: Sandbox, anna: int) -> None:
        for number in range(201):
            send(sandbox, anna, f"Nr. {number}")

        texts = [message["text"] for message in sandbox.chat(anna)]

        assert (len(texts), texts[0], texts[-1]) == (200, "Nr. 1", "Nr. 200")

    def test_an_upload_can_be_fetched_and_sent_again_by_its_id(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        async def send_twice(bot: Bot) -> tuple[str, str]:
            first = await bot.send_document(anna, InputFile(b"a;b\n1;2\n", filename="punkte.csv"))
            assert first.document is not None
            again = await bot.send_document(anna, first.document.file_id, caption="noch einmal")
            assert again.document is not None
            assert (again.document.file_name, again.document.file_size) == ("punkte.csv", 8)
            return first.document.file_id, again.document.file_id

        first, again = ask(sandbox, send_twice)

        assert first == again
        with urlopen(f"{sandbox.url}/sandbox/files/{first}") as answer:
            assert answer.read() == b"a;b\n1;2\n"
            assert answer.headers["Content-Disposition"] == "attachment"

    def test_a_photo_has_the_size_of_the_picture(self, sandbox: Sandbox, anna: int) -> None:
        picture = png(width=40, height=30)

        message = ask(sandbox, lambda bot: bot.send_photo(anna, picture, caption="Sieg!"))

        assert message.caption == "Sieg!"
        assert [(it.width, it.height) for it in message.photo] == [(40, 30)]

    @pytest.mark.parametrize("effect", ["5046509860389126442", "5159385139981059251"])
    def test_a_message_can_have_an_effect(self, sandbox: Sandbox, anna: int, effect: str) -> None:
        message = send(sandbox, anna, "Gewonnen!", message_effect_id=effect)

        assert message["effect_id"] == effect

    @pytest.mark.parametrize("effect", ["1", "confetti", "5046509860389126443"])
    def test_an_unknown_effect_is_refused(self, sandbox: Sandbox, anna: int, effect: str) -> None:
        refused = refusal(sandbox, "sendMessage", chat_id=anna, text="x", message_effect_id=effect)

        assert refused == "Bad Request: EFFECT_ID_INVALID"

    def test_what_is_not_a_picture_is_no_photo(self, sandbox: Sandbox, anna: int) -> None:
        with pytest.raises(BadRequest, match="Image_process_failed"):
            ask(sandbox, lambda bot: bot.send_photo(anna, b"GIF"))

    def test_an_unknown_file_id_is_refused(self, sandbox: Sandbox, anna: int) -> None:
        description = refusal(sandbox, "sendDocument", chat_id=anna, document="unknown")

        assert description == "Bad Request: wrong file identifier/HTTP URL specified"


class TestEditing:
    def test_text_and_keyboard_are_replaced(self, sandbox: Sandbox, anna: int) -> None:
        message = send(sandbox, anna, "Frage", reply_markup=keyboard("a", "b"))

        edited = ask(
            sandbox,
            lambda bot: bot.edit_message_text(
                "<b>Richtig</b>",
                chat_id=anna,
                message_id=message["message_id"],
                parse_mode=ParseMode.HTML,
                reply_markup=InlineKeyboardMarkup(
                    [[InlineKeyboardButton("Weiter", callback_data="next")]]
                ),
            ),
        )

        assert not isinstance(edited, bool)
        assert edited.edit_date is not None
        shown = sandbox.last_message(anna)
        assert shown["text"] == "Richtig"
        assert shown["entities"] == [{"type": "bold", "offset": 0, "length": 7}]
        assert shown["reply_markup"] == {
            "inline_keyboard": [[{"text": "Weiter", "callback_data": "next"}]]
        }

    def test_without_a_keyboard_the_keyboard_goes(self, sandbox: Sandbox, anna: int) -> None:
        message = send(sandbox, anna, "Frage", reply_markup=keyboard("a"))

        sandbox.call("editMessageReplyMarkup", chat_id=anna, message_id=message["message_id"])

        assert "reply_markup" not in sandbox.last_message(anna)
        assert sandbox.last_message(anna)["text"] == "Frage"

    def test_the_same_content_is_refused(self, sandbox: Sandbox, anna: int) -> None:
        message = send(sandbox, anna, "Frage", reply_markup=keyboard("a"))

        with pytest.raises(BadRequest, match="Message is not modified: specified new message"):
            ask(
                sandbox,
                lambda bot: bot.edit_message_text(
                    "Frage",
                    chat_id=anna,
                    message_id=message["message_id"],
                    reply_markup=InlineKeyboardMarkup(
                        [[InlineKeyboardButton("A", callback_data="a")]]
                    ),
                ),
            )

    def test_only_messages_of_the_bot_that_exist_can_be_edited(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        hers = sandbox.say(anna, "Hallo")["message_id"]
        deleted = send(sandbox, anna)["message_id"]
        sandbox.call("deleteMessage", chat_id=anna, message_id=deleted)

        def words(message_id: int) -> str:
            return refusal(
                sandbox, "editMessageText", chat_id=anna, message_id=message_id, text="x"
            )

        assert words(hers) == "Bad Request: message can't be edited"
        assert words(deleted) == "Bad Request: message to edit not found"
        assert (
            refusal(sandbox, "deleteMessage", chat_id=anna, message_id=deleted)
            == "Bad Request: message to delete not found"
        )


class TestTaps:
    def test_a_tap_is_answered_once_with_a_toast(self, sandbox: Sandbox, anna: int) -> None:
        message = send(sandbox, anna, "Frage", reply_markup=keyboard("der", "die"))
        sandbox.tap(anna, "Die")
        [waiting] = sandbox.phone(anna)["waiting"]

        async def answer_twice(bot: Bot) -> Update:
            [update] = await bot.get_updates()
            assert update.callback_query is not None
            await update.callback_query.answer("Richtig!", show_alert=True)
            with pytest.raises(BadRequest, match="Query is too old and response timeout expired"):
                await update.callback_query.answer("Richtig!")
            return update

        update = ask(sandbox, answer_twice)

        assert update.callback_query is not None
        assert update.callback_query.data == "die"
        assert update.callback_query.message is not None
        assert update.callback_query.message.message_id == message["message_id"]
        assert update.callback_query.id == waiting["id"]
        [toast] = sandbox.toasts(anna)
        assert (toast["text"], toast["show_alert"]) == ("Richtig!", True)
        assert sandbox.phone(anna)["waiting"] == []

    def test_an_update_shows_the_message_as_it_was_when_tapped(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        message = send(sandbox, anna, "vorher", reply_markup=keyboard("a"))
        sandbox.tap(anna, "a")
        sandbox.call(
            "editMessageText", chat_id=anna, message_id=message["message_id"], text="nachher"
        )

        [update] = sandbox.call("getUpdates")

        assert update["callback_query"]["message"]["text"] == "vorher"

    def test_only_a_button_that_is_there_can_be_tapped_unless_forced(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        message_id = send(sandbox, anna, reply_markup=keyboard("a"))["message_id"]
        path = f"/sandbox/api/players/{anna}/tap"

        with pytest.raises(SandboxRefusedError, match="has no button 'b'"):
            sandbox.request(path, {"message_id": message_id, "data": "b"})
        stale = sandbox.request(path, {"message_id": message_id, "data": "b", "force": True})
        lost = sandbox.tap(anna, "c", message_id=1)

        assert stale["data"] == "b"
        assert lost["message"]["date"] == 0
        updates = ask(sandbox, lambda bot: bot.get_updates())
        assert [it.callback_query.data for it in updates if it.callback_query] == ["b", "c"]


class TestInlineMode:
    ARTICLE: Json = {
        "type": "article",
        "id": "a",
        "title": "Invite",
        "description": "Come along",
        "input_message_content": {"message_text": "<b>Play</b> along", "parse_mode": "HTML"},
        "reply_markup": {"inline_keyboard": [[{"text": "Play", "url": "https://t.me/x"}]]},
    }

    def test_a_query_is_an_update_that_python_telegram_bot_reads_and_answers(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        query_id = sandbox.ask_inline(anna, "du")

        async def answer_twice(bot: Bot) -> Update:
            [update] = await bot.get_updates()
            assert update.inline_query is not None
            content = InputTextMessageContent("Komm mit!")
            article = InlineQueryResultArticle("1", "Einladen", content)
            await update.inline_query.answer([article], cache_time=5, is_personal=True)
            with pytest.raises(BadRequest, match="Query is too old and response timeout expired"):
                await update.inline_query.answer([article])
            return update

        update = ask(sandbox, answer_twice)

        assert update.inline_query is not None
        assert (update.inline_query.query, update.inline_query.from_user.id) == ("du", anna)
        query = sandbox.inline(query_id)
        assert (query["is_answered"], query["results"][0]["title"]) == (True, "Einladen")

    def test_a_result_is_shared_into_another_players_chat(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        ben = sandbox.add_player("Ben")
        query_id = sandbox.ask_inline(anna)
        button = {"text": "New", "start_parameter": "new-1"}
        sandbox.call(
            "answerInlineQuery", inline_query_id=query_id, results=[self.ARTICLE], button=button
        )

        message = sandbox.share(anna, query_id, "a", to=ben)

        assert sandbox.inline(query_id)["button"] == button
        assert sandbox.last_message(ben) == message
        assert (message["text"], message["entities"][0]["type"]) == ("Play along", "bold")
        assert message["from"]["id"] == anna
        assert message["via_bot"]["username"] == "quizarena_bot"
        assert message["reply_markup"] == self.ARTICLE["reply_markup"]
        # It is in no chat of the bot's.
        kinds = [kind for update in sandbox.call("getUpdates") for kind in update]
        assert kinds.count("inline_query") == 1
        assert "message" not in kinds

    def test_a_picture_that_was_sent_is_shared_with_a_caption(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        picture = png(width=40, height=30)
        sent = ask(sandbox, lambda bot: bot.send_photo(anna, picture))
        query_id = sandbox.ask_inline(anna)
        photo = {
            "type": "photo",
            "id": "p",
            "photo_file_id": sent.photo[0].file_id,
            "caption": "Six of <b>seven</b>",
            "parse_mode": "HTML",
        }
        sandbox.call("answerInlineQuery", inline_query_id=query_id, results=[photo])

        message = sandbox.share(anna, query_id, "p", to=sandbox.add_player("Ben"))

        assert (message["caption"], message["photo"][0]["width"]) == ("Six of seven", 40)
        assert message["caption_entities"] == [{"type": "bold", "offset": 7, "length": 5}]

    @pytest.mark.parametrize(
        ("changed", "description"),
        [
            ({"id": ""}, "RESULT_ID_INVALID"),
            ({"id": "x" * 65}, "RESULT_ID_INVALID"),
            ({"title": ""}, "ARTICLE_TITLE_EMPTY"),
            ({"input_message_content": None}, "input message content is not specified"),
            ({"input_message_content": {"message_text": ""}}, "message text is empty"),
            ({"type": "gif"}, "the sandbox has no inline query result 'gif'"),
            (
                {"type": "photo", "photo_file_id": "unknown"},
                "wrong file identifier/HTTP URL specified",
            ),
        ],
    )
    def test_a_senseless_result_is_refused(
        self, sandbox: Sandbox, anna: int, changed: Json, description: str
    ) -> None:
        query_id = sandbox.ask_inline(anna)

        refused = refusal(
            sandbox,
            "answerInlineQuery",
            inline_query_id=query_id,
            results=[{**self.ARTICLE, **changed}],
        )

        assert refused == f"Bad Request: {description}"
        assert not sandbox.inline(query_id)["is_answered"]

    @pytest.mark.parametrize(
        ("more", "description"),
        [
            ({"results": [ARTICLE, ARTICLE]}, "RESULT_ID_DUPLICATE"),
            ({"results": [ARTICLE] * 51}, "RESULTS_TOO_MUCH"),
            (
                {"results": [], "button": {"text": "x", "start_parameter": "a b"}},
                "SWITCH_PM_PARAMETER_INVALID",
            ),
        ],
    )
    def test_a_senseless_answer_is_refused(
        self, sandbox: Sandbox, anna: int, more: Json, description: str
    ) -> None:
        query_id = sandbox.ask_inline(anna)

        refused = refusal(sandbox, "answerInlineQuery", inline_query_id=query_id, **more)

        assert refused == f"Bad Request: {description}"

    def test_nobody_shares_what_was_offered_to_somebody_else(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        ben = sandbox.add_player("Ben")
        query_id = sandbox.ask_inline(anna)
        sandbox.call("answerInlineQuery", inline_query_id=query_id, results=[self.ARTICLE])

        for result, sharer in (("a", ben), ("b", anna)):
            with pytest.raises(SandboxRefusedError, match="There is no such result"):
                sandbox.share(sharer, query_id, result, to=ben)

    def test_an_inline_query_has_a_length(self, sandbox: Sandbox, anna: int) -> None:
        sandbox.ask_inline(anna, "x" * 256)

        with pytest.raises(SandboxRefusedError, match="at most 256"):
            sandbox.ask_inline(anna, "x" * 257)


class TestPeople:
    def test_their_messages_are_updates_that_python_telegram_bot_reads(
        self, sandbox: Sandbox
    ) -> None:
        player = sandbox.add_player("Оля", language_code="uk", username="@olya")
        sandbox.say(player, "/play@quizarena_bot bitte")

        [update] = ask(sandbox, lambda bot: bot.get_updates())

        assert update.message is not None
        assert update.message.from_user is not None
        assert update.message.from_user.language_code == "uk"
        assert update.message.from_user.username == "olya"
        assert update.message.chat.type == "private"
        assert update.message.parse_entities() == {
            update.message.entities[0]: "/play@quizarena_bot"
        }

    def test_a_deep_link_sends_start_with_its_parameter(self, sandbox: Sandbox) -> None:
        player = sandbox.add_player()

        message = sandbox.follow_link(player, "ref_77")

        assert message["text"] == "/start ref_77"
        assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
        with pytest.raises(SandboxRefusedError, match="A start parameter is 1-64 characters"):
            sandbox.follow_link(player, "ä")

    def test_the_bot_gets_updates_of_blocking_and_unblocking(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        sandbox.block(anna)
        sandbox.block(anna)
        with pytest.raises(SandboxRefusedError, match="Anna has blocked the bot"):
            sandbox.say(anna, "Hallo")
        sandbox.unblock(anna)

        updates = ask(sandbox, lambda bot: bot.get_updates())

        changes = [it.my_chat_member for it in updates if it.my_chat_member]
        assert [(it.old_chat_member.status, it.new_chat_member.status) for it in changes] == [
            ("member", "kicked"),
            ("kicked", "member"),
        ]
        assert send(sandbox, anna)["text"] == "Hallo"

    def test_an_account_can_be_changed(self, sandbox: Sandbox, anna: int) -> None:
        sandbox.add_player("Anna", language_code="en", player_id=anna)

        assert sandbox.say(anna, "x")["from"]["language_code"] == "en"

    def test_a_fresh_sandbox_knows_three_people(self, sandbox: Sandbox) -> None:
        players = sandbox.request("/sandbox/api/players")

        assert [(it["first_name"], it["language_code"]) for it in players] == [
            ("Anna", "de"),
            ("Oleh", "uk"),
            ("Emma", "en"),
        ]

    def test_commands_are_shown_in_the_players_language(self, sandbox: Sandbox, anna: int) -> None:
        emma = sandbox.add_player("Emma", language_code="en")

        async def set_commands(bot: Bot) -> None:
            everywhere = [BotCommand("play", "Play a round")]
            await bot.set_my_commands(everywhere)
            await bot.set_my_commands([BotCommand("play", "Spielen")], language_code="de")
            assert [it.description for it in await bot.get_my_commands()] == ["Play a round"]

        ask(sandbox, set_commands)

        assert sandbox.phone(emma)["commands"][0]["description"] == "Play a round"
        assert sandbox.phone(anna)["commands"][0]["description"] == "Spielen"

        narrower = BotCommandScopeAllPrivateChats()
        ask(
            sandbox,
            lambda bot: bot.set_my_commands([BotCommand("stop", "Stop")], scope=narrower),
        )
        assert sandbox.phone(anna)["commands"][0]["command"] == "stop"

    def test_a_command_without_a_proper_name_is_refused(self, sandbox: Sandbox) -> None:
        commands = [{"command": "Play!", "description": "x"}]

        assert refusal(sandbox, "setMyCommands", commands=commands) == (
            "Bad Request: BOT_COMMAND_INVALID"
        )

    @pytest.mark.parametrize(
        ("method", "name", "most"),
        [("MyDescription", "description", 512), ("MyShortDescription", "short_description", 120)],
    )
    def test_descriptions_have_a_language_a_default_and_a_length(
        self, sandbox: Sandbox, method: str, name: str, most: int
    ) -> None:
        sandbox.call(f"set{method}", **{name: "x" * most})
        sandbox.call(f"set{method}", **{name: "Auf Deutsch"}, language_code="de")

        assert sandbox.call(f"get{method}") == {name: "x" * most}
        assert sandbox.call(f"get{method}", language_code="de") == {name: "Auf Deutsch"}
        assert sandbox.call(f"get{method}", language_code="uk") == {name: "x" * most}
        assert refusal(sandbox, f"set{method}", **{name: "x" * (most + 1)}) == (
            f"Bad Request: {name} is too long"
        )
        sandbox.call(f"set{method}", **{name: ""}, language_code="de")
        assert sandbox.call(f"get{method}", language_code="de") == {name: "x" * most}


class TestPolling:
    def test_an_update_comes_until_it_is_acknowledged(self, sandbox: Sandbox, anna: int) -> None:
        sandbox.say(anna, "eins")
        sandbox.say(anna, "zwei")

        async def poll(bot: Bot) -> list[list[str]]:
            first = await bot.get_updates(limit=1)
            again = await bot.get_updates()
            rest = await bot.get_updates(offset=again[0].update_id + 1)
            none = await bot.get_updates(offset=again[1].update_id + 1)
            return [
                [it.message.text or "" for it in batch if it.message]
                for batch in (first, again, rest, none)
            ]

        assert ask(sandbox, poll) == [["eins"], ["eins", "zwei"], ["zwei"], []]

    def test_a_long_poll_ends_with_the_first_update(self, sandbox: Sandbox, anna: int) -> None:
        threading.Timer(0.3, sandbox.say, (anna, "endlich")).start()
        begin = time.monotonic()

        [update] = sandbox.call("getUpdates", timeout=20)

        assert update["message"]["text"] == "endlich"
        assert time.monotonic() - begin < 15

    def test_a_second_poller_ends_the_first(self, sandbox: Sandbox) -> None:
        has_ended = threading.Event()

        def poll_until_it_ends() -> None:
            while not has_ended.wait(0.3):  # The first of them may come before the other has begun.
                sandbox.call("getUpdates")

        other = threading.Thread(target=poll_until_it_ends)
        other.start()
        try:
            with pytest.raises(Conflict, match="terminated by other getUpdates request"):
                ask(sandbox, lambda bot: bot.get_updates(timeout=20))
        finally:
            has_ended.set()
            other.join()

    def test_nobody_polls_beside_a_webhook(self, sandbox: Sandbox, receiver: Receiver) -> None:
        sandbox.set_webhook(receiver.url)

        with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
            ask(sandbox, lambda bot: bot.get_updates())

    def test_the_second_tick_means_that_the_bot_has_it(self, sandbox: Sandbox, anna: int) -> None:
        message_id = sandbox.say(anna, "Hallo")["message_id"]
        [update] = sandbox.call("getUpdates")
        before = sandbox.phone(anna)["undelivered"]

        sandbox.call("getUpdates", offset=update["update_id"] + 1)

        assert before == [message_id]
        assert sandbox.phone(anna)["undelivered"] == []


class TestWebhook:
    def test_updates_are_posted_with_the_secret(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        sandbox.set_webhook(receiver.url, secret_token="Geheim_1")

        sandbox.say(anna, "Hallo")

        sandbox.wait_for(lambda: receiver.updates)
        assert receiver.texts() == ["Hallo"]
        assert receiver.secrets == ["Geheim_1"]
        sandbox.wait_for(lambda: sandbox.phone(anna)["undelivered"] == [])

    def test_what_was_pending_is_delivered_in_order(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        for number in range(20):
            sandbox.say(anna, str(number))

        sandbox.set_webhook(receiver.url)

        sandbox.wait_for(lambda: len(receiver.updates) == 20)
        assert receiver.texts() == [str(number) for number in range(20)]

    def test_a_refused_update_comes_again_and_holds_up_only_its_chat(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        emma = sandbox.add_player("Emma")
        sandbox.set_webhook(receiver.url)
        receiver.statuses = [503]

        sandbox.say(anna, "eins")
        sandbox.wait_for(lambda: receiver.updates)
        sandbox.say(anna, "zwei")
        sandbox.say(emma, "drei")

        sandbox.wait_for(lambda: len(receiver.updates) == 4)
        assert receiver.texts() == ["eins", "drei", "eins", "zwei"]
        assert receiver.updates[0] == receiver.updates[2]
        info = ask(sandbox, lambda bot: bot.get_webhook_info())
        assert info.last_error_message == (
            "Wrong response from the webhook: 503 Service Unavailable"
        )
        assert info.last_error_date is not None
        sandbox.wait_for(lambda: sandbox.call("getWebhookInfo")["pending_update_count"] == 0)
        assert sandbox.counters()["retried"] == 1

    def test_the_webhook_info_says_that_nobody_listens(self, sandbox: Sandbox, anna: int) -> None:
        sandbox.set_webhook(f"http://127.0.0.1:{free_port()}/", max_connections=7)

        sandbox.say(anna, "Hallo")

        sandbox.wait_for(lambda: "last_error_message" in sandbox.call("getWebhookInfo"))
        info = sandbox.call("getWebhookInfo")
        assert info["last_error_message"] == "Connection refused"
        assert (info["pending_update_count"], info["max_connections"]) == (1, 7)

    def test_a_deleted_webhook_is_not_tried_again_and_nothing_is_lost(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        receiver.statuses = [500] * 10
        sandbox.set_webhook(receiver.url)
        sandbox.say(anna, "Hallo")
        sandbox.wait_for(lambda: receiver.updates)

        sandbox.call("deleteWebhook")
        time.sleep(0.8)

        assert len(receiver.updates) == 1
        [update] = sandbox.call("getUpdates")
        assert update["message"]["text"] == "Hallo"
        sandbox.call("deleteWebhook", drop_pending_updates=True)
        assert sandbox.call("getUpdates") == []

    def test_as_many_connections_are_used_as_allowed(
        self, sandbox: Sandbox, receiver: Receiver
    ) -> None:
        receiver.answers_after_s = 0.1
        sandbox.set_webhook(receiver.url, max_connections=3)

        for number in range(12):
            sandbox.say(sandbox.add_player(f"P{number}"), "Hallo")

        sandbox.wait_for(lambda: len(receiver.updates) == 12)
        assert receiver.at_once_max == 3

    def test_only_allowed_updates_come(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        sandbox.set_webhook(receiver.url, allowed_updates=["my_chat_member"])

        sandbox.say(anna, "Hallo")
        sandbox.block(anna)
        sandbox.push({"poll": {}})

        sandbox.wait_for(lambda: len(receiver.updates) == 2)
        kinds = sorted(set().union(*receiver.updates) - {"update_id"})
        assert kinds == ["my_chat_member", "poll"]
        assert sandbox.call("getWebhookInfo")["allowed_updates"] == ["my_chat_member"]

    def test_the_answer_may_carry_a_call(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        receiver.body = {"method": "sendMessage", "chat_id": anna, "text": "sofort"}
        sandbox.set_webhook(receiver.url)

        sandbox.say(anna, "Hallo")

        sandbox.wait_for(lambda: sandbox.last_message(anna)["text"] == "sofort")
        assert sandbox.calls("sendMessage")[-1]["parameters"] == {"chat_id": anna, "text": "sofort"}

    def test_a_pushed_update_may_repeat_an_id(self, sandbox: Sandbox, receiver: Receiver) -> None:
        sandbox.set_webhook(receiver.url)

        first = sandbox.push({"subscription": {"state": "active"}})
        sandbox.push(first)

        sandbox.wait_for(lambda: len(receiver.updates) == 2)
        assert receiver.updates == [first, first]

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"url": "nonsense"}, "bad webhook: invalid webhook URL specified"),
            (
                {"url": "http://a/", "secret_token": "ä"},
                "secret token contains unallowed characters",
            ),
        ],
    )
    def test_an_impossible_webhook_is_refused(
        self, sandbox: Sandbox, parameters: Json, words: str
    ) -> None:
        assert refusal(sandbox, "setWebhook", **parameters) == f"Bad Request: {words}"


class TestNetwork:
    def test_duplicates_are_the_same_update_again(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        sandbox.set_webhook(receiver.url)
        sandbox.network(duplicate=1)

        sandbox.say(anna, "Hallo")

        sandbox.wait_for(lambda: len(receiver.updates) == 2)
        assert receiver.updates[0] == receiver.updates[1]
        assert sandbox.counters()["duplicated"] == 1

    def test_a_lost_update_comes_with_telegrams_next_attempt(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        sandbox.set_webhook(receiver.url)
        sandbox.network(drop=1)

        sandbox.say(anna, "Hallo")

        sandbox.wait_for(lambda: receiver.updates)
        sandbox.wait_for(lambda: sandbox.counters()["delivered"] == 1)
        counters = sandbox.counters()
        assert (counters["dropped"], counters["retried"], counters["pending"]) == (1, 1, 0)

    def test_a_reordered_update_is_overtaken(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        sandbox.set_webhook(receiver.url)

        sandbox.network(reorder=1)
        sandbox.say(anna, "eins")
        sandbox.network(reorder=0)
        sandbox.say(anna, "zwei")

        sandbox.wait_for(lambda: len(receiver.updates) == 2)
        assert receiver.texts() == ["zwei", "eins"]

    def test_a_delayed_update_takes_its_time(
        self, sandbox: Sandbox, anna: int, receiver: Receiver
    ) -> None:
        sandbox.set_webhook(receiver.url)
        sandbox.network(delay_ms=[400, 400])
        begin = time.monotonic()

        sandbox.say(anna, "Hallo")
        sandbox.wait_for(lambda: receiver.updates)

        assert time.monotonic() - begin > 0.35

    # python-telegram-bot warns that this becomes a timedelta one day.
    @pytest.mark.filterwarnings("ignore:.*`retry_after`")
    def test_a_flood_is_answered_with_retry_after(self, sandbox: Sandbox, anna: int) -> None:
        sandbox.network(
            too_many={"count": 1, "retry_after": 7, "methods": ["sendMessage", "editMessageText"]}
        )

        async def send_twice(bot: Bot) -> None:
            with pytest.raises(RetryAfter) as refused:
                await bot.send_message(anna, "eins")
            assert refused.value.retry_after == 7
            await bot.send_message(anna, "zwei")

        ask(sandbox, send_twice)

        assert sandbox.last_message(anna)["text"] == "zwei"
        outcomes = [call["outcome"] for call in sandbox.calls("sendMessage")]
        assert [it["status"] for it in outcomes] == [429, 200]
        assert outcomes[0]["description"] == "Too Many Requests: retry after 7"

    def test_a_failure_can_be_ordered(self, sandbox: Sandbox, anna: int) -> None:
        failure = {"status": 502, "description": "Bad Gateway", "methods": ["sendMessage"]}
        sandbox.network(fail={"count": 1, **failure})

        with pytest.raises(NetworkError, match="Bad Gateway"):
            ask(sandbox, lambda bot: bot.send_message(anna, "Hallo"))

        assert sandbox.last_message(anna)["text"] == "/start"

    def test_a_call_whose_answer_is_lost_was_carried_out(self, sandbox: Sandbox, anna: int) -> None:
        sandbox.network(lose_answer={"count": 1, "methods": ["sendMessage"]})

        with pytest.raises(NetworkError):
            ask(sandbox, lambda bot: bot.send_message(anna, "Hallo"))

        assert sandbox.last_message(anna)["text"] == "Hallo"
        [call] = sandbox.calls("sendMessage")
        assert call["outcome"]["answer_lost"] is True
        assert sandbox.counters()["answers_lost"] == 1

    def test_a_senseless_setting_changes_nothing(self, sandbox: Sandbox) -> None:
        with pytest.raises(SandboxRefusedError, match="Not a network setting"):
            sandbox.network(duplicate=0.5, storm=1)

        assert sandbox.network()["settings"]["duplicate"] == 0


class TestJournal:
    def test_calls_are_numbered_and_can_be_asked_for_by_method(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        send(sandbox, anna, "eins")
        seen = sandbox.calls()[-1]["seq"]
        message = send(sandbox, anna, "zwei")
        refusal(sandbox, "sendMessage", chat_id=anna, text="")
        sandbox.call("getMe")

        calls = sandbox.calls("sendmessage", since=seen)

        assert [call["seq"] for call in calls] == [seen + 1, seen + 2]
        assert calls[0]["parameters"] == {"chat_id": anna, "text": "zwei"}
        assert calls[0]["outcome"] == {
            "status": 200,
            "answer_lost": False,
            "message_id": message["message_id"],
        }
        assert calls[1]["outcome"]["description"] == "Bad Request: message text is empty"


class TestMemory:
    def test_everything_survives_a_restart(self, tmp_path: Path, receiver: Receiver) -> None:
        with Sandbox(state=tmp_path / "sandbox.json") as sandbox:
            anna = sandbox.add_player("Anna")
            emma = sandbox.add_player("Emma")
            sandbox.say(anna, "/start")
            send(sandbox, anna, "Frage", reply_markup=keyboard("a"))
            sandbox.say(emma, "Hallo")
            sandbox.block(emma)
            sandbox.call("setMyCommands", commands=[{"command": "play", "description": "x"}])
            query = sandbox.tap(anna, "a")

            sandbox.stop()
            sandbox.start()

            assert [message["text"] for message in sandbox.chat(anna)] == ["/start", "Frage"]
            assert sandbox.phone(emma)["player"]["blocked"] is True
            assert sandbox.phone(emma)["undelivered"] != []
            assert sandbox.phone(anna)["commands"][0]["command"] == "play"
            assert sandbox.call("answerCallbackQuery", callback_query_id=query["id"]) is True
            sandbox.set_webhook(receiver.url, secret_token="s")
            # One whose answer a stop cuts off comes again.
            sandbox.wait_for(lambda: len(receiver.update_ids) == 4)

            sandbox.stop()
            sandbox.start()

            sandbox.say(anna, "noch da?")
            sandbox.wait_for(lambda: len(receiver.update_ids) == 5)
            assert receiver.secrets[-1] == "s"

    @pytest.mark.parametrize("has_state", [True, False])
    def test_ids_do_not_repeat_after_a_kill(self, tmp_path: Path, has_state: bool) -> None:
        with Sandbox(state=tmp_path / "sandbox.json" if has_state else None) as sandbox:
            anna = sandbox.add_player("Anna", player_id=5)
            before = [sandbox.say(anna, "vorher")["message_id"] for _ in range(5)]
            last_update = sandbox.call("getUpdates")[-1]["update_id"]

            sandbox.kill()
            # The ids grow by ten a second.
            time.sleep(0.5)
            sandbox.start()

            sandbox.add_player("Anna", player_id=5)
            after = sandbox.say(anna, "nachher")["message_id"]
            assert after > max(before)
            assert sandbox.call("getUpdates")[-1]["update_id"] > last_update

    def test_ids_do_not_repeat_after_a_reset(self, sandbox: Sandbox) -> None:
        player = sandbox.add_player(player_id=5)
        before = [sandbox.say(player, "vorher")["message_id"] for _ in range(50)]
        update = sandbox.call("getUpdates")[-1]["update_id"]

        sandbox.reset()
        sandbox.add_player(player_id=5)

        assert sandbox.say(player, "nachher")["message_id"] > max(before)
        assert sandbox.call("getUpdates")[-1]["update_id"] > update

    def test_the_state_is_saved_all_the_time(self, tmp_path: Path) -> None:
        state = tmp_path / "sandbox.json"
        with Sandbox(state=state) as sandbox:
            anna = sandbox.add_player("Anna")
            sandbox.say(anna, "Hallo")
            sandbox.wait_for(lambda: state.exists() and "Hallo" in state.read_text())

            sandbox.kill()
            sandbox.start()

            assert sandbox.last_message(anna)["text"] == "Hallo"

    @pytest.mark.parametrize("content", ["", "{", '{"chats": 5}', "[]"])
    def test_a_broken_file_is_set_aside(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str
    ) -> None:
        state = tmp_path / "sandbox.json"
        state.write_text(content)

        with Sandbox(state=state) as sandbox:
            assert len(sandbox.request("/sandbox/api/players")) == 3

        [aside] = tmp_path.glob("sandbox.json.broken-*")
        assert aside.read_text() == content
        assert f"the old file is now {aside}" in capfd.readouterr().err


class TestPage:
    def test_it_is_served_and_needs_nothing_from_elsewhere(self, sandbox: Sandbox) -> None:
        with urlopen(sandbox.url) as answer:
            page = answer.read().decode()
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")

        assert 'data-testid="network-panel"' in page
        for name in (
            "main.js",
            "chat.js",
            "payments.js",
            "chat.css",
            "payments.css",
            "pattern.svg",
        ):
            with urlopen(f"{sandbox.url}/sandbox/static/{name}") as answer:
                assert "https://" not in answer.read().decode().replace("https://t.me/", "")

    def test_it_hears_of_messages_as_they_come(self, sandbox: Sandbox, anna: int) -> None:
        with urlopen(f"{sandbox.url}/sandbox/api/events", timeout=10) as stream:
            send(sandbox, anna, "live")
            event: Json = {}
            while event.get("type") != "message":
                line = stream.readline().decode()
                event = json.loads(line[6:]) if line.startswith("data: ") else {}

        assert (event["chat_id"], event["message"]["text"]) == (anna, "live")


class TestCommand:
    @override_settings(ENVIRONMENT="production")
    def test_there_is_no_sandbox_in_production(self) -> None:
        with pytest.raises(CommandError, match="does not run in production"):
            call_command("sandbox")

    def test_a_taken_port_is_reported_in_a_sentence(self, sandbox: Sandbox) -> None:
        second = subprocess.run(
            [sys.executable, "-m", "bot.sandbox", "--port", str(sandbox.port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

        assert second.returncode == 1
        assert second.stderr == (
            f"The sandbox cannot listen on 127.0.0.1:{sandbox.port}: Address already in use.\n"
        )
