"""Numbers, dates, prices and the clock in words."""

import pytest

from content.generators import number_words


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0, "null"),
        (1, "eins"),
        (12, "zwölf"),
        (16, "sechzehn"),
        (17, "siebzehn"),
        (20, "zwanzig"),
        (21, "einundzwanzig"),
        (30, "dreißig"),
        (67, "siebenundsechzig"),
        (99, "neunundneunzig"),
        (100, "hundert"),
        (101, "hunderteins"),
        (200, "zweihundert"),
        (365, "dreihundertfünfundsechzig"),
        (1000, "tausend"),
        (1250, "tausendzweihundertfünfzig"),
        (21000, "einundzwanzigtausend"),
        (101000, "hunderteintausend"),
        (999_999, "neunhundertneunundneunzigtausendneunhundertneunundneunzig"),
    ],
)
def test_numbers(value: int, word: str) -> None:
    assert number_words.number_word(value) == word


@pytest.mark.parametrize("value", [-1, 1_000_000])
def test_other_numbers_have_no_word(value: int) -> None:
    with pytest.raises(ValueError, match="no word"):
        number_words.number_word(value)


@pytest.mark.parametrize(
    ("year", "word"),
    [
        (1066, "tausendsechsundsechzig"),
        (1100, "elfhundert"),
        (1999, "neunzehnhundertneunundneunzig"),
        (2000, "zweitausend"),
        (2025, "zweitausendfünfundzwanzig"),
    ],
)
def test_years(year: int, word: str) -> None:
    assert number_words.year_word(year) == word


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (1, "erste"),
        (2, "zweite"),
        (3, "dritte"),
        (7, "siebte"),
        (8, "achte"),
        (19, "neunzehnte"),
        (20, "zwanzigste"),
        (31, "einunddreißigste"),
        (99, "neunundneunzigste"),
    ],
)
def test_ordinals(value: int, word: str) -> None:
    assert number_words.ordinal_word(value) == word


@pytest.mark.parametrize("value", [0, 100])
def test_other_ordinals_are_not_known(value: int) -> None:
    with pytest.raises(ValueError, match="no ordinal"):
        number_words.ordinal_word(value)


@pytest.mark.parametrize(
    ("cents", "words"),
    [
        (1, "ein Cent"),
        (99, "neunundneunzig Cent"),
        (100, "ein Euro"),
        (250, "zwei Euro fünfzig"),
        (2101, "einundzwanzig Euro eins"),
    ],
)
def test_prices(cents: int, words: str) -> None:
    assert number_words.price_words(cents) == words


@pytest.mark.parametrize(
    ("hour", "minute", "informal"),
    [
        (1, 0, "ein Uhr"),
        (1, 5, "fünf nach eins"),
        (7, 15, "Viertel nach sieben"),
        (7, 20, "zwanzig nach sieben"),
        (7, 25, "fünf vor halb acht"),
        (7, 30, "halb acht"),
        (7, 35, "fünf nach halb acht"),
        (7, 40, "zwanzig vor acht"),
        (7, 45, "Viertel vor acht"),
        (12, 30, "halb eins"),
        (12, 50, "zehn vor eins"),
        (19, 30, "halb acht"),
    ],
)
def test_the_everyday_clock(hour: int, minute: int, informal: str) -> None:
    assert number_words.clock_informal(hour, minute) == informal


def test_other_minutes_have_no_everyday_words() -> None:
    with pytest.raises(ValueError, match="minute 12"):
        number_words.clock_informal(7, 12)


@pytest.mark.parametrize(
    ("hour", "minute", "formal"),
    [
        (0, 30, "null Uhr dreißig"),
        (1, 0, "ein Uhr"),
        (19, 30, "neunzehn Uhr dreißig"),
        (21, 1, "einundzwanzig Uhr eins"),
    ],
)
def test_the_official_clock(hour: int, minute: int, formal: str) -> None:
    assert number_words.clock_formal(hour, minute) == formal
