"""The writer's loop: from the journal's directories to the store.

Order: the store commits, then the checkpoint advances, then files are unlinked. One writer of
a host drains all directories that are meant for its store; the others stand by.
"""

import contextlib
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from dashcam import failpoint
from dashcam.bell import Bell
from dashcam.errors import StoreError, StoreSetupError
from dashcam.interrupted import gap_line, interrupted_line
from dashcam.journal import (
    Chunk,
    Lines,
    Lock,
    MemoryJournal,
    Source,
    list_directories,
    sweep_unfinished,
)
from dashcam.settings import Settings
from dashcam.store import fingerprint
from dashcam.store.base import Store
from dashcam.store.retention import Retention
from dashcam.writer.batch import is_due, reduce_batch
from dashcam.writer.failed_logs import FailedLogs, error_text
from dashcam.writer.sender import Sender, Stopped
from dashcam.writer.status import WriterStatus

logger = logging.getLogger("dashcam")

SCAN_INTERVAL_S = 1.0
POLL_S = 0.1
MOST_ROUNDS_AT_ONCE = 20
ROOT = ""
"""Names the directory of all directories."""
MOST_KEPT_BYTES = 16 << 20


def _keep_freed_memory(size: int) -> None:
    """Let the memory of a batch serve the next one.

    glibc gives large pieces back to the system at each free, and every page of the next batch
    costs a page fault: 2 of them and 5 µs a row, a quarter of what a row costs. When it has freed
    a piece of some size once, it keeps such pieces (mallopt(3), M_MMAP_THRESHOLD: "dynamic"), in
    the whole process; another C library isn't moved by it.
    """
    piece = bytes(min(size, MOST_KEPT_BYTES))  # never touched: it takes no memory itself
    del piece


class Waiting:
    """What was read of one source and is not sent yet."""

    def __init__(self, source: "Source | MemoryJournal") -> None:
        self.source = source
        self.adopted = False
        self.left = 0
        """Records of an adopted directory that aren't delivered, as they were counted then."""
        self.buried = False
        """Whether a dead process's directory is delivered whole, and only can't be removed."""
        self.clear()

    def clear(self) -> None:
        """Forget what was sent."""
        self.parts: list[Lines] = []
        self.records = self.size = self.lost = 0
        self.since_s = 0.0
        self.chunk: Chunk | None = None

    def add(self, chunk: Chunk, now_s: float) -> None:
        """Add what was just read."""
        if not self.records:
            self.since_s = now_s
        self.parts.append(chunk.lines)
        self.records += len(chunk.lines)
        self.size += len(chunk.lines.text)
        self.lost += chunk.lost
        self.chunk = chunk


