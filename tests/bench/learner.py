"""A learner of 30 questions a day, for 60 days: what comes again, of which level, what is due.

The learner is of A2: knows most of A1, two thirds of A2, fewer of what is harder, and more of what
came before. The picture is written to `docs/images/learner.svg`. A second one knows two thirds of
every level: is soon at the highest, and has seen most of what is there.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import mean

from django.db import transaction
from django.utils import timezone

from economy.goods import Goods
from economy.grants import grant
from economy.models import EntryType, Source
from quizarena.game import reviews, rounds
from quizarena.game.errors import NothingDueError
from quizarena.game.models import (
    WRITTEN,
    FrozenQuestion,
    Kind,
    Level,
    Mode,
    ReviewQuestion,
    RoundQuestion,
)
from quizarena.players.models import Player
from tests.bench.report import Figure

DAYS = 60
ROUNDS_PER_DAY = 3
KNOWS: dict[Level, float] = {Level.A1: 0.9, Level.A2: 0.67, Level.B1: 0.45, Level.B2: 0.3}
KNOWS_ALIKE = dict.fromkeys(Level, 0.67)
# So much more often a question is known that came before.
SEEN = 0.15
KNOWS_IN_REVIEW = 0.85
THINKS = timedelta(seconds=8)
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "learner.svg"
OF_OTHER = "#cc79a7"
FIRST_TELEGRAM_ID = 7 * 10**15 + 60


@dataclass(slots=True)
class Day:
    """What a day has asked, and how many cards were due before and answered in reviews."""

    asked: int = 0
    repeats: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    due: int = 0
    reviewed: int = 0


class Learner:
    """A player with a memory that is drawn by lot, always the same."""

    def __init__(self, *, now: datetime, knows: dict[Level, float], number: int = 0) -> None:
        self._lot = random.Random(60)
        self._knows = knows
        self._seen: set[int] = set()
        self.topics: Counter[str] = Counter()
        self._now = now
        self._player = Player.objects.create(
            telegram_id=FIRST_TELEGRAM_ID + number,
            first_name="Lena",
            created_at=now,
            last_seen_at=now,
        )
        grant(
            player=self._player,
            goods=Goods(paid_energy=10_000),
            type=EntryType.PRIZE,
            source=Source.SYSTEM,
            key="learner",
            now=now,
        )

    def live_through(self, day: int) -> Day:
        """Review what is due, and play three rounds."""
        self._now += timedelta(days=1)
        done = Day(due=reviews.due(player=self._player, now=self._now))
        self._review(done)
        for number in range(ROUNDS_PER_DAY):
            self._play(done, key=f"u{day}-{number}")
        return done

    def _play(self, day: Day, *, key: str) -> None:
        with transaction.atomic():
            started = rounds.start(
                player=self._player, mode=Mode.QUICK_MIX_A1A2, key=key, now=self._now
            )
        asked: RoundQuestion | None = started.round_question
        while asked is not None:
            question = asked.question
            day.asked += 1
            day.repeats += question.pk in self._seen
            day.levels[question.level] += 1
            self.topics[question.topic] += 1
            asked = self._answer(asked)
            self._seen.add(question.pk)

    def _answer(self, asked: RoundQuestion) -> RoundQuestion | None:
        self._now += THINKS
        knows = self._knows[Level(asked.question.level)]
        knows += SEEN if asked.question_id in self._seen else 0
        is_known = self._lot.random() < knows
        with transaction.atomic():
            if asked.version.kind in WRITTEN:
                return self._write(asked, is_known=is_known)
            return rounds.answer(
                player=self._player,
                round_question_id=asked.pk,
                option_index=_option(asked, is_right=is_known),
                now=self._now,
            ).next

    def _write(self, asked: RoundQuestion, *, is_known: bool) -> RoundQuestion | None:
        """Type what is right, or say that one does not know; the mode has no words to order."""
        if is_known and asked.version.kind == Kind.TYPED:
            text = asked.version.correct_answer
            return rounds.answer_text(player=self._player, text=text, now=self._now).next
        return rounds.skip(player=self._player, round_question_id=asked.pk, now=self._now).next

    def _review(self, day: Day) -> None:
        try:
            with transaction.atomic():
                asked = reviews.start(player=self._player, now=self._now)
        except NothingDueError:
            return
        while True:
            self._now += THINKS
            with transaction.atomic():
                answered = self._answer_in_review(asked)
            day.reviewed += 1
            if answered.summary is not None:
                return
            if answered.next is not None:
                asked = answered.next
                continue
            with transaction.atomic():
                asked = reviews.start(player=self._player, now=self._now)

    def _answer_in_review(self, asked: ReviewQuestion) -> reviews.Answer:
        is_known = self._lot.random() < KNOWS_IN_REVIEW
        if asked.version.kind not in WRITTEN:
            return reviews.answer(
                player=self._player,
                review_question_id=asked.pk,
                option_index=_option(asked, is_right=is_known),
                now=self._now,
            )
        if is_known and asked.version.kind == Kind.TYPED:
            text = asked.version.correct_answer
            return reviews.answer_text(
                player=self._player, text=text, written_at=self._now, now=self._now
            )
        return reviews.skip(player=self._player, review_question_id=asked.pk, now=self._now)


def _option(asked: FrozenQuestion, *, is_right: bool) -> int:
    """Return where the right option stands, or the first wrong one."""
    right = asked.version.correct_option_id
    return next(index for index, option in enumerate(asked.order) if (option == right) == is_right)


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Let the learner live, draw the picture, and say how it was."""
    learner = Learner(now=timezone.now(), knows=KNOWS)
    days = [learner.live_through(number) for number in range(DAYS)]
    other = Learner(now=timezone.now(), knows=KNOWS_ALIKE, number=1)
    days_of_other = [other.live_through(number) for number in range(DAYS)]
    PICTURE.write_text(_picture(days, days_of_other))
    yield from _figures(days, "of A2")
    yield from _figures(days_of_other, "who knows all levels alike")
    yield Figure(
        what="topics; the most frequent one",
        unit="number; %",
        samples=[len(learner.topics)],
        settings={"%": 100 * max(learner.topics.values()) / learner.topics.total()},
    )
    yield Figure(
        what="cards due, days 31 to 60", unit="cards", samples=[day.due for day in days[30:]]
    )
    yield Figure(
        what="answers in reviews a day, days 31 to 60",
        unit="answers",
        samples=[day.reviewed for day in days[30:]],
        settings={"mean": mean(day.reviewed for day in days[30:])},
    )


