"""Each rule again, by a road that does not pass through the services."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from promos import batches, reservations
from promos.models import Attempt, Batch, Block, Campaign, CampaignStatus, Code, Redemption
from promos.models import RedemptionStatus as Status
from quizarena.players.models import Player
from tests.factories import NOON, CampaignFactory, PlayerFactory, make_campaign
from tests.owner import as_owner, behind_the_guards
from tests.promos.steps import CODE, attach, counted, redeem, reserve

pytestmark = pytest.mark.django_db


def refused(says: str, statement: str, *parameters: str | int) -> None:
    """See that the database refuses a statement, for the reason that is named."""
    with as_owner() as cursor:
        # Deferred foreign keys would refuse a TRUNCATE before our guard does.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError, match=says), transaction.atomic():
            cursor.execute(statement, parameters or None)


def refused_change(says: str, table: str, change: str) -> None:
    """See that the database refuses a change of all rows of a table."""
    refused(says, f"UPDATE promos_{table} SET {change}")  # noqa: S608 -- a test's own words.


def done(statement: str, *parameters: str | int) -> int:
    """Run a statement; return how many rows that was."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return int(cursor.rowcount)


@pytest.fixture
def campaign() -> Campaign:
    """Return a campaign that runs, with a limit, a budget and a shared code."""
    return make_campaign(code=CODE, uses_max=3, stars_max=100)


@pytest.fixture
def reserved(campaign: Campaign) -> Redemption:
    """Return a reservation that takes 30 Stars off."""
    return attach(reserve(PlayerFactory.create()), 30)


class TestCampaignSaysNo:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ("name = ''", "campaign_has_a_name"),
            ("value = 0", "campaign_has_an_effect"),
            ("value = 91", "campaign_has_an_effect"),
            ("kind = 'ENERGY_GRANT', stars_max = NULL, value = 0", "campaign_has_an_effect"),
            ("kind = 'ENERGY_GRANT', value = 10001", "campaign_has_an_effect"),
            ("kind = 'PREMIUM_GRANT', value = 8", "campaign_has_an_effect"),
            ("kind = 'NOTHING'", "campaign_has_an_effect"),
            ("scope = 'PRODUCT'", "campaign_scope_is_known"),
            ("product_code = 'ENERGY_10'", "campaign_scope_is_known"),
            ("scope = 'SOME'", "campaign_scope_is_known"),
            ("kind = 'ENERGY_GRANT', scope = 'MICRO_ANY'", "campaign_grant_is_for_everything"),
            ("kind = 'ENERGY_GRANT', stars_max = 5", "campaign_grant_is_for_everything"),
            ("ends_at = starts_at", "campaign_ends_after_it_starts"),
            ("uses_max = 0", "campaign_can_be_used"),
            ("stars_max = 0", "campaign_budget_never_overrun"),
        ],
    )
    def test_terms_that_make_no_sense(self, change: str, says: str) -> None:
        CampaignFactory.create()

        refused_change(says, "campaign", change)

    @pytest.mark.parametrize("value", [1, 90])
    def test_the_borders_of_a_percentage_are_fine(self, value: int) -> None:
        assert CampaignFactory.create(value=value).pk

    @pytest.mark.parametrize(
        ("kind", "values"), [("PREMIUM_GRANT", (7, 30, 90)), ("ENERGY_GRANT", (1, 10_000))]
    )
    def test_the_borders_of_a_grant_are_fine(self, kind: str, values: tuple[int, ...]) -> None:
        for value in values:
            assert CampaignFactory.create(kind=kind, value=value).pk

    def test_an_unknown_status(self) -> None:
        with behind_the_guards() as cursor:
            make = CampaignFactory.create()
            with (
                pytest.raises(DatabaseError, match="campaign_status_is_known"),
                transaction.atomic(),
            ):
                cursor.execute("UPDATE promos_campaign SET status = 'ODD' WHERE id = %s", [make.pk])

    @pytest.mark.parametrize("old", CampaignStatus.values)
    @pytest.mark.parametrize("new", CampaignStatus.values)
    def test_a_move_that_no_campaign_makes(self, old: str, new: str) -> None:
        campaign = make_campaign(status=old)
        allowed = {
            ("DRAFT", "ACTIVE"),
            ("DRAFT", "ENDED"),
            ("ACTIVE", "PAUSED"),
            ("PAUSED", "ACTIVE"),
            ("ACTIVE", "EXPIRED"),
            ("ACTIVE", "DEPLETED"),
            ("ACTIVE", "ENDED"),
            ("PAUSED", "EXPIRED"),
            ("PAUSED", "DEPLETED"),
            ("PAUSED", "ENDED"),
        }
        move = "UPDATE promos_campaign SET status = %s WHERE id = %s"

        if old == new or (old, new) in allowed:
            assert done(move, new, campaign.pk) == 1
        else:
            refused("Invalid transition", move, new, campaign.pk)

    @pytest.mark.parametrize("status", ["ACTIVE", "PAUSED", "EXPIRED", "DEPLETED", "ENDED"])
    def test_one_that_does_not_begin_as_a_draft(self, status: str) -> None:
        with pytest.raises(DatabaseError, match="begins as a draft"), transaction.atomic():
            CampaignFactory.create(status=status)

    @pytest.mark.parametrize("counter", ["reserved", "applied", "stars_reserved", "stars_given"])
    def test_counters_that_no_redemption_has_counted(self, counter: str) -> None:
        with pytest.raises(DatabaseError, match="begins with nothing used"), transaction.atomic():
            CampaignFactory.create(**{counter: 1})
        CampaignFactory.create()
        refused_change("counted by its redemptions", "campaign", f"{counter} = 1")

    @pytest.mark.parametrize(
        "change",
        ["kind = 'ENERGY_GRANT'", "value = 90", "scope = 'MICRO_ANY'", "product_code = 'X'"],
    )
    @pytest.mark.parametrize("status", ["ACTIVE", "PAUSED", "EXPIRED", "DEPLETED", "ENDED"])
    def test_another_effect_once_it_has_run(self, change: str, status: str) -> None:
        make_campaign(status=status)

        refused_change("clone it", "campaign", change)

    def test_a_limit_below_what_is_used(self, reserved: Redemption) -> None:
        reservations.apply(redemption_id=reserved.pk, now=NOON)
        other = reserve(PlayerFactory.create())
        attach(other, 20)

        refused("campaign_never_overrun", "UPDATE promos_campaign SET uses_max = 1")
        refused("campaign_budget_never_overrun", "UPDATE promos_campaign SET stars_max = 49")
        assert done("UPDATE promos_campaign SET uses_max = 2, stars_max = 50") == 1

    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            ("DELETE FROM promos_campaign", "Cannot delete"),
            ("TRUNCATE promos_campaign CASCADE", "Cannot truncate"),
            ("DELETE FROM promos_redemption", "Cannot delete"),
            ("TRUNCATE promos_redemption CASCADE", "Cannot truncate"),
            ("UPDATE promos_attempt SET refusal = ''", "Cannot update"),
            ("DELETE FROM promos_attempt", "Cannot"),
            ("TRUNCATE promos_attempt", "Cannot truncate attempts"),
        ],
    )
    def test_forgetting(self, reserved: Redemption, statement: str, says: str) -> None:
        refused(says, statement)


