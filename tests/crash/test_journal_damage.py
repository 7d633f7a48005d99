"""Damaged journal files: exactly the damaged records are lost, and it always starts."""

import os
import struct
import subprocess
import sys
import textwrap
import tracemalloc

import pytest
from tests.journals import abandon, open_journal, read_all, read_dead
from tests.processes import ROOT, wait_until

from dashcam.errors import JournalError
from dashcam.journal import Source, list_directories, sweep_unfinished
from dashcam.journal.checkpoint import Checkpoint, Position, read_checkpoint, write_checkpoint
from dashcam.journal.frame import SEGMENT_HEADER_BYTES, SegmentHeader, encode_segment_header
from dashcam.journal.inspect import dump
from dashcam.journal.open_table import OpenTable, read_table

LINES = [b'{"record": %d, "filler": "%s"}' % (number, b"x" * number) for number in range(20)]


@pytest.fixture
def dead(tmp_path):
    """The directory of a process that died after 20 records, and its one segment in use."""
    journal = open_journal(tmp_path, segment_bytes=1 << 14)
    for line in LINES:
        assert journal.append(line)
    end = journal.segment.offset
    path = abandon(journal)
    return path, path / "00000001.seg", end


def frames(path):
    return list(dump(path))


def test_what_was_accepted_is_read_in_order(dead):
    """Every accepted line comes back, in order; after it, nothing."""
    assert read_dead(dead[0]) == LINES


def test_truncated_at_every_offset_gives_exactly_the_whole_records(dead):
    """A segment cut at any byte: the whole records before the cut, and it always starts."""
    path, segment, end = dead
    data = segment.read_bytes()
    ends = [frame.offset + 32 + len(frame.payload) for frame in frames(path)]
    for cut in range(end + 1):
        segment.write_bytes(data[:cut])
        whole = [line for line, at in zip(LINES, ends, strict=True) if at <= cut]
        assert read_dead(path) == whole, cut


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_flipped_loses_at_most_that_record(dead, bit):
    """Any flipped bit costs at most the record it is in; those after it are delivered."""
    path, segment, end = dead
    data = bytearray(segment.read_bytes())
    spans = [(frame.offset, frame.end) for frame in frames(path)]
    for at in range(end):
        data[at] ^= 1 << bit
        segment.write_bytes(data)
        hit = [number for number, (start, stop) in enumerate(spans) if start <= at < stop]
        survivors = [line for number, line in enumerate(LINES) if number not in hit]
        found = read_dead(path)
        assert [line for line in found if line not in LINES] == [], at
        assert [line for line in found if line in survivors] == survivors, at
        data[at] ^= 1 << bit


@pytest.mark.parametrize("damage", ["zeroed", "swapped", "garbage tail", "of another journal"])
def test_damaged_blocks(dead, tmp_path, damage):
    """Zeroed or swapped blocks, garbage at the end, bytes of another segment: never verified."""
    path, segment, end = dead
    data = bytearray(segment.read_bytes())
    spans = [(frame.offset, frame.end) for frame in frames(path)]
    lost = set()
    if damage == "zeroed":
        data[512:1024] = bytes(512)
        lost = {n for n, (a, b) in enumerate(spans) if a < 1024 and b > 512}
    elif damage == "swapped":
        data[256:512], data[768:1024] = data[768:1024], data[256:512]
        lost = {
            n for n, (a, b) in enumerate(spans) if (a < 512 and b > 256) or (a < 1024 and b > 768)
        }
    elif damage == "garbage tail":
        data[end : end + 3000] = os.urandom(3000)
    else:
        other = open_journal(tmp_path / "other", segment_bytes=1 << 14)
        for number in range(60):
            other.append(b"old record %d" % number)
        recycled = (abandon(other) / "00000001.seg").read_bytes()
        data[end:] = recycled[end:]
    segment.write_bytes(data)
    assert read_dead(path) == [line for number, line in enumerate(LINES) if number not in lost]


