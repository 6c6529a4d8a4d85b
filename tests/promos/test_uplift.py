"""What a campaign brings: who is compared, what is counted of them, and what its page says."""

from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from economy import grants, streaks
from economy.goods import Goods
from economy.models import Asset, EntryType, Source
from promos import holdout, uplift
from promos.admin.uplift import picture
from promos.models import Campaign, DenylistEntry, GroupCount, Participant, Uplift
from promos.uplift_rules import Difference
from quizarena.game import statistics
from quizarena.game.models import Mode, RoundQuestion
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.factories import NOON, PlayerFactory, make_campaign, make_staff
from tests.game.test_statistics import answer as answer_at_level
from tests.owner import as_owner
from tests.promos.desk import text
from tests.promos.invitations import DAY, HOUR
from tests.promos.steps import CODE

pytestmark = pytest.mark.django_db

KEY = UUID("6f1c2a34-9b1d-4c7e-8a55-0d3b6a9e2f10")
_keys = count(1)


def begin(**fields: Any) -> Campaign:
    """Return a campaign that holds half of the players out and has begun at noon."""
    return make_campaign(
        **{
            "holdout_percent": 50,
            "holdout_key": KEY,
            "authorised_at": NOON - DAY,
            "ends_at": NOON + 5 * DAY,
            **fields,
        }
    )


def job(now: datetime = NOON + HOUR) -> int:
    """Let the job run at an instant."""
    with time_machine.travel(now, tick=False):
        return uplift.run(until=now + HOUR)


def begun() -> Campaign:
    """Return a campaign whose comparison has begun, without the pages that a run adds at once."""
    campaign = begin()
    uplift._begin_due(now=NOON + HOUR)
    return campaign


def step(campaign: Campaign) -> int | None:
    """Take its comparison one page further, as a run does until all are done; return as it does."""
    return uplift._continue(campaign_id=campaign.pk)


def known(number: int = 1, **fields: Any) -> list[Player]:
    """Return players who were there before the campaign."""
    return list(PlayerFactory.create_batch(number, created_at=NOON - 90 * DAY, **fields))


def buy(player: Player, *, stars: int = 5, at: datetime = NOON + HOUR) -> None:
    """Let the player buy something."""
    grants.grant(
        player=player,
        goods=Goods(paid_energy=10),
        type=EntryType.PURCHASE_CREDIT,
        source=Source.PURCHASE,
        asset=Asset.PURCHASE,
        amount=stars,
        key=f"purchase:{next(_keys)}",
        now=at,
    )


def play(player: Player, *moments: datetime) -> None:
    """Let the player be active on the days of these instants."""
    for moment in moments:
        streaks.record_activity(player=player, now=moment)


def compared() -> set[int]:
    """Return who is compared."""
    return set(Participant.objects.values_list("player", flat=True))


