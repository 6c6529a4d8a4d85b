"""A lexicon is loaded wholly or not at all, and each complaint names file, line and field."""

from pathlib import Path
from shutil import copytree

import pytest

from content import check
from content.loading import SHIPPED, LexiconError, expect_files, load
from content.schema import CLASSES, LEVELS, THEMES
from content.spelling import is_possible_plural

NOUNS = "noun,gender,plural,level,theme,classes,emoji,en,uk,note\n"
TISCH = "Tisch,m,Tische,A1,furniture,furniture,,table,стіл,\n"
ADJECTIVES = "adjective,comparative,superlative,level,theme,classes,en,uk,opposite,note\n"
VERBS = (
    "verb,level,theme,present_3sg,preterite_3sg,participle,auxiliary,prefix,separable,reflexive,"
    "frames,object_classes,subject_classes,en,uk,note\n"
)
PAIRS = (
    "verb,preposition,case,object_class,person_question,thing_question,da_word,level,"
    "example,en,uk\n"
)
TEMPLATE = (
    "- id: here-is\n"
    "  level: A1\n"
    "  family: article\n"
    "  de: Hier ist {thing}.\n"
    "  slots:\n"
    "    thing: {pos: noun, classes: [furniture], article: definite}\n"
    "  en: Here is the {thing}.\n"
    "  uk: 'Тут є {thing}.'\n"
)
FIVE = NOUNS + "".join(
    f"{noun},{gender},{plural},A1,furniture,furniture,,{en},{uk},\n"
    for noun, gender, plural, en, uk in (
        ("Bett", "n", "Betten", "bed", "ліжко"),
        ("Regal", "n", "Regale", "shelf", "полиця"),
        ("Sofa", "n", "Sofas", "sofa", "диван"),
        ("Stuhl", "m", "Stühle", "chair", "стілець"),
        ("Tisch", "m", "Tische", "table", "стіл"),
    )
)
RULE = (
    "- id: plural-e\n"
    "  level: A1\n"
    "  topic: plural\n"
    "  title: {de: Mehrzahl, en: Plural, uk: Множина}\n"
    "  text: {de: Viele Wörter bekommen -e., en: Many words get -e., uk: Багато слів мають -e.}\n"
    "  examples:\n"
    "    - {de: zwei Tische, en: two tables, uk: два столи}\n"
)
TOPICS = "- {id: plural, level: A1, title: {de: Mehrzahl, en: Plural, uk: Множина}}\n"


