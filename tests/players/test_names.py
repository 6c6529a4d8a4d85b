"""By which name players see each other, what is refused, and what staff reset."""

from typing import Any

import pytest
from django.db import IntegrityError

from quizarena.players import names
from quizarena.players.errors import BadNameError, NameProblem
from quizarena.players.models import Player
from quizarena.staff.errors import BadReasonError
from quizarena.staff.models import AuditEntry
from tests.factories import NOON, PlayerFactory, make_staff


def player(**fields: Any) -> Player:
    """Return a player who is not stored."""
    return Player(**({"pk": 51_234, "first_name": "Anna", "last_name": "Müller"} | fields))


class TestPublicName:
    @pytest.mark.parametrize(
        ("fields", "shown"),
        [
            ({}, "Anna M."),
            ({"last_name": ""}, "Anna"),
            ({"last_name": "🙂"}, "Anna"),
            ({"first_name": "Анна", "last_name": "Шевченко"}, "Анна Ш."),
            # Names of two scripts would be look-alikes: the first name alone is not.
            ({"first_name": "Анна", "last_name": "Müller"}, "Анна"),
            ({"first_name": "🌸 Anna 🌸"}, "Anna M."),
            ({"first_name": "A\u200bn\u202ena", "last_name": ""}, "A n na"),
            ({"first_name": "A" * 60}, "A" * 17 + " M."),
            ({"first_name": "@bot", "last_name": ""}, "bot"),
            ({"first_name": "t.me/spam", "last_name": ""}, "Player 1234"),
            ({"first_name": "🙂", "last_name": ""}, "Player 1234"),
            ({"first_name": "Hitler", "last_name": ""}, "Player 1234"),
            ({"first_name": "李", "last_name": "明"}, "Player 1234"),
            ({"pk": 70_007, "first_name": "1"}, "Player 0007"),
            ({"public_name": "Wortjägerin"}, "Wortjägerin"),
            ({"public_name": "Wortjägerin", "is_hidden": True}, "Anonymous"),
            ({"suspended_at": NOON}, "Anonymous"),
            ({"reset_name": "Anna M."}, "Player 1234"),
            ({"reset_name": "Anna M.", "public_name": "Anni"}, "Anni"),
        ],
    )
    def test_what_others_see(self, fields: dict[str, Any], shown: str) -> None:
        assert names.public_name(player(**fields)) == shown

    def test_who_hides_sees_the_own_name(self) -> None:
        hidden = player(is_hidden=True)

        assert names.public_name(hidden, viewer=hidden) == "Anna M."
        assert names.public_name(hidden, viewer=player(pk=1)) == "Anonymous"

    def test_a_name_from_right_to_left_leaves_its_line_alone(self) -> None:
        assert names.public_name(player(first_name="محمد", last_name="")) == "\u2068محمد\u2069"


class TestNormalise:
    @pytest.mark.parametrize(
        ("name", "normal"),
        [
            ("Al", "Al"),
            ("A" * 20, "A" * 20),
            ("  Anna   Lena ", "Anna Lena"),
            ("Ａｎｎａ", "Anna"),
            ("Anne-Marie O'Neil", "Anne-Marie O'Neil"),
            ("Anna K.", "Anna K."),
            ("anna_99", "anna_99"),
            ("Мар'яна", "Мар'яна"),
            ("Nazira", "Nazira"),
            ("Dick", "Dick"),
            ("Hassan", "Hassan"),
        ],
    )
    def test_what_a_name_may_be(self, name: str, normal: str) -> None:
        assert names.normalise(name) == normal

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("", "LENGTH"),
            (" A ", "LENGTH"),
            ("A" * 21, "LENGTH"),
            ("@anna", "LINK"),
            ("anna.de", "LINK"),
            ("www anna", "LINK"),
            ("t.me/anna", "LINK"),
            ("Anna🙂", "CHARACTERS"),
            ("An\u200bna", "CHARACTERS"),
            ("An\u202ena", "CHARACTERS"),
            ("An\u00adna", "CHARACTERS"),
            ("Anna\u0489\u0489", "CHARACTERS"),
            ("<b>Anna", "CHARACTERS"),
            ("李明", "CHARACTERS"),
            ("Аnna", "SCRIPTS"),
            ("Annа", "SCRIPTS"),
            ("12345", "LETTERS"),
            ("A1", "LETTERS"),
            ("Fotze", "WORDS"),
            ("F O T Z E", "WORDS"),
            ("F0tz3", "WORDS"),
            ("Fooootze", "WORDS"),
            ("f o t-z_e", "WORDS"),
            ("Nazi", "WORDS"),
            ("Der Nazi", "WORDS"),
            ("сука", "WORDS"),
            ("Admin", "WORDS"),
            ("Support Team", "WORDS"),
            ("Quiz Arena", "WORDS"),
            ("Quiz-Arena", "WORDS"),
        ],
    )
    def test_what_it_may_not(self, name: str, problem: str) -> None:
        with pytest.raises(BadNameError) as refusal:
            names.normalise(name)

        assert refusal.value.problem == NameProblem(problem)


