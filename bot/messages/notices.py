"""Notices: messages that players get without having asked, each once.

A lower app leaves rows; a `Source` in SOURCES says which are due, how one is claimed, and how it
reads. Claim and message are of one transaction, so nothing is sent twice or lost.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
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
from quizarena.players import services
from quizarena.players.models import Player, StaffMessage

# Players are looked for so many at a time, and get so many notices at once.
BATCH = 100
ROWS_MAX = 20

Row = TypeVar("Row", bound=Model)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a player is sent: a text in the active language, and what stands below it."""

    text: str
    keyboard: InlineKeyboardMarkup = field(default_factory=navigation.way_back)
    # Whether it is celebrated with confetti.
    is_celebrated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Generic[Row]):
    """Rows of one kind, each with a `player`, of which players have to be notified.

    `due` are those without a notice yet, in the order of sending. `claim` marks one as notified and
    is True once. `render` returns what is sent, None for what is out of date.

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
    render: Callable[[Row, datetime], Notice | None]
    transactional: bool = False
    # As which reminder it takes a slot of the day, if it does.
    kind: ReminderKind | None = None
    # The field of the player's settings that switches it off, if it can be.
    switch: str = ""


# --- Money ----------------------------------------------------------------------------------------


def _marking(due: Callable[[], "QuerySet[Any]"], column: str) -> Callable[[Any, datetime], bool]:
    """Return the claim that writes the time of the notice to `column` of a row that is due."""
    return lambda row, now: due().filter(pk=row.pk).update(**{column: now}) == 1


def _render_receipt(purchase: Purchase, now: datetime) -> Notice:
    owned = holdings(player=purchase.player, now=now)
    renewed = _renewed_beside(purchase, now=now)
    return Notice(
        receipts_texts.receipt(purchase, owned, renewed, now=now),
        shop_buttons.after_purchase_notice(renewed),
    )


def _renewed_beside(purchase: Purchase, *, now: datetime) -> Subscription | None:
    """Return the subscription that is renewed although the player has bought Premium once."""
    goods = purchase.delivers
    if purchase.is_subscription or goods is None or goods.premium is None:
        return None
    return subscriptions.renewing(player=purchase.player, now=now)


def _render_renewal_failed(subscription: Subscription, now: datetime) -> Notice | None:
    # Who comes back later than that is notified of the end of Premium.
    if subscription.state(now) is SubscriptionState.ENDED:
        return None
    return Notice(
        receipts_texts.renewal_failed(subscription), receipts_buttons.after_subscription_notice()
    )


RECEIPTS = Source(
    name="receipt",
    due=lambda: Purchase.objects.receipt_due().select_related("product"),
    claim=_marking(Purchase.objects.receipt_due, "receipt_sent_at"),
    render=_render_receipt,
    transactional=True,
)
DELAYS = Source(
    name="delay",
    due=Purchase.objects.delay_notice_due,
    claim=_marking(Purchase.objects.delay_notice_due, "delay_notified_at"),
    render=lambda purchase, _: Notice(
        receipts_texts.delay(purchase), shop_buttons.after_purchase_notice()
    ),
    transactional=True,
)
REFUNDS = Source(
    name="refund",
    due=lambda: Purchase.objects.refund_notice_due().select_related("product"),
    claim=_marking(Purchase.objects.refund_notice_due, "refund_notified_at"),
    render=lambda purchase, _: Notice(
        receipts_texts.refund(purchase), shop_buttons.after_purchase_notice()
    ),
    transactional=True,
)
LINKS = Source(
    name="link",
    due=lambda: Purchase.objects.link_notice_due().select_related("product"),
    claim=_marking(Purchase.objects.link_notice_due, "link_sent_at"),
    render=lambda purchase, _: Notice(shop_texts.link(purchase), shop_buttons.link(purchase)),
    transactional=True,
)
FAILED_RENEWALS = Source(
    name="renewal",
    due=Subscription.objects.grace_notice_due,
    claim=_marking(Subscription.objects.grace_notice_due, "grace_notified_at"),
    render=_render_renewal_failed,
    transactional=True,
)
ANSWERS = Source(
    name="answer",
    due=SupportRequest.objects.answer_due,
    claim=_marking(SupportRequest.objects.answer_due, "notified_at"),
    render=lambda request, _: Notice(support_texts.support_answer(request)),
    transactional=True,
)
STAFF_MESSAGES = Source(
    name="staff message",
    due=StaffMessage.objects.notice_due,
    claim=_marking(StaffMessage.objects.notice_due, "notified_at"),
    render=lambda message, _: Notice(escape(message.text)),
    transactional=True,
)


# --- Premium --------------------------------------------------------------------------------------


def _claim_premium(notice: PremiumNotice, now: datetime) -> bool:
    return entitlements.mark_notified(notice_ids=[notice.pk], now=now) == 1


def _render_premium(notice: PremiumNotice, now: datetime) -> Notice | None:
    if not entitlements.is_timely(notice=notice, now=now):
        return None
    return Notice(texts.premium_notice(notice, now=now))


# --- Streaks --------------------------------------------------------------------------------------


def _claim_day(day: StreakDay, now: datetime) -> bool:
    return streaks.mark_notified(day=day, now=now)


def _render_day(day: StreakDay, now: datetime) -> Notice:
    offer = streaks.earn_back(player=day.player, now=now)
    until = streak_rules.earn_back_until(day.day, zone=business_zone())
    # The offer is for the last loss.
    of_this_day = offer if offer and offer.until == until else None
    return Notice(texts.streak_day(day, of_this_day, now=now))


# --- Invitations ----------------------------------------------------------------------------------


def _render_invitation(notice: ReferralNotice, now: datetime) -> Notice | None:
    text = invite_texts.notice(notice, now=now)
    return Notice(text, invite_buttons.after_invitation_notice(notice.reward)) if text else None


def _invitations(*, of_losses: bool) -> Source[ReferralNotice]:
    """Return the notices to inviters: of revoked rewards, which are transactional, or news."""

    def due() -> "QuerySet[ReferralNotice]":
        undelivered = ReferralNotice.objects.undelivered(of_losses=of_losses)
        return undelivered.select_related("reward__entry", "referral__invited", "referral__reward")

    return Source(
        name="lost reward" if of_losses else "invitations",
        due=due,
        claim=_marking(due, "notified_at"),
        render=_render_invitation,
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


def _render_duel(row: DuelNotice, now: datetime) -> Notice | None:
    view = duel_play.view_of(row.duel, player_id=row.player_id)
    decider = duels.decider_of(row.duel)
    text = duel_texts.notice(row, view, decider=decider, now=now)
    if text is None:
        return None
    is_result = row.kind == DuelNoticeKind.RESULT
    if is_result:
        cards.order_duel(row.duel, player=row.player, now=now)
    return Notice(
        text,
        duel_buttons.after_notice(view, decider),
        is_celebrated=is_result and bool(view.has_won),
    )


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
        transactional=kind is TournamentKind.CUP,
        switch="" if kind is TournamentKind.CUP else "duels",
    )


def _claim_tournament(row: TournamentNotice, now: datetime) -> bool:
    unsent = TournamentNotice.objects.filter(pk=row.pk, notified_at=None)
    return unsent.update(notified_at=now) == 1


def _render_tournament(row: TournamentNotice, now: datetime) -> Notice | None:
    if row.player.suspended_at is not None:
        return None
    view = tournament_play.view_of(row.tournament, player=row.player)
    text = tournament_texts.notice(row, view, now=now)
    if text is None:
        return None
    if row.kind == TournamentNoticeKind.RESULT:
        cards.order_cup(row.tournament, player=row.player, now=now)
    return Notice(text, tournament_buttons.page(view))


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
            _send(source, claimed, player=player)
    return count


def send_due_notices(*, transactional: bool, until: datetime) -> int:
    """Send all players the notices that are due, transactional or not; return of how many rows.

    Stops at `until`. Each player is a transaction of their own.
    """
    sources = [source for source in SOURCES if source.transactional is transactional]
    found: dict[int, list[Source[Any]]] = {}

    def due(seen: Collection[int]) -> list[int]:
        found.update(_players_to_notify(sources, seen))
        return [player_id for player_id in found if player_id not in seen]

    return sweeps.one_by_one(
        due=due,
        apply=lambda player_id: _notify_one(found[player_id], player_id),
        until=until,
    )


def _players_to_notify(
    sources: Sequence[Source[Any]], seen: Collection[int]
) -> dict[int, list[Source[Any]]]:
    """Return the next players for whom anything is due, and of which sources.

    Hundreds are notified of a round of the cup at once, and to look into all sources for each of
    them costs more than to notify them.
    """
    transactional = all(source.transactional for source in sources)
    batch = BATCH if transactional else min(BATCH, outbox.bulk_room(at_most=reminders.QUEUE_MAX))
    players: dict[int, list[Source[Any]]] = {}
    others: list[Source[Any]] = []
    for source in sources:
        due = source.due().exclude(player__in=seen)
        if source.transactional:
            due = due.filter(player__bot_blocked_at=None)
        else:
            due = due.filter(player__in=_reachable(source, now=timezone.now()))
        rows = list(due.values_list("player", flat=True)[:batch])
        if len(rows) == batch:
            others.append(source)  # It may have more, also for those of other sources.
        for player_id in dict.fromkeys(rows):
            players.setdefault(player_id, []).append(source)
    return {
        player_id: [one for one in sources if one in own or one in others]
        for player_id, own in players.items()
    }


def _reachable(source: Source[Any], *, now: datetime) -> "QuerySet[Player]":
    """Return the players who can get a reminder of this source now."""
    if source.kind is None:
        return reminders.awake(Player.objects.all(), now=now)
    return reminders.with_a_free_slot(Player.objects.all(), kind=source.kind, now=now)


def _notify_one(sources: Sequence[Source[Any]], player_id: int) -> int:
    """Send one player what is due from `sources`, all of them transactional or none."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        player = services.addressee(player_id)
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
            and any(claimed)
            and not reminders.take_slot(settings=settings, kind=source.kind, now=now)
        ):
            transaction.set_rollback(True)
            return 0
    _send(source, claimed, player=player)
    return len(claimed)