def lexicon(directory: Path, **files: str | bytes) -> Path:
    """Write files named like `nouns_csv` into `directory`."""
    for name, content in files.items():
        file = directory / ".".join(name.rsplit("_", 1))
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def complaints(directory: Path, **files: str | bytes) -> list[str]:
    with pytest.raises(LexiconError) as raised:
        load(lexicon(directory, **files))
    return str(raised.value).splitlines()


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (
            "Tisch,,Tische,A1,furniture,furniture,,table,стіл,\n",
            "nouns.csv, line 2, gender: '' is none of m, f, n, pl; write one of them",
        ),
        (
            "Tisch,der,Tische,A1,furniture,furniture,,table,стіл,\n",
            "nouns.csv, line 2, gender: 'der' is none of m, f, n, pl; write one of them",
        ),
        (
            "Tisch,m,,A1,furniture,furniture,,table,стіл,\n",
            "nouns.csv, line 2, plural: is empty; write the whole plural, or `-` if none is in use",
        ),
        (
            "Tisch,m,-e,A1,furniture,furniture,,table,стіл,\n",
            "nouns.csv, line 2, plural: '-e' cannot be the plural of 'Tisch'; write it in full",
        ),
        (
            "Leute,pl,Leute,A1,people,person,,people,люди,\n",
            "nouns.csv, line 2, plural: the noun itself is the plural; leave this empty",
        ),
        (
            "Tisch,m,Tische,C1,furniture,furniture,,table,стіл,\n",
            "nouns.csv, line 2, level: 'C1' is none of A1, A2, B1, B2; write one of them",
        ),
        (
            "Tisch,m,Tische,A1,sofas,furniture,,table,стіл,\n",
            "nouns.csv, line 2, theme: 'sofas' is none of "
            + ", ".join(THEMES)
            + "; write one of them",
        ),
        (
            "Tisch,m,Tische,A1,furniture,thing,,table,стіл,\n",
            "nouns.csv, line 2, classes: 'thing' is none of "
            + ", ".join(CLASSES)
            + "; write one of them",
        ),
        (
            "Tisch,m,Tische,A1,furniture,,,table,стіл,\n",
            "nouns.csv, line 2, classes: is empty; write at least one of " + ", ".join(CLASSES),
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture furniture,,table,стіл,\n",
            "nouns.csv, line 2, classes: names a word twice; remove one",
        ),
        (
            "tisch,m,Tische,A1,furniture,furniture,,table,стіл,\n",
            "nouns.csv, line 2, noun: 'tisch' has a small letter; nouns begin with a capital",
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture,T,table,стіл,\n",
            "nouns.csv, line 2, emoji: 'T' is no emoji; write one picture or nothing",
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture,,,стіл,\n",
            "nouns.csv, line 2, en: is empty; fill it in",
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture,,table,,\n",
            "nouns.csv, line 2, uk: is empty; fill it in",
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture,,стіл,стіл,\n",
            "nouns.csv, line 2, en: has Cyrillic letters; the Ukrainian belongs into uk",
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture,,table,table,\n",
            "nouns.csv, line 2, uk: has no Cyrillic letter; write the Ukrainian here",
        ),
        (
            "Sohn,m,Söhne,A1,family,relative,,son,сын,\n",
            "nouns.csv, line 2, uk: 'ы' is no Ukrainian letter; write Ukrainian here",
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture,,table,cтіл,\n",
            "nouns.csv, line 2, uk: has Latin letters; write Ukrainian only",
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture,,table/,стіл,\n",
            (
                "nouns.csv, line 2, en: has an empty or repeated gloss; write each once, "
                "as 'flat/home'"
            ),
        ),
        (
            "Tisch ,m,Tische,A1,furniture,furniture,,table,стіл,\n",
            "nouns.csv, line 2, noun: has a space too many; remove it",
        ),
        (
            "Tisch,m,Tische,A1,furniture,furniture,table,стіл,\n",
            (
                "nouns.csv, line 2: has 9 fields, the header 10; "
                "look for a comma that is missing, or that needs quotes round its field"
            ),
        ),
        (
            '"Tisch,m,Tische\n',
            (
                "nouns.csv, line 2: cannot be read (unexpected end of data); "
                "look for a quote that is not closed"
            ),
        ),
        ("\n", "nouns.csv, line 2: is empty; remove the line"),
        (TISCH + ",,,,,,,,,\n", "nouns.csv, line 3: is empty; remove the line"),
        (
            TISCH + TISCH,
            "nouns.csv, line 3, noun: 'Tisch' stands in line 2 already; remove or change one",
        ),
        (
            'Tisch,m,Tische,A1,furniture,furniture,,table,стіл,"one\ntwo"\n' + TISCH,
            "nouns.csv, line 4, noun: 'Tisch' stands in line 2 already; remove or change one",
        ),
        (
            "Apfel,m,Äpfel,A1,food,fruit,🍎,apple,яблуко,\nObst,n,-,A1,food,fruit,🍎,fruit,фрукти,\n",
            "nouns.csv, line 3, emoji: '🍎' stands in line 2 already; remove or change one",
        ),
    ],
)
def test_a_noun_with_a_fault_is_named(tmp_path: Path, row: str, complaint: str) -> None:
    assert complaints(tmp_path, nouns_csv=NOUNS + row) == [complaint]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "nouns_csv",
            NOUNS.encode() + "Stuhl,m,Stühle,A1,furniture,furniture,,chair".encode("cp1252"),
            "nouns.csv, line 2, plural: 'ü' is in Windows-1252 or the like; save the file as UTF-8",
        ),
        (
            "nouns_csv",
            NOUNS.encode() + '"Möbel, alle",pl'.encode("cp1252"),
            "nouns.csv, line 2, noun: 'ö' is in Windows-1252 or the like; save the file as UTF-8",
        ),
        (
            "nouns_csv",
            b"\xef\xbb\xbf" + (NOUNS + TISCH).encode(),
            (
                "nouns.csv, line 1: begins with a byte order mark; "
                "save it as UTF-8 without one (no BOM)"
            ),
        ),
        (
            "nouns_csv",
            NOUNS.replace("plural", "plurals") + TISCH,
            "nouns.csv, line 1, plurals: is no column; the header is " + NOUNS.strip(),
        ),
        (
            "nouns_csv",
            NOUNS.replace("plural,", ""),
            "nouns.csv, line 1, plural: is missing from the header; it is " + NOUNS.strip(),
        ),
        (
            "nouns_csv",
            NOUNS.replace("noun,gender", "gender,noun"),
            "nouns.csv, line 1: the columns stand in another order; the header is " + NOUNS.strip(),
        ),
        (
            "nouns_csv",
            (NOUNS + TISCH).replace(",", ";"),
            (
                "nouns.csv, line 1: the fields are separated by semicolons; "
                "save the file with commas"
            ),
        ),
        (
            "nouns_csv",
            (NOUNS + TISCH).encode("utf-16"),
            "nouns.csv, line 1: is UTF-16; save the file as UTF-8",
        ),
        (
            "nouns_csv",
            "",
            "nouns.csv, line 1, noun: is missing from the header; it is " + NOUNS.strip(),
        ),
        (
            "adjectives_csv",
            ADJECTIVES + "alt,älterer,älteste,A1,people,person,old,старий,,\n",
            (
                "adjectives.csv, line 2, superlative: 'älteste' is not `am ...sten`; "
                "write it so or `-`"
            ),
        ),
        (
            "adjectives_csv",
            ADJECTIVES + "alt,älter,-,A1,people,person,old,старий,,\n",
            (
                "adjectives.csv, line 2, superlative: "
                "only one of comparative and superlative is `-`; write both"
            ),
        ),
        (
            "adjectives_csv",
            ADJECTIVES + "alt,ältest,am ältesten,A1,people,person,old,старий,,\n",
            "adjectives.csv, line 2, comparative: 'ältest' does not end in -er; write it or `-`",
        ),
        (
            "adjectives_csv",
            ADJECTIVES + "alt,älter,am ältesten,A1,people,person,old,старий,jung,\n",
            (
                "adjectives.csv, line 2, opposite: 'jung' is not in the file; "
                "add it or leave this empty"
            ),
        ),
        (
            "adjectives_csv",
            ADJECTIVES + "Alt,älter,am ältesten,A1,people,person,old,старий,,\n",
            (
                "adjectives.csv, line 2, adjective: 'Alt' has a capital; "
                "adjectives begin with a small letter"
            ),
        ),
        (
            "verbs_csv",
            VERBS + "aufstehen,A1,home,aufsteht,stand auf,aufgestanden,sein,auf,yes,,nom,,,"
            "get up,вставати,\n",
            "verbs.csv, line 2, present_3sg: does not end in ' auf'; write it as in 'steht auf'",
        ),
        (
            "verbs_csv",
            VERBS + "aufstehen,A1,home,steht auf,stand auf,gestanden,sein,auf,yes,,nom,,,"
            "get up,вставати,\n",
            "verbs.csv, line 2, participle: does not begin with 'auf'; write it as 'aufgestanden'",
        ),
        (
            "verbs_csv",
            VERBS + "besuchen,A1,home,besucht,besuchte,gebesucht,haben,be,no,,nom_acc,person,,"
            "visit,відвідувати,\n",
            "verbs.csv, line 2, participle: has ge-, but be- cannot be separated; write it without",
        ),
        (
            "verbs_csv",
            VERBS + "aufstehen,A1,home,steht auf,stand auf,aufgestanden,sein,,yes,,nom,,,"
            "get up,вставати,\n",
            (
                "verbs.csv, line 2, separable: prefix and separable need each other; "
                "fill in both or none"
            ),
        ),
        (
            "verbs_csv",
            VERBS + "gehen,A1,home,geht,ging,gegangen,ist,,,,nom,,,go,йти,\n",
            (
                "verbs.csv, line 2, auxiliary: 'ist' is none of haben, sein, haben/sein; "
                "write one of them"
            ),
        ),
        (
            "verbs_csv",
            VERBS + "gehen,A1,home,geht,ging,gegangen,sein,,,Akk,nom,,,go,йти,\n",
            "verbs.csv, line 2, reflexive: 'Akk' is none of acc, dat; write one of them or nothing",
        ),
        (
            "verb_prepositions_csv",
            PAIRS + "warten,auf,acc,person,Auf wen?,Worauf?,daauf,A2,Ich warte auf dich.,"
            "I am waiting for you.,Я чекаю на тебе.\n",
            "verb_prepositions.csv, line 2, da_word: 'daauf' is not 'darauf'; write that or `-`",
        ),
        (
            "templates_yaml",
            TEMPLATE.replace("Hier ist {thing}.", "Hier ist {thing} {ding}."),
            "templates.yaml, line 4, de: {ding} is no slot; add it to slots",
        ),
        (
            "templates_yaml",
            TEMPLATE.replace("the {thing}", "the {ding}"),
            "templates.yaml, line 7, en: {ding} is no slot; add it to slots",
        ),
        (
            "templates_yaml",
            TEMPLATE.replace("[furniture]", "[chairs]"),
            "templates.yaml, line 6, slots.thing.classes: 'chairs' is none of "
            + ", ".join(CLASSES)
            + "; write one of them",
        ),
        (
            "templates_yaml",
            TEMPLATE.replace("article: definite", "form: declined"),
            (
                "templates.yaml, line 6, slots.thing.form: is no field here; the fields are "
                "pos, classes, themes, words, exclude, case, number, article"
            ),
        ),
        (
            "templates_yaml",
            TEMPLATE.replace("{thing}.\n  slots", "das.\n  slots"),
            ("templates.yaml, line 6, slots.thing: the sentence has no {thing}; write it into de"),
        ),
        (
            "templates_yaml",
            TEMPLATE.replace("  level: A1\n", ""),
            "templates.yaml, line 1, level: is missing; add it",
        ),
        (
            "templates_yaml",
            TEMPLATE.replace("  level: A1\n", "  level: A1\n  level: A2\n"),
            "templates.yaml, line 3, level: stands twice in one entry; remove one",
        ),
        (
            "templates_yaml",
            TEMPLATE + TEMPLATE.replace("Hier", "Dort"),
            "templates.yaml, line 9, id: 'here-is' stands in line 1 already; remove or change one",
        ),
        (
            "templates_yaml",
            TEMPLATE.replace("Hier ist {thing}.", "'Hier ist {thing}."),
            (
                "templates.yaml, line 8: is not YAML (did not find expected key); "
                "look at the quotes, colons and indents there"
            ),
        ),
        (
            "templates_yaml",
            "id: x\n",
            "templates.yaml, line 1: is not a list; begin each entry with `- `",
        ),
        (
            "templates_yaml",
            "- x\n",
            "templates.yaml, line 1: is no entry with fields; write `- id: ...`",
        ),
        (
            "topics_yaml",
            TOPICS.encode("cp1252", errors="replace").replace(b"Mehrzahl", b"W\xf6rter"),
            "topics.yaml, line 1: 'ö' is in Windows-1252 or the like; save the file as UTF-8",
        ),
        (
            "topics_yaml",
            TOPICS.replace("plural", "[plural]", 1),
            "topics.yaml, line 1, id: is a list or a mapping; write one text",
        ),
        (
            "rules_yaml",
            RULE.replace("Many words get -e.", "x" * 501),
            "rules.yaml, line 5, text.en: has 501 characters; 500 is the most, shorten it",
        ),
        (
            "rules_yaml",
            RULE.replace("uk: Множина", "uk: Plural"),
            "rules.yaml, line 4, title.uk: has no Cyrillic letter; write the Ukrainian here",
        ),
        (
            "rules_yaml",
            RULE.replace(", en: two tables", ""),
            "rules.yaml, line 7, examples.en: is empty; fill it in",
        ),
        (
            "rules_yaml",
            RULE + f"  table:\n    - {'x' * 30}\n    - {'y' * 31}\n",
            f"rules.yaml, line 10, table: '{'y' * 31}' has 31 characters; 30 is the most",
        ),
    ],
)
def test_a_file_with_a_fault_is_named(
    tmp_path: Path, name: str, content: str | bytes, complaint: str
) -> None:
    assert complaints(tmp_path, **{name: content}) == [complaint]


