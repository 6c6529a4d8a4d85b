"""What time it is at the sandbox: the machine's time, until somebody sets another."""

import time

_ahead_s = 0.0


def now() -> float:
    """Return the sandbox's time, in seconds since 1970."""
    return time.time() + _ahead_s


def set_to(moment: float) -> None:
    """Let it be `moment` now; from there the time runs on."""
    global _ahead_s  # noqa: PLW0603 - One process is one Telegram, and has one time.
    _ahead_s = moment - time.time()
