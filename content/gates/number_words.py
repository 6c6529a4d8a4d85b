"""Numbers, clock, dates and prices, worked out from the figures in the question."""

import re

from content.gates.nouns import Nouns

_ONES = (
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn "
    "sechzehn siebzehn achtzehn neunzehn"
).split()
_TENS = ("", "", *"zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split())
_MONTHS = (
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()
)
_DAYS = "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split()
_SEASONS = "Frühling Sommer Herbst Winter".split()
_TIMES_OF_DAY = "Morgen Vormittag Mittag Nachmittag Abend Wochenende Wochenanfang".split()
_ORDINALS = {1: "erst", 3: "dritt", 7: "siebt", 8: "acht"}


def cardinal(number: int) -> str:
    """Return the number in one word; a one at the end is `eins`."""
    return "eins" if number == 1 else _joined(number) + ("s" if number % 100 == 1 else "")


def ordinal(number: int) -> str:
    """Return the stem of the ordinal: `zwanzigst`."""
    if number in _ORDINALS:
        return _ORDINALS[number]
    return _joined(number) + ("t" if number % 100 < 20 else "st")


def year(number: int) -> str:
    if 1100 <= number < 2000:
        rest = number % 100
        return f"{_joined(number // 100)}hundert{cardinal(rest) if rest else ''}"
    return cardinal(number)


def clock(hour: int, minute: int) -> frozenset[str]:
    """Return how a time of day is said at home."""
    now, following = _hour(hour), _hour(hour + 1)
    return frozenset(
        {
            0: (now, f"{_hour(hour, counted=True)} Uhr"),
            15: (f"Viertel nach {now}", f"viertel {following}"),
            30: (f"halb {following}",),
            45: (f"Viertel vor {following}", f"drei viertel {following}"),
        }.get(minute, _minutes(minute, now, following))
    )


def formal(hour: int, minute: int) -> str:
    said = f"{_joined(hour) if hour else 'null'} Uhr"
    return f"{said} {cardinal(minute)}" if minute else said


def price(euros: int, cents: int) -> frozenset[str]:
    if not euros:
        return frozenset({f"{_joined(cents)} Cent"})
    said = f"{_joined(euros)} Euro"
    if not cents:
        return frozenset({said})
    return frozenset({f"{said} {cardinal(cents)}", f"{said} und {_joined(cents)} Cent"})


def right_options(question: str, options: tuple[str, ...], nouns: Nouns) -> frozenset[str] | None:
    """Return the options that say the figures of the question, or None if there are none."""
    for accepted in (_price, _time, _heard_time, _date, _year, _number, _next, _when):
        right = accepted(question)
        if right is not None:
            return frozenset(option for option in options if option in right)
    return None


def _price(question: str) -> frozenset[str] | None:
    found = re.search(r"(\d+),(\d\d) ?(€|Euro)", question) or re.search(r"(\d+)() (€)", question)
    return price(int(found[1]), int(found[2] or 0)) if found else None


def _time(question: str) -> frozenset[str] | None:
    found = re.search(r"(\d+)[.:](\d\d) Uhr", question)
    if not found or "___" in question:
        return None
    hour, minute = int(found[1]), int(found[2])
    if "Alltag" in question:
        return clock(hour, minute)
    return frozenset({formal(hour, minute)})


def _heard_time(question: str) -> frozenset[str] | None:
    found = re.search(r"„(.+?)“: Wie spät", question)
    if not found:
        return None
    said = found[1].casefold()
    return frozenset(
        f"{hour}.{minute:02} Uhr"
        for hour in range(24)
        for minute in range(0, 60, 5)
        if said in {each.casefold() for each in clock(hour, minute)}
    )


def _date(question: str) -> frozenset[str] | None:
    found = re.search(r"\((\d+)\.\)", question)
    if not found or "___" not in question:
        return None
    before = question.partition("___")[0].split()[-1]
    ending = {"der": "e", "am": "en", "vom": "en", "zum": "en", "den": "en", "dem": "en"}.get(
        before
    )
    return None if ending is None else frozenset({ordinal(int(found[1])) + ending})


def _year(question: str) -> frozenset[str] | None:
    found = re.search(r"das Jahr (\d{4})", question)
    return frozenset({year(int(found[1]))}) if found else None


def _number(question: str) -> frozenset[str] | None:
    heard = re.search(r"Welche Zahl ist „(\w+)“", question)
    if heard:
        return frozenset(str(number) for number in range(10_000) if cardinal(number) == heard[1])
    found = re.search(r"(?:schreibt|liest|sagt) man (?:die Zahl )?(\d+)(?: richtig)?\?", question)
    if not found:
        return None
    word = cardinal(int(found[1]))
    return frozenset({word, f"ein{word}" if word.startswith(("hundert", "tausend")) else word})


def _next(question: str) -> frozenset[str] | None:
    found = re.search(r"(?:Monat|Tag) kommt (nach|vor) (?:dem )?(\w+)\?", question)
    if not found:
        return None
    for names in (_MONTHS, _DAYS):
        if found[2] in names:
            step = 1 if found[1] == "nach" else -1
            return frozenset({names[(names.index(found[2]) + step) % len(names)]})
    return None


def _when(question: str) -> frozenset[str] | None:
    """Return the preposition of a time: am Montag, im Mai, um acht, am 3. Mai, in der Nacht."""
    words = re.findall(r"[\w.]+", question.partition("___")[2])
    if not words:
        return None
    first = words[0].rstrip(".")
    if first in (*_MONTHS, *_SEASONS, "Jahr"):
        right = "im"
    elif first in (*_DAYS, *_TIMES_OF_DAY) or re.fullmatch(r"\d+\.", words[0]):
        right = "am"
    elif (
        first in ("halb", "Viertel", "Mitternacht")
        or re.fullmatch(r"\d+([.:]\d+)?", first)
        or first
        in (
            *_ONES,
            "eins",
        )
    ):
        right = "um"
    else:
        return None
    return frozenset({right, right.capitalize()})


def _joined(number: int) -> str:
    if number >= 1000:
        thousands = "" if number < 2000 else _joined(number // 1000)
        return f"{thousands}tausend{_joined(number % 1000) if number % 1000 else ''}"
    if number >= 100:
        hundreds = "" if number < 200 else _joined(number // 100)
        return f"{hundreds}hundert{_joined(number % 100) if number % 100 else ''}"
    if number < 20:
        return _ONES[number]
    ones = f"{_ONES[number % 10]}und" if number % 10 else ""
    return ones + _TENS[number // 10]


def _hour(hour: int, *, counted: bool = False) -> str:
    twelve = hour % 12 or 12
    return _joined(twelve) if counted else cardinal(twelve)


def _minutes(minute: int, now: str, following: str) -> tuple[str, ...]:
    if minute < 20:
        return (f"{cardinal(minute)} nach {now}",)
    if minute == 20:
        return (f"zwanzig nach {now}", f"zehn vor halb {following}")
    if minute < 30:
        return (f"{cardinal(30 - minute)} vor halb {following}", f"{cardinal(minute)} nach {now}")
    if minute < 40:
        return (f"{cardinal(minute - 30)} nach halb {following}",)
    if minute == 40:
        return (f"zwanzig vor {following}", f"zehn nach halb {following}")
    return (f"{cardinal(60 - minute)} vor {following}",)
