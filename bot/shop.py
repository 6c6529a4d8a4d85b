"""Buying: the shop, the invoice, and what happens when Telegram has taken the Stars."""

from telegram import Update
from telegram.ext import ApplicationHandlerStop

from bot import arrivals
from bot.application import Context
from payments import purchases, refunds
from payments.models import Purchase


async def checked_out(update: Update, context: Context) -> None:
    """Do nothing more: the pre-checkout was answered when it arrived (bot/arrivals.py)."""
    raise ApplicationHandlerStop


async def paid(update: Update, context: Context) -> None:
    """Credit what has been paid, and say what has arrived (Bot API successful_payment)."""
    assert update.message is not None
    payment = arrivals.payment(update.message.to_dict())
    try:
        purchases.credit(charge_id=payment.charge_id, now=context.now)
    except Purchase.DoesNotExist:
        # It could not be written down when it arrived.
        purchases.record_payment(payment, now=context.now)
        purchases.credit(charge_id=payment.charge_id, now=context.now)
    raise ApplicationHandlerStop


async def refunded(update: Update, context: Context) -> None:
    """End a refund that Telegram tells of (Bot API refunded_payment)."""
    assert update.message is not None
    refunds.came_from_telegram(arrivals.payment(update.message.to_dict()), now=context.now)
    raise ApplicationHandlerStop
