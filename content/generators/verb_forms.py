"""The forms of a verb, from the three that the lexicon has and the rules for the others.

The wrong forms that questions offer are made here too: each is what a learner would form by the
rule that does not hold for the verb.
"""

import re

from content.schema import Verb

PERSONS = ("ich", "du", "er", "wir", "ihr", "sie")
REFLEXIVE = {
    "acc": dict(zip(PERSONS, ("mich", "dich", "sich", "uns", "euch", "sich"), strict=True)),
    "dat": dict(zip(PERSONS, ("mir", "dir", "sich", "uns", "euch", "sich"), strict=True)),
}
IRREGULAR = {
    "sein": ("bin", "bist", "ist", "sind", "seid", "sind"),
    "haben": ("habe", "hast", "hat", "haben", "habt", "haben"),
    "werden": ("werde", "wirst", "wird", "werden", "werdet", "werden"),
    "wissen": ("weiß", "weißt", "weiß", "wissen", "wisst", "wissen"),
    "können": ("kann", "kannst", "kann", "können", "könnt", "können"),
    "müssen": ("muss", "musst", "muss", "müssen", "müsst", "müssen"),
    "dürfen": ("darf", "darfst", "darf", "dürfen", "dürft", "dürfen"),
    "sollen": ("soll", "sollst", "soll", "sollen", "sollt", "sollen"),
    "wollen": ("will", "willst", "will", "wollen", "wollt", "wollen"),
    "mögen": ("mag", "magst", "mag", "mögen", "mögt", "mögen"),
    "tun": ("tue", "tust", "tut", "tun", "tut", "tun"),
}
# Verbs with a second accepted form somewhere, or with a wrong form that is right for another verb.
# No question asks for a participle or a preterite of these.
PAST_VARIANTS = frozenset(
    (
        "senden",
        "wenden",
        "schaffen",
        "hängen",
        "abhängen",
        "aufhängen",
        "winken",
        "bewegen",
        "verwenden",
        "wiegen",
        "salzen",
        "erschrecken",
        "recyceln",
        "staubsaugen",
        "schmelzen",
        "wachsen",
        "aufwachsen",
        "heben",
        "abheben",
        "schwören",
        "stecken",
        "gleiten",
        "backen",
        "gebären",
        "dienen",
        "scheiden",
        "tun",
        "mögen",
        "leidtun",
        "wehtun",
        "verderben",
        "spazieren",
    )
)
# The same of the present: er backt, er bäckt; er ladet ein is old, but there is.
PRESENT_VARIANTS = frozenset(
    (
        "backen",
        "laden",
        "einladen",
        "herunterladen",
        "gebären",
        "erschrecken",
        "fragen",
        "tun",
        "mögen",
    )
)
# Prefixes that some verbs separate and others do not.
BOTH_WAYS = ("durch", "hinter", "über", "um", "unter", "voll", "wider", "wieder")

# Verbs that may be written apart in the infinitive and the participle, too: kennen lernen,
# fertig machen.
WRITTEN_APART = frozenset(("fertigmachen", "kennenlernen"))
# Prefixes that are adverbs, too: "mit ihm zusammen zu arbeiten" has another sense, and is right.
ADVERBS = frozenset(("weiter", "wieder", "zurück", "zusammen"))

_SIBILANT = re.compile(r"(s|ß|z|x)$")
_NEEDS_E = re.compile(r"([dt]|[^aeiouäöülrmnh][mn]|ch[mn])$")


def base(verb: Verb) -> str:
    """Return the infinitive without a prefix that can be separated."""
    return verb.verb.removeprefix(verb.prefix) if verb.separable == "yes" else verb.verb


def stem(infinitive: str) -> str:
    return infinitive.removesuffix("n") if _is_short(infinitive) else infinitive.removesuffix("en")


def needs_e(verb: Verb) -> bool:
    """Return whether the verb puts an e before -t and -st, as in `du arbeitest`."""
    return bool(_NEEDS_E.search(stem(base(verb)))) and not _is_short(base(verb))


def third(verb: Verb) -> str:
    """Return the third person singular, without a prefix that is separated."""
    return verb.present_3sg.split(" ")[0]


def regular_third(verb: Verb) -> str:
    return stem(base(verb)) + ("et" if needs_e(verb) else "t")


def has_vowel_change(verb: Verb) -> bool:
    return base(verb) not in IRREGULAR and third(verb) != regular_third(verb)


def present(verb: Verb, person: str) -> str:
    """Return a form of the present tense, without a prefix that is separated."""
    infinitive = base(verb)
    if infinitive in IRREGULAR:
        return IRREGULAR[infinitive][PERSONS.index(person)]
    root = stem(infinitive)
    match person:
        case "ich":
            return f"{root}e"
        case "du":
            return _second(verb)
        case "er":
            return third(verb)
        case "ihr":
            return regular_third(verb)
    return infinitive


