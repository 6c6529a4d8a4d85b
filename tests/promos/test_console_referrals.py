"""Invitations at the desk: the queue, the evidence side by side, and the decisions."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from economy.models import LedgerEntry
from promos import referral_statistics, referrals
from promos.models import Referral, ReferralReward
from promos.referral_statistics import Outcomes
from quizarena.staff.models import AuditEntry
from tests.factories import NOON, PlayerFactory, make_staff
from tests.promos.desk import page, text
from tests.promos.invitations import (
    DAY,
    answer,
    check,
    claim,
    come,
    invite,
    judge,
    offered,
    play,
    qualified,
    status,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/promos/referral/"
RESULTS = "/admin/promos/referral/results/"
DECISION = "5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a10"
REASON = "The same phone."


@pytest.fixture
def operator(client: Client) -> Client:
    """Return a browser in which an operator is logged in."""
    client.force_login(make_staff("Operator"))
    return client


def suspicious() -> Referral:
    """Return an invitation that is held: every answer came in under a second."""
    referral = come(
        invite(PlayerFactory.create(username="maria")),
        player=PlayerFactory.create(username="oleh"),
    )
    play(referral, seconds=0.4)
    check(NOON + 3 * DAY)
    referral.refresh_from_db()
    return referral


def decide(client: Client, referral: Referral, verdict: str, **how: Any) -> str:
    """Decide about an invitation; return what the page then says."""
    values = {
        "reason": REASON,
        "decision": DECISION,
        "confirm": "1",
        "seen": referral.status,
        **how,
    }
    answer = client.post(f"{LIST}{referral.pk}/{verdict}/judge/", values, follow=True)
    return text(answer.content)


class TestTheQueue:
    def test_what_waits_is_there_with_its_reasons_and_has_a_badge(self, operator: Client) -> None:
        suspicious()
        come(invite(), player=PlayerFactory.create(username="emma"))

        shown = text(operator.get(f"{LIST}queue/", follow=True).content)

        assert "oleh" in shown
        assert "fast answers" in shown
        assert "emma" not in shown
        assert "Invitations in review 1" in shown

    def test_the_suspicious_come_by_their_score(self, operator: Client) -> None:
        for score, name in ((20, "emma"), (70, "ivan"), (0, "nina")):
            referral = come(invite(), player=PlayerFactory.create(username=name))
            Referral.objects.filter(pk=referral.pk).update(score=score)

        shown = page(operator, LIST, {"review": "suspicious"})

        assert shown.index("ivan") < shown.index("emma")
        assert "nina" not in shown

    def test_one_finds_an_invitation_by_either_player(self, operator: Client) -> None:
        suspicious()
        come(invite(), player=PlayerFactory.create(username="emma"))

        for term in ("@maria", "oleh"):
            shown = page(operator, LIST, {"q": term})
            assert "oleh" in shown
            assert "emma" not in shown

    def test_a_list_costs_the_same_however_long(self, operator: Client) -> None:
        inviter = invite()
        come(inviter)
        operator.get(LIST)
        with CaptureQueriesContext(connection) as one:
            operator.get(LIST)
        for _ in range(5):
            come(inviter)
        with CaptureQueriesContext(connection) as six:
            operator.get(LIST)

        assert len(one) == len(six)


class TestTheEvidence:
    def test_both_accounts_side_by_side(self, operator: Client) -> None:
        referral = suspicious()
        answer(referral.inviter.player, 3, at=NOON + DAY)

        shown = page(operator, f"{LIST}{referral.pk}/change/")

        assert "Fast answers 100 20 of 20 answers came in under 1.5 s." in shown
        assert "Answers in this time 20 on 2 days Under 1.5 s 20 (100%)" in shown
        assert "Answers in this time 3 on 1 days Under 1.5 s 0 (0%)" in shown
        assert (
            "Answers by day, 22 Nov – 6 Dec (it takes 20 answers on 2 days within 14 days)" in shown
        )

    def test_links_among_accounts(self, operator: Client) -> None:
        anna, oleh = PlayerFactory.create(username="maria"), PlayerFactory.create(username="oleh")
        first = come(invite(anna), player=oleh)
        come(invite(oleh), player=anna, now=NOON + DAY)

        shown = page(operator, f"{LIST}{first.pk}/change/")

        assert "Invited by @maria Has invited @maria" in shown
        assert "Invited by @oleh Has invited @oleh" in shown

    def test_the_page_of_ones_own_link(self, operator: Client) -> None:
        inviter = invite()
        referral = come(inviter, player=inviter.player)

        shown = page(operator, f"{LIST}{referral.pk}/change/")

        assert "Self 100 The link is the player's own." in shown
        assert "Reopen" not in shown

    def test_support_reads_and_does_not_decide(self, client: Client) -> None:
        referral = suspicious()
        client.force_login(make_staff("Support"))

        assert "Confirm fraud" not in page(client, f"{LIST}{referral.pk}/change/")
        answer = client.post(f"{LIST}{referral.pk}/fraud/judge/", {"reason": "x", "confirm": "1"})
        assert answer.status_code == 403
        assert status(referral) == "STARTED"


class TestDeciding:
    def test_the_preview_shows_what_is_taken_back_and_does_nothing(self, operator: Client) -> None:
        reward = offered(invite())
        claim(reward, "PREMIUM_7")
        referral = reward.referrals.all()[0]

        with time_machine.travel(NOON + 2 * DAY, tick=False):
            answer = operator.post(
                f"{LIST}{referral.pk}/fraud/judge/",
                {"reason": REASON, "decision": DECISION, "preview": "1", "seen": "REWARDED"},
            )

        shown = text(answer.content)
        assert "taken back: 5 premium days; spent already: 2 premium days" in shown
        assert "count for the next one" in shown
        assert status(referral) == "REWARDED"
        assert not LedgerEntry.objects.filter(type="TAKEN_BACK").exists()

    def test_confirming_takes_it_back_and_leaves_an_audit_entry(self, operator: Client) -> None:
        reward = offered(invite())
        claim(reward, "PREMIUM_7")
        referral = reward.referrals.all()[0]

        with time_machine.travel(NOON + 2 * DAY, tick=False):
            shown = decide(operator, referral, "fraud", seen="REWARDED")

        assert "confirmed as fraud." in shown
        assert status(referral) == "REJECTED_FRAUD"
        assert LedgerEntry.objects.filter(type="TAKEN_BACK").count() == 1
        assert AuditEntry.objects.get(action="referral.confirmed_as_fraud").details["reason"] == (
            REASON
        )

    def test_what_is_held_is_reopened(self, operator: Client) -> None:
        referral = suspicious()

        shown = decide(operator, referral, "reopen", seen="STARTED-held")
        check(NOON + 4 * DAY)

        assert "reopened." in shown
        assert status(referral) == "QUALIFIED"

    def test_an_old_page_does_nothing(self, operator: Client) -> None:
        [referral] = qualified(invite())

        shown = decide(operator, referral, "cancel", seen="STARTED")

        assert "The invitation has changed meanwhile: it is qualified now." in shown
        assert status(referral) == "QUALIFIED"

    def test_sent_twice_it_is_done_once(self, operator: Client) -> None:
        [referral] = qualified(invite())

        decide(operator, referral, "cancel", seen="QUALIFIED")
        again = decide(operator, referral, "cancel", seen="QUALIFIED")

        assert "has changed meanwhile" in again
        assert AuditEntry.objects.filter(action="referral.canceled").count() == 1

    def test_a_verdict_that_there_is_not(self, operator: Client) -> None:
        referral = suspicious()

        assert operator.get(f"{LIST}{referral.pk}/shoot/judge/").status_code == 404


class TestUnlinking:
    """What staff see beforehand, of each stage in which an invitation can be."""

    def preview(self, client: Client, referral: Referral) -> str:
        seen = {"seen": status(referral)}
        values = {"reason": REASON, "decision": DECISION, "preview": "1", **seen}
        return text(client.post(f"{LIST}{referral.pk}/cancel/judge/", values).content)

    def test_one_that_does_not_count_yet_just_ends(self, operator: Client) -> None:
        referral = come(
            invite(PlayerFactory.create(username="maria")),
            player=PlayerFactory.create(username="oleh"),
        )

        shown = self.preview(operator, referral)
        said = decide(operator, referral, "cancel")
        play(referral)

        assert "The invitation started canceled" in shown
        assert "@oleh invited by @maria: canceled." in said
        assert "@maria and @oleh inviter and friend not friends by this invitation" in shown
        assert "Count for the inviter's next reward 0 of 3 0 of 3" in shown
        assert "Reward 1" not in shown
        assert check(NOON + 3 * DAY) == 0
        assert status(referral) == "CANCELED"
        assert not LedgerEntry.objects.filter(type__in=["REFERRAL_REWARD", "TAKEN_BACK"]).exists()

    def test_one_that_counts_is_missing_for_the_next_reward(self, operator: Client) -> None:
        referral, _ = qualified(invite(), 2)

        shown = self.preview(operator, referral)

        assert "Count for the inviter's next reward 2 of 3 1 of 3" in shown
        assert status(referral) == "QUALIFIED"

    def test_with_a_reward_that_was_chosen_money_comes_back(self, operator: Client) -> None:
        reward = offered(invite())
        claim(reward)
        referral = reward.referrals.all()[0]

        shown = self.preview(operator, referral)
        decide(operator, referral, "cancel", seen="REWARDED")

        assert "Reward 1 Mega Pack taken back:" in shown
        assert "The other two invitations part of this reward count for the next one" in shown
        assert "Count for the inviter's next reward 0 of 3 2 of 3" in shown
        assert LedgerEntry.objects.filter(type="TAKEN_BACK").count() == 1

    def test_no_other_link_binds_the_player_afterwards(self) -> None:
        referral = come(invite())
        judge(referral, "cancel")

        again = referrals.bind(invited=referral.invited, code=invite().code, now=NOON + DAY)

        assert again == referral
        assert status(referral) == "CANCELED"
        assert referrals.friend_ids(player=referral.invited, at_most=10) == set()


class TestResults:
    def test_what_has_become_of_those_who_started_by_week(self) -> None:
        inviter = invite()
        claim(offered(inviter))
        come(inviter)
        judge(qualified(inviter)[0], "confirm fraud")
        inviters_before = invite()
        come(inviters_before, now=NOON - 12 * 7 * DAY)

        weeks = referral_statistics.by_week(now=NOON)

        assert len(weeks) == 12
        assert [f"{week.monday}" for week in weeks[-2:]] == ["2026-11-09", "2026-11-16"]
        assert referral_statistics.together(weeks) == Outcomes(
            started=5, qualified=3, rewarded=3, rejected=1
        )

    def test_a_week_begins_on_monday_in_berlin(self) -> None:
        come(invite(), now=datetime(2026, 11, 15, 22, 59, tzinfo=UTC))
        come(invite(), now=datetime(2026, 11, 15, 23, 0, tzinfo=UTC))

        weeks = referral_statistics.by_week(now=NOON)

        assert [week.outcomes.started for week in weeks[-2:]] == [1, 1]

    def test_who_brings_most_that_count(self, operator: Client) -> None:
        few, many = invite(), invite()
        qualified(many, 2)
        qualified(few, 1)
        come(few)
        come(few)

        with time_machine.travel(NOON, tick=False):
            top = referral_statistics.top(now=NOON)
            shown = page(operator, RESULTS)

        assert [(one.inviter, one.outcomes.qualified) for one in top] == [(many, 2), (few, 1)]
        assert f"{many.player} 2 2 0 0 0" in shown

    def test_without_anybody(self, operator: Client) -> None:
        assert "No invitations yet." in page(operator, RESULTS)


class TestThePlayersPage:
    def test_the_inviters_page_tells_of_friends_and_rewards(self, client: Client) -> None:
        client.force_login(make_staff("Support"))
        reward = offered(invite())
        claim(reward, "MEGA_PACK_15")

        shown = page(client, f"/admin/players/player/{reward.inviter_id}/change/")

        assert "Invitations Invited @" in shown
        assert "Rewards for invitations" in shown
        assert "Mega Pack" in shown

    def test_the_friends_page_tells_who_brought_them(self, client: Client) -> None:
        client.force_login(make_staff("Support"))
        referral = come(invite(PlayerFactory.create(username="maria")))

        shown = page(client, f"/admin/players/player/{referral.invited_id}/change/")

        assert "Came by the invitation of @maria" in shown

    def test_from_there_one_unlinks_whoever_came(self, operator: Client) -> None:
        maria = PlayerFactory.create(username="maria")
        referral = come(invite(maria))

        before = operator.get(f"/admin/players/player/{referral.invited_id}/change/").content
        decide(operator, referral, "cancel")
        after = operator.get(f"/admin/players/player/{referral.invited_id}/change/").content

        assert "Unlink from @maria" in text(before)
        assert f"{LIST}{referral.pk}/cancel/judge/" in before.decode()
        assert "Unlink from @maria" not in text(after)
        assert status(referral) == "CANCELED"

    def test_only_who_judges_invitations_is_offered_that(self, client: Client) -> None:
        client.force_login(make_staff("Support"))
        referral = come(invite(PlayerFactory.create(username="maria")))

        assert "Unlink" not in page(client, f"/admin/players/player/{referral.invited_id}/change/")

    def test_who_has_nothing_to_do_with_it_has_no_chapter(self, client: Client) -> None:
        client.force_login(make_staff("Support"))
        player = PlayerFactory.create()

        shown = page(client, f"/admin/players/player/{player.pk}/change/")

        assert "by the invitation of" not in shown
        assert "Rewards for invitations" not in shown
        assert not ReferralReward.objects.exists()
