"""What every store must do, and the words in which it is asked.

A store takes lines (encoded exchanges) and gives rows. It knows nothing of the journal. All
engines behave alike here; `tests/contract` proves it.
"""

from typing import Any, Literal, Protocol

import msgspec

from dashcam.exchange import Exchange

ERROR_STATUS = 500
"""A row with this status or a higher one, or outcome `failed`, is an error."""


class Scope(msgspec.Struct, frozen=True):
    """Whose rows may be seen. There is no default: everyone must be asked for by name."""

    user_id: str | None
    everyone: bool

    @classmethod
    def of(cls, user_id: str) -> "Scope":
        """Only rows of this user. An empty user id is nobody's."""
        return cls(user_id=user_id, everyone=False)

    @classmethod
    def all(cls) -> "Scope":
        """Rows of everyone: for an admin, and for the command line on the owner's machine."""
        return cls(user_id=None, everyone=True)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, newest first; a condition that is None doesn't restrict.

    Raises, from a store that is asked: QueryError for a value that makes no sense.
    """

    scope: Scope
    limit: int = 50
    before: tuple[str, str] | None = None
    """Keyset position `(request_timestamp, id)`: only rows that sort after it (older)."""
    from_: str | None = None
    """Inclusive, RFC 3339 with six decimals, UTC."""
    to: str | None = None
    """Exclusive."""
    methods: tuple[str, ...] = ()
    status: tuple[int, int] | None = None
    """Lowest and highest status code, both inclusive."""
    errors_only: bool = False
    """The `5xx` filter: status_code >= 500 or outcome = 'failed'."""
    path_prefix: str | None = None
    outcomes: tuple[str, ...] = ()
    user_id: str | None = None
    api_key_id: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    text: str | None = None
    """Part of path, query, error message or (when `text_in_bodies`) bodies; ASCII case ignored."""
    text_in_bodies: bool = False


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a page: what identifies and measures an exchange; no bodies, no headers."""

    id: str
    revision: int
    stored_at: str | None
    request_timestamp: str
    outcome: str
    duration_ms: float | None
    ttfb_ms: float | None
    method: str | None
    scheme: str | None
    host: str | None
    path: str | None
    route: str | None
    query: str | None
    http_version: str | None
    status_code: int | None
    client_ip: str | None
    user_agent: str | None
    user_id: str | None
    api_key_id: str | None
    request_id: str | None
    trace_id: str | None
    request_body_bytes: int | None
    request_body_truncated: bool
    response_body_bytes: int | None
    response_body_truncated: bool
    response_chunks: int | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    dropped_count: int | None
    dropped_first: str | None
    dropped_last: str | None
    error_type: str | None
    error_message: str | None
    server: str | None
    process_id: int | None
    tags: dict[str, Any]


SUMMARY_COLUMNS: tuple[str, ...] = Summary.__struct_fields__


class StoredExchange(Exchange, kw_only=True):
    """A whole row: an exchange and when the store took it."""

    stored_at: str | None = None


class PathStats(msgspec.Struct, frozen=True, kw_only=True):
    """One route (or path, where no route is known) over the rows asked for."""

    route: str
    count: int
    errors: int
    bytes: int
    """Of requests and responses, on the wire."""
    duration_ms_p50: float | None
    duration_ms_p95: float | None


class UseStats(msgspec.Struct, frozen=True, kw_only=True):
    """What one user or API key has used over the rows asked for."""

    name: str
    count: int
    errors: int
    refused: int
    """Refusals for a quota."""
    bytes: int
    tokens: int


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time; percentiles are of its durations in milliseconds."""

    at: str
    count: int
    errors: int
    dropped: int
    p50: float | None
    p95: float | None
    p99: float | None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Rows over time, oldest first; a stretch without rows isn't there.

    `from_` is where it begins: later than asked when there are more rows than it looks at.
    """

    bucket_s: int
    from_: str | None
    to: str | None
    points: list[Point]


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers over the rows asked for (gaps are counted in `dropped` only)."""

    count: int
    errors: int
    outcomes: dict[str, int]
    statuses: dict[str, int]
    """By class: `2xx`, `4xx`, …; rows without a status aren't in it."""
    first: str | None
    last: str | None
    duration_ms_p50: float | None
    duration_ms_p95: float | None
    duration_ms_p99: float | None
    request_bytes: int
    response_bytes: int
    input_tokens: int
    output_tokens: int
    dropped: int
    paths: list[PathStats]
    """The ten with the most rows."""
    users: list[UseStats]
    """The ten with the most rows."""
    keys: list[UseStats]
    """API keys, by their ids: the ten with the most rows."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one API key; never the key itself.

    `prefix` is the key's beginning, to recognise it by; `key_hash` is the SHA-256 of the whole
    key in hex; `quota` is None where the default quota applies.
    """

    id: str
    user_id: str
    name: str
    prefix: str
    key_hash: str
    quota: str | None
    admin: bool
    created_at: str
    revoked_at: str | None = None