class TestWhoIsCompared:
    def test_who_was_there_before_the_begin_each_in_their_group(self) -> None:
        before = known(12)
        PlayerFactory.create(created_at=NOON)
        campaign = begin()

        job()

        groups = dict(Participant.objects.values_list("player", "is_held_out"))
        assert groups == {
            player.pk: holdout.is_held_out(key=KEY, percent=50, player_id=player.pk)
            for player in before
        }
        assert Uplift.objects.get().begins_at == NOON == campaign.starts_at

    def test_not_those_whom_no_code_could_help(self) -> None:
        [good] = known()
        [denied] = known()
        DenylistEntry.objects.create(player=denied, reason="Fraud.", at=NOON)
        known(suspended_at=NOON)
        known(bot_blocked_at=NOON)
        begin()

        job()

        assert compared() == {good.pk}

    def test_what_comes_out_after_the_begin_moves_nobody_out(self) -> None:
        """An announcement goes to one group only, and finds out who has blocked the bot."""
        later = NOON + timedelta(seconds=1)
        [blocked] = known(bot_blocked_at=later)
        [suspended] = known(suspended_at=later)
        [denied] = known()
        DenylistEntry.objects.create(player=denied, reason="Fraud.", at=later)
        begin()

        job()

        assert compared() == {blocked.pk, suspended.pk, denied.pk}

    def test_of_a_language(self) -> None:
        [german] = known(language="de")
        known(language="uk")
        begin(for_language="de")

        job()

        assert compared() == {german.pk}

    def test_of_a_first_purchase_as_it_was_at_the_begin(self) -> None:
        [before, since, never] = known(3)
        buy(before, at=NOON - HOUR)
        buy(since, at=NOON + timedelta(seconds=1))
        begin(for_first_purchase=True)

        job()

        assert compared() == {since.pk, never.pk}

    def test_of_new_players_as_it_was_at_the_begin(self) -> None:
        [before, since, never] = known(3)
        play(before, NOON - DAY)
        play(since, NOON + HOUR)
        begin(for_new_players=True)

        job()

        assert compared() == {since.pk, never.pk}

    def test_of_who_was_away_as_it_was_at_the_begin(self) -> None:
        [away, back, here, never] = known(4)
        play(away, NOON - 9 * DAY)
        play(back, NOON - 9 * DAY, NOON + HOUR)
        play(here, NOON - 2 * DAY)
        begin(for_lapsed_days=7)

        job()

        assert compared() == {away.pk, back.pk}
        assert never.pk not in compared()

    def test_of_a_level_as_a_code_sees_it(self) -> None:
        [at_home, elsewhere] = known(2)
        answer_at_level(at_home, level="A2", mode=Mode.QUICK_MIX_A1A2, right=6, wrong=4)
        answer_at_level(elsewhere, level="A2", mode=Mode.ARTIKEL_SPRINT, right=5, wrong=5)
        begin(for_level="A2", starts_at=NOON + timedelta(minutes=1))

        job()

        assert [statistics.level(at_home), statistics.level(elsewhere)] == ["A2", ""]
        assert compared() == {at_home.pk}

    def test_of_a_level_as_it_was_at_the_begin(self) -> None:
        [risen] = known()
        answer_at_level(risen, level="A2", mode=Mode.QUICK_MIX_A1A2, right=10, wrong=0)
        answers = RoundQuestion.objects.filter(player=risen)
        begins_at = answers.latest("answered_at").answered_at
        begin(for_level="A2", starts_at=begins_at, authorised_at=begins_at)

        job()

        assert statistics.level(risen) == "A2"
        assert compared() == set()

    def test_they_are_recorded_before_others_are_counted_again(self) -> None:
        old = begin()
        job()
        new = begin(starts_at=NOON + 2 * HOUR)
        # A run does not say in which order it has taken them.
        uplift._begin_due(now=NOON + 3 * HOUR)

        assert uplift._unfinished(now=NOON + 3 * HOUR) == [new.pk, old.pk]

    def test_none_before_the_begin_or_without_a_holdout(self) -> None:
        known()
        begin(starts_at=NOON + 2 * HOUR)
        begin(holdout_percent=0)
        begin(status="DRAFT", authorised_at=None)

        job()

        assert not Uplift.objects.exists()

    def test_nobody_for_one_that_was_ended_before_its_begin(self, client: Client) -> None:
        known()
        campaign = begin(authorised_at=NOON - 2 * DAY, changed_at=NOON - DAY, status="ENDED")
        client.force_login(make_staff("Operator"))

        job()

        assert not Uplift.objects.exists()
        page = client.get(f"/admin/promos/campaign/{campaign.pk}/change/")
        assert "It was over before it began: there is nothing to compare." in text(page.content)

    def test_a_campaign_that_is_started_late_begins_then(self) -> None:
        begin(authorised_at=NOON + HOUR / 2)

        job()

        assert Uplift.objects.get().begins_at == NOON + HOUR / 2


