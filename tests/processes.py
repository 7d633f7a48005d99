"""Real processes for tests: started, waited for, and always ended by pid."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def wait_until(condition: Callable[[], Any], *, what: str, timeout_s: float = 20.0) -> Any:
    """Wait until a condition is true and give its value; fail with `what` after the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {timeout_s:g} s: {what}")
        time.sleep(0.01)


def environment(directory: Path, **settings: Any) -> dict[str, str]:
    """Make the environment of a child that records into `directory`."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("DASHCAM_")}
    clean["PYTHONPATH"] = str(ROOT)
    clean["DASHCAM_STORE"] = f"sqlite:///{directory}/request_logs.db"
    for name, value in settings.items():
        clean["DASHCAM_" + name.upper()] = str(value)
    return clean


@contextlib.contextmanager
def running(
    *arguments: str, env: dict[str, str], cwd: Path, stderr: Any = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python ARGUMENTS` in a process group of its own; at the end all of it is dead."""
    process = subprocess.Popen(
        [sys.executable, *arguments], env=env, cwd=cwd, stderr=stderr, start_new_session=True
    )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process and everything that it started in its session; wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    # Orphans of the group are dead when no member is left to signal.
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.005)


def own_port() -> int:
    """Give a port for a server that can't be asked for its own; no two test processes have the same.

    It lies below those that the kernel gives to clients: one that connects to a port of theirs
    before the server listens may be given the very same, and then it talks to itself.
    """
    return 20_000 + os.getpid() % 12_000


def read_port(port_file: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait for a server to write its port, and give it."""

    def port() -> int:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        return int(port_file.read_text()) if port_file.exists() else 0

    return int(wait_until(port, what="the server's port"))


CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
_CAPABILITIES_VERSION_3 = 0x20080522


def obey_permissions() -> None:
    """Make file permissions hold for this process although it may be root's (capset(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits of each
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    for at in (0, 1):
        sets[at] &= ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")
