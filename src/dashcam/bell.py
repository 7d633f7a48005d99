"""A bell that one thread waits for and anything may ring, also a signal handler.

`threading.Event` takes a lock in Python code, so a signal handler that sets an event in the
middle of another `set` of the same thread never returns. Releasing a raw lock is one atomic
call.
"""

import threading


class Bell:
    """Wakes the thread that waits for it; rung twice before it is heard, it wakes once."""

    __slots__ = ("_silent",)

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        """Wake the waiting thread, now or when it next waits."""
        try:
            self._silent.release()
        except RuntimeError:  # it was rung already
            pass

    def wait(self, timeout_s: float) -> bool:
        """Wait to be rung, at most `timeout_s` seconds; tell whether it was."""
        return self._silent.acquire(timeout=min(max(timeout_s, 0.0), threading.TIMEOUT_MAX))
