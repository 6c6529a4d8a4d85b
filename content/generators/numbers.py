"""Numbers, the clock, dates and prices."""

from collections.abc import Iterator

from content.generators.asking import Cards, capital
from content.generators.number_words import (
    clock_formal,
    clock_informal,
    number_word,
    ordinal_word,
    price_words,
    year_word,
)
from content.questions import Question
from content.schema import Lexicon

FAMILY = "numbers"
MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September"),
    *("Oktober", "November", "Dezember"),
)
DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
SEASONS = ("Frühling", "Sommer", "Herbst", "Winter")
TWO_DIGITS = (
    *(21, 23, 24, 26, 27, 28, 32, 34, 35, 36, 38, 39, 43, 45, 46, 47, 48, 52, 53, 54, 57, 58, 62),
    *(63, 65, 67, 68, 69, 72, 74, 75, 76, 79, 82, 83, 85, 86, 87, 91, 92, 94, 95, 96, 98),
)
SPELLED = (
    (12, ("zweizehn", "zwanzig", "zweiundzehn")),
    (13, ("dreißig", "dreiundzehn", "dreizig")),
    (16, ("sechszehn", "sechzig", "sechszig")),
    (17, ("siebzig", "siebenzehn", "siebundzehn")),
    (20, ("zweizig", "zwölf", "zwanzehn")),
    (30, ("dreizig", "dreizehn", "dreißzig")),
    (60, ("sechszig", "sechzehn", "sechszehn")),
    (70, ("siebzehn", "siebenzehn", "sieben")),
)
BIG = (115, 150, 205, 240, 318, 365, 419, 530, 612, 770, 880, 999, 1250, 2300, 4500, 12000)
YEARS = (1789, 1871, 1918, 1945, 1961, 1968, 1989, 1990, 1999, 2006, 2012, 2025)
INFORMAL = (
    *((7, 30), (8, 30), (3, 30), (9, 30), (12, 30), (5, 30), (1, 30), (10, 30)),
    *((7, 15), (9, 15), (2, 15), (11, 15), (7, 45), (8, 45), (12, 45), (4, 45)),
    *((6, 5), (9, 10), (3, 20), (10, 5), (6, 55), (8, 50), (2, 40), (11, 50)),
    *((4, 25), (8, 25), (4, 35), (8, 35)),
)
FORMAL = (
    *((13, 0), (14, 30), (15, 45), (16, 20), (17, 15), (18, 50), (19, 30), (20, 15), (21, 5)),
    *((22, 40), (23, 10), (0, 30), (6, 12), (9, 18)),
)
DAYS_OF_MONTH = (1, 2, 3, 4, 6, 7, 8, 10, 11, 12, 16, 17, 19, 20, 21, 23, 25, 27, 30, 31)
CENTS = (
    *(99, 50, 120, 150, 199, 250, 275, 349, 380, 415, 490, 560, 617, 799, 860, 999, 1250, 1499),
    *(1770, 2150, 3999, 4517, 5980),
)
# The words after the gap, and the preposition.
WHEN = (
    *((f"Der Kurs beginnt ___ {day}.", "am") for day in ("Montag", "Mittwoch", "Freitag")),
    ("Was machst du ___ Wochenende?", "am"),
    ("Ich arbeite ___ Abend.", "am"),
    ("Wir frühstücken ___ Morgen zusammen.", "am"),
    ("Mein Geburtstag ist ___ 3. Mai.", "am"),
    ("Das Konzert ist ___ 20. Juni.", "am"),
    *((f"Wir fahren ___ {month} in den Urlaub.", "im") for month in ("Juli", "August", "Dezember")),
    *((f"___ {season} ist es hier sehr schön.", "im") for season in SEASONS),
    ("Meine Schwester hat ___ Februar Geburtstag.", "im"),
    ("Der Film beginnt ___ acht Uhr.", "um"),
    ("Ich stehe ___ halb sieben auf.", "um"),
    ("Der Zug fährt ___ 15.40 Uhr ab.", "um"),
    ("Wir essen ___ Viertel nach zwölf.", "um"),
    ("Der Unterricht endet ___ eins.", "um"),
)


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    for questions in (_counting, _clock, _dates, _prices):
        yield from questions(cards)


def _counting(cards: Cards) -> Iterator[Question]:
    for value in TWO_DIGITS:
        tens, unit = divmod(value, 10)
        word = number_word(value)
        mirrored = number_word(unit * 10 + tens)
        ten, one = number_word(tens * 10), number_word(unit)
        why = _units_first(value)
        yield _ask(
            cards,
            word,
            "numbers-units-first",
            "word",
            f"Wie schreibt man {value}?",
            (word, mirrored, f"{ten}und{one}", f"{ten}{one}"),
            why,
        )
        if value % 2:
            yield _ask(
                cards,
                word,
                "numbers-units-first",
                "digits",
                f"Welche Zahl ist „{word}“?",
                (f"{value}", f"{unit}{tens}", f"{unit}0{tens}", f"{tens}0{unit}"),
                why,
            )
    for value, wrong in SPELLED:
        word = number_word(value)
        yield _ask(
            cards,
            word,
            "numbers-units-first",
            "spelling",
            f"Wie schreibt man die Zahl {value} richtig?",
            (word, *wrong),
            (
                f"Diese Zahl hat eine eigene Form: {value} = {word}.",
                f"This number has a form of its own: {value} = {word}.",
                f"Це число має власну форму: {value} = {word}.",
            ),
        )
    for value in BIG:
        yield _big(cards, value)
    for year in YEARS:
        yield _year(cards, year)


