"""A segment: one preallocated, mapped file that its owner appends to.

Blocks are allocated before the file is mapped, so that a full disk is an error here, at
creation, and never a SIGBUS at a write. A mapped file is never truncated.
"""

import mmap
import os
import time
from pathlib import Path

from dashcam.journal.frame import (
    SEGMENT_HEADER_BYTES,
    VERSION,
    SegmentHeader,
    encode_segment_header,
)
from dashcam.journal.mapping import bring_to_disk, make_ready, map_new, use_large_pages
from dashcam.journal.pen import Pen

SUFFIX = ".seg"
_unmapped_later: list[object] = []


def segment_name(segment_id: int) -> str:
    """Give the file name of a segment."""
    return f"{segment_id:08d}{SUFFIX}"


def segment_ids(directory: Path) -> list[int]:
    """List the ids of a directory's segments, ascending; other names are passed over."""
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            stem, dot, suffix = entry.name.partition(".")
            if dot + suffix != SUFFIX or len(stem) != 8 or not stem.isdecimal():
                continue
            if entry.is_file(follow_symlinks=False):  # no system call: the directory tells
                found.append(int(stem))
    return sorted(found)


class Segment:
    """A mapped segment, made ready to be appended to.

    Args:
        directory: where the file goes.
        segment_id: from 1.
        size: bytes of the file.
        journal_id: of the directory.
        fingerprint: of the store that the records are meant for.
        large: whether its pages are made ready by 2 MiB, where the file system can: a fifth of
            the price (0.5 µs a page for 2.3), but whatever is synced is 2 MiB at least.

    Raises:
        OSError: the file can't be made: disk full, quota, too many files, read-only, …
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_id: int,
        size: int,
        journal_id: int,
        fingerprint: bytes,
        large: bool = False,
    ) -> None:
        self.segment_id = segment_id
        self.path = directory / segment_name(segment_id)
        self.synced_offset = 0
        self._header = SegmentHeader(
            VERSION, segment_id, journal_id, 0, time.time_ns(), fingerprint
        )
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self.fd = os.open(self.path, flags, 0o600)
        try:
            os.fchmod(self.fd, 0o600)  # whatever the umask took away
            self.map = map_new(self.fd, size)
            self._is_large = large
            if large:  # before the first touch, which reads small pages ahead
                use_large_pages(self.map, wanted=True)
        except BaseException:
            os.close(self.fd)
            os.unlink(self.path)
            raise
        self.populated = 0
        self.map[:SEGMENT_HEADER_BYTES] = encode_segment_header(self._header)
        self.pen = Pen(
            self.map,
            journal_id=journal_id,
            segment_id=segment_id,
            offset=SEGMENT_HEADER_BYTES,
            capacity=size,
        )

    def end_large(self) -> None:
        """Go on with pages of the common size: too little is appended between two syncs."""
        if self._is_large and self.fd >= 0:
            self._is_large = False
            use_large_pages(self.map, wanted=False)

    @property
    def offset(self) -> int:
        """Where the next frame goes."""
        return self.pen.offset

    @property
    def capacity(self) -> int:
        """Where the last frame must end."""
        return self.pen.capacity

    def activate(self, first_sequence: int) -> None:
        """Put the segment into use: the one before it is sealed by this."""
        header = self._header._replace(first_sequence=first_sequence)
        self.map[:SEGMENT_HEADER_BYTES] = encode_segment_header(header)

    def populate(self, end: int) -> None:
        """Make pages ready to be written up to an offset, so that a record needn't wait.

        A first touch of a preallocated page of ext4 costs some 10 µs, a page that was made
        ready 0.1.
        """
        end = min(end & -mmap.PAGESIZE, self.capacity)
        if end > self.populated and self.fd >= 0:
            make_ready(self.map, self.populated, end)
            self.populated = end

    def sync(self, *, delivered: int = 0) -> None:
        """Bring to the disk what was appended and isn't delivered, and the header.

        Not by fdatasync, which writes and write-protects also the pages that were made ready for
        what comes: every record would then wait for a page fault again.

        Args:
            delivered: the offset up to which the store has committed.

        Raises:
            OSError: it may not be there, and never will for sure: begin another segment.
        """
        offset = self.offset
        first = max(self.synced_offset, min(delivered, offset))
        if self.synced_offset == 0 and first >= mmap.PAGESIZE:
            bring_to_disk(self.map, 0, SEGMENT_HEADER_BYTES)
        if first < offset:
            bring_to_disk(self.map, first, offset)
        self.synced_offset = offset

    def close(self) -> None:
        """Unmap and close; the file stays."""
        if self.fd < 0:
            return
        fd, self.fd = self.fd, -1
        try:
            self.pen.lift()
            self.map.close()
        except BufferError:  # another thread is in the middle of a write: let it end
            _unmapped_later.append(self.map)
        os.close(fd)