class TestCodesSayNo:
    def test_a_second_shared_code(self, campaign: Campaign) -> None:
        with pytest.raises(DatabaseError, match="one_shared_per_campaign"), transaction.atomic():
            Code.objects.create(
                campaign=campaign, is_shared=True, digest=bytes(32), pepper_id="x", label="X"
            )

    def test_a_shared_code_in_a_batch(self, campaign: Campaign) -> None:
        batch = batches.order(campaign_id=campaign.pk, size=1, prefix="", now=NOON, staff=None)
        batches.make(batch_id=batch.pk)

        refused(
            "code_of_a_batch_is_unique",
            "UPDATE promos_code SET is_shared = true WHERE batch_id = %s",
            batch.pk,
        )

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ("made = 11", "batch_made_up_to_size"),
            ("downloaded_at = now()", "batch_leaves_once"),
        ],
    )
    def test_a_batch_that_makes_no_sense(self, campaign: Campaign, change: str, says: str) -> None:
        batches.order(campaign_id=campaign.pk, size=10, prefix="", now=NOON, staff=None)

        refused_change(says, "batch", change)

    @pytest.mark.parametrize("size", [0, 1_000_001])
    def test_a_batch_of_no_size_or_too_large(self, campaign: Campaign, size: int) -> None:
        batches.order(campaign_id=campaign.pk, size=10, prefix="", now=NOON, staff=None)
        batch = Batch.objects.get()
        batch.pk, batch.size = None, size

        with pytest.raises(DatabaseError, match="batch_size_makes_sense"), transaction.atomic():
            batch.save(force_insert=True)


_INSERT = """
INSERT INTO promos_redemption
  (campaign_id, code_id, is_shared, player_id, attempt_number, status, created_at, changed_at,
   reserved_until, is_locked_for_payment, stars_off)
VALUES
  (%(campaign)s, %(code)s, %(is_shared)s, %(player)s, %(attempt_number)s, %(status)s, %(at)s,
   %(at)s, %(until)s, false, %(stars_off)s)
"""