def _units_first(value: int) -> tuple[str, str, str]:
    tens, unit = divmod(value, 10)
    word = number_word(value)
    return (
        f"Zuerst die Einer ({unit}), dann „und“, dann die Zehner ({tens}0): {word}.",
        f'First the ones ({unit}), then "und", then the tens ({tens}0): {word}.',
        f"Спершу одиниці ({unit}), потім «und», потім десятки ({tens}0): {word}.",
    )


def _big(cards: Cards, value: int) -> Question:
    word = number_word(value)
    digits = str(value)
    swapped = int(digits[0] + digits[2] + digits[1] + digits[3:])
    others = [value + 100, value - 10, swapped, value + 10]
    wrong = [number_word(each) for each in others if each != value]
    return _ask(
        cards,
        word,
        "numbers-big",
        "word",
        f"Wie liest man die Zahl {value}?",
        (word, *wrong),
        (
            f"Zuerst Tausender und Hunderter, dann der Rest; alles ein Wort: {word}.",
            f"First thousands and hundreds, then the rest; all one word: {word}.",
            f"Спершу тисячі й сотні, потім решта; усе одним словом: {word}.",
        ),
    )


def _year(cards: Cards, year: int) -> Question:
    word = year_word(year)
    # Never neunzehnneunzig: it is said now and then.
    wrong = [year_word(year - 10), year_word(year + 10), year_word(year - 100)]
    if year < 2000:
        rule = (
            f"Die Jahre 1100 bis 1999 sagt man mit „hundert“: {word}.",
            f'The years 1100 to 1999 are said with "hundert": {word}.',
            f"Роки від 1100 до 1999 називають із «hundert»: {word}.",
        )
    else:
        rule = (
            f"Jahre ab 2000 sagt man mit „tausend“: {word}.",
            f'Years from 2000 are said with "tausend": {word}.',
            f"Роки від 2000 називають із «tausend»: {word}.",
        )
    return _ask(
        cards,
        str(year),
        "numbers-big",
        "year",
        f"Wie sagt man das Jahr {year}?",
        (word, *wrong),
        rule,
    )


def _clock(cards: Cards) -> Iterator[Question]:
    for hour, minute in INFORMAL:
        word = clock_informal(hour, minute)
        shown = f"{hour}.{minute:02} Uhr"
        before, after = (hour - 2) % 12 + 1, hour % 12 + 1
        mirrored = 60 - minute if minute not in (30,) else 15
        yield _ask(
            cards,
            shown,
            "clock-informal",
            "word",
            f"Es ist {shown}. Wie sagt man das im Alltag?",
            (
                word,
                clock_informal(before, minute),
                clock_informal(after, minute),
                clock_informal(hour, mirrored),
            ),
            _why_informal(hour, minute),
        )
        if minute in (15, 30, 45):
            yield _ask(
                cards,
                shown,
                "clock-informal",
                "digits",
                f"„{capital(word)}“: Wie spät ist es?",
                (
                    f"{hour}.{minute:02} Uhr",
                    f"{after}.{minute:02} Uhr",
                    f"{before}.{minute:02} Uhr",
                    f"{after}.{mirrored:02} Uhr",
                ),
                _why_informal(hour, minute),
            )
    for hour, minute in FORMAL:
        word = clock_formal(hour, minute)
        shown = f"{hour:02}.{minute:02} Uhr"
        wrong = (
            clock_formal((hour + 1) % 24, minute),
            clock_formal((hour + 22) % 24, minute),
            clock_formal((hour + 10) % 24, minute),
        )
        yield _ask(
            cards,
            shown,
            "clock-formal",
            "word",
            f"Am Bahnhof: Der Zug fährt um {shown}. Wie liest man die Zeit?",
            (word, *wrong),
            (
                f"Offiziell: zuerst die Stunde, dann „Uhr“, dann die Minuten: {word}.",
                f'Officially: first the hour, then "Uhr", then the minutes: {word}.',
                f"Офіційно: спершу година, потім «Uhr», потім хвилини: {word}.",
            ),
        )


def _why_informal(hour: int, minute: int) -> tuple[str, str, str]:
    word = clock_informal(hour, minute)
    following = number_word(hour % 12 + 1)
    if minute == 30:
        return (
            f"„halb“ nennt die nächste Stunde: halb {following} ist {hour}.30 Uhr.",
            f'"halb" names the next hour: halb {following} is {hour}.30.',
            f"«halb» називає наступну годину: halb {following} – це {hour}.30.",
        )
    if minute in (25, 35):
        return (
            f"Man zählt von halb {following} ({hour}.30 Uhr): {word}.",
            f"Count from halb {following} ({hour}.30): {word}.",
            f"Рахують від halb {following} ({hour}.30): {word}.",
        )
    side = "nach" if minute < 30 else "vor"
    left = minute if minute < 30 else 60 - minute
    english, ukrainian = ("after", "після") if side == "nach" else ("before", "до")
    return (
        f"Es sind {left} Minuten {side} der vollen Stunde: {word}.",
        f"It is {left} minutes {english} the full hour: {word}.",
        f"Це {left} хв. {ukrainian} повної години: {word}.",
    )


