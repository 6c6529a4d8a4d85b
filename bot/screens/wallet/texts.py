"""What a player owns, in words; see bot/chat/phrases.py."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

from django.utils.translation import gettext as _

from bot.chat import dates, goods_texts, phrases
from bot.screens.wallet.lines import Line
from economy.energy import Energy
from economy.goods import Plan
from economy.models import EntryType, LedgerEntry, Wallet
from quizarena.game import sprints


def wallet(
    *,
    energy: Energy,
    wallet: Wallet | None,
    plan: Plan | None,
    premium_until: datetime | None,
    subscription: str,
    modes_until: Mapping[str, datetime],
    lines: Sequence[Line],
    products: Mapping[str, str],
    now: datetime,
) -> str:
    """Return what the player owns and until when, and the last lines of the statement in words.

    `products` are the titles of what was bought, by code.
    """
    parts = [
        _("👛 <b>Your wallet</b>"),
        "",
        phrases.energy_line(energy, plan, now=now),
        # Beside Premium the line above does not say it, and it is kept.
        *([_("🔋 Paid energy: {count}").format(count=energy.paid)] if plan and energy.paid else []),
        _("🛟 Streak savers: {count}").format(count=wallet.streak_savers if wallet else 0),
    ]
    # Most duels are free: only who has some sees how many.
    if wallet and wallet.duel_tickets:
        parts.append(_("🎟 Duel tickets: {count}").format(count=wallet.duel_tickets))
    if premium_until is not None:
        parts.append(_("👑 Premium until {day}").format(day=dates.full(premium_until)))
    parts += goods_texts.open_modes(modes_until)
    if subscription:
        parts.append(subscription)
    if lines:
        parts += ["", _("<b>Recent activity</b>"), *(_line(line, products) for line in lines)]
    return "\n".join(parts)


_SIGNS = (
    ("free_energy", "⚡"),
    ("paid_energy", "🔋"),
    ("streak_savers", "🛟"),
    ("duel_tickets", "🎟"),
)


def _line(line: Line, products: Mapping[str, str]) -> str:
    """Return one line of the statement: when, what moved, why."""
    deltas = [(line.moved(asset), sign) for asset, sign in _SIGNS]
    moved = " ".join(f"{delta:+d} {sign}".replace("-", "−") for delta, sign in deltas if delta)
    why = phrases.mode_name(line.played.mode) if line.played else _why(line.newest)
    if title := products.get(line.newest.metadata.get("product", "")):
        why = f"{why}: {title}"
    return f"{dates.short(line.newest.created_at)} · {escape(why)}" + (
        f" · {moved}" if moved else ""
    )


def _why(entry: LedgerEntry) -> str:
    """Return the reason of an entry as a player would say it."""
    if entry.idempotency_key.startswith(sprints.CHARGE):
        return _("Article sprint")
    reasons = {
        EntryType.WELCOME: _("Welcome"),
        EntryType.QUESTION: _("Question"),
        EntryType.QUESTION_RETURNED: _("Question given back"),
        EntryType.PURCHASE_CREDIT: _("Purchase"),
        EntryType.PURCHASE_REFUND: _("Refund"),
        EntryType.PROMO_GRANT: _("Promo code"),
        EntryType.REFERRAL_REWARD: _("Reward for inviting"),
        EntryType.PRIZE: _("Prize"),
        EntryType.COMEBACK: _("Welcome back"),
        EntryType.STAFF_GRANT: _("Present from the team"),
        EntryType.STAFF_ADJUSTMENT: _("Correction by the team"),
        EntryType.SAVER_USED: _("Streak saver used"),
        EntryType.EARN_BACK: _("Streak earned back"),
        EntryType.GRACE: _("Days until the renewal"),
        EntryType.SAVER_RETURNED: _("Streak saver given back"),
        EntryType.TICKET_USED: _("Duel ticket used"),
        EntryType.TICKET_RETURNED: _("Duel ticket given back"),
        EntryType.TAKEN_BACK: _("Removed"),
    }
    return reasons[EntryType(entry.type)]
