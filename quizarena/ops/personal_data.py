"""What the database holds of a person, column by column, and what becomes of it.

Product rules, section 16: a text, a document, a big number or bytes may name a player. Each such
column that is neither a key nor a foreign key stands here, or its table does
(tests/ops/test_personal_data.py walks all of them). How it is erased: quizarena/ops/erasure.py.
"""

from collections.abc import Mapping
from enum import StrEnum

from django.apps import apps


class Fate(StrEnum):
    """What becomes of a column when an account is deleted."""

    PSEUDONYM = "replaced by a pseudonym with the player's row"
    ERASED = "erased or replaced in the player's rows"
    DELETED = "the player's rows are deleted"
    WORDS_REPLACED = "the Telegram id and the names in it are replaced"
    EXPIRES = "not of the player's own rows, and gone within 30 days"
    NOT_PERSONAL = "a code, a key or a number of ours, which names nobody"
    ACCOUNTING = "kept with the accounts, which know the player by the pseudonym only"


# Tables in which nothing is of a player: content, configuration, staff and machinery.
OF_NO_PLAYER = frozenset(
    {
        *("api_apiclient", "auth_group", "auth_permission", "auth_user"),
        *("bot_broadcast", "bot_remindersweep", "django_admin_log", "django_content_type"),
        *("django_celery_beat_clockedschedule", "django_celery_beat_crontabschedule"),
        *("django_celery_beat_intervalschedule", "django_celery_beat_periodictask"),
        *("django_celery_beat_solarschedule", "django_migrations", "django_session"),
        *("economy_controlrun", "economy_outageday", "economy_verificationrun"),
        *("game_dailyquestion", "game_duelquestion"),
        *("game_firstdaycohort", "game_question", "game_questionfigures", "game_questionimport"),
        *("game_questionversion", "game_rulecard", "game_topic", "game_tournamentquestion"),
        *("game_playday", "game_playdaymode", "ops_downtime", "ops_heartbeat", "ops_processrun"),
        "ops_backup",
        *("payments_pastprice", "payments_product", "payments_reconciliationrun"),
        *("promos_batch", "promos_campaign", "promos_code", "players_purgerun"),
        *("promos_uplift", "promos_groupcount"),
        *("promos_batcharchive", "promos_batcharchivepart"),
        *("payments_monthlystatement", "payments_liability", "payments_supporttemplate"),
        "ops_productday",
        *("ops_metrictotal", "ops_metricposition"),
        *("staff_accountchange", "staff_chatlinkcode", "staff_signinfailure"),
        *("staff_alertroute", "staff_alertdelivery", "staff_staffsession"),
        *("otp_static_staticdevice", "otp_static_statictoken", "otp_totp_totpdevice"),
        # Those of django-axes stay empty (quizarena/staff/sign_ins.py).
        *("axes_accessattempt", "axes_accessattemptexpiration", "axes_accessfailurelog"),
        "axes_accesslog",
        *("staff_homefigures", "staff_inboxclaim", "staff_drafttemplate"),
        *("staff_limit", "staff_limitchange"),
        # Its sentences name staff and no player.
        "staff_approvaloutcome",
    }
)

