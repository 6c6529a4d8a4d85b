"""By which name players see each other: one of their choice, moderated. Product rules, section 11.

`public_name` is the only way to a name that others see.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from quizarena.players.errors import BadNameError, NameProblem
from quizarena.players.models import Player
from quizarena.staff import audit, reasons

LENGTH_MIN, LENGTH_MAX = 2, 20
# A name is of one script, so that no letter of another one stands in for its look-alike.
SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "ARMENIAN", "GEORGIAN"})
PUNCTUATION = " -'._"
# Around a name, so that one that is read from right to left leaves the rest of its line alone.
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"

# Refused wherever they stand, also in another script's letters or in digits (see `_folded`).
_FRAGMENTS = (
    *("fuck", "fotze", "hurensohn", "wichser", "arschloch", "schlampe", "missgeburt", "nigger"),
    *("nigga", "hitler", "heilhit", "siegheil", "vergas", "pussy", "bitch", "whore", "faggot"),
    *("motherf", "schwuchtel", "kanake", "untermensch", "penis", "vagina", "porno", "onlyfans"),
    *("хуй", "хуе", "пизд", "блять", "блядь", "сука", "гандон", "пидор"),
    *("підар", "quizarena", "telegram", "moderator", "administrator", "support"),
)
_FRAGMENTS_WITHOUT_REPEATS = tuple(one for one in _FRAGMENTS if not re.search(r"(.)\1", one))
# Refused as a word of its own: as a part they stand in honest names.
_WORDS = ("nazi", "ss", "hure", "nutte", "cunt", "rape", "sex", "anal", "admin", "kkk")
# Refused at the beginning of a word.
_BEGINNINGS = ("ебат", "ебал", "єбат")
# Digits and letters that are read as Latin ones, and what Latin letters have above or below them.
_LOOK_ALIKES = str.maketrans(
    "013457" + "абвгдеєзиіїйклмнопрстухьё" + "ß" + "αβεικμνορτυχ",
    "oieast" + "abbrdeezuiijklmhonpctyxbe" + "s" + "abeikmvoptux",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What a reset does to a player's name."""

    before: str
    after: str


def public_name(player: Player, *, viewer: Player | None = None) -> str:
    """Return the name by which `viewer`, or everybody, sees the player, as plain text.

    That is the chosen one, else the Telegram first name with an initial if it would be allowed as a
    chosen one, else "Player 1234". Who hides or is suspended has no name for others, and who is
    deleted has none at all.
    """
    if player.deleted_at is not None:
        return _("Deleted player")
    is_own = viewer is not None and viewer.pk == player.pk
    if not is_own and (player.is_hidden or player.suspended_at is not None):
        return _("Anonymous")
    name = player.public_name or _of_telegram(player)
    if not name:
        return _("Player {number}").format(number=f"{player.pk % 10_000:04}")
    if unicodedata.bidirectional(next(filter(str.isalpha, name))) in ("R", "AL"):
        return f"{ISOLATE}{name}{END_OF_ISOLATE}"
    return name


def normalise(name: str) -> str:
    """Return a name as it is stored. Pure; raises BadNameError with what is wrong with it.

    Compatibility forms and blanks are unified. Letters of one script, digits and a little
    punctuation are all that a name may have: nothing invisible, no links, and no bad words.
    """
    text = " ".join(unicodedata.normalize("NFKC", name).split())
    if not LENGTH_MIN <= len(text) <= LENGTH_MAX:
        raise BadNameError(NameProblem.LENGTH)
    # What follows a dot without a blank is taken for an address.
    if "@" in text or "/" in text or re.search(r"\.\w", text) or re.match(r"www\b", text, re.I):
        raise BadNameError(NameProblem.LINK)
    if not all(_is_allowed(character) for character in text):
        raise BadNameError(NameProblem.CHARACTERS)
    scripts = {_script(character) for character in text if character.isalpha()}
    if len(scripts) > 1:
        raise BadNameError(NameProblem.SCRIPTS)
    if sum(map(str.isalpha, text)) < LENGTH_MIN:
        raise BadNameError(NameProblem.LETTERS)
    if _is_improper(text):
        raise BadNameError(NameProblem.WORDS)
    return text


