"""What each role may do, and what it may not."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from promos.models import Inviter, Referral
from quizarena.api.models import ApiClient
from quizarena.game.models import QuestionReport, QuestionVersion
from quizarena.players.models import Note, NoteVersion
from quizarena.staff import roles
from quizarena.staff.models import Alert
from tests.factories import (
    NOON,
    CampaignFactory,
    InboxUpdateFactory,
    OutgoingCallFactory,
    PlayerFactory,
    QuestionFactory,
    make_staff,
)
from tests.game.carded import make_card, make_topic
from tests.owner import behind_the_guards
from tests.staff.test_content_policy import INLINE

pytestmark = pytest.mark.django_db

PAGES = {
    "/admin/": {"Support", "Operator", "Finance", "Editor", "Administrator", "Security"},
    "/admin/players/player/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/players/player/1/change/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/players/player/1/history/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/bot/inboxupdate/": {"Support", "Administrator"},
    "/admin/bot/inboxupdate/1/change/": {"Support", "Administrator"},
    "/admin/bot/outgoingcall/": {"Support", "Administrator"},
    "/admin/bot/outgoingcall/1/change/": {"Support", "Administrator"},
    "/admin/bot/broadcast/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/bot/broadcast/add/": {"Operator", "Administrator"},
    "/admin/bot/broadcast/me/": {"Operator", "Administrator"},
    "/admin/bot/broadcastrecipient/": {"Support", "Operator", "Administrator"},
    "/admin/bot/broadcastrecipient/add/": set(),
    "/admin/game/question/": {"Operator", "Editor", "Administrator"},
    "/admin/game/question/1/change/": {"Operator", "Editor", "Administrator"},
    "/admin/game/question/add/": {"Editor", "Administrator"},
    "/admin/game/question/1/restore/decide/": {"Editor", "Administrator"},
    "/admin/game/question/1/keep-out/decide/": {"Editor", "Administrator"},
    "/admin/game/questionreport/": {"Editor", "Administrator"},
    "/admin/game/questionreport/1/change/": {"Editor", "Administrator"},
    "/admin/game/questionreport/add/": set(),
    "/admin/game/questionreport/1/delete/": set(),
    "/admin/game/rulecard/": {"Editor", "Administrator"},
    "/admin/game/rulecard/1/change/": {"Editor", "Administrator"},
    "/admin/game/rulecard/add/": {"Editor", "Administrator"},
    "/admin/game/rulecard/1/delete/": set(),
    "/admin/game/topic/": {"Editor", "Administrator"},
    "/admin/game/topic/1/change/": {"Editor", "Administrator"},
    "/admin/game/topic/add/": {"Editor", "Administrator"},
    "/admin/game/topic/1/delete/": set(),
    "/admin/game/dailyset/": {"Operator", "Editor", "Administrator"},
    "/admin/game/dailyset/1/change/": {"Operator", "Editor", "Administrator"},
    "/admin/game/dailyset/plan/": {"Operator", "Editor", "Administrator"},
    "/admin/game/dailyset/1/7/replace/": {"Operator", "Editor", "Administrator"},
    "/admin/game/dailyset/add/": set(),
    "/admin/game/duel/": {"Support", "Operator", "Administrator"},
    "/admin/game/duel/1/change/": {"Support", "Operator", "Administrator"},
    "/admin/game/duel/add/": set(),
    "/admin/game/tournament/": {"Support", "Operator", "Administrator"},
    "/admin/game/tournament/1/change/": {"Support", "Operator", "Administrator"},
    "/admin/game/tournament/1/call-off/": {"Operator", "Administrator"},
    "/admin/game/tournament/add/": set(),
    "/admin/game/tournament/1/delete/": set(),
    "/admin/game/cupprize/": {"Operator", "Administrator"},
    "/admin/game/cupprize/add/": {"Operator", "Administrator"},
    "/admin/game/cupprize/1/change/": {"Operator", "Administrator"},
    "/admin/game/cupprize/1/delete/": {"Operator", "Administrator"},
    "/admin/game/duel/1/delete/": set(),
    "/admin/game/dailyset/1/delete/": set(),
    "/admin/game/leaguegroup/": {"Support", "Operator", "Administrator"},
    "/admin/game/leaguegroup/1/change/": {"Support", "Operator", "Administrator"},
    "/admin/game/leaguegroup/add/": set(),
    "/admin/game/leaguegroup/1/delete/": set(),
    "/admin/ops/productday/": {"Operator", "Finance", "Administrator"},
    "/admin/staff/alertroute/": {"Administrator"},
    "/admin/staff/alertdelivery/": {"Administrator"},
    "/admin/game/playday/": {"Operator", "Administrator"},
    "/admin/game/playday/1/change/": {"Operator", "Administrator"},
    "/admin/game/playday/add/": set(),
    "/admin/game/playday/1/delete/": set(),
    "/admin/game/fairplayfinding/": {"Support", "Operator", "Administrator"},
    "/admin/game/fairplayfinding/1/change/": {"Support", "Operator", "Administrator"},
    "/admin/game/fairplayfinding/1/dismiss/decide/": {"Support", "Operator", "Administrator"},
    "/admin/game/fairplayfinding/add/": set(),
    "/admin/game/fairplayfinding/1/delete/": set(),
    "/admin/players/player/1/reset-name/": {"Support", "Operator", "Administrator"},
    "/admin/players/player/1/suspend/": {"Support", "Administrator"},
    "/admin/players/player/1/unsuspend/": {"Support", "Administrator"},
    "/admin/players/player/1/write/": {"Support", "Administrator"},
    "/admin/players/player/1/notes/add/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/players/player/1/notes/1/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/inbox/": {"Support", "Operator", "Finance", "Editor", "Administrator", "Security"},
    "/admin/pages/": {"Support", "Operator", "Finance", "Editor", "Administrator", "Security"},
    "/admin/search/": {"Support", "Operator", "Finance", "Editor", "Administrator", "Security"},
    "/admin/game/questionimport/upload/": {"Editor", "Administrator"},
    "/admin/game/question/export/": {"Operator", "Editor", "Administrator"},
    "/admin/promos/campaign/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/campaign/1/change/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/campaign/1/edit/": {"Operator", "Administrator"},
    "/admin/promos/campaign/add/": {"Operator", "Administrator"},
    "/admin/promos/campaign/1/delete/": set(),
    "/admin/promos/batch/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/batch/order/1/": {"Operator", "Administrator"},
    "/admin/promos/batch/import/1/": {"Operator", "Administrator"},
    "/admin/promos/batch/add/": set(),
    "/admin/promos/code/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/code/add/": set(),
    "/admin/promos/attempt/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/attempt/why/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/attempt/test/": {"Support", "Operator", "Administrator"},
    "/admin/promos/redemption/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/block/": {"Support", "Operator", "Administrator"},
    "/admin/promos/denylistentry/": {"Support", "Operator", "Administrator"},
    "/admin/promos/denylistentry/deny/1/": {"Support", "Operator", "Administrator"},
    "/admin/promos/denylistentry/add/": set(),
    "/admin/promos/referral/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/referral/results/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/referral/1/change/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/promos/referral/1/fraud/judge/": {"Operator", "Administrator"},
    "/admin/promos/referral/add/": set(),
    "/admin/promos/referral/1/delete/": set(),
    "/admin/payments/export/": {"Finance", "Administrator"},
    "/admin/payments/export/add/": set(),
    "/admin/payments/export/new/ledger/": {"Finance", "Administrator"},
    "/admin/payments/export/new/purchases/": {"Finance", "Administrator"},
    "/admin/payments/monthlystatement/": {"Finance", "Administrator"},
    "/admin/payments/monthlystatement/add/": set(),
    "/admin/payments/liability/": {"Finance", "Administrator"},
    "/admin/payments/liability/add/": set(),
    "/admin/django_celery_beat/periodictask/": {"Administrator"},
    "/admin/ops/heartbeat/": {"Administrator"},
    "/admin/ops/backup/": {"Administrator"},
    "/admin/payments/supporttemplate/": {"Support", "Operator", "Administrator"},
    "/admin/payments/supporttemplate/add/": {"Support", "Operator", "Administrator"},
    "/admin/players/deletionrequest/": {"Support", "Administrator"},
    "/admin/players/deletionrequest/add/": set(),
    "/admin/players/purgerun/": {"Administrator"},
    "/admin/players/purgerun/add/": set(),
    "/admin/auth/user/": {"Security"},
    "/admin/auth/user/add/": {"Security"},
    "/admin/auth/group/": {"Security"},
    "/admin/api/apiclient/": {"Security"},
    "/admin/api/apiclient/add/": {"Security"},
    "/admin/api/apiclient/1/ask/": {"Security"},
    "/admin/staff/auditentry/": {"Administrator", "Security"},
    "/admin/staff/signinfailure/": {"Security"},
    "/admin/staff/signinfailure/add/": set(),
    "/admin/staff/limit/": {"Administrator", "Security"},
    "/admin/staff/limit/add/": set(),
    "/admin/staff/limit/set/refund-alone/Support/": {"Security"},
    "/admin/staff/approvalrequest/": {
        "Support",
        "Operator",
        "Finance",
        "Administrator",
        "Security",
    },
    "/admin/staff/alert/": {"Support", "Operator", "Finance", "Administrator"},
    "/admin/staff/alert/1/resolve/": {"Support", "Finance", "Administrator"},
    "/admin/staff/approvalrequest/add/": set(),
    "/admin/staff/alert/add/": set(),
    "/admin/staff/alert/1/delete/": set(),
    "/admin/players/player/add/": set(),
    "/admin/players/player/1/delete/": set(),
    "/admin/bot/inboxupdate/add/": set(),
    "/admin/bot/inboxupdate/1/delete/": set(),
    "/admin/bot/outgoingcall/1/delete/": set(),
    "/admin/game/question/1/delete/": set(),
}

PERMISSIONS = {
    "Support": {
        "payments.view_supporttemplate",
        "payments.add_supporttemplate",
        "payments.change_supporttemplate",
        "game.view_fairplayfinding",
        "game.decide_fairplayfinding",
        "game.view_duel",
        "game.view_reviewcard",
        "game.view_tournament",
        "bot.view_broadcast",
        "bot.view_broadcastrecipient",
        "payments.view_product",
        "payments.view_purchase",
        "payments.view_refund",
        "payments.view_subscription",
        "payments.view_supportrequest",
        "payments.view_impression",
        "payments.refund_purchase",
        "payments.recheck_purchase",
        "payments.replay_purchase",
        "payments.answer_supportrequest",
        "staff.view_approvalrequest",
        "staff.view_alert",
        "staff.resolve_alert",
        "players.view_player",
        "players.view_note",
        "players.add_note",
        "players.change_note",
        "players.write_staffmessage",
        "players.view_deletionrequest",
        "players.suspend_player",
        "players.reset_name_player",
        "game.view_leaguegroup",
        "game.view_pointevent",
        "economy.view_wallet",
        "economy.view_ledgerentry",
        "economy.adjust_wallet",
        "economy.grant_premium",
        "bot.view_inboxupdate",
        "bot.try_again_inboxupdate",
        "bot.view_outgoingcall",
        "bot.send_again_outgoingcall",
        "promos.view_campaign",
        "promos.view_batch",
        "promos.view_code",
        "promos.view_redemption",
        "promos.view_attempt",
        "promos.view_referral",
        "promos.test_campaign",
        "promos.view_block",
        "promos.change_block",
        "promos.view_denylistentry",
        "promos.add_denylistentry",
        "promos.delete_denylistentry",
    },
    "Operator": {
        "payments.view_supporttemplate",
        "payments.add_supporttemplate",
        "payments.change_supporttemplate",
        "game.view_fairplayfinding",
        "game.decide_fairplayfinding",
        "game.view_playday",
        "ops.view_productday",
        "game.view_duel",
        "game.view_tournament",
        "game.call_off_tournament",
        "game.view_cupprize",
        "game.add_cupprize",
        "game.change_cupprize",
        "game.delete_cupprize",
        "bot.view_broadcast",
        "bot.view_broadcastrecipient",
        "bot.run_broadcast",
        "payments.view_product",
        "payments.change_product",
        "payments.view_impression",
        "payments.view_purchase",
        "staff.view_approvalrequest",
        "staff.view_alert",
        "staff.view_drafttemplate",
        "players.view_player",
        "players.view_note",
        "players.add_note",
        "players.change_note",
        "players.reset_name_player",
        "game.view_leaguegroup",
        "game.view_pointevent",
        "economy.view_outageday",
        "economy.declare_outage",
        "ops.view_downtime",
        "game.view_question",
        "game.view_dailyset",
        "game.plan_dailyset",
        "economy.view_wallet",
        "economy.view_ledgerentry",
        "economy.view_verificationrun",
        "promos.view_campaign",
        "promos.view_batch",
        "promos.view_code",
        "promos.view_redemption",
        "promos.view_attempt",
        "promos.view_referral",
        "promos.run_campaign",
        "promos.test_campaign",
        "promos.judge_referral",
        "promos.view_block",
        "promos.change_block",
        "promos.view_denylistentry",
        "promos.add_denylistentry",
        "promos.delete_denylistentry",
    },
    "Finance": {
        "bot.view_broadcast",
        "bot.approve_broadcast",
        "payments.view_product",
        "payments.view_purchase",
        "payments.view_refund",
        "payments.view_subscription",
        "payments.view_supportrequest",
        "payments.view_impression",
        "payments.refund_purchase",
        "payments.recheck_purchase",
        "payments.approve_refund",
        "payments.view_reconciliationrun",
        "payments.run_reconciliation",
        "payments.view_export",
        "payments.make_export",
        "payments.view_monthlystatement",
        "payments.view_liability",
        "staff.view_approvalrequest",
        "staff.view_alert",
        "staff.resolve_alert",
        "players.view_player",
        "players.view_note",
        "players.add_note",
        "players.change_note",
        "economy.view_wallet",
        "economy.view_ledgerentry",
        "economy.adjust_wallet",
        "economy.grant_premium",
        "economy.view_verificationrun",
        "economy.view_controlrun",
        "ops.view_productday",
        "promos.view_campaign",
        "promos.view_batch",
        "promos.view_code",
        "promos.view_redemption",
        "promos.view_attempt",
        "promos.view_referral",
        "promos.approve_campaign",
        "payments.approve_price",
        "api.approve_apiclient",
    },
    "Editor": {
        "game.view_question",
        "game.add_question",
        "game.view_reviewcard",
        "game.change_question",
        "game.view_questionreport",
        "game.view_rulecard",
        "game.add_rulecard",
        "game.change_rulecard",
        "game.view_topic",
        "game.add_topic",
        "game.change_topic",
        "game.view_dailyset",
        "game.plan_dailyset",
    },
    "Administrator": {
        "payments.view_supporttemplate",
        "payments.add_supporttemplate",
        "payments.change_supporttemplate",
        "game.view_fairplayfinding",
        "game.decide_fairplayfinding",
        "game.view_playday",
        "ops.view_productday",
        "game.view_duel",
        "game.view_tournament",
        "game.call_off_tournament",
        "game.view_cupprize",
        "game.add_cupprize",
        "game.change_cupprize",
        "game.delete_cupprize",
        "bot.view_broadcast",
        "bot.view_broadcastrecipient",
        "bot.run_broadcast",
        "bot.approve_broadcast",
        "payments.view_product",
        "payments.view_purchase",
        "payments.view_refund",
        "payments.view_subscription",
        "payments.view_supportrequest",
        "payments.view_impression",
        "payments.refund_purchase",
        "payments.recheck_purchase",
        "payments.replay_purchase",
        "payments.answer_supportrequest",
        "payments.change_product",
        "payments.approve_refund",
        "payments.view_reconciliationrun",
        "payments.run_reconciliation",
        "payments.view_export",
        "payments.make_export",
        "payments.view_monthlystatement",
        "payments.view_liability",
        "payments.export_names",
        "staff.view_approvalrequest",
        "staff.view_alert",
        "staff.resolve_alert",
        "staff.view_drafttemplate",
        "players.view_player",
        "players.view_note",
        "players.add_note",
        "players.change_note",
        "players.write_staffmessage",
        "players.view_deletionrequest",
        "players.view_purgerun",
        "players.suspend_player",
        "players.reset_name_player",
        "game.view_leaguegroup",
        "game.view_pointevent",
        "economy.view_wallet",
        "economy.view_ledgerentry",
        "economy.adjust_wallet",
        "economy.grant_premium",
        "economy.view_verificationrun",
        "economy.view_controlrun",
        "bot.view_inboxupdate",
        "bot.try_again_inboxupdate",
        "bot.view_outgoingcall",
        "bot.send_again_outgoingcall",
        "game.view_question",
        "game.add_question",
        "game.view_reviewcard",
        "game.change_question",
        "game.view_questionreport",
        "game.view_rulecard",
        "game.add_rulecard",
        "game.change_rulecard",
        "game.view_topic",
        "game.add_topic",
        "game.change_topic",
        "game.view_dailyset",
        "game.plan_dailyset",
        "payments.approve_price",
        "api.approve_apiclient",
        "staff.view_limit",
        "staff.view_auditentry",
        "economy.view_outageday",
        "economy.declare_outage",
        "ops.view_downtime",
        "ops.view_heartbeat",
        "ops.view_backup",
        "staff.view_alertroute",
        "staff.change_alertroute",
        "staff.view_alertdelivery",
        "django_celery_beat.view_periodictask",
        "django_celery_beat.change_periodictask",
        "promos.view_campaign",
        "promos.view_batch",
        "promos.view_code",
        "promos.view_redemption",
        "promos.view_attempt",
        "promos.view_referral",
        "promos.run_campaign",
        "promos.approve_campaign",
        "promos.test_campaign",
        "promos.judge_referral",
        "promos.view_block",
        "promos.change_block",
        "promos.view_denylistentry",
        "promos.add_denylistentry",
        "promos.delete_denylistentry",
    },
    "Security": {
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "auth.view_group",
        "api.view_apiclient",
        "api.add_apiclient",
        "api.change_apiclient",
        "staff.view_approvalrequest",
        "staff.view_auditentry",
        "staff.view_limit",
        "staff.set_limit",
        "staff.view_signinfailure",
        "staff.lift_signinfailure",
    },
}


def sync_role_permissions() -> None:
    """Do what every `migrate` does at its end."""
    for app_config in apps.get_app_configs():
        roles.sync_role_permissions(app_config=app_config)


@pytest.mark.parametrize("role", PERMISSIONS)
def test_a_role_has_exactly_these_permissions(role: str) -> None:
    user = make_staff(role)

    assert user.get_all_permissions() == PERMISSIONS[role]


@pytest.mark.parametrize("role", PERMISSIONS)
def test_a_role_sees_its_pages_and_no_others(role: str, client: Client) -> None:
    PlayerFactory.create(pk=1)
    QuestionFactory.create(pk=1)
    InboxUpdateFactory.create(update_id=1)
    OutgoingCallFactory.create(pk=1)
    CampaignFactory.create(pk=1)
    with behind_the_guards() as cursor:
        cursor.execute(
            "INSERT INTO game_leaguegroup (id, week, tier, number) VALUES (1, '2026-12-14', 1, 1)"
        )
        cursor.execute(
            """
            INSERT INTO game_dailyset (id, day, starts_at, ends_at, drawn_at)
            VALUES (1, '2027-01-01', %(now)s, %(now)s + interval '90 days', %(now)s)
            """,
            {"now": NOON},
        )
        cursor.execute(
            """
            INSERT INTO game_dailyquestion (set_id, number, version_id, level, "order")
            SELECT 1, 7, id, 'B1', '{0,1,2,3}' FROM game_questionversion
            """
        )
        cursor.execute(
            """
            INSERT INTO game_duel (
              id, token, creator_id, length, is_open, level, state, creation_key, acceptance_key,
              price, created_on, day_number, created_at, deadline, result
            ) VALUES (
              1, 'token', 1, 3, false, 'A1', 'PENDING', 'key', '',
              'FREE', '2027-01-01', 1, %(now)s, %(now)s + interval '6 hours', ''
            )
            """,
            {"now": NOON},
        )
        cursor.execute(
            """
            INSERT INTO game_playday (
              id, day, active_players, new_players, rounds, challenges, answers, "right", counted_at
            ) VALUES (1, '2026-12-14', 1, 1, 1, 1, 1, 1, %(now)s)
            """,
            {"now": NOON},
        )
        cursor.execute(
            """
            INSERT INTO game_fairplayfinding (
              id, kind, player_id, first_day, last_day, figures, found_at, state, note
            ) VALUES (
              1, 'FAST_ANSWERS', 1, '2026-12-14', '2026-12-14', '{"fast": 20, "answers": 30}',
              %(now)s, 'OPEN', ''
            )
            """,
            {"now": NOON},
        )
        cursor.execute(
            """
            INSERT INTO game_tournament (
              id, kind, day, token, creation_key, level, price, created_at, length, state,
              opens_at, closes_at, call_off, reason
            ) VALUES (
              1, 'CUP', '2027-01-01', '', '', '', '', %(now)s, 7, 'OPEN',
              %(now)s, %(now)s + interval '2 hours', '', ''
            )
            """,
            {"now": NOON},
        )
        cursor.execute(
            """
            INSERT INTO game_cupprize (
              id, place_from, place_to, paid_energy, streak_savers, duel_tickets, premium_days
            ) VALUES (1, 1, 1, 10, 0, 0, 0)
            """
        )
    ApiClient.objects.create(
        pk=1,
        name="Shop",
        token_sha256="0" * 64,
        scopes=["products:read"],
        created_by=make_staff("Security", username="olena"),
        created_at=NOON,
    )
    make_card(pk=1, topic=make_topic(pk=1))
    QuestionReport.objects.create(
        pk=1,
        player_id=1,
        question_id=1,
        version=QuestionVersion.objects.get(),
        reason="TYPO",
        reported_at=NOON,
    )
    inviter = Inviter.objects.create(player_id=1, code="AAAAAAAAAA", created_at=NOON)
    Referral.objects.create(
        pk=1, inviter=inviter, invited=PlayerFactory.create(pk=2), started_at=NOON
    )
    Alert.objects.create(pk=1, kind="k", key="1", summary="Look.", first_at=NOON, last_at=NOON)
    NoteVersion.objects.create(
        note=Note.objects.create(pk=1, player_id=1),
        number=1,
        author=make_staff("Support", username="petra"),
        at=NOON,
        text="Writes in Polish.",
        is_pinned=False,
    )
    client.force_login(make_staff(role))

    shown = {page: client.get(page) for page in PAGES}

    answers = {page: answer.status_code for page, answer in shown.items()}
    inline = [page for page, answer in shown.items() if INLINE.search(answer.content.decode())]
    assert inline == []
    assert answers == {page: 200 if role in seen else 403 for page, seen in PAGES.items()}


def test_the_sidebar_shows_what_the_role_may_see(client: Client) -> None:
    client.force_login(make_staff("Support"))

    page = client.get("/admin/").content.decode()

    assert "Updates" in page
    assert "Audit log" not in page


class TestKeptInStep:
    """Every `migrate` puts right what somebody has changed behind its back."""

    def test_a_missing_group_and_a_missing_permission_come_back(self) -> None:
        Group.objects.get(name="Finance").delete()
        Group.objects.get(name="Support").permissions.clear()

        sync_role_permissions()

        assert make_staff("Finance").get_all_permissions() == PERMISSIONS["Finance"]
        assert make_staff("Support").has_perm("bot.try_again_inboxupdate")

    def test_a_superfluous_permission_goes(self) -> None:
        finance = Group.objects.get(name="Finance")
        finance.permissions.add(Permission.objects.get(codename="change_user"))

        sync_role_permissions()

        assert make_staff("Finance").get_all_permissions() == PERMISSIONS["Finance"]

    def test_a_second_time_writes_nothing(self, django_assert_num_queries: object) -> None:
        before = sorted(Group.permissions.through.objects.values_list("pk", flat=True))

        sync_role_permissions()

        assert sorted(Group.permissions.through.objects.values_list("pk", flat=True)) == before


class TestAdministrators:
    def test_nobody_but_a_superuser_touches_a_superuser(self, client: Client) -> None:
        owner = User.objects.create_superuser("owner", password="kept-horse")
        client.force_login(make_staff("Security"))

        answer = client.post(
            f"/admin/auth/user/{owner.pk}/password/",
            {"usable_password": "true", "password1": "mine-now-24", "password2": "mine-now-24"},
        )

        assert answer.status_code == 403
        owner.refresh_from_db()
        assert owner.check_password("kept-horse")

    def test_nobody_becomes_a_superuser_in_the_admin(self, client: Client) -> None:
        client.force_login(make_staff("Security"))
        support = make_staff("Support")

        client.post(
            f"/admin/auth/user/{support.pk}/change/",
            {
                "username": "support",
                "email": "a@b.example",
                "is_active": "on",
                "is_superuser": "on",
            },
        )

        support.refresh_from_db()
        assert support.email == "a@b.example"
        assert not support.is_superuser

    def test_roles_are_shown_and_not_edited(self, admin_client: Client) -> None:
        finance = Group.objects.get(name="Finance")

        page = admin_client.get(f"/admin/auth/group/{finance.pk}/change/").content.decode()

        assert "Can view player" in page
        assert 'name="_save"' not in page


# Whoever migrates logs in anew, which no transaction outlives.
@pytest.mark.django_db(transaction=True)
def test_every_permission_of_the_table_exists() -> None:
    call_command("migrate", verbosity=0)
    known = {
        f"{label}.{codename}"
        for label, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }

    assert {name for names in roles.ROLES.values() for name in names} <= known
