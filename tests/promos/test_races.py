"""Two at once, and each time the proof that the race is one: without the guard it is lost."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from economy.models import LedgerEntry
from promos import campaigns, codes, counters, redemptions, reservations
from promos.models import Attempt, Block, Campaign, Code, Redemption
from promos.models.redemption import RedemptionQuerySet as Redemptions
from promos.redemptions import Result
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.staff.models import Alert, AuditEntry
from tests.concurrency import meet_after, overlap, run_together
from tests.factories import NOON, PlayerFactory, make_campaign
from tests.owner import as_owner, behind_the_guards
from tests.promos.steps import CODE, attach, counted, minutes, redeem, reserve
from tests.promos.test_campaigns import TestGuard

pytestmark = pytest.mark.django_db(transaction=True)


def endings(results: list[Any]) -> list[str]:
    """Return how tries have ended, in alphabetical order."""
    return sorted(
        (result.reason or "accepted") if isinstance(result, Result) else type(result).__name__
        for result in results
    )


def claim_without_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing but the unique keys stand between a player and a use."""
    claim = redemptions._claim

    def unguarded(redemption: Redemption) -> bool:
        with behind_the_guards():
            return claim(redemption)

    monkeypatch.setattr(redemptions, "_claim", unguarded)


class TestLastUse:
    """Two players, one use left; both have seen it."""

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
        """Return what lets both players try."""
        make_campaign(code=CODE, uses_max=1)
        players = PlayerFactory.create_batch(2)
        meet_after(monkeypatch, redemptions, "_look_up")
        return lambda: run_together(*(partial(redeem, player) for player in players))

    def test_one_of_them_gets_it(self, race: Callable[[], list[Any]]) -> None:
        assert endings(race()) == ["ALL_HELD", "accepted"]
        assert counted(Campaign.objects.get()) == (1, 0, 0, 0)

    def test_without_the_trigger_both_would(
        self, race: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claim_without_triggers(monkeypatch)

        assert endings(race()) == ["accepted", "accepted"]
        assert Redemption.objects.count() == 2


class TestUniqueCode:
    """Two players, one code for one of them."""

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
        """Return what lets both players try."""
        pepper_id, digest = codes.digest("NUR4EINEN")
        Code.objects.create(
            campaign=make_campaign(),
            is_shared=False,
            digest=digest,
            pepper_id=pepper_id,
            label="••••",
        )
        players = PlayerFactory.create_batch(2)
        meet_after(monkeypatch, redemptions, "_look_up")
        return lambda: run_together(*(partial(redeem, player, "NUR4EINEN") for player in players))

    def test_one_of_them_gets_it(self, race: Callable[[], list[Any]]) -> None:
        assert endings(race()) == ["USED_BY_OTHER", "accepted"]
        assert counted(Campaign.objects.get()) == (1, 0, 0, 0)

    def test_without_the_trigger_only_the_unique_key_stops_the_second_one(
        self, race: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claim_without_triggers(monkeypatch)

        assert endings(race()) == ["IntegrityError", "accepted"]


class TestTwoDevices:
    """One player on two devices at once."""

    @pytest.fixture
    def claims(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """Return how the claims of a use have ended, as they do."""
        claim, claims = redemptions._claim, []

        def claiming(redemption: Redemption) -> bool:
            claims.append(claim(redemption))
            return claims[-1]

        monkeypatch.setattr(redemptions, "_claim", claiming)
        return claims

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
        """Return what lets the player try on both."""
        make_campaign(code=CODE)
        player = PlayerFactory.create()
        meet_after(monkeypatch, redemptions, "_look_up")
        return lambda: run_together(*[partial(redeem, player)] * 2)

    def test_both_show_the_same_reservation(
        self, race: Callable[[], list[Any]], claims: list[bool]
    ) -> None:
        one, other = race()

        assert endings([one, other]) == ["accepted", "accepted"]
        assert one.redemption.pk == other.redemption.pk
        assert counted(Campaign.objects.get()) == (1, 0, 0, 0)
        assert claims == [True]

    def test_without_the_players_lock_both_claim_it(
        self,
        race: Callable[[], list[Any]],
        claims: list[bool],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(players, "lock", lambda _: None)

        assert endings(race()) == ["accepted", "accepted"]
        assert sorted(claims) == [False, True]


class TestCrowd:
    """Thirty players at once on a limit of twenty; all have seen that nothing is used."""

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
        """Return what lets all of them try."""
        make_campaign(kind="ENERGY_GRANT", value=5, code=CODE, uses_max=20)
        players = PlayerFactory.create_batch(30)
        alone = redemptions._look_up
        meet_after(monkeypatch, redemptions, "_look_up", callers=30)
        together = redemptions._look_up
        seen: set[int] = set()

        def look_up(*, player: Player, **kwargs: Any) -> Any:
            """Meet the others once; who was too late looks again, by then alone."""
            look = alone if player.pk in seen else together
            seen.add(player.pk)
            return look(player=player, **kwargs)

        monkeypatch.setattr(redemptions, "_look_up", look_up)
        return lambda: run_together(*(partial(redeem, player) for player in players))

    def test_exactly_twenty_get_it(self, race: Callable[[], list[Any]]) -> None:
        assert endings(race()) == ["DEPLETED"] * 10 + ["accepted"] * 20
        assert counted(Campaign.objects.get()) == (0, 20, 0, 0)
        assert counters.find_differing(now=NOON) == []

    def test_without_the_trigger_all_thirty_would(
        self, race: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claim_without_triggers(monkeypatch)

        assert endings(race()) == ["accepted"] * 30


class TestLastTryOfADay:
    """A player who may try once more today tries twice at once."""

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
        """Return what lets the player try, and tells how many tries were written down."""
        monkeypatch.setattr(redemptions, "TRIES_A_DAY_MAX", 1)
        player = PlayerFactory.create()
        meet_after(monkeypatch, redemptions, "_look_up")

        def race() -> int:
            run_together(partial(redeem, player, "FALSCH"), partial(redeem, player, "FALSCH"))
            return Attempt.objects.count()

        return race

    def test_one_is_written_down(self, race: Callable[[], int]) -> None:
        assert race() == 1

    def test_without_the_players_lock_both_would_be(
        self, race: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(players, "lock", print)

        assert race() == 2


class TestGuesses:
    """Eight guesses of one player at once."""

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
        """Return what lets the player guess."""
        player = PlayerFactory.create()
        meet_after(monkeypatch, redemptions, "_look_up", callers=8)
        return lambda: run_together(*[partial(redeem, player, "FALSCH")] * 8)

    def test_exactly_five_fail_before_the_block(self, race: Callable[[], list[Any]]) -> None:
        assert endings(race()) == ["BLOCKED"] * 3 + ["UNKNOWN"] * 5
        assert Block.objects.get().until == minutes(60)
        assert Attempt.objects.count() == 8

    def test_without_the_players_lock_all_eight_are_looked_at(
        self, race: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(players, "lock", lambda _: None)

        assert endings(race()) == ["UNKNOWN"] * 8
        assert not Block.objects.exists()


@pytest.fixture
def player() -> Player:
    """Return the player of the hold."""
    player: Player = PlayerFactory.create()
    return player


@pytest.fixture
def reserved(player: Player) -> Redemption:
    """Return a hold that ends at 12:15."""
    make_campaign(code=CODE)
    return reserve(player)


def where(reserved: Redemption) -> tuple[str, bool]:
    """Return the status of a redemption, and if it is kept."""
    reserved.refresh_from_db()
    return reserved.status, reserved.is_locked_for_payment


class TestExpiryAgainstPreCheckout:
    """The pre-checkout is approved in the last second; somebody's clock says that it is over."""

    @pytest.fixture
    def keep(self, reserved: Redemption) -> Callable[[], bool]:
        """Return what approves the pre-checkout."""
        return partial(reservations.lock_for_payment, redemption_id=reserved.pk, now=minutes(14.99))

    def test_the_job_leaves_a_reservation_that_is_being_kept(
        self, reserved: Redemption, keep: Callable[[], bool]
    ) -> None:
        assert overlap(keep, partial(reservations.expire, now=minutes(15), limit=10)) == [True, 0]
        assert where(reserved) == ("RESERVED", True)

    def test_a_reservation_that_is_being_released_cannot_be_kept(
        self, reserved: Redemption, keep: Callable[[], bool]
    ) -> None:
        assert overlap(partial(reservations.expire, now=minutes(15), limit=10), keep) == [1, False]
        assert where(reserved) == ("EXPIRED", False)

    def test_the_job_looks_again_at_what_it_has_found(
        self, reserved: Redemption, keep: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.keep_before_the_release(keep, monkeypatch)

        assert reservations.expire(now=minutes(15), limit=10) == 0
        assert where(reserved) == ("RESERVED", True)

    def test_without_looking_again_it_would_release_what_is_kept(
        self, reserved: Redemption, keep: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reservations, "_expire_one", reservations.release)
        self.keep_before_the_release(keep, monkeypatch)

        assert reservations.expire(now=minutes(15), limit=10) == 1
        assert where(reserved) == ("EXPIRED", False)

    def keep_before_the_release(
        self, keep: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Let the pre-checkout be approved once the job knows which holds are over."""
        expire_one = reservations._expire_one

        def late(**kwargs: Any) -> bool:
            keep()
            return expire_one(**kwargs)

        monkeypatch.setattr(reservations, "_expire_one", late)

    def test_the_player_who_enters_the_code_again_gets_the_kept_reservation(
        self, reserved: Redemption, player: Player, keep: Callable[[], bool]
    ) -> None:
        kept, again = overlap(keep, partial(redeem, player, now=minutes(15)))

        assert (kept, again.redemption.pk) == (True, reserved.pk)
        assert where(reserved) == ("RESERVED", True)

    def test_without_the_condition_the_player_would_release_it(
        self,
        reserved: Redemption,
        player: Player,
        keep: Callable[[], bool],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(reservations, "lapse", reservations.release)

        overlap(keep, partial(redeem, player, now=minutes(15)))

        assert where(reserved) == ("EXPIRED", False)


class TestExpiryAgainstCredit:
    """The payment arrives when the hold is over."""

    @pytest.fixture
    def apply(self, reserved: Redemption) -> Callable[[], bool]:
        """Return what credits the purchase."""
        return partial(reservations.apply, redemption_id=reserved.pk, now=minutes(16))

    def test_the_job_leaves_a_reservation_that_is_being_used(
        self, reserved: Redemption, apply: Callable[[], bool]
    ) -> None:
        assert overlap(apply, partial(reservations.expire, now=minutes(16), limit=10)) == [True, 0]
        assert (where(reserved)[0], counted(reserved.campaign)) == ("APPLIED", (0, 1, 0, 0))

    def test_a_reservation_that_is_being_released_cannot_be_used(
        self, reserved: Redemption, apply: Callable[[], bool]
    ) -> None:
        assert overlap(partial(reservations.expire, now=minutes(16), limit=10), apply) == [1, False]
        assert (where(reserved)[0], counted(reserved.campaign)) == ("EXPIRED", (0, 0, 0, 0))

    def test_two_credits_use_it_once(self, reserved: Redemption, apply: Callable[[], bool]) -> None:
        assert overlap(apply, apply) == [True, False]
        assert counted(reserved.campaign) == (0, 1, 0, 0)

    def test_without_the_condition_only_the_database_stops_the_release(
        self, reserved: Redemption, apply: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def release(*, redemption_id: int, now: object) -> int:
            return Redemption.objects.filter(pk=redemption_id).update(status="EXPIRED")

        monkeypatch.setattr(reservations, "_expire_one", release)

        applied, released = overlap(apply, partial(reservations.expire, now=minutes(16), limit=10))

        assert applied is True
        assert "Invalid transition" in str(released)


class TestUseAgainstRepeat:
    """The player enters a code again and is found to hold it; just then the hold ends."""

    def when_found(self, end: Callable[[], bool], monkeypatch: pytest.MonkeyPatch) -> None:
        """Let somebody else `end` the hold right after the player's first look."""
        look_up = redemptions._look_up
        ends = iter([end])

        def found(**kwargs: Any) -> Any:
            known = look_up(**kwargs)
            for each in ends:
                assert run_together(each) == [True]
            return known

        monkeypatch.setattr(redemptions, "_look_up", found)

    def test_a_reservation_that_is_used_meanwhile_gives_nothing_more(
        self, reserved: Redemption, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use = partial(reservations.apply, redemption_id=reserved.pk, now=minutes(1))
        self.when_found(use, monkeypatch)

        result = redeem(player, now=minutes(1))

        assert (result.redemption, result.reason) == (None, "USED_BY_PLAYER")
        assert not LedgerEntry.objects.filter(player=player).exists()

    def test_without_the_condition_the_player_would_be_shown_a_reservation_that_is_none(
        self, reserved: Redemption, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            redemptions,
            "_current_reservation",
            lambda known, _: Redemption.objects.get(pk=known.reservation_id),
        )
        use = partial(reservations.apply, redemption_id=reserved.pk, now=minutes(1))
        self.when_found(use, monkeypatch)

        shown = redeem(player, now=minutes(1)).redemption

        assert shown is not None
        assert shown.status == "APPLIED"

    def test_a_reservation_that_is_released_meanwhile_is_taken_again(
        self, reserved: Redemption, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        release = partial(reservations.release, redemption_id=reserved.pk, now=minutes(1))
        self.when_found(release, monkeypatch)

        again = redeem(player, now=minutes(1)).redemption

        assert again is not None
        assert (again.pk == reserved.pk, again.status, again.attempt_number) == (
            False,
            "RESERVED",
            2,
        )
        assert counted(reserved.campaign) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("verb", "reason"), [(campaigns.pause, "PAUSED"), (campaigns.end, "ENDED")]
)
class TestOperatorAgainstPlayer:
    """An operator pauses or ends the campaign while a player enters its code."""

    @pytest.fixture
    def campaign(self) -> Campaign:
        """Return a campaign that runs."""
        return make_campaign(code=CODE)

    def stop(self, campaign: Campaign, verb: Callable[..., Campaign]) -> Callable[[], Campaign]:
        """Return what the operator does."""
        return partial(verb, campaign_id=campaign.pk, reason="Now.", now=NOON, staff=None)

    def test_who_comes_second_is_refused(
        self, campaign: Campaign, player: Player, verb: Callable[..., Campaign], reason: str
    ) -> None:
        _, result = overlap(self.stop(campaign, verb), partial(redeem, player))

        assert (result.reason, counted(campaign)) == (reason, (0, 0, 0, 0))

    def test_who_was_first_keeps_the_reservation(
        self, campaign: Campaign, player: Player, verb: Callable[..., Campaign], reason: str
    ) -> None:
        result, stopped = overlap(partial(redeem, player), self.stop(campaign, verb))

        assert (result.redemption.status, stopped.status) == ("RESERVED", reason)
        assert counted(campaign) == (1, 0, 0, 0)

    def test_without_the_trigger_the_player_would_be_let_in(
        self,
        campaign: Campaign,
        player: Player,
        verb: Callable[..., Campaign],
        reason: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        claim_without_triggers(monkeypatch)

        _, result = overlap(self.stop(campaign, verb), partial(redeem, player))

        assert result.redemption.status == "RESERVED"


class TestTwoGuards:
    """Two jobs find the same attack."""

    @pytest.fixture
    def attacked(self, monkeypatch: pytest.MonkeyPatch) -> Campaign:
        """Return a campaign whose code is being attacked."""
        campaign = make_campaign(code=CODE)
        TestGuard().fail(campaign.codes.get(), 101)
        return campaign

    def race(self) -> list[Any]:
        """Let both jobs run."""
        return sorted(run_together(*[partial(campaigns.guard, now=NOON)] * 2))

    def test_one_of_them_pauses(self, attacked: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
        meet_after(monkeypatch, campaigns, "lock")

        assert self.race() == [0, 1]
        assert (Alert.objects.get().times, AuditEntry.objects.count()) == (1, 1)

    def test_without_the_lock_both_would(
        self, attacked: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(campaigns, "lock", lambda pk: Campaign.objects.get(pk=pk))
        meet_after(monkeypatch, campaigns, "lock")

        assert self.race() == [1, 1]
        assert (Alert.objects.get().times, AuditEntry.objects.count()) == (2, 2)


class TestUnpausedWhileTheGuardCounts:
    """Staff let a campaign go on that the job is about to find attacked."""

    def paused_again(self) -> bool:
        """Let the job count before it sees that the campaign has been unpaused."""
        campaign = make_campaign(code=CODE, status="PAUSED")
        TestGuard().fail(campaign.codes.get(), 101)
        unpause = partial(
            campaigns.unpause, campaign_id=campaign.pk, reason="", now=NOON, staff=None
        )

        _, paused = overlap(unpause, partial(campaigns.guard, now=NOON))

        return bool(paused)

    def test_it_goes_on(self) -> None:
        assert not self.paused_again()

    def test_if_the_job_did_not_look_again_it_would_pause_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pause = campaigns._pause_attacked

        def heedless(**asked: Any) -> bool:
            unpaused_at = campaigns.lock(asked["campaign_id"]).unpaused_at
            return pause(**{**asked, "unpaused_at": unpaused_at})

        monkeypatch.setattr(campaigns, "_pause_attacked", transaction.atomic(heedless))

        assert self.paused_again()


class TestBudget:
    """Two holds, Stars for one of them."""

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
        """Return what attaches both."""
        make_campaign(code=CODE, stars_max=100)
        reserved = [reserve(player) for player in PlayerFactory.create_batch(2)]
        players = {each.pk: each.player for each in reserved}
        return lambda: run_together(
            *(partial(attach, each, 60, player=players[each.pk]) for each in reserved)
        )

    def test_one_of_them_gets_them(
        self, race: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meet_after(monkeypatch, Redemptions, "first")

        assert sorted(type(each).__name__ for each in race()) == [
            "NotAttachableError",
            "Redemption",
        ]
        assert counted(Campaign.objects.get()) == (2, 0, 60, 0)

    def test_without_the_trigger_both_would(
        self, race: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_stars_off = reservations._set_stars_off

        def unguarded(*args: Any, **kwargs: Any) -> bool:
            with as_owner() as cursor:
                cursor.execute("SET LOCAL session_replication_role = replica")
            return set_stars_off(*args, **kwargs)

        monkeypatch.setattr(reservations, "_set_stars_off", unguarded)
        meet_after(monkeypatch, Redemptions, "first")

        assert [type(each).__name__ for each in race()] == ["Redemption", "Redemption"]
        assert sum(Redemption.objects.values_list("stars_off", flat=True)) == 120
