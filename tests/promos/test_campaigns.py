"""What operators and jobs do with campaigns."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.utils import timezone

from promos import batches, campaigns, codes, redemptions, reservations, tasks
from promos.errors import BadBatchError, IllegalMoveError, IncompleteError
from promos.models import Attempt, Campaign, Code, Redemption
from quizarena.staff.models import Alert, AuditEntry
from tests.factories import NOON, CampaignFactory, PlayerFactory, make_campaign
from tests.promos.steps import CODE, counted, minutes, redeem, reserve

MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)
VERBS: dict[str, Callable[..., Campaign]] = {
    "start": campaigns.start,
    "pause": campaigns.pause,
    "unpause": campaigns.unpause,
    "end": campaigns.end,
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    """Return a member of staff."""
    return User.objects.create_user("operator", is_staff=True)


def do(verb: str, campaign: Campaign, *, now: datetime = NOON, staff: User | None = None) -> str:
    """Let an operator do something; return where the campaign is then."""
    done = VERBS[verb](campaign_id=campaign.pk, reason="Because.", now=now, staff=staff)
    return done.status


def status(campaign: Campaign) -> str:
    """Return where a campaign is in its life."""
    return Campaign.objects.get(pk=campaign.pk).status


class TestMoves:
    @pytest.mark.parametrize(
        ("verb", "old", "new"),
        [
            ("start", "DRAFT", "ACTIVE"),
            ("pause", "ACTIVE", "PAUSED"),
            ("unpause", "PAUSED", "ACTIVE"),
            ("end", "DRAFT", "ENDED"),
            ("end", "ACTIVE", "ENDED"),
            ("end", "PAUSED", "ENDED"),
        ],
    )
    def test_what_operators_can_do(self, operator: User, verb: str, old: str, new: str) -> None:
        campaign = make_campaign(status=old, code=CODE)

        assert do(verb, campaign, now=minutes(1), staff=operator) == new

        campaign.refresh_from_db()
        assert (campaign.status, campaign.changed_at) == (new, minutes(1))
        entry = AuditEntry.objects.get(object_id=str(campaign.pk))
        assert entry.actor == operator
        assert entry.details == {"reason": "Because.", "status": [old, new]}

    @pytest.mark.parametrize(
        ("verb", "status_before"),
        [
            *(("start", each) for each in ("ACTIVE", "PAUSED", "EXPIRED", "DEPLETED", "ENDED")),
            *(("pause", each) for each in ("DRAFT", "PAUSED", "EXPIRED", "DEPLETED", "ENDED")),
            *(("unpause", each) for each in ("DRAFT", "ACTIVE", "EXPIRED", "DEPLETED", "ENDED")),
            *(("end", each) for each in ("EXPIRED", "DEPLETED", "ENDED")),
        ],
    )
    def test_what_they_cannot_says_where_the_campaign_is(
        self, verb: str, status_before: str
    ) -> None:
        campaign = make_campaign(status=status_before, code=CODE)

        with pytest.raises(IllegalMoveError, match=f"It is {status_before.lower()}"):
            do(verb, campaign)

        assert status(campaign) == status_before
        assert not AuditEntry.objects.exists()

    def test_nothing_over_comes_back_by_unpausing_though_the_job_has_not_run(self) -> None:
        over = make_campaign(status="PAUSED", ends_at=NOON + DAY)
        used_up = make_campaign(code=CODE, uses_max=1)
        reservations.apply(redemption_id=reserve(PlayerFactory.create()).pk, now=NOON)
        do("pause", used_up)

        assert do("unpause", over, now=NOON + DAY - MOMENT) == "ACTIVE"
        do("pause", over)
        with pytest.raises(IllegalMoveError, match="Its window is over"):
            do("unpause", over, now=NOON + DAY)
        with pytest.raises(IllegalMoveError, match="All of its uses have been applied"):
            do("unpause", used_up)

    def test_a_campaign_whose_uses_are_only_held_comes_back(self) -> None:
        campaign = make_campaign(code=CODE, uses_max=1)
        reserve(PlayerFactory.create())
        do("pause", campaign)

        assert do("unpause", campaign) == "ACTIVE"

    def test_what_nobody_could_use_does_not_start(self) -> None:
        bare = make_campaign(status="DRAFT")
        late = make_campaign(status="DRAFT", code="SPAET", ends_at=NOON + DAY)
        making = make_campaign(status="DRAFT")
        batches.order(campaign_id=making.pk, size=10, prefix="", now=NOON, staff=None)

        reasons = []
        for campaign, now in ((bare, NOON), (late, NOON + DAY), (making, NOON)):
            with pytest.raises(IncompleteError) as refused:
                do("start", campaign, now=now)
            reasons.append(refused.value.reasons)

        assert reasons == [
            ["It has no code."],
            ["Its window has ended already."],
            ["It has no code.", "Its codes are still being made."],
        ]


class TestClone:
    def test_it_is_a_draft_with_the_same_terms_and_nothing_used(self, operator: User) -> None:
        old = make_campaign(
            name="Advent",
            code=CODE,
            value=30,
            scope="PRODUCT",
            product_code="PREMIUM_MONTH",
            ends_at=NOON + 3 * DAY,
            uses_max=100,
            stars_max=1_000,
            for_new_players=True,
            for_first_purchase=True,
            for_language="de",
            for_level="A1",
            for_lapsed_days=30,
        )
        Campaign.objects.filter(pk=old.pk).update(for_new_players=False, for_lapsed_days=None)
        Campaign.objects.filter(pk=old.pk).update(for_level="")
        reserve(PlayerFactory.create())

        fresh = campaigns.clone(campaign_id=old.pk, now=NOON + DAY, staff=operator)

        assert (fresh.name, fresh.status, fresh.owner) == ("Advent (copy)", "DRAFT", operator)
        assert (fresh.value, fresh.scope, fresh.product_code) == (30, "PRODUCT", "PREMIUM_MONTH")
        assert (fresh.uses_max, fresh.stars_max) == (100, 1_000)
        assert (fresh.for_first_purchase, fresh.for_language) == (True, "de")
        # As long as the old one, from now on.
        assert (fresh.starts_at, fresh.ends_at) == (NOON + DAY, NOON + 4 * DAY)
        assert (counted(fresh), fresh.codes.count()) == ((0, 0, 0, 0), 0)

    def test_one_that_has_yet_to_begin_keeps_its_times(self) -> None:
        old = make_campaign(starts_at=NOON + DAY, ends_at=NOON + 3 * DAY)

        fresh = campaigns.clone(campaign_id=old.pk, now=NOON, staff=None)

        assert (fresh.starts_at, fresh.ends_at) == (NOON + DAY, NOON + 3 * DAY)

    @pytest.mark.parametrize("old", ["DRAFT", "ACTIVE", "PAUSED", "EXPIRED", "DEPLETED", "ENDED"])
    def test_every_campaign_can_be_cloned_however_long_its_name(self, old: str) -> None:
        campaign = make_campaign(status=old, name="N" * 80)

        fresh = campaigns.clone(campaign_id=campaign.pk, now=NOON, staff=None)

        assert (fresh.status, len(fresh.name)) == ("DRAFT", 77)

    def test_a_weekend_offer_is_cloned_as_one_and_needs_a_shared_code(self) -> None:
        campaign = make_campaign(code="WEEKEND", is_weekend_offer=True)

        fresh = campaigns.clone(campaign_id=campaign.pk, now=NOON, staff=None)

        assert fresh.is_weekend_offer
        assert campaigns.what_is_missing(fresh, now=NOON) == [
            "It has no code.",
            "A weekend offer needs a shared code.",
        ]


class TestSharedCode:
    def test_another_one_replaces_it(self) -> None:
        campaign = make_campaign(code="ALT2026")

        campaigns.share_code(campaign_id=campaign.pk, raw="neu-2026", now=minutes(1))

        player = PlayerFactory.create()
        assert redeem(player, "ALT2026", now=minutes(1)).reason == "REVOKED"
        assert redeem(player, "NEU2026", now=minutes(1)).refusal is None

    @pytest.mark.parametrize("raw", ["ABC", "A" * 33, "GRÜSSE", "A B C", "HALLÖ", ""])
    def test_what_cannot_be_typed_is_refused(self, raw: str) -> None:
        with pytest.raises(BadBatchError, match="4 to 32 letters A to Z and digits"):
            campaigns.share_code(campaign_id=make_campaign().pk, raw=raw, now=NOON)

    def test_a_code_is_of_one_campaign_for_ever(self) -> None:
        campaign = make_campaign(code=CODE)
        campaigns.share_code(campaign_id=campaign.pk, raw="NEU2026", now=NOON)

        for other in (make_campaign(), campaign):
            with pytest.raises(BadBatchError, match="taken already"):
                campaigns.share_code(campaign_id=other.pk, raw=CODE, now=NOON)

    @pytest.mark.parametrize("over", ["EXPIRED", "DEPLETED", "ENDED"])
    def test_a_campaign_that_is_over_gets_none(self, over: str) -> None:
        with pytest.raises(IllegalMoveError, match=f"It is {over.lower()}"):
            campaigns.share_code(campaign_id=make_campaign(status=over).pk, raw=CODE, now=NOON)


class TestRollOver:
    @pytest.mark.parametrize("running", ["ACTIVE", "PAUSED"])
    def test_a_window_that_is_over_makes_it_expired(self, running: str) -> None:
        campaign = make_campaign(status=running, ends_at=NOON + DAY)

        assert campaigns.roll_over(now=NOON + DAY - MOMENT, limit=10) == 0
        assert campaigns.roll_over(now=NOON + DAY, limit=10) == 1
        assert campaigns.roll_over(now=NOON + DAY, limit=10) == 0
        assert status(campaign) == "EXPIRED"

    def test_a_limit_that_is_reached_makes_it_depleted(self) -> None:
        campaign = make_campaign(code=CODE, uses_max=2)
        reserved = [reserve(player) for player in PlayerFactory.create_batch(2)]

        reservations.apply(redemption_id=reserved[0].pk, now=NOON)
        # A reservation may come back.
        assert campaigns.roll_over(now=NOON, limit=10) == 0
        reservations.apply(redemption_id=reserved[1].pk, now=NOON)
        assert campaigns.roll_over(now=NOON, limit=10) == 1

        assert status(campaign) == "DEPLETED"
        entry = AuditEntry.objects.get(object_id=str(campaign.pk))
        assert (entry.actor, entry.action) == (None, "campaign.depleted")

    @pytest.mark.parametrize("resting", ["DRAFT", "EXPIRED", "DEPLETED", "ENDED"])
    def test_nothing_else_is_touched(self, resting: str) -> None:
        campaign = make_campaign(status=resting, ends_at=NOON + DAY)

        assert campaigns.roll_over(now=NOON + DAY, limit=10) == 0
        assert status(campaign) == resting

    def test_it_does_so_many_at_once(self) -> None:
        for _ in range(3):
            make_campaign(ends_at=NOON + DAY)

        assert [campaigns.roll_over(now=NOON + DAY, limit=2) for _ in range(3)] == [2, 1, 0]


class TestGuard:
    """More than 100 wrong tries of one code within ten minutes, five of each player at most."""

    def fail(
        self,
        code: Code,
        times: int,
        *,
        players: int = 25,
        at: datetime = NOON,
        detail: str = "USED_BY_OTHER",
    ) -> None:
        """Write down so many failures on a code, by so many players in turns."""
        guessers = PlayerFactory.create_batch(players)
        Attempt.objects.bulk_create(
            Attempt(
                player=guessers[number % players],
                digest=code.digest,
                code=code,
                campaign=code.campaign,
                refusal="E_PROMO_ALREADY_USED",
                detail=detail,
                channel="COMMAND",
                idempotency_key=f"{at}:{number}",
                at=at,
            )
            for number in range(times)
        )

    @pytest.fixture
    def code(self) -> Code:
        """Return the code of an active campaign."""
        make_campaign(name="Advent", code=CODE)
        return Code.objects.get()

    def test_a_hundred_and_one_failures_pause_the_campaign_with_an_alert(self, code: Code) -> None:
        self.fail(code, 101)

        assert campaigns.guard(now=NOON) == 1

        assert status(code.campaign) == "PAUSED"
        alert = Alert.objects.get()
        assert (alert.kind, alert.key) == ("promo_attacked", str(code.campaign_id))
        assert alert.summary == ("Advent was paused: 101 failures on one code within ten minutes.")
        assert AuditEntry.objects.get(object_id=str(code.campaign_id)).actor is None

    @pytest.mark.parametrize(
        ("failures", "players", "minutes_ago", "paused"),
        [
            (101, 21, 0, 1),
            (101, 101, 0, 1),
            (100, 100, 0, 0),
            (500, 20, 0, 0),
            (500, 2, 0, 0),
            (500, 1, 0, 0),
            (101, 21, 9.99, 1),
            (101, 21, 10, 0),
        ],
    )
    def test_each_border(
        self, code: Code, failures: int, players: int, minutes_ago: float, paused: int
    ) -> None:
        self.fail(code, failures, players=players, at=minutes(-minutes_ago))

        assert campaigns.guard(now=NOON) == paused

    @pytest.mark.parametrize(
        "detail", ["BLOCKED", "SUSPENDED", "DENIED", "USED_BY_PLAYER", "TAKEN_TWICE"]
    )
    def test_who_may_not_or_has_used_it_does_not_guess(self, code: Code, detail: str) -> None:
        self.fail(code, 500, players=100, detail=detail)
        self.fail(code, 100, at=minutes(-1))

        assert campaigns.guard(now=NOON) == 0

    def test_two_accounts_cannot_pause_a_campaign(
        self, code: Code, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not by failing, not by going on while blocked, not with a code that they have used.

        Nor would they if the bound of a day did not stop them: the guard holds alone.
        """
        monkeypatch.setattr(redemptions, "TRIES_A_DAY_MAX", 1_000)
        anna, bert = PlayerFactory.create_batch(2)
        reserve(anna)
        reservations.apply(redemption_id=Redemption.objects.get().pk, now=NOON)
        for _ in range(60):
            redeem(anna)
            redeem(bert, "FALSCH")
            redeem(bert)

        assert Attempt.objects.exclude(refusal="").filter(code=code).count() > 100
        assert campaigns.guard(now=NOON) == 0

    def test_failures_on_different_codes_do_not_add_up(self, code: Code) -> None:
        pepper_id, digest = codes.digest("ZWEITER2026")
        other = Code.objects.create(
            campaign=code.campaign,
            is_shared=False,
            digest=digest,
            pepper_id=pepper_id,
            label="••••",
        )
        self.fail(code, 60)
        self.fail(other, 60)

        assert campaigns.guard(now=NOON) == 0

    def test_what_was_accepted_is_no_failure(self, code: Code) -> None:
        self.fail(code, 100)
        for player in PlayerFactory.create_batch(3):
            reserve(player)

        assert campaigns.guard(now=NOON) == 0

    def test_guessing_at_codes_that_do_not_exist_pauses_nothing(self, code: Code) -> None:
        for player in PlayerFactory.create_batch(30):
            for _ in range(4):
                redeem(player, "FALSCH")

        assert campaigns.guard(now=NOON) == 0

    def test_real_tries_of_many_players_are_counted(self, code: Code) -> None:
        Campaign.objects.filter(pk=code.campaign_id).update(for_language="uk")
        for player in PlayerFactory.create_batch(21):
            for _ in range(5):
                redeem(player)

        assert campaigns.guard(now=NOON) == 1

    def test_a_second_run_finds_nothing_to_do(self, code: Code) -> None:
        self.fail(code, 101)

        assert [campaigns.guard(now=NOON) for _ in range(2)] == [1, 0]
        assert Alert.objects.get().times == 1

    def test_what_staff_have_looked_at_does_not_pause_again(self, code: Code) -> None:
        self.fail(code, 101)
        campaigns.guard(now=NOON)
        unpaused_at = minutes(1)
        campaigns.unpause(
            campaign_id=code.campaign_id, reason="A school class.", now=unpaused_at, staff=None
        )

        assert campaigns.guard(now=minutes(2)) == 0

        self.fail(code, 100, at=unpaused_at + MOMENT)
        # As early as the unpausing is before it.
        self.fail(code, 1, at=unpaused_at)
        assert campaigns.guard(now=minutes(3)) == 0

        self.fail(code, 1, at=minutes(2))
        assert campaigns.guard(now=minutes(3)) == 1
        assert status(code.campaign) == "PAUSED"

    @pytest.mark.parametrize("resting", ["PAUSED", "ENDED"])
    def test_what_does_not_run_is_left_alone(self, code: Code, resting: str) -> None:
        Campaign.objects.filter(pk=code.campaign_id).update(status=resting)
        self.fail(code, 101)

        assert campaigns.guard(now=NOON) == 0
        assert not Alert.objects.exists()


