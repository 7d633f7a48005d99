"""`open.tbl`: the requests in flight, and the drops that the journal itself can't hold.

A mapped file of fixed slots. An entry is opaque bytes; the word in front of it (length and
CRC) is stored last and at once, so that a slot is either free or whole. The gap section counts
dropped records, because a journal that is full can't journal its own gap.
"""

import os
import struct
import uuid
from pathlib import Path
from zlib import crc32

import msgspec

from dashcam.journal.directory import open_if_there
from dashcam.journal.mapping import map_new
from dashcam.journal.slots import Slots

NAME = "open.tbl"
MAGIC = b"DCAMOPEN"
VERSION = 1
HEADER = struct.Struct("<8sIIII")
HEADER_BYTES = 4096
GAP = struct.Struct("<QQ16s")
GAP_COUNT_AT = 64
GAP_AT = 72
SLOT_BYTES = 512
SLOTS = 2048
ENTRY_BYTES = SLOT_BYTES - 8


class Gap(msgspec.Struct, frozen=True):
    """Records that were dropped: how many, and when the first and the last (ns since 1970)."""

    id: str
    count: int
    first_ns: int
    last_ns: int


class OpenTable:
    """The owner's side of `open.tbl`.

    Raises:
        OSError: the file can't be made.
    """

    def __init__(self, directory: Path, *, slots: int = SLOTS) -> None:
        size = HEADER_BYTES + slots * SLOT_BYTES
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(directory / NAME, flags, 0o600)
        try:
            os.fchmod(fd, 0o600)
            self._map = map_new(fd, size)
        finally:
            os.close(fd)
        self._words = memoryview(self._map).cast("Q")
        self._map[: HEADER.size] = HEADER.pack(MAGIC, VERSION, slots, SLOT_BYTES, HEADER_BYTES)
        self.slots = Slots(self._map, first_at=HEADER_BYTES, slot_bytes=SLOT_BYTES, slots=slots)

    @property
    def in_flight(self) -> int:
        """How many slots are taken; none once the table is closed."""
        return self.slots.taken

    @property
    def overflows(self) -> int:
        """How many entries found no slot."""
        return self.slots.overflows

    def count_drop(self, now_ns: int) -> None:
        """Count one dropped record."""
        count = self._words[GAP_COUNT_AT >> 3]
        if count == 0:
            self._map[GAP_AT : GAP_AT + GAP.size] = GAP.pack(now_ns, now_ns, uuid.uuid4().bytes)
        else:
            self._words[(GAP_AT + 8) >> 3] = now_ns
        self._words[GAP_COUNT_AT >> 3] = count + 1

    def gap(self) -> Gap | None:
        """Give the drops that were counted and not yet forgotten."""
        return _decode_gap(self._map[: GAP_AT + GAP.size])

    def forget_gap(self, told: Gap) -> None:
        """Forget a gap that is in the journal now; drops that came since stay."""
        now = self.gap()
        if now is None or now.id != told.id:
            return
        more = now.count - told.count
        self._words[GAP_COUNT_AT >> 3] = 0
        if more:
            self.count_drop(now.last_ns)
            self._words[GAP_COUNT_AT >> 3] = more

    def close(self) -> None:
        """Unmap; the file stays."""
        self.slots.close()
        self._words.release()
        self._map.close()


def _decode_gap(data: bytes) -> Gap | None:
    count = int.from_bytes(data[GAP_COUNT_AT:GAP_AT], "little")
    if count == 0:
        return None
    first_ns, last_ns, identifier = GAP.unpack(data[GAP_AT : GAP_AT + GAP.size])
    return Gap(str(uuid.UUID(bytes=identifier)), count, first_ns, last_ns)


def read_table(directory: Path) -> tuple[list[bytes], Gap | None]:
    """Read a dead owner's entries and its gap; what is damaged is passed over.

    Raises:
        OSError: the file is there, but can't be read now.
    """
    fd = open_if_there(directory / NAME)
    if fd is None:
        return [], None
    with os.fdopen(fd, "rb") as file:
        # As much memory is taken at once as is asked for, so the size is looked at first.
        size = min(os.fstat(fd).st_size, HEADER_BYTES + SLOTS * 16 * SLOT_BYTES)
        data = file.read(size)
    if len(data) < HEADER_BYTES:
        return [], None
    entries = []
    for at in range(HEADER_BYTES, len(data) - SLOT_BYTES + 1, SLOT_BYTES):
        word = int.from_bytes(data[at : at + 8], "little")
        size, crc = word & 0xFFFFFFFF, word >> 32
        entry = data[at + 8 : at + 8 + size]
        if 0 < size <= ENTRY_BYTES and crc32(entry) == crc:
            entries.append(entry)
    return entries, _decode_gap(data)
