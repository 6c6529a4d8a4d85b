"""Which question comes next."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q

from quizarena.game import daily, levels, selection
from quizarena.game.errors import NoQuestionsError
from quizarena.game.models import Level, Mode, Question, Round, RoundQuestion
from quizarena.players.models import Player
from tests.game.challenges import make_bank
from tests.owner import analyze

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
# More questions of the round that is open, answered a moment ago, and three days ago.
SHOWN = """
INSERT INTO game_roundquestion
  (round_id, number, player_id, mode, question_id, version_id, "order", shown_at, answered_at,
   choice, is_correct)
SELECT shown.round_id, 1 + version.place, shown.player_id, shown.mode, version.question_id,
  version.id, '{0,1,2,3}', played.at, played.at, 0, false
FROM game_roundquestion AS shown, (
  SELECT id, question_id, row_number() OVER (ORDER BY random()) AS place FROM game_questionversion
) AS version, LATERAL (
  SELECT %(now)s - CASE WHEN version.place > %(more)s THEN interval '3 days' ELSE '0' END AS at
) AS played
WHERE version.place <= %(more)s + %(before)s
"""
MIX, SPRINT = Mode.QUICK_MIX_A1A2, Mode.ARTIKEL_SPRINT


def make_player(telegram_id: int = 1) -> Player:
    """Store a player."""
    return Player.objects.create(
        telegram_id=telegram_id, first_name="Anna", created_at=NOON, last_seen_at=NOON
    )


def make_questions(count: int, *, mode: Mode = MIX) -> None:
    """Store so many questions of a mode; the second option is right."""
    Question.objects.bulk_create(
        Question(
            quiz_id=f"{mode}-{number}",
            question=f"Frage {number}?",
            option_1="falsch",
            option_2="richtig",
            option_3="verkehrt",
            option_4="daneben",
            correct_option_id=1,
            explanation="Darum.",
            level="A1",
            category=mode,
            key=f"key-{number}",
        )
        for number in range(count)
    )


def show(player: Player, *, mode: Mode = MIX, now: datetime = NOON) -> int:
    """Show the player the next question, as a round does, and return its id."""
    version = selection.next_question(player=player, mode=mode, now=now)
    played, _ = Round.objects.get_or_create(
        player=player, mode=mode, state="OPEN", defaults={"start_key": "k", "started_at": NOON}
    )
    played.round_questions.filter(answered_at=None).update(
        answered_at=NOON, choice=0, is_correct=False
    )
    RoundQuestion.objects.create(
        round=played,
        number=played.round_questions.count() + 1,
        player=player,
        mode=mode,
        question_id=version.question_row_id,
        version=version,
        order=[0, 1, 2, 3],
        shown_at=now,
    )
    return version.question_row_id


def test_a_question_does_not_return_before_twenty_others_were_asked() -> None:
    player = make_player()
    make_questions(25)

    shown = [show(player) for _ in range(100)]

    for place, question in enumerate(shown):
        assert question not in shown[max(0, place - 20) : place]
    assert len(set(shown)) == 25


def test_a_bank_of_twenty_one_goes_round_in_one_order() -> None:
    player = make_player()
    make_questions(21)

    shown = [show(player) for _ in range(63)]

    assert shown[:21] == shown[21:42] == shown[42:]


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_a_small_bank_gives_what_was_asked_longest_ago(size: int) -> None:
    player = make_player()
    make_questions(size)

    shown = [show(player) for _ in range(3 * size)]

    assert len(set(shown[:size])) == size
    assert shown[size : 2 * size] == shown[:size]
    assert shown[2 * size :] == shown[:size]


def test_questions_come_in_another_order_for_everybody() -> None:
    make_questions(30)
    orders = set()

    for telegram_id in range(5):
        player = make_player(telegram_id)
        orders.add(tuple(show(player) for _ in range(10)))

    assert len(orders) == 5


def test_a_disabled_question_is_never_asked() -> None:
    player = make_player()
    make_questions(5)
    Question.objects.filter(quiz_id__in=["QUICK_MIX_A1A2-1", "QUICK_MIX_A1A2-3"]).update(
        is_enabled=False
    )

    shown = {show(player) for _ in range(30)}

    asked = Question.objects.filter(pk__in=shown).values_list("quiz_id", flat=True)
    assert sorted(asked) == ["QUICK_MIX_A1A2-0", "QUICK_MIX_A1A2-2", "QUICK_MIX_A1A2-4"]


def test_modes_do_not_mix() -> None:
    player = make_player()
    make_questions(3, mode=MIX)
    make_questions(3, mode=SPRINT)

    mix = {show(player, mode=MIX) for _ in range(9)}

    assert set(Question.objects.filter(pk__in=mix).values_list("category", flat=True)) == {MIX}
    assert len(mix) == 3


def test_what_others_were_asked_does_not_matter() -> None:
    make_questions(2)
    anna, ben = make_player(1), make_player(2)

    turns = [(show(anna), show(ben)) for _ in range(20)]

    of_anna, of_ben = zip(*turns, strict=True)
    assert of_anna == of_anna[:2] * 10
    assert of_ben == of_ben[:2] * 10


def test_the_question_is_asked_as_it_reads_now() -> None:
    player = make_player()
    make_questions(1)
    Question.objects.update(question="Frage, besser gestellt?")

    version = selection.next_question(player=player, mode=MIX, now=NOON)

    assert (version.number, version.question) == (2, "Frage, besser gestellt?")


def test_an_edited_question_does_not_return_as_another_one() -> None:
    player = make_player()
    make_questions(2)
    first = show(player)
    Question.objects.update(explanation="Deshalb.")

    assert show(player) != first


@pytest.mark.parametrize("disabled", [False, True])
def test_without_a_question_it_says_so(disabled: bool) -> None:
    player = make_player()
    if disabled:
        make_questions(3)
        Question.objects.update(is_enabled=False)

    with pytest.raises(NoQuestionsError) as refusal:
        selection.next_question(player=player, mode=MIX, now=NOON)

    assert refusal.value.mode == MIX


# --- Level and topic ------------------------------------------------------------------------------


def draw(player: Player, *, now: datetime = NOON) -> str:
    """Return the level of the next question, which is not shown."""
    return selection.next_question(player=player, mode=MIX, now=now).question_row.level


def roll(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Let chance decide so which level is drawn."""
    monkeypatch.setattr("quizarena.game.selection.random.random", lambda: value)


