"""What the database takes for a letter."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections

# Where only English has letters.
ENGLISH_ONLY = ("C", "POSIX")


@checks.register(checks.Tags.database)
def letters_are_known(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Warn in production when the index of players' names would know English letters alone.

    pg_trgm asks the database's LC_CTYPE what a letter is, whichever locale provider it has. What it
    finds no letter in is compared with every player. `manage.py migrate` shows the warning.
    """
    if not settings.PRODUCTION:
        return []
    found: list[checks.CheckMessage] = []
    for using in databases or ():
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT datctype FROM pg_database WHERE datname = current_database()")
            (ctype,) = cursor.fetchone()
        if ctype in ENGLISH_ONLY:
            found.append(
                checks.Warning(
                    f"The database has LC_CTYPE {ctype}: names in other letters than English are "
                    "searched without an index, half a second at a million players.",
                    hint="Restore it into a database made with LC_CTYPE 'C.UTF-8'.",
                    id="quizarena.W002",
                )
            )
    return found
