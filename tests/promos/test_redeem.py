"""Entering a code: what a player gets, why not, and what stops those who guess."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from economy import entitlements, streaks
from economy.models import LedgerEntry, Wallet
from promos import codes, redemptions, reservations
from promos.errors import KeyReusedError
from promos.models import Attempt, Block, Campaign, Channel, Code, DenylistEntry, Redemption
from promos.redemptions import Result
from quizarena.players.models import Player
from tests.factories import NOON, PlayerFactory, QuestionFactory, make_campaign
from tests.promos.invitations import answer
from tests.promos.steps import CODE, attach, buy, counted, minutes, redeem, reserve

MOMENT = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Player:
    """Return a player."""
    player: Player = PlayerFactory.create()
    return player


def statuses(player: Player) -> list[str]:
    """Return the statuses of the player's redemptions, oldest first."""
    return list(
        Redemption.objects.filter(player=player).order_by("pk").values_list("status", flat=True)
    )


class TestGrant:
    def test_premium_arrives_at_once_and_the_ledger_says_from_where(self, anna: Player) -> None:
        campaign = make_campaign(grant=True, value=30, code=CODE)

        result = redeem(anna)

        assert result.redemption is not None
        assert (result.refusal, result.redemption.status) == (None, "APPLIED")
        assert counted(campaign) == (0, 1, 0, 0)
        assert entitlements.premium_until(player=anna, now=NOON) == NOON + timedelta(days=30)
        entry = LedgerEntry.objects.get(player=anna)
        assert (entry.type, entry.source) == ("PROMO_GRANT", "PROMO")
        assert entry.metadata["campaign"] == campaign.pk
        assert entry.metadata["redemption"] == result.redemption.pk

    @pytest.mark.parametrize(("days", "plan"), [(7, "STARTER"), (30, "MONTH"), (90, "SEASON")])
    def test_days_are_given_as_the_plan_of_so_many(
        self, anna: Player, days: int, plan: str
    ) -> None:
        make_campaign(grant=True, value=days, code=CODE)

        redeem(anna)

        assert entitlements.premium_at(player=anna, at=NOON) == plan
        assert entitlements.premium_until(player=anna, now=NOON) == NOON + timedelta(days=days)

    def test_energy_arrives_in_the_wallet(self, anna: Player) -> None:
        make_campaign(kind="ENERGY_GRANT", value=50, code=CODE)

        redeem(anna)

        assert Wallet.objects.get(player=anna).paid_energy == 50

    def test_different_campaigns_give_again_and_again(self, anna: Player) -> None:
        for raw in ("EINS2026", "ZWEI2026"):
            make_campaign(grant=True, code=raw)

        assert [redeem(anna, raw).refusal for raw in ("EINS2026", "ZWEI2026")] == [None, None]
        assert entitlements.premium_until(player=anna, now=NOON) == NOON + timedelta(days=14)

    def test_one_campaign_gives_once(self, anna: Player) -> None:
        campaign = make_campaign(grant=True, code=CODE)
        redeem(anna)

        result = redeem(anna)

        assert (result.refusal, result.reason) == ("E_PROMO_ALREADY_USED", "USED_BY_PLAYER")
        assert counted(campaign) == (0, 1, 0, 0)
        assert LedgerEntry.objects.count() == 1


