"""Comparative, superlative, and what stands behind them."""

from collections.abc import Iterator
from dataclasses import dataclass

from content import fitting
from content.generators import choosing
from content.questions import Question
from content.schema import Adjective, Lexicon, Text

FAMILY = "comparison"
GAP = "___"
_JE_DESTO = "the-more"
# „Haben Sie auch ein Sofa, das bequem ist?“ is as good.
_LEFT_OUT = ("comparison-sofa-shop",)

# Colours and absolutes are seldom compared; of participles „mehr enttäuscht“ is said as well.
_NOT_COMPARED = choosing.words(
    "blau braun gelb grau grün schwarz weiß rot offen voll richtig falsch typisch untypisch blond "
    "international wirtschaftlich fremd enttäuscht überrascht verliebt entspannt angespannt "
    "erfahren unerfahren bekannt unbekannt allergisch erwachsen privat politisch abhängig frei "
    "unabhängig wissenschaftlich unwissenschaftlich lebendig musikalisch vegan nötig notwendig "
    "überflüssig demokratisch undemokratisch sozial wild zahm fern weit mager anstrengend spannend "
    "wunderbar furchtbar ähnlich normal"
)


@dataclass(frozen=True, slots=True)
class Frame:
    id: str
    sentence: str
    classes: tuple[str, ...]
    exclude: tuple[str, ...] = ()


_THAN = (
    Frame(
        "than-person",
        "Meine Schwester ist ___ als mein Bruder.",
        ("person",),
        ("satt", "durstig", "hungrig", "wach", "lieb", "sicher", "arm", "böse", "stolz", "froh"),
    ),
    Frame("than-room", "Das neue Büro ist ___ als das alte.", ("room",)),
    Frame("than-clothes", "Dieser Mantel ist ___ als der andere.", ("clothes",)),
    Frame("than-vehicle", "Mein Auto ist ___ als dein Auto.", ("vehicle",), ("pünktlich",)),
    Frame("than-furniture", "Dieser Sessel ist ___ als der andere.", ("furniture",)),
    Frame("than-dish", "Die Suppe ist heute ___ als gestern.", ("dish",), ("fett",)),
    Frame("than-place", "Dieser Park ist ___ als der andere.", ("place",), ("gefährlich", "nah")),
    Frame(
        "than-event",
        "Das Fest war dieses Jahr ___ als letztes Jahr.",
        ("event",),
        ("lang", "wichtig"),
    ),
    Frame("than-media", "Das zweite Buch ist ___ als das erste.", ("media_item",)),
    Frame("than-weather", "Heute ist es ___ als gestern.", ("timespan",), ("lang", "kurz")),
    Frame("than-device", "Das neue Gerät ist ___ als das alte.", ("device", "tool")),
    Frame("than-fruit", "Die Birne ist ___ als der Apfel.", ("fruit",), ("frisch",)),
    Frame("than-game", "Dieses Spiel ist ___ als das andere.", ("game",)),
)
_MOST = (
    Frame(
        "most-person",
        "Wer ist in eurer Familie ___?",
        ("person",),
        (
            "satt",
            "wach",
            "lieb",
            "sicher",
            "arm",
            "böse",
            "traurig",
            "glücklich",
            "krank",
            "dumm",
            "seltsam",
        ),
    ),
    Frame("most-room", "Welches Zimmer ist ___?", ("room",)),
    Frame("most-clothes", "Welche Jacke ist ___?", ("clothes",)),
    Frame("most-furniture", "Welches Sofa ist ___?", ("furniture",)),
    Frame("most-dish", "Welche Suppe ist ___?", ("dish",), ("fett",)),
    Frame("most-event", "Welcher Ausflug war ___?", ("event",), ("privat",)),
    Frame("most-media", "Welches Buch ist ___?", ("media_item",)),
    Frame("most-place", "Welcher Platz in der Stadt ist ___?", ("place",), ("nah",)),
)
# A superlative before its noun; the words are natural in the sentence.
_BEFORE_NOUN = (
    ("hotel", "Das ist das ___ Hotel der Stadt.", ("teuer", "billig", "groß", "schön", "alt")),
    ("pupil", "Sie ist die ___ Schülerin der Klasse.", ("gut", "jung", "klug", "klein")),
    ("summer", "Das war der ___ Sommer seit vielen Jahren.", ("heiß", "kalt", "schön", "warm")),
    ("tower", "Das ist der ___ Turm der Stadt.", ("hoch", "alt", "modern")),
    ("day", "Heute ist der ___ Tag des Jahres.", ("kurz", "lang")),
)


