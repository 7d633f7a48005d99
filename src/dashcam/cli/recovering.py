"""`dashcam recover`: delivers what dead processes have left, and what was refused before."""

import os
import time
from pathlib import Path

from rich.progress import Progress

from dashcam.cli import views
from dashcam.errors import RowRefusedError
from dashcam.journal import list_directories
from dashcam.settings import Settings
from dashcam.store import open_store
from dashcam.writer.failed_logs import FailedLine, rewrite_failed
from dashcam.writer.thread import WriterThread

LOOK_S = 0.2


def drain(settings: Settings, *, timeout_s: float) -> tuple[int, bool]:
    """Deliver the journals of dead processes, with a bar; give how many records, and whether all."""
    deadline_s = time.monotonic() + timeout_s
    writer = WriterThread(settings, None)
    writer.start()
    with Progress(console=views.make_console(stderr=True), transient=True) as progress:
        task = progress.add_task("delivering journals", total=None)
        while not writer.flush(min(LOOK_S, max(0.0, deadline_s - time.monotonic()))):
            status = writer.status
            progress.update(task, completed=status.adopted_stored, total=status.adopted or None)
            if time.monotonic() >= deadline_s:
                break
        delivered = writer.stop(max(0.0, deadline_s - time.monotonic()))
    # An app doesn't wait for what another user has left here; who asks for all of it is told.
    left = list_directories(settings.journal_path())
    delivered = delivered and all(os.access(path, os.R_OK | os.X_OK) for path in left)
    return writer.status.adopted_stored, delivered


def resend(settings: Settings, path: Path) -> tuple[int, int, int]:
    """Send a failed file's records again; those that are stored leave the file.

    Returns:
        How many were stored, refused again, and are no records at all.

    Raises:
        StoreError: the store doesn't take anything now; the file stays as it is.
        OSError: the file can't be read or replaced.
    """
    if not path.exists():
        return 0, 0, 0
    store = open_store(settings.store)
    resent = refused = foreign = 0

    def stays(failed: FailedLine | None) -> bool:
        nonlocal resent, refused, foreign
        if failed is None:
            foreign += 1
            return True
        try:
            store.insert(bytes(failed.record) + b"\n")
        except RowRefusedError:
            refused += 1
            return True
        resent += 1
        return False

    try:
        store.migrate()
        rewrite_failed(path, stays)
    finally:
        store.close()
    return resent, refused, foreign
