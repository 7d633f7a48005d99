"""Who drains for whom: forks, removed locks, reused pids, and eight workers whose leader is killed (I0)."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import msgspec
import pytest
from tests.checker import rows, settle
from tests.journals import abandon, open_journal
from tests.processes import environment, wait_until

from dashcam import Exchange, Recorder, Settings
from dashcam.journal import list_directories
from dashcam.store import fingerprint


class Process:
    """A process of `tests.apps.recording`."""

    def __init__(self, directory, **settings):
        self.ids = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.apps.recording"],
            env=environment(directory, batch_interval_s=0.02, **settings),
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self.process.pid
        self.journal = self.process.stdout.readline().split()[1]

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def record(self, count):
        self.ids += self.tell(f"record {count}").split(",")

    def statistics(self):
        return json.loads(self.tell("statistics"))

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path):
    with contextlib.ExitStack() as ends:

        def start(**settings):
            process = Process(tmp_path, **settings)
            ends.callback(process.kill)
            return process

        yield start


def stored(directory):
    return [row["id"] for row in rows(directory)]


def check(directory, *processes):
    """I0 over all ids: each is stored, once; nothing else is."""
    settle(directory)
    assert sorted(stored(directory)) == sorted(
        each for process in processes for each in process.ids
    )
    assert list_directories(directory / ".dashcam" / "journal") == []


def test_eight_workers_whose_leader_is_killed(tmp_path, start):
    """One successor; each orphan is adopted by it alone, once, and nothing is lost or twice."""
    workers = [start() for _ in range(8)]
    for worker in workers:
        worker.record(10)
    wait_until(lambda: len(stored(tmp_path)) == 80, what="all to be stored")

    def leaders():
        return [
            each
            for each in workers
            if each.statistics()["writer_state"] not in ("standby", "starting")
        ]

    (leader,) = leaders()
    orphan = next(each for each in workers if each is not leader)
    # What they record just before is still theirs to deliver when they are gone.
    os.kill(leader.pid, signal.SIGSTOP)
    orphan.record(40)
    orphan.kill()
    leader.kill()
    survivors = [each for each in workers if each not in (leader, orphan)]
    workers = survivors
    for worker in survivors:
        worker.record(10)
    wait_until(lambda: len(stored(tmp_path)) == 80 + 40 + 60, what="the successor to store all")
    journal = tmp_path / ".dashcam" / "journal"
    wait_until(lambda: len(list_directories(journal)) == 6, what="the orphans to be removed")
    assert len(leaders()) == 1
    adopted = {each.pid: each.statistics()["adopted"] for each in survivors}
    assert sum(adopted.values()) == adopted[leaders()[0].pid] == 40
    for worker in survivors:
        worker.kill()
    check(tmp_path, leader, orphan, *survivors)


def test_a_dead_parents_records_are_adopted_while_its_child_lives(tmp_path, start):
    """A child of a fork inherits lock and maps and lets go of them: its dead parent is known to be dead."""
    parent = start(writer="off")
    parent.record(20)
    child = int(parent.tell("fork"))
    try:
        parent.record(20)
        other = start()
        other.record(5)
        assert other.tell("flush") == "True"
        assert len(stored(tmp_path)) == 45, "a leader drains for the living"
        assert other.statistics()["adopted"] == 0
        parent.record(20)
        parent.kill()
        os.kill(child, 0)  # it lives
        journal = tmp_path / ".dashcam" / "journal"
        wait_until(
            lambda: [each.name for each in list_directories(journal)] == [other.journal],
            what="adoption while the child lives",
        )
        assert len(stored(tmp_path)) == 65
        assert other.tell("close") == "True"
        check(tmp_path, parent, other)
    finally:
        os.kill(child, signal.SIGKILL)


def test_the_leaders_lock_is_unlinked(tmp_path, start):
    """Somebody removes the lock file of the one that drains, again and again: one leader remains, and I0."""
    both = one, two = start(), start()
    one.record(1)
    wait_until(lambda: stored(tmp_path), what="a first row")
    (lock,) = (tmp_path / ".dashcam" / "journal").glob("leader-*.lock")
    for _ in range(2):
        lock.unlink()
        for each in both:
            each.record(20)
        wait_until(lambda: len(stored(tmp_path)) == len(one.ids + two.ids), what="all stored")
        wait_until(
            lambda: lock.exists() and states(both) == ["running", "standby"], what="one leader"
        )
        inode = lock.stat().st_ino
        for each in both:
            each.record(20)
        wait_until(lambda: len(stored(tmp_path)) == len(one.ids + two.ids), what="all stored")
        # One that doesn't know yet that its lock is gone may drain for a moment, harmlessly.
        wait_until(lambda: states(both) == ["running", "standby"], what="one leader, still")
        assert lock.stat().st_ino == inode
    for each in both:
        assert each.tell("close") == "True"
    check(tmp_path, one, two)


def states(processes):
    return sorted(each.statistics()["writer_state"] for each in processes)


@pytest.mark.parametrize("owner", ["dead", "alive"])
def test_a_reused_pid_says_nothing(tmp_path, monkeypatch, owner):
    """A dead process's pid belongs to another one now, or a live one's looks dead: only the lock tells."""
    store = f"sqlite:///{tmp_path}/request_logs.db"
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    pid = os.getppid() if owner == "dead" else int(gone.stdout)
    root = tmp_path / ".dashcam" / "journal"
    monkeypatch.setattr("dashcam.journal.directory.os.getpid", lambda: pid)
    journal = open_journal(root, fingerprint=fingerprint(store))
    monkeypatch.undo()
    assert f"-{pid}-" in journal.path.name
    exchange = Exchange(path="/x")
    assert journal.append(msgspec.json.encode(exchange) + b"\n")
    if owner == "dead":
        abandon(journal)
    settings = Settings(environ={}, store=store)
    recorder = Recorder(settings)
    recorder.start()
    wait_until(
        lambda: exchange.id in stored(tmp_path), what="the row"
    )  # also a live one's is drained
    assert recorder.flush(10)
    assert recorder.statistics().adopted == (owner == "dead")
    assert (journal.path in list_directories(root)) == (owner == "alive")
    recorder.close(5)
    if owner == "alive":
        journal.close()
