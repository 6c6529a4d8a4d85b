"""A walk with real money through purchases and refunds, which checks every fact by itself.

`manage.py telegram_smoke` runs it beside the product's own processes, against Telegram (its test
environment, or a real bot and real Stars) or the sandbox: docs/runbooks/telegram-sandbox.md. A
person pays; everything else is looked up in the database and at Telegram.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone, translation

from bot.queue import client, outbox
from bot.queue.models import CallState, OutgoingCall
from bot.screens.shop import handlers as shop_handlers
from economy.models import LedgerEntry, Wallet
from payments import purchases, refunds, telegram
from payments.models import PAID, Purchase, PurchaseStatus, RefundSource
from promos import campaigns, redemptions
from promos.discounts import discounted
from promos.errors import IllegalMoveError
from promos.models import Campaign, CampaignKind, Channel, Redemption, Scope
from quizarena.players.models import Player
from quizarena.staff import dates

# The cheapest product, and what of its price a promo code takes off.
PRODUCT = "ENERGY_10"
PERCENT = 40
# Longer than any walk: a campaign that was not cleaned up ends by itself.
CAMPAIGN_FOR = timedelta(hours=1)
LOOK_EVERY_S = 0.5
# How long the product itself may take for a step that no person has a part in.
OURS = timedelta(seconds=60)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One fact that was looked at: whether it is so, and what there was to see."""

    name: str
    passed: bool
    seen: str = ""


class FailedError(Exception):
    """A fact is not so, and without it the walk cannot continue."""


