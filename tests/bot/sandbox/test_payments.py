"""The sandbox deals in Stars as Telegram does."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LabeledPrice, Message, Update
from telegram.error import BadRequest, NetworkError

from tests.bot.sandbox.test_sandbox import Receiver, ask, refusal
from tests.sandbox import Sandbox, SandboxRefusedError

Json = dict[str, Any]

EVERYTHING = {
    "title": "Energy",
    "description": "Ten more questions.",
    "payload": "purchase-1",
    "currency": "XTR",
    "prices": [{"label": "Energy", "amount": 5}],
}
MONTH_S = 2_592_000


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Iterator[Sandbox]:
    """Return a sandbox without a webhook, and leave it so: it is everybody's."""

    def hear_everything_by_polling() -> None:
        sandbox.call("deleteWebhook", drop_pending_updates=True)
        sandbox.call("getUpdates", allowed_updates=[])

    hear_everything_by_polling()
    yield sandbox
    hear_everything_by_polling()


@pytest.fixture
def anna(sandbox: Sandbox) -> int:
    """Return the id of a player with 100 Stars who has started the bot."""
    anna = sandbox.add_player("Anna", language_code="de")
    sandbox.say(anna, "/start")
    sandbox.set_stars(anna, 100)
    updates(sandbox)
    return anna


class PayingBot(Receiver):
    """A webhook that says yes to every pre-checkout in its answer, or `refusal` when there is one.

    With `answers_at_all` off it takes updates and says nothing.
    """

    refusal = ""
    answers_at_all = True

    def answer_to(self, update: Json) -> Json | None:
        """Return the call that stands in the HTTP answer."""
        query = update.get("pre_checkout_query")
        if query is None or not self.answers_at_all:
            return None
        answer: Json = {"method": "answerPreCheckoutQuery", "pre_checkout_query_id": query["id"]}
        if self.refusal:
            return {**answer, "ok": False, "error_message": self.refusal}
        return {**answer, "ok": True}

    def contents(self, name: str) -> list[Json]:
        """Return the messages that carry `name`, in the order in which they came."""
        found = [update.get("message", {}) for update in list(self.updates)]
        return [message[name] for message in found if name in message]

    def kinds(self) -> list[str]:
        """Return what came, in order."""
        kinds = [(set(update) - {"update_id"}).pop() for update in list(self.updates)]
        return [
            next(iter(set(update["message"]) & {"successful_payment", "refunded_payment"}), kind)
            if kind == "message"
            else kind
            for kind, update in zip(kinds, list(self.updates), strict=True)
        ]


@pytest.fixture
def bot(sandbox: Sandbox) -> Iterator[PayingBot]:
    """Return a bot that the sandbox posts its updates to."""
    bot = PayingBot()
    sandbox.set_webhook(bot.url)
    yield bot
    bot.close()


def updates(sandbox: Sandbox) -> list[Json]:
    """Return the updates that wait for a polling bot, and acknowledge them."""
    found: list[Json] = sandbox.call("getUpdates")
    if found:
        sandbox.call("getUpdates", offset=found[-1]["update_id"] + 1)
    return found


def send_invoice(sandbox: Sandbox, player: int, **changes: Any) -> Json:
    """Send a card for 5 Stars and return its message."""
    return dict(sandbox.call("sendInvoice", chat_id=player, **{**EVERYTHING, **changes}))


def create_link(sandbox: Sandbox, *, stars: int = 5, **changes: Any) -> str:
    """Return an invoice link."""
    prices = [{"label": "Premium", "amount": stars}]
    return str(sandbox.call("createInvoiceLink", **{**EVERYTHING, "prices": prices, **changes}))


def subscribe(sandbox: Sandbox, player: int, *, stars: int = 30) -> str:
    """Buy a subscription and return the id of its first charge."""
    link = create_link(sandbox, stars=stars, subscription_period=MONTH_S)
    return str(sandbox.buy(player, link=link)["charge_id"])


