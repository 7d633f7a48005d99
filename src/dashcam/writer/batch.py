"""Decisions about batches: when one is sent, and which of its lines. No clock, no I/O."""

import msgspec

from dashcam.journal import Lines
from dashcam.native import native
from dashcam.settings import Settings

_PREFIX = b'{"id":"'
_REVISION = b'","revision":'
_ID = slice(7, 43)
_REVISION_PLACE = slice(43, 56)
_DIGIT = slice(56, 57)
_TIMESTAMP = b'"request_timestamp":"'
_TIMESTAMP_PLACE = slice(58, 79)
_BEGAN = slice(79, 106)


class _Key(msgspec.Struct):
    id: str
    revision: int


_decode_key = msgspec.json.Decoder(_Key).decode


def is_due(settings: Settings, *, records: int, size: int, waiting_s: float, at_once: bool) -> bool:
    """Tell whether what waits shall be sent now.

    Args:
        settings: `batch_size`, `batch_bytes`, `batch_interval_s`.
        records: lines that wait.
        size: their bytes.
        waiting_s: how long the oldest has waited.
        at_once: somebody waits for it (flush), or the end has come (drain).
    """
    if records == 0:
        return False
    return (
        at_once
        or records >= settings.batch_size
        or size >= settings.batch_bytes
        or waiting_s >= settings.batch_interval_s
    )


def _begins_as_written(line: bytes) -> bool:
    return (
        line[:7] == _PREFIX
        and line[_REVISION_PLACE] == _REVISION
        and line[_DIGIT].isdigit()
        and line[57:58] == b","
    )


def line_key(line: bytes) -> tuple[bytes, int]:
    """Read id and revision of a line, which begins with them.

    Raises:
        msgspec.MsgspecError: the line has neither.
    """
    if _begins_as_written(line):
        return line[_ID], int(line[_DIGIT])
    key = _decode_key(line)
    return key.id.encode("utf-8", "replace"), key.revision


def reduce_batch(lines: Lines, *, before: str | None) -> tuple[Lines, int]:
    """Keep one line an id, that of the highest revision, in the order of first appearance.

    PostgreSQL refuses to touch a row twice in one statement. What began before a time is taken
    out: it would be deleted as soon as it is stored.

    Args:
        lines: encoded exchanges.
        before: the time, as in a line; None to take out nothing.

    Returns:
        The lines; each counts for all records of its id. And how many records were taken out.
    """
    limit = b"" if before is None else before.encode()
    if _is_plain(lines, limit):
        return lines, 0
    kept: dict[bytes, tuple[int, bytes, int]] = {}
    for number, (line, count) in enumerate(zip(lines.split(), lines.counts, strict=True)):
        try:
            key, revision = line_key(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            key, revision = b"?%d" % number, 0  # the store will refuse it
        known_revision, known, known_count = kept.get(key, (-1, b"", 0))
        newer = revision > known_revision
        kept[key] = (
            revision if newer else known_revision,
            line if newer else known,
            known_count + count,
        )
    fresh = [(line, count) for _, line, count in kept.values() if not _is_older(line, limit)]
    counts = [count for _, count in fresh]
    expired = sum(count for _, _, count in kept.values()) - sum(counts)
    return Lines.of((line for line, _ in fresh), counts), expired


def _is_plain(lines: Lines, limit: bytes) -> bool:
    if native is not None:
        return native.is_plain_batch(lines.text, lines.sizes, limit)
    return is_plain_in_python(lines, limit)


def is_plain_in_python(lines: Lines, limit: bytes) -> bool:
    """Tell whether a batch can go as it is: the common one, each id once and none too old."""
    split = lines.split()
    ids = {line[_ID] for line in split}
    return len(ids) == len(split) and all(
        _begins_as_written(line)
        and line[_TIMESTAMP_PLACE] == _TIMESTAMP
        and len(line) > _BEGAN.stop
        and line[_BEGAN] >= limit
        for line in split
    )


def _is_older(line: bytes, limit: bytes) -> bool:
    at = line.find(_TIMESTAMP, 0, 200)
    began = line[at + len(_TIMESTAMP) : at + len(_TIMESTAMP) + 27]
    return at >= 0 and len(began) == 27 and began < limit