def generate(lexicon: Lexicon) -> Iterator[Question]:
    """Yield the questions: than, the most, as ... as, and the words als and wie."""
    rows = {row.adjective: row for row in lexicon.adjectives}
    seen: set[tuple[str, str]] = set()
    for template in lexicon.templates:
        if template.family != FAMILY or template.id in _LEFT_OUT:
            continue
        slot = template.slots[0]
        sentence = template.de.replace("{" + slot.name + "}", GAP)
        frame = template.id.removeprefix("comparison-")
        make = {"comparative": _than, "superlative": _most}.get(slot.form, _as)
        for row in fitting.adjectives(slot, template.level, lexicon.adjectives):
            if not _has_variants(row):
                seen.add((row.adjective, slot.form))
                yield make(row, frame, sentence, template.level, lexicon)
    for row in lexicon.adjectives:
        if not _is_compared(row):
            continue
        if (row.adjective, "comparative") not in seen and (than := _frame(row, _THAN)):
            yield _than(row, than.id, than.sentence, "A2", lexicon)
        is_asked = choosing.pick(f"most|{row.adjective}", "ab") == "a"
        if is_asked and (row.adjective, "superlative") not in seen and (most := _frame(row, _MOST)):
            yield _most(row, most.id, most.sentence, "A2", lexicon)
    for frame, sentence, words in _BEFORE_NOUN:
        for word in words:
            yield _before_noun(rows[word], frame, sentence, lexicon)
    yield from _words(rows, lexicon)


def _has_variants(row: Adjective) -> bool:
    return " auch " in f" {row.note} "


def _is_compared(row: Adjective) -> bool:
    return (
        bool(row.comparative)
        and row.adjective not in _NOT_COMPARED
        and not _has_variants(row)
        and not row.adjective.startswith("un")
        and row.level in ("A1", "A2", "B1")
    )


def _frame(row: Adjective, frames: tuple[Frame, ...]) -> Frame | None:
    fit = [
        frame
        for frame in frames
        if set(frame.classes) & set(row.classes) and row.adjective not in frame.exclude
    ]
    return choosing.pick(f"frame|{row.adjective}", fit) if fit else None


def _than(row: Adjective, frame: str, sentence: str, level: str, lexicon: Lexicon) -> Question:
    base, right = row.adjective, row.comparative
    best = row.superlative.removeprefix("am ")
    if base == "hoch":
        wrong = ["hocher", "hoch", "höcher"]
    elif _has_umlaut(row) and not _is_irregular(row):
        wrong = [f"{base.removesuffix('e')}er", base, f"mehr {base}"]
    else:
        wrong = [base, f"mehr {base}", best.removesuffix("n")]
    rule, text = _rule(row, "comparative"), _reason(row, right)
    if frame == _JE_DESTO:
        umlaut = _umlaut(row)
        rule = "je-desto"
        text = Text(
            de=f"Nach „je“ und „desto“ steht der Komparativ{umlaut.de}: je {right} ..., desto ...",
            en=f"After “je” and “desto” use the comparative{umlaut.en}: je {right} ..., desto ...",
            uk=f"Після «je» і «desto» стоїть вищий ступінь{umlaut.uk}: je {right} ..., desto ...",
        )
    return _question(row, frame, sentence, (right, *wrong), rule, level, text, lexicon)


def _most(row: Adjective, frame: str, sentence: str, level: str, lexicon: Lexicon) -> Question:
    right = row.superlative
    best = right.removeprefix("am ")
    wrong = [f"am {best.removesuffix('n')}", f"am {row.comparative}", best]
    if _has_umlaut(row) and not _is_irregular(row) and row.adjective != "nah":
        wrong[0] = f"am {_plain(best)}"
    umlaut, pair = _umlaut(row), f"{row.adjective} → {right}"
    text = Text(
        de=f"Die höchste Stufe heißt am + Adjektiv + -(e)sten{umlaut.de}: {pair}.",
        en=f"The highest degree is am + adjective + -(e)sten{umlaut.en}: {pair}.",
        uk=f"Найвищий ступінь – am + прикметник + -(e)sten{umlaut.uk}: {pair}.",
    )
    if _is_irregular(row):
        text = _reason(row, row.comparative)
    return _question(
        row, frame, sentence, (right, *wrong), _rule(row, "superlative"), level, text, lexicon
    )


def _as(row: Adjective, frame: str, sentence: str, level: str, lexicon: Lexicon) -> Question:
    base = row.adjective
    options = (base, row.comparative, row.superlative, f"mehr {base}")
    text = Text(
        de=f"Sind zwei Sachen gleich, sagt man genauso + Adjektiv + wie: genauso {base} wie.",
        en=f"If two things are equal, say genauso + adjective + wie: genauso {base} wie.",
        uk=f"Якщо дві речі однакові, кажуть genauso + прикметник + wie: genauso {base} wie.",
    )
    return _question(row, frame, sentence, options, "comparative", level, text, lexicon)


def _before_noun(row: Adjective, frame: str, sentence: str, lexicon: Lexicon) -> Question:
    best = row.superlative.removeprefix("am ")
    right = best.removesuffix("n")
    options = (right, best, row.superlative, f"{right}r")
    umlaut = _umlaut(row)
    text = Text(
        de=f"Vor einem Nomen hat der Superlativ eine Endung und kein „am“{umlaut.de}: {right}.",
        en=f"Before a noun the superlative has an ending and no “am”{umlaut.en}: {right}.",
        uk=f"Перед іменником найвищий ступінь має закінчення, без «am»{umlaut.uk}: {right}.",
    )
    return _question(row, f"before-{frame}", sentence, options, "superlative", "B1", text, lexicon)