class TestInvoice:
    def test_it_is_a_card_with_a_button_that_pays(self, sandbox: Sandbox, anna: int) -> None:
        message = ask(
            sandbox,
            lambda bot: bot.send_invoice(
                anna, "Energy", "Ten more.", "purchase-1", "XTR", [LabeledPrice("Energy", 5)]
            ),
        )

        assert message.invoice is not None
        assert (message.invoice.title, message.invoice.description) == ("Energy", "Ten more.")
        assert (message.invoice.currency, message.invoice.total_amount) == ("XTR", 5)
        assert message.reply_markup is not None
        [[button]] = message.reply_markup.inline_keyboard
        assert (button.text, button.pay) == ("Pay ⭐️5", True)
        assert "purchase-1" not in str(sandbox.last_message(anna))

    def test_the_bots_own_button_pays_when_it_is_the_first(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        markup = InlineKeyboardMarkup(
            [
                [InlineKeyboardButton("Kaufen ⭐️5", pay=True)],
                [InlineKeyboardButton("Doch nicht", callback_data="close")],
            ]
        )

        async def send_and_edit(bot: Bot) -> Message | bool:
            sent = await bot.send_invoice(
                anna, "E", "e", "p", "XTR", [LabeledPrice("E", 5)], reply_markup=markup
            )
            assert sent.reply_markup == markup
            return await bot.edit_message_reply_markup(anna, sent.message_id)

        edited = ask(sandbox, send_and_edit)

        assert isinstance(edited, Message)
        assert edited.reply_markup is not None
        assert edited.reply_markup.inline_keyboard[0][0].text == "Pay ⭐️5"

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            ([[{"text": "x", "callback_data": "x"}]], "REPLY_MARKUP_BUY_EMPTY"),
            (
                [[{"text": "x", "callback_data": "x"}, {"text": "Pay", "pay": True}]],
                "BUTTON_POS_INVALID",
            ),
        ],
    )
    def test_another_first_button_is_refused(
        self, sandbox: Sandbox, anna: int, rows: list[Json], words: str
    ) -> None:
        description = refusal(
            sandbox,
            "sendInvoice",
            chat_id=anna,
            **EVERYTHING,
            reply_markup={"inline_keyboard": rows},
        )

        assert description == f"Bad Request: {words}"

    def test_nothing_else_has_a_button_that_pays(self, sandbox: Sandbox, anna: int) -> None:
        markup = {"inline_keyboard": [[{"text": "Pay", "pay": True}]]}

        description = refusal(sandbox, "sendMessage", chat_id=anna, text="x", reply_markup=markup)

        assert description == "Bad Request: BUTTON_TYPE_INVALID"

    @pytest.mark.parametrize("method", ["sendInvoice", "createInvoiceLink"])
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"title": ""}, 'parameter "title" is required'),
            ({"payload": ""}, 'parameter "payload" is required'),
            ({"title": "x" * 33}, "INVOICE_TITLE_INVALID"),
            ({"description": "x" * 256}, "INVOICE_DESCRIPTION_INVALID"),
            ({"payload": "ä" * 64 + "x"}, "INVOICE_PAYLOAD_INVALID"),
            ({"currency": "EUR"}, "PAYMENT_PROVIDER_INVALID"),
            ({"provider_token": "1:TEST:2"}, "STARS_INVOICE_INVALID"),
            ({"need_email": True}, "STARS_INVOICE_INVALID"),
            ({"prices": [{"label": "a", "amount": 1}] * 2}, "STARS_INVOICE_INVALID"),
            ({"prices": "["}, "can't parse prices JSON object"),
            ({"prices": [{"amount": 1}]}, "can't parse prices JSON object"),
            ({"prices": [{"label": "a", "amount": 0}]}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
            ({"prices": [{"label": "a", "amount": 100_001}]}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
        ],
    )
    def test_what_telegram_refuses_is_refused_in_its_words(
        self, sandbox: Sandbox, anna: int, method: str, change: Json, words: str
    ) -> None:
        description = refusal(sandbox, method, chat_id=anna, **{**EVERYTHING, **change})

        assert description == f"Bad Request: {words}"

    @pytest.mark.parametrize(
        ("stars", "period_s", "words"),
        [
            (10_001, MONTH_S, "SUBSCRIPTION_AMOUNT_INVALID"),
            (5, MONTH_S * 3, "SUBSCRIPTION_PERIOD_INVALID"),
        ],
    )
    def test_a_subscription_lasts_30_days_and_costs_at_most_10000(
        self, sandbox: Sandbox, stars: int, period_s: int, words: str
    ) -> None:
        prices = [{"label": "x", "amount": stars}]

        description = refusal(
            sandbox,
            "createInvoiceLink",
            **{**EVERYTHING, "prices": prices, "subscription_period": period_s},
        )

        assert description == f"Bad Request: {words}"

    def test_a_link_opens_on_the_page_and_anybody_may_pay_it_again(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        emma = sandbox.add_player("Emma")
        link = ask(
            sandbox,
            lambda api: api.create_invoice_link(
                "Energy", "Ten more.", "p-1", "XTR", [LabeledPrice("Energy", 5)]
            ),
        )

        shown = sandbox.open_link(link)
        states = [sandbox.buy(player, link=link)["state"] for player in (anna, emma, anna)]

        assert link.startswith(f"{sandbox.url}/$")
        with urlopen(link) as page:
            assert "Telegram sandbox" in page.read().decode()
        assert (shown["title"], shown["total_amount"]) == ("Energy", 5)
        assert states == ["paid", "paid", "paid"]
        assert (sandbox.stars(anna), sandbox.stars(emma)) == (90, 495)

    def test_what_does_not_exist_cannot_be_paid(self, sandbox: Sandbox, anna: int) -> None:
        message_id = send_invoice(sandbox, anna)["message_id"]
        sandbox.call("deleteMessage", chat_id=anna, message_id=message_id)

        for wanted in ({"message_id": message_id}, {"link": f"{sandbox.url}/$nonsense"}):
            with pytest.raises(SandboxRefusedError, match="There is no such invoice"):
                sandbox.buy(anna, **wanted)


class TestPayment:
    def test_the_bot_agrees_in_its_answer_and_hears_of_the_payment(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        send_invoice(sandbox, anna)

        checkout = sandbox.buy(anna)

        sandbox.wait_for(lambda: len(bot.updates) == 2)
        assert bot.kinds() == ["pre_checkout_query", "successful_payment"]
        read = [Update.de_json(update, None) for update in bot.updates]
        query = read[0].pre_checkout_query
        assert query is not None
        assert (query.id, query.from_user.id) == (checkout["id"], anna)
        assert (query.currency, query.total_amount) == ("XTR", 5)
        assert query.invoice_payload == "purchase-1"
        message = read[1].message
        assert message is not None
        assert message.from_user is not None
        assert message.from_user.id == anna
        payment = message.successful_payment
        assert payment is not None
        assert (payment.currency, payment.total_amount) == ("XTR", 5)
        assert payment.invoice_payload == "purchase-1"
        assert payment.telegram_payment_charge_id == checkout["charge_id"]
        assert payment.provider_payment_charge_id == f"{anna}_1"
        assert (payment.is_recurring, payment.subscription_expiration_date) == (None, None)
        assert sandbox.last_message(anna)["successful_payment"]["total_amount"] == 5
        assert sandbox.stars(anna) == 95
        assert sandbox.call("getMyStarBalance") == {"amount": 5}

    def test_the_bot_may_agree_with_a_call(self, sandbox: Sandbox, anna: int) -> None:
        send_invoice(sandbox, anna)
        checkout = sandbox.buy(anna, wait=False)

        async def agree(bot: Bot) -> None:
            [update] = await bot.get_updates()
            assert update.pre_checkout_query is not None
            await update.pre_checkout_query.answer(ok=True)
            with pytest.raises(BadRequest, match="Query is too old"):
                await update.pre_checkout_query.answer(ok=True)

        ask(sandbox, agree)

        assert checkout["state"] == "waiting"
        sandbox.wait_for(lambda: sandbox.checkout(checkout["id"])["state"] == "paid")

    def test_a_refusal_is_shown_and_costs_nothing(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        bot.refusal = "Du hast schon Premium."
        send_invoice(sandbox, anna)

        checkout = sandbox.buy(anna)

        assert (checkout["state"], checkout["reason"]) == ("refused", "Du hast schon Premium.")
        assert sandbox.stars(anna) == 100
        assert bot.kinds() == ["pre_checkout_query"]
        bot.refusal = ""
        assert sandbox.buy(anna)["state"] == "paid"

    def test_a_refusal_has_a_reason(self, sandbox: Sandbox) -> None:
        description = refusal(
            sandbox, "answerPreCheckoutQuery", pre_checkout_query_id="1", ok=False
        )

        assert description == 'Bad Request: parameter "error_message" is required'

    def test_ten_seconds_of_silence_end_a_payment(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        assert sandbox.network()["settings"]["pre_checkout_timeout_s"] == 10
        sandbox.network(pre_checkout_timeout_s=0.2)
        bot.answers_at_all = False
        send_invoice(sandbox, anna)

        checkout = sandbox.buy(anna)

        assert checkout["state"] == "timed_out"
        assert "did not answer in time" in checkout["reason"]
        assert sandbox.stars(anna) == 100
        too_late = refusal(
            sandbox, "answerPreCheckoutQuery", pre_checkout_query_id=checkout["id"], ok=True
        )
        assert too_late == (
            "Bad Request: query is too old and response timeout expired or query ID is invalid"
        )

    def test_a_card_is_paid_once_by_however_many_taps(self, sandbox: Sandbox, anna: int) -> None:
        card = send_invoice(sandbox, anna)["message_id"]
        taps = [sandbox.buy(anna, wait=False) for _ in range(2)]

        for update in updates(sandbox):
            query = update["pre_checkout_query"]["id"]
            sandbox.call("answerPreCheckoutQuery", pre_checkout_query_id=query, ok=True)

        sandbox.wait_for(lambda: sandbox.checkout(taps[1]["id"])["state"] != "waiting")
        ended = [sandbox.checkout(tap["id"]) for tap in taps]
        assert [it["state"] for it in ended] == ["paid", "refused"]
        assert sandbox.stars(anna) == 95
        assert sandbox.phone(anna)["receipts"] == {str(card): ended[0]["charge_id"]}
        with pytest.raises(SandboxRefusedError, match="This invoice is paid"):
            sandbox.buy(anna)

    def test_without_stars_the_bot_is_not_even_asked(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        sandbox.set_stars(anna, 4)
        send_invoice(sandbox, anna)

        with pytest.raises(SandboxRefusedError, match="Anna has 4 Stars and needs 5"):
            sandbox.buy(anna)
        sandbox.top_up(anna, 1)

        assert bot.updates == []
        assert sandbox.buy(anna)["state"] == "paid"
        assert sandbox.stars(anna) == 0

    def test_a_bot_that_did_not_ask_for_pre_checkouts_gets_none(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        sandbox.set_webhook(bot.url, allowed_updates=["message"])
        sandbox.network(pre_checkout_timeout_s=0.2)
        send_invoice(sandbox, anna)

        assert sandbox.buy(anna)["state"] == "timed_out"
        assert bot.updates == []


class TestMischief:
    def test_a_payment_of_which_the_bot_never_hears(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        send_invoice(sandbox, anna)

        checkout = sandbox.buy(anna, faults=["payment_lost"])

        assert checkout["state"] == "paid"
        assert sandbox.stars(anna) == 95
        assert [it["id"] for it in sandbox.transactions()] == [checkout["charge_id"]]
        time.sleep(0.2)
        assert bot.kinds() == ["pre_checkout_query"]

    def test_a_payment_that_comes_twice_has_two_updates_and_one_charge(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        send_invoice(sandbox, anna)

        sandbox.buy(anna, faults=["payment_doubled"])

        sandbox.wait_for(lambda: len(bot.updates) == 3)
        assert len({update["update_id"] for update in bot.updates}) == 3
        one, other = bot.contents("successful_payment")
        assert one == other
        assert sandbox.stars(anna) == 95

    def test_a_payment_that_comes_late(self, sandbox: Sandbox, anna: int, bot: PayingBot) -> None:
        sandbox.network(payment_delay_s=0.4)
        send_invoice(sandbox, anna)
        begin = time.monotonic()

        sandbox.buy(anna, faults=["payment_delayed"])

        assert sandbox.stars(anna) == 95
        sandbox.wait_for(lambda: bot.contents("successful_payment"))
        assert time.monotonic() - begin > 0.4

    def test_a_payment_that_is_there_before_the_bot_was_asked(
        self, sandbox: Sandbox, anna: int
    ) -> None:
        send_invoice(sandbox, anna)

        checkout = sandbox.buy(anna, faults=["payment_early"])

        assert checkout["state"] == "paid"
        first, second = updates(sandbox)
        assert "successful_payment" in first["message"]
        assert second["pre_checkout_query"]["id"] == checkout["id"]
        assert sandbox.call("answerPreCheckoutQuery", pre_checkout_query_id=checkout["id"], ok=True)
        time.sleep(0.1)
        assert sandbox.stars(anna) == 95

    def test_a_pre_checkout_that_never_comes(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        sandbox.network(pre_checkout_timeout_s=0.2)
        send_invoice(sandbox, anna)

        assert sandbox.buy(anna, faults=["pre_checkout_lost"])["state"] == "timed_out"
        assert bot.updates == []

    def test_it_can_be_ordered_for_the_next_payments(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        sandbox.network(payment_faults={"payment_lost": {"count": 1}})
        link = create_link(sandbox)

        lost, heard = sandbox.buy(anna, link=link), sandbox.buy(anna, link=link)

        sandbox.wait_for(lambda: bot.contents("successful_payment"))
        charges = [it["telegram_payment_charge_id"] for it in bot.contents("successful_payment")]
        assert charges == [heard["charge_id"]] != [lost["charge_id"]]
        assert sandbox.network()["settings"]["payment_faults"] == {"payment_lost": {"count": 0}}

    def test_an_unknown_fault_is_none(self, sandbox: Sandbox, anna: int) -> None:
        send_invoice(sandbox, anna)

        with pytest.raises(SandboxRefusedError, match="No fault of a payment: earthquake"):
            sandbox.buy(anna, faults=["earthquake"])

    def test_a_reset_breaks_payments_off(self, sandbox: Sandbox, anna: int) -> None:
        sandbox.network(payment_delay_s=0.2)
        link = create_link(sandbox)
        sandbox.buy(anna, link=link, wait=False)
        sandbox.buy(anna, link=link, faults=["payment_early", "payment_delayed"], wait=False)

        sandbox.reset()
        time.sleep(0.4)

        assert [it for it in updates(sandbox) if "message" in it] == []
        assert sandbox.transactions() == []


class TestRefund:
    def test_it_gives_the_stars_back_once_and_tells_the_bot(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        send_invoice(sandbox, anna)
        charge_id = sandbox.buy(anna)["charge_id"]

        async def refund_twice(api: Bot) -> None:
            assert await api.refund_star_payment(anna, charge_id)
            with pytest.raises(BadRequest, match="Charge_already_refunded"):
                await api.refund_star_payment(anna, charge_id)

        ask(sandbox, refund_twice)

        sandbox.wait_for(lambda: len(bot.updates) == 3)
        assert bot.kinds()[-1] == "refunded_payment"
        message = Update.de_json(bot.updates[-1], None).message
        assert message is not None
        assert message.refunded_payment is not None
        assert message.refunded_payment.telegram_payment_charge_id == charge_id
        assert message.refunded_payment.invoice_payload == "purchase-1"
        assert message.refunded_payment.total_amount == 5
        assert sandbox.stars(anna) == 100
        assert sandbox.call("getMyStarBalance") == {"amount": 0}

    def test_it_needs_the_right_charge_of_the_right_player(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        emma = sandbox.add_player("Emma")
        send_invoice(sandbox, anna)
        charge_id = sandbox.buy(anna)["charge_id"]

        descriptions = [
            refusal(
                sandbox,
                "refundStarPayment",
                user_id=player,
                telegram_payment_charge_id=charge,
            )
            for player, charge in ((emma, charge_id), (anna, "x"), (0, charge_id), (9, charge_id))
        ]

        assert descriptions == [
            "Bad Request: CHARGE_NOT_FOUND",
            "Bad Request: CHARGE_NOT_FOUND",
            "Bad Request: invalid user_id specified",
            "Bad Request: USER_ID_INVALID",
        ]
        assert sandbox.stars(anna) == 95

    def test_its_answer_can_be_lost(self, sandbox: Sandbox, anna: int, bot: PayingBot) -> None:
        send_invoice(sandbox, anna)
        charge_id = sandbox.buy(anna)["charge_id"]
        sandbox.network(lose_answer={"count": 1, "methods": ["refundStarPayment"]})

        with pytest.raises(NetworkError):
            ask(sandbox, lambda api: api.refund_star_payment(anna, charge_id))

        assert sandbox.stars(anna) == 100
        with pytest.raises(BadRequest, match="Charge_already_refunded"):
            ask(sandbox, lambda api: api.refund_star_payment(anna, charge_id))

    def test_telegram_may_refund_by_itself(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        send_invoice(sandbox, anna)
        charge_id = sandbox.buy(anna)["charge_id"]

        sandbox.refund_at_telegram(anna, charge_id)

        sandbox.wait_for(lambda: bot.contents("refunded_payment"))
        assert sandbox.stars(anna) == 100
        with pytest.raises(SandboxRefusedError, match="There is nothing to refund"):
            sandbox.refund_at_telegram(anna, charge_id)


class TestTransactions:
    def test_they_are_listed_oldest_first_and_a_refund_goes_out(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        link = create_link(sandbox)
        first, second = (sandbox.buy(anna, link=link)["charge_id"] for _ in range(2))
        sandbox.refund_at_telegram(anna, first)

        found = ask(sandbox, lambda api: api.get_star_transactions()).transactions

        assert [(it.id, it.amount) for it in found] == [(first, 5), (second, 5), (first, 5)]
        assert [bool(it.receiver) for it in found] == [False, False, True]
        assert found[0].source is not None
        assert found[0].source.to_dict() == {
            "type": "user",
            "transaction_type": "invoice_payment",
            "user": {
                "id": anna,
                "is_bot": False,
                "first_name": "Anna",
                "language_code": "de",
            },
            "invoice_payload": "purchase-1",
        }
        assert found[2].receiver is not None
        assert found[2].receiver.to_dict() == found[0].source.to_dict()
        assert [it["id"] for it in sandbox.transactions()] == [first, second, first]

    def test_they_come_in_pages_of_at_most_a_hundred(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        sandbox.top_up(anna, 1_000)
        link = create_link(sandbox, stars=1)
        charges = [sandbox.buy(anna, link=link)["charge_id"] for _ in range(103)]

        pages = [
            sandbox.call("getStarTransactions", **wanted)["transactions"]
            for wanted in (
                {},
                {"offset": 100, "limit": 500},
                {"offset": 2, "limit": 2},
                {"offset": 103},
            )
        ]

        assert [len(page) for page in pages] == [100, 3, 2, 0]
        assert [it["id"] for it in pages[0] + pages[1]] == charges
        assert [it["id"] for it in pages[2]] == charges[2:4]


class TestSubscription:
    def test_its_first_payment_says_so(self, sandbox: Sandbox, anna: int, bot: PayingBot) -> None:
        charge_id = subscribe(sandbox, anna)

        sandbox.wait_for(lambda: bot.contents("successful_payment"))
        message = Update.de_json(bot.updates[-1], None).message
        assert message is not None
        payment = message.successful_payment
        assert payment is not None
        assert payment.telegram_payment_charge_id == charge_id
        assert (payment.is_recurring, payment.is_first_recurring) == (True, True)
        [raw] = bot.contents("successful_payment")
        assert abs(raw["subscription_expiration_date"] - time.time() - 2_592_000) < 10
        [transaction] = sandbox.transactions()
        assert transaction["source"]["subscription_period"] == 2_592_000

    def test_nobody_has_the_same_one_twice(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        link = create_link(sandbox, subscription_period=MONTH_S)
        sandbox.buy(anna, link=link)

        with pytest.raises(SandboxRefusedError, match="Anna already has this subscription"):
            sandbox.buy(anna, link=link)

    def test_a_month_later_the_same_payload_has_another_charge(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        charge_id = subscribe(sandbox, anna)

        assert sandbox.next_month(anna) == "renewed"

        sandbox.wait_for(lambda: len(bot.contents("successful_payment")) == 2)
        first, second = bot.contents("successful_payment")
        assert second["invoice_payload"] == "purchase-1"
        assert second["telegram_payment_charge_id"] != charge_id
        assert second["is_recurring"] is True
        assert "is_first_recurring" not in second
        month = second["subscription_expiration_date"] - first["subscription_expiration_date"]
        assert month == 2_592_000
        assert bot.kinds().count("pre_checkout_query") == 1
        assert sandbox.stars(anna) == 40

    def test_too_few_stars_are_reported_to_the_bot_and_may_be_mended(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        subscribe(sandbox, anna)
        sandbox.set_stars(anna, 29)

        outcomes = [sandbox.next_month(anna)]
        sandbox.top_up(anna, 1)
        outcomes += [sandbox.next_month(anna)]

        assert outcomes == ["failed", "renewed"]
        sandbox.wait_for(lambda: len(bot.updates) == 4)
        [failed] = [it["subscription"] for it in bot.updates if "subscription" in it]
        assert failed["state"] == "failed"
        assert failed["invoice_payload"] == "purchase-1"
        assert failed["user"]["id"] == anna
        assert sandbox.stars(anna) == 0

    def test_a_player_cancels_and_comes_back(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        subscribe(sandbox, anna)

        sandbox.cancel_subscription(anna)
        with pytest.raises(SandboxRefusedError, match="canceled already"):
            sandbox.cancel_subscription(anna)
        sandbox.enable_subscription(anna)
        sandbox.cancel_subscription(anna)
        outcome = sandbox.next_month(anna)

        sandbox.wait_for(lambda: len(bot.updates) == 5)
        states = [it["subscription"]["state"] for it in bot.updates if "subscription" in it]
        assert states == ["canceled", "active", "canceled"]
        assert outcome == "ended"
        assert sandbox.account(anna)["subscriptions"] == []
        assert sandbox.stars(anna) == 70

    def test_what_the_bot_cancels_the_player_cannot_renew_until_it_allows_it(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        charge_id = subscribe(sandbox, anna)

        def edit(*, is_canceled: bool) -> None:
            ask(
                sandbox,
                lambda api: api.edit_user_star_subscription(anna, charge_id, is_canceled),
            )

        edit(is_canceled=True)
        with pytest.raises(SandboxRefusedError, match="The bot has canceled"):
            sandbox.enable_subscription(anna)
        edit(is_canceled=False)
        canceled = sandbox.account(anna)["subscriptions"][0]["canceled_by"]
        sandbox.enable_subscription(anna)

        assert canceled == "player"
        assert sandbox.next_month(anna) == "renewed"
        sandbox.wait_for(lambda: len(bot.contents("successful_payment")) == 2)
        states = [it["subscription"]["state"] for it in bot.updates if "subscription" in it]
        assert states == ["active"]

    def test_only_the_first_charge_names_it(
        self, sandbox: Sandbox, anna: int, bot: PayingBot
    ) -> None:
        subscribe(sandbox, anna)
        sandbox.next_month(anna)
        second = sandbox.account(anna)["payments"][0]["charge_id"]

        description = refusal(
            sandbox,
            "editUserStarSubscription",
            user_id=anna,
            telegram_payment_charge_id=second,
            is_canceled=True,
        )

        assert description == "Bad Request: CHARGE_ID_INVALID"


class TestMemory:
    def test_stars_survive_a_restart(self, tmp_path: Path) -> None:
        with Sandbox(state=tmp_path / "sandbox.json") as sandbox:
            anna = sandbox.add_player("Anna")
            sandbox.say(anna, "/start")
            sandbox.buy(anna, link=create_link(sandbox), faults=["payment_early"])
            link = create_link(sandbox, stars=30, subscription_period=MONTH_S)
            sandbox.buy(anna, link=link, faults=["payment_early"])
            card = send_invoice(sandbox, anna)["message_id"]
            before = sandbox.account(anna), sandbox.transactions()

            sandbox.stop()
            sandbox.start()

            assert (sandbox.account(anna), sandbox.transactions()) == before
            assert sandbox.stars(anna) == 465
            assert sandbox.call("getMyStarBalance") == {"amount": 35}
            assert sandbox.buy(anna, message_id=card, faults=["payment_early"])["state"] == "paid"
            assert sandbox.next_month(anna) == "renewed"
            assert sandbox.stars(anna) == 430
