"""Taking lines out of a journal: those that are delivered and must not stay on the disk.

A frame that is behind the checkpoint is read by nobody; its payload is blanked and the frame
made one that says nothing, so that the directory still verifies. What isn't delivered yet is
left alone and counted.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path

from dashcam.journal.checkpoint import read_checkpoint
from dashcam.journal.frame import FRAME_AFTER_PUBLISHED, FRAME_HEADER_BYTES, VOID, Frame, frame_crc
from dashcam.journal.inspect import walk
from dashcam.journal.segment import segment_ids, segment_name


def erase(path: Path, matches: Callable[[bytes], bool]) -> tuple[int, int]:
    """Blank delivered lines of a directory, also while its owner lives.

    Args:
        path: the directory.
        matches: tells of a line whether it must go.

    Returns:
        How many were blanked, and how many match but are not delivered yet.
    """
    delivered = read_checkpoint(path).position.sequence
    journal_id = int(path.name.rsplit("-", 1)[1], 16)
    erased = waiting = 0
    for segment_id in segment_ids(path):
        try:
            frames = walk(path, segment_id)[1]
        except FileNotFoundError:
            continue  # drained and deleted meanwhile
        for frame in frames:
            if not frame.payload or not matches(frame.payload):
                continue
            if frame.sequence > delivered:
                waiting += 1
            else:
                erased += _blank(path / segment_name(segment_id), frame, journal_id, segment_id)
    return erased, waiting


def _blank(path: Path, frame: Frame, journal_id: int, segment_id: int) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return 0
    try:
        length = len(frame.payload)
        os.pwrite(fd, bytes(length), frame.offset + FRAME_HEADER_BYTES)
        crc = frame_crc(
            journal_id=journal_id,
            segment_id=segment_id,
            offset=frame.offset,
            length=length,
            kind=VOID,
            sequence=frame.sequence,
            accepted=frame.accepted,
            payload_crc=0,
        )
        after = FRAME_AFTER_PUBLISHED.pack(crc, VOID, frame.sequence, frame.accepted)
        os.pwrite(fd, after, frame.offset + struct.calcsize("<II"))
        os.fsync(fd)
    finally:
        os.close(fd)
    return 1