def choose(*, player: Player, name: str) -> str:
    """Let the player be called `name` from now on; return it as it is stored.

    Raises BadNameError when it cannot be taken, also for one that staff have reset.
    """
    normal = normalise(name)
    if player.reset_name and _folded(normal) == _folded(player.reset_name):
        raise BadNameError(NameProblem.RESET)
    player.public_name = normal
    player.save(update_fields=["public_name"])
    return normal


def forget_choice(*, player: Player) -> None:
    """Let the player be called as without a choice."""
    player.public_name = ""
    player.save(update_fields=["public_name"])


def set_hidden(*, player: Player, is_hidden: bool) -> None:
    """Let others see the player's name from now on, or not."""
    player.is_hidden = is_hidden
    player.save(update_fields=["is_hidden"])


# --- What staff do --------------------------------------------------------------------------------


def preview_reset(player: Player) -> Reset:
    """Return what a reset would do to the player's name. Nothing is written."""
    after = Player(pk=player.pk, reset_name=public_name(player, viewer=player))
    return Reset(before=public_name(player, viewer=player), after=public_name(after, viewer=player))


@transaction.atomic
def reset(*, player_id: int, staff: User, reason: str) -> Player:
    """Take an improper name away, chosen or of Telegram; the player may choose another one.

    Until then it is "Player 1234". Locks the player. Raises BadReasonError.
    """
    words = reasons.normalise(reason)
    player = Player.objects.select_for_update().get(pk=player_id)
    found = preview_reset(player)
    player.public_name, player.reset_name = "", found.before.strip(ISOLATE + END_OF_ISOLATE)
    player.save(update_fields=["public_name", "reset_name"])
    audit.record(
        actor=staff,
        action="player.name_reset",
        obj=player,
        summary=f"{player}: the name “{found.before}” was reset: {words}",
        details={"before": found.before, "after": found.after, "reason": words},
    )
    return player


# --- Rules ----------------------------------------------------------------------------------------


def _of_telegram(player: Player) -> str:
    """Return the first name at Telegram and an initial; nothing if it would not be allowed."""
    if player.reset_name:
        return ""
    first = _cleaned(player.first_name)[: LENGTH_MAX - len(" M.")].strip(PUNCTUATION)
    initial = _cleaned(player.last_name)[:1]
    for name in (f"{first} {initial.upper()}." if initial.isalpha() else "", first):
        try:
            return normalise(name)
        except BadNameError:
            continue
    return ""


def _cleaned(text: str) -> str:
    """Return the text without what no name may have."""
    normal = unicodedata.normalize("NFKC", text)
    return " ".join("".join(one if _is_allowed(one) else " " for one in normal).split())


def _is_allowed(character: str) -> bool:
    if character.isalpha():
        # A modifier letter looks like an accent or like nothing.
        return unicodedata.category(character) != "Lm" and _script(character) in SCRIPTS
    return character in PUNCTUATION or character in "0123456789"


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0]


def _folded(text: str) -> str:
    """Return what one reads: without marks, look-alikes as Latin letters, nothing in between."""
    # Letters with their marks first: й is a letter of its own, not an и with a mark.
    read = text.casefold().translate(_LOOK_ALIKES)
    return "".join(
        one
        for one in unicodedata.normalize("NFD", read).translate(_LOOK_ALIKES)
        if one.isalpha() and not unicodedata.combining(one)
    )


def _without_repeats(text: str) -> str:
    return re.sub(r"(.)\1+", r"\1", text)


def _is_improper(text: str) -> bool:
    """Return whether a bad word, or one that only we may use, stands in it."""
    read = _folded(text)
    words = {_folded(word) for word in re.split(r"[ \-'._]+", text)} | {read}
    beginnings = tuple(_folded_all(_BEGINNINGS))
    # "niga" stands in honest names: who doubles a letter has to be read as doubling it.
    single = _without_repeats(read)
    return (
        bool(words & _folded_all(_WORDS))
        or any(word.startswith(beginnings) for word in words)
        or any(fragment in read for fragment in _folded_all(_FRAGMENTS))
        or any(fragment in single for fragment in _folded_all(_FRAGMENTS_WITHOUT_REPEATS))
    )


@cache
def _folded_all(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_folded(word) for word in words)
