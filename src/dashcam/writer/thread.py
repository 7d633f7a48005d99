"""The writer as a thread of the app's process: the loop, supervised.

Whatever ends the loop unexpectedly is logged once per kind and counted, and the loop is
started again. It is a daemon thread: a store that hangs must not keep the process alive.
"""

import logging
import threading
import time
from collections.abc import Callable

import msgspec

from dashcam.bell import Bell
from dashcam.journal import Journal, MemoryJournal
from dashcam.journal.checkpoint import read_checkpoint
from dashcam.settings import Settings
from dashcam.store import open_store
from dashcam.store.base import Store
from dashcam.writer.loop import WriterLoop
from dashcam.writer.retry import backoff_s
from dashcam.writer.status import WriterStatus

logger = logging.getLogger("dashcam")

FLUSH_POLL_S = 0.01
RESTART_INITIAL_S, RESTART_MOST_S = 0.1, 5.0


class WriterThread:
    """Drains journals in a thread.

    Args:
        settings: of the recorder.
        journal: the process's own; None for a process that only drains others'.
        store: opens the store; default: that of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal | MemoryJournal | None,
        *,
        store: Callable[[], Store] | None = None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._open_store = store or (
            lambda: open_store(settings.store, pool_size=settings.pool_size)
        )
        self._bell = Bell()
        self._status = WriterStatus()
        self._thread: threading.Thread | None = None
        self._loop: WriterLoop | None = None
        self._lock = threading.Lock()
        self._flushes = 0
        self._stop_at_s: float | None = None
        self._failures: set[str] = set()

    def start(self) -> None:
        """Start the thread."""
        with self._lock:
            self._spawn()

    def _spawn(self) -> None:
        self._thread = threading.Thread(target=self._run, name="dashcam-writer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        failures = 0
        while True:
            try:
                self._loop = loop = WriterLoop(
                    self._settings,
                    journal=self._journal if isinstance(self._journal, MemoryJournal) else None,
                    open_store=self._open_store,
                    bell=self._bell,
                    status=self._status,
                )
                loop.flush_wanted = self._flushes
                loop.stop_at_s = self._stop_at_s
                loop.run()
            except BaseException as error:  # a border: the writer must never be gone for good
                failures += 1
                self._status.restarts += 1
                self._status.state = "failed"
                kind = type(error).__name__
                self._status.last_error = f"the writer failed: {kind}"
                if kind not in self._failures:
                    self._failures.add(kind)
                    logger.exception("the writer failed and is started again")
                time.sleep(
                    backoff_s(
                        failures,
                        initial_s=RESTART_INITIAL_S,
                        most_s=RESTART_MOST_S,
                        random=lambda: 1.0,
                    )
                )
                if self._stop_at_s is not None and time.monotonic() >= self._stop_at_s:
                    return
            else:
                self._status.state = "stopped"
                return

    def wake(self) -> None:
        """Let the loop look now; cheap enough for the request path."""
        self._bell.ring()

    def _ensure(self) -> None:
        """Start the thread again if it is gone."""
        with self._lock:
            thread = self._thread
            if thread is not None and not thread.is_alive() and self._stop_at_s is None:
                self._status.restarts += 1
                logger.error("the writer's thread was gone; it is started again")
                self._spawn()

    def flush_soon(self) -> int:
        """Ask for everything to be sent at once; give the number of this flush."""
        with self._lock:
            self._flushes += 1
            wanted = self._flushes
        if self._loop is not None:
            self._loop.flush_wanted = wanted
        self._bell.ring()
        return wanted

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything accepted so far is delivered; tell whether it was in time."""
        self._ensure()
        deadline_s = time.monotonic() + timeout_s
        journal = self._journal
        target = journal.sequence if isinstance(journal, Journal) else 0
        wanted = self.flush_soon()
        while True:
            loop = self._loop
            if loop is not None:
                loop.flush_wanted = wanted
                self._bell.ring()
                if self._status.flushed >= wanted:
                    return True
                # Otherwise another process may drain for this one; one that has just begun
                # doesn't know yet who leads, and may have a dead process's records to deliver.
                if (
                    self._status.state == "standby"
                    and not loop.leads
                    and isinstance(journal, Journal)
                    and read_checkpoint(journal.path).position.sequence >= target
                ):
                    return True
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(FLUSH_POLL_S)

    def stop(self, timeout_s: float) -> bool:
        """Drain, then end; tell whether everything was delivered in time."""
        deadline_s = time.monotonic() + timeout_s
        delivered = self.flush(timeout_s)
        self._stop_at_s = deadline_s
        if self._loop is not None:
            self._loop.stop_at_s = deadline_s
        self._bell.ring()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.05, deadline_s - time.monotonic() + 0.2))
        return delivered

    @property
    def status(self) -> WriterStatus:
        """What the writer is doing now."""
        self._ensure()
        return msgspec.structs.replace(self._status)
