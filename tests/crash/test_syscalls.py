"""System calls that fail or are slow, injected by strace into a real recorder; and their order."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest
from tests.checker import failed_lines, rows, settle
from tests.processes import ROOT, environment

from dashcam.store import open_store

SIZES = {"segment_bytes": 1 << 16, "journal_bytes": 1 << 22}

RECORDING = """
import asyncio, os, sys, time
from dashcam import Exchange, Recorder, Settings

recorder = Recorder(Settings(
    environ={}, store=f"sqlite:///{sys.argv[1]}/request_logs.db", batch_interval_s=0.02, batch_size=20,
    segment_bytes=1 << 16, journal_bytes=1 << 22, sync_interval_s=0.05, retry_initial_s=0.01,
    retry_max_s=0.05, retention_days=0,
))

async def record(count):
    # As in a server: the loop's own delay is what a request would feel.
    worst = 0.0
    for _ in range(count):
        began = time.monotonic()
        exchange = Exchange(path="/x", request_body="x" * 1500)
        print(exchange.id if recorder.record(exchange) else "dropped", flush=True)
        await asyncio.sleep(0.001)
        worst = max(worst, time.monotonic() - began)
    return worst

def say(word):
    print(word, flush=True)
    sys.stdin.readline()

recorder.start()
asyncio.run(record(30))
assert recorder.flush(20)
say("ready")
worst = asyncio.run(record(150))
recorder.flush(0.5)
say(f"worst {worst}")
asyncio.run(record(30))
delivered = recorder.flush(30)
print("delivered", delivered, recorder.statistics(), file=sys.stderr, flush=True)
recorder.close(5)
print("end", delivered, flush=True)
"""


class Traced:
    """A recording process, to which strace is attached while it is ready and until it has recorded."""

    def __init__(self, directory, *options):
        self.accepted, self.dropped = [], 0
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(RECORDING), str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        trace = directory / "trace.txt"
        with process, contextlib.ExitStack() as stack:
            stack.callback(process.kill)
            self.read_until(process, "ready")
            strace = subprocess.Popen(
                ["strace", "-f", "-y", "-o", str(trace), *options, "-p", str(process.pid)],
                stderr=subprocess.PIPE,
                text=True,
            )
            with strace:
                stack.callback(strace.kill)
                said = strace.stderr.readline()
                if "attached" not in said:
                    pytest.skip(f"no right to trace: {said.strip()}")
                process.stdin.write("\n")
                process.stdin.flush()
                self.worst_s = float(self.read_until(process, "worst").split()[1])
                strace.send_signal(signal.SIGINT)  # detaches; the process goes on unharmed
                strace.wait(20)
            process.stdin.write("\n")
            process.stdin.flush()
            self.delivered = self.read_until(process, "end") == "end True"
            self.errors = process.stderr.read()
            process.wait(20)
        self.trace = trace.read_text(errors="replace").splitlines()

    def read_until(self, process, word):
        for line in process.stdout:
            if line.startswith(word):
                return line.strip()
            if line.startswith("dropped"):
                self.dropped += 1
            else:
                self.accepted.append(line.strip())
        raise AssertionError(f"it ended before {word!r}: {process.stderr.read()}")


@pytest.fixture(autouse=True)
def strace():
    """Skip, visibly, where there is no strace (`make test` installs it where it may)."""
    if shutil.which("strace") is None:
        pytest.skip("strace is missing")


def check(directory, traced):
    """I0: accepted is stored, once, by the process itself; what was dropped is told by gaps."""
    assert traced.delivered, traced.errors
    settle(directory, **SIZES)
    found = rows(directory)
    assert failed_lines(directory) == []
    assert sorted(row["id"] for row in found if row["outcome"] != "dropped") == sorted(
        traced.accepted
    )
    gaps = [row["dropped_count"] for row in found if row["outcome"] == "dropped"]
    assert sum(gaps) == traced.dropped
    assert len(traced.accepted) + traced.dropped == 210


FAULTS = [
    "fallocate:error=ENOSPC:when=1+2",
    "fallocate:error=EIO",
    "fdatasync:error=EIO:when=1+2",
    "fdatasync:error=EIO",
    "msync:error=EIO:when=1+2",
    "msync:error=EIO",
    "pwrite64:error=ENOSPC:when=1+2",
    "pwrite64:error=EIO",
    "pread64:error=EIO:when=1+2",
    "pread64:error=EIO",
    "unlink:error=EACCES:when=1+2",
    "unlink:error=EROFS",
    "flock:error=ENOLCK",
    "fcntl:error=EIO:when=1+3",
    "openat:error=EMFILE:when=1+2",
    "openat:error=EACCES",
    "newfstatat:error=EIO:when=1+3",
    "newfstatat:error=EACCES",
    "getdents64:error=EIO",
    "mmap:error=ENOMEM:when=1+2",
    "mmap:error=ENOMEM",
    "madvise:error=EINVAL",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_that_fails(tmp_path, fault):
    """Whatever call fails, recording goes on; when it works again, all that was accepted is stored once."""
    call = fault.partition(":")[0]
    traced = Traced(tmp_path, "-e", f"trace={call}", "-e", f"inject={fault}")
    if call not in ("flock",):  # not called while a leader leads
        assert any("(INJECTED)" in line for line in traced.trace), "the fault did nothing"
    check(tmp_path, traced)


@pytest.mark.parametrize(
    "calls", ["msync,fdatasync,fsync", "fallocate,unlink,openat", "pwrite64", "pread64,getdents64"]
)
def test_a_disk_that_is_slow(tmp_path, calls):
    """Each such call takes 200 ms longer: the event loop isn't delayed by it, and nothing is lost."""
    traced = Traced(tmp_path, "-e", f"trace={calls}", "-e", f"inject={calls}:delay_enter=200000")
    assert any("(DELAYED)" in line for line in traced.trace), "nothing was slow"
    assert traced.worst_s < 0.2  # a call of its own would have taken longer
    check(tmp_path, traced)


