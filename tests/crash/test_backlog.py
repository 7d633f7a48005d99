"""A large backlog: the start doesn't wait for it, and memory doesn't grow with it."""

import os
import subprocess
import sys
import textwrap

from tests.processes import ROOT

GIB = 1 << 30
LINE_BYTES = 200_000

COMMON = """
import os, sys, time
from pathlib import Path
import msgspec
from dashcam import Exchange, Recorder, Settings

directory, size = sys.argv[1], int(sys.argv[2])

def settings(**more):
    return Settings(
        environ={}, store=f"sqlite:///{directory}/r.db", journal_bytes="64 GiB", sync="off", **more
    )

def resident_mib():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024
"""

FILL = """
recorder = Recorder(settings(writer="off"))
recorder.start()
before = resident_mib()
line_bytes, journal, records, most = int(sys.argv[3]), recorder.journal, 0, 0
while records * line_bytes < size:
    exchange = Exchange(path=f"/{records}", request_body="x" * (line_bytes - 1000))
    while not journal.append(msgspec.json.encode(exchange) + b"\\n"):
        time.sleep(0.002)  # the next segment isn't ready
    records += 1
    most = max(most, resident_mib() - before) if records % 100 == 0 else most
print(records, most, flush=True)
os._exit(0)
"""

DRAIN = """
recorder = Recorder(settings())
before = resident_mib()
began = time.monotonic()
recorder.start()
started_s = time.monotonic() - began
most, first_s = 0, None
# On a busy machine the first batch may take longer than the time that is measured.
while (spent := time.monotonic() - began) < float(sys.argv[3]) or (first_s is None and spent < 30):
    time.sleep(0.02)
    now = recorder.statistics()
    if now.stored and first_s is None:
        first_s = time.monotonic() - began
    most = max(most, resident_mib() - before)
print(started_s, first_s, most, now.stored, now.pending, flush=True)
os._exit(0)
"""


def run(script, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(COMMON + script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return [float(word) for word in done.stdout.split()]


def test_a_large_backlog_costs_neither_memory_nor_a_slow_start(tmp_path):
    """1 GiB of a dead process's records: the start takes no longer, and no more memory, than with 32 MiB.

    The whole of 10 GB is measured by `python -m benchmarks.bench_backlog 53000 200000`.
    """
    used_mib = []
    for size in (GIB // 32, GIB):
        directory = tmp_path / str(size)
        directory.mkdir()
        records, filling_mib = run(FILL, directory, size, LINE_BYTES)
        assert len(list((directory / ".dashcam" / "journal").glob("*/*.seg"))) >= size >> 24
        assert filling_mib <= 40
        started_s, first_s, draining_mib, stored, pending = run(DRAIN, directory, size, 2)
        assert started_s < 3
        assert first_s < 20
        # It was the whole backlog that was taken over, and of the large one not all was stored.
        assert stored > 0
        assert stored + pending == records
        used_mib.append(draining_mib)
    assert pending > 0
    small_mib, large_mib = used_mib
    assert large_mib <= 64
    assert large_mib <= small_mib + 16
