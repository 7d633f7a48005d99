"""The writer's loop with a store that fails as it is told, under a fake clock."""

import json

import msgspec
import pytest

from dashcam.bell import Bell
from dashcam.errors import RowRefusedError, StoreSetupError, StoreUnavailableError
from dashcam.exchange import Exchange
from dashcam.journal import MemoryJournal
from dashcam.settings import Settings
from dashcam.writer.loop import WriterLoop
from dashcam.writer.sender import UNKNOWN_ATTEMPTS, Stopped
from dashcam.writer.status import WriterStatus


class Clock:
    """A clock that only waiting moves."""

    def __init__(self):
        self.now_s = 1000.0
        self.waits = []

    def __call__(self):
        return self.now_s

    def wait(self, timeout_s):
        self.waits.append(timeout_s)
        self.now_s += timeout_s
        return False


class FakeStore:
    """Keeps lines; raises what it is told to, before or after keeping."""

    prunes_by_day = False

    def apply_retention(self, *, days, body_days):
        pass

    def __init__(self):
        self.rows = {}
        self.batches = []
        self.errors = []
        self.poison = set()
        self.migrated = 0
        self.after_commit = []

    def migrate(self):
        self.migrated += 1

    def ping(self):
        pass

    def insert(self, lines):
        if self.errors:
            raise self.errors.pop(0)
        decoded = [json.loads(line) for line in lines.splitlines()]
        if self.poison & {row["id"] for row in decoded}:
            raise RowRefusedError("poison")
        self.rows.update({row["id"]: row for row in decoded})
        self.batches.append(len(decoded))
        if self.after_commit:
            raise self.after_commit.pop(0)

    def prune(self, *, before, limit):
        return 0

    def close(self):
        pass


class Bench:
    """A loop over a journal in memory, with everything around it faked."""

    def __init__(self, tmp_path, **settings):
        given = {
            "journal_dir": "memory",
            "store": "memory://",
            "batch_size": 10,
            "failed_logs": tmp_path / "failed.jsonl",
        }
        self.settings = Settings(environ={}, **{**given, **settings})
        self.journal = MemoryJournal(journal_bytes=1 << 20, encode_gap=lambda gap: b"")
        self.store, self.clock, self.status = FakeStore(), Clock(), WriterStatus()
        bell = Bell()
        bell_wait = self.clock.wait
        self.loop = WriterLoop(
            self.settings,
            journal=self.journal,
            open_store=lambda: self.store,
            bell=type("FakeBell", (), {"wait": staticmethod(bell_wait), "ring": bell.ring})(),
            status=self.status,
            clock=self.clock,
            jitter=lambda: 1.0,
        )
        self.failed = tmp_path / "failed.jsonl"

    def record(self, count):
        exchanges = [Exchange() for _ in range(count)]
        for exchange in exchanges:
            assert self.journal.append(msgspec.json.encode(exchange) + b"\n")
        return [exchange.id for exchange in exchanges]

    def failed_ids(self):
        if not self.failed.exists():
            return []
        return [json.loads(line)["record"]["id"] for line in self.failed.read_text().splitlines()]

    def check(self):
        done = self.journal.checkpoint
        assert (
            self.journal.accepted
            == done.stored + done.failed + done.expired + self.journal.pending()
        )
        assert done.stored == len(self.store.rows)
        assert done.failed == len(self.failed_ids())


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_writer_starts_and_connects(bench):
    """The first round opens the store and brings its schema up to date, once."""
    bench.loop.step(at_once=False)
    bench.loop.step(at_once=False)
    assert (bench.store.migrated, bench.status.state) == (1, "running")


def test_records_arrive_in_the_queue(bench):
    """What is appended waits in the journal until it is delivered."""
    ids = bench.record(3)
    assert bench.journal.pending() == 3
    bench.loop.step(at_once=True)
    assert (list(bench.store.rows), bench.journal.pending()) == (ids, 0)


def test_a_batch_is_taken_and_written(bench):
    """batch_size records are one insert; the rest waits."""
    bench.record(25)
    bench.loop.step(at_once=False)
    assert bench.store.batches == [10, 10]
    assert bench.journal.pending() == 5
    bench.check()


def test_the_timer_sends_what_waits(bench):
    """Too few for a batch: sent when the oldest has waited batch_interval_s, not before."""
    bench.record(3)
    bench.loop.step(at_once=False)
    bench.clock.now_s += 0.99
    bench.loop.step(at_once=False)
    assert bench.store.batches == []
    bench.clock.now_s += 0.02
    bench.loop.step(at_once=False)
    assert bench.store.batches == [3]


def test_retry_with_growing_waits(bench):
    """Passing trouble is tried again, with bounded, growing waits; nothing goes to the failed file."""
    bench.store.errors = [StoreUnavailableError("down")] * 12
    bench.record(3)
    bench.loop.step(at_once=True)
    assert bench.status.retries == 12
    assert bench.failed_ids() == []
    spent = sum(bench.clock.waits)
    assert 30 < spent < 12 * 30
    bench.check()


def test_one_poison_row_is_found_and_put_aside(bench):
    """One bad row in 10: nine are stored, one is in the failed file with its error and attempts."""
    ids = bench.record(10)
    bench.store.poison = {ids[6]}
    bench.loop.step(at_once=True)
    assert (len(bench.store.rows), bench.failed_ids()) == (9, [ids[6]])
    (entry,) = [json.loads(line) for line in bench.failed.read_text().splitlines()]
    assert set(entry) == {"record", "error", "failed_at", "attempts"}
    assert entry["error"] == "RowRefusedError: poison"
    assert bench.failed.stat().st_mode & 0o777 == 0o600
    bench.check()