def test_a_rule_needs_a_topic_that_is_there(tmp_path: Path) -> None:
    assert complaints(
        tmp_path, rules_yaml=RULE.replace("topic: plural", "topic: cases"), topics_yaml=TOPICS
    ) == ["rules.yaml, line 3, topic: 'cases' is not in topics.yaml; add it there or write another"]


def test_an_alias_is_not_followed_for_it_may_hold_itself(tmp_path: Path) -> None:
    topics = TOPICS.replace("title: {", "title: &title {self: *title, ")

    assert complaints(tmp_path, topics_yaml=topics) == [
        "topics.yaml, line 1, title: is an alias; write out what it stands for",
        "topics.yaml, line 1, title.self: is no language here; write de, en, uk",
    ]


def test_a_slot_that_five_rows_fit_is_enough(tmp_path: Path) -> None:
    loaded = load(lexicon(tmp_path, nouns_csv=FIVE, templates_yaml=TEMPLATE))

    assert [template.id for template in loaded.templates] == ["here-is"]
    assert len(loaded.nouns) == 5


def test_a_slot_that_four_rows_fit_is_named(tmp_path: Path) -> None:
    four = FIVE.replace("Tisch,m,Tische,A1", "Tisch,m,Tische,A2")

    assert complaints(tmp_path, nouns_csv=four, templates_yaml=TEMPLATE) == [
        (
            "templates.yaml, line 6, slots.thing: is fitted by 4 rows, 5 is the least; "
            "name wider classes or a higher level"
        )
    ]


