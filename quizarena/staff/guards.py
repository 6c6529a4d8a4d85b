"""The triggers that guard the product's rules cannot be switched off."""

from django.db import connections

# django-pgtrigger asks this function before every trigger whether the session wants to ignore it.
# Nobody may: an append-only table would be no stronger than a SET. It is also what makes a
# trigger cheap, since the original catches an exception at every call.
STAY_ON = """
CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean
LANGUAGE sql IMMUTABLE AS 'SELECT false'
"""


def enforce_guards(using: str) -> None:
    """Keep the guards on after every migration, which brings the question back.

    As the owner of the tables.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(STAY_ON)