def put(player: Player, level: str) -> None:
    """Let the player be at the level in all modes."""
    levels.choose(player=player, level=Level(level), now=NOON)


@pytest.mark.parametrize(
    ("value", "step"),
    [(0.0, 0), (0.6999, 0), (0.7, -1), (0.8999, -1), (0.9, 1), (0.9999, 1)],
)
def test_seventy_percent_are_of_the_level_twenty_below_ten_above(value: float, step: int) -> None:
    assert selection.step(value) == step


@pytest.mark.parametrize(
    ("level", "value", "drawn"),
    [
        ("A1", 0.0, "A1"),
        ("A1", 0.8, "A1"),  # Nothing is below: the level itself.
        ("A1", 0.95, "A2"),
        ("A2", 0.0, "A2"),
        ("A2", 0.8, "A1"),
        ("B1", 0.8, "A2"),
        ("B1", 0.95, "B2"),
        ("B2", 0.0, "B2"),
        ("B2", 0.95, "B2"),
    ],
)
def test_the_level_is_drawn_around_that_of_the_player(
    monkeypatch: pytest.MonkeyPatch, level: str, value: float, drawn: str
) -> None:
    player = make_player()
    make_bank(MIX, A1=3, A2=3, B1=3, B2=3)
    put(player, level)
    roll(monkeypatch, value)

    assert {draw(player) for _ in range(10)} == {drawn}


def test_who_has_chosen_nothing_is_at_a1(monkeypatch: pytest.MonkeyPatch) -> None:
    player = make_player()
    make_bank(MIX, A1=3, A2=3, B1=3)
    roll(monkeypatch, 0.0)

    assert {draw(player) for _ in range(10)} == {"A1"}


def test_the_level_of_another_mode_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    player = make_player()
    make_bank(MIX, A1=3, B1=3)
    levels.choose(player=player, level=Level.B1, modes=[SPRINT], now=NOON)
    roll(monkeypatch, 0.0)

    assert {draw(player) for _ in range(10)} == {"A1"}


