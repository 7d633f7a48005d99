"""The wall clock jumps under a real process: intervals go on, and ids stay unique.

libfaketime would do, but its `clock_nanosleep` fails under Python 3.11 when only the wall clock is
to be another; so a few lines of C stand before the C library's.
"""

import shutil
import subprocess
import time

import pytest
from tests.checker import rows, settle
from tests.crash.test_leaders import Process, stored
from tests.processes import wait_until

HOUR_S, YEAR_S = 3600, 366 * 86400
WALL_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long *shift;  /* seconds, in a file that the test maps and changes */
static int (*real)(clockid_t, struct timespec *);
__attribute__((constructor)) static void begin(void) {
    real = dlsym(RTLD_NEXT, "clock_gettime");
    int fd = open(getenv("WALL_CLOCK_SHIFT"), O_RDONLY | O_CLOEXEC);
    shift = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = real(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *shift;
    return failed;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""
JUMPS_S = (0, -HOUR_S, YEAR_S, -HOUR_S, YEAR_S + 1)


@pytest.fixture
def jump(tmp_path, monkeypatch):
    """Give a function that sets the wall clock of processes that are started from now on."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    source, library, shift = tmp_path / "c.c", tmp_path / "clock.so", tmp_path / "shift"
    source.write_text(WALL_CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    shift.write_bytes(bytes(4096))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("WALL_CLOCK_SHIFT", str(shift))

    def jump(seconds):
        with shift.open("r+b") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    return jump


@pytest.mark.parametrize("writer", ["thread", "process"])
def test_a_wall_clock_that_jumps(tmp_path, monkeypatch, jump, writer):
    """An hour back, a year forth, and again: each record arrives within the interval, once, under an id of its own."""
    process = Process(tmp_path, writer=writer, retention_days=0, sync_interval_s=0.05)
    monkeypatch.undo()
    try:
        for shift_s in JUMPS_S:
            jump(shift_s)
            began = time.monotonic()
            process.record(200)
            wait_until(lambda: len(stored(tmp_path)) == len(process.ids), what=f"all, {shift_s}")
            # batch_interval_s is 0.02; the first one also waits for the writer's start.
            assert shift_s == 0 or time.monotonic() - began < 5, shift_s
            now = process.statistics()
            assert (now["dropped"], now["retries"], now["writer_restarts"]) == (0, 0, 0)
            assert now["oldest_pending_age_s"] is None or 0 <= now["oldest_pending_age_s"] < 5
            years = {row["request_timestamp"][:4] for row in rows(tmp_path)}
        assert len(years) > 1, "the clock didn't jump"
        assert len(set(process.ids)) == len(process.ids) == 200 * len(JUMPS_S)
        began = time.monotonic()
        assert process.tell("close") == "True"
        assert time.monotonic() - began < 5
    finally:
        process.kill()
    settle(tmp_path, retention_days=0)
    assert sorted(stored(tmp_path)) == sorted(process.ids)
