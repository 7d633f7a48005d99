"""Journals for tests: small ones, and reading them to the end."""

from pathlib import Path

import pytest

from dashcam import failpoint
from dashcam.journal import Journal, Source
from dashcam.native import native

FINGERPRINT = "ab" * 8


def open_journal(root: Path, **more) -> Journal:
    settings = {
        "fingerprint": FINGERPRINT,
        "server": "host",
        "journal_bytes": 1 << 20,
        "segment_bytes": 1 << 16,
        "sync_interval_s": None,
        "encode_gap": lambda gap: b"gap %d" % gap.count,
        **more,
    }
    return Journal(root, **settings)


def read_all(source: Source, *, commit: bool = False) -> list[bytes]:
    lines: list[bytes] = []
    while True:
        chunk = source.read(max_records=7, max_bytes=10_000)
        lines += chunk.lines.split()
        if commit and chunk.lines:
            source.commit(chunk, stored=sum(chunk.lines.counts))
        if not chunk.lines:
            return lines


def append_void(journal: Journal, *, place: str = "publish") -> None:
    """Let an append fail in its middle: it leaves a frame that says nothing."""

    def fail(name: str) -> None:
        if name == place:
            raise failpoint.FailpointError(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoint, "ACTIVE", True)
        patch.setattr(failpoint, "failpoint", fail)
        if native is not None:
            native.set_failpoint(fail)
        try:
            with pytest.raises(failpoint.FailpointError):
                journal.append(b"short")
        finally:
            if native is not None:
                native.set_failpoint(None)


def abandon(journal: Journal) -> Path:
    """Leave a journal as a killed process does: nothing is tidied up but the lock is gone."""
    journal.bell.ring()
    journal._keeper._stopping = True
    journal._keeper._thread.join(10)
    journal._owner_lock.close()
    journal._closed = True
    for segment in (*journal.sealed, journal.segment, *journal.prepared):
        segment.close()
    journal._table.close()
    return journal.path


def read_dead(path: Path) -> list[bytes]:
    source = Source(path)
    try:
        assert source.adopt()
        return read_all(source)
    finally:
        source.close()