def _claim_and_render(
    source: Source[Any], *, player: Player, now: datetime, is_wanted: bool = True
) -> list[Notice | None]:
    """Claim what is due to the player and return what is sent; None is claimed and not sent."""
    is_away = player.bot_blocked_at is not None or player.suspended_at is not None or not is_wanted
    due = source.due().filter(player=player)
    claimed: list[Notice | None] = []
    for row in due.select_for_update(of=("self",), skip_locked=True)[:ROWS_MAX]:
        row.player = player
        try:
            with transaction.atomic():
                if source.claim(row, now):
                    is_dropped = is_away and not source.transactional
                    claimed.append(None if is_dropped else source.render(row, now))
        except Exception:  # Of whatever kind: it is this row's alone.
            log.exception("notice.failed", source=source.name, row=row.pk, player=player.pk)
    return claimed


def _send(source: Source[Any], claimed: Sequence[Notice | None], *, player: Player) -> None:
    """Send the notices: each as a message of its own if transactional, else all as one."""
    notices = [notice for notice in claimed if notice is not None]
    if notices and not source.transactional:
        text = "\n\n".join(notice.text for notice in notices)
        # Where several are one message, one reason to celebrate is enough.
        is_celebrated = any(notice.is_celebrated for notice in notices)
        notices = [Notice(text, notices[-1].keyboard, is_celebrated)]
    for notice in notices:
        effect = phrases.CONFETTI if notice.is_celebrated else None
        keyboard = navigation.usable_by(player, notice.keyboard)
        reminders.send_reminder(player, notice.text, keyboard, effect=effect)
