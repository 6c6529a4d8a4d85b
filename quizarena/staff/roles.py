"""What each role may do: one table, kept in step with the database by every `migrate`."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.contrib.auth import get_permission_codename
from django.db import DEFAULT_DB_ALIAS

# How much of what they may adjust and grant on a day: quizarena/staff/limits.py.
_ECONOMY = (
    "economy.view_wallet",
    "economy.view_ledgerentry",
)
# Who asks for an approval sees it; who may approve it stands with each kind of action.
_WAITING = (
    "staff.view_approvalrequest",
    "staff.view_alert",
)
# How many Stars one may refund without a second person: quizarena/staff/limits.py.
_PAYMENTS = (
    "payments.view_product",
    "payments.view_purchase",
    "payments.view_refund",
    "payments.view_subscription",
    "payments.view_supportrequest",
    "payments.view_impression",
    "payments.refund_purchase",
    "payments.recheck_purchase",
)
# Everybody who is asked why a code did not work, or what came of a campaign.
_PROMOS = (
    "promos.view_campaign",
    "promos.view_batch",
    "promos.view_code",
    "promos.view_redemption",
    "promos.view_attempt",
    "promos.view_referral",
)
# Who is kept from promo codes.
_BARRED = (
    "promos.view_block",
    "promos.change_block",
    "promos.view_denylistentry",
    "promos.add_denylistentry",
    "promos.delete_denylistentry",
)
# Everybody who is asked why a message came, or did not.
_BROADCASTS = (
    "bot.view_broadcast",
    "bot.view_broadcastrecipient",
)
# The questions of the daily challenge: seen, drawn ahead and replaced.
_CHALLENGES = (
    "game.view_dailyset",
    "game.plan_dailyset",
)
# Everybody who is asked why somebody has so many points, or rose or fell.
_LEAGUES = (
    "game.view_leaguegroup",
    "game.view_pointevent",
)
# Everybody who is asked why somebody has won.
_DUELS = (
    "game.view_duel",
    "game.view_tournament",
)
_CUPS = (
    "game.call_off_tournament",
    "game.view_cupprize",
    "game.add_cupprize",
    "game.change_cupprize",
    "game.delete_cupprize",
)
# Everybody who is asked why a question comes back, or does not.
_REVIEWS = ("game.view_reviewcard",)
# What is listed for fair play, and what staff think of it.
_FAIR_PLAY = (
    "game.view_fairplayfinding",
    "game.decide_fairplayfinding",
)
# The answers that support gives often.
_TEMPLATES = (
    "payments.view_supporttemplate",
    "payments.add_supporttemplate",
    "payments.change_supporttemplate",
)
# Players, and what staff write down about them.
_PLAYERS = (
    "players.view_player",
    "players.view_note",
    "players.add_note",
    "players.change_note",
)
_SUPPORT = (
    *_WAITING,
    *_PAYMENTS,
    "payments.replay_purchase",
    "payments.answer_supportrequest",
    *_TEMPLATES,
    "staff.resolve_alert",
    *_PLAYERS,
    "players.write_staffmessage",
    "players.view_deletionrequest",
    "players.suspend_player",
    "players.reset_name_player",
    *_LEAGUES,
    *_ECONOMY,
    "economy.adjust_wallet",
    "economy.grant_premium",
    *_PROMOS,
    "promos.test_campaign",
    *_BARRED,
    "bot.view_inboxupdate",
    "bot.try_again_inboxupdate",
    "bot.view_outgoingcall",
    "bot.send_again_outgoingcall",
    *_BROADCASTS,
    *_DUELS,
    *_REVIEWS,
    *_FAIR_PLAY,
)
_OPERATOR = (
    *_WAITING,
    "payments.view_product",
    "payments.change_product",
    *_TEMPLATES,
    "payments.view_purchase",
    "payments.view_impression",
    *_PLAYERS,
    "players.reset_name_player",
    *_LEAGUES,
    *_ECONOMY,
    "economy.view_verificationrun",
    "economy.view_outageday",
    "economy.declare_outage",
    "ops.view_downtime",
    *_PROMOS,
    "promos.run_campaign",
    "promos.test_campaign",
    "promos.judge_referral",
    *_BARRED,
    "game.view_question",
    *_CHALLENGES,
    *_DUELS,
    *_FAIR_PLAY,
    "game.view_playday",
    "ops.view_productday",
    *_CUPS,
    *_BROADCASTS,
    "bot.run_broadcast",
    "staff.view_drafttemplate",
)
_FINANCE = (
    *_WAITING,
    *_PAYMENTS,
    "payments.approve_refund",
    "payments.approve_price",
    "payments.view_reconciliationrun",
    "payments.run_reconciliation",
    "payments.view_export",
    "payments.make_export",
    "payments.view_monthlystatement",
    "payments.view_liability",
    "staff.resolve_alert",
    *_PLAYERS,
    *_ECONOMY,
    "economy.adjust_wallet",
    "economy.grant_premium",
    "economy.view_verificationrun",
    "economy.view_controlrun",
    "ops.view_productday",
    *_PROMOS,
    "promos.approve_campaign",
    "bot.view_broadcast",
    "bot.approve_broadcast",
    "api.approve_apiclient",
)
# What explains the questions.
_RULE_CARDS = (
    "game.view_rulecard",
    "game.add_rulecard",
    "game.change_rulecard",
    "game.view_topic",
    "game.add_topic",
    "game.change_topic",
)
# An import adds and changes; nobody deletes a question, since rounds refer to it.
_EDITOR = (
    "game.view_question",
    "game.add_question",
    "game.change_question",
    "game.view_questionreport",
    *_CHALLENGES,
    *_RULE_CARDS,
    *_REVIEWS,
)
_ADMINISTRATOR = (
    "staff.view_auditentry",
    "staff.view_limit",
    # Finance exports accounts; whose they are leaves the house only with an administrator.
    "payments.export_names",
    "bot.approve_broadcast",
    "ops.view_heartbeat",
    "ops.view_backup",
    "players.view_purgerun",
    "staff.view_alertroute",
    "staff.change_alertroute",
    "staff.view_alertdelivery",
    "django_celery_beat.view_periodictask",
    "django_celery_beat.change_periodictask",
)
# Who has power over accounts has none over money, promos and players, and holds no other role.
_SECURITY = (
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.view_group",
    "api.view_apiclient",
    "api.add_apiclient",
    "api.change_apiclient",
    "staff.view_approvalrequest",
    "staff.view_auditentry",
    "staff.view_signinfailure",
    "staff.lift_signinfailure",
    "staff.view_limit",
    "staff.set_limit",
)
SECURITY = "Security"
ROLES: dict[str, tuple[str, ...]] = {
    "Support": _SUPPORT,
    "Operator": _OPERATOR,
    "Finance": _FINANCE,
    "Editor": _EDITOR,
    "Administrator": (
        *dict.fromkeys((*_SUPPORT, *_OPERATOR, *_FINANCE, *_EDITOR, *_ADMINISTRATOR)),
    ),
    SECURITY: _SECURITY,
}


def sync_role_permissions(
    *,
    app_config: AppConfig,
    apps: Apps = global_apps,
    using: str = DEFAULT_DB_ALIAS,
    **kwargs: Any,
) -> None:
    """Give every role exactly what ROLES says of one app, making the group if it is missing.

    A receiver of post_migrate and not a migration, because Django itself makes the permissions
    only then: app by app, each right before this is called for that app. So it does not matter
    which app is migrated first, or later.
    """
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:
        return  # A partial migration that has not come to django.contrib.auth.
    groups = {
        role: group_model._base_manager.using(using).get_or_create(name=role)[0].pk
        for role in ROLES
    }
    _delete_undeclared(app_config, permission_model, using=using)
    permissions = dict(
        permission_model._base_manager.using(using)
        .filter(content_type__app_label=app_config.label)
        .values_list("codename", "pk")
    )
    wanted = {
        (groups[role], permissions[codename])
        for role, names in ROLES.items()
        for label, _, codename in (name.partition(".") for name in names)
        if label == app_config.label and codename in permissions
    }
    links: Any = group_model._meta.get_field("permissions").remote_field.through
    present = {
        (group, permission): pk
        for pk, group, permission in links._base_manager.using(using)
        .filter(group__in=groups.values(), permission__in=permissions.values())
        .values_list("pk", "group_id", "permission_id")
    }
    superfluous = [pk for link, pk in present.items() if link not in wanted]
    links._base_manager.using(using).filter(pk__in=superfluous).delete()
    links._base_manager.using(using).bulk_create(
        links(group_id=group, permission_id=permission)
        for group, permission in sorted(wanted - present.keys())
    )


def _delete_undeclared(app_config: AppConfig, permission_model: Any, *, using: str) -> None:
    """Delete what Django leaves behind when a model or a permission gets another name."""
    declared = {
        codename
        for model in app_config.get_models()
        for codename in (
            *(
                get_permission_codename(action, model._meta)
                for action in model._meta.default_permissions
            ),
            *(codename for codename, _ in model._meta.permissions),
        )
    }
    permission_model._base_manager.using(using).filter(
        content_type__app_label=app_config.label
    ).exclude(codename__in=declared).delete()
