"""Sign-ins wait for each other, and nothing else for them."""

import pytest
from django.contrib.auth.hashers import (
    PBKDF2PasswordHasher,
    check_password,
    identify_hasher,
    make_password,
)

from quizarena.staff import hashers
from quizarena.staff.hashers import OneAtATime


def test_it_is_how_passwords_are_hashed_and_old_ones_stay_valid() -> None:
    old = PBKDF2PasswordHasher().encode("correct horse", "salt", iterations=1)

    assert isinstance(identify_hasher(make_password("correct horse")), OneAtATime)
    # The suite makes Django's number small, and ours is that.
    assert OneAtATime.iterations is PBKDF2PasswordHasher.iterations
    assert "iterations" not in vars(OneAtATime)
    assert check_password("correct horse", old)
    assert not check_password("wrong", old)


def test_a_process_hashes_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # That two hashes do not overlap may be luck; that the lock is held is not.
    held = []

    def encode(self: object, *args: object) -> str:
        held.append(hashers._hashing.locked())
        return "hash"

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", encode)

    assert OneAtATime().encode("one", "salt") == "hash"
    assert (held, hashers._hashing.locked()) == ([True], False)
