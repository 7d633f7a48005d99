"""A real recorder on real files: threads, processes, signals, and a store in trouble."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import msgspec
import pytest
from tests.checker import rows, settle
from tests.drive import http_scope
from tests.processes import wait_until

from dashcam import DashcamMiddleware, Exchange, Recorder, Settings
from dashcam.store import open_store
from dashcam.store.base import Query, Scope
from dashcam.store.sqlite import LOOK_S
from dashcam.writer.loop import WriterLoop


@pytest.fixture
def make(tmp_path):
    made = []

    def make(**settings):
        given = {
            "store": f"sqlite:///{tmp_path}/request_logs.db",
            "batch_interval_s": 0.05,
            "segment_bytes": 1 << 22,
        }
        recorder = Recorder(Settings(environ={}, **{**given, **settings}))
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        recorder.close(5)


def record(recorder, count, **fields):
    for number in range(count):
        assert recorder.record(Exchange(path=f"/x/{number}", **fields))


@pytest.mark.parametrize("writer", ["thread", "process"])
def test_start_hand_over_and_shutdown(make, tmp_path, writer):
    """What is recorded is stored, the numbers agree, and nothing is left behind."""
    recorder = make(writer=writer)
    record(recorder, 1200)
    assert recorder.flush(20)
    statistics = wait_until(
        lambda: (now := recorder.statistics()).batches and now, what="the writer's report"
    )
    assert (statistics.accepted, statistics.stored, statistics.pending) == (1200, 1200, 0)
    assert statistics.writer_state == "running"
    assert recorder.close()
    closed = recorder.statistics()
    assert (closed.accepted, closed.stored, closed.writer_state) == (1200, 1200, "stopped")
    assert len(rows(tmp_path)) == 1200
    assert list((tmp_path / ".dashcam" / "journal").glob("*/")) == []


def test_a_closed_recorder_starts_again(make, tmp_path):
    """close() and then another record: a new journal is opened by itself."""
    recorder = make()
    record(recorder, 1)
    recorder.close()
    record(recorder, 2)
    assert recorder.flush(10)
    assert len(rows(tmp_path)) == 3


def test_a_locked_database_only_delays(make, tmp_path):
    """SQLite locked by somebody else: records wait, are retried, and arrive."""
    recorder = make(retry_initial_s=0.01, retry_max_s=0.1)
    record(recorder, 1)
    assert recorder.flush(10)
    other = sqlite3.connect(tmp_path / "request_logs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    record(recorder, 50)
    wait_until(lambda: recorder.statistics().retries, what="a retry", timeout_s=30)
    assert recorder.statistics().writer_state == "retrying"
    other.execute("ROLLBACK")
    other.close()
    assert recorder.flush(10)
    assert len(rows(tmp_path)) == 51


def test_a_row_that_the_engine_refuses_is_in_the_failed_file(make, tmp_path):
    """A constraint that a row breaks: that row is put aside, the others are stored."""
    recorder = make()
    record(recorder, 1)
    assert recorder.flush(10)
    with sqlite3.connect(tmp_path / "request_logs.db") as connection:
        connection.execute(
            "CREATE TRIGGER poison BEFORE INSERT ON request_logs WHEN NEW.path = '/poison' "
            "BEGIN SELECT RAISE(ABORT, 'poison'); END"
        )
    connection.close()
    for number in range(1000):
        recorder.record(Exchange(path="/poison" if number == 500 else "/good"))
    assert recorder.flush(20)
    assert len(rows(tmp_path)) == 1000
    (failed,) = (tmp_path / ".dashcam" / "failed_logs.jsonl").read_text().splitlines()
    assert json.loads(failed)["record"]["path"] == "/poison"
    statistics = recorder.statistics()
    assert (statistics.accepted, statistics.stored, statistics.failed) == (1001, 1000, 1)


def test_a_deleted_database_is_made_anew(make, tmp_path):
    """The file is deleted while it runs: what comes afterwards is stored in a new one, without a long wait."""
    recorder = make(retry_initial_s=0.01, retry_max_s=60)
    record(recorder, 1)
    assert recorder.flush(10)
    for path in tmp_path.glob("request_logs.db*"):
        path.unlink()
    time.sleep(LOOK_S)  # from now on it is seen before an insert
    record(recorder, 5)
    assert recorder.flush(30)
    assert len(rows(tmp_path)) == 5


@pytest.mark.parametrize(
    "error",
    [MemoryError("on purpose"), RuntimeError("a bug"), SystemExit(3), GeneratorExit()],
    ids=repr,
)
def test_a_writer_that_raises_is_restarted(make, monkeypatch, caplog, error):
    """Whatever ends the writer: counted, visible while it lasts, logged once; the records arrive all the same."""
    recorder = make()
    recorder.start()
    failures = [error] * 3
    step = WriterLoop.step

    def failing_step(self, *, at_once):
        if failures:
            raise failures.pop()
        return step(self, at_once=at_once)

    monkeypatch.setattr(WriterLoop, "step", failing_step)
    record(recorder, 10)
    wait_until(
        lambda: recorder.statistics().writer_state == "failed", what="the failure to be seen"
    )
    assert recorder.statistics().last_error == f"the writer failed: {type(error).__name__}"
    assert recorder.flush(20)
    statistics = recorder.statistics()
    assert (statistics.writer_restarts, statistics.stored) == (3, 10)
    assert statistics.writer_state == "running"
    assert caplog.text.count("the writer failed") == 1


def test_a_writer_process_that_is_killed_is_restarted(make, tmp_path):
    """SIGKILL to the writer process: another one drains what is there."""
    recorder = make(writer="process")
    record(recorder, 100)
    assert recorder.flush(20)
    os.kill(recorder._writer._child.pid, signal.SIGKILL)
    record(recorder, 100)
    assert recorder.flush(30)
    assert len(rows(tmp_path)) == 200
    assert recorder.statistics().writer_restarts == 1


def test_one_of_several_recorders_drains_for_all(make, tmp_path):
    """Two recorders on one journal_dir: one leads, both get their records stored; then the other takes over."""
    first, second = make(), make()
    record(first, 30)
    record(second, 30)
    assert first.flush(10)
    assert second.flush(10)
    states = sorted(each.statistics().writer_state for each in (first, second))
    assert states == ["running", "standby"]
    leader, other = (
        (first, second) if first.statistics().writer_state == "running" else (second, first)
    )
    leader.close()
    record(other, 30)
    assert other.flush(10)
    assert len(rows(tmp_path)) == 90


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_opens_its_own_journal(make, tmp_path):
    """A child records into a journal of its own; the parent goes on."""
    recorder = make()
    record(recorder, 10)
    child = os.fork()
    if child == 0:
        try:
            record(recorder, 10)
            recorder.close(10)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    record(recorder, 10)
    assert recorder.flush(10)
    wait_until(lambda: len(rows(tmp_path)) == 30, what="the child's records")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_request_that_forks_is_recorded_by_its_parent_alone(make, tmp_path):
    """The child finishes its copy of the request, too: one row, accepted once over both directories."""
    recorder = make(writer="off")
    read_end, write_end = os.pipe()

    async def app(scope, receive, send):
        parent = os.getpid()
        if os.fork() == 0:
            scope["child"] = True
        else:
            os.wait()
        assert (os.getpid() != parent) == ("child" in scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def main():
        scope = http_scope(path="/forks")

        async def send(message):
            pass

        await DashcamMiddleware(app, recorder=recorder)(scope, None, send)
        if "child" in scope:
            try:
                recorder.record(Exchange(path="/of-the-child"))
                os.write(write_end, b"%d" % recorder.statistics().accepted)
            finally:
                os._exit(0)

    asyncio.run(main())
    assert recorder.statistics().accepted == 1
    assert os.read(read_end, 10) == b"1"
    os.close(read_end)
    os.close(write_end)
    recorder.close(0)
    settle(tmp_path)
    found = {row["path"]: row for row in rows(tmp_path)}
    assert set(found) == {"/forks", "/of-the-child"}
    assert found["/forks"]["process_id"] == os.getpid()


def test_records_wait_for_the_next_start(make, tmp_path):
    """writer=off: nothing is stored until another process drains, and nothing is lost."""
    recorder = make(writer="off")
    record(recorder, 40)
    assert not recorder.flush(0.1)
    assert not recorder.close(1)
    settle(tmp_path)
    assert len(rows(tmp_path)) == 40


def test_a_gap_is_a_row(make, tmp_path):
    """A journal at its limit drops, counts, keeps what it has, and tells of the gap as a row."""
    recorder = make(writer="off", journal_bytes=1 << 16, segment_bytes=1 << 14)
    accepted = sum(
        recorder.record(Exchange(path=f"/{number}", response_body="x" * 1000))
        for number in range(200)
    )
    statistics = recorder.statistics()
    assert 10 < accepted < 200
    assert (statistics.accepted, statistics.dropped) == (accepted, 200 - accepted)
    recorder.close(1)
    settle(tmp_path)
    found = rows(tmp_path)
    (gap,) = [row for row in found if row["outcome"] == "dropped"]
    assert gap["dropped_count"] == 200 - accepted
    assert gap["dropped_first"] <= gap["dropped_last"]
    assert len(found) == accepted + 1


def test_retention_runs_by_itself_and_expired_records_are_counted(make, tmp_path):
    """Old rows go, in the background; a record that is too old already is `expired`."""
    old = "2020-01-01T00:00:00.000000Z"
    store = open_store(f"sqlite:///{tmp_path}/request_logs.db")
    store.migrate()
    store.insert(
        b"".join(msgspec.json.encode(Exchange(request_timestamp=old)) + b"\n" for _ in range(1200))
    )
    recorder = make()
    record(recorder, 3)
    record(recorder, 2, request_timestamp=old)
    assert recorder.flush(20)
    wait_until(
        lambda: len(store.page(Query(scope=Scope.all(), limit=1000))) == 3, what="old rows to go"
    )
    statistics = recorder.statistics()
    assert (statistics.stored, statistics.expired, statistics.accepted) == (3, 2, 5)
    store.close()


def test_the_start_says_what_is_deleted(make, capsys, tmp_path):
    """The first start of a process prints where records go and how long they are kept."""
    make(retention_days=7, body_retention_days=1).start()
    assert "rows are kept 7 days, bodies 1 days" in capsys.readouterr().err


def test_threads_record_at_once(make, tmp_path):
    """WSGI threads and sync endpoints record at once: every record arrives once."""
    recorder = make()
    threads = [threading.Thread(target=record, args=(recorder, 300)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.flush(20)
    assert len({row["id"] for row in rows(tmp_path)}) == 1800


@pytest.mark.parametrize(
    "end",
    [
        "",
        "raise SystemExit(3)",
        "1 / 0",
        "del recorder; import gc, threading; gc.collect(); "
        "[thread.join(30) for thread in threading.enumerate() if thread.name == 'dashcam-close']",
    ],
)
def test_the_end_of_the_interpreter_drains(tmp_path, end):
    """A script that ends, exits, fails, or forgets its recorder: what it recorded is stored."""
    script = (
        "from dashcam import DashcamMiddleware, Exchange, Recorder, Settings\n"
        f"recorder = Recorder(Settings(environ={{}}, store='sqlite:///{tmp_path}/request_logs.db', batch_interval_s=30))\n"
        "for number in range(50): assert recorder.record(Exchange(path='/x'))\n"
        f"{end}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], timeout=40, check=False, stderr=subprocess.DEVNULL
    )
    assert done.returncode in (0, 1, 3)
    assert len(rows(tmp_path)) == 50
    assert not list((tmp_path / ".dashcam" / "journal").glob("*/*.seg"))
