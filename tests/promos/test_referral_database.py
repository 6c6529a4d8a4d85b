"""Each rule about invitations again, by a road that does not pass through the services."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from economy import wallets
from promos.models import Inviter, Referral, ReferralNotice, ReferralReward
from tests.factories import NOON, PlayerFactory
from tests.owner import as_owner
from tests.promos.invitations import DAY, HOUR, claim, come, invite, judge, offered, qualified

pytestmark = pytest.mark.django_db


def run(sql: str, *parameters: Any) -> None:
    """Run a statement to its end, deferred checks included, in a savepoint of its own.

    What the test has done before is checked first: that is to be right.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def referral_with(referral: Referral, **values: Any) -> None:
    """Write into an invitation what no service writes."""
    columns = ", ".join(f"{column} = %s" for column in values)
    run(f"UPDATE promos_referral SET {columns} WHERE id = %s", *values.values(), referral.pk)  # noqa: S608


def reward_with(reward: ReferralReward, **values: Any) -> None:
    """Write into a reward what no service writes."""
    columns = ", ".join(f"{column} = %s" for column in values)
    run(f"UPDATE promos_referralreward SET {columns} WHERE id = %s", *values.values(), reward.pk)  # noqa: S608


class TestInviters:
    def test_a_code_is_one(self) -> None:
        with pytest.raises(IntegrityError, match="inviter_code_is_a_code"), transaction.atomic():
            Inviter.objects.create(
                player=PlayerFactory.create(), code="O0O0O0O0O0", created_at=NOON
            )

    def test_a_code_is_of_one(self) -> None:
        code = invite().code

        with pytest.raises(IntegrityError, match="code"), transaction.atomic():
            Inviter.objects.create(player=PlayerFactory.create(), code=code, created_at=NOON)

    @pytest.mark.usefixtures("owner")
    def test_it_stays(self) -> None:
        inviter = invite()

        with pytest.raises(DatabaseError, match="Cannot update or delete"):
            run("UPDATE promos_inviter SET code = 'AAAAAAAAAA'")
        with pytest.raises(DatabaseError, match="Cannot update or delete"):
            run("DELETE FROM promos_inviter WHERE player_id = %s", inviter.pk)
        with pytest.raises(DatabaseError, match="Cannot truncate inviters"):
            run("TRUNCATE promos_inviter CASCADE")


class TestReferrals:
    def test_who_is_invited_is_bound_once(self) -> None:
        referral = come(invite())

        with pytest.raises(IntegrityError, match="invited_id"), transaction.atomic():
            Referral.objects.create(inviter=invite(), invited=referral.invited, started_at=NOON)

    def test_oneself_never_counts(self) -> None:
        inviter = invite()

        with (
            pytest.raises(IntegrityError, match="referral_of_oneself_never_counts"),
            transaction.atomic(),
        ):
            Referral.objects.create(inviter=inviter, invited=inviter.player, started_at=NOON)

    def test_it_begins_with_a_start(self) -> None:
        with pytest.raises(DatabaseError, match="begins with a start"), transaction.atomic():
            Referral.objects.create(
                inviter=invite(),
                invited=PlayerFactory.create(),
                started_at=NOON,
                status="QUALIFIED",
                qualified_at=NOON,
            )

    @pytest.mark.parametrize("status", ["REWARDED", "DEFERRED_LIMIT"])
    def test_nothing_is_skipped(self, status: str) -> None:
        with pytest.raises(DatabaseError, match="Invalid transition"):
            referral_with(come(invite()), status=status)

    def test_what_was_refused_does_not_count_again_at_once(self) -> None:
        [referral] = qualified(invite())
        judge(referral, "confirm fraud")

        with pytest.raises(DatabaseError, match="Invalid transition"):
            referral_with(referral, status="QUALIFIED")

    @pytest.mark.parametrize(
        ("values", "rule"),
        [
            ({"status": "QUALIFIED"}, "referral_counting_has_qualified"),
            ({"status": "CANCELED", "held_at": NOON}, "referral_held_does_not_count"),
            ({"lapsed_at": NOON, "held_at": NOON}, "referral_held_does_not_count"),
            ({"status": "CANCELED", "lapsed_at": NOON}, "referral_lapsed_is_started"),
            ({"score": 101}, "referral_evidence_makes_sense"),
            ({"fast_answers": 1}, "referral_evidence_makes_sense"),
        ],
    )
    def test_facts_that_do_not_go_together(self, values: dict[str, Any], rule: str) -> None:
        with pytest.raises(IntegrityError, match=rule):
            referral_with(come(invite()), **values)

    def test_an_unknown_status(self) -> None:
        with pytest.raises(DatabaseError):
            referral_with(come(invite()), status="LOST")

    @pytest.mark.parametrize("column", ["inviter_id", "invited_id"])
    def test_who_invited_whom_stays(self, column: str) -> None:
        with pytest.raises(DatabaseError, match="Cannot update"):
            referral_with(come(invite()), **{column: invite().pk})

    @pytest.mark.usefixtures("owner")
    def test_it_stays(self) -> None:
        come(invite())

        with pytest.raises(DatabaseError, match="Cannot update"):
            run("UPDATE promos_referral SET started_at = started_at - interval '1 day'")
        with pytest.raises(DatabaseError, match="Cannot delete"):
            run("DELETE FROM promos_referral")
        with pytest.raises(DatabaseError, match="Cannot truncate"):
            run("TRUNCATE promos_referral CASCADE")


