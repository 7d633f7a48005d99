"""The format of a frame and of a segment's header: bytes in, bytes out, no files.

All integers are little-endian. A segment begins with a header; frames follow, each aligned to
8 bytes and never reaching into another segment.

    frame   magic u32 · length u32 · crc u32 · kind u32 · sequence u64 · accepted u64 · payload

`length` counts the payload. `sequence` counts frames and `accepted` counts records, from 1,
over the life of a journal directory; the last frame thus tells how many there were. The CRC
(CRC-32, ISO 3309) covers journal id, segment id, offset, length, kind, both counters and the
payload, so that bytes of another place never verify. The first eight bytes (magic and
length) are stored last, at once: until then the place reads as empty.
"""

import struct
from typing import NamedTuple
from zlib import crc32

from dashcam.journal.lines import Lines
from dashcam.native import native

VERSION = 1
FRAME_MAGIC = 0x4D414344  # "DCAM"
SEGMENT_MAGIC = b"DCAMSEG\x00"

FRAME = struct.Struct("<IIIIQQ")
FRAME_AFTER_PUBLISHED = struct.Struct("<IIQQ")
FRAME_SEED = struct.Struct("<QIIIIQQ")
SEGMENT = struct.Struct("<8sIIQQQ16sI")
SEGMENT_CRC_AT = SEGMENT.size - 4
SEGMENT_HEADER_BYTES = 64
FRAME_HEADER_BYTES = FRAME.size
ALIGNMENT = 8

RECORD, AMENDED, VOID, GAP = 1, 2, 3, 4
"""Kinds of frames: a record's first line; a later line of a record; nothing (a copy that
failed); a line that tells of dropped records."""
KINDS = {RECORD: "record", AMENDED: "amended", VOID: "void", GAP: "gap"}
_MAGIC_BYTES = struct.pack("<I", FRAME_MAGIC)


class SegmentHeader(NamedTuple):
    """What a segment says of itself; `first_sequence` is 0 until it is put into use."""

    version: int
    segment_id: int
    journal_id: int
    first_sequence: int
    created_ns: int
    fingerprint: bytes


class Frame(NamedTuple):
    """One whole, verified frame."""

    offset: int
    end: int
    kind: int
    sequence: int
    accepted: int
    payload: bytes


def frame_bytes(payload_bytes: int) -> int:
    """Tell how many bytes a frame takes, with its alignment."""
    return (FRAME_HEADER_BYTES + payload_bytes + ALIGNMENT - 1) & -ALIGNMENT


def frame_crc(
    *,
    journal_id: int,
    segment_id: int,
    offset: int,
    length: int,
    kind: int,
    sequence: int,
    accepted: int,
    payload_crc: int,
) -> int:
    """Give a frame's CRC: that of its payload, continued over everything that places it."""
    seed = FRAME_SEED.pack(journal_id, segment_id, offset, length, kind, sequence, accepted)
    return crc32(seed, payload_crc)


def published(length: int) -> int:
    """Give the word that makes a frame of this payload length visible."""
    return FRAME_MAGIC | length << 32


def encode_segment_header(header: SegmentHeader) -> bytes:
    """Encode a segment's header, with its CRC and padding."""
    packed = SEGMENT.pack(
        SEGMENT_MAGIC,
        header.version,
        header.segment_id,
        header.journal_id,
        header.first_sequence,
        header.created_ns,
        header.fingerprint,
        0,
    )
    crc = crc32(packed[:SEGMENT_CRC_AT])
    return (packed[:SEGMENT_CRC_AT] + struct.pack("<I", crc)).ljust(SEGMENT_HEADER_BYTES, b"\0")


def decode_segment_header(data: bytes) -> SegmentHeader | None:
    """Decode a segment's header; None when it is damaged."""
    if len(data) < SEGMENT.size:
        return None
    magic, version, segment_id, journal_id, first, created_ns, fingerprint, crc = SEGMENT.unpack(
        data[: SEGMENT.size]
    )
    if magic != SEGMENT_MAGIC or crc != crc32(data[:SEGMENT_CRC_AT]):
        return None
    return SegmentHeader(version, segment_id, journal_id, first, created_ns, fingerprint)


END, BAD, MORE, FULL = "end", "bad", "more", "full"


class Parsed(NamedTuple):
    """Frames at the start of a block, how many bytes they took, and why parsing stopped.

    `end`: nothing is published there. `bad`: something is there that doesn't verify. `more`:
    the next frame reaches beyond the block. `full`: enough frames.
    """

    frames: list[Frame]
    consumed: int
    stop: str