def _figures(days: list[Day], who: str) -> Iterator[Figure]:
    """Yield what came again, and of which level the questions were."""
    settings: dict[str, str | int | float] = {"days": DAYS, "questions a day": 30}
    for first, last in ((1, 7), (8, 30), (31, 60)):
        part = days[first - 1 : last]
        yield Figure(
            what=f"a learner {who}: questions of rounds that came before, days {first} to {last}",
            unit="%",
            samples=[100 * day.repeats / day.asked for day in part],
            settings=settings,
        )
    levels = sum((day.levels for day in days), Counter[str]())
    for level in Level.values:
        yield Figure(
            what=f"a learner {who}: questions of {level}",
            unit="%",
            samples=[100 * levels[level] / sum(levels.values())],
            settings=settings,
        )


def _picture(days: list[Day], days_of_other: list[Day]) -> str:
    """Return an SVG with repeats and levels by day, and what was due; repeats of the other, too."""
    width, height, left = 12 * DAYS, 150, 46
    colours = {"A1": "#56b4e9", "A2": "#009e73", "B1": "#e69f00", "B2": "#d55e00"}
    most_due = max(day.due for day in days) or 1
    # More are not counted.
    most = f"{most_due}+" if most_due == reviews.COUNTED_MAX else str(most_due)
    shapes, charts = [], ("Share of repeats", "Share of levels", "Cards due")
    for number, title in enumerate(charts):
        top = 30 + number * (height + 50)
        shapes.append(f'<text x="{left}" y="{top - 8}" font-weight="bold">{title}</text>')
        shapes.append(_line(left, top + height, width))
        for label, y in (
            (most if number == 2 else "100 %", top + 10),
            ("0", top + height),
        ):
            shapes.append(f'<text x="{left - 6}" y="{y}" text-anchor="end">{label}</text>')
        for index, (day, of_other) in enumerate(zip(days, days_of_other, strict=True)):
            x = left + index * 12
            if number == 0:
                tall = height * of_other.repeats / of_other.asked
                shapes.append(_bar(x, top + height - tall, tall, OF_OTHER))
            if number == 1:
                stands = float(top + height)
                for level, colour in colours.items():
                    tall = height * day.levels[level] / day.asked
                    stands -= tall
                    shapes.append(_bar(x, stands, tall, colour))
            else:
                share = day.due / most_due if number == 2 else day.repeats / day.asked
                shapes.append(_bar(x, top + height * (1 - share), height * share, "#0072b2"))
    legend = "".join(
        f'<tspan fill="{colour}" dx="12">■ {level}</tspan>' for level, colour in colours.items()
    )
    shapes.append(f'<text x="{left + 140}" y="{30 + height + 50 - 8}">{legend}</text>')
    whose = f'<tspan fill="{OF_OTHER}" dx="12">■ who is soon at B2</tspan>'
    shapes.append(
        f'<text x="{left + 140}" y="22"><tspan fill="#0072b2">■ of A2</tspan>{whose}</text>'
    )
    bottom = 30 + 3 * (height + 50)
    shapes.append(f'<text x="{left}" y="{bottom - 26}">Day 1</text>')
    shapes.append(f'<text x="{left + width}" y="{bottom - 26}" text-anchor="end">Day {DAYS}</text>')
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 10} {bottom}" '
        f'font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _bar(x: float, y: float, tall: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y:.1f}" width="10" height="{tall:.1f}" fill="{colour}"/>'


def _line(x: int, y: int, width: int) -> str:
    return f'<path d="M{x} {y}h{width}" stroke="#7f7f7f"/>'
