"""PostgreSQL: for many hosts. One statement a batch, partitions by day.

The server reads the batch's JSON itself: one call into libpq, whatever the batch's size, so
that a writer thread doesn't starve beside a busy event loop. Nothing depends on the session
(PgBouncer in transaction mode): settings are local to a transaction, nothing is prepared.
"""

import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dashcam.errors import RowRefusedError, StoreError, StoreSetupError, StoreUnavailableError
from dashcam.exchange import COLUMNS
from dashcam.store import sql
from dashcam.store.base import Scope, Status, StoredExchange
from dashcam.store.clock import now_text
from dashcam.store.relational import RelationalStore, to_exchange
from dashcam.store.row import decode_rows
from dashcam.store.schema import HEAD, migrate, refuse_newer, status_of

logger = logging.getLogger("dashcam")

DAYS_BACK = 400
DAYS_AHEAD = 2
"""Partitions are made for days from so long ago until so far ahead; other rows go to the default
partition, so that no row is refused for its time."""
LOCK_KEY = 0x6461736863616D  # "dashcam"
LOCK_TIMEOUT_MS = 2_000
STATEMENT_TIMEOUT_MS = 120_000

_COLUMNS = ", ".join(COLUMNS)
INSERT = f"""
INSERT INTO request_logs (stored_at, {_COLUMNS})
SELECT %s, {_COLUMNS} FROM json_populate_recordset(NULL::request_logs, %s::json)
ON CONFLICT (request_timestamp, id) DO UPDATE SET stored_at = excluded.stored_at, {
    ", ".join(
        f"{name} = excluded.{name}" for name in COLUMNS if name not in ("id", "request_timestamp")
    )
} WHERE excluded.revision > request_logs.revision
"""
PARTITIONS = """
SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = to_regclass('request_logs') AND child.relname ~ '^request_logs_p[0-9]{8}$'
ORDER BY 1
"""
VERSION = "SELECT version_num FROM dashcam_version"

_UNAVAILABLE = ("08", "40", "53", "55", "57", "58")
"""Connection, rollback, resources, state, operator, system: PostgreSQL, appendix A."""
_REFUSED = ("21", "22", "23", "54")
_SETUP = ("0A", "28", "3D", "3F", "42")
_NO_PARTITION = ("55P03", "23514", "42501")
"""Somebody reads for long, rows of that day are in the default partition, no right to make one."""
_WRONG_SETUP = (
    "authentication failed",
    "no pg_hba.conf entry",
    "does not exist",
    "no password supplied",
    "is not permitted to log in",
)
"""A failed connection has no SQLSTATE in libpq, only a message."""


