"""Migrate as the owner of the tables, and give the application its rights."""

from typing import Any

from django.core.management.commands import migrate

from quizarena.ops import database_roles


class Command(migrate.Command):
    """Django's own command, as the role of DATABASE_OWNER_URL, with the rights at the end."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, and bring the rights of the application in line with the tables."""
        using = options["database"]
        with database_roles.as_owner(using):
            try:
                super().handle(*args, **options)
            finally:
                # Also when one has failed: those before it have left their tables and functions.
                if not options["plan"] and not options["check_unapplied"]:
                    database_roles.protect(using)
