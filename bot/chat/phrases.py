"""What several screens say, in the language that is active.

Sentences are English here and become German and Ukrainian through gettext (bot/locale). Messages
are Telegram HTML: whatever comes from outside goes through `escape`.
"""

import math
from datetime import datetime, timedelta
from html import escape
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates
from economy import streak_rules
from economy.energy import FREE_CAP, Energy
from economy.goods import Plan
from economy.wallets import business_zone
from quizarena.game.models import POINTS_PER_DAY, Mode

# 🎉, one of the effects that every client has (Bot API sendMessage, message_effect_id). A new
# message in a private chat can have it.
CONFETTI = "5046509860389126442"


def button_shop() -> str:
    """Return the label of the button that opens the shop."""
    return _("🛍 Shop")


def button_purchases() -> str:
    """Return the label of the button that opens the list of purchases."""
    return _("🧾 Purchases")


def button_subscription() -> str:
    """Return the label of the button that opens the subscription."""
    return _("🔁 Subscription")


def button_cancel() -> str:
    """Return the label of the button that cancels the subscription."""
    return _("Cancel the subscription")


def button_invite() -> str:
    """Return the label of the button that opens the page of invitations."""
    return _("🤝 Invite")


def button_promo() -> str:
    """Return the label of the button that asks for a code."""
    return _("🏷 Promo code")


def button_settings() -> str:
    """Return the label of the button that opens the settings."""
    return _("⚙️ Settings")


def button_share() -> str:
    """Return the label of the button that shares a result."""
    return _("📨 Share my result")


def bot_link() -> str:
    """Return the address at which anybody meets the bot."""
    return f"https://t.me/{settings.TELEGRAM_BOT_USERNAME}"


def where_to_play() -> str:
    """Return what stands at the foot of a picture: where whoever sees it can play."""
    return f"Quiz Arena · {bot_link().removeprefix('https://')}"


def share_address(text: str) -> str:
    """Return the address at which Telegram offers to send `text`, and the way to the bot, on."""
    return "https://t.me/share/url?" + urlencode({"url": bot_link(), "text": text})


def mode_name(mode: Mode | str) -> str:
    """Return the name of a mode as players know it."""
    match Mode(mode):
        case Mode.QUICK_MIX_A1A2:
            return _("Quick mix")
        case Mode.ARTIKEL_SPRINT:
            return _("Article sprint")
        case Mode.DAILY_CHALLENGE:
            return _("Daily challenge")
        case Mode.CASES_PRACTICE:
            return _("Cases")
        case Mode.TRENNBARE_VERBEN:
            return _("Separable verbs")
        case Mode.WORD_ORDER:
            return _("Word order")


def greeting(*, name: str) -> str:
    """Return the answer to /start."""
    return _(
        "👋 <b>Hello, {name}!</b>\n\nWelcome to Quiz Arena. A few quick questions a day, and "
        "your German gets better every day.\n\nReady for a round?"
    ).format(name=escape(name))


def daily_goal(*, done: int, goal: int) -> str:
    """Return how many of the rounds are finished that the player wants to play in a day."""
    if done > goal:
        more = ngettext(
            "Today: {done} round, goal {goal}", "Today: {done} rounds, goal {goal}", done
        )
        return f"✅ {more.format(done=done, goal=goal)}"
    today = ngettext(
        "Today: {done} of {goal} round", "Today: {done} of {goal} rounds", goal
    ).format(done=done, goal=goal)
    return f"✅ {today}" if done >= goal else f"🎯 {today}"


def streak(*, days: int) -> str:
    """Return how long the streak is."""
    return ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", days).format(days=days)


def energy_line(energy: Energy, plan: Plan | None, *, now: datetime) -> str:
    """Return what is left, and when the next point comes; with Premium that it does not matter."""
    if plan is not None:
        return _("👑 Premium: unlimited energy")
    left = f"⚡ {energy.free}/{FREE_CAP}" + (f" + {energy.paid}" if energy.paid else "")
    next_at = energy.next_point_at(zone=business_zone())
    if next_at is None:
        return left
    return _("{left} · next point {wait}").format(left=left, wait=time_until(next_at - now))


