"""ClickHouse: for very many records, on one server or a cluster.

A batch is one `JSONEachRow` block of the lines as they are. Several revisions of a row may be
there until a merge; every question asks for the newest (`FINAL`). A page is found by the columns
of the question alone, and only its rows are then read whole.
"""

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from sqlalchemy.engine import make_url

from dashcam.errors import RowRefusedError, StoreError, StoreSetupError, StoreUnavailableError
from dashcam.exchange import timestamp
from dashcam.store import sql
from dashcam.store.base import ApiKey, Query, Scope, Status, StoredExchange, Summary
from dashcam.store.clickhouse_schema import Layout, statements, version_table
from dashcam.store.keys import to_key
from dashcam.store.relational import RelationalStore, to_exchange, to_summary
from dashcam.store.row import decode_rows
from dashcam.store.schema import HEAD, VERSIONS, refuse_newer, status_of

WINDOWS_H = (1, 24, 24 * 7)
"""A newest page is looked for in the last hours first, so that it costs the same however many
rows there are."""

_INSERT_SETTINGS = {
    "input_format_null_as_default": 1,
    "input_format_json_read_arrays_as_strings": 1,
    "input_format_json_read_objects_as_strings": 1,
    "input_format_skip_unknown_fields": 0,
    "max_partitions_per_insert_block": 0,
    "async_insert": 0,
}

_REFUSED = {26, 27, 53, 69, 70, 72, 117, 130, 190, 321, 349, 469, 636}
"""CANNOT_PARSE_…, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, CANNOT_CONVERT_TYPE, INCORRECT_DATA,
CANNOT_READ_ARRAY, CANNOT_INSERT_NULL, VIOLATED_CONSTRAINT and their kin (ErrorCodes.cpp)."""
_SETUP = {16, 47, 60, 81, 164, 192, 193, 194, 195, 291, 497, 516}
"""NO_SUCH_COLUMN, UNKNOWN_IDENTIFIER, UNKNOWN_TABLE, UNKNOWN_DATABASE, READONLY, UNKNOWN_USER,
passwords, DATABASE_ACCESS_DENIED, ACCESS_DENIED, AUTHENTICATION_FAILED."""