CALL = re.compile(r"^\d+ +(\w+)\((?:\w+<)?\"?([^>\"]*)")


def calls(traced):
    """Give the name of each call that was made, its file, and the line of the trace."""
    for line in traced.trace:
        found = CALL.match(line)
        if found:
            yield found[1], found[2], line


MAPPED = re.compile(r"mmap\(.*<([^>]*\.seg)>.* = (0x[0-9a-f]+)")
SYNCED = re.compile(r"msync\((0x[0-9a-f]+), (\d+)")


def test_a_segment_whose_sync_failed_is_left_alone(tmp_path):
    """EIO from msync: another segment is begun; the failed sync is not tried again as if it could succeed."""
    traced = Traced(tmp_path, "-e", "trace=mmap,msync", "-e", "inject=msync:error=EIO:when=2+3")
    maps: dict[int, str] = {}
    broken: set[str] = set()
    synced = 0
    for line in traced.trace:
        if found := MAPPED.search(line):
            maps[int(found[2], 16)] = found[1]
        elif found := SYNCED.search(line):
            at = int(found[1], 16)
            file = next(
                (name for begin, name in maps.items() if begin <= at < begin + (1 << 16)), None
            )
            if file is None:
                continue  # mapped before strace was there
            synced += 1
            assert file not in broken, line
            if "EIO" in line:
                broken.add(file)
    assert broken, "no sync of a segment has failed"
    assert synced > len(broken), "no sync has succeeded"
    check(tmp_path, traced)


def test_what_is_said_about_syncing_is_done(tmp_path):
    """Segments are synced while records come; the store's commit is on the disk before the checkpoint moves on."""
    traced = Traced(tmp_path, "-e", "trace=msync,fdatasync,fsync,pwrite64")
    check(tmp_path, traced)
    segments = checkpoints = 0
    unsynced = False
    for name, file, line in calls(traced):
        if name == "msync":
            segments += 1
        elif file.endswith("-wal"):
            unsynced = name == "pwrite64"
        elif name == "pwrite64" and file.endswith("/checkpoint"):
            checkpoints += 1
            assert not unsynced, f"the commit was not synced before: {line}"
    assert checkpoints > 1  # few where syncing is slow: a batch takes all that has come
    assert segments > 1


def test_a_mapped_file_is_never_truncated(tmp_path):
    """Through rolls, drains and unlinks: no truncate, no O_TRUNC on anything of the journal (SIGBUS for who maps it)."""
    traced = Traced(tmp_path, "-e", "trace=truncate,ftruncate,openat,unlink")
    check(tmp_path, traced)
    journal = str(tmp_path / ".dashcam" / "journal")
    seen = [(name, line) for name, _, line in calls(traced) if journal in line]
    assert sum(name == "unlink" for name, _ in seen) > 0, "nothing was rolled and drained"
    assert [line for name, line in seen if "truncate" in name or "O_TRUNC" in line] == []


LEFT_BEHIND = """
import os, signal, sys, time
from dashcam import Exchange, Recorder, Settings

recorder = Recorder(Settings(
    environ={}, store=f"sqlite:///{sys.argv[1]}/request_logs.db", batch_interval_s=60, batch_size=10_000,
    segment_bytes=1 << 16, journal_bytes=1 << 22, journal_dir=f"{sys.argv[1]}/{sys.argv[2]}",
))
recorder.start()
for number in range(100):
    assert recorder.record(Exchange(path=f"/{sys.argv[2]}/{number}", request_body="x" * 1500))
    time.sleep(0.001)  # segments as small as these fill quicker than new ones are made
os.kill(os.getpid(), signal.SIGKILL)
"""


