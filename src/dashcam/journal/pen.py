"""The pen: writes frames at the end of one segment, and holds the journal's counters meanwhile.

The compiled pen is one step for every other thread and needs no lock; this one in Python does
the same a step at a time, so whoever uses it holds the journal's lock.
"""

import mmap
import sys
from typing import TYPE_CHECKING
from zlib import crc32

from dashcam import failpoint
from dashcam.journal.frame import (
    FRAME_AFTER_PUBLISHED,
    FRAME_HEADER_BYTES,
    FRAME_SEED,
    RECORD,
    VOID,
    frame_bytes,
    published,
)
from dashcam.native import native


class PythonPen:
    """Writes to a mapped segment.

    Args:
        map: the segment.
        journal_id: of the directory.
        segment_id: of the segment.
        offset: where the next frame goes.
        capacity: where the segment ends.
    """

    def __init__(
        self, map: mmap.mmap, *, journal_id: int, segment_id: int, offset: int, capacity: int
    ) -> None:
        self._map = map
        self._words = memoryview(map).cast("Q")
        self._journal_id = journal_id
        self.segment_id = segment_id
        self.offset = offset
        self.capacity = capacity
        self.sequence = 0
        """Number of the newest frame of the journal."""
        self.accepted = 0
        """Records that the journal has taken."""
        self.ring_at = self.wake_at = sys.maxsize
        """An offset and a count at which the journal takes notice."""

    def write(self, line: bytes, kind: int, /) -> int:
        """Write one frame; give the offset behind it, or 0 where it doesn't fit.

        Args:
            line: the payload.
            kind: of the frame.
        """
        length = len(line)
        at = self.offset
        end = at + frame_bytes(length)
        if end > self.capacity:
            return 0
        if failpoint.ACTIVE:
            failpoint.failpoint("reserve")
        # Reserved from here on: whatever happens, this place is not used again.
        self.offset = end
        self.sequence = sequence = self.sequence + 1
        accepted = self.accepted + (kind == RECORD)
        body = at + FRAME_HEADER_BYTES
        try:
            if failpoint.ACTIVE:
                half = length // 2
                self._map[body : body + half] = line[:half]
                failpoint.failpoint("mid_copy")
            self._map[body : body + length] = line
            if failpoint.ACTIVE:
                failpoint.failpoint("publish")
            self._publish(at, length, kind, sequence, accepted, crc32(line))
        except BaseException:
            # A place that could not be filled becomes a frame that says nothing.
            self._publish(at, length, VOID, sequence, self.accepted, 0)
            raise
        self.accepted = accepted
        return end

    def _publish(
        self, at: int, length: int, kind: int, sequence: int, accepted: int, payload_crc: int
    ) -> None:
        seed = FRAME_SEED.pack(
            self._journal_id, self.segment_id, at, length, kind, sequence, accepted
        )
        self._map[at + 8 : at + FRAME_HEADER_BYTES] = FRAME_AFTER_PUBLISHED.pack(
            crc32(seed, payload_crc), kind, sequence, accepted
        )
        self._words[at >> 3] = published(length)

    def seal(self) -> None:
        """Let the segment take no more."""
        self.capacity = self.offset

    def lift(self) -> None:
        """Let go of the map, for good."""
        self.seal()
        self._words.release()


Pen = PythonPen
if not TYPE_CHECKING and native is not None:
    Pen = native.Pen
    if failpoint.ACTIVE:
        native.set_failpoint(failpoint.failpoint)

ATOMIC = Pen is not PythonPen
"""Whether a write is one step for every other thread, so that it needs no lock."""
