"""What happens to a player's own row."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from quizarena.players.models import Awaited, Language, Player
from quizarena.prepared import prepared

# How stale "last seen" may get before a further update is worth a write.
LAST_SEEN_PRECISION = timedelta(minutes=5)
# How long a player has for what the bot has asked for.
AWAITED_FOR = timedelta(minutes=15)


def language_for(telegram_language_code: str | None) -> Language:
    """Return the interface language for a Telegram (IETF) language code; English if unknown."""
    code = (telegram_language_code or "").lower().split("-")[0]
    return Language(code) if code in Language.values else Language.ENGLISH


def upsert_from_telegram(
    *,
    telegram_id: int,
    first_name: str,
    last_name: str,
    username: str,
    language_code: str | None,
    now: datetime,
) -> Player:
    """Return the player behind a Telegram account, stored at the first meeting.

    Names follow Telegram; the language is taken from Telegram once and is the player's own
    afterwards. A known player whose names have not changed costs one read, and one write per
    five minutes for `last_seen_at`. Somebody who writes has not blocked the bot (any more).
    """
    names = {
        "first_name": first_name[:128],
        "last_name": last_name[:128],
        "username": username[:64],
    }
    player = _known_as.first(telegram_id=telegram_id)
    if player is None:
        player, created = Player.objects.get_or_create(
            telegram_id=telegram_id,
            defaults={
                **names,
                "language": language_for(language_code),
                "created_at": now,
                "last_seen_at": now,
            },
        )
        if created:
            return player
    changed = [field for field, value in names.items() if getattr(player, field) != value]
    for field in changed:
        setattr(player, field, names[field])
    if now - player.last_seen_at >= LAST_SEEN_PRECISION:
        player.last_seen_at = now
        changed.append("last_seen_at")
    if player.bot_blocked_at is not None:
        player.bot_blocked_at = None
        changed.append("bot_blocked_at")
    if changed:
        player.save(update_fields=changed)
    return player


@prepared
def _known_as(*, telegram_id: int) -> QuerySet[Player]:
    return Player.objects.known_as(telegram_id)


def start(*, player: Player, now: datetime) -> bool:
    """Note the player's first /start; return whether this is it. Once true, never again."""
    if player.started_at is not None:
        return False
    player.started_at = now
    return Player.objects.filter(pk=player.pk, started_at=None).update(started_at=now) == 1


def lock(player: Player) -> None:
    """Make everybody else who locks the player wait until this transaction has ended.

    Rows that refer to the player can be written all the same.
    """
    _locked.get(player_id=player.pk)


def addressee(player_id: int) -> Player:
    """Return the player; until this transaction has ended, no deletion of theirs begins.

    For whoever sends to a Telegram id without having been asked to. Waits for a deletion that is
    beginning, and for nothing else: who locks the player for a tap is not in the way.
    """
    query = "SELECT * FROM players_player WHERE id = %s FOR KEY SHARE"
    return Player.objects.raw(query, [player_id])[0]


@prepared
def _locked(*, player_id: int) -> QuerySet[Player, int]:
    players = Player.objects.select_for_update(no_key=True).filter(pk=player_id)
    return players.values_list("pk", flat=True)


def set_language(*, player: Player, language: Language) -> None:
    """Let the bot speak `language` with the player from now on."""
    player.language = language
    player.save(update_fields=["language"])


def set_daily_goal(*, player: Player, rounds: int) -> None:
    """Let the player's goal be so many rounds a day; what there may be is DAILY_GOALS."""
    player.daily_goal = rounds
    player.save(update_fields=["daily_goal"])


def await_message(*, player: Player, what: Awaited, now: datetime) -> None:
    """Take the player's next message for `what`, if it comes within AWAITED_FOR."""
    player.awaits, player.awaits_until = what, now + AWAITED_FOR
    player.save(update_fields=["awaits", "awaits_until"])


def stop_awaiting(*, player: Player, now: datetime) -> Awaited | None:
    """Return what is awaited of the player at `now`, if anything; from now on nothing is.

    Whatever the player does next, this ends: a message is the answer, all else a change of mind.
    """
    if player.awaits_until is None:
        return None
    awaited = Awaited(player.awaits) if now < player.awaits_until else None
    player.awaits, player.awaits_until = "", None
    player.save(update_fields=["awaits", "awaits_until"])
    return awaited


def bot_blocked(*, telegram_id: int, now: datetime) -> bool:
    """Note that the player has blocked the bot; return whether that was news."""
    known = Player.objects.known_as(telegram_id).filter(bot_blocked_at=None)
    return known.update(bot_blocked_at=now) == 1


def bot_unblocked(*, telegram_id: int) -> None:
    """Note that the player has let the bot in again."""
    Player.objects.known_as(telegram_id).update(bot_blocked_at=None)


@transaction.atomic
def suspend(*, player_id: int, now: datetime) -> bool:
    """Shut the player out of the game; return False if that was so already. Locks the player."""
    player = Player.objects.select_for_update().get(pk=player_id)
    if player.suspended_at is not None:
        return False
    player.suspended_at = now
    player.save(update_fields=["suspended_at"])
    return True


@transaction.atomic
def unsuspend(*, player_id: int) -> bool:
    """End a suspension; return False if there was none. Locks the player."""
    player = Player.objects.select_for_update().get(pk=player_id)
    if player.suspended_at is None:
        return False
    player.suspended_at = player.suspension_notified_at = None
    player.save(update_fields=["suspended_at", "suspension_notified_at"])
    return True


def notify_of_suspension(*, player: Player, now: datetime) -> bool:
    """Return True once per suspension, when its notice is due, and mark that as sent."""
    pending = Player.objects.filter(
        pk=player.pk, suspended_at__isnull=False, suspension_notified_at=None
    )
    return pending.update(suspension_notified_at=now) == 1
