"""The Swiss system: pairs and standings, on their own."""

import random
from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quizarena.game import swiss
from quizarena.game.swiss import NoPairingError, Pair, Score

FIRST = datetime(2026, 12, 16, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def score(
    player_id: int,
    points: int = 0,
    *,
    right: int = 0,
    time: int = 0,
    registered: int = 0,
    opponents: tuple[int, ...] = (),
) -> Score:
    """Return what a player has reached."""
    return Score(
        player_id=player_id,
        registered_at=FIRST + registered * SECOND,
        points=points,
        right=right,
        time=time * SECOND,
        opponents=opponents,
    )


def order(*scores: Score, with_buchholz: bool = True) -> list[int]:
    """Return the players in their order."""
    return [one.score.player_id for one in swiss.standings(scores, with_buchholz=with_buchholz)]


class Tour:
    """A tournament in which only points matter."""

    def __init__(self, players: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.points = dict.fromkeys(range(1, players + 1), 0)
        self.met: set[frozenset[int]] = set()
        self.had_bye: set[int] = set()
        self.pairs: list[Pair] = []

    def ordered(self) -> list[int]:
        """Return the players in the order of their points."""
        return sorted(self.points, key=lambda one: (-self.points[one], one))

    def round(self) -> list[Pair]:
        """Play a round, of which chance decides; return its pairs."""
        self.pairs = swiss.pair(
            self.ordered(),
            points=self.points,
            met=self.met,
            had_bye=self.had_bye,
            rng=self.rng,
        )
        for one, other in self.pairs:
            if other is None:
                self.had_bye.add(one)
                self.points[one] += 2
                continue
            self.met.add(frozenset((one, other)))
            gained = self.rng.choice((0, 1, 2))
            self.points[one] += gained
            self.points[other] += 2 - gained
        return self.pairs


class TestOrder:
    def test_points_come_first(self) -> None:
        assert order(score(1, 2, right=21), score(2, 4)) == [2, 1]

    def test_then_the_points_of_the_opponents(self) -> None:
        scores = [
            score(1, 4, right=21, opponents=(4,)),
            score(2, 4, opponents=(3,)),
            score(3, 2),
            score(4, 0),
        ]

        assert order(*scores) == [2, 1, 3, 4]
        assert [one.buchholz for one in swiss.standings(scores)] == [2, 0, 0, 0]

    def test_which_do_not_count_where_they_are_not_wanted(self) -> None:
        scores = [score(1, 4, right=2, opponents=(4,)), score(2, 4, opponents=(3,)), score(3, 2),
                  score(4, 0)]  # fmt: skip

        assert order(*scores, with_buchholz=False) == [1, 2, 3, 4]

    def test_then_right_answers_then_time_then_registration(self) -> None:
        assert order(score(1, right=3), score(2, right=4)) == [2, 1]
        assert order(score(1, right=3, time=2), score(2, right=3, time=1)) == [2, 1]
        assert order(score(1, registered=2), score(2, registered=1)) == [2, 1]
        assert order(score(2), score(1)) == [1, 2]

    @given(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
            max_size=20,
        ),
        st.randoms(use_true_random=False),
    )
    def test_it_is_total_and_does_not_depend_on_where_one_stands(
        self, rows: list[tuple[int, int, int, int]], rng: random.Random
    ) -> None:
        scores = [
            score(number, points, right=right, time=time, registered=registered)
            for number, (points, right, time, registered) in enumerate(rows)
        ]
        shuffled = rng.sample(scores, len(scores))

        assert order(*scores) == order(*shuffled)
        places = [one.place for one in swiss.standings(shuffled)]
        assert places == list(range(1, len(rows) + 1))


class TestPairs:
    @settings(deadline=None, max_examples=60)
    @given(st.integers(4, 40), st.integers(0, 2**16))
    def test_every_round_of_a_cup_is_valid(self, players: int, seed: int) -> None:
        tour = Tour(players, seed)
        rounds = 4 if players >= 21 else 3

        for number in range(1, rounds + 1):
            before = set(tour.met), set(tour.had_bye)
            pairs = tour.round()

            taken = [one for pair in pairs for one in pair if one is not None]
            assert sorted(taken) == sorted(tour.points)
            byes = [one for one, other in pairs if other is None]
            assert len(byes) == players % 2
            assert not set(byes) & before[1]
            met = {frozenset((one, other)) for one, other in pairs if other is not None}
            assert not met & before[0]
            # A win, two draws or a bye are two points.
            assert sum(tour.points.values()) == number * 2 * len(pairs)

    @pytest.mark.parametrize(
        ("players", "rounds"), [(2, 1), (3, 3), (4, 3), (5, 3), (6, 3), (8, 3)]
    )
    def test_every_round_of_a_private_tournament(self, players: int, rounds: int) -> None:
        for seed in range(50):
            tour = Tour(players, seed)
            for _ in range(rounds):
                tour.round()
            if players <= 4:
                assert len(tour.met) == players * (players - 1) // 2

    def test_those_with_as_many_points_meet(self) -> None:
        points = {1: 2, 2: 2, 3: 2, 4: 2, 5: 0, 6: 0}

        for seed in range(20):
            pairs = swiss.pair(
                list(points), points=points, met=set(), had_bye=set(), rng=random.Random(seed)
            )
            assert {5, 6} in [set(pair) for pair in pairs]

    def test_the_last_without_a_bye_has_it(self) -> None:
        points = dict.fromkeys(range(1, 6), 0)

        def bye(*had: int) -> int:
            pairs = swiss.pair(
                list(points), points=points, met=set(), had_bye=had, rng=random.Random(1)
            )
            return next(one for one, other in pairs if other is None)

        assert (bye(), bye(5), bye(5, 4)) == (5, 4, 3)

    def test_without_any_new_pair_there_is_no_round(self) -> None:
        with pytest.raises(NoPairingError):
            swiss.pair(
                [1, 2], points={1: 0, 2: 0}, met={frozenset((1, 2))}, had_bye=(),
                rng=random.Random(1),
            )  # fmt: skip
        with pytest.raises(NoPairingError):
            swiss.pair(
                [1, 2, 3], points={1: 0, 2: 0, 3: 0}, met=set(), had_bye=(1, 2, 3),
                rng=random.Random(1),
            )  # fmt: skip

    @pytest.mark.parametrize("players", [99, 100])
    def test_a_full_cup_is_paired_in_less_than_a_second(self, players: int) -> None:
        tour = Tour(players, 1)

        for _ in range(4):
            began = process_time()
            tour.round()
            assert process_time() - began < 1
