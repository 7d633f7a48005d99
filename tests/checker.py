"""The checker that runs after every fault: nothing accepted is lost, nothing is there twice.

With A = accepted, S = stored, F = in the failed file, P = still in the journal: once the
journal directory is quiet, A = S ∪ F ∪ P, and no id is in S twice.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

from tests.processes import wait_until

from dashcam import Recorder, Settings


def settle(directory: Path, **settings: Any) -> None:
    """Start a recorder on the directory as the next start of the app would, and let it drain."""
    recorder = Recorder(
        Settings(environ={}, store=f"sqlite:///{directory}/request_logs.db", **settings)
    )
    recorder.start()
    try:
        # Not while another process still leads: its records would not be this one's to wait for.
        wait_until(
            lambda: recorder.statistics().writer_state in ("running", "retrying", "blocked"),
            what="this process to drain",
        )
        assert recorder.flush(60), recorder.statistics()
        statistics = recorder.statistics()
        assert statistics.pending == 0
        assert statistics.accepted == statistics.stored + statistics.failed + statistics.expired
    finally:
        assert recorder.close(10)


def rows(directory: Path) -> list[dict[str, Any]]:
    """Read all rows of the directory's database."""
    connection = sqlite3.connect(directory / "request_logs.db")
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute("SELECT * FROM request_logs")]
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return []  # nothing has been stored yet
    finally:
        connection.close()


def failed_lines(directory: Path) -> list[dict[str, Any]]:
    """Read all lines of the directory's failed file."""
    path = directory / ".dashcam" / "failed_logs.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def tokens(found: list[dict[str, Any]], *outcomes: str) -> list[str]:
    """Give the last part of each path, of rows with these outcomes."""
    return [row["path"].rpartition("/")[2] for row in found if row["outcome"] in outcomes]


def dropped(found: list[dict[str, Any]]) -> int:
    """Give how many records the gaps tell of: there was no room, which is said and not hidden."""
    return sum(row["dropped_count"] for row in found if row["outcome"] == "dropped")
