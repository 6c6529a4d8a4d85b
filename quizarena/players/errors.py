"""What is refused of a player's own row. Nothing has been changed."""

from enum import StrEnum


class NameProblem(StrEnum):
    """What is wrong with a name."""

    LENGTH = "LENGTH"
    LINK = "LINK"
    CHARACTERS = "CHARACTERS"
    SCRIPTS = "SCRIPTS"
    LETTERS = "LETTERS"
    WORDS = "WORDS"
    RESET = "RESET"


class BadNameError(Exception):
    """The name cannot be taken; `problem` says why. Nothing has been changed."""

    def __init__(self, problem: NameProblem) -> None:
        super().__init__(f"a name with a problem: {problem}")
        self.problem = problem


class NoteError(Exception):
    """Staff cannot write this about or to a player. Nothing has been changed."""


class BadTextError(NoteError):
    """The text is missing, or is longer than it may be."""


class NoteChangedError(NoteError):
    """Somebody else has edited the note since it was shown."""

    def __init__(self) -> None:
        super().__init__("somebody else has edited this note meanwhile; read it and edit it again")


class AccountDeletedError(NoteError):
    """Nobody is there any more of whom there were something to write."""

    def __init__(self) -> None:
        super().__init__("the account has been deleted meanwhile")


class SuspensionError(Exception):
    """The player is suspended already, or is not suspended. Nothing has been changed."""
