"""The game in the admin: a module for each noun, which Django finds here."""

from quizarena.game.admin import (
    daily,
    duels,
    fair_play,
    home_panels,
    leagues,
    play,
    player_timeline,
    question_imports,
    question_play,
    questions,
    reviews,
    rules,
    tournaments,
)

__all__ = [
    "daily",
    "duels",
    "fair_play",
    "home_panels",
    "leagues",
    "play",
    "player_timeline",
    "question_imports",
    "question_play",
    "questions",
    "reviews",
    "rules",
    "tournaments",
]