def parse(
    block: bytes, *, base: int, limit: int, journal_id: int, segment_id: int, max_frames: int
) -> Parsed:
    """Parse frames from the start of a block.

    Args:
        block: bytes of a segment.
        base: the block's offset in its segment.
        limit: the segment's size; a frame that would reach beyond it is bad.
        journal_id: of the directory.
        segment_id: of the segment.
        max_frames: stop after so many.
    """
    frames: list[Frame] = []
    at = 0
    size = len(block)
    while True:
        if len(frames) >= max_frames:
            return Parsed(frames, at, FULL)
        if base + at + FRAME_HEADER_BYTES > limit:
            return Parsed(frames, at, END)
        if at + FRAME_HEADER_BYTES > size:
            return Parsed(frames, at, MORE)
        magic, length, crc, kind, sequence, accepted = FRAME.unpack_from(block, at)
        if magic != FRAME_MAGIC:
            return Parsed(frames, at, END if magic == 0 and length == 0 else BAD)
        end = at + FRAME_HEADER_BYTES + length
        if base + end > limit:  # checked before anything is read or allocated
            return Parsed(frames, at, BAD)
        if end > size:
            return Parsed(frames, at, MORE)
        payload = b"" if kind == VOID else block[at + FRAME_HEADER_BYTES : end]
        expected = frame_crc(
            journal_id=journal_id,
            segment_id=segment_id,
            offset=base + at,
            length=length,
            kind=kind,
            sequence=sequence,
            accepted=accepted,
            payload_crc=crc32(payload),
        )
        if crc != expected or kind not in KINDS:
            return Parsed(frames, at, BAD)
        following = (end + ALIGNMENT - 1) & -ALIGNMENT
        frames.append(Frame(base + at, base + following, kind, sequence, accepted, payload))
        at = following


class Found(NamedTuple):
    """The lines of the frames at the start of a block, and what the frames say of themselves."""

    lines: Lines
    frames: int
    accepted_before: int
    """Records accepted before the first frame."""
    end: int
    """The offset behind the last frame."""
    sequence: int
    accepted: int
    """The last frame's counters."""
    stop: str
    """As in `Parsed`."""


def read_lines(
    block: bytes, *, base: int, limit: int, journal_id: int, segment_id: int, max_frames: int
) -> Found:
    """Read the lines of the frames at the start of a block; arguments as of `parse`."""
    if native is not None:
        found = native.read_lines(block, base, limit, journal_id, segment_id, max_frames)
        return Found(Lines(*found[:3]), *found[3:])
    return read_lines_in_python(
        block,
        base=base,
        limit=limit,
        journal_id=journal_id,
        segment_id=segment_id,
        max_frames=max_frames,
    )


def read_lines_in_python(
    block: bytes, *, base: int, limit: int, journal_id: int, segment_id: int, max_frames: int
) -> Found:
    """Do the same as `read_lines`, without the compiled module."""
    frames, consumed, stop = parse(
        block,
        base=base,
        limit=limit,
        journal_id=journal_id,
        segment_id=segment_id,
        max_frames=max_frames,
    )
    if not frames:
        return Found(Lines(), 0, 0, base, 0, 0, stop)
    told = [frame for frame in frames if frame.kind != VOID]
    first, last = frames[0], frames[-1]
    return Found(
        Lines.of((frame.payload for frame in told), bytes(frame.kind == RECORD for frame in told)),
        len(frames),
        first.accepted - (first.kind == RECORD),
        base + consumed,
        last.sequence,
        last.accepted,
        stop,
    )


def find_frame(
    block: bytes, start: int, *, base: int, limit: int, journal_id: int, segment_id: int
) -> int | None:
    """Find the next frame that verifies, at or after `start`; None when there is none.

    A candidate is looked at by its own length, which is checked against the segment first, so
    the search is linear in the block plus the frames that begin with a magic.
    """
    at = start
    while True:
        at = block.find(_MAGIC_BYTES, at)
        if at < 0:
            return None
        if (base + at) % ALIGNMENT == 0:
            parsed = parse(
                block[at : at + FRAME_HEADER_BYTES],
                base=base + at,
                limit=limit,
                journal_id=journal_id,
                segment_id=segment_id,
                max_frames=1,
            )
            if parsed.stop in (MORE, FULL) or parsed.frames:
                length = FRAME.unpack_from(block, at)[1]
                whole = block[at : at + FRAME_HEADER_BYTES + length]
                if parse(
                    whole,
                    base=base + at,
                    limit=limit,
                    journal_id=journal_id,
                    segment_id=segment_id,
                    max_frames=1,
                ).frames:
                    return at
        at += 1
