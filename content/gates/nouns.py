"""Nouns and their forms from the package german-nouns, which checks and is never shipped.

Its data is Wiktionary's (CC BY-SA 4.0). What Wiktionary lacks stands in ADDED.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from content.gates.faults import Decision

CASES = {"nominativ": "nom", "genitiv": "gen", "dativ": "dat", "akkusativ": "acc"}
NUMBERS = {"singular": "sg", "plural": "pl"}

# lemma: gender, genitive singular, nominative plural; `-` where there is none.
ADDED = {
    "Werbeanzeige": ("f", "Werbeanzeige", "Werbeanzeigen"),
    "Halsschmerzen": ("", "-", "Halsschmerzen"),
    "Kopfschmerzen": ("", "-", "Kopfschmerzen"),
    "Zinsen": ("", "-", "Zinsen"),
    "Bürgeramt": ("n", "Bürgeramts/Bürgeramtes", "Bürgerämter"),
    "Wartenummer": ("f", "Wartenummer", "Wartenummern"),
    "Fortbildung": ("f", "Fortbildung", "Fortbildungen"),
    "Zahnpasta": ("f", "Zahnpasta", "Zahnpastas/Zahnpasten"),
    "Paprika": ("f", "Paprika", "Paprikas/Paprika"),
    "Wagen": ("m", "Wagens", "Wagen"),
    "Niederlande": ("", "-", "Niederlande"),
    "USA": ("", "-", "USA"),
    "Europa": ("n", "Europas", "-"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a form of a noun can be."""

    lemma: str
    gender: str
    case: str
    number: str


class Nouns:
    """The nouns that were asked for, by lemma and by form."""

    def __init__(self, words: Iterable[str], decisions: Iterable[Decision] = ()) -> None:
        """Read what the package knows of the lemmas or forms among `words`.

        A decision of the gate `gender` names those of the meaning that was chosen (`m`, `m/n`), one
        of the gate `plural` the plurals that count (`Wörter`, `-` for none).
        """
        wanted = set(words)
        decided = {each.subject: each.decision for each in decisions if each.gate == "gender"}
        self._decided_plurals = {
            each.subject: set(each.decision.removeprefix("-").split("/")) - {""}
            for each in decisions
            if each.gate == "plural"
        }
        self._decided = {lemma: set(text.split("/")) for lemma, text in decided.items()}
        self._readings: dict[str, set[Reading]] = defaultdict(set)
        self._genders: dict[str, set[str]] = defaultdict(set)
        self._plurals: dict[str, set[str]] = defaultdict(set)
        self.lemmas: set[str] = set()
        names = []
        for lemma, is_name, readings in _package(wanted):
            if is_name:
                names.append((lemma, readings))
            else:
                self._add(lemma, readings)
        # The village of Berg is no second gender of the mountain.
        for lemma, readings in names:
            if lemma not in self.lemmas:
                self._add(lemma, readings)
        for lemma, (gender, genitive, plural) in ADDED.items():
            self._add(lemma, _added(lemma, gender, genitive, plural))

    def genders(self, lemma: str) -> frozenset[str]:
        return frozenset(self._genders.get(lemma, ()))

    def plurals(self, lemma: str) -> frozenset[str]:
        """Return the accepted nominative plurals of `lemma`."""
        return frozenset(self._plurals.get(lemma, ()))

    def readings(self, form: str) -> frozenset[Reading]:
        return frozenset(self._readings.get(form, ()))

    def forms(self, lemma: str) -> frozenset[str]:
        return frozenset(
            form
            for form, readings in self._readings.items()
            if any(reading.lemma == lemma for reading in readings)
        )

    def _add(self, lemma: str, readings: set[tuple[str, Reading]]) -> None:
        allowed = self._decided.get(lemma)
        genders = {reading.gender for _, reading in readings if reading.number == "sg"}
        if allowed is not None and genders and not genders & allowed:
            return  # Another word: its plurals are not those of the one that was chosen either.
        self.lemmas.add(lemma)
        for form, reading in readings:
            if reading.number == "sg":
                if allowed is not None and reading.gender not in allowed:
                    continue
                self._genders[lemma].add(reading.gender)
                # "Dem Tische" is of another century.
                if reading.case == "dat" and form == f"{lemma}e":
                    continue
            elif lemma in self._decided_plurals:
                counted = self._decided_plurals[lemma]
                if not counted & {form, form.removesuffix("n")}:
                    continue
                if reading.case == "nom":
                    self._plurals[lemma].add(form)
            elif reading.case == "nom":
                self._plurals[lemma].add(form)
            self._readings[form].add(reading)


def _package(wanted: set[str]) -> Iterable[tuple[str, bool, set[tuple[str, Reading]]]]:
    try:
        path = distribution("german-nouns").locate_file("german_nouns/nouns.csv")
    except PackageNotFoundError:
        raise RuntimeError(
            "The gates need the package german-nouns, which needs Python 3.11 or 3.12: "
            "see docs/content-quality.md."
        ) from None
    with Path(str(path)).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        # A word in several meanings numbers its genders, and its singulars likewise.
        places = [
            (index, CASES[words[0]], NUMBERS[words[1].rstrip("*")], words[2:])
            for index, name in enumerate(header)
            if (words := name.split())[0] in CASES
        ]
        genders = [
            (index, name.split()[1:]) for index, name in enumerate(header) if "genus" in name
        ]
        for row in rows:
            if row[0] in ADDED:
                continue
            # Who reads a whole row of 79 cells for each of 100,000 words is slow.
            if row[0] not in wanted and wanted.isdisjoint(row):
                continue
            if "name" in row[1] and "Eigenname" not in row[1]:
                continue
            yield row[0], "Toponym" in row[1], set(_readings(row, places, genders))


def _readings(
    row: list[str],
    places: list[tuple[int, str, str, list[str]]],
    genders: list[tuple[int, list[str]]],
) -> Iterable[tuple[str, Reading]]:
    known = [(row[index], number) for index, number in genders if row[index]]
    # Countries and languages have no gender there; they are neuter, without an article.
    if not known and ("Toponym" in row[1] or row[0].endswith("sch")):
        known = [("n", [])]
        for case in ("nom", "acc", "dat"):
            yield row[0], Reading(row[0], "n", case, "sg")
    for index, case, number, place in places:
        form = row[index]
        if form and number == "pl":
            yield form, Reading(row[0], "", case, number)
        elif form:
            for gender, own in known:
                if not own or not place or own == place:
                    yield form, Reading(row[0], gender, case, number)


def _added(lemma: str, gender: str, genitive: str, plural: str) -> set[tuple[str, Reading]]:
    found: set[tuple[str, Reading]] = set()
    if genitive != "-":
        found |= {(lemma, Reading(lemma, gender, case, "sg")) for case in ("nom", "dat", "acc")}
        found |= {(form, Reading(lemma, gender, "gen", "sg")) for form in genitive.split("/")}
    for form in plural.split("/") if plural != "-" else ():
        found |= {(form, Reading(lemma, "", case, "pl")) for case in ("nom", "gen", "acc")}
        dative = form if form.endswith(("n", "s")) else form + "n"
        found.add((dative, Reading(lemma, "", "dat", "pl")))
    return found
