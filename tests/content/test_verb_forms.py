"""Forms of verbs that the lexicon does not have, and the wrong ones that questions offer."""

import pytest

from content.generators import verb_forms
from content.loading import load
from content.schema import Verb


@pytest.fixture(scope="module")
def verbs() -> dict[str, Verb]:
    return {verb.verb: verb for verb in load().verbs}


@pytest.mark.parametrize(
    ("name", "ich", "du", "er", "ihr"),
    [
        ("machen", "mache", "machst", "macht", "macht"),
        ("arbeiten", "arbeite", "arbeitest", "arbeitet", "arbeitet"),
        ("rechnen", "rechne", "rechnest", "rechnet", "rechnet"),
        ("lernen", "lerne", "lernst", "lernt", "lernt"),
        ("wohnen", "wohne", "wohnst", "wohnt", "wohnt"),
        ("tanzen", "tanze", "tanzt", "tanzt", "tanzt"),
        ("wünschen", "wünsche", "wünschst", "wünscht", "wünscht"),
        ("nehmen", "nehme", "nimmst", "nimmt", "nehmt"),
        ("lesen", "lese", "liest", "liest", "lest"),
        ("halten", "halte", "hältst", "hält", "haltet"),
        ("treten", "trete", "trittst", "tritt", "tretet"),
        ("laden", "lade", "lädst", "lädt", "ladet"),
        ("wachsen", "wachse", "wächst", "wächst", "wachst"),
        ("aufstehen", "stehe", "stehst", "steht", "steht"),
        ("werden", "werde", "wirst", "wird", "werdet"),
        ("ändern", "ändere", "änderst", "ändert", "ändert"),
    ],
)
def test_the_present_tense(
    verbs: dict[str, Verb], name: str, ich: str, du: str, er: str, ihr: str
) -> None:
    forms = [verb_forms.present(verbs[name], person) for person in ("ich", "du", "er", "ihr")]
    assert forms == [ich, du, er, ihr]


def test_the_plural_of_the_preterite(verbs: dict[str, Verb]) -> None:
    plural = [
        verb_forms.preterite_plural(verbs[name])
        for name in ("machen", "gehen", "schreien", "anrufen")
    ]
    assert plural == ["machten", "gingen", "schrien", "riefen"]


@pytest.mark.parametrize(
    ("name", "has_ge"),
    [
        ("machen", True),
        ("geben", True),
        ("gehören", False),
        ("gefallen", False),
        ("besuchen", False),
        ("studieren", False),
        ("frühstücken", True),
        ("anrufen", True),
        ("anbieten", True),
        ("vorbereiten", False),
        ("anprobieren", False),
        ("zugeben", True),
    ],
)
def test_which_participles_have_ge(verbs: dict[str, Verb], name: str, *, has_ge: bool) -> None:
    assert verb_forms.has_ge(verbs[name]) is has_ge


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("machen", ["gemachen"]),
        ("nehmen", ["genehmt", "genehmen", "genahmen"]),
        ("fahren", ["gefahrt", "gefuhren"]),
        ("denken", ["gedenkt", "gedenken"]),
        ("besuchen", ["gebesucht", "begesucht"]),
        ("studieren", ["gestudiert"]),
        ("aufstehen", ["geaufstanden", "aufgesteht"]),
        ("abholen", ["geabholt", "abgeholen"]),
        # "wiedergeholt" is right for another verb of the same name.
        ("wiederholen", ["gewiederholt"]),
    ],
)
def test_wrong_participles(verbs: dict[str, Verb], name: str, wrong: list[str]) -> None:
    assert verb_forms.wrong_participles(verbs[name]) == wrong


def test_zu_stands_between_prefix_and_verb(verbs: dict[str, Verb]) -> None:
    assert verb_forms.zu_infinitive(verbs["anrufen"]) == "anzurufen"
    assert verb_forms.zu_infinitive(verbs["besuchen"]) == "zu besuchen"


def test_an_unseparated_prefix_stands_at_the_end_of_a_clause(verbs: dict[str, Verb]) -> None:
    assert verb_forms.joined(verbs["anrufen"], "ruft") == "anruft"
    assert verb_forms.joined(verbs["besuchen"], "besucht") == "besucht"
