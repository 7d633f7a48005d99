"""The table request_logs and its indexes."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

ERRORS = sa.text("status_code >= 500 OR outcome = 'failed'")


def upgrade() -> None:
    """Create the table; harmless where a migration was interrupted half-way."""
    in_partitions = op.get_bind().dialect.name == "postgresql"
    collation = "C" if in_partitions else None
    time = sa.String(27, collation=collation)
    json: Any = JSONB if in_partitions else sa.Text
    op.create_table(
        "request_logs",
        sa.Column("id", sa.String(36, collation=collation), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("stored_at", time, nullable=False),
        sa.Column("request_timestamp", time, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("duration_ms", sa.Float),
        sa.Column("ttfb_ms", sa.Float),
        *(
            sa.Column(name, sa.Text)
            for name in ("method", "scheme", "host", "path", "route", "query", "http_version")
        ),
        sa.Column("status_code", sa.Integer),
        *(
            sa.Column(name, sa.Text)
            for name in (
                "client_ip",
                "user_agent",
                "user_id",
                "api_key_id",
                "request_id",
                "trace_id",
                "span_id",
            )
        ),
        sa.Column("request_headers", json, nullable=False),
        sa.Column("response_headers", json, nullable=False),
        sa.Column("redacted", json, nullable=False),
        sa.Column("request_body", sa.Text),
        sa.Column("request_body_encoding", sa.Text),
        sa.Column("request_body_bytes", sa.BigInteger),
        sa.Column("request_body_truncated", sa.Boolean, nullable=False),
        sa.Column("response_body", sa.Text),
        sa.Column("response_body_encoding", sa.Text),
        sa.Column("response_body_bytes", sa.BigInteger),
        sa.Column("response_body_truncated", sa.Boolean, nullable=False),
        sa.Column("response_chunks", sa.BigInteger),
        sa.Column("response_timeline", json),
        sa.Column("model", sa.Text),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("cost", sa.Float),
        sa.Column("dropped_count", sa.BigInteger),
        sa.Column("dropped_first", time),
        sa.Column("dropped_last", time),
        sa.Column("error_type", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("error_traceback", sa.Text),
        sa.Column("server", sa.Text),
        sa.Column("process_id", sa.BigInteger),
        sa.Column("tags", json, nullable=False),
        sa.PrimaryKeyConstraint(*(("request_timestamp", "id") if in_partitions else ("id",))),
        if_not_exists=True,
        postgresql_partition_by="RANGE (request_timestamp)" if in_partitions else None,
    )
    if in_partitions:
        op.execute(
            "CREATE TABLE IF NOT EXISTS request_logs_default PARTITION OF request_logs DEFAULT"
        )
    newest = [sa.text("request_timestamp DESC"), sa.text("id DESC")]
    indexes: list[tuple[str, list[Any], Any]] = [
        ("ix_request_logs_user", ["user_id", *newest], None),
        ("ix_request_logs_time", newest, None),
        ("ix_request_logs_key", ["api_key_id", newest[0]], None),
        ("ix_request_logs_stored", ["stored_at"], None),
        ("ix_request_logs_errors", newest, ERRORS),
    ]
    for name, columns, where in indexes:
        op.create_index(
            name,
            "request_logs",
            columns,
            sqlite_where=where,
            postgresql_where=where,
            if_not_exists=True,
        )
