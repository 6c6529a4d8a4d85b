"""German words for numbers, ordinals, years, prices and the time of day."""

UNITS = (
    *("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
    *("zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn"),
    *("achtzehn", "neunzehn"),
)
TENS = (
    *("", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig"),
    "neunzig",
)
MAX = 999_999
ORDINALS = {1: "erste", 3: "dritte", 7: "siebte", 8: "achte"}


def number_word(value: int) -> str:
    """Return the word for 0 to 999,999 as it is counted: eins, einundzwanzig, hunderteins."""
    if not 0 <= value <= MAX:
        raise ValueError(f"no word for {value}")
    if value < len(UNITS):
        return UNITS[value]
    if value < 100:
        tens, unit = divmod(value, 10)
        return f"{_before_more(unit)}und{TENS[tens]}" if unit else TENS[tens]
    if value < 1000:
        hundreds, rest = divmod(value, 100)
        first = "" if hundreds == 1 else _before_more(hundreds)
        return f"{first}hundert{number_word(rest) if rest else ''}"
    thousands, rest = divmod(value, 1000)
    first = "" if thousands == 1 else _before_more(thousands)
    return f"{first}tausend{number_word(rest) if rest else ''}"


def year_word(year: int) -> str:
    """Return a year as it is said: 1999 is neunzehnhundertneunundneunzig, 2024 zweitausend…"""
    if not 1100 <= year < 2000:
        return number_word(year)
    hundreds, rest = divmod(year, 100)
    return f"{number_word(hundreds)}hundert{number_word(rest) if rest else ''}"


def ordinal_word(value: int) -> str:
    """Return `erste`, `zwanzigste`: what stands after `der`. Up to 99."""
    if not 1 <= value <= 99:
        raise ValueError(f"no ordinal for {value}")
    if value in ORDINALS:
        return ORDINALS[value]
    return number_word(value) + ("te" if value < 20 else "ste")


def price_words(cents: int) -> str:
    """Return `zwei Euro fünfzig`, `ein Euro`, `neunundneunzig Cent`."""
    euros, rest = divmod(cents, 100)
    if not euros:
        return f"{_before_more(rest)} Cent"
    words = f"{_before_more(euros)} Euro"
    return f"{words} {number_word(rest)}" if rest else words


def clock_formal(hour: int, minute: int) -> str:
    """Return the official time: `neunzehn Uhr dreißig`, `ein Uhr`."""
    words = f"{_before_more(hour)} Uhr"
    return f"{words} {number_word(minute)}" if minute else words


def clock_informal(hour: int, minute: int) -> str:
    """Return the everyday time, for minutes in steps of five: `halb acht`, `zehn vor eins`."""
    now = number_word((hour - 1) % 12 + 1)
    following = number_word(hour % 12 + 1)
    match minute:
        case 0:
            return f"{_before_more((hour - 1) % 12 + 1)} Uhr"
        case 5 | 10 | 20:
            return f"{number_word(minute)} nach {now}"
        case 15:
            return f"Viertel nach {now}"
        case 25:
            return f"fünf vor halb {following}"
        case 30:
            return f"halb {following}"
        case 35:
            return f"fünf nach halb {following}"
        case 45:
            return f"Viertel vor {following}"
        case 40 | 50 | 55:
            return f"{number_word(60 - minute)} vor {following}"
    raise ValueError(f"no everyday words for minute {minute}")


def _before_more(value: int) -> str:
    """Return a number without the s of eins: ein Uhr, einundzwanzig, hunderteintausend."""
    word = number_word(value)
    return word.removesuffix("s") if value % 100 == 1 else word