class TestRewards:
    def test_a_reward_is_for_three(self) -> None:
        inviter = invite()
        qualified(inviter, 2)

        with pytest.raises(DatabaseError, match="three invitations"):
            run(
                """
                WITH reward AS (
                  INSERT INTO promos_referralreward
                    (inviter_id, number, created_at, claimable_at, choice)
                  VALUES (%s, 1, now(), now(), '') RETURNING id)
                UPDATE promos_referral SET reward_id = reward.id FROM reward
                """,
                inviter.pk,
            )

    def test_none_of_them_leaves_alone(self) -> None:
        reward = offered(invite())

        with pytest.raises(DatabaseError, match="three invitations"):
            referral_with(reward.referrals.all()[0], reward_id=None)

    def test_no_fourth_joins_them(self) -> None:
        inviter = invite()
        reward = offered(inviter)
        [fourth] = qualified(inviter)

        with pytest.raises(DatabaseError, match="three invitations"):
            referral_with(fourth, reward_id=reward.pk)

    def test_they_are_of_the_same_inviter(self) -> None:
        reward = offered(invite())
        [stranger] = qualified(invite())

        with pytest.raises(DatabaseError, match="three invitations"):
            run(
                """
                UPDATE promos_referral SET reward_id = CASE WHEN id = %s THEN %s::bigint END
                WHERE id = ANY(%s)
                """,
                stranger.pk,
                reward.pk,
                [stranger.pk, reward.referrals.all()[0].pk],
            )

    def test_a_rewarded_one_has_a_reward_that_was_chosen(self) -> None:
        reward = offered(invite())

        with pytest.raises(DatabaseError, match="three invitations"):
            referral_with(reward.referrals.all()[0], status="REWARDED")

    def test_a_rewarded_one_has_a_reward(self) -> None:
        [referral] = qualified(invite())

        with pytest.raises(IntegrityError, match="referral_rewarded_has_its_reward"):
            referral_with(referral, status="REWARDED")

    def test_one_that_was_refused_has_none(self) -> None:
        reward = offered(invite())

        with pytest.raises(IntegrityError, match="referral_rewarded_has_its_reward"):
            referral_with(reward.referrals.all()[0], status="CANCELED")

    def test_one_that_was_taken_back_is_for_nobody(self) -> None:
        with pytest.raises(DatabaseError, match="for nobody"):
            reward_with(offered(invite()), revoked_at=NOON)

    def test_it_is_taken_back_once(self) -> None:
        reward = offered(invite())
        judge(reward.referrals.all()[0], "cancel")

        with pytest.raises(DatabaseError, match="Cannot update"):
            reward_with(reward, revoked_at=None)

    def test_numbers_are_given_once(self) -> None:
        inviter = invite()
        offered(inviter)
        second = offered(inviter)

        with pytest.raises(DatabaseError, match="Cannot update"):
            reward_with(second, number=1)
        with pytest.raises(IntegrityError, match="reward_number_once"):
            run(
                "INSERT INTO promos_referralreward"
                " (inviter_id, number, created_at, claimable_at, choice)"
                " VALUES (%s, 1, now(), now(), '')",
                inviter.pk,
            )

    def test_two_a_month_and_no_third(self) -> None:
        inviter = invite()
        first, second, third = (offered(inviter) for _ in range(3))
        claim(first)
        claim(second)
        entry = wallets.grant_welcome_energy(player=PlayerFactory.create(), now=NOON)
        chosen = {
            "choice": "PREMIUM_7",
            "chosen_at": NOON,
            "offered_at": NOON,
            "deferred_until": None,
            "month": NOON.date().replace(day=1),
            "entry_id": entry.pk,
        }

        with pytest.raises(IntegrityError, match="reward_two_per_month"):
            reward_with(third, **chosen, place=2)
        with pytest.raises(IntegrityError, match="reward_place_makes_sense"):
            reward_with(third, **chosen, place=3)

    @pytest.mark.parametrize(
        "values",
        [
            {"choice": "PREMIUM_7"},
            {"chosen_at": NOON},
            {"choice": "PREMIUM_7", "chosen_at": NOON, "month": NOON.date(), "place": 1},
            {"choice": "A_PONY"},
        ],
    )
    def test_a_choice_is_a_whole_one(self, values: dict[str, Any]) -> None:
        with pytest.raises(IntegrityError, match="reward_chosen_wholly"):
            reward_with(offered(invite()), **values)

    def test_a_choice_stands(self) -> None:
        reward = offered(invite())
        claim(reward)

        with pytest.raises(DatabaseError, match="chosen once"):
            reward_with(reward, choice="PREMIUM_7")

    def test_nobody_chooses_before_the_48_hours(self) -> None:
        qualified(invite(), 3)
        reward = ReferralReward.objects.get()

        with pytest.raises(IntegrityError, match="reward_is_waited_for"):
            reward_with(reward, offered_at=NOON + timedelta(hours=47))
        with pytest.raises(DatabaseError, match="Cannot update"):
            reward_with(reward, claimable_at=NOON)

    def test_nor_before_the_month_to_which_it_was_deferred(self) -> None:
        inviter = invite()
        first, second, third = (offered(inviter) for _ in range(3))
        claim(first)
        claim(second)

        with pytest.raises(IntegrityError, match="reward_deferred_is_waited_for"):
            reward_with(third, offered_at=NOON + DAY)

    @pytest.mark.usefixtures("owner")
    def test_it_stays(self) -> None:
        offered(invite())

        with pytest.raises(DatabaseError, match="Cannot delete"):
            run("DELETE FROM promos_referralreward")
        with pytest.raises(DatabaseError, match="Cannot truncate"):
            run("TRUNCATE promos_referralreward CASCADE")