class TestCount:
    def test_both_groups_from_the_begin_up_to_now(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(uplift, "PAGE", 3)
        players = known(40)
        held_out = [
            one for one in players if holdout.is_held_out(key=KEY, percent=50, player_id=one.pk)
        ]
        offered = [one for one in players if one not in held_out]
        begin()
        for _ in range(3):
            buy(offered[0], stars=5)
        buy(offered[1], stars=99)
        buy(held_out[0], stars=15)
        buy(offered[2], at=NOON - HOUR)
        buy(offered[2], at=NOON + 3 * DAY)
        play(offered[3], NOON - DAY, NOON, NOON + DAY, NOON + 2 * DAY)
        play(held_out[1], NOON)

        job(NOON + 2 * DAY + HOUR)

        counts = uplift.counts(Uplift.objects.get())
        assert _figures(counts[False]) == (len(offered), 2, 4, 10, 114, 10_026, 1, 3, 9)
        assert _figures(counts[True]) == (len(held_out), 1, 1, 1, 15, 225, 1, 1, 1)
        assert len(offered) + len(held_out) == 40

    def test_it_is_counted_anew_every_hour_and_for_the_last_time_at_the_end(self) -> None:
        [player] = known()
        campaign = begin()
        job(NOON + HOUR)
        buy(player, at=NOON + 2 * HOUR)

        assert job(NOON + timedelta(minutes=119)) == 0
        assert job(NOON + 3 * HOUR) == 1
        assert [one.purchases for one in GroupCount.objects.all()] == [1]

        Campaign.objects.filter(pk=campaign.pk).update(
            status="EXPIRED", changed_at=NOON + 5 * DAY + timedelta(minutes=3)
        )
        buy(player, at=NOON + 5 * DAY + HOUR)
        job(NOON + 6 * DAY)
        measured = Uplift.objects.get()
        assert measured.ends_at == measured.counted_until == NOON + 5 * DAY
        assert [one.purchases for one in GroupCount.objects.all()] == [1]
        assert job(NOON + 9 * DAY) == 0

    def test_one_that_staff_end_ends_then(self) -> None:
        known()
        campaign = begin()
        job()
        Campaign.objects.filter(pk=campaign.pk).update(status="ENDED", changed_at=NOON + DAY)

        job(NOON + 2 * DAY)

        assert Uplift.objects.get().ends_at == NOON + DAY

    def test_the_day_that_begins_with_the_end_does_not_count(self) -> None:
        known_ones = known(2)
        midnight = NOON.replace(hour=23) + DAY  # In Berlin.
        begin(status="EXPIRED", ends_at=midnight, changed_at=midnight + timedelta(seconds=20))
        for player in known_ones:
            play(player, midnight - HOUR, midnight + HOUR)

        job(midnight + 2 * HOUR)

        assert sum(one.active_days for one in GroupCount.objects.all()) == 2

    def test_it_continues_where_it_has_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(uplift, "PAGE", 2)
        known(5)
        campaign = begun()
        with time_machine.travel(NOON + HOUR, tick=False):
            steps = [step(campaign) for _ in range(9)]

        assert steps == [2, 2, 1, 0, 2, 2, 1, 0, None]
        assert sum(one.players for one in GroupCount.objects.all()) == 5

    def test_a_page_takes_as_many_statements_whatever_its_size(self) -> None:
        known(30)
        campaign = begun()

        with CaptureQueriesContext(
            connection,
        ) as recorded:
            step(campaign)
        step(campaign)
        with CaptureQueriesContext(connection) as counted:
            step(campaign)

        assert (_statements(recorded), _statements(counted)) == (4, 4)

    def test_who_was_compared_is_forgotten_ninety_days_after_the_end(self) -> None:
        known(3)
        campaign = begin()
        Campaign.objects.filter(pk=campaign.pk).update(status="ENDED", changed_at=NOON + DAY)
        job(NOON + 2 * DAY)

        assert uplift.purge_participants(now=NOON + 90 * DAY, limit=10) == 0
        assert uplift.purge_participants(now=NOON + 92 * DAY, limit=2) == 2
        assert uplift.purge_participants(now=NOON + 92 * DAY, limit=2) == 1
        assert sum(one.players for one in GroupCount.objects.all()) == 3


def _statements(captured: CaptureQueriesContext) -> int:
    """Return how many statements there were but savepoints."""
    return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)


def _figures(one: GroupCount) -> tuple[int, ...]:
    return (
        one.players,
        one.buyers,
        one.purchases,
        one.purchases_squared,
        one.stars,
        one.stars_squared,
        one.active_players,
        one.active_days,
        one.active_days_squared,
    )