def preterite(verb: Verb) -> str:
    """Return the third person singular, without a prefix that is separated."""
    return verb.preterite_3sg.split(" ")[0]


def preterite_plural(verb: Verb) -> str:
    form = preterite(verb)
    return f"{form}n" if form.endswith("e") else f"{form}en"


def is_strong(verb: Verb) -> bool:
    return not preterite(verb).endswith("te") or verb.participle.endswith("en")


def is_mixed(verb: Verb) -> bool:
    """Return whether the verb has -te and another vowel: denken, dachte."""
    return not is_strong(verb) and preterite(verb) != weak_preterite(verb)


def weak_preterite(verb: Verb) -> str:
    return f"{regular_third(verb)}e"


def joined(verb: Verb, form: str) -> str:
    """Return `form` with the prefix before it, as at the end of a clause."""
    return f"{verb.prefix}{form}" if verb.separable == "yes" else form


def shown(verb: Verb) -> str:
    """Return the infinitive as it is named: `sich freuen`, `gehen`."""
    return f"sich {verb.verb}" if verb.reflexive else verb.verb


def with_person(verb: Verb, person: str, form: str) -> str:
    """Return `wir freuen uns`, `er meldete sich ab`: a form with what belongs to it."""
    pronoun = f" {REFLEXIVE[verb.reflexive][person]}" if verb.reflexive else ""
    prefix = f" {verb.prefix}" if verb.separable == "yes" else ""
    return f"{person} {form}{pronoun}{prefix}"


def apart(verb: Verb) -> tuple[str, ...]:
    """Return the participle and the infinitive with zu in two words, where that is right, too."""
    if verb.verb not in WRITTEN_APART:
        return ()
    return (
        f"{verb.prefix} {verb.participle.removeprefix(verb.prefix)}",
        f"{verb.prefix} zu {base(verb)}",
    )


def zu_infinitive(verb: Verb) -> str:
    """Return `aufzustehen`, `zu helfen`."""
    if verb.separable == "yes":
        return f"{verb.prefix}zu{base(verb)}"
    return f"zu {verb.verb}"


def has_ge(verb: Verb) -> bool:
    """Return whether the participle has ge-, before the verb or after its prefix."""
    prefix = verb.prefix if verb.separable == "yes" else ""
    rest = verb.participle.removeprefix(prefix)
    return rest.startswith("ge") and verb.separable != "no" and not _is_ge_verb(base(verb))


def wrong_participles(verb: Verb) -> list[str]:
    """Return participles that do not exist, the likeliest mistake first."""
    infinitive = base(verb)
    regular = regular_third(verb)
    if verb.separable == "yes":
        plain = verb.participle.removeprefix(verb.prefix)
        if not has_ge(verb):
            found = [f"{verb.prefix}ge{plain}", f"ge{verb.participle}"]
        elif is_strong(verb):
            found = [f"ge{verb.prefix}{plain.removeprefix('ge')}", f"{verb.prefix}ge{regular}"]
        else:
            found = [f"ge{verb.prefix}{plain.removeprefix('ge')}", f"{verb.prefix}ge{infinitive}"]
    elif not has_ge(verb):
        if verb.participle.endswith("en"):
            found = [f"ge{verb.participle}", regular]
        elif verb.separable == "no":
            inner = verb.participle.removeprefix(verb.prefix)
            found = [f"ge{verb.participle}"]
            # "wiedergeholt" and "übergesetzt" are right for the separable verb of the same name.
            if verb.prefix not in BOTH_WAYS:
                found.append(f"{verb.prefix}ge{inner}")
        else:
            found = [f"ge{verb.participle}"]
    elif is_strong(verb):
        found = [f"ge{regular}", f"ge{infinitive}"]
        past = preterite(verb)
        if not past.endswith(("e", "te")):
            found.append(f"ge{past}en")
    elif is_mixed(verb):
        found = [f"ge{regular}", f"ge{infinitive}"]
    else:
        found = [f"ge{infinitive}"]
    return [form for form in found if form != verb.participle]


def _second(verb: Verb) -> str:
    form, root = third(verb), stem(base(verb))
    if not has_vowel_change(verb):
        if needs_e(verb):
            return f"{root}est"
        return f"{root}t" if _SIBILANT.search(root) else f"{root}st"
    if root.endswith("t"):
        return f"{form}st"
    changed = form.removesuffix("t")
    return form if _SIBILANT.search(changed) else f"{changed}st"


def _is_short(infinitive: str) -> bool:
    """Return whether the infinitive ends in -n alone: sammeln, ändern, tun."""
    return not infinitive.endswith("en")


def _is_ge_verb(infinitive: str) -> bool:
    return infinitive.startswith("ge") and infinitive not in ("geben", "gehen", "gelten")
