"""Private tournaments: made, joined, begun, played, ended; and what they cost."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from economy.models import LedgerEntry
from quizarena.game import (
    private_tournaments,
    tournament_play,
    tournament_standings,
    tournaments,
)
from quizarena.game.errors import (
    DuelLimitError,
    NoTournamentError,
    RegistrationClosedError,
    TicketNeededError,
    TooFewPlayersError,
    TooFewTournamentQuestionsError,
    TournamentFullError,
)
from quizarena.game.models import (
    Pairing,
    Question,
    Tournament,
    TournamentNotice,
    TournamentPlayer,
    TournamentQuestion,
)
from quizarena.players.models import Player
from tests.game.challenges import make_bank
from tests.game.duelling import create, give_premium, give_tickets, player, tickets_of
from tests.game.touring import (
    HOUR,
    INSTANT,
    NOON,
    advance,
    bank,
    current,
    join,
    leave,
    make,
    notices,
    places,
    play,
    play_round,
    run,
    start,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(hours=24)


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    bank()


@pytest.fixture
def anna() -> Player:
    """Return whoever makes the tournaments."""
    return player("Anna")


def lobby(anna: Player, others: int, *, length: int = 5) -> tuple[Tournament, list[Player]]:
    """Return a tournament with its creator and so many others."""
    tournament = make(anna, length=length)
    joined = [player(f"P{number}") for number in range(others)]
    for one in joined:
        join(one, tournament)
    return tournament, [anna, *joined]


class TestLobby:
    @pytest.mark.parametrize("length", [5, 12])
    def test_its_creator_takes_part(self, anna: Player, length: int) -> None:
        tournament = make(anna, length=length)

        assert (tournament.state, tournament.length, tournament.price) == ("OPEN", length, "FREE")
        assert (tournament.closes_at, len(tournament.token)) == (NOON + DAY, 16)
        assert TournamentPlayer.objects.get().player == anna

    def test_one_button_makes_one(self, anna: Player) -> None:
        assert make(anna, key="u1") == make(anna, key="u1")
        assert Tournament.objects.count() == 1

    def test_eight_can_join(self, anna: Player) -> None:
        tournament, everybody = lobby(anna, 7)

        with pytest.raises(TournamentFullError) as refusal:
            join(player(), tournament)

        assert refusal.value.limit == 8
        assert join(everybody[1], tournament).player == everybody[1]
        leave(everybody[1], tournament)
        join(player(), tournament)
        assert TournamentPlayer.objects.count() == 8

    def test_until_it_begins_or_its_time_is_over(self, anna: Player) -> None:
        tournament = make(anna)

        join(player(), tournament, now=NOON + DAY - INSTANT)
        with pytest.raises(RegistrationClosedError):
            join(player(), tournament, now=NOON + DAY)

    def test_a_link_or_lobby_of_nobody(self, anna: Player) -> None:
        with pytest.raises(NoTournamentError):
            private_tournaments.of_link(token="", now=NOON)
        with pytest.raises(NoTournamentError):
            leave(player(), make(anna))

    def test_nobody_joins_or_leaves_once_it_has_begun(self, anna: Player) -> None:
        tournament, (_, ben) = lobby(anna, 1)
        start(anna, tournament)

        with pytest.raises(RegistrationClosedError):
            join(player(), tournament)
        with pytest.raises(RegistrationClosedError):
            leave(ben, tournament)
        assert start(anna, tournament).state == "RUNNING"

    def test_only_its_creator_begins_it_with_somebody(self, anna: Player) -> None:
        tournament = make(anna)

        with pytest.raises(TooFewPlayersError) as refusal:
            start(anna, tournament)
        assert (refusal.value.players, refusal.value.needed) == (1, 2)
        ben = player("Ben")
        join(ben, tournament)
        with pytest.raises(NoTournamentError):
            start(ben, tournament)
        start(anna, tournament)
        assert current(tournament).number == 1

    def test_it_begins_within_a_day_or_never(self, anna: Player) -> None:
        (first, _), (second, _) = lobby(anna, 1), lobby(anna, 1)

        assert start(anna, first, now=NOON + DAY - INSTANT).state == "RUNNING"
        with pytest.raises(RegistrationClosedError):
            start(anna, second, now=NOON + DAY)

        assert not TournamentQuestion.objects.filter(round__tournament=second).exists()

    def test_five_questions_are_enough_for_one_of_five(self, anna: Player) -> None:
        tournament, _ = lobby(anna, 1)
        kept = Question.objects.order_by("pk").values_list("pk", flat=True)[:5]
        Question.objects.exclude(pk__in=list(kept)).update(is_enabled=False)

        assert start(anna, tournament).state == "RUNNING"

    def test_a_bank_with_four_questions_begins_none(self, anna: Player) -> None:
        tournament, _ = lobby(anna, 1)
        kept = Question.objects.order_by("pk").values_list("pk", flat=True)[:4]
        Question.objects.exclude(pk__in=list(kept)).update(is_enabled=False)

        with pytest.raises(TooFewTournamentQuestionsError):
            start(anna, tournament)

        tournament.refresh_from_db()
        assert tournament.state == "OPEN"


class TestPrice:
    def test_two_a_day_are_free_with_duels_then_a_ticket_pays(self, anna: Player) -> None:
        give_tickets(anna, 2)
        create(anna)

        prices = [make(anna, key=f"k{number}").price for number in range(2)]
        duel = create(anna)

        assert (prices, duel.price) == (["FREE", "TICKET"], "TICKET")
        assert tickets_of(anna) == 0
        used = LedgerEntry.objects.filter(type="TICKET_USED").order_by("pk")
        tournament = Tournament.objects.get(price="TICKET")
        assert [entry.idempotency_key for entry in used] == [
            f"tournament:{tournament.pk}", f"duel:{duel.pk}",
        ]  # fmt: skip
        with pytest.raises(TicketNeededError):
            make(anna, key="k9")

    @pytest.mark.parametrize(("owned", "with_ticket"), [(0, True), (1, False)])
    def test_no_ticket_is_used_that_is_not_there_or_not_offered(
        self, anna: Player, owned: int, with_ticket: bool
    ) -> None:
        if owned:
            give_tickets(anna, owned)
        create(anna)
        create(anna)

        with pytest.raises(TicketNeededError):
            make(anna, with_ticket=with_ticket)

        assert (Tournament.objects.count(), tickets_of(anna)) == (0, owned)

    def test_premium_uses_no_ticket_and_twenty_a_day_are_the_most(self, anna: Player) -> None:
        give_premium(anna)

        prices = [make(anna, key=f"k{number}").price for number in range(20)]

        assert prices == ["FREE", "FREE", *["PREMIUM"] * 18]
        with pytest.raises(DuelLimitError) as refusal:
            make(anna, key="k20")
        assert refusal.value.limit == 20

    def third(self, anna: Player) -> Tournament:
        """Return a tournament that has cost a ticket."""
        give_tickets(anna)
        create(anna)
        create(anna)
        tournament = make(anna)
        assert tickets_of(anna) == 0
        return tournament

    def test_the_ticket_comes_back_when_its_creator_takes_it_back(self, anna: Player) -> None:
        tournament = self.third(anna)
        ben = player("Ben")
        join(ben, tournament)

        assert leave(anna, tournament).call_off == "CREATOR"
        assert leave(anna, tournament).state == "CALLED_OFF"

        assert tickets_of(anna) == 1
        assert (notices(anna), notices(ben)) == ([], [("CALLED_OFF", 0)])

    def test_or_nobody_begins_it_in_time(self, anna: Player) -> None:
        tournament = self.third(anna)

        assert not advance(tournament, now=NOON + DAY - INSTANT)
        assert advance(tournament, now=NOON + DAY)
        assert not advance(tournament, now=NOON + DAY)

        tournament.refresh_from_db()
        assert (tournament.state, tournament.call_off) == ("CALLED_OFF", "NOT_STARTED")
        assert tournament.ended_at == NOON + DAY
        assert tickets_of(anna) == 1
        assert notices(anna) == [("CALLED_OFF", 0)]

    def test_not_once_it_has_begun(self, anna: Player) -> None:
        tournament = self.third(anna)
        join(player(), tournament)
        start(anna, tournament)

        tournaments.call_off(
            tournament_id=tournament.pk,
            staff=User.objects.create_user("olga"),
            reason="a trial",
            now=NOON + HOUR,
        )

        assert tickets_of(anna) == 0


class TestRounds:
    @pytest.mark.parametrize(
        ("others", "rounds", "pairs"), [(1, 1, 1), (2, 3, 3), (3, 3, 6), (4, 3, 6), (7, 3, 12)]
    )
    def test_all_meet_all_up_to_four(
        self, anna: Player, others: int, rounds: int, pairs: int
    ) -> None:
        tournament, everybody = lobby(anna, others)
        start(anna, tournament)

        for _ in range(rounds):
            play_round(tournament, dict.fromkeys(everybody, 3), now=NOON + HOUR)

        tournament.refresh_from_db()
        assert (tournament.state, tournament.rounds) == ("FINISHED", rounds)
        met = Pairing.objects.exclude(opponent=None).values_list("player", "opponent")
        assert len({frozenset(pair) for pair in met}) == pairs
        assert len(met) == 2 * pairs

    def test_a_round_has_a_day_and_questions_of_its_creators_level(self, anna: Player) -> None:
        tournament, (_, ben) = lobby(anna, 1, length=12)
        start(anna, tournament, now=NOON + HOUR)

        assert current(tournament).deadline == NOON + HOUR + DAY
        questions = TournamentQuestion.objects.values_list("level", flat=True)
        assert list(questions) == ["A1"] * 12
        assert notices(ben) == [("ROUND", 1), ("ENDING", 1)]
        ending = TournamentNotice.objects.get(player=ben, kind="ENDING")
        assert ending.due_at == NOON + HOUR + 18 * HOUR
        assert not advance(tournament, now=NOON + HOUR + DAY - INSTANT)
        assert advance(tournament, now=NOON + HOUR + DAY)

    @pytest.mark.parametrize(("later", "returns"), [(30 * DAY - INSTANT, False), (30 * DAY, True)])
    def test_what_they_have_had_comes_last_for_thirty_days(
        self, anna: Player, later: timedelta, returns: bool
    ) -> None:
        make_bank("WORD_ORDER", A1=4)
        ben = player("Ben")
        for now in (NOON, NOON + later):
            tournament = make(anna, length=12, now=now)
            join(ben, tournament, now=now)
            start(anna, tournament, now=now)

        first, second = (
            set(asked.values_list("version", flat=True))
            for asked in (
                TournamentQuestion.objects.filter(round__tournament=one)
                for one in Tournament.objects.order_by("pk")
            )
        )

        # Of twenty-four that are alike, just the other twelve come once in 2.7 million times.
        assert bool(first & second) is returns

    def test_the_next_round_begins_at_once_and_has_its_day(self, anna: Player) -> None:
        tournament, everybody = lobby(anna, 2)
        start(anna, tournament)

        play_round(tournament, dict.fromkeys(everybody, 3), now=NOON + HOUR)

        second = current(tournament)
        assert second.number == 2
        assert second.deadline == second.begins_at + DAY
        assert second.begins_at == NOON + HOUR + timedelta(seconds=5)

    def test_points_then_right_answers_then_time(self, anna: Player) -> None:
        tournament, (_, ben, carla, dora) = lobby(anna, 3)
        start(anna, tournament)
        for _ in range(3):
            play_round(tournament, {anna: 2, ben: 4, carla: 4, dora: 1}, now=NOON + HOUR)

        # Ben and Carla draw, and win twice; the one who has registered first stands before.
        assert places(tournament)[2:] == ["Anna", "P2"]
        standings = tournament_standings.standings_of(tournament)
        assert [one.score.points for one in standings] == [5, 5, 2, 0]
        assert [one.buchholz for one in standings] == [0, 0, 0, 0]

    def test_no_prizes_or_badges(self, anna: Player) -> None:
        tournament, everybody = lobby(anna, 1)
        start(anna, tournament)
        play_round(tournament, dict.fromkeys(everybody, 3), now=NOON + HOUR)

        run(NOON + 2 * HOUR)

        assert places(tournament) == ["Anna", "P0"]
        assert not anna.badges.exists()
        assert not LedgerEntry.objects.filter(type="PRIZE").exists()

    def test_others_do_not_see_it(self, anna: Player) -> None:
        tournament, (_, ben) = lobby(anna, 1)
        start(anna, tournament)
        play(ben, tournament, [True], now=NOON)

        with pytest.raises(NoTournamentError):
            tournament_play.look(player=player(), tournament_id=tournament.pk, now=NOON)
        assert private_tournaments.mine(ben) == [tournament]
        assert private_tournaments.mine(player()) == []