class Walk:
    """One walk of one player; `steps` yields what it finds, and `clean_up` is always due."""

    def __init__(
        self, *, player: Player, patience: timedelta, instruct: Callable[[str], None]
    ) -> None:
        """Prepare to walk. `instruct` shows the person what to do, within `patience`."""
        self._player = player
        self._patience = patience
        self._instruct = instruct
        self._purchase_ids: list[UUID] = []
        self._campaign: Campaign | None = None

    def steps(self) -> Iterator[Step]:
        """Buy and refund, then both with a promo code; yield every fact as it is found.

        What makes the rest moot ends the walk.
        """
        try:
            self._stars_before = telegram.balance()
            seen = f"{self._stars_before} Stars in hand"
            yield Step(name="Telegram knows the bot", passed=True, seen=seen)
            yield from self._buy()
            yield from self._refund()
            reservation = self._redeem()
            yield self._must(
                reservation is not None, f"a code that takes off {PERCENT} % is accepted"
            )
            yield from self._buy(reservation)
            yield from self._facts_of_the_promo("APPLIED")
            yield from self._refund()
            yield from self._facts_of_the_promo("REVOKED")
        except FailedError as error:
            yield Step(name=str(error), passed=False)
        except telegram.TelegramError as error:
            yield Step(name="Telegram answers", passed=False, seen=str(error))

    # --- The purchase -----------------------------------------------------------------------------

    def _buy(self, reservation: Redemption | None = None) -> Iterator[Step]:
        """Send an invoice, let the person pay it, and check the result."""
        self._energy_before = self._energy()
        purchase = self._send_invoice(reservation)
        yield Step(name="an invoice is on its way", passed=True, seen=f"{purchase.stars} Stars")
        sent = self._wait(lambda: self._invoice_call(CallState.SENT), OURS)
        yield self._must(sent is not None, "the sender has delivered the invoice")
        self._instruct(
            f"Pay the invoice of {purchase.stars} Stars that the bot has just sent to "
            f"{self._player}. They are refunded at the end."
        )
        paid = self._wait(lambda: self._purchase(status__in=PAID), self._patience)
        yield self._must(
            paid is not None,
            "the payment has arrived",
            otherwise="Was it paid? Else look at `manage.py webhook show` and at the inbox.",
        )
        credited = self._wait(lambda: self._purchase(status=PurchaseStatus.CREDITED), OURS)
        yield self._must(credited is not None, "the purchase is credited")
        yield from self._facts_of_the_credit()

    def _facts_of_the_credit(self) -> Iterator[Step]:
        """Look at everything that a credit has to leave behind."""
        purchase = self._now()
        kinds = list(purchase.events.order_by("pk").values_list("kind", flat=True))
        expected = ["OPENED", "INVOICE_SENT", "APPROVED", "PAID", "CREDITED"]
        yield self._fact("the timeline is as it should be", kinds == expected, ", ".join(kinds))
        flags = ", ".join(purchase.flags)
        yield self._fact("nothing is flagged", not purchase.flags, flags)
        entries = LedgerEntry.objects.filter(
            player=self._player, idempotency_key=f"credit:purchase:{purchase.pk}"
        )
        amounts = list(entries.values_list("type", "amount"))
        yield self._fact(
            "there is one credit in the ledger, of the Stars that were paid",
            amounts == [("PURCHASE_CREDIT", purchase.paid_stars)],
            str(amounts),
        )
        gained = self._energy() - self._energy_before
        yield self._fact("the wallet has ten energy more", gained == 10, f"{gained:+}")
        line = self._wait(lambda: self._at_telegram(is_refund=False), OURS)
        yield self._fact(
            "Telegram's list has the charge, with our payload",
            line is not None
            and line.stars == purchase.paid_stars
            and line.partner.get("invoice_payload") == purchase.payload,
            str(purchase.charge_id),
        )
        receipt = self._wait(lambda: self._purchase(receipt_sent_at__isnull=False), OURS)
        yield self._fact("the player has a receipt", receipt is not None)

    # --- The promo code ---------------------------------------------------------------------------

    def _redeem(self) -> Redemption | None:
        """Let the player enter the shared code of a campaign that is made for this walk alone."""
        now = timezone.now()
        why, code = "A test walk.", f"WALK{secrets.token_hex(8).upper()}"
        self._campaign = Campaign.objects.create(
            name=f"Test walk of {dates.moment(now)}",
            kind=CampaignKind.PERCENT_DISCOUNT,
            value=PERCENT,
            scope=Scope.PRODUCT,
            product_code=PRODUCT,
            starts_at=now,
            ends_at=now + CAMPAIGN_FOR,
            uses_max=1,
            created_at=now,
            changed_at=now,
        )
        campaigns.share_code(campaign_id=self._campaign.pk, raw=code, now=now)
        campaigns.start(campaign_id=self._campaign.pk, reason=why, now=now, staff=None)
        result = redemptions.redeem(
            player=self._player, raw=code, channel=Channel.COMMAND, key=f"walk:{code}", now=now
        )
        return result.redemption

    def _facts_of_the_promo(self, status: str) -> Iterator[Step]:
        """Look at the purchase's discount, at its redemption, and at what the campaign counts."""
        purchase = self._now()
        assert purchase.base_stars is not None
        price = discounted(stars=purchase.base_stars, percent=PERCENT)
        yield self._fact(
            f"{PERCENT} % less was paid",
            purchase.paid_stars == price,
            f"{purchase.paid_stars} of {purchase.base_stars} Stars",
        )
        redemption = purchase.redemption
        seen = redemption.status if redemption else "none"
        yield self._fact(f"the redemption is {status}", seen == status, seen)
        assert self._campaign is not None
        self._campaign.refresh_from_db()
        counted = (self._campaign.applied, self._campaign.reserved)
        yield self._fact("the campaign counts one use", counted == (1, 0), str(counted))

    # --- The refund -------------------------------------------------------------------------------

    def _refund(self) -> Iterator[Step]:
        """Refund what was bought, and check the result."""
        purchase = self._now()
        now = timezone.now()
        refunds.ask(
            purchase_id=purchase.pk, source=RefundSource.API, reason="A test walk.", now=now
        )
        refunded = self._wait(lambda: self._purchase(status=PurchaseStatus.REFUNDED), OURS)
        yield self._must(
            refunded is not None,
            "the refund has come to its end",
            otherwise="The purchase's page says what Telegram answered.",
        )
        entries = LedgerEntry.objects.filter(
            player=self._player, idempotency_key=f"refund:{purchase.pk}"
        )
        debits = list(entries.values_list("type", "amount", "reverses"))
        yield self._fact(
            "there is one debit in the ledger, and it reverses the credit",
            debits == [("PURCHASE_REFUND", purchase.paid_stars, purchase.credit_entry_id)],
            str(debits),
        )
        left = self._energy() - self._energy_before
        yield self._fact("the wallet is as it was", left == 0, f"{left:+}")
        line = self._wait(lambda: self._at_telegram(is_refund=True), OURS)
        yield self._fact("Telegram's list has the refund", line is not None)
        stars = telegram.balance()
        yield self._fact(
            "the bot has as many Stars as before",
            stars == self._stars_before,
            f"{stars}, before {self._stars_before}",
        )
        assert purchase.charge_id is not None
        telegram.refund(telegram_id=self._player.telegram_id, charge_id=purchase.charge_id)
        again = LedgerEntry.objects.filter(reverses=purchase.credit_entry_id).count()
        yield self._fact("refunding again changes nothing", again == 1, f"{again} debit")

    # --- Afterwards -------------------------------------------------------------------------------

    def clean_up(self) -> list[str]:
        """Close what is open, refund what is paid, end the campaign; return it in sentences."""
        done = []
        for purchase in Purchase.objects.filter(pk__in=self._purchase_ids):
            if purchase.status in PAID and purchase.refund_asked_at is None:
                refunds.ask(
                    purchase_id=purchase.pk,
                    source=RefundSource.API,
                    reason="A test walk that did not come to its end.",
                    now=timezone.now(),
                )
                done.append(f"{purchase} is being refunded.")
            elif purchases.close(purchase_id=purchase.pk, why="a test walk", now=timezone.now()):
                done.append(f"{purchase} is closed; its invoice cannot be paid any more.")
        if self._campaign is not None:
            done.append(self._end_campaign(self._campaign.pk))
        return done

    def _end_campaign(self, campaign_id: int) -> str:
        """End the walk's campaign, and release a reservation that no purchase uses."""
        now, why = timezone.now(), "The test walk is over."
        try:
            campaign = campaigns.end(campaign_id=campaign_id, reason=why, now=now, staff=None)
        except IllegalMoveError as error:
            return f"The campaign of the walk: {error}"
        campaigns.release_reservations(campaign_id=campaign_id, now=now)
        return f"The campaign “{campaign}” is ended."

    # --- Looking ----------------------------------------------------------------------------------

    @transaction.atomic
    def _send_invoice(self, reservation: Redemption | None) -> Purchase:
        """Open a purchase and send its invoice as the shop does."""
        now = timezone.now()
        with outbox.collecting(), translation.override(self._player.language):
            purchase = purchases.open_purchase(
                player=self._player,
                product_code=PRODUCT,
                now=now,
                redemption_id=reservation.pk if reservation else None,
            )
            client.run(shop_handlers.send_invoice(client.bot(), purchase, now=now))
        self._purchase_ids.append(purchase.pk)
        return purchase

    def _invoice_call(self, state: CallState) -> OutgoingCall | None:
        """Return the call that has brought the invoice, once it is in `state`."""
        payload = self._now().payload
        calls = OutgoingCall.objects.filter(method="sendInvoice", parameters__payload=payload)
        return calls.filter(state=state).first()

    def _purchase(self, **such: object) -> Purchase | None:
        """Return the purchase if it is such."""
        return Purchase.objects.filter(pk=self._purchase_ids[-1], **such).first()

    def _now(self) -> Purchase:
        return Purchase.objects.get(pk=self._purchase_ids[-1])

    def _energy(self) -> int:
        wallet = Wallet.objects.filter(player=self._player).first()
        return wallet.paid_energy if wallet else 0

    def _at_telegram(self, *, is_refund: bool) -> telegram.Transaction | None:
        """Return the line of Telegram's list that is about the charge."""
        charge_id, offset = self._now().charge_id, 0
        while page := telegram.transaction_lines(offset=offset):
            for line in map(telegram.transaction, page):
                if line.id == charge_id and (line.stars < 0) == is_refund:
                    return line
            offset += len(page)
        return None

    def _wait(self, look: Callable[[], Found | None], patience: timedelta) -> Found | None:
        """Look until there is something to see, at most for `patience`."""
        until = timezone.now() + patience
        while (found := look()) is None and _is_before(until):
            time.sleep(LOOK_EVERY_S)
        return found

    def _fact(self, name: str, passed: bool, seen: str = "") -> Step:
        return Step(name=name, passed=passed, seen=seen)

    def _must(self, passed: bool, name: str, *, otherwise: str = "") -> Step:
        """Return a step that has passed; raise FailedError for one that all others need."""
        if not passed:
            raise FailedError(". ".join(filter(None, [name, otherwise])))
        return Step(name=name, passed=True)


def _is_before(until: datetime) -> bool:
    return timezone.now() < until
