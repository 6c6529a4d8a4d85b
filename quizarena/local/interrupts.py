"""How a run is stopped: Ctrl-C, a signal, or the end of whoever started it."""

import os
import signal
import threading
import time
from types import FrameType

PARENT_POLL_SECONDS = 0.5


def interrupt_on_stop() -> None:
    """Raise KeyboardInterrupt in the main thread whenever this run is asked to stop.

    Under `make` the death of the parent counts: who kills make does not know us.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, _interrupt)
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, signal.SIGTERM)
