"""Looking inside a journal directory, for `dashcam journal verify | dump | repair`."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dashcam.journal.directory import set_aside_directory, write_private
from dashcam.journal.frame import (
    BAD,
    END,
    FRAME_HEADER_BYTES,
    RECORD,
    SEGMENT_HEADER_BYTES,
    Frame,
    SegmentHeader,
    decode_segment_header,
    find_frame,
    parse,
)
from dashcam.journal.reader import Source
from dashcam.journal.segment import segment_ids, segment_name


class Report(msgspec.Struct, frozen=True):
    """What was found in one segment; `damaged` has offset and length of each stretch."""

    segment: str
    active: bool
    frames: int
    records: int
    damaged: list[tuple[int, int]]


def walk(
    path: Path, segment_id: int
) -> tuple[SegmentHeader | None, list[Frame], list[tuple[int, int]]]:
    """Give a segment's header, its whole frames, and offset and length of what is damaged."""
    data = (path / segment_name(segment_id)).read_bytes()
    header = decode_segment_header(data[:SEGMENT_HEADER_BYTES])
    journal_id = int(path.name.rsplit("-", 1)[1], 16)
    damaged = [] if header is not None else [(0, SEGMENT_HEADER_BYTES)]
    frames: list[Frame] = []
    at = SEGMENT_HEADER_BYTES
    while True:
        parsed = parse(
            data[at:],
            base=at,
            limit=len(data),
            journal_id=journal_id,
            segment_id=segment_id,
            max_frames=1 << 30,
        )
        frames += parsed.frames
        at += parsed.consumed
        if parsed.stop == END and not data[at:].strip(b"\0"):
            return header, frames, damaged
        found = find_frame(
            data, at + 8, base=0, limit=len(data), journal_id=journal_id, segment_id=segment_id
        )
        if found is None:
            rest = len(data[at:].rstrip(b"\0"))
            if rest and (parsed.stop == BAD or rest > FRAME_HEADER_BYTES):
                damaged.append((at, rest))
            return header, frames, damaged
        damaged.append((at, found - at))
        at = found


def verify(path: Path) -> Iterator[Report]:
    """Check every segment of a directory."""
    for segment_id in segment_ids(path):
        header, frames, damaged = walk(path, segment_id)
        yield Report(
            segment=segment_name(segment_id),
            active=header is None or header.first_sequence > 0,
            frames=len(frames),
            records=sum(frame.kind == RECORD for frame in frames),
            damaged=damaged,
        )


def dump(path: Path) -> Iterator[Frame]:
    """Give every whole frame of a directory that holds a line, in order."""
    for segment_id in segment_ids(path):
        for frame in walk(path, segment_id)[1]:
            if frame.payload:
                yield frame


def repair(path: Path, *, dry_run: bool) -> Iterator[str]:
    """Copy damaged stretches away and blank them, so that the directory verifies.

    Whole frames stay where they are. Only for directories whose owner is dead.
    """
    source = Source(path)
    try:
        if not source.adopt():
            yield f"{path.name}: its process is alive; nothing is done"
            return
        for segment_id in segment_ids(path):
            _, _, damaged = walk(path, segment_id)
            for at, length in damaged:
                if at == 0:
                    yield f"{segment_name(segment_id)}: the header is damaged; frames don't need it"
                    continue
                yield f"{segment_name(segment_id)}: {length} bytes at {at} are set aside"
                if not dry_run:
                    _set_aside(path, segment_id, at, length)
    finally:
        source.close()


def _set_aside(path: Path, segment_id: int, at: int, length: int) -> None:
    directory = set_aside_directory(path.parent)
    fd = os.open(path / segment_name(segment_id), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        target = directory / f"{path.name}-{segment_id:08d}-{at}.bin"
        if not target.exists():
            write_private(target, os.pread(fd, length, at))
        os.pwrite(fd, bytes(length), at)
        os.fsync(fd)
    finally:
        os.close(fd)
