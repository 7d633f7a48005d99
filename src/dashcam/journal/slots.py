"""The slots of the table of requests in flight: taken and freed on the request path.

The compiled slots do the same as these in Python; both are safe between threads and in
signal handlers.
"""

import mmap
from typing import TYPE_CHECKING
from zlib import crc32

from dashcam.native import native


class PythonSlots:
    """Slots of one size in a map: a word (length and CRC), then the entry.

    Args:
        map: where they are.
        first_at: offset of the first one.
        slot_bytes: size of each.
        slots: how many.
    """

    def __init__(self, map: mmap.mmap, *, first_at: int, slot_bytes: int, slots: int) -> None:
        self._map = map
        self._words = memoryview(map).cast("Q")
        self._entry_bytes = slot_bytes - 8
        # Byte offsets; the lowest are used first, so that few pages are touched.
        self._free = [first_at + slot * slot_bytes for slot in reversed(range(slots))]
        self._slots = slots
        self._closed = False
        self.overflows = 0

    @property
    def taken(self) -> int:
        """How many are taken; none once closed."""
        return 0 if self._closed else self._slots - len(self._free)

    def begin(self, entry: bytes, /) -> int:
        """Take a slot for an entry; give it, or -1: none is free, or the entry is too long."""
        if self._closed:
            return -1
        size = len(entry)
        try:
            if size > self._entry_bytes:
                raise IndexError
            at = self._free.pop()  # one atomic call
        except IndexError:
            self.overflows += 1
            return -1
        self._map[at + 8 : at + 8 + size] = entry
        self._words[at >> 3] = size | crc32(entry) << 32
        return at

    def end(self, slot: int, /) -> None:
        """Free a slot; -1 is none."""
        if slot >= 0 and not self._closed:
            self._words[slot >> 3] = 0
            self._free.append(slot)

    def close(self) -> None:
        """Let go of the map, for good."""
        self._closed = True
        self._words.release()


Slots = PythonSlots
if not TYPE_CHECKING and native is not None:
    Slots = native.Slots