@pytest.mark.django_db(transaction=True)
class TestTwoJobs:
    """Two jobs take a comparison further at once."""

    def _race(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        known(4)
        campaign = begun()
        while Uplift.objects.get().recorded_at is None:
            step(campaign)
        Uplift.objects.update(counting_until=NOON + HOUR)
        meet_after(monkeypatch, uplift, "_close")
        return run_together(*[partial(step, campaign)] * 2)

    def test_each_player_is_counted_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert set(self._race(monkeypatch)) == {4, None}
        assert sum(one.players for one in GroupCount.objects.all()) == 4

    def test_without_the_lock_they_would_be_counted_twice(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_row_locks_away(monkeypatch)

        assert self._race(monkeypatch) == [4, 4]
        assert sum(one.players for one in GroupCount.objects.all()) == 8


class TestDatabaseSaysNo:
    def test_another_group_for_a_player(self) -> None:
        known()
        begin()
        job()

        with (
            pytest.raises(DatabaseError, match="Cannot update"),
            transaction.atomic(),
            as_owner() as cursor,
        ):
            cursor.execute("UPDATE promos_participant SET is_held_out = NOT is_held_out")

    def test_another_begin(self) -> None:
        begin()
        job()

        with pytest.raises(DatabaseError, match="stays"), transaction.atomic():
            Uplift.objects.update(begins_at=NOON - DAY)

    def test_a_count_before_everybody_is_recorded(self) -> None:
        uplift_id = begin().pk

        with pytest.raises(IntegrityError, match="is_recorded"), transaction.atomic():
            Uplift.objects.create(campaign_id=uplift_id, begins_at=NOON, counting_until=NOON + HOUR)

    def test_more_buyers_than_players(self) -> None:
        known()
        begin()
        job()

        with pytest.raises(IntegrityError, match="players_once"), transaction.atomic():
            GroupCount.objects.update(buyers=2)


class TestPage:
    @pytest.fixture
    def operator(self, client: Client) -> Client:
        client.force_login(make_staff("Operator"))
        return client

    def _page(self, client: Client, campaign: Campaign) -> str:
        return text(client.get(f"/admin/promos/campaign/{campaign.pk}/change/").content)

    def _count(self, campaign: Campaign, *groups: dict[str, Any]) -> None:
        measured = Uplift.objects.create(
            campaign=campaign, begins_at=NOON, recorded_at=NOON, counted_until=NOON + DAY
        )
        for is_held_out, figures in zip((False, True), groups, strict=True):
            GroupCount.objects.create(
                uplift=measured, until=NOON + DAY, is_held_out=is_held_out, **figures
            )

    def test_it_compares_both_groups(self, operator: Client) -> None:
        campaign = begin()
        self._count(campaign, _counted(200, 50, 80, 170), _counted(100, 15, 18, 24))

        page = self._page(operator, campaign)

        assert "As of 23 Nov 2026, 13:00" in page
        assert "200 players were offered it, 100 are held out." in page
        assert "Purchases per player 0.400 0.180 +0.220" in page
        assert "+0.074 to +0.366 More than in the holdout." in page
        assert "Players who bought 25.0% 15.0% +10.0 points" in page
        assert "normal approximation" in page

    def test_of_too_few_it_concludes_nothing(self, operator: Client) -> None:
        campaign = begin()
        self._count(campaign, _counted(200, 50, 80, 170), _counted(100, 9, 18, 24))

        page = self._page(operator, campaign)

        assert "Purchases per player 0.400 0.180 – – Too few to conclude" in page
        assert "More than in the holdout." not in page

    def test_it_says_what_it_waits_for(self, operator: Client) -> None:
        draft = begin(status="DRAFT", authorised_at=None)
        running = begin()

        assert "The comparison begins with the campaign." in self._page(operator, draft)
        assert "within a minute" in self._page(operator, running)

    def test_without_a_holdout_it_has_nothing_of_it(self, operator: Client) -> None:
        assert "What it brings" not in self._page(operator, begin(holdout_percent=0))

    def test_the_picture_has_no_difference_in_its_middle(self) -> None:
        drawn = picture(Difference(value=0.2, low=-0.1, high=0.5), label="x")

        assert '<line class="uplift-zero" x1="100" x2="100"' in drawn
        assert '<rect class="uplift-open" x="82.0" y="9" width="108.0"' in drawn
        assert 'cx="136.0"' in drawn


def _counted(players: int, buyers: int, purchases: int, squared: int) -> dict[str, Any]:
    return {
        "players": players,
        "buyers": buyers,
        "purchases": purchases,
        "purchases_squared": squared,
        "stars": 5 * purchases,
        "stars_squared": 25 * squared,
        "active_players": players // 2,
        "active_days": players,
        "active_days_squared": 3 * players,
    }


def test_an_operator_starts_a_campaign_with_a_holdout_and_reads_the_uplift(client: Client) -> None:
    players = known(400)
    with time_machine.travel(NOON, tick=False):
        client.force_login(make_staff("Operator"))
        client.post(
            "/admin/promos/campaign/add/",
            {
                "decision": str(KEY),
                "name": "Advent",
                "kind": "ENERGY_GRANT",
                "energy": "10",
                "scope": "ANY",
                "starts_at": "22 Nov 2026, 13:00",
                "ends_at": "29 Nov 2026, 13:00",
                "uses_max": "100",
                "holdout_percent": "50",
                "shared_code": CODE,
            },
        )
        campaign = Campaign.objects.get()
        decided = client.post(
            "/admin/promos/campaign/decide/start/",
            {"seen": f"{campaign.pk}:DRAFT", "reason": "Go.", "decision": KEY, "confirm": "1"},
            follow=True,
        )
    assert "The comparison begins within a minute" in text(decided.content)
    campaign.refresh_from_db()
    groups: dict[bool, list[Player]] = {False: [], True: []}
    for player in players:
        groups[
            holdout.is_held_out(key=campaign.holdout_key, percent=50, player_id=player.pk)
        ].append(player)
    # All of one group, and a tenth of the other.
    for player in [*groups[False], *groups[True][::10]]:
        buy(player)

    job(NOON + 2 * HOUR)

    with time_machine.travel(NOON + 2 * HOUR, tick=False):
        page = text(client.get(f"/admin/promos/campaign/{campaign.pk}/change/").content)
    offered, held_out = len(groups[False]), len(groups[True])
    assert f"{offered} players were offered it, {held_out} are held out." in page
    assert "Players who bought 100.0%" in page
    assert "More than in the holdout." in page
    assert "Too few to conclude" in page
