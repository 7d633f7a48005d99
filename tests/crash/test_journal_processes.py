"""Processes that share, fork, or lose a journal."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from tests.journals import abandon, append_void, open_journal, read_all, read_dead
from tests.processes import ROOT, wait_until

from dashcam.journal import Lock, Source, list_directories

APPENDER = """
import sys, os
from pathlib import Path
from tests.journals import open_journal
journal = open_journal(Path(sys.argv[1]), journal_bytes=1 << 24)
number = 0
while True:
    if journal.append(b"%d" % number + b"x" * (number % 900)):
        os.write(1, b"%d\\n" % number)
    number += 1
"""


def start(root, failpoint=None):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    if failpoint:
        env["DASHCAM_FAILPOINT"] = failpoint
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(root)], stdout=subprocess.PIPE, env=env
    )


@pytest.mark.parametrize("failpoint", [None, "reserve:50", "mid_copy:50", "publish:50", "roll:2"])
def test_a_killed_appender_has_lost_nothing_accepted(tmp_path, failpoint):
    """SIGKILL at a random moment or at any step of an append: every accepted line is there, once, in order."""
    process = start(tmp_path, failpoint)
    lines = []
    for line in process.stdout:
        lines.append(int(line))
        if failpoint is None and len(lines) == 2000:
            process.kill()
    process.stdout.close()
    assert process.wait(20) == -signal.SIGKILL
    (path,) = list_directories(tmp_path)
    found = [int(line.rstrip(b"x")) for line in read_dead(path) if line[:1] != b"g"]
    assert lines
    assert found[: len(lines)] == lines
    assert len(found) <= len(lines) + 1  # the last may have died between append and print
    assert found == sorted(set(found))


def test_a_live_owner_is_not_adopted_and_a_dead_one_once(tmp_path):
    """Liveness is the lock, never the pid; two adopters: one gets it."""
    journal = open_journal(tmp_path)
    first, second = Source(journal.path), Source(journal.path)
    assert not first.adopt()
    abandon(journal)
    assert first.adopt()
    assert not second.adopt()
    first.close()
    assert second.adopt()
    second.close()


def test_a_forked_child_keeps_nothing_of_its_parents_journal(tmp_path):
    """The child lets go; the parent's lock holds; dead parent's directory is adopted while the child lives."""
    read_end, write_end = os.pipe()
    parent = os.fork()
    if parent == 0:
        journal = open_journal(tmp_path)
        journal.append(b"before")
        child = os.fork()
        if child == 0:
            journal.abandon_in_child()
            assert not journal.append(b"from the child")
            os.write(write_end, b"%d\n" % os.getpid())
            signal.pause()
        os.write(write_end, b"ready\n")
        signal.pause()
    got = b""
    while got.count(b"\n") < 2:
        got += os.read(read_end, 100)
    child = int(next(line for line in got.split() if line != b"ready"))
    try:
        (path,) = list_directories(tmp_path)
        source = Source(path)
        assert not source.adopt(), "the child took the parent's lock with it"
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        assert wait_until(source.adopt, what="adoption while the child lives")
        assert read_all(source) == [b"before"]
        source.close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(read_end)
        os.close(write_end)


def test_a_lock_file_that_is_unlinked_gives_no_second_holder(tmp_path):
    """The inode is compared after locking: the old holder loses the lock, it is never held twice."""
    one, two = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert one.acquire()
    assert not two.acquire()
    os.unlink(tmp_path / "lock")
    assert two.acquire()
    assert not one.acquire()
    one.close()
    two.close()


def test_threads_and_signals_append_at_once(tmp_path):
    """Several threads and a signal handler that appends: nothing torn, nothing lost, no deadlock."""
    journal = open_journal(tmp_path, journal_bytes=1 << 26, segment_bytes=1 << 22)
    from_handler = []
    previous = signal.signal(
        signal.SIGALRM,
        lambda *_: from_handler.append(journal.append(b"handler %d" % len(from_handler))),
    )
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:

        def work(name):
            for number in range(3000):
                while not journal.append(b"%s %d" % (name, number)):
                    pass

        threads = [threading.Thread(target=work, args=(b"t%d" % each,)) for each in range(3)]
        for thread in threads:
            thread.start()
        work(b"main")
        for thread in threads:
            thread.join()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    source = Source(journal.path)
    found = read_all(source)
    for name in (b"main", b"t0", b"t1", b"t2"):
        own = [line for line in found if line.startswith(name)]
        assert own == [b"%s %d" % (name, number) for number in range(3000)]
    assert sum(line.startswith(b"handler") for line in found) == sum(from_handler)
    assert from_handler
    source.close()
    journal.close()


@pytest.mark.parametrize("place", ["mid_copy", "publish"])
def test_a_copy_that_fails_publishes_a_void_frame(tmp_path, place):
    """An exception in the middle of an append: that place says nothing, what follows is read."""
    journal = open_journal(tmp_path)
    journal.append(b"one")

    append_void(journal, place=place)
    assert journal.append(b"two")
    assert (journal.accepted, journal.dropped) == (2, 1)
    source = Source(journal.path)
    assert [line for line in read_all(source) if not line.startswith(b"gap")] == [b"one", b"two"]
    source.close()
    journal.close()


def test_open_entries_and_gap_of_a_dead_owner(tmp_path):
    """What was in flight, and what was dropped, can be told after the death."""
    journal = open_journal(tmp_path, journal_bytes=1 << 17)
    slots = [journal.begin(b"request %d" % number) for number in range(5)]
    journal.end(slots[1])
    journal.end(slots[3])
    while journal.append(b"x" * 5000):
        pass
    path = abandon(journal)
    source = Source(path)
    source.adopt()
    assert sorted(source.open_entries()) == [b"request 0", b"request 2", b"request 4"]
    assert source.gap().count == 1
    source.close()


def test_a_full_table_is_counted(tmp_path):
    """More requests at once than slots: they are served, and counted."""
    journal = open_journal(tmp_path)
    slots = [journal.begin(b"x") for _ in range(2100)]
    assert slots.count(-1) == journal.open_table_overflows == 52
    assert journal.in_flight == 2048
    for slot in slots:
        journal.end(slot)
    assert journal.in_flight == 0
    journal.close()