def test_recycled_bytes_of_an_older_segment_never_verify(tmp_path):
    """A block of the same journal's older segment, left behind the newest record: it isn't read."""
    journal = open_journal(tmp_path, segment_bytes=1 << 14)
    lines = [b"%03d" % number + b"x" * 400 for number in range(45)]
    for line in lines:
        wait_until(lambda: journal.prepared, what="a prepared segment")
        assert journal.append(line)
    end = journal.segment.offset
    assert journal.segment.segment_id == 2
    path = abandon(journal)
    first, second = path / "00000001.seg", path / "00000002.seg"
    old, data = first.read_bytes(), bytearray(second.read_bytes())
    for shift in (0, 8, 64):  # also where a frame of the older one begins just there
        data[end:] = old[end - shift : -shift or None]
        second.write_bytes(data)
        assert read_dead(path) == lines, shift


def test_a_segment_is_not_sparse(tmp_path):
    """All blocks are there before the file is mapped: a full disk can't be a SIGBUS later."""
    journal = open_journal(tmp_path, segment_bytes=1 << 20, journal_bytes=1 << 22)
    for name in ("00000001.seg", "open.tbl"):
        found = (journal.path / name).stat()
        assert found.st_blocks * 512 >= found.st_size > 0, name
    journal.close()


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**32 - 1, 2**63])
def test_hostile_lengths(dead, length):
    """A length field of any value: no large allocation, no endless loop, only that record lost."""
    path, segment, _ = dead
    data = bytearray(segment.read_bytes())
    at = frames(path)[5].offset
    if length < 2**32:
        struct.pack_into("<I", data, at + 4, length)
    else:  # the word that is published whole: magic and length
        struct.pack_into("<Q", data, at, length)
    segment.write_bytes(data)
    tracemalloc.start()
    try:
        assert read_dead(path) == LINES[:5] + LINES[6:]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_damage_is_set_aside_and_counted(dead, caplog):
    """Damaged bytes go to a file of their own; file and offset are told; lost ones counted."""
    path, segment, _ = dead
    data = bytearray(segment.read_bytes())
    third = frames(path)[3]
    data[third.offset + 40] ^= 1
    segment.write_bytes(data)
    source = Source(path)
    source.adopt()
    chunk = source.read(max_records=100, max_bytes=1 << 20)
    assert (len(chunk.lines), chunk.lost, chunk.damaged) == (19, 1, 1)
    assert f"offset {third.offset}" in caplog.text
    assert [each.stat().st_size for each in (path.parent / "set-aside").iterdir()] == [
        third.end - third.offset
    ]
    source.close()


def test_an_unknown_version_is_set_aside_whole(dead, caplog):
    """A segment of a newer format is moved away, never guessed at; the rest starts."""
    path, segment, _ = dead
    data = bytearray(segment.read_bytes())
    journal_id = int(path.name[-16:], 16)
    data[:SEGMENT_HEADER_BYTES] = encode_segment_header(
        SegmentHeader(9, 1, journal_id, 1, 0, b"\0" * 16)
    )
    segment.write_bytes(data)
    assert read_dead(path) == []
    assert not segment.exists()
    assert "version 9" in caplog.text


CHECKPOINTS = {
    "empty": lambda path: path.write_bytes(b""),
    "zeroed": lambda path: path.write_bytes(bytes(96)),
    "torn": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "ahead": lambda path: write_checkpoint(
        path.parent, Checkpoint(Position(1, 12_000, 900, 900), stored=900)
    ),
    "ahead segment": lambda path: write_checkpoint(
        path.parent, Checkpoint(Position(77, 64, 900, 900))
    ),
    "between frames": lambda path: write_checkpoint(
        path.parent, Checkpoint(Position(1, 200, 3, 3))
    ),
}


@pytest.mark.parametrize("damage", CHECKPOINTS)
def test_a_checkpoint_that_doesnt_fit_means_a_rescan(dead, damage):
    """Empty, zeroed, torn or ahead: every record is delivered again, none is left out."""
    path, _, _ = dead
    write_checkpoint(path, Checkpoint())
    CHECKPOINTS[damage](path / "checkpoint")
    assert read_dead(path) == LINES


def test_an_old_checkpoint_sends_again(dead):
    """A checkpoint of long ago is obeyed: what came after it is sent again."""
    path, _, _ = dead
    source = Source(path)
    source.adopt()
    chunk = source.read(max_records=5, max_bytes=1 << 20)
    source.commit(chunk, stored=5)
    source.close()
    assert read_checkpoint(path).stored == 5
    assert read_dead(path) == LINES[5:]


