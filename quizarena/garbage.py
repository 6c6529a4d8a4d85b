"""When a process of the application looks for garbage.

What a process imports on its way up is no garbage and stays until its end: 170,000 objects. The
collector of Python would look at them again and again while they come, a quarter of the start's
time, and for 75 ms now and then while people wait for an answer. So it begins when all of them are
there, and leaves them alone from then on. A fork shares their memory all the longer.
"""

import gc


def wait_for_the_apps() -> None:
    """Look for no garbage until `begin`, which Django calls with the last app (bot/apps.py)."""
    gc.disable()


def begin() -> None:
    """Look for garbage from now on, in what comes from now on."""
    gc.freeze()
    gc.enable()
