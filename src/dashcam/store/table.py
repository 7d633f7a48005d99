"""The tables `request_logs` and `api_keys`: the one source of truth for columns and indexes.

The columns of `request_logs` are those of `Exchange`, in order, and `stored_at`. Migrations must
lead to exactly this; a test compares them.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

ERRORS = "status_code >= 500 OR outcome = 'failed'"
TIMESTAMP = String(27)
"""UTC, RFC 3339, six decimals: sorts as text in every engine."""


def make_metadata(dialect: str) -> MetaData:
    """Make the tables as they are in one engine.

    PostgreSQL has `request_logs` in partitions by time, so that its primary key begins with
    the time, keeps JSON as `jsonb`, and compares ids and times byte by byte whatever the
    database's locale is.

    Args:
        dialect: SQLAlchemy's name of it: `sqlite` or `postgresql`.
    """
    metadata = MetaData()
    in_partitions = dialect == "postgresql"
    timestamp: Any = String(27, collation="C") if in_partitions else TIMESTAMP
    identifier: Any = String(36, collation="C") if in_partitions else String(36)
    json: Any = JSONB if in_partitions else Text
    request_logs = Table(
        "request_logs",
        metadata,
        Column("id", identifier, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("stored_at", timestamp, nullable=False),
        Column("request_timestamp", timestamp, nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("duration_ms", Float),
        Column("ttfb_ms", Float),
        Column("method", Text),
        Column("scheme", Text),
        Column("host", Text),
        Column("path", Text),
        Column("route", Text),
        Column("query", Text),
        Column("http_version", Text),
        Column("status_code", Integer),
        Column("client_ip", Text),
        Column("user_agent", Text),
        Column("user_id", Text),
        Column("api_key_id", Text),
        Column("request_id", Text),
        Column("trace_id", Text),
        Column("span_id", Text),
        Column("request_headers", json, nullable=False),
        Column("response_headers", json, nullable=False),
        Column("redacted", json, nullable=False),
        Column("request_body", Text),
        Column("request_body_encoding", Text),
        Column("request_body_bytes", BigInteger),
        Column("request_body_truncated", Boolean, nullable=False),
        Column("response_body", Text),
        Column("response_body_encoding", Text),
        Column("response_body_bytes", BigInteger),
        Column("response_body_truncated", Boolean, nullable=False),
        Column("response_chunks", BigInteger),
        Column("response_timeline", json),
        Column("model", Text),
        Column("input_tokens", BigInteger),
        Column("output_tokens", BigInteger),
        Column("cost", Float),
        Column("dropped_count", BigInteger),
        Column("dropped_first", timestamp),
        Column("dropped_last", timestamp),
        Column("error_type", Text),
        Column("error_message", Text),
        Column("error_traceback", Text),
        Column("server", Text),
        Column("process_id", BigInteger),
        Column("tags", json, nullable=False),
        PrimaryKeyConstraint(*(("request_timestamp", "id") if in_partitions else ("id",))),
        postgresql_partition_by="RANGE (request_timestamp)" if in_partitions else None,
    )
    columns = request_logs.c
    newest_first = (desc(columns.request_timestamp), desc(columns.id))
    Index("ix_request_logs_user", columns.user_id, *newest_first)
    Index("ix_request_logs_time", *newest_first)
    Index("ix_request_logs_key", columns.api_key_id, desc(columns.request_timestamp))
    Index("ix_request_logs_stored", columns.stored_at)
    Index(
        "ix_request_logs_errors",
        *newest_first,
        sqlite_where=text(ERRORS),
        postgresql_where=text(ERRORS),
    )
    Table(
        "api_keys",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("user_id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("prefix", String(16), nullable=False),
        Column("key_hash", String(64), nullable=False, unique=True),
        Column("quota", Text),
        Column("admin", Boolean, nullable=False),
        Column("created_at", TIMESTAMP, nullable=False),
        Column("revoked_at", TIMESTAMP),
    )
    return metadata


metadata = make_metadata("sqlite")
request_logs = metadata.tables["request_logs"]
api_keys = metadata.tables["api_keys"]
