"""The store's own clock: `stored_at` never goes back within a process."""

import threading
import time

from dashcam.exchange import timestamp

_lock = threading.Lock()
_last_ns = 0


def now_text() -> str:
    """Give the time as text; a wall clock that is set back doesn't take it with it."""
    global _last_ns
    with _lock:
        _last_ns = max(time.time_ns(), _last_ns)
        return timestamp(_last_ns)
