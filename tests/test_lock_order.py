"""The recorder of locks: it sees what statements lock, and stops what is out of order."""

import re

import pytest
from django.apps import apps
from django.db import connection, transaction

from economy.models import Wallet
from payments.models import Purchase, Subscription
from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from tests import lock_order
from tests.factories import PlayerFactory
from tests.lock_order import Lock, locks_of


class TestStatements:
    @pytest.mark.parametrize(
        ("sql", "locks"),
        [
            ("SELECT id FROM economy_wallet", []),
            (
                'SELECT "economy_wallet"."id" FROM "economy_wallet" FOR UPDATE',
                [Lock(name="economy_wallet")],
            ),
            (
                (
                    'SELECT 1 FROM "game_roundquestion" INNER JOIN "game_round" ON (true) '
                    'FOR NO KEY UPDATE OF "game_roundquestion", "game_round"'
                ),
                [Lock(name="game_roundquestion"), Lock(name="game_round")],
            ),
            (
                (
                    "SELECT 1 FROM payments_purchase JOIN payments_refund AS due ON true "
                    "FOR UPDATE OF due SKIP LOCKED"
                ),
                [Lock(name="payments_refund", waits=False)],
            ),
            (
                'UPDATE "payments_purchase" SET "status" = %s WHERE "id" = %s',
                [Lock(name="payments_purchase")],
            ),
            ('DELETE FROM "promos_code" WHERE "id" IN (%s)', [Lock(name="promos_code")]),
            (
                "INSERT INTO economy_ledgerentry (player_id) VALUES (%s)",
                [Lock(name="economy_wallet"), Lock(name="economy_ledgerentry", waits=False)],
            ),
            ("SELECT pg_advisory_xact_lock(%s, %s)", [Lock(name="%s")]),
            ("SELECT pg_try_advisory_xact_lock(%s, %s)", [Lock(name="%s", waits=False)]),
        ],
    )
    def test_what_each_locks(self, sql: str, locks: list[Lock]) -> None:
        assert locks_of(sql) == locks


class TestList:
    def test_each_name_is_a_table_or_a_space(self) -> None:
        known = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}

        assert set(lock_order.ranks()) - known - {space.name for space in Space} == set()

    def test_what_is_indented_stands_below_what_is_above_it(self) -> None:
        ranks = lock_order.ranks()

        assert ranks["payments_refund"][1] == "payments_purchase"
        assert ranks["payments_purchase"][1] is None
        assert ranks["payments_purchase"] < ranks["payments_subscription"] < ranks["economy_wallet"]


@pytest.mark.out_of_order
@pytest.mark.django_db
class TestRecorder:
    @pytest.fixture(autouse=True)
    def _rows(self, db: None) -> None:
        """Store a player, who has a wallet; of the others there need not be any."""
        PlayerFactory.create()

    def test_one_order_is_right_and_the_other_is_not(self) -> None:
        with lock_order.recorded() as recorder, transaction.atomic():
            list(Subscription.objects.select_for_update())
            list(Wallet.objects.select_for_update())
        assert recorder.violations == []

        with lock_order.recorded() as recorder, transaction.atomic():
            list(Wallet.objects.select_for_update())
            list(Subscription.objects.select_for_update())

        assert [re.sub(r": .*", "", one) for one in recorder.violations] == [
            "payments_subscription after economy_wallet"
        ]

    def test_two_transactions_are_two(self) -> None:
        with lock_order.recorded() as recorder:
            with transaction.atomic():
                list(Wallet.objects.select_for_update())
            with transaction.atomic():
                list(Purchase.objects.select_for_update())

        assert recorder.violations == []

    def test_who_does_not_wait_may_come_late(self) -> None:
        with lock_order.recorded() as recorder, transaction.atomic():
            list(Wallet.objects.select_for_update())
            list(Purchase.objects.select_for_update(skip_locked=True))

        assert recorder.violations == []

    def test_what_is_below_something_may_be_locked_while_that_is(self) -> None:
        with lock_order.recorded() as recorder, transaction.atomic(), connection.cursor() as cursor:
            list(Purchase.objects.select_for_update())
            list(Wallet.objects.select_for_update())
            cursor.execute("UPDATE payments_refund SET tries = 0 WHERE false")
        assert recorder.violations == []

        with lock_order.recorded() as recorder, transaction.atomic(), connection.cursor() as cursor:
            list(Wallet.objects.select_for_update())
            cursor.execute("UPDATE payments_refund SET tries = 0 WHERE false")
        assert len(recorder.violations) == 1

    def test_what_has_no_place_is_named(self) -> None:
        with lock_order.recorded() as recorder, transaction.atomic(), connection.cursor() as cursor:
            list(Wallet.objects.select_for_update())
            cursor.execute("UPDATE django_session SET session_data = '' WHERE false")

        assert recorder.violations == [
            (
                "django_session, which has no place, after ['economy_wallet']: "
                "UPDATE django_session SET session_data = '' WHERE false"
            )
        ]

    def test_an_advisory_lock_has_the_place_of_its_space(self) -> None:
        with lock_order.recorded() as recorder, transaction.atomic():
            list(Wallet.objects.select_for_update())
            advisory_locks.lock(Space.DAILY_SETS)

        assert [re.sub(r": .*", "", one) for one in recorder.violations] == [
            "DAILY_SETS after economy_wallet"
        ]