@pytest.mark.parametrize(
    ("level", "value", "bank", "drawn"),
    [
        ("B1", 0.8, {"A1": 3, "B1": 3}, "B1"),  # A2 is drawn and does not exist.
        ("B1", 0.95, {"A1": 3, "B1": 3}, "B1"),
        ("B2", 0.0, {"A1": 3, "A2": 3}, "A2"),  # The level has nothing: the nearest.
        ("B1", 0.0, {"A2": 3, "B2": 3}, "A2"),  # Of two that are equally near the easier one.
        ("A1", 0.0, {"B1": 3, "B2": 3}, "B1"),
        ("A1", 0.0, {"B2": 3}, "B2"),
    ],
)
def test_what_does_not_exist_falls_to_the_level_and_then_to_the_nearest(
    monkeypatch: pytest.MonkeyPatch, level: str, value: float, bank: dict[str, int], drawn: str
) -> None:
    player = make_player()
    make_bank(MIX, **bank)
    put(player, level)
    roll(monkeypatch, value)

    assert {draw(player) for _ in range(10)} == {drawn}


def test_a_topic_with_many_questions_does_not_drown_one_with_few() -> None:
    player = make_player()
    make_bank(MIX, A1=404)
    questions = list(Question.objects.order_by("pk"))
    for number, question in enumerate(questions):
        question.topic = "plural" if number < 4 else "article"
    Question.objects.bulk_update(questions, ["topic"])

    drawn = [
        selection.next_question(player=player, mode=MIX, now=NOON).question_row_id
        for _ in range(200)
    ]

    topics = Counter(Question.objects.in_bulk(drawn)[pk].topic for pk in drawn)
    # A hundred each are expected; less than sixty happens once in a hundred million runs.
    assert 60 <= topics["plural"] <= 140
    # Within a topic every question has its chance.
    assert len({pk for pk in drawn if pk not in {one.pk for one in questions[:4]}}) > 40
    assert {one.pk for one in questions[:4]} <= set(drawn)


def test_a_topic_that_is_used_up_leaves_the_others() -> None:
    player = make_player()
    make_bank(MIX, A1=12)
    Question.objects.filter(quiz_id__endswith="-1").update(topic="plural")

    shown = [show(player) for _ in range(12)]

    assert len(set(shown)) == 12