def test_a_slot_in_the_plural_is_not_fitted_by_a_noun_without_one(tmp_path: Path) -> None:
    nouns = FIVE.replace("Tisch,m,Tische", "Tisch,m,-")
    template = TEMPLATE.replace("article: definite", "number: pl")

    assert complaints(tmp_path, nouns_csv=nouns, templates_yaml=template) == [
        (
            "templates.yaml, line 6, slots.thing: is fitted by 4 rows, 5 is the least; "
            "name wider classes or a higher level"
        )
    ]


def test_a_noun_without_a_plural_has_no_indefinite_article(tmp_path: Path) -> None:
    nouns = FIVE.replace("Tisch,m,Tische", "Tisch,m,-")
    template = TEMPLATE.replace("article: definite", "article: indefinite")

    assert len(load(lexicon(tmp_path, nouns_csv=nouns, templates_yaml=TEMPLATE)).templates) == 1
    assert complaints(tmp_path, templates_yaml=template) == [
        (
            "templates.yaml, line 6, slots.thing: is fitted by 4 rows, 5 is the least; "
            "name wider classes or a higher level"
        )
    ]


def test_only_separable_verbs_fit_where_a_prefix_has_a_place(tmp_path: Path) -> None:
    verbs = VERBS + "".join(
        f"{prefix}{verb},A1,home,{present} {prefix},x,{prefix}{participle},sein,{prefix},yes,"
        f"{reflexive},nom,,,verb,дієслово,\n"
        for prefix, verb, present, participle, reflexive in (
            ("auf", "stehen", "steht", "gestanden", ""),
            ("auf", "wachen", "wacht", "gewacht", ""),
            ("ab", "fahren", "fährt", "gefahren", ""),
            ("an", "kommen", "kommt", "gekommen", ""),
            ("um", "ziehen", "zieht", "gezogen", "acc"),
        )
    )
    gehen = "gehen,A1,home,geht,ging,gegangen,sein,,,,nom,,,go,йти,\n"
    template = (
        "- id: at-seven\n  level: A1\n  family: separable\n"
        "  de: Er {verb} um sieben {verb.prefix}.\n"
        "  slots:\n    verb: {pos: verb, classes: [], form: present,\n"
        "      words: [aufstehen, aufwachen, abfahren, ankommen, umziehen, gehen]}\n"
        "  en: He does it at seven.\n  uk: Він робить це о сьомій.\n"
    )

    found = complaints(tmp_path, verbs_csv=verbs + gehen, templates_yaml=template)

    assert [line.split(";")[0] for line in found] == [
        "templates.yaml, line 6, slots.verb: 'gehen' is named, but no verb of that name fits",
        "templates.yaml, line 6, slots.verb: 'umziehen' is named, but no verb of that name fits",
        "templates.yaml, line 6, slots.verb: is fitted by 4 rows, 5 is the least",
    ]


