"""Erasing one user's records everywhere: store, journals, and the file of refused records."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from dashcam.journal import list_directories
from dashcam.journal.erase import erase
from dashcam.settings import Settings
from dashcam.store.base import Store
from dashcam.store.retention import STEP_ROWS, delete_in_steps
from dashcam.writer.failed_logs import FailedLine, rewrite_failed


class Erased(msgspec.Struct, frozen=True):
    """What was erased; `waiting` lines are in a journal and not delivered yet."""

    rows: int
    failed: int
    journal: int
    waiting: int


class _Owner(msgspec.Struct):
    user_id: str | None = None


_decode_owner = msgspec.json.Decoder(_Owner).decode


def erase_user(
    settings: Settings,
    store: Store,
    user_id: str,
    *,
    timeout_s: float,
    on_step: Callable[[int], None] = lambda deleted: None,
) -> Erased:
    """Erase what is there of a user; what is still on its way is waited for.

    Args:
        settings: say where journals and the file of refused records are.
        store: where rows are.
        user_id: whose.
        timeout_s: how long to wait for lines that live processes have not delivered yet.
        on_step: told how many rows each step has deleted.

    Raises:
        StoreError: the store did not answer, or was busy for `PATIENCE_S` (see `retention`).
        OSError: a file can't be read or replaced.
    """

    def is_theirs(line: bytes) -> bool:
        try:
            return _decode_owner(line).user_id == user_id
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False

    rows = in_journal = 0
    deadline_s = time.monotonic() + timeout_s
    while True:
        waiting = 0
        if not settings.in_memory and settings.journal_path().is_dir():
            for path in list_directories(settings.journal_path()):
                erased, left = erase(path, is_theirs)
                in_journal += erased
                waiting += left
        rows += delete_in_steps(lambda: store.prune_user(user_id, limit=STEP_ROWS), on_step)
        if not waiting or time.monotonic() >= deadline_s:
            break
        time.sleep(0.2)
    failed = _erase_failed(settings.failed_logs_path(), is_theirs)
    return Erased(rows=rows, failed=failed, journal=in_journal, waiting=waiting)


def _erase_failed(path: Path, is_theirs: Callable[[bytes], bool]) -> int:
    erased = 0

    def keep(failed: FailedLine | None) -> bool:
        nonlocal erased
        theirs = failed is not None and is_theirs(bytes(failed.record))
        erased += theirs
        return not theirs

    rewrite_failed(path, keep)
    return erased