def insert(campaign: Campaign, **fields: Any) -> int:
    """Insert a reservation past all services; return how many rows that was."""
    values = {
        "campaign": campaign.pk,
        "code": fields.pop("code", None) or campaign.codes.values_list("pk", flat=True)[0],
        "is_shared": True,
        "player": fields.pop("player", None) or PlayerFactory.create().pk,
        "attempt_number": 1,
        "status": "RESERVED",
        "at": NOON,
        "until": NOON + timedelta(minutes=15),
        "stars_off": 0,
        **fields,
    }
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(_INSERT, values)
        return int(cursor.rowcount)


class TestRedemptionSaysNo:
    def test_a_use_that_is_not_there_is_not_inserted(self, campaign: Campaign) -> None:
        assert [insert(campaign) for _ in range(4)] == [1, 1, 1, 0]
        assert counted(campaign) == (3, 0, 0, 0)

    def test_nor_is_a_second_one_of_a_player(self, campaign: Campaign) -> None:
        player = PlayerFactory.create().pk

        assert insert(campaign, player=player) == 1
        for attempt_number in (1, 2):
            assert insert(campaign, player=player, attempt_number=attempt_number) == 0
        assert counted(campaign) == (1, 0, 0, 0)

    def test_nor_is_the_same_attempt_number_again(self, campaign: Campaign) -> None:
        player: Player = PlayerFactory.create()
        reservations.release(redemption_id=reserve(player).pk, now=NOON)

        assert insert(campaign, player=player.pk, attempt_number=1) == 0
        assert counted(campaign) == (0, 0, 0, 0)
        assert insert(campaign, player=player.pk, attempt_number=2) == 1

    @pytest.mark.parametrize("status", ["DRAFT", "PAUSED", "EXPIRED", "DEPLETED", "ENDED"])
    def test_nor_is_one_of_a_campaign_that_does_not_run(self, status: str) -> None:
        campaign = make_campaign(status=status, code=CODE)

        assert insert(campaign) == 0
        assert counted(campaign) == (0, 0, 0, 0)

    def test_nor_is_one_outside_the_window(self) -> None:
        campaign = make_campaign(code=CODE, ends_at=NOON + timedelta(minutes=1))
        moment = timedelta(microseconds=1)

        for at, inserted in (
            (NOON - moment, 0),
            (NOON, 1),
            (NOON + timedelta(minutes=1) - moment, 1),
            (NOON + timedelta(minutes=1), 0),
        ):
            assert insert(campaign, at=at) == inserted

    def test_a_unique_code_is_inserted_once(self, campaign: Campaign) -> None:
        code = Code.objects.create(
            campaign=campaign, is_shared=False, digest=bytes(32), pepper_id="x", label="X"
        )

        assert insert(campaign, code=code.pk, is_shared=False) == 1
        assert insert(campaign, code=code.pk, is_shared=False) == 0
        assert counted(campaign) == (1, 0, 0, 0)

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"status": "EXPIRED"}, "begins as a reservation or as used"),
            ({"status": "REVOKED"}, "begins as a reservation or as used"),
            ({"status": "ODD"}, "begins as a reservation or as used"),
            ({"stars_off": 1}, "takes no Stars off yet"),
            ({"until": None}, "redemption_reservation_has_an_end"),
            ({"attempt_number": 0}, "redemption_attempt_number_makes_sense"),
            ({"attempt_number": 3}, "redemption_attempt_number_makes_sense"),
            ({"is_shared": False}, "of a code of its campaign"),
        ],
    )
    def test_one_that_makes_no_sense(
        self, campaign: Campaign, fields: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(DatabaseError, match=says):
            insert(campaign, **fields)
        assert counted(campaign) == (0, 0, 0, 0)

    def test_a_code_of_another_campaign(self, campaign: Campaign) -> None:
        other = make_campaign(code="ANDERER").codes.get()

        with pytest.raises(DatabaseError, match="of a code of its campaign"):
            insert(campaign, code=other.pk)

    @pytest.mark.parametrize("old", Status.values)
    @pytest.mark.parametrize("new", Status.values)
    def test_a_move_that_no_redemption_makes(self, campaign: Campaign, old: str, new: str) -> None:
        moved = reserve(PlayerFactory.create())
        if old in ("APPLIED", "REVOKED"):
            reservations.apply(redemption_id=moved.pk, now=NOON)
        if old == "REVOKED":
            reservations.revoke(redemption_id=moved.pk, now=NOON)
        if old == "EXPIRED":
            reservations.release(redemption_id=moved.pk, now=NOON)
        allowed = {("RESERVED", "APPLIED"), ("RESERVED", "EXPIRED"), ("APPLIED", "REVOKED")}

        if old == new or (old, new) in allowed:
            assert done("UPDATE promos_redemption SET status = %s", new) == 1
        else:
            before = counted(campaign)
            refused("Invalid transition", "UPDATE promos_redemption SET status = %s", new)
            assert counted(campaign) == before

    @pytest.mark.parametrize(
        ("status", "counts"),
        [("RESERVED", (1, 0, 30, 0)), ("APPLIED", (0, 1, 0, 30)), ("EXPIRED", (0, 0, 0, 0))],
    )
    def test_a_move_counts_itself_by_whatever_road(
        self, reserved: Redemption, status: str, counts: tuple[int, ...]
    ) -> None:
        done("UPDATE promos_redemption SET status = %s", status)

        assert counted(reserved.campaign) == counts

    def test_stars_over_the_budget_are_not_taken_off(self, reserved: Redemption) -> None:
        assert done("UPDATE promos_redemption SET stars_off = 101") == 0
        assert done("UPDATE promos_redemption SET stars_off = 100") == 1
        assert counted(reserved.campaign) == (1, 0, 100, 0)

    @pytest.mark.parametrize(
        "change", ["stars_off = 5, status = 'APPLIED'", "stars_off = 5, status = 'EXPIRED'"]
    )
    def test_stars_that_change_with_the_end(self, reserved: Redemption, change: str) -> None:
        refused_change("fixed while it is reserved", "redemption", change)

    @pytest.mark.parametrize("end", [reservations.apply, reservations.release])
    def test_stars_that_change_after_the_end(self, reserved: Redemption, end: Any) -> None:
        end(redemption_id=reserved.pk, now=NOON)

        refused("fixed while it is reserved", "UPDATE promos_redemption SET stars_off = 5")

    @pytest.mark.parametrize(
        "change",
        [
            "id = 999",
            "campaign_id = 999",
            "code_id = 999",
            "is_shared = false",
            "player_id = 999",
            "attempt_number = 2",
            "created_at = now()",
        ],
    )
    def test_becoming_another_one(self, reserved: Redemption, change: str) -> None:
        refused_change("stays what it is of", "redemption", change)

    def test_the_unique_keys_hold_without_the_triggers(self, campaign: Campaign) -> None:
        unique = Code.objects.create(
            campaign=campaign, is_shared=False, digest=bytes(32), pepper_id="x", label="X"
        )
        player = PlayerFactory.create().pk
        with behind_the_guards():
            insert(campaign, player=player, code=unique.pk, is_shared=False)
            for fields, says in (
                ({"player": player, "attempt_number": 2}, "redemption_one_per_player"),
                ({"player": player, "status": "EXPIRED"}, "redemption_taken_again_once"),
                ({"code": unique.pk, "is_shared": False}, "redemption_one_per_unique_code"),
                ({"status": "ODD"}, "redemption_status_is_known"),
            ):
                with pytest.raises(DatabaseError, match=says):
                    insert(campaign, **fields)

    def test_the_limits_hold_without_the_conditional_update(self, campaign: Campaign) -> None:
        with behind_the_guards() as cursor:
            for counters, says in (
                ("reserved = 2, applied = 2", "campaign_never_overrun"),
                ("stars_reserved = 50, stars_given = 51", "campaign_budget_never_overrun"),
                ("reserved = -1", "reserved"),
            ):
                with pytest.raises(DatabaseError, match=says), transaction.atomic():
                    cursor.execute(f"UPDATE promos_campaign SET {counters}")  # noqa: S608


class TestTheRestSaysNo:
    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"refusal": ""}, "attempt_is_accepted_or_refused"),
            ({"refusal": "E_PROMO_INVALID", "redeemed": True}, "attempt_is_accepted_or_refused"),
            ({"refusal": "E_PROMO_INVALID", "idempotency_key": "update:7"}, "attempt_one_per_key"),
        ],
    )
    def test_an_attempt_that_makes_no_sense(
        self, reserved: Redemption, fields: dict[str, Any], says: str
    ) -> None:
        redeem(reserved.player, "FALSCH", key="update:7")
        redemption = reserved if fields.pop("redeemed", False) else None

        with pytest.raises(DatabaseError, match=says), transaction.atomic():
            Attempt.objects.create(
                player=reserved.player,
                digest=bytes(32),
                redemption=redemption,
                channel="COMMAND",
                at=NOON,
                **{"idempotency_key": "update:8", **fields},
            )

    def test_a_denial_without_a_reason(self) -> None:
        refused(
            "denylistentry_has_a_reason",
            "INSERT INTO promos_denylistentry (player_id, reason, at) VALUES (%s, '', now())",
            PlayerFactory.create().pk,
        )

    def test_a_second_block_of_a_player(self) -> None:
        player = PlayerFactory.create()
        Block.objects.create(player=player, since=NOON, until=NOON)

        with pytest.raises(DatabaseError, match="promos_block"), transaction.atomic():
            Block.objects.create(player=player, since=NOON, until=NOON)