@pytest.mark.django_db
class TestChoosing:
    def test_a_choice_is_stored_as_it_reads(self) -> None:
        anna = PlayerFactory.create()

        assert names.choose(player=anna, name=" Wort  Jägerin ") == "Wort Jägerin"

        anna.refresh_from_db()
        assert anna.public_name == "Wort Jägerin"
        names.forget_choice(player=anna)
        anna.refresh_from_db()
        assert names.public_name(anna) == "Anna M."

    def test_a_refused_one_changes_nothing(self) -> None:
        anna = PlayerFactory.create(public_name="Anni")

        with pytest.raises(BadNameError):
            names.choose(player=anna, name="@anna")

        anna.refresh_from_db()
        assert anna.public_name == "Anni"

    @pytest.mark.parametrize("name", ["A", " Anna", "Anna "])
    def test_the_database_takes_no_half_name(self, name: str) -> None:
        with pytest.raises(IntegrityError, match="player_public_name_has_two_characters"):
            PlayerFactory.create(public_name=name)


@pytest.mark.django_db
class TestReset:
    def test_an_improper_name_is_taken_away_and_audited(self) -> None:
        anna = PlayerFactory.create(public_name="Ganz Schlimm")
        staff = make_staff("Support")

        names.reset(player_id=anna.pk, staff=staff, reason="  Insulting. ")

        anna.refresh_from_db()
        assert (anna.public_name, anna.reset_name) == ("", "Ganz Schlimm")
        assert names.public_name(anna).startswith("Player ")
        entry = AuditEntry.objects.get(action="player.name_reset")
        assert entry.actor == staff
        assert entry.details["before"] == "Ganz Schlimm"
        assert entry.details["reason"] == "Insulting."

    def test_it_is_not_chosen_again_however_it_is_written(self) -> None:
        anna = PlayerFactory.create(public_name="Ganz Schlimm")
        names.reset(player_id=anna.pk, staff=make_staff("Support"), reason="Insulting.")
        anna.refresh_from_db()

        for name in ("Ganz Schlimm", "ganz schlimm", "Ganz-Schl1mm"):
            with pytest.raises(BadNameError) as refusal:
                names.choose(player=anna, name=name)
            assert refusal.value.problem == NameProblem.RESET
        assert names.choose(player=anna, name="Anni") == "Anni"

    def test_a_name_of_telegram_can_be_reset_too(self) -> None:
        anna = PlayerFactory.create(first_name="Schlimm", last_name="")

        names.reset(player_id=anna.pk, staff=make_staff("Support"), reason="Insulting.")

        anna.refresh_from_db()
        assert names.public_name(anna).startswith("Player ")

    def test_without_a_reason_nothing_happens(self) -> None:
        anna = PlayerFactory.create(public_name="Anni")

        with pytest.raises(BadReasonError):
            names.reset(player_id=anna.pk, staff=make_staff("Support"), reason=" ")

        anna.refresh_from_db()
        assert anna.public_name == "Anni"