class TestWhatWasShownBefore:
    """Something else comes first, and a topic the less often the more of it has been shown."""

    YESTERDAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
    LAST_WEEK = datetime(2026, 10, 25, 12, tzinfo=UTC)

    def test_it_does_not_return_while_there_is_anything_else(self) -> None:
        player = make_player()
        make_bank(MIX, A1=60)
        before = [show(player, now=self.YESTERDAY) for _ in range(25)]

        # Of what the last twenty leave, ten at most were shown and thirty not: sixteen draws that
        # find none of these happen once in billions of runs.
        today = [show(player) for _ in range(5)]

        assert not {*before} & {*today}

    def test_when_all_was_shown_what_was_so_longest_ago_comes(self) -> None:
        """Of sixteen that are drawn: the last twenty aside, three of four are of the older ones."""
        player = make_player()
        make_bank(MIX, A1=60)
        later = Question.objects.order_by("pk")[30:].values("pk")
        Question.objects.filter(pk__in=later).update(is_enabled=False)
        old = {show(player, now=self.LAST_WEEK) for _ in range(30)}
        Question.objects.update(is_enabled=Q(is_enabled=False))
        for _ in range(30):
            show(player, now=self.YESTERDAY)
        Question.objects.update(is_enabled=True)

        drawn = [
            selection.next_question(player=player, mode=MIX, now=NOON).question_row_id
            for _ in range(40)
        ]

        assert {*drawn} <= old
        assert len({*drawn}) > 3

    def test_a_topic_comes_the_less_often_the_more_of_it_was_shown(self) -> None:
        player = make_player()
        make_bank(MIX, A1=80)
        questions = list(Question.objects.order_by("pk"))
        for number, question in enumerate(questions):
            question.topic = "plural" if number < 40 else "article"
            # What is not asked yet.
            question.is_enabled = number < 30
        Question.objects.bulk_update(questions, ["topic", "is_enabled"])
        for _ in range(30):
            show(player, now=self.YESTERDAY)
        Question.objects.update(is_enabled=True)

        drawn = [
            selection.next_question(player=player, mode=MIX, now=NOON).question_row_id
            for _ in range(200)
        ]

        # Of the plurals that the last twenty leave, ten were shown and ten not: every second time
        # that they are drawn the articles come. Fifty, and six standard deviations.
        plurals = {question.pk for question in questions[:40]}
        assert 13 <= sum(pk in plurals for pk in drawn) <= 87
        assert not {question.pk for question in questions[:30]} & {*drawn}

    def test_a_mode_of_one_topic_looks_for_something_else_as_often(self) -> None:
        player = make_player()
        make_bank(MIX, A1=30)
        Question.objects.update(topic="separable-verbs")
        before = {show(player, now=self.YESTERDAY) for _ in range(24)}

        today = {
            selection.next_question(player=player, mode=MIX, now=NOON).question_row_id
            for _ in range(20)
        }

        assert not before & today

    @pytest.mark.parametrize(("topics", "always"), [(16, True), (17, False)])
    def test_sixteen_are_drawn_before_one_comes_again(
        self, monkeypatch: pytest.MonkeyPatch, topics: int, always: bool
    ) -> None:
        """Of so many topics with one question each, one alone has not been shown."""
        player = make_player()
        make_bank(MIX, A1=topics + 20)
        roll(monkeypatch, 0.0)
        questions = list(Question.objects.order_by("pk"))
        for number, question in enumerate(questions):
            question.topic = f"topic {min(number, topics):02}"
        Question.objects.bulk_update(questions, ["topic"])
        seen = [question.pk for question in questions[1:topics]]
        # Twenty others between, so that what was shown may come again.
        for asked in (seen, [question.pk for question in questions[topics:]]):
            Question.objects.update(is_enabled=Q(pk__in=asked))
            for _ in asked:
                show(player, now=self.YESTERDAY)
        Question.objects.update(is_enabled=Q(pk__in=[questions[0].pk, *seen]))
        with connection.cursor() as cursor:
            cursor.execute("SELECT setseed(0.5)")

        drawn = {
            selection.next_question(player=player, mode=MIX, now=NOON).question_row_id
            for _ in range(200)
        }

        # One of seventeen is left out of the draw: twelve times of two hundred it is the new one.
        assert (drawn == {questions[0].pk}) is always
        assert questions[0].pk in drawn

    def test_what_others_were_shown_does_not_matter(self) -> None:
        anna, ben = make_player(1), make_player(2)
        make_bank(MIX, A1=30)
        for _ in range(29):
            show(ben, now=self.YESTERDAY)

        drawn = {
            selection.next_question(player=anna, mode=MIX, now=NOON).question_row_id
            for _ in range(40)
        }

        assert len(drawn) > 10