def time_until(wait: timedelta) -> str:
    """Return how long something takes from now, rounded up: from 48 hours on in whole days."""
    minutes = math.ceil(wait.total_seconds() / 60)
    hours = minutes // 60
    if wait < timedelta(minutes=1):
        return _("in less than a minute")
    if minutes < 60:
        return ngettext("in {minutes} minute", "in {minutes} minutes", minutes).format(
            minutes=minutes
        )
    if hours >= 48:
        days = math.ceil(minutes / (24 * 60))
        return ngettext("in {days} day", "in {days} days", days).format(days=days)
    if minutes % 60 == 0:
        return _("in {hours} h").format(hours=hours)
    return _("in {hours} h {minutes} min").format(hours=hours, minutes=minutes % 60)


def top_up_time(*, now: datetime) -> str:
    """Return when the business day ends and all energy is back, by the player's clock."""
    return dates.time(
        streak_rules.midnight_after(now.astimezone(business_zone()).date(), zone=business_zone())
    )


def stale() -> str:
    """Return the answer to a button that is no longer valid."""
    return _("This button is no longer valid. Send /play for a new round!")


def button_play() -> str:
    """Return the label of the button that opens the menu."""
    return _("▶️ Play")


def button_continue_round(*, number: int, length: int) -> str:
    """Return the label of the button that leads to the question that a round waits for."""
    return _("▶️ Continue ({number}/{length})").format(number=number, length=length)


def button_daily() -> str:
    """Return the label of the button that opens the daily challenge."""
    return _("📅 Daily challenge")


def button_review(due: int | None = None) -> str:
    """Return the label of the button that begins a review, with how many cards are due."""
    label = _("🔁 Review")
    return label if due is None else f"{label} · {count_up_to_99(due)}"


def count_up_to_99(count: int) -> str:
    """Return a number that was counted up to a hundred: from there on it is many."""
    return str(count) if count < 100 else "99+"


def button_save(number: int) -> str:
    """Return the label of the button that saves the answered question of that number."""
    return _("⭐ Save question {number}").format(number=number)


def button_saved(number: int) -> str:
    """Return the label of the button under a saved question, which saves it no longer."""
    return _("✅ Question {number} saved").format(number=number)


def button_top() -> str:
    """Return the label of the button that opens the leaderboards."""
    return _("🏆 Leaderboards")


def button_profile() -> str:
    """Return the label of the button that opens how others see the player."""
    return _("👤 Name and league")


def earned(points: int, *, is_full: bool) -> str:
    """Return the word about the points that something has brought; nothing for none.

    Unless the reason is that the day's maximum has been reached before.
    """
    if not points:
        text = _("⭐ You have reached today's maximum of {most} points.")
        return text.format(most=POINTS_PER_DAY) if is_full else ""
    gained = ngettext("⭐ +{points} point", "⭐ +{points} points", points).format(points=points)
    if not is_full:
        return gained
    full = _("today's maximum of {most} is reached").format(most=POINTS_PER_DAY)
    return f"{gained}, {full}"


def button_duel() -> str:
    """Return the label of the button that opens the page of duels."""
    return _("⚔️ Duel")


def button_cup(starts_at: datetime) -> str:
    """Return the label of the button that opens today's cup."""
    return _("🏆 Cup today at {time}").format(time=dates.time(starts_at))


def button_rules() -> str:
    """Return the label of the button that opens the rule cards."""
    return _("📖 Rules")


def button_rule() -> str:
    """Return the label of the button that shows the rule of an answered question."""
    return _("📖 Rule")


def button_report() -> str:
    """Return the label of the button that reports an answered question."""
    return _("🚩 Report")


def button_close() -> str:
    """Return the label of the button that takes a message away."""
    return _("✖️ Close")


def button_back() -> str:
    """Return the label of the button that leads back."""
    return _("◀️ Back")


def button_wallet() -> str:
    """Return the label of the button that opens the wallet."""
    return _("👛 Wallet")


def button_stats() -> str:
    """Return the label of the button that opens the statistics."""
    return _("📊 Statistics")


def button_older() -> str:
    """Return the label of the button that shows older entries or purchases."""
    return _("⬇️ Older")


def button_language() -> str:
    """Return the label of the button that opens the choice of language."""
    return _("🌍 Language")
