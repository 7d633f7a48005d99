"""SQLite in trouble under a recorder: requests go on, and everything accepted arrives (I0)."""

import contextlib
import sqlite3
import subprocess
import threading
import time

import pytest
from tests.processes import wait_until

from dashcam import Exchange, Recorder, Settings
from dashcam.store import open_store
from dashcam.store.base import Query, Scope


@contextlib.contextmanager
def recording(place, journal):
    settings = Settings(
        environ={},
        store=f"sqlite:///{place}/request_logs.db",
        journal_dir=str(journal),
        batch_interval_s=0.02,
        retry_initial_s=0.05,
        retry_max_s=0.5,
    )
    recorder = Recorder(settings)
    recorder.start()
    recorder.ids = []

    def add(count):
        for number in range(count):
            exchange = Exchange(path=f"/{number}", request_body="x" * 500)
            began = time.perf_counter()
            assert recorder.record(exchange)
            assert time.perf_counter() - began < 1
            recorder.ids.append(exchange.id)

    recorder.add = add
    try:
        yield recorder
    finally:
        recorder.close(5)


def check(recorder, place, *, gone=()):
    """I0: what was accepted is stored, once, apart from what was deleted on purpose."""
    assert recorder.flush(30), recorder.statistics()
    store = open_store(f"sqlite:///{place}/request_logs.db")
    found, before = [], None
    while rows := store.page(Query(scope=Scope.all(), limit=1000, before=before)):
        found += [row.id for row in rows]
        before = (rows[-1].request_timestamp, rows[-1].id)
    store.close()
    assert sorted(found) == sorted(set(recorder.ids) - set(gone))
    now = recorder.statistics()
    assert (now.accepted, now.stored, now.failed, now.pending) == (
        len(recorder.ids),
        len(recorder.ids),
        0,
        0,
    )


def troubled(recorder):
    wait_until(
        lambda: recorder.statistics().writer_state in ("retrying", "blocked"),
        what="the writer has trouble",
    )


@pytest.fixture
def small(tmp_path):
    """A file system of 4 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a tmpfs can't be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_locked_for_30_s(tmp_path):
    """Somebody holds the write lock for half a minute."""
    with recording(tmp_path, tmp_path / "journal") as recorder:
        recorder.add(200)
        assert recorder.flush(10)
        connection = sqlite3.connect(
            tmp_path / "request_logs.db", isolation_level=None, check_same_thread=False
        )
        connection.execute("BEGIN IMMEDIATE")
        free = threading.Timer(30, connection.execute, ["ROLLBACK"])
        free.start()
        recorder.add(1000)
        troubled(recorder)
        free.join()
        check(recorder, tmp_path)
        connection.close()


def test_read_only_for_a_while(small, tmp_path):
    """The file system is read-only at the start, and writable later."""
    open_store(f"sqlite:///{small}/request_logs.db").migrate()
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with recording(small, tmp_path / "journal") as recorder:
        recorder.add(300)
        troubled(recorder)
        subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
        recorder.add(300)
        check(recorder, small)


def test_the_disk_is_full_for_a_while(small, tmp_path):
    """No room for the database; the journal lies elsewhere and takes what comes."""
    with recording(small, tmp_path / "journal") as recorder:
        recorder.add(100)
        assert recorder.flush(10)
        with contextlib.suppress(OSError), (small / "ballast").open("wb") as file:
            while True:
                file.write(bytes(65536))
        recorder.add(2000)
        troubled(recorder)
        (small / "ballast").unlink()
        check(recorder, small)


def test_the_file_is_deleted_under_load(tmp_path):
    """A new file is made; what was in the old one is gone by somebody's hand, nothing else is."""
    with recording(tmp_path, tmp_path / "journal") as recorder:
        recorder.add(200)
        assert recorder.flush(10)
        gone = list(recorder.ids)
        for path in tmp_path.glob("request_logs.db*"):
            path.unlink()
        recorder.add(500)
        check(recorder, tmp_path, gone=gone)
