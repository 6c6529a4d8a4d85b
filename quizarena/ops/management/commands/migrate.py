"""Migrate as the owner of the tables, and give the application its rights."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from quizarena.ops import database_roles, structure


class Command(migrate.Command):
    """Django's own command, as the role of DATABASE_OWNER_URL, with the rights at the end."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Be the owner from the first check on: before the first migration nobody else is there.

        Checks of models ask the server for its version.
        """
        with database_roles.as_owner(options["database"]):
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, and bring the rights of the application in line with the tables."""
        if not (options["app_label"] or options["plan"] or options["check_unapplied"]):
            structure.execute(connections[options["database"]])
        try:
            super().handle(*args, **options)
        finally:
            # Also when one has failed: those before it have left their tables and functions.
            if not options["plan"] and not options["check_unapplied"]:
                database_roles.protect(options["database"])
