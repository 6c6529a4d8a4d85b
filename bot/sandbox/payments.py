"""A payment in Stars from the tap on Pay to the receipt, the months after it, and its way back."""

import asyncio
import itertools
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.sandbox import clock, invoices
from bot.sandbox.errors import ImpossibleError
from bot.sandbox.invoices import Invoice
from bot.sandbox.stars import Payment, Subscription
from bot.sandbox.state import Chat

if TYPE_CHECKING:
    from bot.sandbox.telegram import Telegram

Json = dict[str, Any]

CHECKOUTS_KEPT = 20_000
NO_ANSWER = "The bot did not answer in time. No Stars were taken."


@dataclass(kw_only=True)
class Checkout:
    """A tap on Pay and what came of it. It has the id of its pre_checkout_query."""

    id: str
    player_id: int
    message_id: int
    slug: str
    # waiting, then paid, refused or timed_out
    state: str = "waiting"
    # What the player reads when no Stars were taken.
    reason: str = ""
    charge_id: str = ""


class Payments:
    """Moves Stars between the players and the bot, and notifies the bot."""

    def __init__(self, *, telegram: "Telegram") -> None:
        self.telegram = telegram
        self.checkouts: OrderedDict[str, Checkout] = OrderedDict()
        # What the bot says to a pre_checkout_query: nothing against it, or why not.
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        # Payments of which the bot gets updates later, and when.
        self._delayed: dict[int, tuple[asyncio.TimerHandle, Json]] = {}

    def stop(self) -> None:
        """Break off what is under way and drop its outcome. No more Stars move."""
        for task in self._tasks:
            task.cancel()
        for timer, _ in self._delayed.values():
            timer.cancel()
        self._delayed.clear()
        self.checkouts.clear()

    # Paying ----------------------------------------------------------------------------------

    def find_invoice(self, chat: Chat, *, message_id: int = 0, slug: str = "") -> Invoice:
        """Return the invoice of a card or a link. Raise ImpossibleError when there is none."""
        key = slug or invoices.card_key(player_id=chat.player.id, message_id=message_id)
        invoice = self.telegram.state.invoices.get(key)
        if invoice is None or (not slug and message_id not in chat.messages):
            raise ImpossibleError("There is no such invoice.")
        return invoice

    def begin(
        self,
        chat: Chat,
        *,
        faults: frozenset[str],
        message_id: int = 0,
        slug: str = "",
    ) -> Checkout:
        """Press Pay: ask the bot and, if it agrees in time, take the Stars.

        `faults` are names of network.PAYMENT_FAULTS. Returns at once; the checkout says later how
        it ended. Raise ImpossibleError when Telegram would not even ask the bot.
        """
        invoice = self.find_invoice(chat, message_id=message_id, slug=slug)
        if obstacle := self._obstacle(chat, invoice):
            raise ImpossibleError(obstacle)
        checkout = Checkout(
            id=str(secrets.randbits(62)),
            player_id=chat.player.id,
            message_id=message_id,
            slug=slug,
        )
        self.checkouts[checkout.id] = checkout
        if len(self.checkouts) > CHECKOUTS_KEPT:
            self.checkouts.popitem(last=False)
        faults |= self.telegram.network.payment_faults_due()
        task = asyncio.get_running_loop().create_task(
            self._check_out(chat, invoice, checkout, faults)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._show(checkout)
        return checkout

    def answer(self, query_id: str, *, refusal: str) -> bool:
        """Take the bot's answer; no `refusal` means yes. Return False when nothing waits for it."""
        waiting = self._answers.get(query_id)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(refusal)
        return True

    async def _check_out(
        self, chat: Chat, invoice: Invoice, checkout: Checkout, faults: frozenset[str]
    ) -> None:
        if "payment_early" in faults:
            self._charge(chat, invoice, checkout, faults)
        try:
            refusal = await self._ask_bot(chat, invoice, checkout, faults)
        except TimeoutError:
            if checkout.state == "waiting":
                self._end(checkout, state="timed_out", reason=NO_ANSWER)
            return
        if checkout.state != "waiting":
            return
        # Meanwhile the Stars may be gone, or the same card paid by another tap.
        if reason := refusal or self._obstacle(chat, invoice):
            self._end(checkout, state="refused", reason=reason)
        else:
            self._charge(chat, invoice, checkout, faults)

    async def _ask_bot(
        self, chat: Chat, invoice: Invoice, checkout: Checkout, faults: frozenset[str]
    ) -> str:
        """Return why the bot does not want the payment, empty when it does."""
        answer = self._answers[checkout.id] = asyncio.get_running_loop().create_future()
        query = {
            "id": checkout.id,
            "from": chat.player.user(),
            "currency": invoices.CURRENCY,
            "total_amount": invoice.amount,
            "invoice_payload": invoice.payload,
        }
        if "pre_checkout_lost" not in faults:
            self.telegram.delivery.push(kind="pre_checkout_query", content=query)
        try:
            return await asyncio.wait_for(answer, self.telegram.network.pre_checkout_timeout_s)
        finally:
            del self._answers[checkout.id]

    def _obstacle(self, chat: Chat, invoice: Invoice) -> str:
        """Say why Telegram itself does not let the player pay, empty when it does."""
        ledger = self.telegram.state.ledger
        if invoice.receipt:
            return "This invoice is paid."
        if invoice.subscription_period_s and any(
            it.slug == invoice.slug for it in ledger.subscriptions_of(chat.player.id)
        ):
            return f"{chat.player.first_name} already has this subscription."
        balance = ledger.balance(chat.player.id)
        if balance < invoice.amount:
            name = chat.player.first_name
            return f"{name} has {balance} Stars and needs {invoice.amount}: top up first."
        return ""

    def _charge(
        self, chat: Chat, invoice: Invoice, checkout: Checkout, faults: frozenset[str]
    ) -> None:
        charge_id = _charge_id()
        subscription = None
        if invoice.subscription_period_s:
            subscription = Subscription(
                id=charge_id,
                player_id=chat.player.id,
                slug=invoice.slug,
                title=invoice.title,
                amount=invoice.amount,
                payload=invoice.payload,
                period_s=invoice.subscription_period_s,
                paid_until=int(clock.now()) + invoice.subscription_period_s,
            )
            self.telegram.state.ledger.subscriptions[charge_id] = subscription
        self._take(
            chat,
            charge_id=charge_id,
            bought=invoice,
            subscription=subscription,
            faults=faults,
        )
        if not invoice.slug:
            invoice.receipt = charge_id
            self.telegram.events.publish(
                "receipt",
                chat_id=chat.player.id,
                message_id=checkout.message_id,
                charge_id=charge_id,
            )
        checkout.charge_id = charge_id
        self._end(checkout, state="paid")

    def _take(
        self,
        chat: Chat,
        *,
        charge_id: str,
        bought: Invoice | Subscription,
        subscription: Subscription | None,
        faults: frozenset[str],
    ) -> None:
        """Take the Stars, show it in the chat and notify the bot, with the mischief ordered."""
        ledger = self.telegram.state.ledger
        payment = Payment(
            charge_id=charge_id,
            provider_charge_id=f"{chat.player.id}_{len(ledger.payments) + 1}",
            player_id=chat.player.id,
            title=bought.title,
            amount=bought.amount,
            payload=bought.payload,
            paid_at=int(clock.now()),
            subscription_id=subscription.id if subscription else "",
            subscription_period_s=subscription.period_s if subscription else 0,
            commission_per_mille=ledger.affiliates.get(chat.player.id, 0),
        )
        ledger.take(payment)
        content: Json = {
            "currency": invoices.CURRENCY,
            "total_amount": payment.amount,
            "invoice_payload": payment.payload,
            "telegram_payment_charge_id": payment.charge_id,
            "provider_payment_charge_id": payment.provider_charge_id,
        }
        if subscription is not None:
            content["subscription_expiration_date"] = subscription.paid_until
            content["is_recurring"] = True
            if subscription.id == charge_id:
                content["is_first_recurring"] = True
        message = self.telegram.post(
            chat, sender=chat.player.user(), content={"successful_payment": content}
        )
        self.telegram.show_player(chat)
        self._tell_of_payment(message, faults)

    def _tell_of_payment(self, message: Json, faults: frozenset[str]) -> None:
        if "payment_lost" in faults:
            return
        for _ in range(2 if "payment_doubled" in faults else 1):
            if "payment_delayed" not in faults:
                self.telegram.delivery.push(kind="message", content=message)
                continue
            number = next(self._numbers)
            timer = asyncio.get_running_loop().call_later(
                self.telegram.network.payment_delay_s, self._arrive, number
            )
            self._delayed[number] = timer, message

    def let_arrive(self) -> None:
        """Send the bot now the updates of payments that were held back for later."""
        for number in [*self._delayed]:
            self._arrive(number)

    def _arrive(self, number: int) -> None:
        timer, message = self._delayed.pop(number)
        timer.cancel()
        self.telegram.delivery.push(kind="message", content=message)

    def _end(self, checkout: Checkout, *, state: str, reason: str = "") -> None:
        checkout.state, checkout.reason = state, reason
        self._show(checkout)

    def _show(self, checkout: Checkout) -> None:
        self.telegram.events.publish(
            "checkout", chat_id=checkout.player_id, checkout=vars(checkout)
        )

    # Stars and their way back ----------------------------------------------------------------

    def set_balance(self, chat: Chat, *, stars: int) -> None:
        """Let a player have so many Stars."""
        if stars < 0:
            raise ImpossibleError("A balance cannot be below 0 Stars.")
        self.telegram.state.ledger.balances[chat.player.id] = stars
        self.telegram.changed()
        self.telegram.show_player(chat)

    def come_through_affiliate(self, chat: Chat, *, per_mille: int) -> None:
        """Let an affiliate get so many thousandths of what a player pays from now on."""
        if not 0 <= per_mille <= 1_000:
            raise ImpossibleError("A commission is 0 to 1,000 thousandths.")
        self.telegram.state.ledger.affiliates[chat.player.id] = per_mille
        self.telegram.changed()

    def refund(self, payment: Payment) -> None:
        """Give the Stars of a payment back, once, and notify the bot, whoever wanted it."""
        self.telegram.state.ledger.give_back(payment, at=int(clock.now()))
        self.telegram.changed()
        chat = self.telegram.state.chats[payment.player_id]
        message = self.telegram.post(
            chat,
            sender=chat.player.user(),
            content={
                "refunded_payment": {
                    "currency": invoices.CURRENCY,
                    "total_amount": payment.amount,
                    "invoice_payload": payment.payload,
                    "telegram_payment_charge_id": payment.charge_id,
                    "provider_payment_charge_id": payment.provider_charge_id,
                }
            },
        )
        self.telegram.show_player(chat)
        self.telegram.delivery.push(kind="message", content=message)

    # Subscriptions ---------------------------------------------------------------------------

    def find_subscription(self, chat: Chat, subscription_id: str) -> Subscription:
        """Return what a player is subscribed to, or raise ImpossibleError."""
        subscription = self.telegram.state.ledger.subscriptions.get(subscription_id)
        if subscription is None or subscription.player_id != chat.player.id:
            raise ImpossibleError("There is no such subscription.")
        return subscription

    def renew(self, chat: Chat, subscription: Subscription) -> str:
        """Let the paid period be over. Return the result: renewed, failed or ended.

        Renewing takes the Stars without asking the bot first. When there are too few the bot
        gets an update, and the next call tries the same month again.
        """
        ledger = self.telegram.state.ledger
        self.telegram.changed()
        if subscription.canceled_by:
            del ledger.subscriptions[subscription.id]
            outcome = "ended"
        elif ledger.balance(chat.player.id) < subscription.amount:
            subscription.has_failed = True
            self._tell_of_subscription(chat, subscription, state="failed")
            outcome = "failed"
        else:
            subscription.has_failed = False
            subscription.paid_until += subscription.period_s
            self._take(
                chat,
                charge_id=_charge_id(),
                bought=subscription,
                subscription=subscription,
                faults=self.telegram.network.payment_faults_due(),
            )
            outcome = "renewed"
        self.telegram.show_player(chat)
        return outcome

    def cancel(self, chat: Chat, subscription: Subscription) -> None:
        """Let the player stop the renewal; it is paid for until its period ends."""
        if subscription.canceled_by:
            raise ImpossibleError("This subscription is canceled already.")
        subscription.canceled_by = "player"
        self._tell_of_subscription(chat, subscription, state="canceled")

    def enable(self, chat: Chat, subscription: Subscription) -> None:
        """Let the player have it renewed after all. What the bot has stopped stays so."""
        if subscription.canceled_by == "bot":
            raise ImpossibleError("The bot has canceled this subscription.")
        if not subscription.canceled_by:
            raise ImpossibleError("This subscription renews itself already.")
        subscription.canceled_by = ""
        self._tell_of_subscription(chat, subscription, state="active")

    def _tell_of_subscription(self, chat: Chat, subscription: Subscription, *, state: str) -> None:
        self.telegram.changed()
        self.telegram.show_player(chat)
        self.telegram.delivery.push(
            kind="subscription",
            content={
                "user": chat.player.user(),
                "invoice_payload": subscription.payload,
                "state": state,
            },
        )


def _charge_id() -> str:
    return f"stx{secrets.token_urlsafe(48)}"
