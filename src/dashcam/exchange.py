"""The record: one HTTP request, its response, and what was noticed about them.

`Exchange` has exactly the columns of `request_logs` (without `stored_at`, which the store
sets), in their order; one encoded Exchange is one line of the journal. This module knows
nothing of how an exchange is captured, kept or stored.
"""

import time
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import msgspec
from uuid_utils import uuid7

Outcome = Literal[
    "completed",
    "failed",
    "disconnected",
    "interrupted",
    "quota_exceeded",
    "unauthenticated",
    "dropped",
]
OUTCOMES: tuple[str, ...] = get_args(Outcome)
"""`failed`: the app raised. `disconnected`: the client left. `interrupted`: the process died.
`dropped`: not a request but a gap: `dropped_count` records are missing."""

Keep = Literal["all", "summary", "nothing"]

INTERRUPTED, FINISHED, AMENDED = 0, 1, 2
"""Values of `revision`; the store keeps the row with the highest."""


class Exchange(msgspec.Struct, kw_only=True):
    """One record; the attributes are the columns of `request_logs`, in order.

    Times are UTC in RFC 3339 with six decimals (`2026-01-31T12:00:00.000000Z`). Headers are
    `[name, value]` pairs in order, names in lower case. Before redaction headers may be pairs
    of bytes and bodies may be bytes as they were on the wire (still content-encoded); after
    it headers are pairs of str and a body is str, with its encoding in `*_body_encoding`.
    """

    id: str = msgspec.field(default_factory=lambda: str(uuid7()))
    revision: int = FINISHED
    request_timestamp: str = msgspec.field(default_factory=lambda: timestamp(time.time_ns()))
    outcome: str = "completed"
    duration_ms: float | None = None
    ttfb_ms: float | None = None
    method: str | None = None
    scheme: str | None = None
    host: str | None = None
    path: str | None = None
    route: str | None = None
    query: str | None = None
    http_version: str | None = None
    status_code: int | None = None
    client_ip: str | None = None
    user_agent: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    request_headers: list[Any] = []
    response_headers: list[Any] = []
    redacted: list[str] = []
    request_body: Any = None
    request_body_encoding: str | None = None
    request_body_bytes: int | None = None
    request_body_truncated: bool = False
    response_body: Any = None
    response_body_encoding: str | None = None
    response_body_bytes: int | None = None
    response_body_truncated: bool = False
    response_chunks: int | None = None
    response_timeline: list[Any] | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    dropped_count: int | None = None
    dropped_first: str | None = None
    dropped_last: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None
    server: str | None = None
    process_id: int | None = None
    tags: dict[str, Any] = {}


COLUMNS: tuple[str, ...] = Exchange.__struct_fields__
JSON_COLUMNS: tuple[str, ...] = (
    "request_headers",
    "response_headers",
    "redacted",
    "response_timeline",
    "tags",
)


class Identity(msgspec.Struct, frozen=True):
    """Who is calling, as `identify` returns it."""

    user_id: str | None = None
    api_key_id: str | None = None
    admin: bool = False


_current_second: tuple[int, str] = (-1, "")


def timestamp(time_ns: int) -> str:
    """Format nanoseconds since the epoch as UTC, RFC 3339, six decimals (it sorts as text)."""
    global _current_second
    second, nanoseconds = divmod(time_ns, 1_000_000_000)
    known, text = _current_second  # one tuple, so that threads never mix two seconds
    if second != known:
        text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        _current_second = (second, text)
    return f"{text}{nanoseconds // 1000:06d}Z"
