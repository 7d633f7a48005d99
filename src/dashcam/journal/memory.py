"""A journal that is kept in memory: for read-only or throw-away disks.

It has both sides of a journal in one object and the same limits; it survives nothing.
"""

import itertools
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable

from dashcam.journal.checkpoint import Checkpoint, Position
from dashcam.journal.lines import Lines
from dashcam.journal.open_table import Gap
from dashcam.journal.reader import Chunk

OVERHEAD_BYTES = 96


class MemoryJournal:
    """Lines in a bounded queue; arguments as for `Journal`."""

    name = "memory"
    server = ""
    process_id = 0
    dead = False
    pen = None

    def __init__(
        self,
        *,
        journal_bytes: int,
        encode_gap: Callable[[Gap], bytes],
        wake_after: int = 500,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.max_line_bytes = journal_bytes // 2
        self.accepted = self.amended = self.dropped = 0
        self.in_flight = self.open_table_overflows = 0
        self.last_error: str | None = None
        self.checkpoint = Checkpoint()
        self._journal_bytes = journal_bytes
        self._encode_gap = encode_gap
        self._wake_after, self._wake = wake_after, wake
        self._lock = threading.RLock()
        self._lines: deque[tuple[bytes, bool]] = deque()
        self._held = 0
        self._read = 0
        self._sequence = 0
        self._gap: Gap | None = None
        self._closed = False

    def append(self, line: bytes, *, amended: bool = False) -> bool:
        """Append one line; False when there is no room."""
        with self._lock:
            size = len(line) + OVERHEAD_BYTES
            if self._closed or self._held + size > self._journal_bytes:
                self.drop()
                return False
            if self._gap is not None:
                gap, self._gap = self._gap, None
                self._put(self._encode_gap(gap), counts=False)
            self._put(line, counts=not amended)
            if amended:
                self.amended += 1
                return True
            self.accepted += 1
        if self.accepted % self._wake_after == 0:
            self._wake()
        return True

    def _put(self, line: bytes, *, counts: bool) -> None:
        self._lines.append((line, counts))
        self._held += len(line) + OVERHEAD_BYTES

    def drop(self) -> None:
        """Count a record that was not accepted."""
        with self._lock:
            self.dropped += 1
            now_ns = time.time_ns()
            known = self._gap
            if known is None:
                self._gap = Gap(str(uuid.uuid4()), 1, now_ns, now_ns)
            else:
                self._gap = Gap(known.id, known.count + 1, known.first_ns, now_ns)

    def begin(self, entry: bytes) -> int:
        """Count a request in flight: nothing could survive to tell of it."""
        self.in_flight += 1
        return 0

    def end(self, slot: int) -> None:
        """Count a request as ended."""
        self.in_flight -= 1

    def source(self) -> "MemoryJournal":
        """Give the reader's side: the same object."""
        return self

    def adopt(self) -> bool:
        """Say that the owner lives: it is this very process."""
        return False

    def read(self, *, max_records: int, max_bytes: int) -> Chunk:
        """Read on, from where the last read ended."""
        lines: list[bytes] = []
        counts = bytearray()
        size = 0
        with self._lock:
            for line, counted in itertools.islice(
                self._lines, self._read, self._read + max_records
            ):
                lines.append(line)
                counts.append(counted)
                size += len(line)
                if size >= max_bytes:
                    break
            self._read += len(lines)
            end = Position(1, 0, self._sequence + self._read, 0)
        return Chunk(Lines.of(lines, bytes(counts)), end)

    def rewind(self) -> None:
        """Go back to what was last committed."""
        with self._lock:
            self._read = 0

    def commit(self, chunk: Chunk, *, stored: int, failed: int = 0, expired: int = 0) -> None:
        """Forget everything up to a chunk's end."""
        with self._lock:
            for _ in range(chunk.end.sequence - self._sequence):
                line, _counted = self._lines.popleft()
                self._held -= len(line) + OVERHEAD_BYTES
                self._read -= 1
            self._sequence = chunk.end.sequence
            known = self.checkpoint
            self.checkpoint = Checkpoint(
                chunk.end, known.stored + stored, known.failed + failed, known.expired + expired, 0
            )

    def pending(self) -> int:
        """Tell how many records are not delivered."""
        with self._lock:
            return sum(counted for _, counted in self._lines)

    def close(self) -> None:
        """Take no more records."""
        self._closed = True

    def abandon_in_child(self) -> None:
        """After a fork, in the child: the parent's records are not this process's."""
        self._closed = True
