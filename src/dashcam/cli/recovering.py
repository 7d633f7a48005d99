"""`dashcam recover`: delivers what dead processes have left, and what was refused before."""

from pathlib import Path

import msgspec

from dashcam.errors import RowRefusedError
from dashcam.settings import Settings
from dashcam.store import open_store
from dashcam.writer.failed_logs import FailedLine, rewrite_failed
from dashcam.writer.thread import WriterThread


class Recovered(msgspec.Struct, frozen=True):
    """What a recovery did."""

    adopted: int
    resent: int
    refused: int
    foreign: int


def drain(settings: Settings, *, timeout_s: float) -> tuple[int, bool]:
    """Deliver the journals of dead processes; give how many records, and whether all."""
    writer = WriterThread(settings, None)
    writer.start()
    delivered = writer.stop(timeout_s)
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