def leave_behind(directory, name):
    """Let a process die with 100 records in some segments; give its journal directory."""
    command = [sys.executable, "-c", LEFT_BEHIND, str(directory), name]
    assert subprocess.run(command, timeout=30, check=False).returncode == -signal.SIGKILL
    (made,) = (path for path in (directory / name).iterdir() if path.is_dir())
    assert len(list(made.glob("*.seg"))) > 2
    journal = directory / ".dashcam" / "journal"
    journal.mkdir(mode=0o700, parents=True, exist_ok=True)
    return made.rename(journal / made.name)


def run_with_fault(directory, fault, path, *command):
    """Run Python where calls on one file fail."""
    trace = directory / "trace.txt"
    strace = ["strace", "-f", "-P", str(path), "-e", f"inject={fault}", "-o", str(trace)]
    ended = subprocess.run(
        [*strace, sys.executable, *command],
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "ptrace" in ended.stderr:
        pytest.skip(f"no right to trace: {ended.stderr.strip()}")
    assert "(INJECTED)" in trace.read_text(), f"the fault did nothing: {ended.stderr}"
    return ended


def recover(directory, fault, path, *, timeout_s):
    command = ("-m", "dashcam", "recover", "--timeout", str(timeout_s))
    return run_with_fault(directory, fault, path, *command)


def paths(directory):
    return sorted(row["path"] for row in rows(directory) if row["outcome"] == "completed")


@pytest.mark.parametrize("file", ["00000001.seg", "00000002.seg", "owner.json", "open.tbl"])
def test_a_file_that_cannot_be_opened_just_then_is_not_passed_over(tmp_path, file):
    """EMFILE at one opening: it is opened again, and what can be read without it isn't taken for all."""
    left = leave_behind(tmp_path, "a")
    ended = recover(tmp_path, "openat:error=EMFILE:when=1", left / file, timeout_s=40)
    assert (ended.returncode, paths(tmp_path)) == (0, sorted(f"/a/{n}" for n in range(100)))
    assert "can't be drained: Too many open files" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("file", ["00000002.seg", "owner.json"])
def test_a_directory_that_cannot_be_read_holds_up_no_other(tmp_path, file):
    """EIO at each opening of a file: the others are stored, it is said once, and later nothing is missing."""
    left = {leave_behind(tmp_path, name): name for name in "abc"}
    broken = min(left)  # the first that is looked at
    ended = recover(tmp_path, "openat:error=EIO", broken / file, timeout_s=12)
    assert ended.returncode == 1
    assert ended.stderr.count(f"{broken} can't be drained: Input/output error") == 1
    whole = sorted(f"/{each}/{n}" for each in "abc" for n in range(100))
    assert set(whole) - set(paths(tmp_path)) <= {f"/{left[broken]}/{n}" for n in range(100)}
    assert len(paths(tmp_path)) < len(whole)
    settle(tmp_path, **SIZES)
    assert paths(tmp_path) == whole


BY_ANOTHER_USER = """
from tests.processes import obey_permissions; obey_permissions()
from dashcam.__main__ import main; main()
"""


def test_what_there_is_no_right_to_read_is_named(tmp_path):
    """doctor, recover and verify say which directory it is, in one line; with the right, nothing is missing."""
    left = leave_behind(tmp_path, "a")
    left.chmod(0)
    said = {}
    for command in ("doctor", "recover --timeout 1", "journal verify"):
        said[command] = subprocess.run(
            [sys.executable, "-c", BY_ANOTHER_USER, *command.split()],
            env={**environment(tmp_path), "COLUMNS": "400"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    for command, ended in said.items():
        told = ended.stdout + ended.stderr
        assert ended.returncode == 1, (command, told)
        assert "Traceback" not in told
        assert any(left.name in line and "Permission denied" in line for line in told.splitlines())
    left.chmod(0o700)
    settle(tmp_path, **SIZES)
    assert len(paths(tmp_path)) == 100


READ_ONLY = """
import sys
import msgspec
from dashcam import Exchange, StoreSetupError
from dashcam.store import open_store

store = open_store(f"sqlite:///{sys.argv[1]}")
lines = b"".join(msgspec.json.encode(Exchange(path=f"/{n}")) + b"\\n" for n in range(3))
try:
    store.insert(lines)
except StoreSetupError as error:
    print(error)
store.insert(lines)
store.close()
"""


def test_a_database_that_could_be_opened_for_reading_only(tmp_path):
    """SQLite falls back to reading at any failed opening: the next try opens it anew, for writing."""
    path = tmp_path / "request_logs.db"
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    ended = run_with_fault(tmp_path, "openat:error=EMFILE:when=1", path, "-c", READ_ONLY, str(path))
    assert ended.returncode == 0, ended.stderr
    assert "SQLITE_READONLY" in ended.stdout
    assert len(rows(tmp_path)) == 3
