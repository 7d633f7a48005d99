"""`dashcam recover`: delivers what dead processes have left, and what was refused before."""

from pathlib import Path

import msgspec

from dashcam.errors import RowRefusedError
from dashcam.settings import Settings
from dashcam.store import open_store
from dashcam.writer.erasing import replace_failed
from dashcam.writer.failed_logs import read_failed
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
    rest: list[bytes] = []
    size = path.stat().st_size
    try:
        store.migrate()
        for line, failed in read_failed(path):
            if failed is None:
                foreign += 1
                rest.append(line)
                continue
            try:
                store.insert(bytes(failed.record) + b"\n")
                resent += 1
            except RowRefusedError:
                refused += 1
                rest.append(line)
    finally:
        store.close()
    replace_failed(path, rest, size)
    return resent, refused, foreign