def _dates(cards: Cards) -> Iterator[Question]:
    for index, day in enumerate(DAYS_OF_MONTH):
        month = MONTHS[index % 12]
        word = ordinal_word(day)
        plain = number_word(day)
        broken = f"{plain}{'ste' if day < 20 else 'te'}"
        if index % 2:
            right, others = f"{word}n", (word, plain, f"{broken}n")
            sentence = f"Die Feier ist am ___ {month}. ({day}.)"
            why = (
                f"Nach „am“ hat die Zahl die Endung -ten oder -sten: am {right}.",
                f'After "am" the number ends in -ten or -sten: am {right}.',
                f"Після «am» число має закінчення -ten або -sten: am {right}.",
            )
        else:
            right, others = word, (f"{word}n", plain, broken)
            sentence = f"Heute ist der ___ {month}. ({day}.)"
            why = (
                f"Nach „der“ hat die Zahl die Endung -te (ab 20: -ste): der {right}.",
                f'After "der" the number ends in -te (from 20: -ste): der {right}.',
                f"Після «der» число має закінчення -te (від 20: -ste): der {right}.",
            )
        yield _ask(cards, f"{day}. {month}", "ordinals", "date", sentence, (right, *others), why)
    for noun, rows in (("Monat", MONTHS), ("Tag", DAYS)):
        for index, name in enumerate(rows):
            following = rows[(index + 1) % len(rows)]
            later = [rows[(index + step) % len(rows)] for step in (-1, 2, 3)]
            yield _ask(
                cards,
                name,
                "days-months",
                "next",
                f"Welcher {noun} kommt nach {name}?",
                (following, *later),
                (
                    f"Die Reihenfolge ist: {name}, {following}, {later[1]}.",
                    f"The order is: {name}, {following}, {later[1]}.",
                    f"Порядок такий: {name}, {following}, {later[1]}.",
                ),
            )
    for sentence, right in WHEN:
        capital_first = sentence.startswith("___")
        options = (right, *(each for each in ("am", "im", "um") if each != right), "an")
        shown = tuple(capital(option) for option in options) if capital_first else options
        yield _ask(
            cards,
            right,
            "um-am-im",
            sentence,
            sentence,
            shown,
            WHY_WHEN[right],
            name=f"when {sentence}",
        )


WHY_WHEN = {
    "um": (
        "Vor einer Uhrzeit steht „um“.",
        'With clock times use "um".',
        "Коли йдеться про годину, вживають «um».",
    ),
    "am": (
        "Vor Tagen, Tageszeiten und Datum steht „am“.",
        'With days, parts of the day and dates use "am".',
        "Перед днями, частинами дня й датою стоїть «am».",
    ),
    "im": (
        "Vor Monaten und Jahreszeiten steht „im“.",
        'With months and seasons use "im".',
        "Перед місяцями й порами року стоїть «im».",
    ),
}


def _prices(cards: Cards) -> Iterator[Question]:
    for cents in CENTS:
        word = price_words(cents)
        shown = f"{cents // 100},{cents % 100:02} €"
        euros, rest = divmod(cents, 100)
        if euros:
            mirrored = rest % 10 * 10 + rest // 10
            wrong = (
                price_words(rest * 100 + euros),
                price_words(cents + 1000),
                price_words(euros * 100 + (mirrored if mirrored != rest else rest - 10)),
            )
        else:
            wrong = (f"{number_word(rest)} Euro", price_words(rest - 40), price_words(rest - 30))
        yield _ask(
            cards,
            shown,
            "prices",
            "word",
            f"Wie sagt man {shown}?",
            (word, *wrong),
            (
                f"Zuerst die Euro, dann die Cent ohne das Wort „Cent“: {word}."
                if euros
                else f"Unter einem Euro sagt man nur die Cent: {word}.",
                f'First the euros, then the cents without the word "Cent": {word}.'
                if euros
                else f"Below one euro only the cents are said: {word}.",
                f"Спершу євро, потім центи без слова «Cent»: {word}."
                if euros
                else f"Якщо ціна менша за один євро, кажуть лише центи: {word}.",
            ),
        )


def _ask(
    cards: Cards,
    lemma: str,
    rule: str,
    frame: str,
    question: str,
    options: tuple[str, ...],
    why: tuple[str, str, str],
    *,
    name: str = "",
) -> Question:
    return cards.ask(
        family=FAMILY,
        lemma=lemma,
        rule=rule,
        frame=frame,
        question=question,
        right=options[0],
        wrong=options[1:],
        explanation=why,
        name=name or f"{rule} {lemma} {frame}",
    )
