"""Notices: messages that players get without having asked, each once.

A lower app leaves rows; a `Source` in SOURCES says which are due, how one is claimed, and how it
reads. Claim and message are of one transaction, so nothing is sent twice or lost.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from html import escape
from typing import Any, Generic, TypeVar

import structlog
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from telegram import InlineKeyboardMarkup

from bot.chat import cards, dates, local_time, navigation, phrases, reminder_settings
from bot.chat.models import ReminderSettings
from bot.messages import reminders, texts
from bot.messages.models import ReminderKind
from bot.queue import outbox
from bot.queue.models import Lane
from bot.screens.duel import buttons as duel_buttons
from bot.screens.duel import texts as duel_texts
from bot.screens.invite import buttons as invite_buttons
from bot.screens.invite import texts as invite_texts
from bot.screens.receipts import buttons as receipts_buttons
from bot.screens.receipts import texts as receipts_texts
from bot.screens.shop import buttons as shop_buttons
from bot.screens.shop import texts as shop_texts
from bot.screens.support import texts as support_texts
from bot.screens.tournament import buttons as tournament_buttons
from bot.screens.tournament import texts as tournament_texts
from economy import entitlements, streak_rules, streaks
from economy.holdings import holdings
from economy.models import PremiumNotice, StreakDay
from economy.wallets import business_zone
from payments import subscriptions
from payments.models import Purchase, Subscription, SubscriptionState, SupportRequest
from promos.models import ReferralNotice
from quizarena import sweeps
from quizarena.game import duel_play, duels, tournament_play
from quizarena.game.models import (
    DuelNotice,
    DuelNoticeKind,
    TournamentNotice,
    TournamentNoticeKind,
)
from quizarena.game.tournament_rules import TournamentKind
from quizarena.players.models import Player, StaffMessage

# Players are looked for so many at a time, and get so many notices at once.
BATCH = 100
ROWS_MAX = 20

Row = TypeVar("Row", bound=Model)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Generic[Row]):
    """Rows of one kind, each with a `player`, of which players have to be notified.

    `due` are those without a notice yet, in the order of sending. `claim` marks one as notified and
    is True once. `render` returns the text in the active language, None for what is out of date.

    A `transactional` notice (money, an answer by a person) is a message of its own, goes out at
    once, waits for a player who has blocked the bot, and reaches a suspended one, too. The rest are
    reminders: those of one moment are one message, wait for the end of the player's quiet hours and
    for a free slot of the player's day (bot/messages/reminders.py), and whoever cannot play, or
    does not want them, does not get them afterwards either. One without a `kind` waits for no slot:
    it is about what the player has begun.
    """

    name: str
    due: Callable[[], "QuerySet[Row]"]
    claim: Callable[[Row, datetime], bool]
    render: Callable[[Row, datetime], str | None]
    keyboard: Callable[[Row, datetime], InlineKeyboardMarkup] = lambda _, __: navigation.way_back()
    transactional: bool = False
    # Whether its message is celebrated with confetti.
    celebrates: Callable[[Row], bool] = lambda _: False
    # As which reminder it takes a slot of the day, if it does.
    kind: ReminderKind | None = None
    # The field of the player's settings that switches it off, if it can be.
    switch: str = ""


# --- Money ----------------------------------------------------------------------------------------


def _marking(due: Callable[[], "QuerySet[Any]"], field: str) -> Callable[[Any, datetime], bool]:
    """Return the claim that writes the time of the notice to `field` of a row that is due."""
    return lambda row, now: due().filter(pk=row.pk).update(**{field: now}) == 1


def _render_receipt(purchase: Purchase, now: datetime) -> str:
    owned = holdings(player=purchase.player, now=now)
    return receipts_texts.receipt(purchase, owned, _renewed_beside(purchase, now=now), now=now)


def _renewed_beside(purchase: Purchase, *, now: datetime) -> Subscription | None:
    """Return the subscription that is renewed although the player has bought Premium once."""
    goods = purchase.delivers
    if purchase.is_subscription or goods is None or goods.premium is None:
        return None
    return subscriptions.renewing(player=purchase.player, now=now)


def _render_renewal_failed(subscription: Subscription, now: datetime) -> str | None:
    # Who comes back later than that is notified of the end of Premium.
    over = subscription.state(now) is SubscriptionState.ENDED
    return None if over else receipts_texts.renewal_failed(subscription)


RECEIPTS = Source(
    name="receipt",
    due=lambda: Purchase.objects.receipt_due().select_related("product"),
    claim=_marking(Purchase.objects.receipt_due, "receipt_sent_at"),
    render=_render_receipt,
    keyboard=lambda purchase, now: shop_buttons.after_purchase_notice(
        _renewed_beside(purchase, now=now)
    ),
    transactional=True,
)
DELAYS = Source(
    name="delay",
    due=Purchase.objects.delay_notice_due,
    claim=_marking(Purchase.objects.delay_notice_due, "delay_notified_at"),
    render=lambda purchase, _: receipts_texts.delay(purchase),
    keyboard=lambda _, __: shop_buttons.after_purchase_notice(),
    transactional=True,
)
REFUNDS = Source(
    name="refund",
    due=lambda: Purchase.objects.refund_notice_due().select_related("product"),
    claim=_marking(Purchase.objects.refund_notice_due, "refund_notified_at"),
    render=lambda purchase, _: receipts_texts.refund(purchase),
    keyboard=lambda _, __: shop_buttons.after_purchase_notice(),
    transactional=True,
)
LINKS = Source(
    name="link",
    due=lambda: Purchase.objects.link_notice_due().select_related("product"),
    claim=_marking(Purchase.objects.link_notice_due, "link_sent_at"),
    render=lambda purchase, _: shop_texts.link(purchase),
    keyboard=lambda purchase, _: shop_buttons.link(purchase),
    transactional=True,
)
FAILED_RENEWALS = Source(
    name="renewal",
    due=Subscription.objects.grace_notice_due,
    claim=_marking(Subscription.objects.grace_notice_due, "grace_notified_at"),
    render=_render_renewal_failed,
    keyboard=lambda _, __: receipts_buttons.after_subscription_notice(),
    transactional=True,
)
ANSWERS = Source(
    name="answer",
    due=SupportRequest.objects.answer_due,
    claim=_marking(SupportRequest.objects.answer_due, "notified_at"),
    render=lambda request, _: support_texts.support_answer(request),
    transactional=True,
)

STAFF_MESSAGES = Source(
    name="staff message",
    due=StaffMessage.objects.notice_due,
    claim=_marking(StaffMessage.objects.notice_due, "notified_at"),
    render=lambda message, _: escape(message.text),
    transactional=True,
)


# --- Premium --------------------------------------------------------------------------------------


def _claim_premium(notice: PremiumNotice, now: datetime) -> bool:
    return entitlements.mark_notified(notice_ids=[notice.pk], now=now) == 1


def _render_premium(notice: PremiumNotice, now: datetime) -> str | None:
    if not entitlements.is_timely(notice=notice, now=now):
        return None
    return texts.premium_notice(notice, now=now)


# --- Streaks --------------------------------------------------------------------------------------


def _claim_day(day: StreakDay, now: datetime) -> bool:
    return streaks.mark_notified(day=day, now=now)


def _render_day(day: StreakDay, now: datetime) -> str:
    offer = streaks.earn_back(player=day.player, now=now)
    until = streak_rules.earn_back_until(day.day, zone=business_zone())
    # The offer is for the last loss.
    return texts.streak_day(day, offer if offer and offer.until == until else None, now=now)


# --- Invitations ----------------------------------------------------------------------------------


def _invitations(*, of_losses: bool) -> Source[ReferralNotice]:
    """Return the notices to inviters: of revoked rewards, which are transactional, or news."""

    def due() -> "QuerySet[ReferralNotice]":
        undelivered = ReferralNotice.objects.undelivered(of_losses=of_losses)
        return undelivered.select_related("reward__entry", "referral__invited", "referral__reward")

    return Source(
        name="lost reward" if of_losses else "invitations",
        due=due,
        claim=_marking(due, "notified_at"),
        render=lambda notice, now: invite_texts.notice(notice, now=now),
        keyboard=lambda notice, _: invite_buttons.after_invitation_notice(notice.reward),
        transactional=of_losses,
        kind=None if of_losses else ReminderKind.INVITATIONS,
    )


# --- Duels ----------------------------------------------------------------------------------------


def _due_of_duels() -> "QuerySet[DuelNotice]":
    due = DuelNotice.objects.undelivered(timezone.now())
    return due.select_related("duel__creator", "duel__opponent")


def _claim_duel(row: DuelNotice, now: datetime) -> bool:
    unsent = DuelNotice.objects.filter(pk=row.pk, notified_at=None)
    return unsent.update(notified_at=now) == 1


def _render_duel(row: DuelNotice, now: datetime) -> str | None:
    view = duel_play.view_of(row.duel, player_id=row.player_id)
    text = duel_texts.notice(row, view, decider=duels.decider_of(row.duel), now=now)
    if text is not None and row.kind == DuelNoticeKind.RESULT:
        cards.order_duel(row.duel, player=row.player, now=now)
    return text


def _is_won_duel(row: DuelNotice) -> bool:
    view = duel_play.view_of(row.duel, player_id=row.player_id)
    return row.kind == DuelNoticeKind.RESULT and bool(view.has_won)


def _duel_keyboard(row: DuelNotice, now: datetime) -> InlineKeyboardMarkup:
    view = duel_play.view_of(row.duel, player_id=row.player_id)
    return duel_buttons.after_notice(view, duels.decider_of(row.duel))


# --- Tournaments ----------------------------------------------------------------------------------


def _tournaments(kind: TournamentKind) -> Source[TournamentNotice]:
    """Return the notices about cups, or about private tournaments.

    Who has registered for a cup waits for its rounds, at whatever hour that is: what is about it is
    sent at once. The rounds of a private tournament are long enough for the end of quiet hours.
    """

    def due() -> "QuerySet[TournamentNotice]":
        undelivered = TournamentNotice.objects.undelivered(timezone.now(), kind=kind)
        return undelivered.select_related("tournament")

    return Source(
        name=kind.lower(),
        due=due,
        claim=_claim_tournament,
        render=_render_tournament,
        keyboard=_tournament_keyboard,
        transactional=kind is TournamentKind.CUP,
        switch="" if kind is TournamentKind.CUP else "duels",
    )


def _claim_tournament(row: TournamentNotice, now: datetime) -> bool:
    unsent = TournamentNotice.objects.filter(pk=row.pk, notified_at=None)
    return unsent.update(notified_at=now) == 1


def _render_tournament(row: TournamentNotice, now: datetime) -> str | None:
    if row.player.suspended_at is not None:
        return None
    view = tournament_play.view_of(row.tournament, player=row.player)
    text = tournament_texts.notice(row, view, now=now)
    if text is not None and row.kind == TournamentNoticeKind.RESULT:
        cards.order_cup(row.tournament, player=row.player, now=now)
    return text


def _tournament_keyboard(row: TournamentNotice, now: datetime) -> InlineKeyboardMarkup:
    view = tournament_play.view_of(row.tournament, player=row.player)
    return tournament_buttons.page(view)


# --- The table ------------------------------------------------------------------------------------

SOURCES: tuple[Source[Any], ...] = (
    RECEIPTS,
    DELAYS,
    REFUNDS,
    LINKS,
    FAILED_RENEWALS,
    ANSWERS,
    STAFF_MESSAGES,
    _invitations(of_losses=True),
    Source(
        name="premium",
        due=PremiumNotice.objects.undelivered,
        claim=_claim_premium,
        render=_render_premium,
        kind=ReminderKind.PREMIUM,
        switch="premium",
    ),
    Source(
        name="streak",
        due=StreakDay.objects.undelivered,
        claim=_claim_day,
        render=_render_day,
        kind=ReminderKind.STREAK_NEWS,
    ),
    _invitations(of_losses=False),
    Source(
        name="duel",
        due=_due_of_duels,
        claim=_claim_duel,
        render=_render_duel,
        keyboard=_duel_keyboard,
        celebrates=_is_won_duel,
        switch="duels",
    ),
    _tournaments(TournamentKind.CUP),
    _tournaments(TournamentKind.PRIVATE),
)


# --- Sending --------------------------------------------------------------------------------------


def notify(*, player: Player, now: datetime, sources: Sequence[Source[Any]] | None = None) -> int:
    """Send the player the notices that are due at `now`; return of how many rows.

    A step of the caller's transaction, inside outbox.collecting(): what a handler has sent before
    comes first. Rows that another worker has locked are left to it. A row that cannot be rendered
    is logged and stays due, and neither its neighbours nor the caller's work suffer.
    """
    count = 0
    with dates.speaking_to(player):
        for source in SOURCES if sources is None else sources:
            if source.transactional and player.bot_blocked_at is not None:
                continue
            claimed = _claim_and_render(source, player=player, now=now)
            count += len(claimed)
            _send(source, claimed, player=player, now=now)
    return count


def send_due_notices(*, transactional: bool, until: datetime) -> int:
    """Send all players the notices that are due, transactional or not; return of how many rows.

    Stops at `until`. Each player is a transaction of their own.
    """
    sources = [source for source in SOURCES if source.transactional is transactional]
    return sweeps.one_by_one(
        due=partial(_players_to_notify, sources), apply=partial(_notify_one, sources), until=until
    )


def _players_to_notify(sources: Sequence[Source[Any]], seen: Collection[int]) -> list[int]:
    """Return the next players for whom anything is due."""
    transactional = all(source.transactional for source in sources)
    batch = BATCH if transactional else min(BATCH, outbox.bulk_room(at_most=reminders.QUEUE_MAX))
    players: dict[int, None] = {}
    for source in sources:
        due = source.due().exclude(player__in=seen)
        if source.transactional:
            due = due.filter(player__bot_blocked_at=None)
        else:
            due = due.filter(player__in=_reachable(source, now=timezone.now()))
        players |= dict.fromkeys(due.values_list("player", flat=True)[:batch])
    return list(players)


def _reachable(source: Source[Any], *, now: datetime) -> "QuerySet[Player]":
    """Return the players who can get a reminder of this source now."""
    if source.kind is None:
        return reminders.awake(Player.objects.all(), now=now)
    return reminders.with_a_free_slot(Player.objects.all(), kind=source.kind, now=now)


def _notify_one(sources: Sequence[Source[Any]], player_id: int) -> int:
    """Send one player what is due from `sources`, all of them transactional or none."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        player = Player.objects.get(pk=player_id)
        if any(source.transactional for source in sources):
            with outbox.collecting():
                return notify(player=player, now=now, sources=sources)
        settings = reminder_settings.settings_of(player)
        if not local_time.is_awake(now, zone=settings.zone):
            return 0  # The quiet hours have begun since the players were looked for.
        expires_at = local_time.quiet_at(now, zone=settings.zone)
        with (
            outbox.collecting(lane=Lane.BULK, expires_at=expires_at),
            dates.speaking_to(player, zone=settings.zone),
        ):
            return sum(
                _remind(source, player=player, settings=settings, now=now) for source in sources
            )