def _words(rows: dict[str, Adjective], lexicon: Lexicon) -> Iterator[Question]:
    for word, noun in (
        *(("schnell", "Das Taxi ist {} ___ der Bus."), ("groß", "Berlin ist {} ___ Bonn.")),
        *(("alt", "Mein Vater ist {} ___ meine Mutter."), ("warm", "Heute ist es {} ___ gestern.")),
        *(
            ("teuer", "Das Hotel war {} ___ die Pension."),
            ("gut", "Dein Deutsch ist {} ___ meins."),
        ),
        *(("lang", "Der Film war {} ___ das Konzert."), ("klein", "Das Bad ist {} ___ die Küche.")),
    ):
        row = rows[word]
        text = Text(
            de=f"Nach {row.comparative} (Adjektiv + -er) steht „als“.",
            en=f"After {row.comparative} (adjective + -er) comes “als”.",
            uk=f"Після {row.comparative} (прикметник + -er) стоїть «als».",
        )
        sentence = noun.format(row.comparative)
        yield _question(
            row,
            "word-als",
            sentence,
            ("als", "wie", "dass", "zu"),
            "comparative",
            "A2",
            text,
            lexicon,
        )
    for word, sentence in (
        *(
            ("schnell", "Der Zug ist so {} ___ das Auto."),
            ("groß", "Ich bin so {} ___ mein Vater."),
        ),
        *(("alt", "Er ist genauso {} ___ ich."), ("warm", "Heute ist es so {} ___ gestern.")),
        *(
            ("teuer", "Das Kleid ist so {} ___ die Jacke."),
            ("gut", "Mein Kuchen ist so {} ___ deiner."),
        ),
        *(
            ("lang", "Das Buch ist genauso {} ___ das andere."),
            ("klein", "Sein Auto ist so {} ___ meins."),
        ),
    ):
        row = rows[word]
        so = "genauso" if "genauso" in sentence else "so"
        text = Text(
            de=f"Sind zwei Sachen gleich, sagt man {so} + Adjektiv + wie: {so} {word} wie.",
            en=f"If two things are equal, say {so} + adjective + wie: {so} {word} wie.",
            uk=f"Якщо дві речі однакові, кажуть {so} + прикметник + wie: {so} {word} wie.",
        )
        yield _question(
            row,
            "word-wie",
            sentence.format(word),
            ("wie", "als", "dass", "zu"),
            "comparative",
            "A2",
            text,
            lexicon,
        )


def _reason(row: Adjective, right: str) -> Text:
    base = row.adjective
    if _is_irregular(row):
        return Text(
            de=f"Dieses Wort ist unregelmäßig: {base} – {right} – {row.superlative}.",
            en=f"This word is irregular: {base} – {right} – {row.superlative}.",
            uk=f"Це слово змінюється не за правилом: {base} – {right} – {row.superlative}.",
        )
    if _has_umlaut(row):
        return Text(
            de=f"Vergleich: Adjektiv + -er, hier mit Umlaut: {base} → {right}.",
            en=f"To compare: adjective + -er, here with an umlaut: {base} → {right}.",
            uk=f"Порівняння: прикметник + -er, тут з умлаутом: {base} → {right}.",
        )
    return Text(
        de=f"Vergleich: Adjektiv + -er, nie mit „mehr“: {base} → {right}.",
        en=f"To compare: adjective + -er, never with “mehr”: {base} → {right}.",
        uk=f"Порівняння: прикметник + -er, ніколи з «mehr»: {base} → {right}.",
    )


def _umlaut(row: Adjective) -> Text:
    """Return that there is an umlaut, for the middle of a sentence, or nothing."""
    if not _has_umlaut(row):
        return Text(de="", en="", uk="")
    return Text(de=", hier mit Umlaut", en=", here with an umlaut", uk=", тут з умлаутом")


def _rule(row: Adjective, rule: str) -> str:
    return "comparison-irregular" if _is_irregular(row) else rule


def _is_irregular(row: Adjective) -> bool:
    return row.adjective in ("gut", "hoch", "nah")


def _has_umlaut(row: Adjective) -> bool:
    return _plain(row.comparative) != row.comparative and _plain(row.adjective) == row.adjective


def _plain(text: str) -> str:
    return text.translate(str.maketrans("äöü", "aou"))


def _question(
    row: Adjective,
    frame: str,
    sentence: str,
    options: tuple[str, ...],
    rule: str,
    level: str,
    text: Text,
    lexicon: Lexicon,
) -> Question:
    card = next(each for each in lexicon.rules if each.id == rule)
    asks_word = frame.startswith("word-")
    return Question(
        quiz_id=choosing.quiz_id(FAMILY, row.adjective, frame),
        family=FAMILY,
        lemma=row.adjective,
        rule=rule,
        frame=frame,
        question=sentence if asks_word else f"{sentence} ({row.adjective})",
        options=choosing.distinct(options[0], options[1:]),
        explanation_de=text.de,
        explanation_en=text.en,
        explanation_uk=text.uk,
        level=choosing.hardest(level, card.level, row.level),
        topic=card.topic,
    )