class TestKillSwitch:
    def test_every_reservation_is_released_kept_ones_too(self) -> None:
        campaign = make_campaign(code=CODE)
        reserved = [reserve(player) for player in PlayerFactory.create_batch(3)]
        reservations.lock_for_payment(redemption_id=reserved[0].pk, now=NOON)
        reservations.apply(redemption_id=reserved[1].pk, now=NOON)
        do("end", campaign)

        assert campaigns.release_reservations(campaign_id=campaign.pk, now=NOON) == 2
        assert counted(campaign) == (0, 1, 0, 0)

    def test_what_was_granted_is_taken_back_in_portions(self) -> None:
        campaign = make_campaign(kind="ENERGY_GRANT", value=50, code=CODE)
        for player in PlayerFactory.create_batch(3):
            reserve(player)
        take_back = partial(
            campaigns.reverse_grants,
            campaign_id=campaign.pk,
            reason="Wrong value.",
            now=NOON,
            staff=None,
        )

        assert [take_back(limit=2) for _ in range(3)] == [2, 1, 0]
        assert set(Redemption.objects.values_list("status", flat=True)) == {"REVOKED"}
        assert counted(campaign) == (0, 3, 0, 0)

    def test_a_discount_has_nothing_to_take_back(self) -> None:
        campaign = make_campaign(code=CODE)
        reservations.apply(redemption_id=reserve(PlayerFactory.create()).pk, now=NOON)

        taken = campaigns.reverse_grants(
            campaign_id=campaign.pk, reason="Wrong value.", now=NOON, staff=None, limit=10
        )

        assert taken == 0


