"""Without the calls that only Linux has: the journal does the same with what every system offers.

Run on Linux, by a process that has had those calls taken away before dashcam is imported.
"""

import os
import signal
import subprocess
import sys

import pytest
from tests.checker import dropped, rows, settle
from tests.processes import ROOT

RECORDING = """
import mmap, os, signal, sys, time
for module, name in ((os, "posix_fallocate"), (mmap, "MADV_DONTFORK")):
    delattr(module, name)
import ctypes
del ctypes.CDLL
from dashcam.journal import mapping
mapping.IS_LINUX = False
from dashcam import Exchange, Recorder, Settings

directory, end = sys.argv[1:]
recorder = Recorder(Settings(
    environ={}, store=f"sqlite:///{directory}/request_logs.db", sync_interval_s=0.02,
    segment_bytes=1 << 16, journal_bytes=1 << 23, batch_interval_s=0.01,
))
recorder.start()
child = os.fork()
if child == 0:
    assert not recorder.statistics().dropped
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
taken = 0
for number in range(400):
    taken += recorder.record(Exchange(path=f"/{number}", request_body="x" * 1000))
    time.sleep(0.0005)
print(taken, flush=True)
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
assert recorder.close(20)
"""


@pytest.mark.parametrize("end", ["kill", "close"])
def test_the_journal_works_with_what_every_posix_system_has(tmp_path, end):
    """Segments are written, synced, rolled and drained; a killed process's records are delivered."""
    ended = subprocess.run(
        [sys.executable, "-c", RECORDING, str(tmp_path), end],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == (-signal.SIGKILL if end == "kill" else 0), ended.stderr
    assert "Error" not in ended.stderr
    taken = int(ended.stdout)
    assert taken > 100
    settle(tmp_path)
    found = rows(tmp_path)
    assert len(found) - sum(row["outcome"] == "dropped" for row in found) == taken
    assert dropped(found) == 400 - taken
