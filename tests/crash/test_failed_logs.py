"""`failed_logs.jsonl` between processes: appended to, rewritten and killed at once, no line is lost."""

import json
import os
import signal
import subprocess
import sys
import threading

import msgspec
import pytest
from tests.processes import ROOT, wait_until

from dashcam import Exchange
from dashcam.writer import failed_logs
from dashcam.writer.failed_logs import FailedLogs, rewrite_failed

ADDER = """
import sys
from pathlib import Path
import msgspec
from dashcam import Exchange
from dashcam.writer.failed_logs import FailedLogs
logs = FailedLogs(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    line = msgspec.json.encode(Exchange(path=f"/{sys.argv[2]}/{number}")) + b"\\n"
    logs.add(line, error="e", attempts=1)
"""


def paths(path):
    return [json.loads(line)["record"]["path"] for line in path.read_text().splitlines()]


def record(path):
    return msgspec.json.encode(Exchange(path=path)) + b"\n"


def test_writers_add_while_it_is_rewritten_again_and_again(tmp_path):
    """Two processes add, this one rewrites all the time: each line is in the file once, or was taken out."""
    path = tmp_path / "failed_logs.jsonl"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    adders = [
        subprocess.Popen([sys.executable, "-c", ADDER, str(path), name, "150"], env=env)
        for name in ("a", "b")
    ]
    taken, rewrites = [], 0

    def keep(failed):
        found = json.loads(bytes(failed.record))["path"]
        if int(found.rpartition("/")[2]) % 3:
            return True
        taken.append(found)
        return False

    try:
        while any(adder.poll() is None for adder in adders):
            before = len(taken)
            rewrite_failed(path, keep)
            rewrites += len(taken) > before
    finally:
        assert [adder.wait(60) for adder in adders] == [0, 0]
    expected = [f"/{name}/{number}" for name in ("a", "b") for number in range(150)]
    assert rewrites > 5, "it was hardly ever rewritten meanwhile"
    assert sorted(paths(path) + taken) == sorted(expected)


def test_what_is_added_between_the_last_look_and_the_replacement_waits(tmp_path, monkeypatch):
    """A line that comes at the worst moment is added to the new file, not to the one that goes."""
    path = tmp_path / "failed_logs.jsonl"
    logs = FailedLogs(path)
    for number in range(2):
        logs.add(record(f"/{number}"), error="e", attempts=1)
    replace = failed_logs.os.replace
    late = threading.Thread(
        target=logs.add, args=(record("/late"),), kwargs={"error": "e", "attempts": 1}
    )

    def replace_late(*arguments):
        late.start()
        # It is waiting for the lock now, or will: either way it isn't in the file that goes.
        wait_until(lambda: waits_for_lock(path) or not late.is_alive(), what="the late line")
        replace(*arguments)

    monkeypatch.setattr(failed_logs.os, "replace", replace_late)
    rewrite_failed(path, lambda failed: b"/0" not in bytes(failed.record))
    late.join(10)
    assert paths(path) == ["/1", "/late"]


def waits_for_lock(path):
    inode = str(path.stat().st_ino)
    with open("/proc/locks") as file:
        return any("->" in line and line.split()[6].endswith(f":{inode}") for line in file)


def test_two_that_rewrite_at_once(tmp_path):
    """The second one finds the file replaced: it says so, and changes nothing."""
    path = tmp_path / "failed_logs.jsonl"
    logs = FailedLogs(path)
    for number in range(3):
        logs.add(record(f"/{number}"), error="e", attempts=1)

    def keep(failed):
        rewrite_failed(path, lambda inner: b"/0" not in bytes(inner.record))
        return b"/1" not in bytes(failed.record)

    with pytest.raises(OSError, match="replaced by another process"):
        rewrite_failed(path, keep)
    assert paths(path) == ["/1", "/2"]


def test_killed_before_the_new_file_has_the_name(tmp_path):
    """SIGKILL just before the rename: the old file is whole, and the next time does it."""
    path = tmp_path / "failed_logs.jsonl"
    logs = FailedLogs(path)
    for number in range(3):
        logs.add(record(f"/{number}"), error="e", attempts=1)
    script = (
        "import sys; from pathlib import Path; from dashcam.writer.failed_logs import rewrite_failed;"
        "rewrite_failed(Path(sys.argv[1]), lambda failed: b'/0' not in bytes(failed.record))"
    )
    command = [sys.executable, "-c", script, str(path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = {**env, "DASHCAM_FAILPOINT": "replace_failed_logs"}
    assert subprocess.run(command, env=killed, check=False).returncode == -signal.SIGKILL
    assert paths(path) == ["/0", "/1", "/2"]
    assert subprocess.run(command, env=env, check=False).returncode == 0
    assert paths(path) == ["/1", "/2"]
    assert [each.name for each in tmp_path.iterdir()] == ["failed_logs.jsonl"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_planted_link_in_its_place_is_not_followed(tmp_path):
    """A symbolic link where the file should be: nothing is written through it."""
    outside = tmp_path / "outside"
    outside.write_text("")
    path = tmp_path / "failed_logs.jsonl"
    path.symlink_to(outside)
    with pytest.raises(OSError, match="symbolic links"):
        FailedLogs(path).add(record("/x"), error="e", attempts=1)
    assert outside.read_text() == ""
