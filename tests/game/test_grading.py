"""What counts as a right answer, kind by kind. Product rules, section 15."""

import pytest

from quizarena.game import grading
from quizarena.game.grading import Grade

GAP = "Gestern ___ wir lange."


class TestOption:
    @pytest.mark.parametrize(
        ("choice", "grade"),
        [
            (1, Grade(is_correct=True, understood="die")),
            (0, Grade(is_correct=False)),
            (2, Grade(is_correct=False)),
        ],
    )
    def test_the_right_option_is_right(self, choice: int, grade: Grade) -> None:
        options = ["der", "die", "das"]

        assert grading.grade_option(options=options, correct_option_id=1, choice=choice) == grade


class TestTyped:
    @pytest.mark.parametrize(
        ("answer", "text", "written"),
        [
            # As it is.
            ("gegangen", "gegangen", ""),
            # A phone begins with a capital; all else in another case is said.
            ("gegangen", "Gegangen", ""),
            ("gegangen", "GEGANGEN", "gegangen"),
            ("Häuser", "häuser", "Häuser"),
            ("über", "Über", ""),
            # Umlauts and ß.
            ("übersetzt", "uebersetzt", "übersetzt"),
            ("übersetzt", "UEBERSETZT", "übersetzt"),
            ("gehört", "gehoert", "gehört"),
            ("Bäume", "Baeume", "Bäume"),
            ("Äpfel", "Aepfel", "Äpfel"),
            ("Äpfel", "äpfel", "Äpfel"),
            ("geschlossen", "geschloßen", "geschlossen"),
            ("heißt", "heisst", "heißt"),
            ("heißt", "HEISST", "heißt"),
            ("heißt", "HEIẞT", "heißt"),
            ("neue", "neue", ""),
            # An umlaut of two characters, as some keyboards send it.
            ("über", "u\u0308ber", ""),
            # Spaces, also those that nobody sees.
            ("ist gegangen", "  ist \n gegangen ", ""),
            ("ist gegangen", "ist\u00a0gegangen", ""),
            ("gegangen", "gegan\u200bgen", ""),
            ("gegangen", "\ufeffgegangen", ""),
            # Punctuation around it.
            ("gegangen", "gegangen.", ""),
            ("gegangen", "„gegangen“", ""),
            ("gegangen", "... gegangen!", ""),
            ("gegangen", "(gegangen)", ""),
            ("gegangen", "*gegangen*", ""),
            ("geht's", "geht’s", ""),
            ("E-Mails", "E\u2011Mails", ""),
        ],
    )
    def test_what_is_right(self, answer: str, text: str, written: str) -> None:
        grade = grading.grade_typed(question=GAP, answers=[answer], text=text)

        assert grade == Grade(is_correct=True, understood=answer, written=written)

    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            ("gegangen", "gegangn"),
            ("gegangen", "gehen"),
            ("gegangen", "ist gegangen"),
            ("gegangen", ""),
            ("gegangen", "."),
            ("gegangen", "gegangen geblieben"),
            # An umlaut is no plain vowel.
            ("übersetzt", "ubersetzt"),
            ("Häuser", "Hauser"),
            ("schon", "schön"),
            ("ist gegangen", "istgegangen"),
            ("E-Mails", "EMails"),
        ],
    )
    def test_what_is_wrong(self, answer: str, text: str) -> None:
        grade = grading.grade_typed(question=GAP, answers=[answer], text=text)

        assert grade == Grade(is_correct=False)

    def test_each_further_answer_is_right(self) -> None:
        answers = ["wollte", "will"]

        grade = grading.grade_typed(question=GAP, answers=answers, text="WILL")

        assert grade == Grade(is_correct=True, understood="will", written="will")

    def test_of_two_answers_it_is_the_one_that_is_spelled_like_that(self) -> None:
        grade = grading.grade_typed(question=GAP, answers=["Maße", "Masse"], text="Masse")

        assert grade == Grade(is_correct=True, understood="Masse")

    @pytest.mark.parametrize(
        ("question", "answer", "text", "is_correct"),
        [
            # It stands in front of the gap.
            ("Das sind die ___.", "Häuser", "die Häuser", True),
            ("Das sind die ___.", "Häuser", "Die Häuser", True),
            ("Das sind die ___.", "Häuser", "das Häuser", False),
            # Nothing says which one it is.
            ("Plural von „Haus“?", "Häuser", "die Häuser", False),
            ("Zwei ___.", "Häuser", "die Häuser", False),
            # The article is what was asked for.
            ("Tisch: ___", "der Tisch", "Tisch", False),
            ("Tisch: ___", "der Tisch", "Der Tisch", True),
            # No article.
            ("Ich habe drei ___.", "Häuser", "drei Häuser", False),
            ("Das ist die ___.", "die", "die", True),
        ],
    )
    def test_a_leading_article_counts_where_it_is_clear(
        self, question: str, answer: str, text: str, is_correct: bool
    ) -> None:
        grade = grading.grade_typed(question=question, answers=[answer], text=text)

        assert grade.is_correct is is_correct

    def test_a_note_is_about_the_answer_without_its_article(self) -> None:
        grade = grading.grade_typed(
            question="Das sind die ___.", answers=["Häuser"], text="die Haeuser"
        )

        assert grade == Grade(is_correct=True, understood="Häuser", written="Häuser")


ORDERS = ["Heute geht Anna nach Hause.", "Anna geht heute nach Hause."]


class TestOrder:
    @pytest.mark.parametrize(
        ("placed", "understood"),
        [
            ("heute geht Anna nach Hause", "Heute geht Anna nach Hause."),
            ("Anna geht heute nach Hause", "Anna geht heute nach Hause."),
            ("geht Anna heute nach Hause", ""),
            ("heute geht Anna nach", ""),
            ("heute Anna geht nach Hause", ""),
            ("", ""),
        ],
    )
    def test_every_valid_order_is_right(self, placed: str, understood: str) -> None:
        grade = grading.grade_order(answers=ORDERS, placed=placed.split())

        assert grade == Grade(is_correct=bool(understood), understood=understood)

    def test_punctuation_is_no_word(self) -> None:
        sentence = "Ich weiß, dass Anna kommt: Sie ist da!"

        assert grading.words_of(sentence) == [
            *("Ich", "weiß", "dass", "Anna", "kommt", "Sie", "ist", "da")
        ]

    @pytest.mark.parametrize(
        ("answers", "first"),
        [
            (ORDERS, "heute"),
            (["Anna geht heute nach Hause.", "Heute geht Anna nach Hause."], "Anna"),
            (["Der Mann schläft."], "der"),
            (["Übermorgen komme ich."], "übermorgen"),
        ],
    )
    def test_the_first_word_does_not_give_itself_away(self, answers: list[str], first: str) -> None:
        assert grading.chips(answers)[0] == first
        assert grading.chips(answers)[1:] == grading.words_of(answers[0])[1:]

    @pytest.mark.parametrize(
        ("answers", "is_so"),
        [
            (ORDERS, True),
            (["Der Mann sieht den Hund.", "Den Hund sieht der Mann."], True),
            (["Der Mann sieht den Hund.", "Den Hund sieht er."], False),
            (["Ich komme, wenn ich kann.", "Ich komme, wenn kann."], False),
        ],
    )
    def test_all_orders_have_the_same_words(self, answers: list[str], is_so: bool) -> None:
        assert grading.have_the_same_words(answers) is is_so
