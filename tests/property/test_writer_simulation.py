"""A seeded simulation of the writer: fake clock, disk and store, and everything that can fail does.

`DASHCAM_TEST_SEEDS=100000` runs more; a failure names its seed, and `DASHCAM_TEST_SEED=n`
runs that one alone.
"""

import os
import random

import msgspec
import pytest

from dashcam.errors import RowRefusedError, StoreSetupError, StoreUnavailableError
from dashcam.exchange import Exchange
from dashcam.journal import MemoryJournal
from dashcam.settings import Settings
from dashcam.writer import loop as loop_module
from dashcam.writer.batch import line_key
from dashcam.writer.loop import WriterLoop
from dashcam.writer.status import WriterStatus

PARTS = 20
SEEDS = int(os.environ.get("DASHCAM_TEST_SEEDS", "10000"))


class Crash(BaseException):
    """The process dies here."""


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def wait(self, timeout_s):
        self.now_s += max(timeout_s, 0.01)
        return False

    def ring(self):
        pass


class World:
    """What survives a crash: the journal, the store's rows, the failed file."""

    prunes_by_day = False

    def apply_retention(self, *, days, body_days):
        pass

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rows = {}
        self.failed = []
        self.poison = set()
        self.trouble = self.random.random() * 0.4
        self.journal = MemoryJournal(journal_bytes=1 << 20, encode_gap=lambda gap: b"")
        self.clock = Clock()
        self.accepted = set()
        self.settled = False

    def may_fail(self):
        """Raise one of all that can go wrong, or nothing."""
        if self.settled or self.random.random() > self.trouble:
            return
        raise self.random.choice(
            (
                StoreUnavailableError("down"),
                StoreUnavailableError("reset"),
                StoreSetupError("schema"),
                Crash(),
            )
        )

    # The store.
    def migrate(self):
        pass

    def ping(self):
        self.may_fail()

    def prune(self, *, before, limit):
        return 0

    def close(self):
        pass

    def insert(self, lines):
        self.may_fail()
        batch = [line_key(line) for line in lines.splitlines()]
        assert len({key for key, _ in batch}) == len(batch), "an id twice in one batch"
        if any(key in self.poison for key, _ in batch):
            # Some rows make the engine (or its driver) raise what no store should.
            bug = any(key[-1:] in b"01234567" for key, _ in batch if key in self.poison)
            raise RuntimeError("bug") if bug else RowRefusedError("poison")
        for key, revision in batch:
            self.rows[key] = max(revision, self.rows.get(key, revision))
        self.may_fail()  # after the commit, before its answer

    # The failed file.
    def add(self, line, *, error, attempts):
        if not self.settled and self.random.random() < self.trouble / 2:
            raise self.random.choice((OSError(28, "full"), Crash()))
        key, _ = line_key(line)
        if key not in self.failed:
            self.failed.append(key)
        if not self.settled and self.random.random() < self.trouble / 4:
            raise Crash

    # The app.
    def record(self):
        known = list(self.accepted)
        if known and self.random.random() < 0.2:
            key = self.random.choice(known)
            exchange = Exchange(id=key.decode(), revision=2)
            self.journal.append(msgspec.json.encode(exchange) + b"\n", amended=True)
            return
        exchange = Exchange()
        key = exchange.id.encode()
        if self.random.random() < 0.1:
            self.poison.add(key)
        if self.journal.append(msgspec.json.encode(exchange) + b"\n"):
            self.accepted.add(key)

    def writer(self):
        """Start a writer, as a new process does: from the checkpoint."""
        self.journal.rewind()
        settings = Settings(
            environ={},
            journal_dir="memory",
            store="memory://",
            batch_size=self.random.choice((1, 3, 10)),
            retention_days=0,
        )
        made = WriterLoop(
            settings,
            journal=self.journal,
            open_store=lambda: self,
            bell=self.clock,
            status=WriterStatus(),
            clock=self.clock,
            jitter=self.random.random,
        )

        def commit_or_die(chunk, **counts):
            if not self.settled and self.random.random() < self.trouble / 4:
                raise Crash
            MemoryJournal.commit(self.journal, chunk, **counts)
            if not self.settled and self.random.random() < self.trouble / 4:
                raise Crash

        self.journal.commit = commit_or_die
        return made

    def check(self, *, quiet):
        stored, failed = set(self.rows), set(self.failed)
        pending = {line_key(line)[0] for line, _ in self.journal._lines}
        assert stored | failed | pending == self.accepted, "lost, or never sent"
        assert len(self.failed) == len(failed), "twice in the failed file"
        assert failed <= self.poison
        if quiet:
            done = self.journal.checkpoint
            assert not pending
            assert self.journal.accepted == done.stored + done.failed
            assert stored == self.accepted - self.poison
            assert failed == self.poison & self.accepted


def simulate(seed):
    world = World(seed)
    writer = world.writer()
    for _ in range(world.random.randrange(1, 12)):
        for _ in range(world.random.randrange(0, 6)):
            world.record()
        try:
            writer.step(at_once=world.random.random() < 0.7)
        except Crash:
            writer = world.writer()
        world.clock.now_s += world.random.random() * 2
        world.check(quiet=False)
    world.settled = True
    writer = world.writer()
    while writer.step(at_once=True):
        pass
    world.check(quiet=True)


@pytest.fixture(autouse=True)
def fake_failed_file(monkeypatch):
    monkeypatch.setattr(loop_module, "FailedLogs", lambda path: current[0])
    monkeypatch.setattr(WriterLoop, "_make_ready", make_ready)


current = [None]
real_make_ready = WriterLoop._make_ready


def make_ready(self):
    if self._sender is None:
        ready = real_make_ready(self)
        if self._sender is not None:
            self._sender._failed_logs = self._store
            self._sender._failed_logs.path = "failed"
        return ready
    return real_make_ready(self)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_fails_nothing_is_lost_and_nothing_is_twice(part):
    """Over many seeds of outages, crashes, poison and lost answers: A = S ∪ F ∪ P throughout."""
    alone = os.environ.get("DASHCAM_TEST_SEED")
    seeds = [int(alone)] if alone else range(part, SEEDS, PARTS)
    for seed in seeds:
        try:
            simulate(seed)
        except BaseException:
            print(f"failing seed: {seed}")
            raise