def test_only_a_verb_has_a_prefix(tmp_path: Path) -> None:
    template = TEMPLATE.replace("de: Hier ist {thing}.", "de: Hier ist {thing} {thing.prefix}.")

    assert complaints(tmp_path, templates_yaml=template) == [
        "templates.yaml, line 4, de: {thing.prefix} is no slot; add it to slots"
    ]


def test_a_participle_with_ge_of_its_own_is_right(tmp_path: Path) -> None:
    verbs = VERBS + (
        "begegnen,B1,people,begegnet,begegnete,begegnet,sein,be,no,,nom_dat,person,,"
        "meet,зустрічати,\n"
    )

    [verb] = load(lexicon(tmp_path, verbs_csv=verbs)).verbs

    assert verb.participle == "begegnet"


def test_a_word_that_a_slot_names_must_be_in_the_lexicon(tmp_path: Path) -> None:
    template = TEMPLATE.replace(
        "classes: [furniture]", "classes: [], words: [Bett, Regal, Sofa, Stuhl, Tisch, Thron]"
    )

    assert complaints(tmp_path, nouns_csv=FIVE, templates_yaml=template) == [
        (
            "templates.yaml, line 6, slots.thing: 'Thron' is named, but no noun of that name fits; "
            "check its class, level and number, or remove it"
        )
    ]


