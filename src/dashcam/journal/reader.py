"""The reader's side of a journal directory: what is there to deliver, and what was delivered.

A cursor steps over damaged bytes; what is missing then is counted here, by the frames' own
counters.
"""

import logging
from pathlib import Path

import msgspec

from dashcam import failpoint
from dashcam.journal.checkpoint import Checkpoint, CheckpointFile, Position, load_checkpoint
from dashcam.journal.cursor import BLOCK_BYTES, Cursor, read_header
from dashcam.journal.directory import (
    LOCK,
    Owner,
    read_owner,
    remove_directory,
)
from dashcam.journal.frame import END, SEGMENT_HEADER_BYTES
from dashcam.journal.lines import Lines
from dashcam.journal.lock import Lock
from dashcam.journal.open_table import Gap, read_table
from dashcam.journal.segment import segment_ids, segment_name

logger = logging.getLogger("dashcam")

LEAST_BLOCK_BYTES = 64 << 10
NEAR_END_BYTES = 1 << 20
SLACK_BYTES = 4096


class Chunk(msgspec.Struct, frozen=True):
    """Lines in order, and the position after them."""

    lines: Lines
    end: Position
    lost: int = 0
    """Records that damage has taken, between the chunk's start and its end."""
    damaged: int = 0
    """Stretches of damaged bytes that were stepped over."""


class Source:
    """One journal directory, seen from outside: its owner may be alive or dead.

    Args:
        path: the directory.

    Raises:
        OSError: something in it can't be read now.
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
        self._lock = Lock(path / LOCK)
        self._checkpoint_file: CheckpointFile | None = None
        self._swept_to = 0
        self._sweep_failed = False
        self._expected_bytes = BLOCK_BYTES // 2
        """What a read will find at most, judged by the last ones: more is copied for nothing, less
        is two calls. It shrinks slowly: behind a batch little is read, and then a batch again."""
        self._cursor = self._cursor_at(Position())
        self.checkpoint = Checkpoint()
        try:
            self.rewind()
        except OSError:
            self._cursor.close()
            raise

    @property
    def dead(self) -> bool:
        """Whether the owner is known to be dead: then this object holds its lock."""
        return self._cursor.owner_is_dead

    def _cursor_at(self, position: Position, *, dead: bool = False) -> Cursor:
        return Cursor(self.path, journal_id=self._journal_id, position=position, owner_is_dead=dead)

    def _fingerprint_of_segments(self) -> str:
        for segment_id in segment_ids(self.path):
            header = read_header(self.path, segment_id)
            if header is not None:
                # The field is wider than what is in it: as in the owner's note, 8 bytes at least.
                return header.fingerprint.rstrip(b"\0").ljust(8, b"\0").hex()
        return ""

    def adopt(self) -> bool:
        """Tell whether the owner is dead; if so, this object holds its lock from now on."""
        if not self.dead:
            try:
                self._cursor.owner_is_dead = self._lock.acquire()
            except OSError:
                return False
        return self.dead

    def rewind(self) -> None:
        """Go back to the checkpoint: what was read since is read again."""
        self._cursor.close()
        self.checkpoint = load_checkpoint(self.path)
        self._cursor.position = self._checked(self.checkpoint.position)

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
        cursor = self._cursor
        cursor.position = start
        while cursor.position.offset < position.offset:
            found, _ = cursor.read(max_frames=1000, step_over=False, upto=position.offset)
            if not found.frames:  # damage, or a frame that reaches beyond
                found, _ = cursor.read(max_frames=1, step_over=True)
            if not found.frames:
                break
            cursor.pass_by(found)
        reached = cursor.position
        fits = reached.offset == position.offset and reached.sequence == position.sequence
        return position if fits and reached.segment_id == position.segment_id else start

    def read(self, *, max_records: int, max_bytes: int) -> Chunk:
        """Read on, from where the last read ended.

        Args:
            max_records: lines at most.
            max_bytes: bytes at most, with SLACK_BYTES to spare; but one record at least.

        Returns:
            A chunk; with no lines when there is nothing new.

        Raises:
            OSError: something couldn't be read. What was read before it in this call is gone:
                go back to the checkpoint, by `rewind` or another `Source`.
        """
        parts: list[Lines] = []
        records = lost = damaged = size = taken = 0
        block_bytes = self._expected_bytes
        cursor = self._cursor
        while records < max_records and size < max_bytes:
            if not cursor.open_next():
                break
            before = cursor.position
            room = max_records - records
            block_bytes = min(block_bytes, max_bytes - size + SLACK_BYTES)
            sealed = False
            found, stretch = cursor.read(max_frames=room, step_over=False, block_bytes=block_bytes)
            if not found.frames:
                # What follows is looked at once more after a "yes": nothing is appended then.
                sealed = cursor.is_sealed()
                if sealed:
                    found, stretch = cursor.read(
                        max_frames=room, step_over=True, block_bytes=block_bytes
                    )
            damaged += stretch
            if found.frames:
                # Frames that follow each other miss nothing; counters tell what is missing before
                # the first, but for a first one after a rescan.
                missing = found.accepted_before - before.accepted
                if before.sequence and missing > 0:
                    lost += missing
                parts.append(found.lines)
                records += len(found.lines)
                size += len(found.lines.text)
                taken += found.end - before.offset
                more = 0 if found.stop == END else taken
                block_bytes = max(LEAST_BLOCK_BYTES, min(more, BLOCK_BYTES))
                cursor.pass_by(found)
                if records and found.stop == END and cursor.room > NEAR_END_BYTES:
                    break  # the tail of a segment in use: no look into the directory for that
            elif not (found.stop == END and sealed and cursor.next_segment()):
                break
        expected = max(taken * 5 // 4, self._expected_bytes * 15 // 16, LEAST_BLOCK_BYTES)
        self._expected_bytes = min(expected, BLOCK_BYTES)
        return Chunk(Lines.joined(parts), cursor.position, lost, damaged)

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
            cursor = self._cursor_at(
                Position(segment_id, SEGMENT_HEADER_BYTES, 0, 0), dead=self.dead
            )
            last = None
            try:
                while True:
                    found, _ = cursor.read(max_frames=1000, step_over=False)
                    if not found.frames:
                        break
                    cursor.pass_by(found)
                    last = cursor.position
            finally:
                cursor.close()
            if last is not None:
                return last
        return self.checkpoint.position

    def pending(self) -> int:
        """Tell how many records are not delivered, by the frames' own counters."""
        delivered = load_checkpoint(self.path)
        return max(self.last_position().accepted - delivered.position.accepted, 0)

    def exhausted(self) -> bool:
        """Tell whether the owner is dead and everything has been read and committed."""
        if not self.dead:
            return False
        if self.checkpoint.position.sequence < self._cursor.position.sequence:
            self.rewind()  # only frames that say nothing may have been read since
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
        self._cursor.close()
        self._close_checkpoint()
        remove_directory(self.path)
        self._lock.close()

    def _close_checkpoint(self) -> None:
        if self._checkpoint_file is not None:
            self._checkpoint_file.close()
            self._checkpoint_file = None

    def close(self) -> None:
        """Close all files; an adopted directory can be adopted by somebody else again."""
        self._cursor.close()
        self._close_checkpoint()
        self._lock.close()
        self._cursor.owner_is_dead = False


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
