"""`dashcam doctor`: looks at everything a recorder needs, and says what to do."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from dashcam.errors import DashcamError
from dashcam.exchange import timestamp
from dashcam.journal import Source, filesystem_of, list_directories
from dashcam.journal.directory import COPY_ON_WRITE, NETWORK, is_private
from dashcam.native import native
from dashcam.settings import Settings, without_credentials
from dashcam.store import fingerprint, open_store
from dashcam.store.base import Query, Scope
from dashcam.store.retention import Retention


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `advice` is what to do about it."""

    level: Literal["ok", "warn", "fail"]
    what: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at store, journal, backlog, failed file, disk and clock."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _store,
        _journal,
        _backlog,
        _failed_logs,
        _compiled,
    )
    for check in checks:
        try:
            yield from check(settings)
        except (DashcamError, OSError) as error:
            yield Finding("fail", f"{check.__name__.strip('_')}: {error}", "see the message")


def _compiled(settings: Settings) -> Iterator[Finding]:
    if native is not None:
        yield Finding("ok", "the compiled request path is in use")
    else:
        yield Finding(
            "warn",
            "the request path runs in Python, which costs about three times as much a request",
            "install a wheel for this platform, or a C compiler before `pip install dashcam`",
        )


def _store(settings: Settings) -> Iterator[Finding]:
    store = open_store(settings.store)
    name = without_credentials(settings.store)
    try:
        status = store.schema_status()
        if status == "current":
            yield Finding("ok", f"store {name} answers, and its schema is current")
            newest = store.page(Query(scope=Scope.all(), limit=1))
            ahead = timestamp(time.time_ns() + 60_000_000_000)
            if newest and newest[0].request_timestamp > ahead:
                yield Finding(
                    "warn",
                    f"the newest record is of {newest[0].request_timestamp}, in the future",
                    "check the clocks of the hosts that record",
                )
        elif status == "empty" and not settings.store.startswith(("sqlite", "memory")):
            yield Finding("fail", f"store {name} has no tables yet", "run `dashcam migrate`")
        elif status == "empty":
            yield Finding("ok", f"store {name} is empty: the first start makes its table")
        else:
            yield Finding(
                "fail",
                f"the schema of {name} is {status} than this dashcam",
                "run `dashcam migrate`" if status == "older" else "install the newer dashcam",
            )
    except DashcamError as error:
        yield Finding("fail", f"store {name}: {error}", "check the URL, the server and the rights")
    finally:
        store.close()
    yield Finding("ok", str(Retention(settings)))


def _journal(settings: Settings) -> Iterator[Finding]:
    if settings.in_memory:
        yield Finding("warn", "the journal is in memory", "set journal_dir to survive a crash")
        return
    root = settings.journal_path()
    there = root
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding("fail", f"{there} can't be written", "make it writable, or set journal_dir")
        return
    kind = filesystem_of(root)
    if kind in NETWORK | COPY_ON_WRITE:
        yield Finding("fail", f"journal {root} is on {kind}", "use ext4, XFS or tmpfs")
    elif kind in ("overlay", "tmpfs"):
        yield Finding(
            "warn",
            f"journal {root} is on {kind}: it goes with the container or at a reboot",
            "put journal_dir on a volume",
        )
    else:
        yield Finding("ok", f"journal {root} is on {kind or 'an unknown file system'}")
    if root.exists() and not is_private(root):
        yield Finding("warn", f"others may read {root}", f"chmod 700 {root}")
    free = shutil.disk_usage(there).free
    if free < settings.journal_bytes:
        yield Finding(
            "warn",
            f"{free >> 20} MiB are free, less than journal_bytes "
            f"({settings.journal_bytes >> 20} MiB)",
            "free some space, or lower journal_bytes",
        )
    else:
        yield Finding("ok", f"{free >> 20} MiB are free for the journal")


def _backlog(settings: Settings) -> Iterator[Finding]:
    if settings.in_memory:
        return
    own = fingerprint(settings.store)
    found = 0
    for path in list_directories(settings.journal_path()):
        found += 1
        try:
            with closing(Source(path)) as source:
                pending = source.pending()
                ours = source.fingerprint == own
                dead = ours and source.adopt()
        except FileNotFoundError:
            continue  # it has just been delivered and removed
        except OSError as error:
            yield Finding(
                "fail",
                f"{path.name} can't be read: {error.strerror or error}",
                "run this as the user that the app runs as, or see to the disk",
            )
            continue
        if not ours:
            yield Finding(
                "warn",
                f"{path.name}: {pending} records for another store",
                "start an app with that store, or run `dashcam recover --store URL`",
            )
            continue
        if dead and pending:
            yield Finding(
                "warn",
                f"{path.name}: {pending} records of a process that is gone",
                "run `dashcam recover`, or start the app",
            )
        else:
            yield Finding("ok", f"{path.name}: {pending} records wait")
    if not found:
        yield Finding("ok", "no backlog")


def _failed_logs(settings: Settings) -> Iterator[Finding]:
    path: Path = settings.failed_logs_path()
    size = path.stat().st_size if path.exists() else 0
    if size:
        yield Finding(
            "warn",
            f"{path} has {size} bytes of records that the store refused",
            "see the errors in it, then run `dashcam recover`",
        )
    else:
        yield Finding("ok", "no refused records")