class ClickhouseStore(RelationalStore):
    """A store in a ClickHouse database.

    Args:
        url: `clickhousedb://user:password@host:8123/database`, with `?secure=true` for TLS and
            `?cluster=NAME` for a cluster; `clickhousedb:///database?interface=chdb&path=…` runs
            the engine in this process.
    """

    _dialect = sql.Dialect(
        contains="{name} ILIKE ?",
        begins="startsWith(path, ?)",
        begins_with_length=False,
        hundreds="intDiv(status_code, 100)",
        whole="toInt64({number})",
        table="request_logs FINAL",
        repeats_time=True,
    )
    prunes_by_day = True

    def __init__(self, url: str) -> None:
        self.url = url
        parsed = make_url(url)
        options = {name: str(value) for name, value in parsed.query.items()}
        self._layout = Layout(cluster=options.pop("cluster", None))
        self._options: dict[str, Any] = {"database": parsed.database or "default"}
        if options.get("interface") == "chdb":
            self._options |= {"interface": "chdb", "path": options.get("path")}
        else:
            secure = options.pop("secure", "").lower() in ("1", "true")
            self._options |= {
                "host": parsed.host or "localhost",
                "port": parsed.port or (8443 if secure else 8123),
                "username": parsed.username or "default",
                "password": str(parsed.password or ""),
                "secure": secure,
                "connect_timeout": 5,
                "send_receive_timeout": 120,
                "compress": True,
                "autogenerate_session_id": False,
            }
        self._clients = threading.local()
        self._generation = 0

    def _client(self) -> Any:
        """Give this thread's client: a client serves one query at a time."""
        found = getattr(self._clients, "client", None)
        if found is None or found[0] != self._generation:
            client = clickhouse_connect.get_client(**self._options)
            found = self._clients.client = (self._generation, client)
        return found[1]

    def _run(self, work: Any) -> Any:
        try:
            return work(self._client())
        except ClickHouseError as error:
            raise classify(error) from None
        except (OSError, ImportError) as error:
            raise StoreUnavailableError(type(error).__name__) from None

    def insert(self, lines: bytes) -> None:
        """Store a batch as one block; of rows with one id the highest revision wins."""
        decode_rows(lines)
        settings = dict(_INSERT_SETTINGS)
        if self._layout.cluster:
            settings["distributed_foreground_insert"] = 1
        self._run(
            lambda client: client.raw_insert(
                "request_logs", insert_block=lines, fmt="JSONEachRow", settings=settings
            )
        )

    def _ask(self, statement: str, values: list[Any]) -> list[Any]:
        bound = iter(range(len(values)))
        text = re.sub(r"\?", lambda _: _place(number := next(bound), values[number]), statement)
        parameters = {f"p{number}": value for number, value in enumerate(values)}
        result = self._run(lambda client: client.query(text, parameters=parameters))
        return [
            _row(dict(zip(result.column_names, row, strict=True))) for row in result.result_rows
        ]

    def page(self, query: Query) -> list[Summary]:
        """Give at most `query.limit` summaries, newest first."""
        return [to_summary(row) for row in self._newest(query, whole=False)]

    def records(self, query: Query) -> list[StoredExchange]:
        """Give at most `query.limit` whole rows, newest first."""
        return [to_exchange(row) for row in self._newest(query, whole=True)]

    def _newest(self, query: Query, *, whole: bool) -> list[Any]:
        """Find where the rows are, by the columns of the question alone; then fetch those rows."""
        positions = self._positions(query)
        if not positions:
            return []
        return self._ask(*sql.at_positions(query, positions, dialect=self._dialect, whole=whole))

    def _positions(self, query: Query) -> list[tuple[str, str]]:
        sql.check(query)
        # A question about few rows wouldn't find enough of them in the last hours.
        selective = not query.scope.everyone or any(
            (query.user_id, query.api_key_id, query.request_id, query.trace_id, query.text)
        )
        newest = query.before[0] if query.before else query.to
        end = _moment(newest) if newest else datetime.now(UTC) + timedelta(minutes=5)
        for hours in () if selective or end is None else WINDOWS_H:
            assert end is not None
            begin = timestamp(max(0, int((end - timedelta(hours=hours)).timestamp() * 1e9)))
            if query.from_ is not None and begin <= query.from_:
                break
            found = self._look(msgspec.structs.replace(query, from_=begin))
            if len(found) >= query.limit:
                return found
        return self._look(query)

    def _look(self, query: Query) -> list[tuple[str, str]]:
        asked = sql.page(query, dialect=self._dialect, columns="request_timestamp, id")
        return [(row["request_timestamp"], row["id"]) for row in self._ask(*asked)]

    def get(self, exchange_id: str, scope: Scope) -> StoredExchange | None:
        """Give one whole row of this scope."""
        between = sql.began_between(exchange_id)
        rows = []
        if between:
            asked = sql.get(exchange_id, scope, between=between, dialect=self._dialect)
            rows = self._ask(*asked)
        rows = rows or self._ask(*sql.get(exchange_id, scope, dialect=self._dialect))
        return to_exchange(rows[0]) if rows else None

    def prune(self, *, before: str, limit: int = 1000) -> int:
        """Drop one day that is wholly older than a time, else delete rows, oldest first."""
        day = f"toDate(substring({_literal(before)}, 1, 10))"
        partitions = self._ask(
            "SELECT DISTINCT partition AS name FROM system.parts WHERE active AND database = "
            f"currentDatabase() AND table = ? AND toDateOrZero(partition) < {day} "
            "ORDER BY 1 LIMIT 1",
            [self._layout.local],
        )
        if partitions and limit > 0:
            name = partitions[0]["name"]
            (counted,) = self._ask(
                "SELECT count() AS rows FROM request_logs FINAL WHERE day = toDate(?)", [name]
            )
            if counted["rows"] > limit and before[10:] != "T00:00:00.000000Z":
                return self._delete("request_timestamp < ?", [before], limit)
            self._command(
                f"ALTER TABLE {self._layout.local}{self._layout.on_cluster} DROP PARTITION "
                f"{_literal(name)}"
            )
            return int(counted["rows"])
        return self._delete("request_timestamp < ?", [before], limit)

    def prune_user(self, user_id: str, *, limit: int = 1000) -> int:
        """Delete at most `limit` rows of one user."""
        return self._delete("user_id = ?", [user_id], limit) if user_id else 0

    def _delete(self, where: str, values: list[Any], limit: int) -> int:
        found = self._ask(
            f"SELECT id FROM request_logs FINAL WHERE {where} ORDER BY request_timestamp, id "
            "LIMIT ?",
            [*values, limit],
        )
        if found:
            ids = ", ".join(_literal(row["id"]) for row in found)
            self._command(
                f"DELETE FROM {self._layout.local}{self._layout.on_cluster} WHERE id IN ({ids})",
                lightweight_deletes_sync=2,
            )
        return len(found)

    def prune_bodies(self, *, before: str, limit: int = 1000) -> int:
        """Empty the bodies of at most `limit` rows that began before a time."""
        found = self._ask(
            "SELECT id FROM request_logs FINAL WHERE request_timestamp < ? AND (request_body IS "
            "NOT NULL OR response_body IS NOT NULL) ORDER BY request_timestamp LIMIT ?",
            [before, limit],
        )
        if found:
            ids = ", ".join(_literal(row["id"]) for row in found)
            self._command(
                f"ALTER TABLE {self._layout.local}{self._layout.on_cluster} UPDATE "
                "request_body = NULL, request_body_encoding = NULL, response_body = NULL, "
                f"response_body_encoding = NULL WHERE id IN ({ids})",
                mutations_sync=2,
            )
        return len(found)

    def apply_retention(self, *, days: float, body_days: float) -> None:
        """Let the engine delete by itself what is old enough: rows, and bodies before them.

        Args:
            days: how long rows are kept; 0 for ever.
            body_days: how long bodies are kept; 0 as long as the row.
        """
        table = f"ALTER TABLE {self._layout.local}{self._layout.on_cluster}"
        quiet = {"materialize_ttl_after_modify": 0}
        present = self._definition()
        of_rows = present.partition("ORDER BY")[2]  # the TTLs of columns stand before it
        rows = f"TTL day + toIntervalSecond({int(days * 86400)})"
        if days and rows not in of_rows:
            self._command(f"{table} MODIFY {rows}", **quiet)
        elif not days and "TTL day" in of_rows:
            self._command(f"{table} REMOVE TTL", **quiet)
        if not body_days or body_days == days:
            return
        bodies = f"TTL day + toIntervalSecond({int(body_days * 86400)})"
        for name in ("request_body", "response_body"):
            column = f"{name} Nullable(String) CODEC(ZSTD(1)) {bodies}"
            if f"`{name}` Nullable(String) CODEC(ZSTD(1)) {bodies}" not in present:
                self._command(f"{table} MODIFY COLUMN {column}", **quiet)

    def _definition(self) -> str:
        (row,) = self._ask(
            "SELECT create_table_query AS text FROM system.tables WHERE database = "
            "currentDatabase() AND name = ?",
            [self._layout.local],
        )
        return str(row["text"])

    def add_key(self, key: ApiKey) -> None:
        """Store a new API key's row."""
        self._put_key(key, version=0)

    def _put_key(self, key: ApiKey, *, version: int) -> None:
        line = msgspec.json.encode({**msgspec.structs.asdict(key), "version": version})
        self._run(
            lambda client: client.raw_insert("api_keys", insert_block=line, fmt="JSONEachRow")
        )

    def find_key(self, *, key_hash: str | None = None, key_id: str | None = None) -> ApiKey | None:
        """Give the API key with this hash or id, revoked or not."""
        name, value = ("id", key_id) if key_hash is None else ("key_hash", key_hash)
        rows = self._ask(f"SELECT * FROM api_keys FINAL WHERE {name} = ?", [value])
        return to_key(rows[0]) if rows else None

    def keys(self, *, user_id: str | None = None) -> list[ApiKey]:
        """Give all API keys, or those of one user, oldest first."""
        where, values = ("", []) if user_id is None else (" WHERE user_id = ?", [user_id])
        rows = self._ask(f"SELECT * FROM api_keys FINAL{where} ORDER BY created_at, id", values)
        return [to_key(row) for row in rows]

    def revoke_key(self, key_id: str, *, revoked_at: str) -> bool:
        """Mark an API key as revoked; False when there is none, or it was revoked before."""
        key = self.find_key(key_id=key_id)
        if key is None or key.revoked_at is not None:
            return False
        self._put_key(msgspec.structs.replace(key, revoked_at=revoked_at), version=1)
        return True

    def _version(self) -> str | None:
        exists = self._ask(
            "SELECT 1 AS there FROM system.tables WHERE database = currentDatabase() AND name = ?",
            ["dashcam_version"],
        )
        if not exists:
            return None
        rows = self._ask("SELECT version_num FROM dashcam_version FINAL", [])
        return str(rows[0]["version_num"]) if rows else None

    def schema_status(self) -> Status:
        """Tell how the database's schema relates to the one this version knows."""
        return status_of(self._version())

    def migrate(self) -> None:
        """Bring the schema up to date; every statement may be repeated, by many processes."""
        version = self._version()
        refuse_newer(version, self.url)
        if version == HEAD:
            return
        done = VERSIONS.index(version) + 1 if version in VERSIONS else 0
        self._command(version_table(self._layout))
        for following in VERSIONS[done:]:
            for statement in statements(following, self._layout):
                self._command(statement)
            self._command(
                f"INSERT INTO dashcam_version VALUES (1, {_literal(following)}, {time.time_ns()})"
            )

    def _command(self, statement: str, **settings: Any) -> None:
        self._run(lambda client: client.command(statement, settings=settings))

    def close(self) -> None:
        """Close this thread's connection; others are let go when they are next used."""
        found = getattr(self._clients, "client", None)
        self._generation += 1
        if found is not None:
            found[1].close()
            self._clients.client = None


def _place(number: int, value: Any) -> str:
    kind = {int: "Int64", float: "Float64"}.get(type(value), "String")
    return f"{{p{number}:{kind}}}"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _row(row: dict[str, Any]) -> dict[str, Any]:
    if row.get("user_id") == "":
        row["user_id"] = None
    return row


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def classify(error: BaseException) -> StoreError:
    """Say what kind of trouble an engine's error is; the text holds no recorded content."""
    code = getattr(error, "code", None)
    name = getattr(error, "name", None) or type(error).__name__
    text = f"{name} {code}" if code else str(name)
    if code in _REFUSED:
        return RowRefusedError(text)
    if code in _SETUP:
        return StoreSetupError(text)
    if isinstance(error, DatabaseError) and code is None and "Authentication" in str(error):
        return StoreSetupError("AUTHENTICATION_FAILED")
    return StoreUnavailableError(text)
