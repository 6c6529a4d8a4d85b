"""How passwords are hashed: Django's way, but one at a time in a process.

A hash takes half a second of processor time. Whoever tries many at once must not take all
processors from the other servers of the machine, the webhook's above all.
"""

from threading import Lock
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

_hashing = Lock()


class OneAtATime(PBKDF2PasswordHasher):
    """PBKDF2 as Django has it; what it has hashed stays valid."""

    def encode(self, *args: Any, **kwargs: Any) -> str:
        """Hash once nobody else in this process does."""
        with _hashing:
            return super().encode(*args, **kwargs)