Status = Literal["current", "empty", "older", "newer"]


class Store(Protocol):
    """Rows in, pages out. A store may be used by several threads."""

    prunes_by_day: bool
    """Whether deleting whole days (UTC) is much cheaper than single rows."""

    def insert(self, lines: bytes) -> None:
        """Store a batch: one transaction; of rows with one id the highest revision wins.

        Args:
            lines: encoded exchanges, one a line, each ended by a line feed; ids are unique
                within the batch.

        Raises:
            StoreUnavailableError: nothing was stored, or the answer to COMMIT was lost.
            RowRefusedError: nothing was stored; at least one row is refused for its content.
            StoreSetupError: nothing can be stored until a person acts.
        """

    def page(self, query: Query) -> list[Summary]:
        """Give at most `query.limit` summaries, by `(request_timestamp, id)` descending."""

    def records(self, query: Query) -> list[StoredExchange]:
        """Give at most `query.limit` whole rows, as `page` orders them: for exports."""

    def since(self, query: Query, *, stored_after: str, after_id: str = "") -> list[Summary]:
        """Give summaries with `(stored_at, id) > (stored_after, after_id)`, oldest stored first.

        This is for the live tail. `stored_at` is set before the commit, so the caller overlaps
        and leaves out what it has seen.
        """

    def get(self, exchange_id: str, scope: Scope) -> StoredExchange | None:
        """Give one whole row, or None when there is none in this scope."""

    def stats(self, query: Query) -> Stats:
        """Count and measure the rows of a query (its limit and keyset position are ignored)."""

    def timeline(self, query: Query) -> Timeline:
        """Count and measure the rows of a query over time (limit and position are ignored)."""

    def apply_retention(self, *, days: float, body_days: float) -> None:
        """Tell an engine that deletes old rows by itself how long they are kept; 0 is for ever."""

    def prune(self, *, before: str, limit: int = 1000) -> int:
        """Delete at most `limit` rows that began before a time; tell how many."""

    def prune_bodies(self, *, before: str, limit: int = 1000) -> int:
        """Empty the bodies of at most `limit` rows that began before a time; tell how many."""

    def prune_user(self, user_id: str, *, limit: int = 1000) -> int:
        """Delete at most `limit` rows of one user; tell how many."""

    def add_key(self, key: ApiKey) -> None:
        """Store a new API key's row."""

    def find_key(self, *, key_hash: str | None = None, key_id: str | None = None) -> ApiKey | None:
        """Give the API key with this hash or id, revoked or not."""

    def keys(self, *, user_id: str | None = None) -> list[ApiKey]:
        """Give all API keys, or those of one user, oldest first."""

    def revoke_key(self, key_id: str, *, revoked_at: str) -> bool:
        """Mark an API key as revoked; False when there is none, or it was revoked before."""

    def schema_status(self) -> Status:
        """Tell how the database's schema relates to the one this version knows."""

    def migrate(self) -> None:
        """Bring the schema up to date; safe when many processes do it at once.

        Raises:
            StoreSetupError: the database was written by a newer version.
        """

    def ping(self) -> None:
        """Check that the store answers, and that its schema is current.

        Raises:
            StoreUnavailableError: it does not answer now.
            StoreSetupError: schema or credential is wrong.
        """

    def close(self) -> None:
        """Close all connections; the store opens new ones when used again."""
