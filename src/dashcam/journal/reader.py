"""The reader's side of a journal directory: what is there to deliver, and what was delivered.

It reads with `pread`, never through a map, so that nothing done to a file can kill the reader.
Damage costs only the damaged frames: the reader looks for the next frame that verifies, sets
the bytes between aside, and counts what is missing by the frames' own counters.
"""

import logging
import os
from pathlib import Path

import msgspec

from dashcam import failpoint
from dashcam.journal.checkpoint import Checkpoint, CheckpointFile, Position, read_checkpoint
from dashcam.journal.directory import (
    LOCK,
    Owner,
    read_owner,
    remove_directory,
    set_aside_directory,
    write_private,
)
from dashcam.journal.frame import (
    END,
    FULL,
    MORE,
    RECORD,
    SEGMENT_HEADER_BYTES,
    VERSION,
    VOID,
    Frame,
    SegmentHeader,
    decode_segment_header,
    find_frame,
    parse,
)
from dashcam.journal.lock import Lock
from dashcam.journal.open_table import Gap, read_table
from dashcam.journal.segment import segment_ids, segment_name

logger = logging.getLogger("dashcam")

BLOCK_BYTES = 1 << 20
SET_ASIDE_BYTES = 1 << 20
MOST_SET_ASIDE = 100


class Chunk(msgspec.Struct, frozen=True):
    """Lines in order, which of them count, and the position after them."""

    lines: list[bytes]
    counts: list[bool]
    """Whether the line is a record's first (not an amendment, nor a gap)."""
    end: Position
    lost: int = 0
    """Records that damage has taken, between the chunk's start and its end."""
    damaged: int = 0
    """Stretches of damaged bytes that were stepped over."""


