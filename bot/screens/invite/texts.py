"""Every sentence about inviting friends; see bot/chat/phrases.py."""

from datetime import datetime, timedelta
from html import escape
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, goods_texts
from economy.goods import Goods
from economy.holdings import Holdings
from economy.models import LedgerEntry
from promos import referrals
from promos.errors import NotYetError
from promos.models import Referral, ReferralNotice, ReferralNoticeKind, ReferralReward, RewardChoice
from promos.referral_rules import (
    ANSWERS_MIN,
    CLAIMABLE_AFTER,
    CLAIMS_PER_MONTH,
    DAYS_MIN,
    PER_REWARD,
    WINDOW,
)
from promos.referrals import Claim, Friend, Overview

# An answer of so many is one dot.
ANSWERS_PER_DOT = 4
AN_HOUR = timedelta(hours=1)


def link(code: str) -> str:
    """Return the link that an inviter passes on."""
    return f"https://t.me/{settings.TELEGRAM_BOT_USERNAME}?start=ref_{code}"


def share(url: str) -> str:
    """Return the address at which Telegram offers to send the link to a chat of one's choice."""
    return f"https://t.me/share/url?{urlencode({'url': url, 'text': invitation()})}"


def invitation() -> str:
    """Return what stands above the link when it is shared."""
    return _("I am learning German with Quiz Arena. Play along!")


def greeting(*, name: str, inviter: str) -> str:
    """Return the answer to the first start by somebody's link."""
    return _(
        "👋 <b>Hello, {name}!</b>\n\n{inviter} has invited you to Quiz Arena. A few quick "
        "questions a day, and your German gets better every day.\n\nReady for a round?"
    ).format(name=escape(name), inviter=escape(inviter))


def plays_already(*, name: str, inviter: str) -> str:
    """Return the answer to an invitation that a player follows who has been here before."""
    return _(
        "👋 <b>Hello again, {name}!</b>\n\n{inviter} has sent you an invitation. You play already, "
        "so it does not count for a reward: only friends who are new here do. Your own link is in "
        "/invite.\n\nReady for a round?"
    ).format(name=escape(name), inviter=escape(inviter))


def own_link() -> str:
    """Return the answer to one's own link."""
    return _(
        "🔗 <b>This is your own link.</b>\n\nSend it to friends who are not here yet: it counts "
        "when they start with it. How far they are stands in /invite."
    )


# --- The page -------------------------------------------------------------------------------------


def overview(seen: Overview, *, now: datetime) -> str:
    """Return the link, the rules in a sentence, how far friends are, and what is coming when."""
    rules = _(
        "For every {friends} friends who come by your link and answer {answers} questions on "
        "{days} days, all within {window} days, you get a reward of your choice:"
    ).format(friends=PER_REWARD, answers=ANSWERS_MIN, days=DAYS_MIN, window=WINDOW.days)
    lines = [
        _("🤝 <b>Invite your friends</b>"),
        "",
        rules,
        *(f"• {choice_line(choice)}" for choice in RewardChoice),
        "",
        f"<code>{escape(link(seen.code))}</code>",
        "",
        _("<b>The next reward</b>"),
        _("{dots} {counted} of {friends} friends").format(
            dots=dots(seen.counted, PER_REWARD), counted=seen.counted, friends=PER_REWARD
        ),
    ]
    if seen.friends:
        lines += [
            "",
            _("<b>On their way</b>"),
            *(_friend(friend, now=now) for friend in seen.friends),
        ]
        more = seen.on_the_way - len(seen.friends)
        if more > 0:
            lines.append(_("and {more} more").format(more=more))
    if seen.in_review:
        lines += [
            "",
            ngettext(
                "🔎 {count} friend is being looked at by us. Nothing is lost.",
                "🔎 {count} friends are being looked at by us. Nothing is lost.",
                seen.in_review,
            ).format(count=seen.in_review),
        ]
    if seen.rewards:
        lines += ["", *(_reward(reward) for reward in seen.rewards)]
        more = seen.unchosen - len(seen.rewards)
        if more > 0:
            lines.append(
                ngettext("and {more} more reward", "and {more} more rewards", more).format(
                    more=more
                )
            )
    if seen.claimed:
        lines += [
            "",
            ngettext(
                "🎉 {count} reward chosen so far, {month} of {most} this month.",
                "🎉 {count} rewards chosen so far, {month} of {most} this month.",
                seen.claimed,
            ).format(count=seen.claimed, month=seen.claimed_this_month, most=CLAIMS_PER_MONTH),
        ]
    return "\n".join(lines)


def dots(done: int, whole: int) -> str:
    """Return a progress as dots."""
    filled = min(done, whole)
    return "●" * filled + "○" * (whole - filled)


def choice_line(choice: RewardChoice) -> str:
    """Return what a choice brings, in one line."""
    return " · ".join(goods_texts.delivery(referrals.goods_of(choice)))


