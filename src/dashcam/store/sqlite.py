"""SQLite: the embedded default, for one machine.

WAL, one transaction a batch with a durable commit, and few large statements: a writer that
makes many short C calls starves beside a busy event loop.
"""

import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from dashcam.errors import (
    RowRefusedError,
    StoreError,
    StoreSetupError,
    StoreUnavailableError,
)
from dashcam.exchange import COLUMNS
from dashcam.settings import sqlite_path
from dashcam.store.base import Status
from dashcam.store.binding import Bound, bind
from dashcam.store.clock import now_text
from dashcam.store.relational import RelationalStore
from dashcam.store.schema import HEAD, create, migrate, refuse_newer, status_of

BUSY_TIMEOUT_MS = 5_000
PAGE_BYTES = 8192
WAL_PAGES = 2000
MOST_ROWS = 600
"""Rows in a statement: a whole batch of the default size, within SQLite's usual limit."""
CACHED_STATEMENTS = 8
"""Prepared statements that a connection keeps: one of a whole batch takes 0.7 MB."""
LOOK_AGAIN_S = 0.01
"""What waits for the write lock looks again after a random time, at most this."""
LOOK_S = 0.5
"""How often it is looked whether the file is still the one that is open."""

_ALL = ("stored_at", *COLUMNS)
_UPSERT = (
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _ALL if name != "id")
    + " WHERE excluded.revision > request_logs.revision"
)

_UNAVAILABLE = frozenset(
    {
        "SQLITE_BUSY",
        "SQLITE_LOCKED",
        "SQLITE_FULL",
        "SQLITE_IOERR",
        "SQLITE_NOMEM",
        "SQLITE_INTERRUPT",
        "SQLITE_PROTOCOL",
        "SQLITE_CANTOPEN",
        "SQLITE_SCHEMA",
    }
)
_BROKEN = frozenset(
    {
        "SQLITE_IOERR",
        "SQLITE_PROTOCOL",
        "SQLITE_CANTOPEN",
        "SQLITE_NOMEM",
        "SQLITE_READONLY",
    }
)
_REFUSED = frozenset({"SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH", "SQLITE_RANGE"})


