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
