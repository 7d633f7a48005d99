"""The owner's side of a journal: append a record, and note which requests are in flight.

`append` makes no I/O system call and waits for no lock that is held during I/O: the keeper
thread prepares segments ahead and does whatever else touches the disk. When there is no room,
the record is dropped and counted; nothing already accepted is ever overwritten.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dashcam import failpoint
from dashcam.bell import Bell
from dashcam.errors import JournalError
from dashcam.journal.checkpoint import Checkpoint, write_checkpoint
from dashcam.journal.directory import (
    check_filesystem,
    make_directory,
    publish_directory,
    remove_directory,
)
from dashcam.journal.frame import (
    AMENDED,
    FRAME_HEADER_BYTES,
    GAP,
    RECORD,
    SEGMENT_HEADER_BYTES,
)
from dashcam.journal.keeper import Keeper
from dashcam.journal.open_table import Gap, OpenTable
from dashcam.journal.pen import ATOMIC, Pen
from dashcam.journal.reader import Source
from dashcam.journal.segment import Segment
from dashcam.journal.slots import Slots
from dashcam.native import native

KEEPER_BYTES = 1 << 20  # the keeper looks whenever another MiB has been appended
WAKE_BYTES = 4 << 20  # the writer is woken whenever another 4 MiB have been appended


def _next_multiple(offset: int, step: int) -> int:
    return (offset // step + 1) * step


class PythonJournalBase:
    """What a request needs of a journal; the compiled way reads it without a look-up by name."""

    __slots__ = ("pen", "slots")

    pen: Pen
    """Writes in the present segment; tells by `ring_at` and `wake_at` when to `notice`."""
    slots: Slots
    """Of the table of requests in flight."""


JournalBase = PythonJournalBase
if not TYPE_CHECKING and native is not None:
    JournalBase = native.JournalBase


class Journal(JournalBase):
    """One process's journal: a directory, locked while the process lives.

    Args:
        root: `journal_dir`.
        fingerprint: of the store that the records are meant for, as hex.
        server: name of this host.
        journal_bytes: limit of all segments together.
        segment_bytes: size of one segment.
        sync_interval_s: seconds between two msync; None for never.
        encode_gap: makes the line that tells of dropped records.
        wake_after: ring the writer after so many records.
        wake: rings the writer; must be as cheap and as safe as `Bell.ring`.

    Raises:
        JournalError: the directory can't be used; the message says why and what to do.
    """

    def __init__(
        self,
        root: Path,
        *,
        fingerprint: str,
        server: str,
        journal_bytes: int,
        segment_bytes: int,
        sync_interval_s: float | None,
        encode_gap: Callable[[Gap], bytes],
        wake_after: int = 500,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        check_filesystem(root)
        partial, owner, lock = make_directory(root, server=server, fingerprint=fingerprint)
        self.journal_id = int(owner.journal_id, 16)
        self.segment_bytes = segment_bytes
        self.journal_bytes = journal_bytes
        self.max_line_bytes = segment_bytes - SEGMENT_HEADER_BYTES - FRAME_HEADER_BYTES - 8
        self.amended = 0
        self.dropped = 0
        self.last_error: str | None = None
        self.vanished = False
        """Whether somebody has removed the directory: what is appended would be lost."""
        self._fingerprint = bytes.fromhex(fingerprint)[:16].ljust(16, b"\0")
        self._lock = threading.RLock()
        self._busy = False
        self._closed = False
        self._encode_gap = encode_gap
        self._wake = wake
        self._wake_after = wake_after
        self._wake_at_offset = WAKE_BYTES
        self._next_segment_id = 1
        self.prepared: deque[Segment] = deque()
        self.sealed: deque[Segment] = deque()
        self.bell = Bell()
        try:
            self._table = OpenTable(partial)
            self.slots = self._table.slots
            self.begin = self.slots.begin
            """Note a request in flight: what shall be known of it should this process die."""
            self.end = self.slots.end
            """Forget a request in flight: its record is appended."""
            write_checkpoint(partial, Checkpoint())
            self.segment = self.new_segment(partial)
            self.segment.activate(1)
            self.pen = self.segment.pen
            self.pen.ring_at, self.pen.wake_at = KEEPER_BYTES, wake_after
            self.path = publish_directory(partial, owner, lock)
            self.segment.path = self.path / self.segment.path.name
        except OSError as error:
            lock.close()
            remove_directory(partial)
            raise JournalError(
                f"the journal directory {root} can't be used: {error.strerror or error}; free "
                f"some space there ({2 * segment_bytes >> 20} MiB are needed to begin), lower "
                "segment_bytes, or set journal_dir to another directory"
            ) from error
        self._owner_lock = lock
        self._keeper = Keeper(self, sync_interval_s=sync_interval_s)
        self._keeper.tick()  # the second segment is there before the first record
        self._keeper.start()

    def new_segment(self, directory: Path | None = None, *, large: bool = False) -> Segment:
        """Make the next segment (called by the keeper, off the request path).

        Args:
            directory: where, before the journal's own is there.
            large: see `Segment`.

        Raises:
            OSError: it can't be made.
        """
        segment = Segment(
            directory or self.path,
            segment_id=self._next_segment_id,
            size=self.segment_bytes,
            journal_id=self.journal_id,
            fingerprint=self._fingerprint,
            large=large,
        )
        self._next_segment_id += 1
        return segment

    def append(self, line: bytes, *, amended: bool = False) -> bool:
        """Append one line; it survives this process from the moment the call returns.

        Safe from several threads, signal handlers and finalizers (one that interrupts an append
        of its own thread may be dropped).

        Args:
            line: the record.
            amended: whether it is a later line of a record that was accepted before.

        Returns:
            False: there was no room, or the journal is closed; counted in `dropped`.
        """
        if amended:
            return self._append(line, AMENDED)
        if ATOMIC:
            pen = self.pen
            try:
                end = pen.write(line, RECORD)
            except BaseException:
                self.drop()
                raise
            if end:
                if end >= pen.ring_at or pen.accepted >= pen.wake_at:
                    self.notice(end)
                return True
        return self._append(line, RECORD)

    def _append(self, line: bytes, kind: int) -> bool:
        """Append under the lock, which rolling needs, and a pen that is not atomic."""
        with self._lock:
            if self._busy or self._closed or self.vanished:
                self._drop()
                return False
            self._busy = True
            try:
                end = self.pen.write(line, kind)
                if not end:
                    if not self._roll(len(line)):
                        self._drop()
                        return False
                    end = self.pen.write(line, kind)
                if kind == AMENDED:
                    self.amended += 1
            except BaseException:
                self._drop()
                raise
            finally:
                self._busy = False
        pen = self.pen
        if end >= pen.ring_at or pen.accepted >= pen.wake_at:
            self.notice(end)
        return True

    def notice(self, end: int) -> None:
        """Ring the keeper for each MiB, and the writer for enough records or bytes.

        Args:
            end: the offset behind what was appended.
        """
        pen = self.pen
        if end >= pen.ring_at:
            pen.ring_at = _next_multiple(end, KEEPER_BYTES)
            self.bell.ring()
        if pen.accepted >= pen.wake_at or end >= self._wake_at_offset:
            pen.wake_at = pen.accepted + self._wake_after
            self._wake_at_offset = _next_multiple(end, WAKE_BYTES)
            self._wake()

    def _roll(self, length: int) -> bool:
        """Go on to the prepared segment; False when none is ready or the line never fits."""
        if length > self.max_line_bytes:
            return False
        if not self.prepared:
            self.bell.ring()
            return False
        if failpoint.ACTIVE:
            failpoint.failpoint("roll")
        following = self.prepared.popleft()
        full, pen = self.segment, following.pen
        full.pen.seal()  # from here on its counters stand still
        pen.sequence, pen.accepted = full.pen.sequence, full.pen.accepted
        following.activate(pen.sequence + 1)
        self.sealed.append(full)
        pen.ring_at, pen.wake_at = KEEPER_BYTES, full.pen.wake_at
        self._wake_at_offset = WAKE_BYTES
        self.segment, self.pen = following, pen
        self.bell.ring()
        return True

    def finish_segment(self) -> None:
        """Let the present segment take no more: the next record begins another one."""
        with self._lock:
            self.pen.seal()

    def _drop(self) -> None:
        self.dropped += 1
        if not self._closed:
            self._table.count_drop(time.time_ns())

    def drop(self) -> None:
        """Count a record that could not be taken."""
        with self._lock:
            self._drop()

    def journal_gap(self) -> None:
        """Append the record of a gap once there is room again (called by the keeper)."""
        if not self.dropped:
            return
        with self._lock:
            gap = self._table.gap()
            if gap is None or self._closed or not self.prepared:
                return
            if self._append(self._encode_gap(gap), GAP):
                self._table.forget_gap(gap)

    @property
    def accepted(self) -> int:
        """Records that were appended, amendments and gaps not counted."""
        return self.pen.accepted

    @property
    def sequence(self) -> int:
        """The number of the newest frame."""
        return self.pen.sequence

    @property
    def in_flight(self) -> int:
        """Requests that are noted as in flight."""
        return self._table.in_flight

    @property
    def open_table_overflows(self) -> int:
        """Requests that found no free slot."""
        return self._table.overflows

    def source(self) -> Source:
        """Give the reader's side of this directory."""
        return Source(self.path)

    def close(self) -> None:
        """Take no more records, sync, unmap, and let go of the directory."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self.pen.seal()
        self._keeper.stop()
        for segment in (*self.sealed, self.segment, *self.prepared):
            segment.close()
        self._table.close()
        self._owner_lock.close()

    def abandon_in_child(self) -> None:
        """After a fork, in the child: forget everything; the parent's files stay as they are."""
        self._closed = True
        # The maps are not there in the child. They are closed at once, before anything else is
        # mapped in their place, which a later munmap would then take away.
        for segment in (*self.sealed, self.segment, *self.prepared):
            segment.close()
        self._table.close()
        self._owner_lock.close()