def test_an_outage_in_the_middle_of_a_bisect_fails_no_row(bench):
    """The store goes down while the bad row is looked for: only the bad row is put aside."""
    ids = bench.record(10)
    bench.store.poison = {ids[3]}
    bench.store.errors = [RowRefusedError("poison"), *[StoreUnavailableError("down")] * 5]
    bench.loop.step(at_once=True)
    assert bench.failed_ids() == [ids[3]]
    bench.check()


def test_an_answer_to_commit_that_is_lost_sends_again(bench):
    """Committed, but the answer never came: sent again, stored once, counted once."""
    bench.record(4)
    bench.store.after_commit = [StoreUnavailableError("connection reset")]
    bench.loop.step(at_once=True)
    assert bench.store.batches == [4, 4]
    bench.check()


def test_a_schema_that_is_wrong_blocks_and_keeps_all(bench, caplog):
    """StoreSetupError: nothing is failed, it is said once; tried again at once, then at retry_max_s."""
    bench.store.errors = [StoreSetupError("no such table")] * 4
    bench.record(4)
    bench.loop.step(at_once=True)
    assert bench.failed_ids() == []
    assert sum(bench.clock.waits) == pytest.approx(3 * 30, abs=0.1)
    assert caplog.text.count("no such table") == 1
    bench.check()


def test_an_unknown_error_is_an_outage_first_and_a_bad_row_then(bench):
    """An exception that no store should raise loses no row: in the end the culprit is put aside."""
    ids = bench.record(2)
    real = bench.store.insert

    def insert(lines):
        if ids[1].encode() in lines:
            raise ZeroDivisionError("a bug")
        real(lines)

    bench.store.insert = insert
    bench.loop.step(at_once=True)
    assert (list(bench.store.rows), bench.failed_ids()) == ([ids[0]], [ids[1]])
    assert bench.status.retries >= UNKNOWN_ATTEMPTS - 1
    bench.check()


def test_a_failed_file_that_cant_be_written_holds_the_checkpoint(tmp_path):
    """The bad row can't be put aside: the checkpoint doesn't advance, and nothing is lost."""
    bench = Bench(tmp_path, failed_logs=tmp_path / "directory")
    (tmp_path / "directory").mkdir()
    ids = bench.record(3)
    bench.store.poison = {ids[1]}
    bench.loop.stop_at_s = bench.clock.now_s + 60
    with pytest.raises(Stopped):
        bench.loop.step(at_once=True)
    assert bench.journal.checkpoint.stored == bench.journal.checkpoint.failed == 0
    assert bench.journal.pending() == 3


def test_a_row_sent_again_is_in_the_failed_file_once(bench):
    """A crash after the failed file and before the checkpoint: the line isn't added twice."""
    ids = bench.record(1)
    bench.store.poison = set(ids)
    bench.loop.step(at_once=True)
    bench.journal.append(msgspec.json.encode(Exchange(id=ids[0])) + b"\n", amended=True)
    line = bench.failed.read_bytes()
    bench.loop._sender._failed_logs.add(
        msgspec.json.encode(json.loads(line)["record"]), error="x", attempts=1
    )
    assert bench.failed_ids() == ids


@pytest.mark.parametrize("fails", [1, 5])
def test_a_store_that_isnt_ready_yet_is_waited_for(bench, fails):
    """Unavailable at the first attempts: a flush isn't called done, and the end waits within its time."""
    trouble = [StoreUnavailableError("starting")] * fails
    migrate = bench.store.migrate

    def failing():
        if trouble:
            assert bench.status.flushed == 0, "flushed, with nothing stored"
            raise trouble.pop()
        migrate()

    bench.store.migrate = failing
    bench.record(3)
    bench.loop.flush_wanted = 1
    bench.loop.stop_at_s = bench.clock.now_s + 10
    bench.loop.run()
    assert (len(bench.store.rows), bench.status.flushed) == (3, 1)
    bench.check()


def test_a_store_that_never_gets_ready_ends_in_time(bench):
    """Unavailable to the end: nothing is called flushed, and the loop ends when its time is up."""

    def failing():
        raise StoreUnavailableError("starting")

    bench.store.migrate = failing
    bench.record(3)
    bench.loop.flush_wanted = 1
    bench.loop.stop_at_s = bench.clock.now_s + 10
    began_s = bench.clock.now_s
    bench.loop.run()
    assert 9 < bench.clock.now_s - began_s <= 10.5
    assert (bench.status.flushed, bench.journal.pending()) == (0, 3)


def test_graceful_shutdown_drains(bench):
    """Told to stop: what is there is sent, then the loop ends."""
    bench.record(25)
    bench.loop.stop_at_s = bench.clock.now_s + 10
    bench.loop.run()
    assert len(bench.store.rows) == 25
    bench.check()


def test_shutdown_with_a_dead_store_ends_in_time(bench):
    """The store is down at the end: the loop ends when its time is up; the rest stays."""
    bench.store.errors = [StoreUnavailableError("down")] * 1000
    bench.record(5)
    began_s = bench.clock.now_s
    bench.loop.stop_at_s = began_s + 10
    bench.loop.run()
    assert bench.clock.now_s - began_s <= 10.5
    assert bench.journal.pending() == 5