def test_segments_are_unlinked_after_the_checkpoint_only(tmp_path):
    """Delivered segments disappear; those with anything undelivered never do."""
    journal = open_journal(tmp_path, segment_bytes=1 << 14)
    lines = [b"%04d" % number + b"x" * 500 for number in range(100)]
    for line in lines:
        wait_until(lambda: journal.prepared, what="a prepared segment")
        assert journal.append(line)
    source = Source(journal.path)
    assert read_all(source) == lines
    assert (journal.path / "00000001.seg").exists()
    source.rewind()
    assert read_all(source, commit=True) == lines
    assert not (journal.path / "00000001.seg").exists()
    source.close()
    journal.close()


def test_the_file_system_is_full(tmp_path):
    """On a full tmpfs the start says so; running, drops are counted, and it recovers with room."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], check=False
    ).returncode:
        pytest.skip("no right to mount a tmpfs")
    try:
        with pytest.raises(JournalError, match="No space left"):
            open_journal(place / "a", segment_bytes=4 << 20, journal_bytes=1 << 30)
        journal = open_journal(place / "b", segment_bytes=1 << 19, journal_bytes=1 << 30)
        line = b"x" * 1000
        accepted = 0
        for _ in range(5000):
            accepted += journal.append(line)
        assert 500 < accepted < 5000
        assert journal.dropped == 5000 - accepted
        source = Source(journal.path)
        read = read_all(source, commit=True)
        assert read.count(line) == accepted
        wait_until(lambda: journal.prepared, what="room for another segment")
        assert journal.append(b"there is room again")
        wait_until(lambda: journal._table.gap() is None, what="the gap to be journaled")
        # Room may have come while the first were read: then the gap is among them.
        assert sorted([*set(read) - {line}, *read_all(source, commit=True)]) == [
            b"gap %d" % (5000 - accepted),
            b"there is room again",
        ]
        source.close()
        journal.close()
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("fault", ["RLIMIT_FSIZE", "EMFILE", "EACCES", "a file in its place"])
def test_a_directory_that_cant_be_used_is_a_clear_error(tmp_path, fault):
    """The start names the directory, the reason and what to do."""
    root = tmp_path / "journal"
    if fault == "a file in its place":
        root.write_text("not a directory")
    script = textwrap.dedent(
        f"""
        import os, resource, sys
        from pathlib import Path
        from dashcam.errors import JournalError
        from tests.journals import open_journal
        from tests.processes import obey_permissions
        fault = {fault!r}
        if fault == "RLIMIT_FSIZE":
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        elif fault == "EMFILE":
            resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
        elif fault == "EACCES":
            os.mkdir({str(root)!r}, 0o500)
            obey_permissions()
        try:
            open_journal(Path({str(root)!r}))
        except JournalError as error:
            print(error)
            sys.exit(3)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert str(root) in done.stdout
    assert "journal_dir" in done.stdout