class SqliteStore(RelationalStore):
    """A store in one SQLite file, or in memory for `sqlite://`.

    Args:
        url: a SQLAlchemy URL.
        pool_size: connections kept.
    """

    def __init__(self, url: str, *, pool_size: int = 2) -> None:
        self.url = url
        self.path: Path | None = sqlite_path(url)
        self._pool_size = pool_size
        self._engine: Engine | None = None
        self._inode: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._body_watermark = ""
        self._most_rows = 0
        self._looked_at_s = float("-inf")

    def _make_engine(self) -> Engine:
        if self.path is not None and not self.path.exists():
            self._create_file(self.path)
        pool: dict[str, Any] = {"poolclass": StaticPool}
        if self.path is not None:
            pool = {"poolclass": QueuePool, "pool_size": self._pool_size, "max_overflow": 4}
        engine = create_engine(
            make_url(self.url),
            pool_reset_on_return=None,  # every transaction here is ended by name
            connect_args={
                "timeout": BUSY_TIMEOUT_MS / 1000,
                "check_same_thread": False,
                "cached_statements": CACHED_STATEMENTS,
            },
            **pool,
        )

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # transactions are begun by name below
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA page_size={PAGE_BYTES}")  # of a new database only
            _use_wal(cursor)
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
            cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
            cursor.close()

        return engine

    @staticmethod
    def _create_file(path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreUnavailableError(
                f"the database {path} can't be made: {error.strerror or error}"
            ) from error

    def _current_engine(self) -> Engine:
        """Give the engine; a new one when the file was deleted or replaced."""
        with self._lock:
            now_s = time.monotonic()
            if self._engine is not None and now_s - self._looked_at_s >= LOOK_S:
                self._looked_at_s = now_s
                if self._is_replaced():
                    self._engine.dispose()
                    self._engine = None
            if self._engine is None:
                self._engine = self._make_engine()
                # A store that is forgotten, or in memory, closes its connections at its end.
                weakref.finalize(self, self._engine.dispose)
                if self.path is not None:
                    found = os.stat(self.path)
                    self._inode = (found.st_dev, found.st_ino)
            return self._engine

    @contextmanager
    def _connection(self, *, write: bool = False, begin: bool = True) -> Iterator[Connection]:
        """Connect, in one transaction; errors of the engine come out as ours."""
        try:
            with self._current_engine().connect() as connection:
                if not begin:
                    yield connection
                    return
                if write:
                    _begin_writing(connection)
                else:
                    connection.exec_driver_sql("BEGIN")
                try:
                    yield connection
                except BaseException:
                    try:
                        connection.exec_driver_sql("ROLLBACK")
                    except DBAPIError:  # the engine has rolled back already
                        pass
                    raise
                connection.exec_driver_sql("COMMIT")
        except DBAPIError as error:
            raise self._failed(error.orig) from None
        except sqlite3.Error as error:
            raise self._failed(error) from None
        except OSError as error:
            raise StoreUnavailableError(f"{self.path}: {error.strerror or error}") from None
        except SQLAlchemyError as error:
            raise StoreUnavailableError(type(error).__name__) from None

    def _failed(self, error: BaseException | None) -> StoreError:
        """Say what kind of trouble an error is; leave connections that may never work again.

        When a system call has failed in the middle of it, a connection can hold a lock that it
        doesn't know of (seen after a failed fcntl: SQLITE_PROTOCOL for ever). And SQLite opens a
        file for reading only when it can't be opened for writing just then, whatever the reason
        (https://sqlite.org/c3ref/open.html): SQLITE_READONLY for as long as it stays open.
        """
        if self.path is not None and _primary(error) in _BROKEN:
            self.close()
        failure = classify(error)
        if self.path is not None and not isinstance(failure, RowRefusedError):
            return type(failure)(f"{failure} ({self.path})")
        return failure

    def insert(self, lines: bytes) -> None:
        """Store a batch in one transaction; the highest revision of an id wins."""
        # Beside a busy event loop it counts how long the GIL is held, and how often it is given
        # away and waited for: also by BEGIN and COMMIT, so a single statement goes without.
        parts = bind(lines, now_text(), most_rows=self._find_most_rows())
        alone = len(parts) == 1
        with self._connection(write=not alone, begin=not alone) as connection:
            for part in parts:
                try:
                    connection.exec_driver_sql(_upsert(part), part.values)
                except (OverflowError, UnicodeEncodeError, sqlite3.InterfaceError) as error:
                    raise RowRefusedError(type(error).__name__) from None
        if self._is_replaced():
            self.close()
            raise StoreUnavailableError(f"the database file {self.path} was deleted or replaced")

    def _find_most_rows(self) -> int:
        """Tell how many rows a statement may have, by the connection's own limit."""
        if self._most_rows == 0:
            with self._connection(begin=False) as connection:
                raw = connection.connection.driver_connection
                assert raw is not None
                bound = raw.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
            self._most_rows = int(max(1, min(MOST_ROWS, bound // (1 + len(COLUMNS)))))
        return self._most_rows

    def _is_replaced(self) -> bool:
        """Tell whether what was just committed has gone into a file that has lost its name."""
        if self.path is None:
            return False
        try:
            found = os.stat(self.path)
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != self._inode

    def _ask(self, statement: str, values: list[Any]) -> list[Any]:
        with self._connection() as connection:
            return list(connection.exec_driver_sql(statement, tuple(values)).mappings())

    def prune(self, *, before: str, limit: int = 1000) -> int:
        """Delete at most `limit` rows that began before a time."""
        return self._delete("request_timestamp < ?", before, limit, "request_timestamp")

    def prune_user(self, user_id: str, *, limit: int = 1000) -> int:
        """Delete at most `limit` rows of one user."""
        return self._delete("user_id = ?", user_id, limit, "user_id, request_timestamp")

    def _delete(self, where: str, value: str, limit: int, order: str) -> int:
        statement = (
            f"DELETE FROM request_logs WHERE id IN (SELECT id FROM request_logs WHERE {where} "
            f"ORDER BY {order} LIMIT ?)"
        )
        with self._connection(write=True) as connection:
            return connection.exec_driver_sql(statement, (value, limit)).rowcount

    def prune_bodies(self, *, before: str, limit: int = 1000) -> int:
        """Empty the bodies of at most `limit` rows that began before a time."""
        with self._connection(write=True) as connection:
            found = connection.exec_driver_sql(
                "SELECT id, request_timestamp FROM request_logs WHERE request_timestamp < ? AND "
                "request_timestamp >= ? AND (request_body IS NOT NULL OR response_body IS NOT NULL)"
                " ORDER BY request_timestamp LIMIT ?",
                (before, self._body_watermark, limit),
            ).all()
            if found:
                marks = ",".join("?" * len(found))
                connection.exec_driver_sql(
                    "UPDATE request_logs SET request_body = NULL, request_body_encoding = NULL, "
                    f"response_body = NULL, response_body_encoding = NULL WHERE id IN ({marks})",
                    tuple(row[0] for row in found),
                )
        # What lies before it has been emptied: it need not be looked at again by this process.
        self._body_watermark = found[-1][1] if found else max(self._body_watermark, "")
        return len(found)

    def schema_status(self) -> Status:
        """Tell how the database's schema relates to the one this version knows."""
        with self._connection() as connection:
            return status_of(_version(connection))

    def migrate(self) -> None:
        """Bring the schema up to date; safe when many processes do it at once."""
        with self._connection() as connection:
            version = _version(connection)
        refuse_newer(version, self.url)
        if version != HEAD:
            with self._connection(write=True) as connection:  # one migrates, the others wait
                version = _version(connection)
                refuse_newer(version, self.url)
                if version is None and _is_empty(connection):
                    create(connection)
                elif version != HEAD:
                    migrate(connection)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def _begin_writing(connection: Connection) -> None:
    """Wait for the write lock, looking often.

    SQLite's own waiting looks ten times a second, the same for all: beside a writer that hardly
    pauses it found the lock taken each time for all of the 5 s, where each sync was slow.
    """
    until_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except DBAPIError as error:
                if _primary(error.orig) != "SQLITE_BUSY" or time.monotonic() >= until_s:
                    raise
                time.sleep(random.random() * LOOK_AGAIN_S)
            else:
                return
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _upsert(bound: Bound) -> str:
    # Those bound once come first, so that each `?` after them takes the next number.
    places = [f"?{number + 1}" for number in range(len(bound.shared))] + ["?"] * len(bound.varying)
    return (
        f"INSERT INTO request_logs ({', '.join(bound.shared + bound.varying)}) VALUES "
        + ",".join([f"({','.join(places)})"] * bound.rows)
        + _UPSERT
    )


def _use_wal(cursor: Any) -> None:
    """Switch to WAL; SQLite doesn't wait for a lock here, so it is waited for by hand."""
    deadline_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)
        else:
            return


def _is_empty(connection: Connection) -> bool:
    return connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first() is None


def _version(connection: Connection) -> str | None:
    exists = connection.exec_driver_sql(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'dashcam_version'"
    ).first()
    if exists is None:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM dashcam_version").first()
    return None if row is None else str(row[0])


def _primary(error: BaseException | None) -> str:
    """Give the name of the primary result code (https://sqlite.org/rescode.html)."""
    return "_".join((getattr(error, "sqlite_errorname", "") or "").split("_")[:2])


def classify(error: BaseException | None) -> StoreError:
    """Say what kind of trouble an engine's error is; the text holds no recorded content."""
    primary = _primary(error)
    text = f"{getattr(error, 'sqlite_errorname', '') or type(error).__name__}"
    if primary in _UNAVAILABLE:
        return StoreUnavailableError(text)
    if primary in _REFUSED or isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError)):
        return RowRefusedError(text)
    if primary == "SQLITE_ERROR":
        return StoreSetupError(f"{text}: {error}")  # no such table or column
    return StoreSetupError(f"{text}: {error}")
