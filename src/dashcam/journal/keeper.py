"""The keeper: does for a journal whatever touches the disk, in a thread of its own.

It prepares segments ahead, brings appended bytes to the disk, lets go of full segments, and
journals the gap when there is room again. It is not the writer: a store that hangs must not
keep the journal from growing.
"""

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from dashcam.journal.checkpoint import read_checkpoint
from dashcam.journal.segment import Segment, segment_ids

if TYPE_CHECKING:
    from dashcam.journal.appender import Journal

logger = logging.getLogger("dashcam")

IDLE_TICK_S = 1.0
RETRY_S = 0.25
RATE_OVER_S = 0.5
PREPARED = 2
PREPARED_BYTES = 16 << 20
"""Where segments are small more of them are made ready: up to so many bytes, and a 32nd of the
journal. A disk that is busy for a second, or a machine whose cores are, must not cost records."""
POPULATE_AHEAD_BYTES = 4 << 20
LARGE_AT_BYTES_PER_S = 16 << 20
"""From this rate on segments are made of pages of 2 MiB. At a lower one a sync, which writes whole
pages, costs more than is won (at 6 MiB/s 3 µs a record)."""


class Rate:
    """How quickly a count grows, by looks at it that come at any time."""

    def __init__(self) -> None:
        self._count = 0
        self._at_s: float | None = None
        self._per_s = 0.0

    def measure(self, count: int, now_s: float) -> float:
        """Give the count's growth per second, over the last half of a second or more."""
        if self._at_s is None:
            self._count, self._at_s = count, now_s
        elif now_s - self._at_s >= RATE_OVER_S:
            self._per_s = (count - self._count) / (now_s - self._at_s)
            self._count, self._at_s = count, now_s
        return self._per_s


class Keeper:
    """Keeps one journal, until `stop`.

    Args:
        journal: whose files are kept.
        sync_interval_s: seconds between two msync; None for never.
    """

    def __init__(self, journal: "Journal", *, sync_interval_s: float | None) -> None:
        self._journal = journal
        self._sync_interval_s = sync_interval_s
        self._synced_at = time.monotonic()
        self._rate = Rate()
        self.large = False
        """Whether so much is appended that segments of large pages pay."""
        self._stopping = False
        self._troubles: set[str] = set()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="dashcam-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after a last sync."""
        self._stopping = True
        self._journal.bell.ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._sync()

    def _run(self) -> None:
        interval_s = min(self._sync_interval_s or IDLE_TICK_S, IDLE_TICK_S)
        while not self._stopping:
            self._journal.bell.wait(interval_s if self._journal.prepared else RETRY_S)
            try:
                self.tick()
            except Exception as error:  # the border: the keeper must go on, whatever happens
                self._trouble("keeper", f"the journal's keeper failed: {type(error).__name__}")

    def tick(self) -> None:
        """Do what is due now."""
        if not self._journal.path.is_dir():
            self._journal.vanished = True
            self._journal.finish_segment()
            self._trouble("vanished", f"the journal directory {self._journal.path} was removed")
            return
        self._populate()
        self._prepare()
        self._retire()
        interval_s = self._sync_interval_s
        if interval_s is not None and time.monotonic() - self._synced_at >= interval_s:
            self._sync()
        self._journal.journal_gap()

    def _populate(self) -> None:
        journal = self._journal
        segment = journal.segment
        offset = segment.offset
        appended = segment.segment_id * journal.segment_bytes + offset
        self.large = self._rate.measure(appended, time.monotonic()) >= LARGE_AT_BYTES_PER_S
        if not self.large:
            for each in (segment, *tuple(journal.prepared)):
                each.end_large()
        ahead = offset + POPULATE_AHEAD_BYTES
        segment.populate(ahead)
        if ahead > segment.capacity and journal.prepared:
            journal.prepared[0].populate(ahead - segment.capacity)

    def _prepare(self) -> None:
        journal = self._journal
        most = journal.journal_bytes // journal.segment_bytes
        wanted = PREPARED if most >= 8 else 1
        wanted = max(wanted, min(most // 32, PREPARED_BYTES // journal.segment_bytes))
        while len(journal.prepared) < wanted and not self._stopping:
            try:
                if len(segment_ids(journal.path)) >= most:
                    self._trouble(
                        "full",
                        f"the journal is full ({journal.journal_bytes} bytes): "
                        "records are dropped and counted until the store takes some",
                    )
                    return
                journal.prepared.append(journal.new_segment(large=self.large))
            except OSError as error:
                self._trouble(
                    "segment",
                    f"no new journal segment in {journal.path}: {error.strerror or error}; "
                    "records are dropped and counted when the present one is full",
                )
                return
        self._over("full", "segment")

    def _retire(self) -> None:
        journal = self._journal
        while journal.sealed:
            segment = journal.sealed[0]
            if self._sync_interval_s is not None and segment.synced_offset < segment.offset:
                self._sync_segment(segment)
            # A writer of the last frame may still be between two bytecodes: take its lock.
            with journal._lock:
                journal.sealed.popleft()
                segment.close()

    def _sync(self) -> None:
        self._synced_at = time.monotonic()
        segment = self._journal.segment
        if self._sync_interval_s is not None and segment.synced_offset < segment.offset:
            self._sync_segment(segment)

    def _sync_segment(self, segment: Segment) -> None:
        """Sync what isn't delivered; what is, the store's own commit has brought to a disk."""
        journal = self._journal
        position = read_checkpoint(journal.path).position
        delivered = 0
        if position.segment_id > segment.segment_id:
            delivered = segment.offset
        elif position.segment_id == segment.segment_id:
            delivered = position.offset
        try:
            segment.sync(delivered=delivered)
        except OSError as error:
            # What the kernel could not write it has forgotten: trying again would succeed and
            # mean nothing (https://wiki.postgresql.org/wiki/Fsync_Errors).
            segment.synced_offset = segment.offset
            if segment is journal.segment:
                journal.finish_segment()
            self._trouble(
                "sync",
                f"a journal segment could not be synced: {error.strerror or error}; it "
                "is finished, and another one begun",
            )
        else:
            self._over("sync")

    def _trouble(self, kind: str, message: str) -> None:
        self._journal.last_error = message
        if kind not in self._troubles:
            self._troubles.add(kind)
            logger.warning("%s", message)

    def _over(self, *kinds: str) -> None:
        for kind in kinds:
            if kind in self._troubles:
                self._troubles.discard(kind)
                logger.warning(
                    "the trouble with the journal is over (%s), process %d", kind, os.getpid()
                )
