"""Some players get nothing of a campaign, always the same ones, and lose nothing by trying."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction

from promos import batches, campaigns, codes, holdout, planning, redemptions
from promos.admin import tester
from promos.errors import BadBatchError, BadTermsError, IllegalMoveError, IncompleteError, Refusal
from promos.models import Attempt, Block, Campaign
from promos.rules import Reason
from quizarena.players.models import Player
from tests.concurrency import Meeting, run_together, take_row_locks_away
from tests.factories import NOON, PlayerFactory, make_campaign, make_staff
from tests.promos.steps import CODE, redeem

pytestmark = pytest.mark.django_db

KEY = UUID("6f1c2a34-9b1d-4c7e-8a55-0d3b6a9e2f10")


@pytest.fixture
def staff() -> User:
    return make_staff("Operator")


def make_held_out(*, percent: int = 50, **fields: Any) -> tuple[Campaign, Player, Player]:
    """Return a campaign with somebody who is held out of it, and somebody who is not."""
    campaign = make_campaign(
        code=CODE, kind="ENERGY_GRANT", value=30, holdout_percent=percent, **fields
    )
    groups: dict[bool, Player] = {}
    for player in _players():
        groups[_is_held_out(campaign, player)] = player
        if len(groups) == 2:
            break
    return campaign, groups[True], groups[False]


def _players() -> Iterator[Player]:
    while True:
        yield PlayerFactory.create()


def _is_held_out(campaign: Campaign, player: Player) -> bool:
    return holdout.is_held_out(
        key=campaign.holdout_key, percent=campaign.holdout_percent, player_id=player.pk
    )


class TestWhoIsHeldOut:
    def test_it_follows_from_key_and_player(self) -> None:
        # By hand: printf of key and id in hexadecimal | xxd -r -p | sha256sum, first eight digits.
        chosen = [
            player
            for player in range(1, 21)
            if holdout.is_held_out(key=KEY, percent=25, player_id=player)
        ]

        assert chosen == [1, 5, 6, 9, 15, 19]

    def test_the_database_says_the_same(self) -> None:
        PlayerFactory.create()
        campaign = make_campaign(holdout_percent=30, holdout_key=KEY)
        players = [PlayerFactory.create() for _ in range(60)]

        found = set(Player.objects.filter(holdout.held_out(campaign)).values_list("pk", flat=True))

        here = {player.pk for player in Player.objects.all() if _is_held_out(campaign, player)}
        assert found == here
        assert 0 < len(found) < len(players)

    def test_the_share_is_kept_and_a_smaller_one_is_part_of_it(self) -> None:
        groups = {
            percent: {
                player
                for player in range(20_000)
                if holdout.is_held_out(key=KEY, percent=percent, player_id=player)
            }
            for percent in (0, 10, 50)
        }

        assert groups[0] == set()
        assert groups[10] < groups[50]
        # Three standard deviations.
        assert abs(len(groups[10]) - 2_000) < 130
        assert abs(len(groups[50]) - 10_000) < 215

    def test_two_campaigns_hold_out_different_players(self) -> None:
        one, other = (
            {
                player
                for player in range(2_000)
                if holdout.is_held_out(key=key, percent=50, player_id=player)
            }
            for key in (KEY, uuid4())
        )

        assert 800 < len(one ^ other) < 1_200

    def test_every_campaign_has_a_key_of_its_own(self) -> None:
        assert make_campaign().holdout_key != make_campaign().holdout_key


class TestCode:
    def test_who_is_held_out_gets_nothing(self) -> None:
        _, held_out, _ = make_held_out()

        result = redeem(held_out)

        assert result.redemption is None
        assert (result.refusal, result.reason) == (Refusal.NOT_APPLICABLE, Reason.HELD_OUT)
        attempt = Attempt.objects.get()
        assert (attempt.refusal, attempt.detail) == ("E_PROMO_NOT_APPLICABLE", "HELD_OUT")

    def test_the_others_get_it(self) -> None:
        _, _, offered = make_held_out()

        assert redeem(offered).redemption is not None

    def test_trying_it_again_and_again_blocks_nobody(self) -> None:
        _, held_out, _ = make_held_out()

        results = [redeem(held_out) for _ in range(8)]

        assert {result.reason for result in results} == {Reason.HELD_OUT}
        assert not Block.objects.exists()

    def test_it_is_no_failure_beside_four_others(self) -> None:
        _, held_out, _ = make_held_out()
        for _ in range(4):
            redeem(held_out, "WRONG111")

        assert redeem(held_out).blocked_until is None
        assert redeem(held_out, "WRONG111").blocked_until is not None

    def test_the_guard_takes_it_for_no_attack(self) -> None:
        campaign, held_out, _ = make_held_out()
        players = [held_out, *(PlayerFactory.create() for _ in range(60))]
        for player in (one for one in players if _is_held_out(campaign, one)):
            for _ in range(5):
                redeem(player)
        assert Attempt.objects.count() > 100

        assert campaigns.guard(now=NOON + timedelta(minutes=1)) == 0

    def test_another_condition_that_is_not_met_is_named_first(self) -> None:
        campaign, held_out, _ = make_held_out(for_language="uk")

        assert redemptions.refusal_reasons(player=held_out, raw=CODE, now=NOON) == [
            Reason.LANGUAGE,
            Reason.HELD_OUT,
        ]
        assert campaign.for_language == "uk"

    def test_a_code_of_ones_own_is_honoured_all_the_same(self, staff: User) -> None:
        campaign, held_out, _ = make_held_out()
        other = make_campaign(kind="ENERGY_GRANT", value=5)
        batches.take_in(campaign_id=other.pk, lines=iter(["MINEALONE1"]), now=NOON, staff=staff)
        other.codes.update(campaign=campaign)

        assert redeem(held_out, "MINEALONE1").redemption is not None


class TestRules:
    def test_with_a_holdout_there_are_no_unique_codes(self, staff: User) -> None:
        campaign = make_campaign(status="DRAFT", code=CODE, holdout_percent=10)

        with pytest.raises(BadBatchError, match="shared code only"):
            batches.order(campaign_id=campaign.pk, size=5, prefix="", now=NOON, staff=staff)
        with pytest.raises(BadBatchError, match="shared code only"):
            batches.take_in(
                campaign_id=campaign.pk, lines=iter(["MINEALONE1"]), now=NOON, staff=staff
            )

    def test_with_unique_codes_there_is_no_holdout(self, staff: User) -> None:
        campaign = make_campaign(status="DRAFT", code=CODE)
        batches.order(campaign_id=campaign.pk, size=5, prefix="", now=NOON, staff=staff)

        with pytest.raises(BadTermsError, match="shared code only"):
            _edit(campaign, staff, holdout_percent=10)

        Campaign.objects.filter(pk=campaign.pk).update(holdout_percent=10)
        with pytest.raises(IncompleteError, match="shared code only"):
            campaigns.start(campaign_id=campaign.pk, reason="Go.", now=NOON, staff=staff)

    def test_a_draft_can_be_given_another_share_and_a_running_one_not(self, staff: User) -> None:
        draft = make_campaign(status="DRAFT", code=CODE, holdout_percent=10)
        running = make_campaign(holdout_percent=10)

        assert _edit(draft, staff, holdout_percent=20).holdout_percent == 20
        with pytest.raises(IllegalMoveError, match="once it has run"):
            _edit(running, staff, holdout_percent=20)

    def test_a_clone_has_the_share_and_other_players(self, staff: User) -> None:
        campaign = make_campaign(holdout_percent=10)

        clone = campaigns.clone(campaign_id=campaign.pk, now=NOON, staff=staff)

        assert clone.holdout_percent == 10
        assert clone.holdout_key != campaign.holdout_key

    def test_it_stands_in_the_words_for_the_segment(self) -> None:
        assert planning.segment(Campaign(holdout_percent=10)) == "everybody, but a holdout of 10%"

    def test_the_tester_says_so(self) -> None:
        _, held_out, offered = make_held_out(starts_at=NOON - timedelta(days=9_000))

        refused = tester.of_player(player=held_out, raw=CODE)["verdict"]
        accepted = tester.of_player(player=offered, raw=CODE)["verdict"]

        assert "withholds itself" in refused["against"]["rows"][0][0]
        assert accepted["works"]


def _edit(campaign: Campaign, staff: User, **terms: Any) -> Campaign:
    return planning.edit(
        campaign_id=campaign.pk,
        terms=terms,
        seen_at=campaign.changed_at,
        now=NOON,
        staff=staff,
    )


def _then_wait(function: Callable[..., Any], meeting: Meeting) -> Callable[..., Any]:
    def waiting(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        meeting.wait()
        return result

    return waiting


class TestDatabaseSaysNo:
    def test_more_than_half(self) -> None:
        campaign = make_campaign(status="DRAFT")

        with pytest.raises(IntegrityError, match="at_most_half"), transaction.atomic():
            Campaign.objects.filter(pk=campaign.pk).update(holdout_percent=51)

    def test_another_share_once_it_has_run(self) -> None:
        campaign = make_campaign(status="PAUSED", holdout_percent=10)

        with pytest.raises(DatabaseError, match="held out"), transaction.atomic():
            Campaign.objects.filter(pk=campaign.pk).update(holdout_percent=20)

    def test_another_key_ever(self) -> None:
        campaign = make_campaign(status="DRAFT")

        with pytest.raises(DatabaseError, match="held out"), transaction.atomic():
            Campaign.objects.filter(pk=campaign.pk).update(holdout_key=uuid4())


@pytest.mark.django_db(transaction=True)
class TestTwoOperators:
    """One gives the draft a holdout while the other orders unique codes for it."""

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
        """Return what lets both try."""
        one, other = make_staff("Operator"), make_staff("Operator", username="other")
        campaign = make_campaign(status="DRAFT", code=CODE)
        meeting = Meeting(2)
        # Both have looked by then, and neither has stored anything.
        for owner, name in ((campaigns, "has_unique_codes"), (codes, "draw_seed")):
            monkeypatch.setattr(owner, name, _then_wait(getattr(owner, name), meeting))
        order = partial(
            batches.order, campaign_id=campaign.pk, size=5, prefix="", now=NOON, staff=one
        )
        return lambda: run_together(partial(_edit, campaign, other, holdout_percent=10), order)

    def test_one_of_them_is_refused(self, race: Callable[[], list[Any]]) -> None:
        refused = [one for one in race() if isinstance(one, BadTermsError | BadBatchError)]

        assert [str(one) for one in refused] == [
            "A campaign with a holdout has a shared code only, no unique ones."
        ]

    def test_without_the_lock_both_would_do_it(
        self, race: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_row_locks_away(monkeypatch)

        assert not [one for one in race() if isinstance(one, Exception)]
        campaign = Campaign.objects.get()
        assert (campaign.holdout_percent, campaign.batches.count()) == (10, 1)
