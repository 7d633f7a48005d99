"""Reading a journal on and on: how much at once, how far, and past what says nothing."""

import contextlib
import errno
import os
from dataclasses import dataclass

import pytest
from tests.journals import abandon, append_void, open_journal, read_all
from tests.processes import wait_until

from dashcam.journal import Source
from dashcam.journal.cursor import Cursor


@pytest.fixture
def journal(tmp_path):
    """One whose segments have more than a MiB of room."""
    opened = open_journal(tmp_path, segment_bytes=4 << 20, journal_bytes=128 << 20)
    yield opened
    opened.close()


@dataclass
class Calls:
    count: int = 0


def counted(monkeypatch, name):
    """Count the calls of one of a cursor's methods."""
    calls = Calls()
    method = getattr(Cursor, name)

    def counting(*arguments, **named):
        calls.count += 1
        return method(*arguments, **named)

    monkeypatch.setattr(Cursor, name, counting)
    return calls


@pytest.fixture
def looks(monkeypatch):
    """How often it is looked into the directory whether a segment is sealed."""
    return counted(monkeypatch, "is_sealed")


@pytest.fixture
def reads(monkeypatch):
    """How often a block is read."""
    return counted(monkeypatch, "read")


def begin_another_segment(journal):
    wait_until(lambda: journal.prepared, what="a prepared segment")
    journal.finish_segment()


def test_the_tail_of_a_segment_in_use_needs_no_look_into_the_directory(journal, looks):
    """What was read ends where the segment is empty: more comes there, or is looked for later."""
    source = Source(journal.path)
    journal.append(b"one")
    assert source.read(max_records=10, max_bytes=1 << 20).lines.split() == [b"one"]
    assert looks.count == 0
    assert not source.read(max_records=10, max_bytes=1 << 20).lines
    assert looks.count == 1
    source.close()


def test_near_its_end_a_segment_may_be_sealed(journal, looks):
    """What follows in the next segment belongs to the same read."""
    source = Source(journal.path)
    wait_until(lambda: journal.prepared, what="a prepared segment")
    for number in range(6):
        journal.append(b"%d" % number * 700_000)
    found = source.read(max_records=10, max_bytes=8 << 20)
    assert (len(found.lines), looks.count) == (6, 1)
    source.close()


def test_a_segment_that_says_nothing_hides_no_record(journal):
    """A read gives what is there, also behind frames without a line and a segment sealed early."""
    source = Source(journal.path)
    append_void(journal)
    begin_another_segment(journal)
    journal.append(b"one")
    journal.append(b"two")
    lines = source.read(max_records=10, max_bytes=1 << 20).lines.split()
    assert [line for line in lines if not line.startswith(b"gap")] == [b"one", b"two"]
    source.close()


def test_a_dead_directory_that_ends_with_nothing_is_exhausted(journal):
    """Frames without a line can't be committed with one: they keep no directory alive."""
    journal.append(b"one")
    begin_another_segment(journal)
    journal.append(b"two")
    begin_another_segment(journal)
    wait_until(lambda: journal.prepared, what="a prepared segment")
    append_void(journal)
    source = Source(abandon(journal))
    assert source.adopt()
    lines = read_all(source, commit=True)
    assert [line for line in lines if not line.startswith(b"gap")] == [b"one", b"two"]
    assert source.exhausted()
    source.close()


def test_a_batch_is_read_at_once(tmp_path, reads):
    """As the writer wakes: a whole batch, then the little that is there already, again and again."""
    journal = open_journal(tmp_path, segment_bytes=16 << 20, journal_bytes=128 << 20)
    source = Source(journal.path)
    for wake in range(6):
        for _ in range(500 if wake else 520):
            assert journal.append(b"x" * 3000)
        reads.count = 0
        whole = source.read(max_records=480 if wake else 500, max_bytes=4 << 20)
        assert (len(whole.lines), reads.count) == (480 if wake else 500, 1 if wake else 2)
        rest = source.read(max_records=500, max_bytes=4 << 20)
        assert len(rest.lines) == 20
    source.close()
    journal.close()


def test_a_torn_tail_is_told_once(tmp_path, caplog):
    """However often the end is looked at."""
    journal = open_journal(tmp_path)
    journal.append(b"one")
    at = journal.segment.offset
    path = abandon(journal)
    with open(path / "00000001.seg", "r+b") as segment:
        segment.seek(at + 40)
        segment.write(b"torn")
    source = Source(path)
    assert source.adopt()
    damaged = [source.read(max_records=9, max_bytes=1 << 20).damaged for _ in range(4)]
    assert sum(damaged) == 1
    assert caplog.text.count("were stepped over") == 1
    source.close()


def open_files():
    """Give the paths of this process's open files, but for those that are closed meanwhile."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return found


def test_a_source_that_fails_leaves_no_file_open(journal, monkeypatch):
    """It is tried again each second for as long as the trouble lasts: one file each would end in EMFILE."""
    source = Source(journal.path)
    journal.append(b"one")
    journal.append(b"two")
    source.commit(source.read(max_records=1, max_bytes=1), stored=1)
    source.close()

    segment = str(journal.path / "00000001.seg")
    before = open_files().count(segment)

    def fail(*_arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        for _ in range(3):
            with pytest.raises(OSError, match="Input/output error"):
                Source(journal.path)
    assert open_files().count(segment) == before
    assert read_all(Source(journal.path)) == [b"two"]


@contextlib.contextmanager
def refusing(monkeypatch, name):
    """Let no file of a name be opened."""
    opened = os.open

    def fail(path, *arguments):
        if str(path).endswith(name):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        yield


def test_a_checkpoint_that_cannot_be_read_just_then_keeps_its_counts(journal, monkeypatch):
    """Going on from the start would be harmless for the records, but the counts would begin at 0 again."""
    source = Source(journal.path)
    journal.append(b"one")
    source.commit(source.read(max_records=1, max_bytes=1), stored=1)
    source.close()
    with refusing(monkeypatch, "checkpoint"), pytest.raises(OSError, match="Too many open files"):
        Source(journal.path)
    assert Source(journal.path).checkpoint.stored == 1


def test_a_table_that_cannot_be_read_just_then_is_not_taken_for_empty(tmp_path, monkeypatch):
    """What a dead process was serving is told before its directory goes: so the directory stays until it can be."""
    journal = open_journal(tmp_path)
    journal.begin(b"entry")
    with contextlib.closing(Source(abandon(journal))) as source:
        assert source.adopt()
        with refusing(monkeypatch, "open.tbl"), pytest.raises(OSError, match="Too many open files"):
            source.open_entries()
        assert source.open_entries() == [b"entry"]
