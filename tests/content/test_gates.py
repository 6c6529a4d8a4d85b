"""The gates: each finds what it is for, and sixty planted faults show what they see together."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from content.gates import (
    balance,
    conjugation,
    explanations,
    repeats,
    solver,
    texts,
    variants,
    verbs,
)
from content.gates.clauses import fill, is_possible
from content.gates.comparison import comparatives, superlatives
from content.gates.faults import Decision, DecisionsError, Fault, open_faults, read_decisions
from content.gates.gate import check
from content.gates.nouns import Nouns
from content.gates.number_words import cardinal, clock, ordinal, price, year
from content.gates.solver import right_options
from content.questions import Question
from content.schema import Lexicon

pytestmark = pytest.mark.skipif(
    find_spec("german_nouns") is None, reason="german-nouns needs Python 3.11 or 3.12"
)

ARTICLE = Question(
    quiz_id="article-tisch-old",
    family="article",
    lemma="Tisch",
    rule="article-three",
    frame="old",
    question="___ Tisch ist schon alt.",
    options=("Der", "Die", "Das"),
    explanation_de="„Tisch“ ist maskulin: der Tisch.",
    explanation_en="“Tisch” is masculine: der Tisch.",
    explanation_uk="«Tisch» – чоловічого роду: der Tisch.",
    level="A1",
    topic="article-gender",
)


# What is a noun in the sentences below.
WORDS = (
    "Ananas Applaus Arbeit Auto Autos Balkon Balkone Balkonen Balkons Berlin Brief Buch Bus Butter "
    "Ende Farbe Markt "
    "Film Films Geburtstag Hilfe Hund Katze Laptop Mann Mannes Musik Mutter Name Park Reise "
    "Stuhl Tisch"
)


@cache
def known_nouns() -> Nouns:
    return Nouns(WORDS.split(), read_decisions())


def ask(family: str, question: str, *options: str) -> set[str] | None:
    """Return the options that the solver takes for right."""
    made = replace(ARTICLE, family=family, question=question, options=options)
    right = right_options(made, known_nouns())
    return None if right is None else set(right)


class TestVerbs:
    @pytest.mark.parametrize(
        ("verb", "person", "form"),
        [
            ("sammeln", 0, "sammle"),
            ("halten", 1, "hältst"),
            ("laden", 2, "lädt"),
            ("reisen", 1, "reist"),
            ("rechnen", 2, "rechnet"),
            ("lernen", 2, "lernt"),
            ("treten", 1, "trittst"),
            ("vergessen", 1, "vergisst"),
            ("aufstehen", 2, "steht"),
            ("beantragen", 2, "beantragt"),
        ],
    )
    def test_present(self, verb: str, person: int, form: str) -> None:
        assert form in verbs.present(verb)[person]

    @pytest.mark.parametrize(
        ("verb", "forms"),
        [
            ("aufstehen", {"aufgestanden"}),
            ("verstehen", {"verstanden"}),
            ("vorbereiten", {"vorbereitet"}),
            ("studieren", {"studiert"}),
            ("frieren", {"gefroren"}),
            ("antworten", {"geantwortet"}),
            ("frühstücken", {"gefrühstückt"}),
            ("unterschreiben", {"unterschrieben"}),
            ("abschaffen", {"abgeschafft"}),
            ("winken", {"gewinkt", "gewunken"}),
            ("begleiten", {"begleitet"}),
        ],
    )
    def test_participle(self, verb: str, forms: set[str]) -> None:
        assert verbs.participles(verb) == forms

    def test_what_may_be_written_apart(self) -> None:
        assert verbs.participles("fertigmachen") == {"fertiggemacht", "fertig gemacht"}
        assert verbs.zu_infinitives("kennenlernen") == {"kennenzulernen", "kennen zu lernen"}
        assert verbs.zu_infinitives("aufstehen") == {"aufzustehen"}

    def test_a_verb_with_two_auxiliaries_has_both(self) -> None:
        assert verbs.auxiliaries("fahren") == {"haben", "sein"}
        assert verbs.auxiliaries("bekommen") == {"haben"}
        assert verbs.auxiliaries("passieren") == {"sein"}


class TestExplanations:
    """What a question turns on is named in each language."""

    @pytest.mark.parametrize(
        ("family", "question", "options", "text", "problem"),
        [
            (
                "case",
                "Kennst du ___?",
                ("den Mann", "der Mann"),
                "„Mann“: den Mann.",
                "names no case",
            ),
            (
                "mistake",
                "Welcher Teil ist falsch? „Gestern hat er den Auto verkauft.“ (verkaufen)",
                ("den Auto", "hat er"),
                "Hier steht der Akkusativ: das Auto.",
                "does not name the gender",
            ),
            (
                "comparison",
                "Welches Auto ist ___? (alt)",
                ("am ältesten", "am altesten"),
                "am + Adjektiv + -(e)sten: am ältesten.",
                "does not name the umlaut",
            ),
            (
                "past",
                "Anna ___ sich im Winter. (sich erkälten, Präteritum)",
                ("erkältete", "erkälteten"),
                "Regelmäßige Verben haben -te: er erkältete.",
                "leaves out the pronoun in 'er erkältete'",
            ),
        ],
    )
    def test_what_is_missing(
        self, family: str, question: str, options: tuple[str, ...], text: str, problem: str
    ) -> None:
        made = replace(
            ARTICLE,
            family=family,
            question=question,
            options=options,
            explanation_de=text,
            explanation_en="",
            explanation_uk="",
        )

        found = [fault.problem for fault in explanations.check([made], known_nouns())]

        assert f"the German explanation {problem}" in found

    def test_a_pronoun_that_is_there(self) -> None:
        text = "er/sie/es hat -te: er erkältete sich."
        made = replace(
            ARTICLE,
            family="past",
            question="Anna ___ sich im Winter. (sich erkälten, Präteritum)",
            options=("erkältete", "erkälteten"),
            explanation_de=text,
            explanation_en=text,
            explanation_uk=text,
        )

        assert list(explanations.check([made], known_nouns())) == []


class TestSolver:
    def test_the_gender_of_a_noun(self) -> None:
        assert ask("article", "___ Tisch ist schon alt.", "Der", "Die", "Das") == {"Der"}

    def test_an_adjective_without_article_may_belong_to_the_verb(self) -> None:
        forms = ("billige", "billigen", "billig", "billiger")

        asked = "Auf dem Markt kauft sie immer ___ Butter. (billig)"
        assert ask("adjective", asked, *forms) == {"billige", "billig", "billiger"}
        asked = "Auf dem Markt kauft sie die ___ Butter. (billig)"
        assert ask("adjective", asked, *forms) == {"billige"}

    def test_two_right_articles_are_seen(self) -> None:
        assert ask("article", "___ Laptop ist alt.", "Der", "Die", "Das") == {"Der", "Das"}

    @pytest.mark.parametrize(
        ("question", "right"),
        [
            ("Ich sehe ___ Hund.", "den"),
            ("Ich helfe ___ Mann.", "dem"),
            ("Das Auto gehört ___ Mann.", "dem"),
            ("Ich fahre mit ___ Bus.", "dem"),
            ("Wir gehen durch ___ Park.", "den"),
            ("Die Katze liegt auf ___ Tisch.", "dem"),
            ("Leg das Buch auf ___ Tisch!", "den"),
            ("Wie ist der Name ___ Mannes?", "des"),
            ("Was kostet ___ Tisch?", "der"),
            ("Was schenkst du ___ Mann zum Geburtstag?", "dem"),
            ("Am Ende ___ Films gab es Applaus.", "des"),
            ("Wir danken ___ Mann für die Hilfe.", "dem"),
        ],
    )
    def test_the_case_of_a_phrase(self, question: str, right: str) -> None:
        options = ("der", "den", "dem", "des")

        assert ask("case", question, *options) == {right}

    def test_a_case_that_the_sentence_does_not_decide_is_two(self) -> None:
        assert ask("case", "Die Farbe ___ Autos gefällt mir.", "des", "der", "den") == {
            "des",
            "der",
        }

    def test_the_endings_of_adjectives(self) -> None:
        forms = ("rote", "roter", "rotes", "roten")

        assert ask("adjective", "Das ist ein ___ Tisch. (rot)", *forms) == {"roter"}
        assert ask("adjective", "Ich sehe den ___ Tisch. (rot)", *forms) == {"roten"}
        assert ask("adjective", "Der Tisch ist ___. (rot)", "rot", *forms) == {"rot"}

    def test_the_plural_accepts_each_in_use(self) -> None:
        options = ("Balkons", "Balkone", "Balkonen", "Balkon")

        assert ask("plural", "ein Balkon, zwei ___", *options) == {"Balkons", "Balkone"}

    @pytest.mark.parametrize(
        ("question", "options", "right"),
        [
            ("Anna ___ Musik. (hören)", "hört hörst hören hörte", {"hört", "hörte"}),
            ("Ihr ___ vom Stuhl. (fallen)", "fallt fällt fällst fallen", {"fallt"}),
            ("Paul muss ___. (aufstehen)", "aufstehen aufzustehen aufsteht", {"aufstehen"}),
            ("Paul ist früh ___. (aufstehen)", "aufgestanden aufstand", {"aufgestanden"}),
            ("Paul ___ früh aufgestanden. (aufstehen)", "ist hat sind", {"ist"}),
            ("Paul ___ das Auto gefahren. (fahren)", "hat ist haben", {"hat"}),
            ("Paul ___ nach Berlin gefahren. (fahren)", "ist hat sind", {"ist"}),
            ("Ich weiß, dass Paul früh ___. (aufstehen)", "aufsteht aufstehen", {"aufsteht"}),
            ("Paul versucht, früh ___. (aufstehen)", "aufzustehen aufstehen", {"aufzustehen"}),
            ("Paul ___ lange. (schlafen, Präteritum)", "schlief schlafte schläft", {"schlief"}),
            ("Der Brief ist schon geschrieben ___.", "worden geworden wurde", {"worden"}),
        ],
    )
    def test_the_forms_of_verbs(self, question: str, options: str, right: set[str]) -> None:
        assert ask("present", question, *options.split()) == right

    @pytest.mark.parametrize(
        ("question", "options", "right"),
        [
            ("Er wartet ___ den Bus. (warten)", "auf an über", {"auf"}),
            ("– ___ wartest du? – Auf den Bus.", "Worauf Woran Worum", {"Worauf"}),
            ("– Denkst du an die Reise? – Ja, ich denke ___.", "daran darauf", {"daran"}),
        ],
    )
    def test_prepositions(self, question: str, options: str, right: set[str]) -> None:
        assert ask("preposition", question, *options.split()) == right

    def test_a_person_is_asked_for_with_wen(self) -> None:
        question = "– ___ wartest du? – Auf meine Mutter."

        assert ask("preposition", question, "Auf wen", "Worauf", "Auf wem") == {"Auf wen"}

    def test_the_order_of_words(self) -> None:
        question = "Welcher Satz ist richtig? (heute / Mia / viel Geld / verdienen)"
        right = "Heute verdient Mia viel Geld."
        also_right = "Mia verdient heute viel Geld."
        wrong = ("Heute Mia verdient viel Geld.", "Mia heute verdient viel Geld.")

        assert ask("order", question, right, *wrong) == {right}
        assert ask("order", question, right, also_right, *wrong) == {right, also_right}

    def test_what_it_does_not_understand_it_does_not_judge(self) -> None:
        assert ask("vocabulary", "🌻 Was ist das?", "die Blume", "der Stein") is None
        assert ask("present", "Wie geht es dir?", "gut", "rot") is None


class TestNumbers:
    def test_words(self) -> None:
        assert [cardinal(number) for number in (1, 21, 101, 115, 1250, 12000)] == [
            *("eins", "einundzwanzig", "hunderteins", "hundertfünfzehn"),
            *("tausendzweihundertfünfzig", "zwölftausend"),
        ]
        assert (year(1989), year(2006)) == ("neunzehnhundertneunundachtzig", "zweitausendsechs")
        assert [ordinal(day) for day in (1, 3, 7, 19, 20)] == [
            *("erst", "dritt", "siebt", "neunzehnt", "zwanzigst"),
        ]

    def test_clock_and_prices(self) -> None:
        assert clock(7, 30) == {"halb acht"}
        assert "Viertel vor eins" in clock(12, 45)
        assert price(1, 20) == {"ein Euro zwanzig", "ein Euro und zwanzig Cent"}


class TestComparison:
    def test_forms(self) -> None:
        assert comparatives("gut") == {"besser"}
        assert comparatives("teuer") == {"teurer"}
        assert comparatives("gesund") == {"gesünder", "gesunder"}
        assert superlatives("alt") == {"am ältesten"}
        assert superlatives("spannend") == {"am spannendsten"}


class TestDecisions:
    def test_all_of_them_can_be_read(self) -> None:
        decisions = read_decisions()

        assert Decision("See", "gender", "m", decisions[0].reason).subject == "See"
        assert {decision.gate for decision in decisions} <= {
            *("gender", "plural", "solver", "variant", "spelling"),
        }

    def test_only_the_gate_that_it_names_is_overruled(self) -> None:
        faults = [Fault("article-x", "solver", "two"), Fault("article-x", "text", "long")]

        left = open_faults(faults, [Decision("article-x", "solver", "keep", "why")])

        assert left == [Fault("article-x", "text", "long")]

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (
                "subject,gate,decision,reason\nSee,gender,m,\n",
                "decisions.csv, line 2, reason: is empty; fill it in",
            ),
            (
                "subject,gate,decision,reason\nSee,gender,m,für immer\n",
                (
                    "decisions.csv, line 2, reason: 'ü' is in Windows-1252 or the like; "
                    "save the file as UTF-8"
                ),
            ),
            (
                "subject;gate;decision;reason\n",
                (
                    "decisions.csv, line 1: the fields are separated by semicolons; "
                    "save the file with commas"
                ),
            ),
        ],
    )
    def test_a_file_with_a_fault_is_named(
        self, tmp_path: Path, content: str, complaint: str
    ) -> None:
        file = tmp_path / "decisions.csv"
        file.write_text(content, encoding="cp1252")

        with pytest.raises(DecisionsError) as refusal:
            read_decisions(file)

        assert str(refusal.value) == complaint


class TestBalance:
    def test_a_family_whose_longest_option_is_right_is_named(self) -> None:
        questions = [
            replace(ARTICLE, quiz_id=f"article-{number}", options=("dieser", "die", "das"))
            for number in range(40)
        ]

        (longest, commonest) = sorted(balance.check(questions))

        assert longest.quiz_id == commonest.quiz_id == "article-*"
        assert "the one longest in 100% of 40" in longest.problem


def test_a_picture_may_be_joined_of_several() -> None:
    question = replace(ARTICLE, question="👨‍✈️ Wer ist das?")
    rules, topics = {"article-three": "article-gender"}, frozenset({"article-gender"})

    assert list(texts.check([question], rules, topics)) == []


def test_the_phrase_in_the_gap_may_be_an_ending() -> None:
    assert is_possible(*fill("Das ist ein neu___ Tisch.", "-er"), known_nouns())
    assert not is_possible(*fill("Das ist ein neu___ Tisch.", "-es"), known_nouns())


# --- Planted faults -------------------------------------------------------------------------------


Planted = list[tuple[str, Question]]


def planted(questions: Sequence[Question]) -> Planted:
    """Return sixty faulty questions, each with its kind; all are real ones with one change."""
    known = {question.quiz_id: question for question in questions}
    families: dict[str, list[Question]] = {}
    for question in questions:
        families.setdefault(question.family, []).append(question)

    def nth(family: str, number: int) -> Question:
        members = [each for each in families[family] if "___" in each.question]
        return members[number * 37 % len(members)]

    result: Planted = []

    def plant(kind: str, question: Question, change: Callable[[Question], Question]) -> None:
        result.append((kind, change(question)))

    def swapped(question: Question) -> Question:
        first, second, *rest = question.options
        return replace(question, options=(second, first, *rest))

    def with_option(question: Question, option: str) -> Question:
        return replace(question, options=(*question.options[:-1], option))

    for family, number in (
        ("article", 1),
        ("plural", 1),
        ("case", 1),
        ("adjective", 1),
        ("past", 1),
    ):
        plant("another option is filed as right", nth(family, number), swapped)
    for family, number in (("perfect", 2), ("present", 2), ("separable", 2), ("preposition", 2)):
        plant("another option is filed as right: verbs", nth(family, number), swapped)
    plant("another option is filed as right: verbs", nth("perfect", 5), swapped)

    second = "a wrong option is right too"
    base = nth("plural", 3)
    for stem, right, also in (
        ("ein Balkon, zwei ___", "Balkons", "Balkone"),
        ("eine Pizza, zwei ___", "Pizzas", "Pizzen"),
        ("ein Konto, zwei ___", "Konten", "Kontos"),
    ):
        changed = replace(base, quiz_id=f"{base.quiz_id}-{also.lower()}", question=stem)
        plant(second, replace(changed, options=(right, also)), lambda each: each)
    plant(
        second,
        replace(nth("present", 3), question="Anna ___ Musik. (hören)", options=("hört",) * 2),
        lambda each: with_option(each, "hörte"),
    )
    plant(
        second,
        replace(
            nth("perfect", 3), question="Anna hat lange ___. (winken)", options=("gewinkt",) * 2
        ),
        lambda each: with_option(each, "gewunken"),
    )

    sentence = "the sentence asks for another case"
    for number, (stem, right) in enumerate(
        (
            ("Ich fahre ohne ___ Bus zur Arbeit.", "dem"),
            ("Ich helfe ___ Mann.", "den"),
            ("Er wohnt für ___ Vater.", "dem"),
            ("Die Katze liegt auf ___ Tisch.", "den"),
            ("Wir warten auf ___ Bus.", "dem"),
        )
    ):
        options = (right, *sorted({"den", "dem", "der"} - {right}))
        plant(
            sentence,
            replace(nth("case", number + 5), question=stem, options=options),
            lambda each: each,
        )

    repeat = "lemma, rule and frame stand there already"
    for number, family in enumerate(("article", "plural", "order", "numbers", "comparison")):
        again = nth(family, number + 3) if family != "order" else families["order"][4]
        changed = replace(
            again, quiz_id=f"{again.quiz_id}-again", question=f"Noch einmal: {again.question}"
        )
        plant(repeat, changed, lambda each: each)
    near = "the same text stands there already"
    for number, family in enumerate(("article", "case", "perfect", "past", "separable")):
        again = nth(family, number + 7)
        changed = replace(again, quiz_id=f"{again.quiz_id}-near", frame=f"{again.frame} near")
        plant(near, changed, lambda each: replace(each, question=f"{each.question.rstrip('.')} !"))

    language = "an explanation is missing or in other letters"
    plant(language, nth("article", 9), lambda each: replace(each, explanation_uk=""))
    plant(
        language, nth("plural", 9), lambda each: replace(each, explanation_uk=f"{each.answer} это.")
    )
    plant(language, nth("case", 9), lambda each: replace(each, explanation_en=each.explanation_de))
    plant(
        language,
        nth("past", 9),
        lambda each: replace(each, explanation_de=f"{each.explanation_de} Так."),
    )
    plant(language, nth("separable", 9), lambda each: replace(each, explanation_en="A" * 201))

    contradiction = "an explanation contradicts the answer"
    tisch = known["article-tisch-furniture-old"]
    plant(
        contradiction,
        tisch,
        lambda each: replace(each, explanation_de="„Tisch“ ist feminin: der Tisch."),
    )
    plant(
        contradiction,
        nth("article", 11),
        lambda each: replace(each, explanation_en="The word is learnt with its article."),
    )
    plant(
        contradiction,
        nth("plural", 11),
        lambda each: replace(each, explanation_uk=f"Множина: {each.options[1]}."),
    )
    accusative = next(each for each in families["case"] if "Akkusativ" in each.explanation_de)
    plant(
        contradiction,
        accusative,
        lambda each: replace(
            each, explanation_de=each.explanation_de.replace("Akkusativ", "Dativ")
        ),
    )
    # The reason is false, but nothing in it contradicts the answer: no gate can see this.
    plant(
        contradiction,
        nth("plural", 13),
        lambda each: replace(each, explanation_de=f"Alle kurzen Wörter haben das: {each.answer}."),
    )

    ids = "the id is none"
    plant(ids, nth("article", 15), lambda each: replace(each, quiz_id=f"{each.quiz_id}-ü"))
    plant(ids, nth("plural", 15), lambda each: replace(each, quiz_id=f"{each.quiz_id}-{'x' * 64}"))
    plant(ids, nth("case", 15), lambda each: replace(each, quiz_id=each.quiz_id.upper()))
    plant(ids, nth("past", 15), lambda each: replace(each, quiz_id=f"other-{each.quiz_id}"))
    plant(ids, nth("article", 16), lambda each: replace(each, quiz_id=f"{each.quiz_id}--x"))

    cards = "rule, topic or level do not exist"
    plant(cards, nth("article", 17), lambda each: replace(each, rule="no-such-rule"))
    plant(cards, nth("plural", 17), lambda each: replace(each, topic="no-such-topic"))
    plant(cards, nth("case", 17), lambda each: replace(each, topic="numbers"))
    plant(cards, nth("past", 17), lambda each: replace(each, level="C1"))
    plant(cards, nth("present", 17), lambda each: replace(each, level=""))

    misspelt = "a word is misspelt"
    plant(
        misspelt,
        nth("article", 19),
        lambda each: replace(each, question=f"{each.question} Warhscheinlich."),
    )
    plant(
        misspelt,
        nth("plural", 19),
        lambda each: replace(each, question=f"Ich sehe Tishce. {each.question}"),
    )
    plant(
        misspelt,
        nth("case", 19),
        lambda each: replace(each, question=f"Gestrn war schön. {each.question}"),
    )
    plant(
        misspelt,
        nth("present", 19),
        lambda each: replace(each, question=f"Ja, niht. {each.question}"),
    )
    # Another real word: no list of words can see this.
    plant(
        misspelt,
        nth("past", 19),
        lambda each: replace(each, question=f"Die Mitte ist hoch. {each.question}"),
    )

    wrong = "an option is the same, too long, empty or unfilled"
    plant(wrong, nth("article", 21), lambda each: with_option(each, each.options[0]))
    plant(wrong, nth("plural", 21), lambda each: with_option(each, "x" * 61))
    plant(wrong, nth("case", 21), lambda each: with_option(each, ""))
    plant(wrong, nth("past", 21), lambda each: with_option(each, "{verb}"))
    plant(wrong, nth("present", 21), lambda each: replace(each, options=each.options[:1]))
    return result


@pytest.mark.slow
def test_of_sixty_planted_faults_of_twelve_kinds_the_gates_find_fifty_eight(
    lexicon: Lexicon, questions: list[Question]
) -> None:
    faulty = planted(questions)
    replaced = {question.quiz_id for _, question in faulty}
    whole = [each for each in questions if each.quiz_id not in replaced]

    result = check([*whole, *(question for _, question in faulty)], lexicon, read_decisions())

    kinds = Counter(kind for kind, _ in faulty)
    found = {fault.quiz_id for fault in result.faults}
    missed = [(kind, each.question) for kind, each in faulty if each.quiz_id not in found]
    assert (len(faulty), len(kinds)) == (60, 12)
    assert [kind for kind, _ in missed] == [
        "an explanation contradicts the answer",
        "a word is misspelt",
    ], missed


@pytest.mark.slow
def test_the_bank_as_it_is_passes_every_gate(lexicon: Lexicon, questions: list[Question]) -> None:
    result = check(questions, lexicon, read_decisions())

    assert not result.faults
    assert set(result.unsolved) <= solver.BY_MEANING


def test_an_accepted_variant_is_no_wrong_option() -> None:
    question = replace(ARTICLE, options=("Balkone", "Balkons", "Balkonen"))

    assert [fault.problem for fault in variants.check([question])] == [
        "'Balkons' is an accepted variant of 'Balkone'"
    ]


def test_what_looks_like_the_right_thing_is_no_wrong_option_for_a_picture() -> None:
    question = replace(
        ARTICLE, kind="picture", options=("der Computer", "die Fabrik", "der Fernseher")
    )

    assert [fault.problem for fault in variants.check([question])] == [
        "'der Fernseher' is as a picture too like 'der Computer'"
    ]
    assert not list(variants.check([replace(question, kind="choice")]))


def test_two_questions_with_the_same_words_are_one() -> None:
    other = replace(
        ARTICLE, quiz_id="article-b", frame="other", question="___ Tisch: ist schon alt"
    )

    assert [fault.quiz_id for fault in repeats.check([ARTICLE, other])] == ["article-b"]


def test_the_verb_that_is_meant_stands_in_brackets() -> None:
    assert conjugation.named_verb("Er ___ sich. (sich freuen)") == "freuen"
    assert conjugation.asked_form("Er ___ lange. (schlafen, Präteritum)") == "Präteritum"