def test_slots_for_a_file_that_is_not_there_are_not_counted(tmp_path: Path) -> None:
    assert len(load(lexicon(tmp_path, templates_yaml=TEMPLATE)).templates) == 1


def test_a_word_like_no_stays_a_word(tmp_path: Path) -> None:
    rule = RULE.replace("en: two tables", "en: no")

    [card] = load(lexicon(tmp_path, rules_yaml=rule)).rules

    assert card.examples[0].en == "no"


def test_all_complaints_come_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        nouns_csv=NOUNS + TISCH.replace(",m,", ",x,") + TISCH.replace("A1", "A9"),
        adjectives_csv=ADJECTIVES,
        rules_yaml=RULE.replace("level: A1", "level: A"),
    )

    assert [line.split(":")[0] for line in found] == [
        "nouns.csv, line 2, gender",
        "nouns.csv, line 3, level",
        "nouns.csv, line 3, noun",
        "rules.yaml, line 2, level",
    ]


def test_a_bank_is_made_of_all_files(tmp_path: Path) -> None:
    """Without its file the nouns' questions would leave the bank, and nobody would notice."""
    copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    (tmp_path / "nouns.csv").rename(tmp_path / "Nouns.csv")

    with pytest.raises(LexiconError) as raised:
        expect_files(tmp_path)

    assert str(raised.value) == (
        "nouns.csv: is not there; put it back, or look at how its name is written"
    )


def test_an_umlaut_of_two_characters_is_one(tmp_path: Path) -> None:
    decomposed = "Anfang,m,Anfa\u0308nge,A1,furniture,furniture,,beginning,початок,\n"

    (noun,) = load(lexicon(tmp_path, nouns_csv=NOUNS + decomposed)).nouns

    assert noun.plurals == ("Anf\u00e4nge",)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match="is no directory; name the lexicon's"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("noun", "plural"),
    [
        ("Tisch", "Tische"),
        ("Apfel", "Äpfel"),
        ("Haus", "Häuser"),
        ("Lehrerin", "Lehrerinnen"),
        ("Bus", "Busse"),
        ("Zeugnis", "Zeugnisse"),
        ("Museum", "Museen"),
        ("Praktikum", "Praktika"),
        ("Thema", "Themen"),
        ("Konto", "Konten"),
        ("Material", "Materialien"),
        ("Kaufmann", "Kaufleute"),
        ("Saal", "Säle"),
        ("Hörsaal", "Hörsäle"),
        ("Mädchen", "Mädchen"),
    ],
)
def test_plurals_that_german_forms(noun: str, plural: str) -> None:
    assert is_possible_plural(noun, plural)


@pytest.mark.parametrize(
    ("noun", "plural"),
    [
        ("Tisch", "Tishe"),
        ("Tisch", "Stühle"),
        ("Tür", "Turen"),
        ("Lehrerin", "Lehrerinin"),
        ("Hut", "die Hüte"),
        ("Hut", "hüte"),
        ("Hut", ""),
    ],
)
def test_plurals_that_german_does_not_form(noun: str, plural: str) -> None:
    assert not is_possible_plural(noun, plural)


class TestCheck:
    def test_it_counts_and_succeeds(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert check.main([str(lexicon(tmp_path, nouns_csv=FIVE))]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "nouns: 5",
            "adjectives: 0",
            "verbs: 0",
            "verb_prepositions: 0",
            "templates: 0",
            "topics: 0",
            "rules: 0",
            "written: 0",
        ]

    def test_it_complains_and_fails(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert check.main([str(lexicon(tmp_path, nouns_csv=NOUNS + TISCH + TISCH))]) == 1
        assert capsys.readouterr().out.splitlines() == [
            "nouns.csv, line 3, noun: 'Tisch' stands in line 2 already; remove or change one",
            "1 complaints",
        ]


class TestShippedLexicon:
    def test_it_is_without_complaint_and_as_large_as_it_was(self) -> None:
        lexicon = load()

        assert len(lexicon.nouns) >= 1_200
        assert len(lexicon.adjectives) >= 250
        assert len(lexicon.templates) >= 200

    def test_every_level_and_theme_has_nouns(self) -> None:
        nouns = load().nouns

        assert {noun.level for noun in nouns} == set(LEVELS)
        assert {noun.theme for noun in nouns} == set(THEMES)
