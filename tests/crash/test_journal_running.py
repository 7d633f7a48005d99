"""A journal in use: removed directories, read-only mounts; and anything in any order."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.journals import abandon, open_journal, read_all
from tests.processes import wait_until

from dashcam import Exchange, Recorder, Settings
from dashcam.journal import Source, list_directories
from dashcam.journal import keeper as keeper_module
from dashcam.journal.keeper import Rate


def test_a_removed_directory_is_replaced(tmp_path, caplog):
    """The journal's directory is removed while it runs: it is said, nothing is falsely accepted, another is opened."""
    recorder = Recorder(
        Settings(environ={}, store=f"sqlite:///{tmp_path}/r.db", writer="off", sync_interval_s=0.02)
    )
    assert recorder.record(Exchange())
    gone = recorder.journal.path
    shutil.rmtree(gone)
    wait_until(lambda: recorder.journal.vanished, what="the keeper to see it")
    assert not recorder.record(Exchange())
    assert recorder.record(Exchange())
    assert recorder.journal.path != gone
    assert "was removed" in caplog.text
    assert recorder.statistics().dropped == 1
    recorder.close(0)


def test_a_read_only_file_system_costs_records_not_requests(tmp_path):
    """The file system turns read-only while it runs: full segments can't be followed; drops are counted."""
    place = tmp_path / "mount"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=False).returncode:
        pytest.skip("no right to mount a tmpfs")
    try:
        journal = open_journal(place, segment_bytes=1 << 14)
        wait_until(lambda: len(journal.prepared) == 2, what="prepared segments")
        if subprocess.run(
            ["mount", "-o", "remount,ro", place], check=False, capture_output=True
        ).returncode:
            # The mapped files are open for writing, so the kernel may refuse: make it refuse us.
            os.chmod(journal.path, 0o500)
            shutil.move(journal.path, f"{journal.path}.moved")
        accepted = sum(journal.append(b"x" * 1000) for _ in range(200))
        assert 0 < accepted < 200
        assert journal.dropped == 200 - accepted
        journal.close()
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_rate_is_measured_over_half_a_second():
    """Looks that come sooner change nothing."""
    rate = Rate()
    assert rate.measure(1000, 10.0) == 0.0
    assert rate.measure(9000, 10.1) == 0.0
    assert rate.measure(2000, 10.5) == 2000.0
    assert rate.measure(9000, 10.6) == 2000.0
    assert rate.measure(3000, 12.5) == 500.0


def test_segments_are_made_of_large_pages_while_they_fill_quickly(tmp_path, monkeypatch):
    """From a rate on, and no longer than it lasts: also those made ready meanwhile."""
    journal = open_journal(tmp_path, segment_bytes=4 << 20, journal_bytes=256 << 20)
    keeper = journal._keeper
    keeper._stopping = True
    journal.bell.ring()
    keeper._thread.join(10)
    keeper._stopping = False
    now_s = [time.monotonic() + 1]
    monkeypatch.setattr(keeper_module.time, "monotonic", lambda: now_s[0])
    keeper.tick()
    assert not keeper.large
    for _ in range(6):
        now_s[0] += 0.6
        for _ in range(12):
            assert journal.append(b"x" * (1 << 20))
            keeper._prepare()
        keeper.tick()
    assert keeper.large
    segments = [journal.segment, *journal.prepared]
    assert all(segment._is_large for segment in segments)
    for _ in range(3):
        now_s[0] += 1.0
        assert journal.append(b"x")
        keeper.tick()
    assert not keeper.large
    assert not any(segment._is_large for segment in segments)
    journal.close()


class JournalMachine(RuleBasedStateMachine):
    """Append, roll, read, commit, die, start again, damage, adopt: against lists as the model."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.journal = None
        self.number = 0
        self.expected: dict[str, list[bytes]] = {}
        self.delivered: list[bytes] = []
        self.damaged: set[bytes] = set()
        self.start()

    def start(self):
        self.journal = open_journal(self.root, segment_bytes=1 << 14, journal_bytes=1 << 18)
        self.expected[self.journal.path.name] = []

    @rule(size=st.integers(0, 3000), count=st.integers(1, 6))
    def append(self, size, count):
        for _ in range(count):
            self.number += 1
            line = b"%d:" % self.number + b"x" * size
            if self.journal.append(line):
                self.expected[self.journal.path.name].append(line)

    @rule()
    def keep(self):
        self.journal.bell.ring()
        time.sleep(0.001)

    @rule(most=st.integers(1, 20))
    def deliver_some(self, most):
        source = Source(self.journal.path)
        chunk = source.read(max_records=most, max_bytes=100_000)
        if chunk.lines:
            self.delivered += [line for line in chunk.lines.split() if not line.startswith(b"gap")]
            source.commit(chunk, stored=sum(chunk.lines.counts))
        source.close()

    @rule()
    def die_and_start_again(self):
        abandon(self.journal)
        self.start()

    @rule(at=st.floats(0, 1))
    def damage_a_dead_one(self, at):
        for path in list_directories(self.root):
            if path == self.journal.path:
                continue
            for segment in path.glob("*.seg"):
                data = bytearray(segment.read_bytes())
                place = int(at * (len(data) - 1))
                data[place] ^= 0x10
                segment.write_bytes(data)
            self.damaged.update(self.expected[path.name])

    @rule()
    def adopt_all(self):
        for path in list_directories(self.root):
            if path == self.journal.path:
                continue
            source = Source(path)
            assert source.adopt()
            found = [line for line in read_all(source, commit=True) if not line.startswith(b"gap")]
            assert source.exhausted()
            expected = [line for line in self.expected[path.name] if line not in self.delivered]
            missing = [line for line in expected if line not in found]
            assert set(found) <= set(self.expected[path.name])
            assert not missing or set(missing) <= self.damaged
            self.delivered += found
            source.remove()

    @invariant()
    def the_live_one_is_never_adopted(self):
        source = Source(self.journal.path)
        assert not source.adopt()
        source.close()

    def teardown(self):
        abandon(self.journal)
        for path in list_directories(self.root):
            source = Source(path)
            assert source.adopt()
            rest = [line for line in read_all(source) if not line.startswith(b"gap")]
            if path == self.journal.path:
                expected = [line for line in self.expected[path.name] if line not in self.delivered]
                assert [line for line in rest if line not in self.delivered] == expected
            source.close()
        shutil.rmtree(self.root)


JournalMachine.TestCase.settings = hypothesis_settings(
    max_examples=40, stateful_step_count=25, deadline=None
)
TestJournalMachine = JournalMachine.TestCase
