"""A backlog of many records: memory of the process that has it, and how long it takes to drain.

python -m benchmarks.bench_backlog [RECORDS [BYTES]]; 10 GB are `53000 200000`
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.bench_store import body_of
from dashcam import Recorder, Settings
from dashcam.exchange import Exchange

RECORDS = 1_000_000
BYTES = 2_100
OTHER_BYTES = 700  # of a record besides its bodies


def resident_mib() -> float:
    """Give this process's resident memory without pages of mapped files."""
    fields = dict(
        line.split(":", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":" in line
    )
    return int(fields["RssAnon"].split()[0]) / 1024


def settings(directory: str, **more: object) -> Settings:
    return Settings(environ={}, store=f"sqlite:///{directory}/r.db", journal_bytes="16 GiB", **more)


def append(directory: str, records: int, size: int) -> None:
    """Take records while nobody drains them, then die without a word."""
    recorder = Recorder(settings(directory, writer="off"))
    before = resident_mib()
    recorder.start()
    journal = recorder.journal
    assert journal is not None
    encoder = msgspec.json.Encoder()
    began = time.perf_counter()
    for number in range(records):
        body = body_of(number, (size - OTHER_BYTES) // 2)
        exchange = Exchange(path=f"/{number}", request_body=body, response_body=body[::-1])
        while not journal.append(encoder.encode(exchange) + b"\n"):
            time.sleep(0.001)  # the disk is behind: the next segment isn't ready
    took = time.perf_counter() - began
    added = resident_mib() - before
    print(f"  taken in {took:.0f} s; {added:.0f} MiB of memory added while they waited", flush=True)
    os._exit(0)


def drain(directory: str, records: int, _size: int) -> None:
    """Start as the app would after that, and deliver everything."""
    recorder = Recorder(settings(directory))
    before = resident_mib()
    began = time.perf_counter()
    recorder.start()
    started = time.perf_counter() - began
    most = 0.0
    while recorder.statistics().stored < records and time.perf_counter() - began < 600:
        time.sleep(0.1)
        most = max(most, resident_mib() - before)
    took = time.perf_counter() - began
    assert recorder.statistics().stored == records, recorder.statistics()
    print(
        f"  started in {started * 1e3:.0f} ms, drained in {took:.0f} s "
        f"({records / took:,.0f} a second), at most {most:.0f} MiB of memory added"
    )
    recorder.close(10)


def main(records: int = RECORDS, size: int = BYTES) -> None:
    """Print memory and times."""
    print(f"a backlog of {records:,} records of {size:,} bytes")
    with tempfile.TemporaryDirectory() as directory:
        for what in ("append", "drain"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.bench_backlog",
                what,
                directory,
                str(records),
                str(size),
            ]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    if sys.argv[1:2] in (["append"], ["drain"]):
        {"append": append, "drain": drain}[sys.argv[1]](
            sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
        )
    else:
        main(*map(int, sys.argv[1:]))