def test_a_planted_link_is_not_followed(tmp_path):
    """Links and foreign names in journal_dir are passed over; modes are 0700 and 0600 whatever the umask."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "owner.json").write_text("{}")
    root = tmp_path / "journal"
    root.mkdir()
    (root / f"host-1-{'0' * 16}").symlink_to(outside)
    (root / f".new-{'0' * 16}").symlink_to(outside)
    (root / "..weird").mkdir()
    before = os.umask(0)
    try:
        journal = open_journal(root)
    finally:
        os.umask(before)
    assert list_directories(root) == [journal.path]
    sweep_unfinished(root, older_than_s=-1)
    assert journal.path.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in journal.path.iterdir()} == {0o600}
    journal.close()
    assert [each.name for each in outside.iterdir()] == ["owner.json"]


def test_links_inside_of_a_dead_directory_are_not_followed(dead):
    """A segment, checkpoint, lock or set-aside directory that is a link: nothing is written or deleted through it."""
    path, segment, _ = dead
    outside = path.parent.parent / f"{path.parent.name}-outside"
    outside.mkdir()
    precious = outside / "precious"
    precious.write_bytes(b"\0" * 100)
    data = bytearray(segment.read_bytes())
    data[200] ^= 1  # damage, which is set aside
    segment.write_bytes(data)
    (path.parent / "set-aside").symlink_to(outside)
    (path / "00000009.seg").symlink_to(precious)
    (path / "checkpoint").unlink()
    (path / "checkpoint").symlink_to(precious)
    source = Source(path)
    assert source.adopt()
    assert len(read_all(source)) == len(LINES) - 1
    with pytest.raises(OSError, match="symbolic links"):
        source.commit(source.read(max_records=1, max_bytes=1), stored=0)
    source.remove()
    assert [each.name for each in outside.iterdir()] == ["precious"]
    assert precious.read_bytes() == b"\0" * 100


@pytest.mark.parametrize("server", ["../../evil", "a\0b", "/etc", "x" * 300, "", "..", "a b\n"])
def test_a_host_name_never_leads_out_of_the_directory(tmp_path, server):
    """Whatever the host is called, its directory lies in journal_dir, and is found there again."""
    root = tmp_path / "journal"
    journal = open_journal(root, server=server)
    assert journal.path.parent == root
    assert list_directories(root) == [journal.path]
    journal.append(b"line")
    assert read_dead(abandon(journal)) == [b"line"]


def test_rss_stays_bounded_with_a_big_backlog(tmp_path):
    """Appending 200 MB adds little resident memory: the backlog lives on disk."""
    script = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from tests.journals import open_journal
        from tests.processes import wait_until

        def resident_mb():
            status = Path("/proc/self/status").read_text()
            return int(status.partition("VmRSS:")[2].split()[0]) // 1024

        journal = open_journal(Path({str(tmp_path)!r}), journal_bytes=1 << 30, segment_bytes=16 << 20)
        before = resident_mb()
        line = b"x" * 4000
        while journal.accepted < 50_000:
            if not journal.append(line):
                time.sleep(0.01)
        wait_until(lambda: not journal.sealed, what="full segments to be let go")
        print(resident_mb() - before)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert int(done.stdout) <= 40


def test_a_failed_sync_ends_its_segment(tmp_path, monkeypatch, caplog):
    """After msync fails, the segment is finished; nothing is synced again as if it could succeed."""
    journal = open_journal(tmp_path, sync_interval_s=0.02)
    calls = []

    def fail(*arguments):
        calls.append(arguments)
        raise OSError(5, "Input/output error")

    journal.append(b"one")
    monkeypatch.setattr("dashcam.journal.segment.bring_to_disk", fail)
    wait_until(lambda: calls, what="a sync")
    wait_until(
        lambda: journal.segment.capacity == journal.segment.offset, what="the end of the segment"
    )
    monkeypatch.undo()
    assert journal.append(b"two")
    assert journal.segment.segment_id == 2
    source = Source(journal.path)
    assert read_all(source) == [b"one", b"two"]
    wait_until(lambda: "could not be synced" in caplog.text, what="the warning")
    source.close()
    journal.close()


def test_every_bit_of_the_table_of_open_requests(tmp_path):
    """A flipped bit costs at most the entry that it is in; reading never fails or grows."""
    table = OpenTable(tmp_path, slots=8)
    entries = [b"entry-%d" % number for number in range(4)]
    for entry in entries:
        table.slots.begin(entry)
    table.close()
    path = tmp_path / "open.tbl"
    whole = path.read_bytes()
    assert sorted(read_table(tmp_path)[0]) == entries
    used = range(4096, 4096 + 4 * 512)
    places = [*range(128), *(at for at in used if (at - 4096) % 512 < 32)]
    for at in places:
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            found, _gap = read_table(tmp_path)
            assert set(found) <= set(entries), (at, bit)
            lost = set(entries) - set(found)
            assert len(lost) <= 1, (at, bit)
            if at < 4096:
                assert not lost
    for size in (0, 1, 100, 4095, 4096, 4097, 4096 + 511):
        path.write_bytes(whole[:size])
        assert read_table(tmp_path)[0] == []
    path.unlink()
    assert read_table(tmp_path) == ([], None)