class TestTasks:
    """What Celery calls does what it is named after."""

    def test_each_does_its_part_and_tells_how_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timezone, "now", lambda: minutes(20))
        over = make_campaign(ends_at=minutes(20))
        make_campaign(code=CODE)
        reserve(PlayerFactory.create())
        attacked = make_campaign(code="ANGRIFF")
        TestGuard().fail(attacked.codes.get(), 101, at=minutes(19))

        counts = [
            task()
            for task in (
                tasks.expire_reservations,
                tasks.roll_over_campaigns,
                tasks.guard_codes,
                tasks.verify_campaign_counters,
            )
        ]

        assert counts == [1, 1, 1, 0]
        assert (status(over), status(attacked)) == ("EXPIRED", "PAUSED")
        # Whoever comes second finds nothing.
        assert [tasks.expire_reservations(), tasks.roll_over_campaigns(), tasks.guard_codes()] == [
            0,
            0,
            0,
        ]

    def test_codes_are_made_batch_after_batch(self) -> None:
        campaign = make_campaign(status="DRAFT")
        for size in (3, 4):
            batches.order(campaign_id=campaign.pk, size=size, prefix="", now=NOON, staff=None)

        assert [tasks.make_codes(), tasks.make_codes()] == [7, 0]
        assert campaign.codes.count() == 7

    @pytest.mark.parametrize(
        ("task", "seconds"),
        [
            ("promos.tasks.expire_reservations", 60.0),
            ("promos.tasks.guard_codes", 60.0),
            ("promos.tasks.roll_over_campaigns", 600.0),
        ],
    )
    def test_they_run_as_often_as_the_rules_say(self, task: str, seconds: float) -> None:
        assert [
            each["schedule"]
            for each in settings.CELERY_BEAT_SCHEDULE.values()
            if each["task"] == task
        ] == [seconds]


def test_a_campaign_cannot_be_changed_once_it_has_run_but_its_limit_can() -> None:
    campaign = make_campaign(code=CODE, uses_max=1)
    reserve(PlayerFactory.create())

    Campaign.objects.filter(pk=campaign.pk).update(uses_max=2)

    reserve(PlayerFactory.create())
    assert counted(campaign) == (2, 0, 0, 0)
    with pytest.raises(DatabaseError, match="clone it"), connection.cursor() as cursor:
        cursor.execute("UPDATE promos_campaign SET value = 30")


def test_drafts_can_be_changed() -> None:
    draft = CampaignFactory.create()

    Campaign.objects.filter(pk=draft.pk).update(kind="PREMIUM_GRANT", value=30)

    assert Campaign.objects.get().kind == "PREMIUM_GRANT"