def _remind(
    source: Source[Any], *, player: Player, settings: ReminderSettings, now: datetime
) -> int:
    """Send what is due if a slot of the player's day is free; return of how many rows.

    What is dropped takes no slot, and without a free one everything stays due.
    """
    is_wanted = not source.switch or bool(getattr(settings, source.switch))
    with transaction.atomic():
        claimed = _claim_and_render(source, player=player, now=now, is_wanted=is_wanted)
        if (
            source.kind is not None
            and any(text for _, text in claimed)
            and not reminders.take_slot(settings=settings, kind=source.kind, now=now)
        ):
            transaction.set_rollback(True)
            return 0
    _send(source, claimed, player=player, now=now)
    return len(claimed)


def _claim_and_render(
    source: Source[Any], *, player: Player, now: datetime, is_wanted: bool = True
) -> list[tuple[Any, str | None]]:
    """Claim what is due to the player and return its texts; None is claimed and not sent."""
    is_away = player.bot_blocked_at is not None or player.suspended_at is not None or not is_wanted
    due = source.due().filter(player=player)
    claimed: list[tuple[Any, str | None]] = []
    for row in due.select_for_update(of=("self",), skip_locked=True)[:ROWS_MAX]:
        row.player = player
        try:
            with transaction.atomic():
                if source.claim(row, now):
                    is_dropped = is_away and not source.transactional
                    claimed.append((row, None if is_dropped else source.render(row, now)))
        except Exception:  # Of whatever kind: it is this row's alone.
            log.exception("notice.failed", source=source.name, row=row.pk, player=player.pk)
    return claimed


def _send(
    source: Source[Any],
    claimed: Sequence[tuple[Any, str | None]],
    *,
    player: Player,
    now: datetime,
) -> None:
    """Send the texts: each as a message of its own if transactional, else all as one."""
    messages = [(row, text) for row, text in claimed if text]
    if messages and not source.transactional:
        messages = [(messages[-1][0], "\n\n".join(text for _, text in messages))]
    # Where several are one message, one reason is enough.
    is_celebrated = not source.transactional and any(
        text and source.celebrates(row) for row, text in claimed
    )
    effect = phrases.CONFETTI if is_celebrated else None
    for row, text in messages:
        reminders.send_reminder(player, text, source.keyboard(row, now), effect=effect)
