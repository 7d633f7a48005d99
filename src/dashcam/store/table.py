"""The tables `request_logs` and `api_keys`: the one source of truth for columns and indexes.

The columns of `request_logs` are those of `Exchange`, in order, and `stored_at`. Migrations must
lead to exactly this; a test compares them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    desc,
    text,
)

metadata = MetaData()

TIMESTAMP = String(27)
"""UTC, RFC 3339, six decimals: sorts as text in every engine."""

request_logs = Table(
    "request_logs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("stored_at", TIMESTAMP, nullable=False),
    Column("request_timestamp", TIMESTAMP, nullable=False),
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
    Column("request_headers", Text, nullable=False),
    Column("response_headers", Text, nullable=False),
    Column("redacted", Text, nullable=False),
    Column("request_body", Text),
    Column("request_body_encoding", Text),
    Column("request_body_bytes", BigInteger),
    Column("request_body_truncated", Boolean, nullable=False),
    Column("response_body", Text),
    Column("response_body_encoding", Text),
    Column("response_body_bytes", BigInteger),
    Column("response_body_truncated", Boolean, nullable=False),
    Column("response_chunks", BigInteger),
    Column("response_timeline", Text),
    Column("model", Text),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cost", Float),
    Column("dropped_count", BigInteger),
    Column("dropped_first", TIMESTAMP),
    Column("dropped_last", TIMESTAMP),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("error_traceback", Text),
    Column("server", Text),
    Column("process_id", BigInteger),
    Column("tags", Text, nullable=False),
)

_columns = request_logs.c
ERRORS = "status_code >= 500 OR outcome = 'failed'"

Index(
    "ix_request_logs_user",
    _columns.user_id,
    desc(_columns.request_timestamp),
    desc(_columns.id),
)
Index("ix_request_logs_time", desc(_columns.request_timestamp), desc(_columns.id))
Index("ix_request_logs_key", _columns.api_key_id, desc(_columns.request_timestamp))
Index("ix_request_logs_stored", _columns.stored_at)
Index(
    "ix_request_logs_errors",
    desc(_columns.request_timestamp),
    desc(_columns.id),
    sqlite_where=text(ERRORS),
    postgresql_where=text(ERRORS),
)

api_keys = Table(
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