COLUMNS: Mapping[str, Mapping[Fate, tuple[str, ...]]] = {
    "players_player": {
        Fate.PSEUDONYM: (
            *("telegram_id", "first_name", "last_name", "username", "public_name", "reset_name"),
            "awaits",
        ),
        Fate.NOT_PERSONAL: ("language",),
    },
    # Both are empty once the deletion is done.
    "players_deletionrequest": {
        Fate.ERASED: ("telegram_id", "names"),
        Fate.NOT_PERSONAL: ("state",),
    },
    # Words of staff about the player, and to the player.
    "players_note": {Fate.NOT_PERSONAL: ("subject_type", "subject_id")},
    "players_noteversion": {Fate.ERASED: ("text",)},
    "players_staffmessage": {Fate.ERASED: ("text", "reason")},
    "api_idempotencyrecord": {
        Fate.DELETED: ("body",),
        Fate.NOT_PERSONAL: ("key", "fingerprint"),
    },
    "bot_inboxupdate": {
        Fate.ERASED: ("player_key", "payload", "last_error"),
        Fate.NOT_PERSONAL: ("kind", "state"),
    },
    "bot_outgoingcall": {
        # Of calls to others, in which the public name may stand, nothing is erased.
        Fate.DELETED: ("chat_key", "parameters", "files", "error", "message_id", "file_id"),
        Fate.NOT_PERSONAL: ("method", "state", "round_question_id"),
    },
    "bot_broadcastrecipient": {Fate.NOT_PERSONAL: ("call_id", "outcome")},
    "bot_card": {
        Fate.ERASED: ("file_id",),
        Fate.NOT_PERSONAL: ("kind", "subject", "call_id"),
    },
    "bot_playerratelimit": {Fate.DELETED: ("player_key", "verdict")},
    "bot_ratelimit": {Fate.DELETED: ("name",)},
    "bot_reminder": {Fate.NOT_PERSONAL: ("kind",)},
    "bot_remindersettings": {Fate.DELETED: ("zone",)},
    "bot_tournamentboard": {Fate.DELETED: ("above", "message_id", "update_id")},
    "staff_chatlinkfailures": {Fate.DELETED: ("telegram_id",)},
    "staff_auditentry": {
        Fate.WORDS_REPLACED: ("summary", "details"),
        Fate.NOT_PERSONAL: ("action", "object_type", "object_id"),
    },
    "staff_approvalrequest": {
        Fate.WORDS_REPLACED: (
            *("subject_name", "parameters", "preview", "reason", "decision_reason"),
        ),
        Fate.NOT_PERSONAL: ("kind", "subject_type", "subject_id"),
    },
    "staff_alert": {
        Fate.WORDS_REPLACED: ("summary", "details", "resolve_reason"),
        Fate.NOT_PERSONAL: ("kind", "key", "subject_type", "subject_id"),
    },
    "economy_controlfinding": {
        Fate.WORDS_REPLACED: ("summary", "details"),
        Fate.NOT_PERSONAL: ("subject_type", "subject_id"),
    },
    # Words of staff about a booking. The ledger is changed by nobody, not even for this.
    "economy_ledgerentry": {
        Fate.ACCOUNTING: ("reason", "metadata", "shortfall"),
        Fate.NOT_PERSONAL: (
            *("idempotency_key", "fingerprint", "type", "asset", "direction", "source"),
        ),
    },
    "payments_purchase": {
        Fate.WORDS_REPLACED: ("evidence", "provider_charge_id"),
        Fate.ACCOUNTING: (
            *("charge_id", "payload", "invoice_link", "goods", "flags"),
            *("paid_currency", "status", "problem", "event"),
        ),
    },
    "payments_purchaseevent": {
        Fate.WORDS_REPLACED: ("evidence",),
        Fate.ACCOUNTING: ("kind", "status"),
    },
    "payments_refund": {
        Fate.WORDS_REPLACED: ("reason",),
        Fate.ACCOUNTING: ("source", "last_error"),
    },
    "payments_subscription": {Fate.ACCOUNTING: ("cancel_error",)},
    "payments_startransaction": {
        Fate.WORDS_REPLACED: ("partner",),
        Fate.ACCOUNTING: ("transaction_id", "commission_nanostars", "gross_nanostars"),
    },
    "payments_difference": {
        Fate.WORDS_REPLACED: ("details",),
        Fate.ACCOUNTING: ("charge_id", "kind"),
    },
    # The file is deleted after a day, and goes to nobody but who may see what is in it.
    "payments_exportpart": {Fate.EXPIRES: ("content",)},
    "payments_export": {Fate.NOT_PERSONAL: ("filters", "reason", "error", "file_bytes")},
    "payments_impression": {Fate.NOT_PERSONAL: ("prices",)},
    "payments_supportrequest": {Fate.ERASED: ("text", "attachments", "album", "answer")},
    "payments_supportfile": {Fate.DELETED: ("content", "error")},
    "promos_attempt": {
        Fate.NOT_PERSONAL: ("digest", "refusal", "detail", "channel", "idempotency_key"),
    },
    "promos_denylistentry": {Fate.WORDS_REPLACED: ("reason",)},
    "promos_inviter": {Fate.NOT_PERSONAL: ("code",)},
    "promos_referral": {Fate.NOT_PERSONAL: ("cleared", "reasons")},
    "game_roundquestion": {
        Fate.ERASED: ("text",),
        Fate.NOT_PERSONAL: ("order", "chips", "placed", "mode"),
    },
    "game_fairplayfinding": {
        Fate.WORDS_REPLACED: ("note",),
        Fate.NOT_PERSONAL: ("figures", "kind", "state"),
    },
    "game_questionreport": {
        Fate.WORDS_REPLACED: ("note",),
        Fate.NOT_PERSONAL: ("reason", "verdict"),
    },
    "game_duel": {Fate.NOT_PERSONAL: ("token", "creation_key", "acceptance_key")},
    "game_tournament": {Fate.NOT_PERSONAL: ("token", "creation_key", "reason")},
    "game_tournamentplayer": {Fate.NOT_PERSONAL: ("prize",)},
    "game_pointevent": {Fate.NOT_PERSONAL: ("key",)},
    "game_round": {Fate.NOT_PERSONAL: ("start_key",)},
    "game_sprint": {Fate.NOT_PERSONAL: ("start_key",)},
    "game_placementquestion": {Fate.NOT_PERSONAL: ("order",)},
    "game_reviewquestion": {Fate.NOT_PERSONAL: ("order", "chips", "placed")},
    "game_pastanswers": {Fate.NOT_PERSONAL: ("level",)},
    "game_reviewlog": {Fate.ERASED: ("text",), Fate.NOT_PERSONAL: ("elapsed_ms",)},
    "economy_modespan": {Fate.NOT_PERSONAL: ("mode",)},
    "economy_perfectround": {Fate.NOT_PERSONAL: ("round_key",)},
    "economy_verificationfinding": {Fate.ACCOUNTING: ("in_wallet", "by_entries")},
}


def has_choices(table: str, column: str) -> bool:
    """Return whether a column takes nothing but the values that its model lists."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table:
            return any(
                field.column == column and bool(field.choices)
                for field in model._meta.concrete_fields
            )
    return False