class WriterLoop:
    """Drains journals into a store, until told to end.

    Args:
        settings: of the recorder.
        journal: the process's own journal in memory; None when journals are directories.
        open_store: opens the store; called again after a restart.
        bell: wakes the loop.
        clock: seconds, monotonic.
        jitter: gives a number from 0 up to 1.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        journal: MemoryJournal | None,
        open_store: Callable[[], Store],
        bell: Bell,
        status: WriterStatus,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.status = status
        self._bell = bell
        self._clock = clock
        self._wall_ns = wall_ns
        self._open_store = open_store
        self._root: Path | None = None if journal is not None else settings.journal_path()
        self._fingerprint = fingerprint(settings.store)
        self._waiting: dict[str, Waiting] = {}
        self._unread: set[str] = set()
        """Directories that could not be drained when it was tried last."""
        if journal is not None:
            self._waiting["memory"] = Waiting(journal.source())
        self._leader: Lock | None = None
        self._store: Store | None = None
        self._sender: Sender | None = None
        self._jitter = jitter
        self._ready = False
        self._retention = Retention(settings)
        self._scanned_at_s = float("-inf")
        self._led_at_s = float("-inf")
        self._troubles: set[str] = set()
        self.flush_wanted = 0
        """The number of the newest flush that somebody waits for."""
        self.stop_at_s: float | None = None
        """When to end; until then what is there is drained."""

    def run(self) -> None:
        """Work until stopped and drained, or until the time is up."""
        _keep_freed_memory(2 * self.settings.batch_bytes)
        try:
            while True:
                wanted = self.flush_wanted
                stopping = self.stop_at_s is not None
                moved = self.step(at_once=stopping or wanted > self.status.flushed)
                # While the store isn't ready, or a directory can't be read, nothing moves, but
                # not everything is delivered either.
                if not moved and not self._unread and (self._ready or not self.leads):
                    if self.leads:
                        self.status.flushed = max(self.status.flushed, wanted)
                    if stopping:
                        return
                self._check_time()
                if not moved:
                    self._bell.wait(self._wait_s())
        except Stopped:
            return
        finally:
            self.close()

    @property
    def leads(self) -> bool:
        """Whether this writer drains."""
        return self._root is None or (self._leader is not None and self._leader.held)

    def _wait_s(self) -> float:
        if not self.leads:
            return SCAN_INTERVAL_S / 2
        oldest = self._oldest_since_s()
        if oldest is None:
            return min(POLL_S, self.settings.batch_interval_s) or POLL_S
        due_s = oldest + self.settings.batch_interval_s - self._clock()
        return max(0.001, min(POLL_S, due_s))

    def _oldest_since_s(self) -> float | None:
        waiting = (each.since_s for each in self._waiting.values() if each.records)
        return min(waiting, default=None)

    def step(self, *, at_once: bool) -> bool:
        """Do one round: look, read, send; tell whether anything was sent or taken over."""
        try:
            if not self._lead():
                self._unread.clear()  # they are another's to drain
                self.status.state = "standby"
                return False
        except OSError as error:
            self.status.state = "retrying"
            self._leave(ROOT, error)
            return False
        if not self._make_ready():
            return False
        if self.status.state == "standby":
            self.status.state = "running"
        now_s = self._clock()
        if at_once or now_s - self._scanned_at_s >= SCAN_INTERVAL_S:
            self._scanned_at_s = now_s
            try:
                self._scan()
            except OSError as error:
                self._leave(ROOT, error)
            else:
                self._trouble(_reading(ROOT), None)
        moved = False
        for name, waiting in list(self._waiting.items()):
            try:
                moved |= self._drain(waiting, at_once=at_once)
            except OSError as error:
                self._leave(name, error)
            else:
                self._trouble(_reading(name), None)
        self.status.oldest_waiting_since_s = self._oldest_since_s()
        self._retain()
        return moved

    def _lead(self) -> bool:
        if self._root is None:
            return True
        if self._leader is None:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._leader = Lock(self._root / f"leader-{self._fingerprint}.lock")
        now_s = self._clock()
        if self._leader.held and now_s - self._led_at_s < SCAN_INTERVAL_S:
            return True
        self._led_at_s = now_s
        return self._leader.acquire()

    def _make_ready(self) -> bool:
        """Open the store and see to its schema; wait and try again where that fails."""
        if self._ready:
            return True
        if self._store is None:
            self._store = self._open_store()
            self._sender = Sender(
                self.settings,
                self._store,
                FailedLogs(self.settings.failed_logs_path()),
                prepare=self._prepare,
                pause=self._pause,
                trouble=self._trouble,
                status=self.status,
                jitter=self._jitter,
            )
        try:
            self._prepare()
        except StoreError as error:
            blocked = isinstance(error, StoreSetupError)
            self.status.state = "blocked" if blocked else "retrying"
            self.status.last_error = error_text(error)
            self.status.retries += 1
            self._trouble("store", f"the store can't be used: {error}; records wait in the journal")
            # Anything that was accepted waits in the journal, so there is no hurry.
            self._pause(
                self.settings.retry_max_s if blocked else min(1.0, self.settings.retry_max_s)
            )
            return False
        self._trouble("store", None)
        self._ready = True
        self.status.state = "running"
        return True

    def _prepare(self) -> None:
        assert self._store is not None
        if self.settings.store.startswith(("sqlite", "memory")):
            self._store.migrate()
        else:
            self._store.ping()

    def _scan(self) -> None:
        """Find directories that are meant for our store; take over those of the dead."""
        if self._root is None:
            return
        sweep_unfinished(self._root)
        there = set()
        for path in list_directories(self._root):
            there.add(path.name)
            if path.name not in self._waiting:
                try:
                    found = Source(path)
                except FileNotFoundError:
                    continue  # it has just been removed
                except PermissionError as error:  # another user's: said, but not waited for
                    self._put_off(path.name, error)
                    continue
                except OSError as error:
                    self._leave(path.name, error)
                    continue
                self._unread.discard(path.name)
                if found.fingerprint != self._fingerprint:
                    found.close()
                    continue
                self._waiting[path.name] = Waiting(found)
        for name, waiting in list(self._waiting.items()):
            source = waiting.source
            if not isinstance(source, Source):
                continue
            if name not in there:
                source.close()
                del self._waiting[name]
            elif not waiting.adopted and source.adopt():
                try:
                    waiting.left = source.pending()
                except OSError as error:
                    self._leave(name, error)
                    continue
                waiting.adopted = True
                # What is in memory of it belongs to the count of what is taken over.
                self.status.adopted += waiting.left
        self._unread &= there

    def _leave(self, name: str, error: OSError) -> None:
        """Close a directory that can't be drained; the next look opens it at its checkpoint."""
        if name in self._waiting:
            self._let_go(self._waiting.pop(name))
        self._unread.add(name)
        self._put_off(name, error)

    def _put_off(self, name: str, error: OSError) -> None:
        assert self._root is not None
        self.status.last_error = f"{self._root / name}: {error.strerror or error}"
        self._trouble(
            _reading(name),
            f"the journal {self._root / name} can't be drained: {error.strerror or error}; "
            "its records wait in it",
        )

    def _drain(self, waiting: Waiting, *, at_once: bool) -> bool:
        moved = False
        if waiting.buried:
            return False
        for _ in range(MOST_ROUNDS_AT_ONCE):
            self._read(waiting)
            if not is_due(
                self.settings,
                records=waiting.records,
                size=waiting.size,
                waiting_s=self._clock() - waiting.since_s,
                at_once=at_once or waiting.adopted,
            ):
                break
            self._deliver(waiting)
            moved = True
            self._check_time()
        if waiting.adopted and not waiting.records:
            moved |= self._bury(waiting)
        return moved

    def _read(self, waiting: Waiting) -> None:
        room = self.settings.batch_size - waiting.records
        space = self.settings.batch_bytes - waiting.size
        if room <= 0 or space <= 0:
            return
        chunk = waiting.source.read(max_records=room, max_bytes=space)
        self.status.damaged_frames += chunk.damaged
        if chunk.lines or chunk.lost:
            waiting.add(chunk, self._clock())

    def _deliver(self, waiting: Waiting) -> None:
        """Send what waits, then move the checkpoint."""
        assert self._sender is not None
        assert waiting.chunk is not None
        lines, expired = reduce_batch(
            Lines.joined(waiting.parts), before=self._retention.row_limit(self._wall_ns())
        )
        accepted = sum(lines.counts)
        failed = self._sender.send(lines) if lines else 0
        if failpoint.ACTIVE:
            failpoint.failpoint("commit_checkpoint")
        stored = accepted - failed
        waiting.source.commit(
            msgspec.structs.replace(waiting.chunk, lost=waiting.lost),
            stored=stored,
            failed=failed,
            expired=expired,
        )
        if waiting.adopted:
            status = self.status
            status.adopted_stored += stored
            status.adopted_failed += failed
            status.adopted_expired += expired
            status.adopted_lost += waiting.lost
            waiting.left -= stored + failed + expired + waiting.lost
        waiting.clear()

    def _bury(self, waiting: Waiting) -> bool:
        """Tell of what a dead process was doing, then remove its directory."""
        source = waiting.source
        if not isinstance(source, Source) or not source.exhausted():
            return True
        assert self._sender is not None
        noted = [
            interrupted_line(entry, server=source.server, process_id=source.process_id)
            for entry in source.open_entries()
        ]
        gap = source.gap()
        if gap is not None:
            noted.append(gap_line(gap, server=source.server, process_id=source.process_id))
        told = [line for line in noted if line is not None]
        for at in range(0, len(told), self.settings.batch_size):
            part = told[at : at + self.settings.batch_size]
            self._sender.send(reduce_batch(Lines.of(part, bytes(len(part))), before=None)[0])
        if failpoint.ACTIVE:
            failpoint.failpoint("adopt")
        try:
            source.remove()
        except OSError as error:
            # It is kept in hand, so that nobody takes it over and tells it all again.
            self._trouble("remove", f"{source.path} can't be removed: {error.strerror or error}")
            waiting.buried = True
            return False
        del self._waiting[source.name]
        return True

    def _retain(self) -> None:
        assert self._store is not None
        try:
            self._retention.step(self._store, now_ns=self._wall_ns(), monotonic_s=self._clock())
        except StoreError as error:
            self.status.last_error = error_text(error)

    def _check_time(self) -> None:
        if self.stop_at_s is not None and self._clock() >= self.stop_at_s:
            raise Stopped

    def _pause(self, seconds: float) -> None:
        """Wait; a ring doesn't shorten it, the end of time does."""
        end_s = self._clock() + seconds
        while True:
            self._check_time()
            now_s = self._clock()
            if now_s >= end_s:
                return
            until_s = end_s if self.stop_at_s is None else min(end_s, self.stop_at_s)
            self._bell.wait(min(max(until_s - now_s, 0.001), 0.2))

    def _trouble(self, kind: str, message: str | None) -> None:
        """Log trouble once, and once when it is over."""
        if message is not None:
            if kind not in self._troubles:
                self._troubles.add(kind)
                logger.warning("%s", message)
        elif kind in self._troubles:
            self._troubles.discard(kind)
            logger.warning("the trouble is over (%s): records are stored again", kind)

    def close(self) -> None:
        """Close the store and all files; let another writer lead, whatever fails on the way."""
        with contextlib.ExitStack() as each:  # in reverse order: the lock goes last
            if self._leader is not None:
                each.callback(self._leader.close)
            if self._store is not None:
                each.callback(self._store.close)
            for waiting in self._waiting.values():
                each.callback(self._let_go, waiting)

    def _let_go(self, waiting: Waiting) -> None:
        source = waiting.source
        if not isinstance(source, Source):
            source.rewind()
            return
        # The next writer takes over, and counts, what is left.
        self.status.adopted -= max(waiting.left, 0)
        source.close()


def _reading(name: str) -> str:
    """Name the kind of trouble that it is when a directory can't be drained."""
    return f"journal {name}"