def _friend(friend: Friend, *, now: datetime) -> str:
    """Return how far somebody is, and how much time is left."""
    answers = min(friend.answers, ANSWERS_MIN)
    filled = dots(answers // ANSWERS_PER_DOT, ANSWERS_MIN // ANSWERS_PER_DOT)
    progress = _("{dots} {answers} of {most} questions, {day} of {days} days").format(
        dots=filled,
        answers=answers,
        most=ANSWERS_MIN,
        day=min(friend.days, DAYS_MIN),
        days=DAYS_MIN,
    )
    until = _("until {day}").format(day=dates.short_day(friend.closes_at))
    return f"{escape(friend.first_name)} {progress} · {until}"


def _reward(reward: ReferralReward) -> str:
    """Return where a reward stands that is not chosen yet."""
    if reward.offered_at is not None:
        return _("🎁 <b>Reward {number} is ready.</b> Choose it below.").format(
            number=reward.number
        )
    if reward.deferred_until is not None:
        return _("📅 Reward {number} waits until {day} at least: there are {most} a month.").format(
            number=reward.number, day=dates.short(reward.deferred_until), most=CLAIMS_PER_MONTH
        )
    return _("⏳ Reward {number} is yours to choose from {day} on.").format(
        number=reward.number, day=dates.short(reward.claimable_at)
    )


# --- The choice -----------------------------------------------------------------------------------


def claimed(claim: Claim, owned: Holdings, *, now: datetime) -> str:
    """Return what the player has chosen, and has now."""
    goods = Goods.from_metadata(claim.entry.metadata)
    return "\n".join(
        [
            _("🎁 <b>Your reward {number} is here. Thank you for inviting!</b>").format(
                number=claim.reward.number
            ),
            *goods_texts.delivery(goods),
            "",
            _("<b>You have now</b>"),
            *goods_texts.possessions(owned, now=now, of=goods),
        ]
    )


def chosen_before() -> str:
    """Return the kind word to a further tap."""
    return _("You have chosen already – here is what you got.")


def not_yet(refusal: NotYetError) -> str:
    """Return from when on a reward can be chosen."""
    if refusal.is_deferred:
        return _(
            "There are {most} rewards a month. This one waits for you, until {day} at least."
        ).format(most=CLAIMS_PER_MONTH, day=dates.short(refusal.at))
    return _("This reward is ready on {day}.").format(day=dates.short(refusal.at))


def no_reward() -> str:
    """Return the kind word to a button of a reward that is none any more."""
    return _("This reward is not there any more. /invite shows what you have.")


# --- Notices --------------------------------------------------------------------------------------


def notice(due: ReferralNotice, *, now: datetime) -> str | None:
    """Return what a notice says; None if it is not so any more."""
    if due.referral is not None:
        return _friend_counts(due.referral)
    reward = due.reward
    assert reward is not None
    if due.kind == ReferralNoticeKind.REWARD_REVOKED:
        return _revoked(reward)
    if reward.chosen_at is not None or reward.revoked_at is not None:
        return None
    if due.kind == ReferralNoticeKind.REWARD_READY and reward.offered_at is not None:
        return _ready(reward)
    if due.kind == ReferralNoticeKind.REWARD_DEFERRED and reward.deferred_until is not None:
        return _deferred(reward)
    return None


def _friend_counts(referral: Referral) -> str | None:
    """Return that a friend counts, and what that makes; None if that reward is there by now."""
    name, reward = escape(referral.invited.first_name), referral.reward
    if reward is None:
        counted = Referral.objects.filter(inviter=referral.inviter).unrewarded().count()
        return _("🤝 <b>{name} plays along!</b>\n{dots} {counted} of {friends} friends").format(
            name=name, dots=dots(counted, PER_REWARD), counted=counted, friends=PER_REWARD
        )
    if reward.offered_at is not None or reward.deferred_until is not None:
        return None
    return _(
        "🤝 <b>{name} plays along!</b>\n{dots} That makes a reward. In {hours} hours you can "
        "choose it; /invite shows it."
    ).format(
        name=name,
        dots=dots(PER_REWARD, PER_REWARD),
        hours=CLAIMABLE_AFTER // AN_HOUR,
    )


def _ready(reward: ReferralReward) -> str:
    """Return that a reward can be chosen, and what there is to choose."""
    return "\n".join(
        [
            _("🎁 <b>Reward {number} for your invitations is ready.</b> Choose:").format(
                number=reward.number
            ),
            *(f"• {choice_line(choice)}" for choice in RewardChoice),
        ]
    )


def _deferred(reward: ReferralReward) -> str:
    """Return that a reward waits for a month that has room for it."""
    assert reward.deferred_until is not None
    return _(
        "📅 <b>Reward {number} waits for you.</b>\nThere are {most} a month. It has its turn on "
        "{day} at the earliest; I will tell you."
    ).format(number=reward.number, most=CLAIMS_PER_MONTH, day=dates.short(reward.deferred_until))


def _revoked(reward: ReferralReward) -> str:
    """Return that an invitation does not count after all, and what was taken back with it."""
    lines = [
        _("↩️ <b>Reward {number} for your invitations was withdrawn.</b>").format(
            number=reward.number
        ),
        _("One of the three invitations does not count. The others count for your next reward."),
    ]
    if reward.entry is not None:
        lines += goods_texts.taken_back(
            Goods.from_metadata(reward.entry.metadata), _taken(reward.entry)
        )
    return "\n".join([*lines, "", _("Questions? Use /paysupport.")])


def _taken(entry: LedgerEntry) -> dict[str, int]:
    """Return what of a grant was taken back, by the names of the ledger's shortfall."""
    goods = Goods.from_metadata(entry.metadata)
    missing = LedgerEntry.objects.get(reverses=entry).shortfall or {}
    granted = {
        **goods.units,
        "premium_days": goods.premium_days,
        "mode_hours": goods.mode_hours,
    }
    return {name: count - missing.get(name, 0) for name, count in granted.items()}


# --- Buttons --------------------------------------------------------------------------------------


def button_share() -> str:
    """Return the label of the button that sends the link to a friend."""
    return _("📨 Send to a friend")


def button_copy() -> str:
    """Return the label of the button that copies the link."""
    return _("📋 Copy the link")


def button_choice(reward: ReferralReward, choice: RewardChoice) -> str:
    """Return the label of the button that chooses; with several rewards it says which."""
    name = {
        RewardChoice.MEGA_PACK_15: _("🔋 Mega Pack"),
        RewardChoice.PREMIUM_7: _("👑 7 days Premium"),
    }[choice]
    return f"{reward.number} · {name}"
