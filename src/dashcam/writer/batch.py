"""Decisions about batches: when one is sent, and which of its lines. No clock, no I/O."""

import msgspec

from dashcam.settings import Settings

_PREFIX = b'{"id":"'
_REVISION = b'","revision":'
_ID = slice(7, 43)
_REVISION_PLACE = slice(43, 56)
_TIMESTAMP = b'"request_timestamp":"'
_TIMESTAMP_PLACE = slice(58, 106)


class _Key(msgspec.Struct):
    id: str
    revision: int


_decode_key = msgspec.json.Decoder(_Key).decode


class Entry(msgspec.Struct):
    """One line to be sent, and how many accepted records it stands for (0: an amendment)."""

    line: bytes
    weight: int


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


def line_key(line: bytes) -> tuple[bytes, int]:
    """Read id and revision of a line, which begins with them.

    Raises:
        msgspec.MsgspecError: the line has neither.
    """
    digit = line[56:57]
    if line[:7] == _PREFIX and line[43:56] == _REVISION and digit.isdigit() and line[57:58] == b",":
        return line[_ID], int(digit)
    key = _decode_key(line)
    return key.id.encode("utf-8", "replace"), key.revision


def reduce_batch(lines: list[bytes], counts: list[bool]) -> list[Entry]:
    """Keep one line an id, that of the highest revision, in the order of first appearance.

    PostgreSQL refuses to touch a row twice in one statement.

    Args:
        lines: encoded exchanges.
        counts: which of them are the first line of a record.
    """
    ids = [
        line[_ID] for line in lines if line[:7] == _PREFIX and line[_REVISION_PLACE] == _REVISION
    ]
    if len(set(ids)) == len(lines) == len(ids):
        return list(map(Entry, lines, counts))  # the common batch: each id once
    kept: dict[bytes, tuple[int, Entry]] = {}
    for number, (line, counted) in enumerate(zip(lines, counts, strict=True)):
        try:
            key, revision = line_key(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            key, revision = b"?%d" % number, 0  # the store will refuse it
        known = kept.get(key)
        if known is None:
            kept[key] = (revision, Entry(line, int(counted)))
            continue
        known[1].weight += counted
        if revision > known[0]:
            known[1].line = line
            kept[key] = (revision, known[1])
    return [entry for _, entry in kept.values()]


def split_expired(entries: list[Entry], before: str | None) -> tuple[list[Entry], int]:
    """Take out what began before a time: it would be deleted as soon as it is stored.

    Returns:
        The rest, and how many records were taken out.
    """
    if before is None:
        return entries, 0
    mark, limit = _TIMESTAMP, before.encode()
    began_at = [entry.line[_TIMESTAMP_PLACE] for entry in entries]
    if entries and min(began_at) >= mark + limit and max(began_at).startswith(mark):
        return entries, 0  # the common batch: all begin alike, and none is old
    fresh, expired = [], 0
    for entry in entries:
        at = entry.line.find(mark, 0, 200)
        began = entry.line[at + len(mark) : at + len(mark) + 27]
        if at >= 0 and len(began) == 27 and began < limit:
            expired += entry.weight
        else:
            fresh.append(entry)
    return fresh, expired
