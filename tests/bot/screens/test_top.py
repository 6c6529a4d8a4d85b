"""/top and how others see a player, tap by tap, through the sandbox over HTTP."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from bot.chat import friends
from promos import referrals
from promos.models import Referral
from quizarena.game import daily, leaderboards, leagues, points
from quizarena.game.models import LeagueMember, LeaguePlayer, PointEvent
from quizarena.players import names
from tests.bot.screens.buyers import newcomer, row, statements, tap
from tests.conftest import Road
from tests.factories import PlayerFactory
from tests.game.challenges import make_bank
from tests.game.leagues import NOON, WEEK_ENDS, earn_many, players_with
from tests.game.test_round import labels, right, wrong
from tests.sandbox import buttons

Json = dict[str, Any]

SECOND = timedelta(seconds=1)


def named(*wanted: tuple[str, int]) -> None:
    """Let players with these names have so many points, one after the other."""
    for number, (name, earned) in enumerate(wanted):
        player = PlayerFactory.create(first_name=name, last_name="")
        earn_many(player, earned, now=NOON + number * SECOND)


class TestBoards:
    def test_the_way_there_and_back(self, road: Road) -> None:
        anna = newcomer(road)

        home = tap(road, anna, "home")
        top = tap(road, anna, "top")

        assert "🏆 Leaderboards" in labels(home)
        assert labels(top) == [
            "Today",
            "This week",
            "Friends",
            "· My league ·",
            "▶️ Play",
            "👤 Name and league",
            "◀️ Back",
        ]
        assert tap(road, anna, "home")["text"].startswith("👋 Hello, Anna!")
        assert road.say(anna, "/top")["text"] == top["text"]

    @pytest.mark.parametrize(
        ("tab", "title"),
        [("day", "🏆 Today's points"), ("week", "🏆 This week's points")],
    )
    def test_the_first_and_those_around(self, road: Road, tab: str, title: str) -> None:
        anna = newcomer(road)
        named(*((f"Spieler {letter}", 200 - 10 * number) for number, letter in enumerate("ABCDEF")))
        earn_many(row(anna), 100, now=NOON)
        named(("Gerd", 90), ("Hans", 80), ("Ida", 70), ("Jan", 60))
        road.say(anna, "/top")

        page = tap(road, anna, f"top:{tab}")

        assert page["text"] == "\n".join(
            [
                title,
                "",
                "🥇 Spieler A · 200",
                "🥈 Spieler B · 190",
                "🥉 Spieler C · 180",
                "4. Spieler D · 170",
                "5. Spieler E · 160",
                "6. Spieler F · 150",
                "7. Anna · 100 ◀️",
                "8. Gerd · 90",
                "9. Hans · 80",
                "10. Ida · 70",
                "",
                (
                    "10 points for a right answer, 20 more for finishing the daily challenge, 20 "
                    "for a duel won and 10 for one drawn, at most 400 a day. An answer that comes "
                    "too fast to have read the question brings none."
                ),
            ]
        )

    def test_between_the_first_and_the_player_there_may_be_others(self, road: Road) -> None:
        anna = newcomer(road)
        named(
            *((f"Spieler {letter}", 200 - 10 * number) for number, letter in enumerate("ABCDEFGH"))
        )
        earn_many(row(anna), 10, now=NOON)
        road.say(anna, "/top")

        page = tap(road, anna, "top:day")

        assert "🥉 Spieler C · 180\n…\n6. Spieler F · 150" in page["text"]
        assert "9. Anna · 10 ◀️" in page["text"]
        assert "Spieler D" not in page["text"]

    def test_without_points_of_ones_own(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/top")

        nobody = tap(road, anna, "top:day")
        named(("Ben", 20))
        somebody = tap(road, anna, "top:week")

        assert "Nobody has any points yet. Be the first!" in nobody["text"]
        assert "🥇 Ben · 20\n\nYou have no points this week yet." in somebody["text"]

    def test_far_behind_the_place_is_a_share(
        self, road: Road, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leaderboards, "COUNTED_MAX", 3)
        anna = newcomer(road)
        named(("Ben", 40), ("Cleo", 30), ("Dan", 20))
        earn_many(row(anna), 10, now=NOON)
        road.say(anna, "/top")

        before = tap(road, anna, "top:day")
        leaderboards.count(now=timezone.now())
        tap(road, anna, "top:week")
        after = tap(road, anna, "top:day")

        assert "• Anna · 10 ◀️" in before["text"]
        assert "Your place is being counted; look again in a minute." in before["text"]
        assert "You are among the first 100 % (counted once a minute)." in after["text"]

    def test_friends_are_who_was_invited_and_who_has_invited(self, road: Road) -> None:
        anna = newcomer(road)
        inviter, invited, stranger = players_with(30, 20, 10)
        for host, guest in ((inviter, row(anna)), (row(anna), invited)):
            code = referrals.inviter_of(player=host, now=timezone.now()).code
            referrals.bind(invited=guest, code=code, now=timezone.now())
        road.say(anna, "/top")

        page = tap(road, anna, "top:friends")

        assert [line for line in page["text"].split("\n") if " · " in line] == [
            f"🥇 {names.public_name(inviter)} · 30",
            f"🥈 {names.public_name(invited)} · 20",
        ]
        assert "🤝 Invite" not in labels(page)
        assert names.public_name(stranger) not in page["text"]

    def test_a_refused_invitation_makes_no_friend(self, road: Road) -> None:
        anna = newcomer(road)
        (invited,) = players_with(20)
        code = referrals.inviter_of(player=row(anna), now=timezone.now()).code
        referrals.bind(invited=invited, code=code, now=timezone.now())
        assert friends.friend_ids(row(anna)) == {invited.pk}
        assert friends.friend_ids(invited) == {row(anna).pk}

        Referral.objects.update(status="CANCELED")

        assert friends.friend_ids(row(anna)) == set()
        assert friends.friend_ids(invited) == set()

    def test_of_many_friends_the_latest_count(
        self, road: Road, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(friends, "FRIENDS_MAX", 2)
        anna = newcomer(road)
        code = referrals.inviter_of(player=row(anna), now=timezone.now()).code
        invited = [PlayerFactory.create() for _ in range(3)]
        for number, player in enumerate(invited):
            referrals.bind(invited=player, code=code, now=NOON + number * SECOND)

        assert friends.friend_ids(row(anna)) == {player.pk for player in invited[1:]}

    def test_without_friends_one_can_invite_some(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/top")

        page = tap(road, anna, "top:friends")

        assert "Your friends are those whom you have invited" in page["text"]
        assert "🤝 Invite" in labels(page)

    @pytest.mark.parametrize(
        ("language", "text"),
        [
            ("en", "🟤 League: Bronze\n\nYour first points of the week bring you into a group of"),
            (
                "de",
                "🟤 Liga: Bronze\n\nMit deinen ersten Punkten der Woche kommst du in eine Gruppe",
            ),
            ("uk", "🟤 Ліга: Бронза\n\nЗ першими балами тижня ти потрапиш до групи"),
        ],
    )
    def test_in_three_languages(self, road: Road, language: str, text: str) -> None:
        anna = newcomer(road, language=language)

        assert road.say(anna, "/top")["text"].startswith(text)

    @pytest.mark.parametrize(
        ("tab", "most"), [("day", 8), ("week", 8), ("friends", 9), ("league", 15)]
    )
    def test_what_a_board_costs(self, road: Road, tab: str, most: int) -> None:
        anna = newcomer(road)
        earn_many(row(anna), 10, now=NOON)
        road.say(anna, "/top")
        road.sandbox.tap(anna, f"top:{tab}")

        assert statements(road) <= most


class TestLeague:
    def test_a_group_with_who_rises(self, road: Road) -> None:
        anna = newcomer(road)
        named(("Ben", 30), ("Cleo", 20))
        earn_many(row(anna), 10, now=NOON)

        page = road.say(anna, "/top")

        assert page["text"] == "\n".join(
            [
                "🟤 League: Bronze",
                "",
                "3 players, until 21 Dec, 00:00",
                "",
                "🥇 Ben · 30",
                "🥈 Cleo · 20",
                "🥉 Anna · 10 ◀️",
                "",
                "⬆️ Up to Silver: place 1",
            ]
        )

    def test_a_full_group_of_a_higher_tier(self, road: Road) -> None:
        anna = newcomer(road)
        LeaguePlayer.objects.create(player=row(anna), tier=3)
        for number in range(29):
            player = PlayerFactory.create(first_name=f"Spieler{number}", last_name="")
            LeaguePlayer.objects.create(player=player, tier=3)
            earn_many(player, 20, now=NOON)
        earn_many(row(anna), 10, now=NOON)

        page = road.say(anna, "/top")

        assert page["text"].startswith("🟡 League: Gold\n\n30 players, until")
        assert "30. Anna · 10 ◀️" in page["text"]
        assert page["text"].endswith("⬆️ Up to Platinum: place 1–7\n⬇️ Down to Silver: place 26–30")

    def test_more_follow_than_are_shown(self, road: Road) -> None:
        anna = newcomer(road)
        named(("Ben", 40), ("Cleo", 35), ("Dora", 30), ("Emil", 25))
        earn_many(row(anna), 50, now=NOON)

        page = road.say(anna, "/top")

        assert "4. Dora · 30\n…\n\n⬆️ Up to" in page["text"]

    def test_alone_one_waits_for_others(self, road: Road) -> None:
        anna = newcomer(road)
        earn_many(row(anna), 10, now=NOON)

        page = road.say(anna, "/top")

        assert "1 player, until 21 Dec, 00:00" in page["text"]
        assert page["text"].endswith("As soon as there are more players, the best of them rise.")

    @pytest.mark.parametrize(
        ("tier", "earned", "says"),
        [
            (1, 40, "Week of 14 Dec: place 1 of 3 in Bronze. 🎉 Up to Silver!"),
            (1, 10, "Week of 14 Dec: place 3 of 3 in Bronze. You stay in Bronze."),
            (2, 10, "Week of 14 Dec: place 3 of 3 in Silver. You go on in Bronze."),
            (5, 40, "Week of 14 Dec: place 1 of 3 in Diamond. You stay in Diamond."),
        ],
    )
    def test_a_week_that_is_over(self, road: Road, tier: int, earned: int, says: str) -> None:
        anna = newcomer(road)
        others = [PlayerFactory.create() for _ in range(2)]
        for player in (row(anna), *others):
            LeaguePlayer.objects.create(player=player, tier=tier)
        for number, player in enumerate(others):
            earn_many(player, 20 + 10 * number, now=NOON)
        earn_many(row(anna), earned, now=NOON)

        with time_machine.travel(WEEK_ENDS, tick=False):
            page = road.say(anna, "/top")

        assert says in page["text"]

    def test_who_has_to_wait_is_told(self, road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(leagues, "PLACED_AT_ONCE", 1)
        anna = newcomer(road)
        named(("Ben", 10), ("Cleo", 10))
        earn_many(row(anna), 10, now=NOON + 5 * SECOND)

        page = road.say(anna, "/top")

        assert "Your group is being put together; look again in a minute." in page["text"]


class TestProfile:
    def page(self, road: Road, anna: int) -> Json:
        """Let the player open how others see her."""
        road.say(anna, "/settings")
        return tap(road, anna, "profile")

    def test_the_way_there_and_back(self, road: Road) -> None:
        anna = newcomer(road)

        page = self.page(road, anna)

        assert "Others see you as Anna on the leaderboards." in page["text"]
        assert labels(page) == [
            "✏️ Choose a name",
            "✅ Others see my name",
            "✅ I take part in the leagues",
            "🏆 Leaderboards",
            "◀️ Back",
        ]
        assert "⚙️ Settings" in tap(road, anna, "settings")["text"]

    def test_a_name_is_chosen_and_given_up(self, road: Road) -> None:
        anna = newcomer(road)
        self.page(road, anna)
        asked = tap(road, anna, "name")

        chosen = road.say(anna, "  Wort  Jägerin ")
        back = tap(road, anna, "no-name")

        assert "Write a name of 2 to 20 characters in the next 15 minutes." in asked["text"]
        assert "Others see you as Wort Jägerin on the leaderboards." in chosen["text"]
        assert "↩️ My name as in Telegram" in labels(chosen)
        assert "Others see you as Anna on the leaderboards." in back["text"]

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ("x", "A name has 2 to 20 characters."),
            ("@anna", "A name cannot contain a link or an @."),
            ("Anna 🙂", "A name has letters, digits, spaces"),
            ("Аnna", "All letters of a name must be of one alphabet."),
            ("1234", "A name has at least 2 letters."),
            ("Hitler", "This name cannot be taken. Please choose a friendly one."),
        ],
    )
    def test_what_is_wrong_with_a_name_is_said_and_another_waited_for(
        self, road: Road, wrong: str, says: str
    ) -> None:
        anna = newcomer(road)
        self.page(road, anna)
        tap(road, anna, "name")

        refused = road.say(anna, wrong)
        taken = road.say(anna, "Anni")

        assert refused["text"].startswith(says)
        assert "Others see you as Anni" in taken["text"]

    def test_who_hides_is_anonymous_for_others(self, road: Road) -> None:
        anna, ben = newcomer(road), road.sandbox.add_player("Ben", language_code="en")
        road.say(ben, "/start")
        for player in (anna, ben):
            earn_many(row(player), 10, now=NOON)
        self.page(road, anna)

        hidden = tap(road, anna, "show-name:0")
        road.say(anna, "/top")
        own = tap(road, anna, "top:day")
        road.say(ben, "/top")
        seen = tap(road, ben, "top:day")

        assert "Others see you as Anonymous. Only you see your name, Anna." in hidden["text"]
        assert "⬜ Others see my name" in labels(hidden)
        assert "🥇 Anna · 10 ◀️" in own["text"]
        assert "🥇 Anonymous · 10" in seen["text"]
        self.page(road, anna)
        assert "Others see you as Anna" in tap(road, anna, "show-name:1")["text"]

    def test_leaving_the_leagues_and_coming_back(self, road: Road) -> None:
        anna = newcomer(road)
        earn_many(row(anna), 10, now=NOON)
        road.say(anna, "/top")
        self.page(road, anna)

        left = tap(road, anna, "leagues:0")
        out = road.say(anna, "/top")
        self.page(road, anna)
        joined = tap(road, anna, "leagues:1")
        back = road.say(anna, "/top")

        assert "⬜ I take part in the leagues" in labels(left)
        assert "You do not take part in the leagues." in out["text"]
        assert "✅ I take part in the leagues" in labels(joined)
        assert "🥇 Anna · 10 ◀️" in back["text"]
        assert LeagueMember.objects.count() == 1

    def test_a_name_of_markup_stays_text(self, road: Road) -> None:
        anna = road.sandbox.add_player("<b>", language_code="en")
        road.say(anna, "/start")
        earn_many(row(anna), 10, now=NOON)

        page = road.say(anna, "/top")

        assert re.search(r"🥇 Player \d{4} · 10 ◀️", page["text"])


class TestPoints:
    def test_a_round_tells_its_points(self, road: Road) -> None:
        make_bank("QUICK_MIX_A1A2", A1=12)
        anna = newcomer(road)
        road.say(anna, "/play")
        with time_machine.travel(NOON, tick=False) as clock:
            question = tap(road, anna, buttons(road.sandbox.last_message(anna))[1]["callback_data"])
            for number in range(10):
                clock.shift(SECOND)
                label = right(question) if number != 3 else wrong(question)
                (data,) = [
                    one["callback_data"] for one in buttons(question) if one["text"] == label
                ]
                question = tap(road, anna, data)

        assert "⭐ +90 points" in question["text"]
        assert PointEvent.objects.count() == 9

    def test_a_round_that_is_stopped_tells_them_too(self, road: Road) -> None:
        make_bank("QUICK_MIX_A1A2", A1=12)
        anna = newcomer(road)
        road.say(anna, "/play")
        with time_machine.travel(NOON, tick=False) as clock:
            question = tap(road, anna, buttons(road.sandbox.last_message(anna))[1]["callback_data"])
            clock.shift(SECOND)
            question = road.tap(anna, right(question))
            stopped = road.tap(anna, "⏹ Stop")

        assert "⭐ +10 points" in stopped["text"]

    def test_the_day_is_full(self, road: Road) -> None:
        make_bank("QUICK_MIX_A1A2", A1=12)
        anna = newcomer(road)
        earn_many(row(anna), 370, now=NOON)
        road.say(anna, "/play")
        with time_machine.travel(NOON, tick=False) as clock:
            question = tap(road, anna, buttons(road.sandbox.last_message(anna))[1]["callback_data"])
            for _ in range(10):
                clock.shift(SECOND)
                label = right(question)
                (data,) = [
                    one["callback_data"] for one in buttons(question) if one["text"] == label
                ]
                question = tap(road, anna, data)

        text = road.sandbox.last_message(anna)["text"]
        assert "⭐ +30 points, today's maximum of 400 is reached" in text
        assert points.of_day(player=row(anna), now=NOON) == 400

    def test_the_day_was_full_before(self, road: Road) -> None:
        make_bank("QUICK_MIX_A1A2", A1=12)
        anna = newcomer(road)
        earn_many(row(anna), 400, now=NOON)
        road.say(anna, "/play")
        with time_machine.travel(NOON, tick=False) as clock:
            question = tap(road, anna, buttons(road.sandbox.last_message(anna))[1]["callback_data"])
            for number in range(10):
                clock.shift(SECOND)
                label = right(question) if number else wrong(question)
                (data,) = [
                    one["callback_data"] for one in buttons(question) if one["text"] == label
                ]
                question = tap(road, anna, data)

        assert "⭐ You have reached today's maximum of 400 points." in question["text"]

    def test_a_challenge_tells_its_points(self, road: Road) -> None:
        make_bank(A1=2, A2=3, B1=2)
        anna = newcomer(road)
        with time_machine.travel(NOON, tick=False) as clock:
            road.say(anna, "/daily")
            message = tap(road, anna, "daily-start")
            for number in range(7):
                clock.shift(SECOND)
                label = right(message) if number else wrong(message)
                (data,) = [one["callback_data"] for one in buttons(message) if one["text"] == label]
                message = tap(road, anna, data)

        assert "⭐ +80 points" in message["text"]
        assert daily.has_finished(player=row(anna), now=NOON)