class Source:
    """One journal directory, seen from outside: its owner may be alive or dead.

    Args:
        path: the directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        server, process_id, journal_id = path.name.rsplit("-", 2)
        self._journal_id = int(journal_id, 16)
        owner: Owner | None = read_owner(path)
        self.server = owner.server if owner else server
        self.process_id = owner.process_id if owner else int(process_id)
        self.fingerprint = owner.fingerprint if owner else self._fingerprint_of_segments()
        self.dead = False
        self._lock = Lock(path / LOCK)
        self._checkpoint_file: CheckpointFile | None = None
        self._swept_to = 0
        self._sweep_failed = False
        self._file: int | None = None
        self._file_id = 0
        self._file_size = 0
        self._position = Position()
        self.checkpoint = Checkpoint()
        self.rewind()

    def _fingerprint_of_segments(self) -> str:
        for segment_id in segment_ids(self.path):
            header = self._header(segment_id)
            if header is not None:
                # The field is wider than what is in it: as in the owner's note, 8 bytes at least.
                return header.fingerprint.rstrip(b"\0").ljust(8, b"\0").hex()
        return ""

    def adopt(self) -> bool:
        """Tell whether the owner is dead; if so, this object holds its lock from now on."""
        if not self.dead:
            try:
                self.dead = self._lock.acquire()
            except OSError:
                return False
        return self.dead

    def rewind(self) -> None:
        """Go back to the checkpoint: what was read since is read again."""
        self._close_file()
        self.checkpoint = read_checkpoint(self.path)
        self._position = self._checked(self.checkpoint.position)

    def _checked(self, position: Position) -> Position:
        """Believe a checkpoint's position only if the data has a frame that ends there."""
        ids = segment_ids(self.path)
        first = Position(ids[0] if ids else 0, SEGMENT_HEADER_BYTES, 0, 0)
        if position.segment_id == 0 or not ids:
            return first if ids else position
        if position.segment_id not in ids:
            # Delivered and unlinked already, or a checkpoint that is ahead of the data.
            if position.segment_id < ids[0]:
                return Position(ids[0], SEGMENT_HEADER_BYTES, position.sequence, position.accepted)
            return first
        if position.offset == SEGMENT_HEADER_BYTES:
            return position
        start = Position(position.segment_id, SEGMENT_HEADER_BYTES, 0, 0)
        self._position = start
        while self._position.offset < position.offset:
            frames, _, _ = self._frames(max_frames=1000, max_bytes=BLOCK_BYTES, step_over=True)
            for frame in frames:
                self._position = self._after(frame)
                if frame.end == position.offset and frame.sequence == position.sequence:
                    return position
            if not frames:
                break
        return start

    def read(self, *, max_records: int, max_bytes: int) -> Chunk:
        """Read on, from where the last read ended.

        Args:
            max_records: lines at most.
            max_bytes: bytes at most, but one record at least.

        Returns:
            A chunk; with no lines when there is nothing new.
        """
        lines: list[bytes] = []
        counts: list[bool] = []
        lost = damaged = size = 0
        while len(lines) < max_records and size < max_bytes:
            if not self._open_next():
                break
            before = self._position
            room = max_records - len(lines)
            space = max_bytes - size
            sealed = False
            frames, stop, stretch = self._frames(max_frames=room, max_bytes=space, step_over=False)
            if not frames:
                # What follows is looked at once more after a "yes": nothing is appended then.
                sealed = self._sealed()
                if sealed:
                    frames, stop, stretch = self._frames(
                        max_frames=room, max_bytes=space, step_over=True
                    )
            if frames:
                # Frames that follow each other miss nothing; counters tell what is missing before
                # the first, but for a first one after a rescan.
                first = frames[0]
                missing = first.accepted - (first.kind == RECORD) - self._position.accepted
                if before.sequence and missing > 0:
                    lost += missing
                told = [frame for frame in frames if frame.kind != VOID]
                payloads = [frame.payload for frame in told]
                lines += payloads
                counts += [frame.kind == RECORD for frame in told]
                size += sum(map(len, payloads))
                self._position = self._after(frames[-1])
            damaged += stretch
            if stop == END and sealed:
                if not self._next_segment():
                    break
            elif not frames:
                break
        return Chunk(lines, counts, self._position, lost, damaged)

    def _after(self, frame: Frame) -> Position:
        return Position(self._position.segment_id, frame.end, frame.sequence, frame.accepted)

    def _frames(
        self, *, max_frames: int, max_bytes: int, step_over: bool
    ) -> tuple[list[Frame], str, int]:
        """Parse frames from the present position on; give them, why it ended, and damages."""
        if not self._open_next():
            return [], END, 0
        assert self._file is not None
        at = self._position.offset
        wanted = max(min(max_bytes + 4096, BLOCK_BYTES), 4096)
        while True:
            block = os.pread(self._file, wanted, at)
            parsed = self._parse(block, at, max_frames)
            if parsed.frames or parsed.stop != MORE:
                break
            if len(block) < wanted:  # the file itself ends here: it was truncated
                return [], END, self._set_aside(at, block) if step_over else 0
            wanted = min(wanted * 4, self._file_size)
        stop = parsed.stop
        if parsed.frames or not step_over or stop == FULL:
            # Frames first; what stops them is looked at when nothing precedes it.
            return parsed.frames, MORE if parsed.frames else stop, 0
        return self._step_over(at, max_frames)

    def _parse(self, block: bytes, at: int, max_frames: int):  # type: ignore[no-untyped-def]
        return parse(
            block,
            base=at,
            limit=self._file_size,
            journal_id=self._journal_id,
            segment_id=self._position.segment_id,
            max_frames=max_frames,
        )

    def _step_over(self, at: int, max_frames: int) -> tuple[list[Frame], str, int]:
        """Find the next frame behind damage, in a segment that nobody appends to any more."""
        assert self._file is not None
        if self._is_blank(at):
            return [], END, 0  # the common end, without the memory of what is left of a segment
        rest = os.pread(self._file, max(self._file_size - at, 0), at)
        found = find_frame(
            rest,
            8,
            base=at,
            limit=self._file_size,
            journal_id=self._journal_id,
            segment_id=self._position.segment_id,
        )
        if found is None:
            torn = rest.rstrip(b"\0")
            return [], END, self._set_aside(at, torn) if torn else 0
        damaged = self._set_aside(at, rest[:found])
        return self._parse(rest[found:], at + found, max_frames).frames, MORE, damaged

    def _is_blank(self, at: int) -> bool:
        assert self._file is not None
        while block := os.pread(self._file, BLOCK_BYTES, at):
            if block.count(0) != len(block):
                return False
            at += len(block)
        return True

    def _set_aside(self, at: int, damaged: bytes) -> int:
        """Keep damaged bytes in a file of their own, and say so; give how many stretches."""
        name = f"{self.name}-{self._position.segment_id:08d}-{at}.bin"
        logger.warning(
            "journal %s, segment %d: %d damaged bytes at offset %d were stepped over",
            self.path,
            self._position.segment_id,
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

    def _sealed(self) -> bool:
        """Tell whether nothing more will be appended to the present segment."""
        if self.dead:
            return True
        for segment_id in segment_ids(self.path):
            if segment_id > self._position.segment_id:
                header = self._header(segment_id)
                if header is not None and header.first_sequence:
                    return True
        return False

    def _header(self, segment_id: int) -> SegmentHeader | None:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(self.path / segment_name(segment_id), flags)
        except OSError:
            return None
        try:
            return decode_segment_header(os.read(fd, SEGMENT_HEADER_BYTES))
        finally:
            os.close(fd)

    def _open_next(self) -> bool:
        """Open the segment of the present position, or the first one that is still there."""
        wanted = self._position.segment_id
        if self._file is not None and self._file_id == wanted and wanted:
            return True
        self._close_file()
        ids = [each for each in segment_ids(self.path) if each >= wanted]
        return any(self._open(segment_id) for segment_id in ids)

    def _open(self, segment_id: int) -> bool:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(self.path / segment_name(segment_id), flags)
        except OSError:
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
        if segment_id != self._position.segment_id:
            position = self._position
            self._position = Position(
                segment_id, SEGMENT_HEADER_BYTES, position.sequence, position.accepted
            )
        return True

    def _set_segment_aside(self, segment_id: int, version: int) -> None:
        """Move away a segment of a format that this version doesn't know."""
        if not self.dead:
            return
        target = set_aside_directory(self.path.parent) / f"{self.name}-{segment_name(segment_id)}"
        os.rename(self.path / segment_name(segment_id), target)
        logger.error(
            "journal segment %s has format version %d, which this version of dashcam doesn't "
            "know; it was moved to %s",
            segment_name(segment_id),
            version,
            target,
        )

    def _next_segment(self) -> bool:
        position = self._position
        ids = [each for each in segment_ids(self.path) if each > position.segment_id]
        if not ids:
            return False
        self._close_file()
        self._position = Position(
            ids[0], SEGMENT_HEADER_BYTES, position.sequence, position.accepted
        )
        return True

    def commit(self, chunk: Chunk, *, stored: int, failed: int = 0, expired: int = 0) -> None:
        """Note that everything up to a chunk's end is delivered; forget what is behind it.

        Args:
            chunk: the last one delivered.
            stored: records of it that the store has taken.
            failed: records of it that are in the failed file.
            expired: records of it that were too old to be stored.

        Raises:
            OSError: the checkpoint could not be written: the chunk will be delivered again.
        """
        known = self.checkpoint
        self.checkpoint = Checkpoint(
            position=chunk.end,
            stored=known.stored + stored,
            failed=known.failed + failed,
            expired=known.expired + expired,
            lost=known.lost + chunk.lost,
        )
        try:
            if self._checkpoint_file is None:
                self._checkpoint_file = CheckpointFile(self.path)
            self._checkpoint_file.write(self.checkpoint)
        except OSError:
            self.checkpoint = known
            raise
        if failpoint.ACTIVE:
            failpoint.failpoint("checkpoint_unlink")
        if chunk.end.segment_id != self._swept_to:
            self._sweep(chunk.end.segment_id)

    def _sweep(self, upto: int) -> None:
        """Unlink the segments before one; what can't be unlinked now is tried at each commit."""
        try:
            for segment_id in segment_ids(self.path):
                if segment_id < upto:
                    (self.path / segment_name(segment_id)).unlink(missing_ok=True)
                    if failpoint.ACTIVE:
                        failpoint.failpoint("unlinked")
        except OSError as error:  # what is delivered stays delivered: the writer goes on
            if not self._sweep_failed:
                self._sweep_failed = True
                logger.warning(
                    "delivered segments of %s can't be unlinked: %s; records go on to the store, "
                    "but their place in the journal isn't free again",
                    self.path,
                    error.strerror or error,
                )
            return
        self._swept_to = upto
        self._sweep_failed = False

    def last_position(self) -> Position:
        """Find the end of what has been appended, by reading the newest segment in use."""
        for segment_id in reversed(segment_ids(self.path)):
            reader = Source.__new__(Source)
            reader.__dict__.update(self.__dict__)
            reader._file, reader._file_id = None, 0
            reader._position = Position(segment_id, SEGMENT_HEADER_BYTES, 0, 0)
            try:
                last = None
                while True:
                    frames, _, _ = reader._frames(
                        max_frames=1000, max_bytes=BLOCK_BYTES, step_over=False
                    )
                    if not frames:
                        break
                    last = reader._position = reader._after(frames[-1])
            finally:
                reader._close_file()
            if last is not None:
                return last
        return self.checkpoint.position

    def pending(self) -> int:
        """Tell how many records are not delivered, by the frames' own counters."""
        delivered = read_checkpoint(self.path)
        return max(self.last_position().accepted - delivered.position.accepted, 0)

    def exhausted(self) -> bool:
        """Tell whether the owner is dead and everything has been read and committed."""
        if not self.dead:
            return False
        if self.checkpoint.position.sequence < self._position.sequence:
            return False
        chunk = self.read(max_records=1, max_bytes=1)
        if chunk.lines:
            self.rewind()
            return False
        return True

    def open_entries(self) -> list[bytes]:
        """Give what a dead owner noted of the requests that it was serving."""
        return read_table(self.path)[0] if self.dead else []

    def gap(self) -> Gap | None:
        """Give the drops that a dead owner counted and could not journal."""
        return read_table(self.path)[1] if self.dead else None

    def remove(self) -> None:
        """Delete a dead, exhausted directory.

        Raises:
            OSError: something in it can't be deleted.
        """
        self._close_file()
        self._close_checkpoint()
        remove_directory(self.path)
        self._lock.close()

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _close_checkpoint(self) -> None:
        if self._checkpoint_file is not None:
            self._checkpoint_file.close()
            self._checkpoint_file = None

    def close(self) -> None:
        """Close all files; an adopted directory can be adopted by somebody else again."""
        self._close_file()
        self._close_checkpoint()
        self._lock.close()
        self.dead = False


def discard_if_exhausted(path: Path) -> None:
    """Remove a directory that its owner has left with everything delivered."""
    try:
        source = Source(path)
        try:
            if (
                source.adopt()
                and source.exhausted()
                and not source.open_entries()
                and source.gap() is None
            ):
                source.remove()
        finally:
            source.close()
    except OSError:  # another process is taking it over, which serves as well
        pass
