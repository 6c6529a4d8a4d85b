"""The first account of an installation, from which all others are made."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from quizarena.staff import accounts
from quizarena.staff.errors import HoldsAnotherRoleError


class Command(BaseCommand):
    """Let somebody manage accounts."""

    help = (
        "Make an account with the role Security, or give it a new password if it is there, and "
        "print NAME PASSWORD. The account may make all other accounts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name."""
        parser.add_argument("name", help="the user name: one that has no other role")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it and print how to sign in."""
        name = options["name"]
        try:
            password = accounts.give_security(username=name, now=timezone.now())
        except HoldsAnotherRoleError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{name} {password}")
