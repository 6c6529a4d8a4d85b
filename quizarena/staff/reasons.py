"""Why staff did something, in their own words."""

from quizarena.staff.errors import BadReasonError

MAX_LENGTH = 500


def normalise(reason: str) -> str:
    """Return the reason without blanks around it. Raises BadReasonError if nothing is left."""
    words = reason.strip()
    if not 0 < len(words) <= MAX_LENGTH:
        raise BadReasonError(f"a reason has 1 to {MAX_LENGTH} characters")
    return words
