"""A place in the segments of a journal directory, from which frames are read on.

It reads with `pread`, never through a map, so that nothing done to a file can kill the reader.
Damage costs only the damaged frames: the next frame that verifies is looked for, and the bytes
between are set aside.
"""

import logging
import os
from pathlib import Path

from dashcam.journal.checkpoint import Position
from dashcam.journal.directory import open_if_there, set_aside_directory, write_private
from dashcam.journal.frame import (
    END,
    FULL,
    MORE,
    SEGMENT_HEADER_BYTES,
    VERSION,
    Found,
    SegmentHeader,
    decode_segment_header,
    find_frame,
    read_lines,
)
from dashcam.journal.lines import Lines
from dashcam.journal.segment import segment_ids, segment_name

logger = logging.getLogger("dashcam")

BLOCK_BYTES = 2 << 20
SET_ASIDE_BYTES = 1 << 20
MOST_SET_ASIDE = 100


class Cursor:
    """A place, moved on by whoever reads.

    Args:
        path: the directory.
        journal_id: of the directory.
        position: where to begin.
        owner_is_dead: whether nothing more will be appended anywhere.
    """

    def __init__(
        self, path: Path, *, journal_id: int, position: Position, owner_is_dead: bool = False
    ) -> None:
        self.path = path
        self.position = position
        self.owner_is_dead = owner_is_dead
        self._journal_id = journal_id
        self._file: int | None = None
        self._file_id = 0
        self._file_size = 0
        self._torn: tuple[int, int] | None = None
        """Segment and offset of the last torn tail: it is told once, however often it is seen."""

    def read(
        self,
        *,
        max_frames: int,
        step_over: bool,
        block_bytes: int = BLOCK_BYTES,
        upto: int | None = None,
    ) -> tuple[Found, int]:
        """Read frames from the present position on, without passing them by.

        Args:
            max_frames: frames at most.
            step_over: whether damage is stepped over, where no frame precedes it.
            block_bytes: read at once; more where one frame is larger.
            upto: an offset in the segment; a frame that reaches beyond it is bad.

        Returns:
            What was found, and how many damaged stretches were stepped over. Behind frames END
            is but a candidate: what follows is looked at by the next call.
        """
        if not self.open_next():
            return _nothing(self.position.offset), 0
        assert self._file is not None
        at = self.position.offset
        wanted = block_bytes
        while True:
            block = os.pread(self._file, wanted, at)
            found = self._parse(block, at, max_frames, upto)
            if found.frames or found.stop != MORE:
                break
            if len(block) < wanted:  # the file itself ends here: it was truncated
                return _nothing(at), self._set_aside(at, block) if step_over else 0
            wanted = min(wanted * 4, self._file_size)
        # Frames first; what stops them is looked at when nothing precedes it.
        if found.frames or not step_over or found.stop == FULL:
            return found, 0
        return self._step_over(at, max_frames)

    @property
    def room(self) -> int:
        """Bytes from the position to the end of the open segment."""
        return self._file_size - self.position.offset

    def _parse(self, block: bytes, at: int, max_frames: int, upto: int | None = None) -> Found:
        return read_lines(
            block,
            base=at,
            limit=self._file_size if upto is None else min(upto, self._file_size),
            journal_id=self._journal_id,
            segment_id=self.position.segment_id,
            max_frames=max_frames,
        )

    def _step_over(self, at: int, max_frames: int) -> tuple[Found, int]:
        """Find the next frame behind damage, in a segment that nobody appends to any more."""
        assert self._file is not None
        tail = (self.position.segment_id, at)
        # The common end is found without the memory of what is left of a segment.
        if tail == self._torn or self._is_blank(at):
            return _nothing(at), 0
        rest = os.pread(self._file, max(self._file_size - at, 0), at)
        found = find_frame(
            rest,
            8,
            base=at,
            limit=self._file_size,
            journal_id=self._journal_id,
            segment_id=self.position.segment_id,
        )
        if found is None:
            self._torn = tail
            torn = rest.rstrip(b"\0")
            return _nothing(at), self._set_aside(at, torn) if torn else 0
        damaged = self._set_aside(at, rest[:found])
        return self._parse(rest[found:], at + found, max_frames), damaged

    def _is_blank(self, at: int) -> bool:
        assert self._file is not None
        while block := os.pread(self._file, BLOCK_BYTES, at):
            if block != bytes(len(block)):
                return False
            at += len(block)
        return True

    def _set_aside(self, at: int, damaged: bytes) -> int:
        """Keep damaged bytes in a file of their own, and say so; give how many stretches."""
        name = f"{self.path.name}-{self.position.segment_id:08d}-{at}.bin"
        logger.warning(
            "journal %s, segment %d: %d damaged bytes at offset %d were stepped over",
            self.path,
            self.position.segment_id,
            len(damaged),
            at,
        )
        try:
            directory = set_aside_directory(self.path.parent)
            if len(os.listdir(directory)) < MOST_SET_ASIDE:
                write_private(directory / name, damaged[:SET_ASIDE_BYTES])
        except OSError:  # it was set aside before, or can't be: the records matter more
            pass
        return 1

    def pass_by(self, found: Found) -> None:
        """Go on behind frames of the present segment."""
        self.position = Position(
            self.position.segment_id, found.end, found.sequence, found.accepted
        )

    def is_sealed(self) -> bool:
        """Tell whether nothing more will be appended to the present segment."""
        if self.owner_is_dead:
            return True
        for segment_id in segment_ids(self.path):
            if segment_id > self.position.segment_id:
                header = read_header(self.path, segment_id)
                if header is not None and header.first_sequence:
                    return True
        return False

    def open_next(self) -> bool:
        """Open the segment of the present position, or the first one that is still there.

        Raises:
            OSError: it is there, but can't be opened now.
        """
        wanted = self.position.segment_id
        if self._file is not None and self._file_id == wanted and wanted:
            return True
        self.close()
        ids = [each for each in segment_ids(self.path) if each >= wanted]
        return any(self._open(segment_id) for segment_id in ids)

    def _open(self, segment_id: int) -> bool:
        fd = open_if_there(self.path / segment_name(segment_id))
        if fd is None:
            return False
        try:
            header = decode_segment_header(os.read(fd, SEGMENT_HEADER_BYTES))
            size = os.fstat(fd).st_size
        except OSError:
            os.close(fd)
            raise
        if header is not None and header.version != VERSION:
            os.close(fd)
            self._set_segment_aside(segment_id, header.version)
            return False
        self._file, self._file_id, self._file_size = fd, segment_id, size
        if segment_id != self.position.segment_id:
            position = self.position
            self.position = Position(
                segment_id, SEGMENT_HEADER_BYTES, position.sequence, position.accepted
            )
        return True

    def _set_segment_aside(self, segment_id: int, version: int) -> None:
        """Move away a segment of a format that this version doesn't know."""
        if not self.owner_is_dead:
            return
        target = (
            set_aside_directory(self.path.parent) / f"{self.path.name}-{segment_name(segment_id)}"
        )
        os.rename(self.path / segment_name(segment_id), target)
        logger.error(
            "journal segment %s has format version %d, which this version of dashcam doesn't "
            "know; it was moved to %s",
            segment_name(segment_id),
            version,
            target,
        )

    def next_segment(self) -> bool:
        """Go on to the next segment; tell whether there is one."""
        position = self.position
        ids = [each for each in segment_ids(self.path) if each > position.segment_id]
        if not ids:
            return False
        self.close()
        self.position = Position(ids[0], SEGMENT_HEADER_BYTES, position.sequence, position.accepted)
        return True

    def close(self) -> None:
        """Close the file; reading on opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _nothing(at: int) -> Found:
    return Found(Lines(), 0, 0, at, 0, 0, END)


def read_header(path: Path, segment_id: int) -> SegmentHeader | None:
    """Read a segment's header; None where there is no such file, or its header is damaged.

    Raises:
        OSError: the file is there, but can't be read now.
    """
    fd = open_if_there(path / segment_name(segment_id))
    if fd is None:
        return None
    try:
        return decode_segment_header(os.read(fd, SEGMENT_HEADER_BYTES))
    finally:
        os.close(fd)
