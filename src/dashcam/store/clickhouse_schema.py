"""ClickHouse's tables as statements, for one server or for a cluster.

ClickHouse has no transactions for its schema, so a migration here is a list of statements that
may be repeated; the versions are those of the other engines.
"""

import msgspec

from dashcam.exchange import COLUMNS, JSON_COLUMNS

TEXT = "Nullable(String)"
FEW = "LowCardinality(Nullable(String))"
CODEC = " CODEC(ZSTD(1))"

_SPECIAL = {
    "id": "String",
    "revision": "UInt8",
    "request_timestamp": "String",
    "outcome": "LowCardinality(String)",
    "user_id": "String",
    "duration_ms": "Nullable(Float64)",
    "ttfb_ms": "Nullable(Float64)",
    "status_code": "Nullable(Int32)",
    "request_body_truncated": "Bool",
    "response_body_truncated": "Bool",
    "cost": "Nullable(Float64)",
    "response_timeline": TEXT,
    **dict.fromkeys(
        (
            "method",
            "scheme",
            "host",
            "http_version",
            "model",
            "server",
            "request_body_encoding",
            "response_body_encoding",
        ),
        FEW,
    ),
    **dict.fromkeys(
        (
            "request_body_bytes",
            "response_body_bytes",
            "response_chunks",
            "input_tokens",
            "output_tokens",
            "dropped_count",
            "process_id",
        ),
        "Nullable(Int64)",
    ),
}
"""Types of columns that aren't `Nullable(String)`; JSON columns are `String`. A key of the sorting
order can't be null, so a row without a user has the user ''."""


class Layout(msgspec.Struct, frozen=True):
    """Names and clauses of one server or of a cluster."""

    cluster: str | None

    @property
    def on_cluster(self) -> str:
        """The clause that makes a statement run on every server."""
        return f" ON CLUSTER {_quoted(self.cluster)}" if self.cluster else ""

    @property
    def local(self) -> str:
        """The table that holds rows."""
        return "request_logs_local" if self.cluster else "request_logs"

    def engine(self, table: str, version: str) -> str:
        """The engine of a table whose newest version of a row wins."""
        if self.cluster:
            path = f"/clickhouse/tables/{{shard}}/{{database}}/{table}"
            return f"ReplicatedReplacingMergeTree('{path}', '{{replica}}', {version})"
        return f"ReplacingMergeTree({version})"


def statements(version: str, layout: Layout) -> list[str]:
    """Give the statements that lead to a version from the one before it."""
    return _request_logs(layout) if version == "0001" else _api_keys(layout)


def _column(name: str) -> str:
    kind = _SPECIAL.get(name) or ("String" if name in JSON_COLUMNS else TEXT)
    return f"{name} {kind}{CODEC}"


def _request_logs(layout: Layout) -> list[str]:
    columns = ",\n  ".join(_column(name) for name in COLUMNS)
    made = [
        f"""CREATE TABLE IF NOT EXISTS {layout.local}{layout.on_cluster} (
  {columns},
  stored_at String DEFAULT formatDateTime(now64(6, 'UTC'), '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC'){CODEC},
  day Date MATERIALIZED toDate(substring(request_timestamp, 1, 10)),
  INDEX by_user user_id TYPE bloom_filter(0.01) GRANULARITY 2,
  INDEX by_key api_key_id TYPE bloom_filter(0.01) GRANULARITY 2,
  INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 2,
  INDEX by_storing stored_at TYPE minmax GRANULARITY 1
) ENGINE = {layout.engine(layout.local, "revision")}
PARTITION BY day
ORDER BY (request_timestamp, id)
SETTINGS index_granularity = 1024"""
    ]
    if layout.cluster:
        made.append(
            f"CREATE TABLE IF NOT EXISTS request_logs{layout.on_cluster} AS {layout.local} "
            f"ENGINE = Distributed({_quoted(layout.cluster)}, currentDatabase(), "
            f"{layout.local}, cityHash64(id))"
        )
    return made


def _api_keys(layout: Layout) -> list[str]:
    return [
        f"""CREATE TABLE IF NOT EXISTS api_keys{layout.on_cluster} (
  id String, user_id String, name String, prefix String, key_hash String, quota Nullable(String),
  admin Bool, created_at String, revoked_at Nullable(String), version UInt8
) ENGINE = {layout.engine("api_keys", "version").replace("/{shard}/", "/")}
ORDER BY id"""
    ]


def version_table(layout: Layout) -> str:
    """Give the statement that makes the table of the schema's version."""
    engine = layout.engine("dashcam_version", "at").replace("/{shard}/", "/")
    return (
        f"CREATE TABLE IF NOT EXISTS dashcam_version{layout.on_cluster} "
        f"(one UInt8, version_num String, at UInt64) ENGINE = {engine} ORDER BY one"
    )


def _quoted(name: str | None) -> str:
    return "'" + (name or "").replace("\\", "\\\\").replace("'", "\\'") + "'"
