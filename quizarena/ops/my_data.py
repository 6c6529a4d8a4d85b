"""What is stored about a player, as one document for the player. Product rules, section 16.

A column that is not selected here is not in it, and a table of players that stands neither here nor
in WITHHELD fails a test (tests/ops/test_my_data.py). Of others there are no names and no ids, but
in messages that the player has got.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from quizarena.players.models import Player


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the document: rows of `tables`, selected by the player_id or the telegram_id."""

    tables: tuple[str, ...]
    query: str


def _own(table: str, columns: str, *, order: str = "id") -> Section:
    """Return the section of a table in which every row is of one player."""
    return Section(
        tables=(table,),
        query=f"SELECT {columns} FROM {table} WHERE player_id = %(player_id)s"  # noqa: S608
        f" ORDER BY {order}",
    )


SECTIONS: Mapping[str, Section] = {
    "profile": Section(
        tables=("players_player",),
        query="""
            SELECT telegram_id, first_name, last_name, username, public_name, language, is_hidden,
              daily_goal, created_at, started_at, last_seen_at, bot_blocked_at, suspended_at
            FROM players_player WHERE id = %(player_id)s
        """,
    ),
    "reminder_settings": _own(
        "bot_remindersettings",
        "zone, streak_risk, daily_round, daily_hour, daily_challenge, duels, review, premium, news",
        order="player_id",
    ),
    "deletions": _own("players_deletionrequest", "state, asked_at, due_at, ended_at"),
    "copies_of_data": _own("players_datarequest", "asked_at, sent_at"),
    # --- What the player owns and has bought.
    "wallet": _own(
        "economy_wallet",
        "free_energy, paid_energy, streak_savers, duel_tickets, changed_at",
        order="player_id",
    ),
    "wallet_entries": _own(
        "economy_ledgerentry",
        "created_at, type, asset, direction, amount, reason, free_energy_after, paid_energy_after,"
        " streak_savers_after, duel_tickets_after",
    ),
    "premium": _own("economy_premiumspan", "plan, starts_at, ends_at, revoked_at"),
    "modes": _own("economy_modespan", "mode, starts_at, ends_at, revoked_at"),
    "purchases": _own(
        "payments_purchase",
        "id AS number, product_id AS product, base_stars, percent, stars, paid_stars,"
        " paid_currency, is_subscription, status, opened_at, paid_at, charge_id, subscribed_until",
    ),
    "refunds": Section(
        tables=("payments_refund",),
        query="""
            SELECT refund.purchase_id AS purchase, refund.asked_at, refund.telegram_at,
              refund.finished_at
            FROM payments_refund AS refund
            JOIN payments_purchase AS purchase ON purchase.id = refund.purchase_id
            WHERE purchase.player_id = %(player_id)s ORDER BY refund.id
        """,
    ),
    "subscriptions": _own(
        "payments_subscription",
        "purchase_id AS purchase, expires_at, canceled_at, failed_at",
        order="purchase_id",
    ),
    "offers_shown": _own(
        "payments_impression",
        "trigger, prices, shown_at, clicked_at, dismissed_at, muted_at",
    ),
    "support_requests": _own("payments_supportrequest", "asked_at, text, answered_at, answer"),
    "promo_attempts": _own("promos_attempt", "at, channel, refusal"),
    "promo_redemptions": _own(
        "promos_redemption", "created_at, status, stars_off, reserved_until, changed_at"
    ),
    "promo_comparisons": Section(
        tables=("promos_participant",),
        query="""
            SELECT uplift.begins_at, uplift.ends_at, participant.is_held_out
            FROM promos_participant AS participant
            JOIN promos_uplift AS uplift ON uplift.campaign_id = participant.uplift_id
            WHERE participant.player_id = %(player_id)s ORDER BY uplift.begins_at
        """,
    ),
    "promo_pauses": _own("promos_block", "since, until", order="player_id"),
    "invitation_link": _own("promos_inviter", "code, created_at", order="player_id"),
    "invitations": Section(
        tables=("promos_referral",),
        query="""
            SELECT CASE WHEN invited_id = %(player_id)s THEN 'invited' ELSE 'has invited' END
                AS as_who, started_at, status, qualified_at
            FROM promos_referral
            WHERE invited_id = %(player_id)s OR inviter_id = %(player_id)s ORDER BY id
        """,
    ),
    # --- How the player plays.
    "streak": _own("economy_streak", "current, best, last_active_day", order="player_id"),
    "streak_days": _own("economy_streakday", "day, outcome, length", order="day"),
    "levels": _own("game_playerlevel", "mode, level, reason, since"),
    "placements": _own("game_placement", "day, started_at, finished_at, level"),
    "placement_answers": Section(
        tables=("game_placementquestion",),
        query="""
            SELECT version.question, version.options[answer.choice + 1] AS answer,
              answer.is_correct, answer.answered_at
            FROM game_placementquestion AS answer
            JOIN game_placement AS placement ON placement.id = answer.placement_id
            JOIN game_questionversion AS version ON version.id = answer.version_id
            WHERE placement.player_id = %(player_id)s ORDER BY answer.id
        """,
    ),
    "rounds": _own("game_round", "mode, state, started_at, finished_at"),
    "perfect_rounds": _own("economy_perfectround", "finished_at"),
    "round_answers": Section(
        tables=("game_roundquestion",),
        query="""
            SELECT answer.mode, version.question,
              coalesce(answer.text, version.options[answer.choice + 1]) AS answer,
              answer.is_correct, answer.shown_at, answer.answered_at
            FROM game_roundquestion AS answer
            JOIN game_questionversion AS version ON version.id = answer.version_id
            WHERE answer.player_id = %(player_id)s ORDER BY answer.id
        """,
    ),
    "older_round_answers": _own("game_pastanswers", "mode, level, answered, correct"),
    "sprints": _own("game_sprint", "started_at, finished_at, state, answered, correct"),
    "daily_challenges": Section(
        tables=("game_dailyrun",),
        query="""
            SELECT day, started_at, finished_at, score
            FROM game_dailyrun AS run JOIN game_dailyset AS drawn ON drawn.id = run.set_id
            WHERE run.player_id = %(player_id)s ORDER BY day
        """,
    ),
    "reviews": _own("game_review", "started_at, finished_at, length"),
    "review_days": _own("game_reviewday", "day, cards", order="day"),
    "review_cards": Section(
        tables=("game_reviewcard",),
        query="""
            SELECT question.question, card.origin, card.created_at, card.state, card.stability,
              card.difficulty, card.last_review_at, card.due_at
            FROM game_reviewcard AS card JOIN game_question AS question
              ON question.id = card.question_id
            WHERE card.player_id = %(player_id)s ORDER BY card.id
        """,
    ),
    "review_answers": Section(
        tables=("game_reviewlog",),
        query="""
            SELECT question.question, log.text AS answer, log.is_right, log.rating, log.answered_at
            FROM game_reviewlog AS log
            JOIN game_reviewcard AS card ON card.id = log.card_id
            JOIN game_question AS question ON question.id = card.question_id
            WHERE card.player_id = %(player_id)s ORDER BY log.id
        """,
    ),
    "duels": Section(
        tables=("game_duel",),
        query="""
            SELECT id AS number, length, level, state, price, created_at, accepted_at, ended_at,
              CASE WHEN creator_id = %(player_id)s THEN creator_score ELSE opponent_score END
                AS score,
              CASE WHEN result = 'DRAW' THEN 'draw' WHEN result = '' THEN ''
                WHEN (result = 'CREATOR') = (creator_id = %(player_id)s) THEN 'won' ELSE 'lost' END
                AS outcome
            FROM game_duel
            WHERE creator_id = %(player_id)s OR opponent_id = %(player_id)s ORDER BY id
        """,
    ),
    "duel_answers": _own(
        "game_duelanswer", "duel_id AS duel, number, is_correct, shown_at, answered_at"
    ),
    "tournaments": Section(
        tables=("game_tournamentplayer",),
        query="""
            SELECT tournament.id AS number, tournament.kind, tournament.day, own.registered_at,
              own.place, own.prize
            FROM game_tournamentplayer AS own
            JOIN game_tournament AS tournament ON tournament.id = own.tournament_id
            WHERE own.player_id = %(player_id)s ORDER BY own.id
        """,
    ),
    "tournaments_created": Section(
        tables=("game_tournament",),
        query="""
            SELECT id AS number, created_at, length, price, state, ended_at
            FROM game_tournament WHERE creator_id = %(player_id)s ORDER BY id
        """,
    ),
    "tournament_rounds": _own(
        "game_pairing",
        "tournament_id AS tournament, started_at, answered, correct, last_answer_at, outcome",
    ),
    "badges": _own("game_badge", "kind, awarded_at"),
    "points": _own("game_pointevent", "at, kind, points"),
    "points_of_days": _own("game_daypoints", "day, points", order="day"),
    "points_of_weeks": _own("game_weekpoints", "week, points", order="week"),
    "league": _own("game_leagueplayer", "tier, opted_out_at", order="player_id"),
    "league_weeks": _own("game_leaguemember", "week, joined_at, left_at, points, place, outcome"),
    "reported_questions": _own("game_questionreport", "reported_at, reason, verdict"),
    # --- What was written. Updates and calls are kept for 30 days.
    "messages_of_staff": _own("players_staffmessage", "at, text, notified_at"),
    "reminders_sent": _own("bot_reminder", "kind, day"),
    "broadcasts_sent": _own("bot_broadcastrecipient", "finished_at, outcome"),
    "received_from_you": Section(
        tables=("bot_inboxupdate",),
        query="""
            SELECT received_at, kind FROM bot_inboxupdate
            WHERE player_key = %(telegram_id)s ORDER BY update_id
        """,
    ),
    "sent_to_you": Section(
        tables=("bot_outgoingcall",),
        query="""
            SELECT created_at, method, state, parameters ->> 'text' AS text FROM bot_outgoingcall
            WHERE chat_key = %(telegram_id)s ORDER BY id
        """,
    ),
}
# Tables of players that are not in the document, and why.
WITHHELD: Mapping[str, str] = {
    "game_fairplayfinding": "how fraud is found, which others must not learn",
    "promos_denylistentry": "how fraud is found, which others must not learn",
    "players_note": "words of staff to each other, about others and how fraud is found, too",
    "payments_difference": "a comparison of our books, whose facts stand with the purchases",
    "economy_verificationfinding": "a comparison of our books, whose facts stand in the wallet",
    "bot_staffplayer": "which account at the desk is the player's: of staff, not of players",
    "bot_card": "pictures of results that stand here",
    "bot_tournamentboard": "which message shows the standings",
    "economy_premiumnotice": "what is to be sent; what was sent stands here",
    "game_duelnotice": "what is to be sent; what was sent stands here",
    "game_tournamentnotice": "what is to be sent; what was sent stands here",
    "promos_referralnotice": "what is to be sent; what was sent stands here",
}


def document(player: Player) -> str:
    """Return everything that is stored about the player, as JSON. A query for each section."""
    known = {"player_id": player.pk, "telegram_id": player.telegram_id}
    found: dict[str, list[Any]] = {}
    with connection.cursor() as cursor:
        for name, section in SECTIONS.items():
            rows = f"SELECT to_jsonb(part)::text FROM ({section.query}) AS part"  # noqa: S608
            cursor.execute(rows, known)
            found[name] = [json.loads(row) for (row,) in cursor]
    return json.dumps(found, ensure_ascii=False, indent=1)