class TestOneDay:
    """Nothing comes twice on a day of Berlin while the level has others."""

    def test_not_even_after_twenty_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = make_player()
        make_bank(MIX, A1=40, A2=40)
        roll(monkeypatch, 0.0)

        shown = [show(player) for _ in range(40)]

        assert len(set(shown)) == 40
        # Then what was asked longest ago comes first, and the level stays.
        assert show(player) == shown[0]
        assert show(player) == shown[1]

    def test_a_level_too_small_for_that_is_helped_out_by_the_nearest(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = make_player()
        make_bank(MIX, A1=5, A2=15, B1=15)
        roll(monkeypatch, 0.0)

        shown = [show(player) for _ in range(25)]

        found = Question.objects.in_bulk(shown)
        assert [found[pk].level for pk in shown[:20]] == ["A1"] * 5 + ["A2"] * 15
        # From then on one after the other is none of the last twenty any more.
        assert [found[pk].level for pk in shown[20:]] == ["B1", "A1", "A1", "A1", "A1"]

    @pytest.mark.parametrize(
        ("shown_at", "returns"),
        [
            (datetime(2026, 11, 1, 22, 59, 59, tzinfo=UTC), True),
            (datetime(2026, 11, 1, 23, tzinfo=UTC), False),
        ],
    )
    def test_the_day_begins_at_midnight_in_berlin(
        self, monkeypatch: pytest.MonkeyPatch, shown_at: datetime, returns: bool
    ) -> None:
        player = make_player()
        make_bank(MIX, A1=22)
        roll(monkeypatch, 0.0)
        show(player)
        second = show(player, now=shown_at)
        for _ in range(20):
            show(player)

        drawn = {
            selection.next_question(player=player, mode=MIX, now=NOON).question_row_id
            for _ in range(40)
        }

        # All have been shown: what was not today, else the first one of today again.
        assert ({second} == drawn) is returns

    def test_what_the_daily_challenge_asks_today_is_not_asked_beside_it(self) -> None:
        player = make_player()
        make_bank(MIX, A1=4, A2=6, B1=4)
        drawn = daily.draw(day=NOON.date(), now=NOON)
        asked = set(drawn.questions.values_list("version__question_row", flat=True))

        beside = {show(player) for _ in range(7)}

        assert len(asked) == 7
        assert not beside & asked
        # They are better than nothing.
        assert show(player) in asked


@pytest.mark.parametrize("ids", [(10, 11, 1_000), (10, 11, 12), (1, 5_000_000, 10_000_000)])
def test_questions_are_drawn_equally_often_however_far_their_ids_lie_apart(
    ids: tuple[int, ...],
) -> None:
    player = make_player()
    for pk, question in zip(ids, make_bank(MIX, A1=3), strict=True):
        Question.objects.filter(pk=question.pk).update(quiz_id=f"old-{pk}", is_enabled=False)
        question.pk = pk
        question.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")

    drawn = Counter(
        selection.next_question(player=player, mode=MIX, now=NOON).question_row_id
        for _ in range(300)
    )

    # A hundred of each, and six standard deviations.
    assert set(drawn) == set(ids)
    assert 50 < min(drawn.values()) <= max(drawn.values()) < 150


@pytest.mark.parametrize(
    ("topics", "today", "before"),
    [
        # As a bank has them, and one that was imported without; 3,000 have been shown.
        (40, 30, 2_970),
        (1, 30, 2_970),
        # Somebody who has played the whole day.
        (40, 1_000, 0),
        (1, 1_000, 0),
    ],
)
def test_ten_thousand_questions_are_neither_read_nor_sorted(
    topics: int, today: int, before: int
) -> None:
    """The plan is looked at, not the time: what is read of the bank, and how much is sorted."""
    player = make_player()
    Question.objects.bulk_create(
        (
            Question(
                quiz_id=f"many-{number}",
                question="Frage?",
                option_1="falsch",
                option_2="richtig",
                option_3="verkehrt",
                option_4="daneben",
                correct_option_id=1,
                explanation="Darum.",
                level=("A1", "A2", "B1", "B2")[number % 4],
                category=MIX,
                topic=f"topic {number // 4 % topics}",
                key="key",
            )
            for number in range(10_000)
        ),
        # A statement has room for 65,535 parameters.
        batch_size=2_000,
    )
    show(player)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(SHOWN, {"more": today - 1, "before": before, "now": NOON})
    analyze("game_question", "game_questionversion", "game_roundquestion")
    asked = selection.parameters(player=player, mode=MIX, now=NOON)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {selection._NEXT}", asked)
        (found,) = cursor.fetchone()

    plan = found if isinstance(found, list) else json.loads(found)
    executed = [node for node in nodes(plan[0]["Plan"]) if node["Actual Loops"]]
    of_the_bank = [node for node in executed if node.get("Relation Name") == "game_question"]
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in of_the_bank
    )
    assert of_the_bank
    assert not [node for node in of_the_bank if node["Node Type"] == "Seq Scan"]
    # Forty topics, 64 tried ids, and, where none of them is one of the topic, its 62 questions. Of
    # one topic every fourth id is of the level: in 64 there is one but for luck that nobody has
    # (0.775 ** 64). The same again for each that was shown before: one of three at most.
    assert read < (900 if topics == 40 else 240)
    assert max(node["Actual Rows"] for node in executed if node["Node Type"] == "Sort") <= 40
    # Of what was shown only the last twenty and today's is read, and what is drawn looked up.
    shown = [node for node in executed if node.get("Relation Name") == "game_roundquestion"]
    assert max(node["Actual Loops"] for node in shown) <= 16
    assert sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in shown
    ) <= (today + 20 + 16)
    # From a cost of 100,000 on PostgreSQL compiles a statement, which takes far longer than this.
    assert plan[0]["Plan"]["Total Cost"] < 60_000


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a node of a plan and all below it."""
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]
