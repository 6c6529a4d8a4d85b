"""Cards: the picture of a result, which a player gets below its text, once.

A screen orders one in the transaction of the result (bot/chat/cards.py). A worker draws it, and
sends it by the outbox, so that nobody waits for a drawing; one that comes too late is not sent. The
id under which Telegram keeps the file is kept with the card.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone
from telegram import InputFile

from bot.chat import dates, phrases
from bot.chat.models import Card, CardKind
from bot.messages import buttons, card_images, texts
from bot.messages.card_images import Drawing
from bot.queue import client, outbox
from bot.queue.models import Lane
from bot.screens.daily import texts as daily_texts
from bot.screens.duel import texts as duel_texts
from bot.screens.tournament import texts as tournament_texts
from quizarena import sweeps
from quizarena.game import daily, duel_play, tournament_play
from quizarena.game.models import Duel, Tournament
from quizarena.players import names
from quizarena.players.models import Player

# A picture that comes later than this belongs to nothing on the screen any more.
TIMELY = timedelta(minutes=10)
BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a card shows: its picture, and the words that go with it wherever it is shared."""

    drawing: Drawing
    words: str


def _daily(card: Card) -> Content:
    progress = daily.finished_run(run_id=card.subject)
    standing = daily.standing(progress.run)
    return Content(
        drawing=Drawing(
            title=daily_texts.card_title(progress),
            score=daily_texts.card_score(progress),
            tiles=progress.outcomes,
            note=daily_texts.placed(standing),
            footer=phrases.where_to_play(),
        ),
        words=daily_texts.card_words(progress),
    )


def _duel(card: Card) -> Content:
    duel = Duel.objects.select_related("creator", "opponent").get(pk=card.subject, result__gt="")
    view = duel_play.view_of(duel, player_id=card.player_id)
    return Content(
        drawing=Drawing(
            title=duel_texts.card_title(view),
            score=duel_texts.card_score(view),
            tiles=view.own,
            note=f"{_drawable_name(card.player)} – {_drawable_name(view.opponent)}",
            footer=phrases.where_to_play(),
        ),
        words=duel_texts.card_words(view),
    )


def _drawable_name(player: Player | None) -> str:
    """Return the player's public name, or a number if the fonts have no letters for it."""
    assert player is not None
    name = names.public_name(player)
    return name if card_images.drawable(name) else names.public_name(Player(pk=player.pk))


def _cup(card: Card) -> Content:
    cup = Tournament.objects.get(pk=card.subject)
    view = tournament_play.view_of(cup, player=card.player)
    return Content(
        drawing=Drawing(
            title=tournament_texts.card_title(cup),
            score=tournament_texts.card_score(view),
            note=_drawable_name(card.player),
            footer=phrases.where_to_play(),
        ),
        words=tournament_texts.card_words(view),
    )


def _streak(card: Card) -> Content:
    days = card.subject
    return Content(
        drawing=Drawing(
            title=texts.streak_card_title(),
            score=texts.streak_card_score(days),
            note=texts.streak_card_note(),
            footer=phrases.where_to_play(),
        ),
        words=texts.streak_card_caption(days),
    )


_CONTENTS: Mapping[str, Callable[[Card], Content]] = {
    CardKind.DAILY: _daily,
    CardKind.DUEL: _duel,
    CardKind.CUP: _cup,
    CardKind.STREAK: _streak,
}


def content(card: Card) -> Content:
    """Return what a card shows, in the language that is active."""
    return _CONTENTS[card.kind](card)


def shareable(*, player: Player, card_id: int | None = None) -> Card | None:
    """Return the player's latest card that Telegram keeps, or the one with this id."""
    kept = Card.objects.filter(player=player).exclude(file_id="").select_related("player")
    if card_id is not None:
        kept = kept.filter(pk=card_id)
    return kept.order_by("-pk").first()


def send_due(*, until: datetime) -> int:
    """Send the cards that are due, until it is `until`; return how many. Each is a transaction."""
    _keep_file_ids()

    def due(seen: Collection[int]) -> list[int]:
        cards = Card.objects.filter(sent_at=None).exclude(pk__in=seen).order_by("pk")
        return list(cards.values_list("pk", flat=True)[:BATCH])

    return sweeps.one_by_one(due=due, apply=_send, until=until)


def _send(card_id: int) -> bool:
    """Send a card that nobody else is at; return whether it went out."""
    now = timezone.now()
    with transaction.atomic():
        card = _lock(card_id)
        if card is None:
            return False
        card.sent_at = now
        is_timely = now - card.created_at < TIMELY and card.player.bot_blocked_at is None
        if is_timely:
            card.call_id = _call(card)
        card.save(update_fields=["sent_at", "call_id"])
    return is_timely


def _lock(card_id: int) -> Card | None:
    """Lock a card that is due until the transaction ends, unless somebody else is at it."""
    cards = Card.objects.select_for_update(of=("self",), skip_locked=True)
    return cards.select_related("player").filter(pk=card_id, sent_at=None).first()


def _call(card: Card) -> int:
    """Draw the card and put its message into the outbox; return the call's id."""
    with dates.speaking_to(card.player):
        shown = content(card)
        with outbox.collecting(lane=Lane.BULK, expires_at=card.created_at + TIMELY) as calls:
            client.run(
                client.bot().send_photo(
                    card.player.telegram_id,
                    InputFile(card_images.draw(shown.drawing), filename="quiz-arena.png"),
                    caption=f"{shown.words}\n{phrases.bot_link()}",
                    reply_markup=buttons.share(shown.words, card_id=card.pk),
                    disable_notification=True,
                )
            )
    return calls[0]


def _keep_file_ids() -> None:
    """Copy the ids of files that Telegram has, before their calls are deleted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE bot_card AS card SET file_id = call.file_id
            FROM bot_outgoingcall AS call
            WHERE card.call_id = call.id AND card.file_id = '' AND card.sent_at > %s
              AND call.file_id <> ''
            """,
            [timezone.now() - 2 * TIMELY],
        )
