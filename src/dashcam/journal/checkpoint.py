"""The checkpoint: how far a directory's records are delivered, and what became of them.

It is overwritten at once, has its own CRC, and is only a hint: without it (or with one that
doesn't fit the data) the directory is read from its start again, which is harmless.
"""

import errno
import os
import struct
from pathlib import Path
from zlib import crc32

import msgspec

from dashcam.journal.directory import open_if_there

NAME = "checkpoint"
MAGIC = b"DCAMCKPT"
_FORMAT = struct.Struct("<8sIIQQQQQQQ")


class Position(msgspec.Struct, frozen=True):
    """A place between two frames: after `sequence`, where `accepted` records have passed."""

    segment_id: int = 0
    offset: int = 0
    sequence: int = 0
    accepted: int = 0


class Checkpoint(msgspec.Struct, frozen=True):
    """Everything before `position` is delivered; the counts are of record ids."""

    position: Position = Position()
    stored: int = 0
    failed: int = 0
    expired: int = 0
    lost: int = 0
    """Records that damage to the files has taken."""


def read_checkpoint(directory: Path) -> Checkpoint:
    """Read a directory's checkpoint, to look on; the very start when it can't be read."""
    try:
        return load_checkpoint(directory)
    except OSError:
        return Checkpoint()


def load_checkpoint(directory: Path) -> Checkpoint:
    """Read a directory's checkpoint, to go on from; the very start when none verifies.

    Raises:
        OSError: it is there, but can't be read now: going on from the start would be harmless,
            but its counts would be gone with the next one written.
    """
    fd = open_if_there(directory / NAME)
    if fd is None:
        return Checkpoint()
    try:
        data = os.read(fd, _FORMAT.size + 5)
    finally:
        os.close(fd)
    if len(data) != _FORMAT.size + 4:
        return Checkpoint()
    if crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return Checkpoint()
    magic, version, segment_id, offset, sequence, accepted, *counts = _FORMAT.unpack(data[:-4])
    if magic != MAGIC or version != 1:
        return Checkpoint()
    return Checkpoint(Position(segment_id, offset, sequence, accepted), *counts)


def write_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a directory's checkpoint once.

    Raises:
        OSError: it could not be written.
    """
    file = CheckpointFile(directory)
    try:
        file.write(checkpoint)
    finally:
        file.close()


class CheckpointFile:
    """A directory's checkpoint, open to be written again and again.

    It is overwritten in place, by one write of less than a disk's sector: a process that dies
    leaves the old or the new one, and it needs no space, so that a full disk can be freed.

    Args:
        directory: whose checkpoint.

    Raises:
        OSError: it can't be opened.
    """

    def __init__(self, directory: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(directory / NAME, flags, 0o600)

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint.

        Raises:
            OSError: it could not be written.
        """
        position = checkpoint.position
        data = _FORMAT.pack(
            MAGIC,
            1,
            position.segment_id,
            position.offset,
            position.sequence,
            position.accepted,
            checkpoint.stored,
            checkpoint.failed,
            checkpoint.expired,
            checkpoint.lost,
        )
        data += crc32(data).to_bytes(4, "little")
        if os.pwrite(self._fd, data, 0) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
