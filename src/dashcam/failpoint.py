"""Named places in the code where a test can make the process die or an error happen.

`DASHCAM_FAILPOINT=name:n[:kill|raise|exit]` acts at the n-th pass of the failpoint `name`
(`kill`, SIGKILL to itself, unless said otherwise). When the variable is unset, a failpoint is
one test of a module constant; code on the request path tests `ACTIVE` itself before calling.
"""

import os
import signal
import threading


class FailpointError(Exception):
    """Raised by a failpoint in `raise` mode."""


def _parse(text: str) -> tuple[str, int, str]:
    name, _, rest = text.partition(":")
    number, _, mode = rest.partition(":")
    return name, int(number or 1), mode or "kill"


_NAME, _PASSES, _MODE = _parse(os.environ.get("DASHCAM_FAILPOINT", ""))
ACTIVE = bool(_NAME)
_lock = threading.Lock()
_passed = 0


def failpoint(name: str) -> None:
    """Act if `name` is the failpoint that the environment names and its turn has come.

    Raises:
        FailpointError: in `raise` mode.
    """
    global _passed
    if name != _NAME:
        return
    with _lock:
        _passed += 1
        if _passed != _PASSES:
            return
    if _MODE == "raise":
        raise FailpointError(name)
    if _MODE == "exit":
        os._exit(70)
    os.kill(os.getpid(), signal.SIGKILL)
