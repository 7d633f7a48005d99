"""The writer killed between any two of its steps, also in the middle of a bisection (I0)."""

import signal
import sqlite3
import subprocess
import sys

import msgspec
import pytest
from tests.checker import failed_lines, rows, settle
from tests.processes import environment

from dashcam import Exchange, Recorder, Settings
from dashcam.store import open_store

RECORDS = 200
SIZES = {"segment_bytes": 1 << 14, "journal_bytes": 1 << 22}


@pytest.fixture
def left(tmp_path):
    """A journal of several segments that nobody has drained; the ids in it."""
    recorder = Recorder(
        Settings(
            environ={},
            store=f"sqlite:///{tmp_path}/request_logs.db",
            writer="off",
            sync="off",
            **SIZES,
        )
    )
    recorder.start()
    ids = []
    while len(ids) < RECORDS:
        exchange = Exchange(path=f"/{len(ids)}", request_body="x" * 500)
        if recorder.journal.append(json_line(exchange)):  # else the next segment isn't ready yet
            ids.append(exchange.id)
    assert len(list(recorder.journal.path.glob("*.seg"))) > 8
    recorder.close(0)
    return ids


def json_line(exchange):
    return msgspec.json.encode(exchange) + b"\n"


def stored(directory):
    """Give the ids of all rows but the gaps, which `left` makes where it was too quick for the disk."""
    return [row["id"] for row in rows(directory) if row["outcome"] != "dropped"]


def drain(directory, **settings):
    return subprocess.run(
        [sys.executable, "-m", "dashcam", "recover"],
        env=environment(directory, batch_size=10, **settings),
        cwd=directory,
        timeout=40,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "failpoint",
    [
        "commit_checkpoint:1",
        "commit_checkpoint:7",
        "checkpoint_unlink:1",
        "checkpoint_unlink:9",
        "unlinked:1",
        "unlinked:2",
        "unlinked:5",
        "adopt:1",
    ],
)
def test_a_writer_killed_between_two_steps(tmp_path, left, failpoint):
    """Killed before or after checkpoint, unlink and removal: it starts again, nothing lost, nothing twice."""
    assert drain(tmp_path, failpoint=failpoint).returncode == -signal.SIGKILL
    settle(tmp_path, **SIZES)
    found = stored(tmp_path)
    assert sorted(found) == sorted(left)
    assert not list((tmp_path / ".dashcam" / "journal").glob("*/*.seg"))


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_killed_in_the_middle_of_a_bisection(tmp_path, left, passes):
    """One row that the engine refuses, SIGKILL while it is looked for: 199 are stored, one is in the failed file."""
    settle_schema(tmp_path)
    poison = left[RECORDS // 2 + 3]
    with sqlite3.connect(tmp_path / "request_logs.db") as connection:
        connection.execute(
            f"CREATE TRIGGER poison BEFORE INSERT ON request_logs WHEN NEW.id = '{poison}' "
            "BEGIN SELECT RAISE(ABORT, 'poison'); END"
        )
    connection.close()
    killed = drain(tmp_path, failpoint=f"mid_bisect:{passes}")
    assert killed.returncode == -signal.SIGKILL
    settle(tmp_path, **SIZES)
    found = stored(tmp_path)
    assert sorted([*found, poison]) == sorted(left)
    assert [line["record"]["id"] for line in failed_lines(tmp_path)] == [poison]


def settle_schema(directory):
    store = open_store(f"sqlite:///{directory}/request_logs.db")
    store.migrate()
    store.close()


def test_it_is_said_what_was_done(tmp_path, left):
    """`recover` after the fact: how many records of dead processes were stored."""
    done = drain(tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, str(RECORDS))
    assert sorted(stored(tmp_path)) == sorted(left)
