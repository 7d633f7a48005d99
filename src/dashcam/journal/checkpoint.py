"""The checkpoint: how far a directory's records are delivered, and what became of them.

It is replaced atomically, has its own CRC, and is only a hint: without it (or with one that
doesn't fit the data) the directory is read from its start again, which is harmless.
"""

import errno
import os
import struct
from pathlib import Path
from zlib import crc32

import msgspec

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
    """Read a directory's checkpoint; the very start when there is none that verifies."""
    try:
        fd = os.open(directory / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return Checkpoint()
    try:
        data = os.read(fd, _FORMAT.size + 5)
    except OSError:
        return Checkpoint()
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
    """Replace a directory's checkpoint.

    Raises:
        OSError: it could not be written; the old one is still there.
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
    partial = directory / f"{NAME}.{os.getpid()}.partial"
    try:
        _write(partial, data, os.O_CREAT | os.O_TRUNC)
        os.replace(partial, directory / NAME)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        # A full disk is freed by what the checkpoint allows to be deleted, so it must be
        # possible to write one: over the old one, which has its block. Torn, it is a rescan.
        partial.unlink(missing_ok=True)
        _write(directory / NAME, data, 0)


def _write(path: Path, data: bytes, flags: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    try:
        if os.write(fd, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(fd)