class TestNotices:
    def test_one_notice_for_each_friend(self) -> None:
        [referral] = qualified(invite())

        with pytest.raises(IntegrityError, match="referral_id"), transaction.atomic():
            ReferralNotice.objects.create(
                player_id=referral.inviter_id,
                kind="FRIEND_QUALIFIED",
                referral=referral,
                created_at=NOON,
            )

    def test_the_same_word_waits_once(self) -> None:
        reward = offered(invite())

        with (
            pytest.raises(IntegrityError, match="referral_notice_waits_once"),
            transaction.atomic(),
        ):
            ReferralNotice.objects.create(
                player_id=reward.inviter_id,
                kind="REWARD_READY",
                reward=reward,
                created_at=NOON + HOUR,
            )

    def test_the_unsent_notices_of_one_player_are_found_by_the_player(self) -> None:
        unsent = ReferralNotice.objects.filter(player=PlayerFactory.create(), notified_at=None)
        with as_owner() as cursor:
            # Of two that would do, no rows do not tell PostgreSQL which is better.
            cursor.execute("DROP INDEX referral_notice_waits_once")
            cursor.execute("SET LOCAL enable_seqscan = off")

        assert "referral_notice_unsent_player" in unsent.explain()

    @pytest.mark.parametrize("kind", ["FRIEND_QUALIFIED", "REWARD_READY", "SOMETHING"])
    def test_a_notice_is_about_something(self, kind: str) -> None:
        with (
            pytest.raises(IntegrityError, match="referral_notice_is_about_something"),
            transaction.atomic(),
        ):
            ReferralNotice.objects.create(player=PlayerFactory.create(), kind=kind, created_at=NOON)