class PostgresqlStore(RelationalStore):
    """A store in a PostgreSQL database.

    Args:
        url: `postgresql+psycopg://user:password@host/database`.
        pool_size: connections kept.
    """

    _dialect = sql.Dialect(
        contains="{name} ILIKE ? ESCAPE '\\'", whole="CAST(floor({number}) AS BIGINT)"
    )
    prunes_by_day = True

    def __init__(self, url: str, *, pool_size: int = 2) -> None:
        self.url = url
        self._pool_size = pool_size
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._partitions: set[str] = set()
        self._looked_on: str | None = None
        self._body_watermark = ""

    def _current_engine(self) -> Engine:
        with self._lock:
            if self._engine is None:
                url = make_url(self.url)
                if url.drivername == "postgresql":
                    url = url.set(drivername="postgresql+psycopg")
                self._engine = create_engine(
                    url,
                    pool_size=self._pool_size,
                    max_overflow=4,
                    pool_recycle=1800,
                    connect_args={
                        "prepare_threshold": None,
                        "connect_timeout": 5,
                        "keepalives_idle": 10,
                        "keepalives_interval": 5,
                        "keepalives_count": 3,
                        "tcp_user_timeout": 30_000,
                        "application_name": "dashcam",
                    },
                )
                weakref.finalize(self, self._engine.dispose)
            return self._engine

    @contextmanager
    def _connection(self, *, write: bool = False, alone: bool = False) -> Iterator[Connection]:
        """Connect, in one transaction (`alone`: each statement is one); errors become ours."""
        engine = self._current_engine()
        try:
            if alone:
                with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    yield connection
                return
            with engine.begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
                yield connection
        except DBAPIError as error:
            raise classify(error.orig) from None
        except psycopg.Error as error:
            raise classify(error) from None
        except SQLAlchemyError as error:
            raise StoreUnavailableError(type(error).__name__) from None

    def insert(self, lines: bytes) -> None:
        """Store a batch in one statement; the highest revision of an id wins."""
        rows = decode_rows(lines)
        self._make_partitions({row.request_timestamp[:10] for row in rows})
        document = b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]"
        with self._connection(alone=True) as connection:
            try:
                connection.exec_driver_sql(INSERT, (now_text(), document.decode()))
            except UnicodeEncodeError as error:
                raise RowRefusedError(type(error).__name__) from None

    def _make_partitions(self, days: set[str]) -> None:
        """See that there are partitions for a batch's days, and for the days to come."""
        today = datetime.now(UTC).date()
        if self._looked_on != today.isoformat():
            days = days | {
                (today + timedelta(days=ahead)).isoformat() for ahead in range(DAYS_AHEAD + 1)
            }
        wanted = days - self._partitions
        if not wanted and self._looked_on is not None:
            return
        earliest = (today - timedelta(days=DAYS_BACK)).isoformat()
        latest = (today + timedelta(days=DAYS_AHEAD)).isoformat()
        for day in sorted(wanted):
            if earliest <= day <= latest:
                self._make_partition(day)
            self._partitions.add(day)
        self._looked_on = today.isoformat()

    def _make_partition(self, day: str) -> None:
        """Make one partition; when that can't be, the day's rows go to the default one."""
        following = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
        try:
            with self._connection(write=True) as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
                connection.exec_driver_sql(
                    f"CREATE TABLE IF NOT EXISTS request_logs_p{day.replace('-', '')} "
                    f"PARTITION OF request_logs FOR VALUES FROM ('{day}') TO ('{following}')"
                )
        except StoreError as error:
            if not any(state in str(error) for state in _NO_PARTITION):
                raise
            logger.warning("no partition for %s (%s): its rows go to the default one", day, error)

    def _ask(self, statement: str, values: list[Any]) -> list[Any]:
        driver_statement = statement.replace("%", "%%").replace("?", "%s")
        with self._connection() as connection:
            return list(connection.exec_driver_sql(driver_statement, tuple(values)).mappings())

    def get(self, exchange_id: str, scope: Scope) -> StoredExchange | None:
        """Give one whole row of this scope."""
        between = sql.began_between(exchange_id)
        rows = self._ask(*sql.get(exchange_id, scope, between=between)) if between else []
        rows = rows or self._ask(*sql.get(exchange_id, scope))
        return to_exchange(rows[0]) if rows else None

    def prune(self, *, before: str, limit: int = 1000) -> int:
        """Drop one partition that is wholly older than a time, else delete rows, oldest first."""
        with self._connection() as connection:
            names = [row[0] for row in connection.exec_driver_sql(PARTITIONS)]
        for name in names:
            day = datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC)
            if (day + timedelta(days=1)).date().isoformat() > before[:10]:
                break
            dropped = self._drop_partition(name)
            if dropped:  # one with rows at a time
                return dropped
        return self._delete("request_timestamp < %s", before, limit)

    def _drop_partition(self, name: str) -> int:
        with self._connection(write=True) as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            # Rows that arrive meanwhile are as old, and are refused by nothing: see default.
            connection.exec_driver_sql(f"ALTER TABLE request_logs DETACH PARTITION {name}")
            (count,) = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").one()
            connection.exec_driver_sql(f"DROP TABLE {name}")
        self._partitions.discard(f"{name[-8:-4]}-{name[-4:-2]}-{name[-2:]}")
        return int(count)

    def prune_user(self, user_id: str, *, limit: int = 1000) -> int:
        """Delete at most `limit` rows of one user."""
        return self._delete("user_id = %s", user_id, limit)

    def _delete(self, where: str, value: str, limit: int) -> int:
        statement = (
            "DELETE FROM request_logs WHERE (request_timestamp, id) IN (SELECT request_timestamp, "
            f"id FROM request_logs WHERE {where} ORDER BY request_timestamp, id LIMIT %s)"
        )
        with self._connection(write=True) as connection:
            return connection.exec_driver_sql(statement, (value, limit)).rowcount

    def prune_bodies(self, *, before: str, limit: int = 1000) -> int:
        """Empty the bodies of at most `limit` rows that began before a time."""
        statement = (
            "UPDATE request_logs SET request_body = NULL, request_body_encoding = NULL, "
            "response_body = NULL, response_body_encoding = NULL WHERE (request_timestamp, id) IN "
            "(SELECT request_timestamp, id FROM request_logs WHERE request_timestamp < %s AND "
            "request_timestamp >= %s AND (request_body IS NOT NULL OR response_body IS NOT NULL) "
            "ORDER BY request_timestamp LIMIT %s) RETURNING request_timestamp"
        )
        with self._connection(write=True) as connection:
            values = (before, self._body_watermark, limit)
            found = [row[0] for row in connection.exec_driver_sql(statement, values)]
        if found:  # what lies before it has been emptied
            self._body_watermark = max(found)
        return len(found)

    def _version(self, connection: Connection) -> str | None:
        (table,) = connection.exec_driver_sql("SELECT to_regclass('dashcam_version')").one()
        if table is None:
            return None
        row = connection.exec_driver_sql(VERSION).first()
        return None if row is None else str(row[0])

    def schema_status(self) -> Status:
        """Tell how the database's schema relates to the one this version knows."""
        with self._connection() as connection:
            return status_of(self._version(connection))

    def migrate(self) -> None:
        """Bring the schema up to date; one process at a time does it, the others wait."""
        with self._connection(write=True) as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
            version = self._version(connection)
            refuse_newer(version, self.url)
            if version != HEAD:
                migrate(connection)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def classify(error: BaseException | None) -> StoreError:
    """Say what kind of trouble an error is, by its SQLSTATE; the text holds no recorded content."""
    state = getattr(error, "sqlstate", None) or ""
    name = f"{type(error).__name__}{f' {state}' if state else ''}"
    if state.startswith(_UNAVAILABLE) or state == "25006":  # read-only: a failover
        return StoreUnavailableError(name)
    if state.startswith(_REFUSED):
        return RowRefusedError(name)
    if state.startswith(_SETUP):
        diagnostic = getattr(error, "diag", None)
        return StoreSetupError(f"{name}: {getattr(diagnostic, 'message_primary', None) or ''}")
    if isinstance(error, psycopg.OperationalError):
        text = str(error)
        if any(words in text for words in _WRONG_SETUP):
            return StoreSetupError(f"{name}: {text.splitlines()[-1].strip()}")
        if not state:  # libpq's own words about the connection: no statement, no password
            return StoreUnavailableError(f"{name}: {' '.join(text.split())[:200]}")
        return StoreUnavailableError(name)
    if isinstance(error, psycopg.DataError):  # refused by the driver: NUL in a text
        return RowRefusedError(name)
    return StoreUnavailableError(name)