class TestDiscount:
    def test_promo_reservation_ttl_is_15_minutes(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)

        reserved = reserve(anna)

        assert (reserved.status, reserved.reserved_until) == (
            "RESERVED",
            datetime(2026, 11, 22, 12, 15, tzinfo=UTC),
        )
        assert counted(campaign) == (1, 0, 0, 0)
        assert not LedgerEntry.objects.exists()

    def test_entering_it_again_returns_the_same_reservation_with_the_time_that_is_left(
        self, anna: Player
    ) -> None:
        campaign = make_campaign(code=CODE)
        reserved = reserve(anna)

        again = reserve(anna, now=minutes(14))

        assert (again.pk, again.reserved_until) == (reserved.pk, minutes(15))
        assert counted(campaign) == (1, 0, 0, 0)

    def test_a_reservation_stays_good_while_its_campaign_is_paused(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        reserved = reserve(anna)
        Campaign.objects.filter(pk=campaign.pk).update(status="PAUSED")

        assert reserve(anna, now=minutes(1)).pk == reserved.pk

    @pytest.mark.parametrize(
        ("scope", "product_code", "fits"),
        [
            ("ANY", "", {"ENERGY_10", "PREMIUM_MONTH", "PREMIUM_YEAR"}),
            ("MICRO_ANY", "", {"ENERGY_10"}),
            ("PREMIUM_ANY", "", {"PREMIUM_MONTH", "PREMIUM_YEAR"}),
            ("PRODUCT", "PREMIUM_YEAR", {"PREMIUM_YEAR"}),
        ],
    )
    def test_it_is_for_the_products_of_its_scope(
        self, scope: str, product_code: str, fits: set[str]
    ) -> None:
        campaign = make_campaign(scope=scope, product_code=product_code)

        assert fits == {
            product
            for product in ("ENERGY_10", "PREMIUM_MONTH", "PREMIUM_YEAR")
            if campaign.fits(product_code=product, is_premium=product.startswith("PREMIUM"))
        }

    def test_a_grant_is_no_discount_for_anything(self) -> None:
        campaign = make_campaign(grant=True)

        assert not campaign.fits(product_code="ENERGY_10", is_premium=False)


class TestExpiry:
    """A hold that runs out, and the one time that it can be taken again."""

    def test_a_reservation_ends_at_fifteen_minutes_sharp(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        reserve(anna)

        assert reservations.expire(now=minutes(15) - MOMENT, limit=10) == 0
        assert reservations.expire(now=minutes(15), limit=10) == 1
        assert reservations.expire(now=minutes(15), limit=10) == 0
        assert (statuses(anna), counted(campaign)) == (["EXPIRED"], (0, 0, 0, 0))

    def test_a_released_use_can_be_used_by_somebody_else(self, anna: Player) -> None:
        make_campaign(code=CODE, uses_max=1)
        reserve(anna)
        assert redeem(PlayerFactory.create()).reason == "ALL_HELD"
        reservations.expire(now=minutes(15), limit=10)

        assert reserve(PlayerFactory.create(), now=minutes(15)).status == "RESERVED"

    def test_it_can_be_taken_once_more_and_not_twice(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        reserve(anna)
        reservations.expire(now=minutes(15), limit=10)

        again = reserve(anna, now=minutes(20))
        reservations.expire(now=minutes(35), limit=10)
        third = redeem(anna, now=minutes(40))

        assert (again.attempt_number, again.reserved_until) == (2, minutes(35))
        assert (third.refusal, third.reason) == ("E_PROMO_ALREADY_USED", "TAKEN_TWICE")
        assert (statuses(anna), counted(campaign)) == (["EXPIRED", "EXPIRED"], (0, 0, 0, 0))

    def test_it_can_be_taken_again_before_the_job_has_come(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE, uses_max=1)
        reserve(anna)

        again = reserve(anna, now=minutes(15))

        assert (again.attempt_number, again.reserved_until) == (2, minutes(30))
        assert (statuses(anna), counted(campaign)) == (["EXPIRED", "RESERVED"], (1, 0, 0, 0))

    def test_the_job_does_so_much_at_once_the_oldest_first(self) -> None:
        make_campaign(code=CODE)
        players = PlayerFactory.create_batch(3)
        for number, player in enumerate(players):
            reserve(player, now=minutes(number))

        assert reservations.expire(now=minutes(60), limit=2) == 2
        assert [statuses(player) for player in players] == [["EXPIRED"], ["EXPIRED"], ["RESERVED"]]
        assert reservations.expire(now=minutes(60), limit=2) == 1


class TestReplay:
    """The same idempotency key has the same answer."""

    def test_a_reservation_is_answered_with_the_reservation(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        first = redeem(anna, key="update:7")

        again = redeem(anna, key="update:7", now=minutes(1))

        assert again == first
        assert (Attempt.objects.count(), counted(campaign)) == (1, (1, 0, 0, 0))

    def test_a_grant_is_given_once(self, anna: Player) -> None:
        make_campaign(grant=True, code=CODE)
        first = redeem(anna, key="update:7")

        assert redeem(anna, key="update:7") == first
        assert (LedgerEntry.objects.count(), Attempt.objects.count()) == (1, 1)

    def test_a_refusal_is_refused_again_though_it_would_work_now(self, anna: Player) -> None:
        first = redeem(anna, key="update:7")
        make_campaign(code=CODE)

        assert redeem(anna, key="update:7") == first
        assert (first.refusal, Attempt.objects.count()) == ("E_PROMO_INVALID", 1)

    def test_the_failure_that_blocks_says_so_again(self, anna: Player) -> None:
        results = [redeem(anna, "FALSCH", key=f"update:{number}") for number in range(5)]

        assert redeem(anna, "FALSCH", key="update:4") == results[4]
        assert results[4].blocked_until == minutes(60)

    def test_the_same_code_in_other_letters_is_the_same_request(self, anna: Player) -> None:
        make_campaign(code=CODE)
        first = redeem(anna, key="update:7")

        assert redeem(anna, " hallo-2026", key="update:7") == first

    @pytest.mark.parametrize("other", ["ZWEITER2026", "FALSCH"])
    def test_another_code_is_another_request(self, anna: Player, other: str) -> None:
        make_campaign(code=CODE)
        make_campaign(code="ZWEITER2026")
        redeem(anna, key="update:7")

        with pytest.raises(KeyReusedError):
            redeem(anna, other, key="update:7")

        assert (Attempt.objects.count(), Redemption.objects.count()) == (1, 1)

    def test_a_code_is_the_same_with_the_pepper_of_today(
        self, anna: Player, settings: Settings
    ) -> None:
        first = redeem(anna, "FALSCH", key="update:7")
        settings.PROMO_PEPPERS = {"next": "n" * 32, **settings.PROMO_PEPPERS}

        assert redeem(anna, "FALSCH", key="update:7") == first

    def test_the_same_key_of_two_players_is_two_tries(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        redeem(anna, key="update:7")
        redeem(PlayerFactory.create(), key="update:7")

        assert counted(campaign) == (2, 0, 0, 0)


class TestUniqueCode:
    @pytest.fixture
    def campaign(self) -> Campaign:
        """Return a campaign with the two unique codes NUR4ANNA and NUR4BERT."""
        campaign = make_campaign()
        for raw in ("NUR4ANNA", "NUR4BERT"):
            pepper_id, digest = codes.digest(raw)
            Code.objects.create(
                campaign=campaign, is_shared=False, digest=digest, pepper_id=pepper_id, label="••••"
            )
        return campaign

    def test_it_is_for_one_player(self, anna: Player, campaign: Campaign) -> None:
        reserve(anna, "nur4-anna")

        result = redeem(PlayerFactory.create(), "NUR4ANNA")

        assert (result.refusal, result.reason) == ("E_PROMO_ALREADY_USED", "USED_BY_OTHER")
        assert counted(campaign) == (1, 0, 0, 0)

    def test_once_released_it_is_for_whoever_comes_next(
        self, anna: Player, campaign: Campaign
    ) -> None:
        reserve(anna, "NUR4ANNA")
        reservations.expire(now=minutes(15), limit=10)

        assert reserve(PlayerFactory.create(), "NUR4ANNA", now=minutes(15)).status == "RESERVED"
        assert redeem(anna, "NUR4ANNA", now=minutes(15)).reason == "USED_BY_OTHER"

    def test_one_player_uses_one_code_of_a_campaign(self, anna: Player, campaign: Campaign) -> None:
        reserved = reserve(anna, "NUR4ANNA")
        reservations.apply(redemption_id=reserved.pk, now=minutes(1))

        assert redeem(anna, "NUR4BERT", now=minutes(2)).reason == "USED_BY_PLAYER"

    def test_a_revoked_code_looks_like_none(self, anna: Player, campaign: Campaign) -> None:
        Code.objects.update(revoked_at=NOON)

        result = redeem(anna, "NUR4ANNA")

        assert (result.refusal, result.reason) == ("E_PROMO_INVALID", "REVOKED")


class TestSegment:
    """Whom a campaign is for."""

    def test_first_purchase_only_is_refused_to_whoever_has_bought(self, anna: Player) -> None:
        make_campaign(code=CODE, for_first_purchase=True)
        buy(anna)

        result = redeem(anna)

        assert (result.refusal, result.reason) == ("E_PROMO_NOT_APPLICABLE", "HAS_BOUGHT")
        assert redeem(PlayerFactory.create()).refusal is None

    def test_new_players_have_not_answered_before_today_in_berlin(self, anna: Player) -> None:
        make_campaign(code=CODE, for_new_players=True)
        midnight = datetime(2026, 11, 22, 23, tzinfo=UTC)
        streaks.record_activity(player=anna, now=NOON)

        assert redeem(anna, now=midnight - MOMENT).refusal is None
        other = PlayerFactory.create()
        streaks.record_activity(player=other, now=NOON)
        assert redeem(other, now=midnight).reason == "NOT_NEW"

    def test_lapsed_players_were_last_there_so_many_days_ago(self, anna: Player) -> None:
        make_campaign(code=CODE, for_lapsed_days=30)
        streaks.record_activity(player=anna, now=NOON)

        assert redeem(anna, now=NOON + timedelta(days=29)).reason == "NOT_LAPSED"
        assert redeem(anna, now=NOON + timedelta(days=30)).refusal is None
        assert redeem(PlayerFactory.create()).reason == "NOT_LAPSED"

    def test_language_and_level(self, anna: Player) -> None:
        make_campaign(code="SPRACHE", for_language="uk")
        make_campaign(code="NIVEAU", for_level="B1")
        ukrainian = PlayerFactory.create(language="uk")
        QuestionFactory.create(level="B1")
        answer(anna, 10, at=NOON - timedelta(1))
        answer(ukrainian, 9, at=NOON - timedelta(1))

        assert [redeem(anna, raw).reason for raw in ("SPRACHE", "NIVEAU")] == ["LANGUAGE", None]
        assert [redeem(ukrainian, raw).reason for raw in ("SPRACHE", "NIVEAU")] == [None, "LEVEL"]


@pytest.mark.parametrize(
    ("status", "fields", "refusal", "reason"),
    [
        ("DRAFT", {}, "E_PROMO_INVALID", "NOT_STARTED"),
        ("ACTIVE", {"starts_at": NOON + MOMENT}, "E_PROMO_INVALID", "NOT_STARTED"),
        ("PAUSED", {}, "E_PROMO_PAUSED", "PAUSED"),
        ("EXPIRED", {}, "E_PROMO_EXPIRED", "EXPIRED"),
        (
            "ACTIVE",
            {"starts_at": NOON - timedelta(1), "ends_at": NOON},
            "E_PROMO_EXPIRED",
            "EXPIRED",
        ),
        ("DEPLETED", {}, "E_PROMO_EXPIRED", "DEPLETED"),
        ("ENDED", {}, "E_PROMO_EXPIRED", "ENDED"),
    ],
)
def test_a_campaign_that_does_not_run_gives_nothing(
    anna: Player, status: str, fields: dict[str, datetime], refusal: str, reason: str
) -> None:
    campaign = make_campaign(status=status, code=CODE, **fields)

    result = redeem(anna)

    assert (result.refusal, result.reason) == (refusal, reason)
    assert (counted(campaign), statuses(anna)) == ((0, 0, 0, 0), [])


class TestAttempts:
    def test_every_try_is_kept_with_what_the_player_and_what_staff_see(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        code = Code.objects.get()
        redeem(anna, "falsch")
        reserved = reserve(anna)
        Campaign.objects.filter(pk=campaign.pk).update(status="PAUSED")
        redeem(PlayerFactory.create())

        outcomes = Attempt.objects.order_by("pk").values_list(
            "code", "campaign", "redemption", "refusal", "detail", "channel", "at"
        )
        assert list(outcomes) == [
            (None, None, None, "E_PROMO_INVALID", "UNKNOWN", "COMMAND", NOON),
            (code.pk, campaign.pk, reserved.pk, "", "", "COMMAND", NOON),
            (code.pk, campaign.pk, None, "E_PROMO_PAUSED", "PAUSED", "COMMAND", NOON),
        ]
        assert bytes(Attempt.objects.order_by("pk")[1].digest) == bytes(code.digest)

    def test_asking_why_not_writes_nothing(self, anna: Player) -> None:
        make_campaign(code=CODE, for_language="uk", uses_max=1)
        DenylistEntry.objects.create(player=anna, reason="Sells codes.", at=NOON)

        reasons = redemptions.refusal_reasons(player=anna, raw="hallo-2026", now=NOON)

        assert reasons == ["DENIED", "LANGUAGE"]
        assert not Attempt.objects.exists()

    @pytest.mark.parametrize("raw", ["", " - ", "\0", "X" * 10_000, "🎁", "'; DROP TABLE"])
    def test_whatever_is_typed_is_a_code_that_does_not_exist(self, anna: Player, raw: str) -> None:
        assert redeem(anna, raw).refusal == "E_PROMO_INVALID"


class TestDenyList:
    def test_no_code_works_and_none_seems_to_exist(self, anna: Player) -> None:
        make_campaign(code=CODE)
        DenylistEntry.objects.create(player=anna, reason="Sells codes.", at=NOON)

        real, invented = redeem(anna), redeem(anna, "FALSCH")

        assert (real.refusal, real.reason) == ("E_PROMO_INVALID", "DENIED")
        assert (invented.refusal, invented.blocked_until) == ("E_PROMO_INVALID", None)

    def test_a_reservation_from_before_is_not_shown_again(self, anna: Player) -> None:
        make_campaign(code=CODE)
        reserve(anna)
        DenylistEntry.objects.create(player=anna, reason="Sells codes.", at=NOON)

        assert redeem(anna).reason == "DENIED"


class TestSuspended:
    """Nothing is given to whoever staff have suspended, and they learn nothing of the code."""

    @pytest.fixture
    def anna(self) -> Player:
        """Return a player who is suspended."""
        player: Player = PlayerFactory.create(suspended_at=NOON)
        return player

    @pytest.mark.parametrize("kind", ["PERCENT_DISCOUNT", "ENERGY_GRANT"])
    def test_no_code_works_and_the_try_is_kept(self, anna: Player, kind: str) -> None:
        campaign = make_campaign(kind=kind, value=20, code=CODE)

        real, invented = redeem(anna), redeem(anna, "FALSCH")

        assert (real.refusal, real.reason) == ("E_PROMO_NOT_APPLICABLE", "SUSPENDED")
        assert (invented.refusal, invented.reason) == (real.refusal, real.reason)
        assert counted(campaign) == (0, 0, 0, 0)
        assert (
            list(Attempt.objects.values_list("refusal", "detail"))
            == [("E_PROMO_NOT_APPLICABLE", "SUSPENDED")] * 2
        )

    def test_a_reservation_from_before_is_not_shown_again(self, anna: Player) -> None:
        make_campaign(code=CODE)
        Player.objects.filter(pk=anna.pk).update(suspended_at=None)
        reserve(anna)
        Player.objects.filter(pk=anna.pk).update(suspended_at=NOON)

        assert redeem(anna).reason == "SUSPENDED"

    def test_codes_work_again_afterwards(self, anna: Player) -> None:
        make_campaign(code=CODE)
        redeem(anna)
        Player.objects.filter(pk=anna.pk).update(suspended_at=None)

        assert redeem(anna).redemption is not None


class TestDay:
    """Fifty tries on a day of Berlin. Product rules, section 13."""

    def test_the_fifty_first_is_neither_tried_nor_written_down(self, anna: Player) -> None:
        campaign = make_campaign(code=CODE)
        other: Player = PlayerFactory.create()
        night = datetime(2026, 11, 22, 22, 59, 59, tzinfo=UTC)
        for number in range(50):
            redeem(anna, "FALSCH", now=night - timedelta(minutes=number))

        refused = redeem(anna, now=night)

        assert (refused.redemption, refused.refusal) == (None, "E_PROMO_RATE_LIMITED")
        assert refused.blocked_until == datetime(2026, 11, 22, 23, tzinfo=UTC)
        assert Attempt.objects.filter(player=anna).count() == 50
        assert counted(campaign) == (0, 0, 0, 0)
        assert redeem(other, now=night).redemption is not None
        Block.objects.all().delete()
        assert redeem(anna, now=night + timedelta(seconds=1)).redemption is not None


class TestBlock:
    """Five failures within a day block for an hour."""

    def fail(self, player: Player, times: int, *, now: datetime = NOON) -> list[Result]:
        """Let the player guess so many times."""
        return [redeem(player, "FALSCH", now=now) for _ in range(times)]

    def test_the_fifth_failure_blocks_for_sixty_minutes(self, anna: Player) -> None:
        make_campaign(code=CODE)

        results = self.fail(anna, 5)

        assert [result.refusal for result in results] == ["E_PROMO_INVALID"] * 5
        assert [result.blocked_until for result in results] == [None] * 4 + [minutes(60)]
        for now in (NOON, minutes(60) - MOMENT):
            blocked = redeem(anna, now=now)
            assert (blocked.refusal, blocked.blocked_until) == (
                "E_PROMO_RATE_LIMITED",
                minutes(60),
            )
        assert redeem(anna, now=minutes(60)).refusal is None

    def test_failures_of_every_kind_count(self, anna: Player) -> None:
        make_campaign(status="PAUSED", code="PAUSE")
        make_campaign(code="SPRACHE", for_language="uk")
        for raw in ("PAUSE", "SPRACHE", "FALSCH", ""):
            assert redeem(anna, raw).blocked_until is None

        assert redeem(anna, "PAUSE").blocked_until == minutes(60)

    def test_what_is_accepted_does_not_count_and_does_not_forgive(self, anna: Player) -> None:
        make_campaign(code=CODE)
        self.fail(anna, 4)
        reserve(anna)
        reserve(anna)

        assert self.fail(anna, 1)[0].blocked_until == minutes(60)

    def test_trying_while_blocked_does_not_extend_it(self, anna: Player) -> None:
        self.fail(anna, 5)

        for minute in (1, 30, 59):
            [blocked] = self.fail(anna, 1, now=minutes(minute))
            assert (blocked.reason, blocked.blocked_until) == ("BLOCKED", minutes(60))

        assert self.fail(anna, 1, now=minutes(60))[0].reason == "UNKNOWN"

    def test_after_a_block_the_count_begins_anew(self, anna: Player) -> None:
        self.fail(anna, 5)
        self.fail(anna, 7, now=minutes(59))

        results = self.fail(anna, 5, now=minutes(60))

        assert [result.reason for result in results] == ["UNKNOWN"] * 5
        assert [result.blocked_until for result in results] == [None] * 4 + [minutes(120)]

    @pytest.mark.parametrize(
        ("later", "until"),
        [
            (timedelta(hours=24) - MOMENT, timedelta(hours=25) - MOMENT),
            (timedelta(hours=24), None),
        ],
    )
    def test_a_failure_counts_for_a_day(
        self, anna: Player, later: timedelta, until: timedelta | None
    ) -> None:
        self.fail(anna, 4)

        [fifth] = self.fail(anna, 1, now=NOON + later)

        assert fifth.blocked_until == (NOON + until if until else None)

    def test_others_are_not_blocked(self, anna: Player) -> None:
        make_campaign(code=CODE)
        self.fail(anna, 5)

        assert redeem(PlayerFactory.create()).refusal is None


class TestTakingBack:
    def test_what_a_grant_gave_is_taken_back_once_and_its_use_stays_used(
        self, anna: Player
    ) -> None:
        campaign = make_campaign(grant=True, uses_max=1, code=CODE)
        granted = reserve(anna)

        reversals = [
            redemptions.reverse(
                redemption_id=granted.pk, reason="Stolen codes.", now=minutes(1), staff=None
            )
            for _ in range(2)
        ]

        assert reversals[0] is not None
        assert (reversals[0].entry.type, reversals[1]) == ("TAKEN_BACK", None)
        assert entitlements.premium_at(player=anna, at=minutes(1)) is None
        assert (statuses(anna), counted(campaign)) == (["REVOKED"], (0, 1, 0, 0))
        assert redeem(PlayerFactory.create(), now=minutes(2)).reason == "DEPLETED"
        assert redeem(anna, now=minutes(2)).reason == "DEPLETED"


def test_the_day_of_a_segment_is_the_business_day(anna: Player) -> None:
    make_campaign(code=CODE, for_lapsed_days=1)
    streaks.record_activity(player=anna, now=datetime(2026, 11, 22, 22, 59, tzinfo=UTC))

    with time_machine.travel(date(2030, 1, 1)):
        # The clock that counts is the one that is passed.
        assert redeem(anna, now=datetime(2026, 11, 22, 22, 59, tzinfo=UTC)).reason == "NOT_LAPSED"
        assert redeem(anna, now=datetime(2026, 11, 22, 23, 0, tzinfo=UTC)).refusal is None


@pytest.mark.django_db(transaction=True)
class TestStatements:
    """What a try costs: SQL statements, all of them, in one transaction."""

    def count(self, player: Player, raw: str = CODE, *, now: datetime = NOON) -> tuple[int, int]:
        """Enter a code; return the statements and the transactions that it took."""
        with CaptureQueriesContext(connection) as queries:
            redemptions.redeem(
                player=player, raw=raw, channel=Channel.COMMAND, key=f"{now}", now=now
            )
        statements = [query["sql"] for query in queries.captured_queries]
        return sum(sql not in ("BEGIN", "COMMIT") for sql in statements), statements.count("COMMIT")

    def test_a_reservation(self) -> None:
        make_campaign(code=CODE)

        assert self.count(PlayerFactory.create()) == (5, 1)

    @pytest.mark.parametrize(
        ("fields", "statements"),
        [({"kind": "ENERGY_GRANT", "value": 50}, 5), ({"grant": True}, 7)],
    )
    def test_a_grant(self, fields: dict[str, Any], statements: int) -> None:
        make_campaign(code=CODE, **fields)

        assert self.count(PlayerFactory.create()) == (statements, 1)

    def test_a_refusal(self) -> None:
        assert self.count(PlayerFactory.create(), "WEG34") == (3, 1)

    def test_a_refusal_of_what_may_have_been_misread(self) -> None:
        assert self.count(PlayerFactory.create(), "HALLO2026") == (4, 1)

    def test_a_reservation_that_is_taken_again_before_the_job_has_come(self) -> None:
        make_campaign(code=CODE)
        player = PlayerFactory.create()
        self.count(player)

        assert self.count(player, now=minutes(15)) == (7, 1)

    def test_attaching_keeping_applying_and_releasing(self) -> None:
        make_campaign(code=CODE)
        anna, bert = PlayerFactory.create_batch(2)
        one, other = reserve(anna), reserve(bert)
        counts = []
        for step in (
            lambda: attach(one, 5, player=anna),
            lambda: reservations.lock_for_payment(redemption_id=one.pk, now=NOON),
            lambda: reservations.apply(redemption_id=one.pk, now=NOON),
            lambda: reservations.release(redemption_id=other.pk, now=NOON),
        ):
            with CaptureQueriesContext(connection) as queries:
                step()
            counts.append(
                sum(query["sql"] not in ("BEGIN", "COMMIT") for query in queries.captured_queries)
            )

        assert counts == [2, 1, 1, 1]
