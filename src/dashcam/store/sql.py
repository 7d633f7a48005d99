"""History's questions as SQL with `?` places: what is asked, apart from who is asked.

Every text from a user is bound or escaped; column names come from the code alone.
"""

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from dashcam.errors import QueryError
from dashcam.exchange import COLUMNS, timestamp
from dashcam.store.base import (
    SUMMARY_COLUMNS,
    PathStats,
    Point,
    Query,
    Scope,
    Stats,
    Timeline,
    UseStats,
)

MOST = 1000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_SUMMARY = ", ".join(SUMMARY_COLUMNS)
_WHOLE = ", ".join((*COLUMNS, "stored_at"))
_ERRORS = "(status_code >= 500 OR outcome = 'failed')"
_ERROR_COUNT = f"sum(CASE WHEN {_ERRORS} THEN 1 ELSE 0 END)"


class Dialect(msgspec.Struct, frozen=True):
    """What engines say differently.

    `contains` matches a pattern without regard to the case of ASCII, `begins` a text's beginning
    (with its length and itself bound where `begins_with_length`), `hundreds` the class of a
    status code, `nulls_last` an order, `whole` a number without its fraction. `repeats_time` is for
    an engine that doesn't see in a comparison of pairs what it says of the first.
    """

    contains: str = "{name} LIKE ? ESCAPE '\\'"
    begins: str = "path LIKE ? ESCAPE '\\' AND substr(path, 1, ?) = ?"
    begins_with_length: bool = True
    hundreds: str = "status_code / 100"
    nulls_last: str = "duration_ms IS NULL, duration_ms"
    whole: str = "CAST({number} AS INTEGER)"
    table: str = "request_logs"
    repeats_time: bool = False


SQL = Dialect()
TIMELINE_ROWS = 100_000
"""The newest rows that a timeline looks at."""
MOST_POINTS = 300
BUCKETS = ((1, 19), (10, 18), (60, 16), (600, 15), (3600, 13), (86_400, 10), (2_592_000, 7))
"""Seconds of a stretch, and how many characters of the timestamp name it."""
_BYTES = "coalesce(sum(request_body_bytes), 0) + coalesce(sum(response_body_bytes), 0)"

Ask = Callable[[str, list[Any]], list[Any]]


def check(query: Query) -> None:
    """Check a query's values.

    Raises:
        QueryError: one makes no sense; the message names it.
    """
    if not 1 <= query.limit <= MOST:
        raise QueryError(f"limit must be from 1 to {MOST}, got {query.limit}")
    for name, value in (("from", query.from_), ("to", query.to)):
        if value is not None and not _TIME.fullmatch(value):
            raise QueryError(f"{name} must be like 2026-01-31T12:00:00.000000Z, got {value!r}")
    if query.status is not None and not 0 <= query.status[0] <= query.status[1] <= 999:
        raise QueryError(f"status must be a range within 0 to 999, got {query.status}")
    texts = (query.path_prefix, query.text, query.user_id, query.api_key_id)
    for text in (*texts, query.request_id, query.trace_id, *query.methods):
        if text is not None and "\x00" in text:
            raise QueryError("a filter must not have NUL in it")


def _like(text: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", text)


def _scope(scope: Scope) -> tuple[str, list[Any]]:
    if scope.everyone:
        return "", []
    if not scope.user_id:
        return "1 = 0", []
    return "user_id = ?", [scope.user_id]


def _where(query: Query, dialect: Dialect) -> tuple[list[str], list[Any]]:
    check(query)
    conditions: list[str] = []
    values: list[Any] = []

    def add(condition: str, *bound: Any) -> None:
        conditions.append(condition)
        values.extend(bound)

    condition, bound = _scope(query.scope)
    if condition:
        add(condition, *bound)
    if query.before is not None:
        add("(request_timestamp, id) < (?, ?)", *query.before)
        if dialect.repeats_time:
            add("request_timestamp <= ?", query.before[0])
    if query.from_ is not None:
        add("request_timestamp >= ?", query.from_)
    if query.to is not None:
        add("request_timestamp < ?", query.to)
    if query.status is not None:
        add("status_code BETWEEN ? AND ?", *query.status)
    if query.errors_only:
        add(_ERRORS)
    for name in ("user_id", "api_key_id", "request_id", "trace_id"):
        value = getattr(query, name)
        if value is not None:
            add(f"{name} = ?", value)
    for name, many in (("method", query.methods), ("outcome", query.outcomes)):
        if many:
            add(f"{name} IN ({', '.join('?' * len(many))})", *many)
    if query.path_prefix is not None:
        prefix = query.path_prefix
        if dialect.begins_with_length:
            add(dialect.begins, _like(prefix) + "%", len(prefix), prefix)
        else:
            add(dialect.begins, prefix)
    if query.min_duration_ms is not None:
        add("duration_ms >= ?", query.min_duration_ms)
    if query.max_duration_ms is not None:
        add("duration_ms <= ?", query.max_duration_ms)
    if query.text is not None:
        names = ["path", "query", "error_type", "error_message"]
        if query.text_in_bodies:
            names += ["request_body", "response_body"]
        pattern = f"%{_like(query.text)}%"
        alternatives = " OR ".join(dialect.contains.format(name=name) for name in names)
        add(f"({alternatives})", *[pattern] * len(names))
    return conditions, values


def _select(columns: str, conditions: list[str], order: str, dialect: Dialect) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns} FROM {dialect.table}{where}{order}"


def page(
    query: Query, *, dialect: Dialect = SQL, whole: bool = False, columns: str | None = None
) -> tuple[str, list[Any]]:
    """Ask for a page, newest first: summaries, whole rows, or the columns that are named."""
    conditions, values = _where(query, dialect)
    order = " ORDER BY request_timestamp DESC, id DESC LIMIT ?"
    chosen = columns or (_WHOLE if whole else _SUMMARY)
    return _select(chosen, conditions, order, dialect), [*values, query.limit]


def at_positions(
    query: Query, positions: list[tuple[str, str]], *, dialect: Dialect = SQL, whole: bool = False
) -> tuple[str, list[Any]]:
    """Ask for the rows at keyset positions, newest first, within a query's scope."""
    conditions, values = _where(Query(scope=query.scope), dialect)
    places = ", ".join(["(?, ?)"] * len(positions))
    conditions.append(f"(request_timestamp, id) IN ({places})")
    for position in positions:
        values += position
    order = " ORDER BY request_timestamp DESC, id DESC"
    return _select(_WHOLE if whole else _SUMMARY, conditions, order, dialect), values


def since(
    query: Query, stored_after: str, after_id: str, *, dialect: Dialect = SQL
) -> tuple[str, list[Any]]:
    """Ask for what was stored after a position, oldest first."""
    conditions, values = _where(query, dialect)
    conditions.append("(stored_at, id) > (?, ?)")
    order = " ORDER BY stored_at, id LIMIT ?"
    return _select(_SUMMARY, conditions, order, dialect), [
        *values,
        stored_after,
        after_id,
        query.limit,
    ]


def get(
    exchange_id: str,
    scope: Scope,
    *,
    between: tuple[str, str] | None = None,
    dialect: Dialect = SQL,
) -> tuple[str, list[Any]]:
    """Ask for one whole row; `between` are times that its beginning is known to lie within."""
    condition, values = _scope(scope)
    conditions = ["id = ?", *([condition] if condition else [])]
    if between is not None:
        conditions.append("request_timestamp BETWEEN ? AND ?")
    return _select(_WHOLE, conditions, "", dialect), [exchange_id, *values, *(between or ())]


def began_between(exchange_id: str) -> tuple[str, str] | None:
    """Tell when a record began by its UUIDv7 (RFC 9562, 5.7), give or take ten minutes.

    Engines whose primary key begins with the time find it quickly so. None for another id.
    """
    try:
        identifier = uuid.UUID(exchange_id)
    except ValueError:
        return None
    if identifier.version != 7:
        return None
    milliseconds = identifier.int >> 80
    around = (milliseconds - 600_000, milliseconds + 600_000)
    try:
        return (timestamp(max(0, around[0]) * 10**6), timestamp(around[1] * 10**6))
    except (ValueError, OverflowError):  # a year that no calendar has
        return None


def stats(query: Query, ask: Ask, *, dialect: Dialect = SQL) -> Stats:
    """Count and measure, by a few questions."""
    conditions, values = _where(query, dialect)
    real = [*conditions, "outcome <> 'dropped'"]
    (total,) = ask(
        _select(
            f"count(*) AS count, coalesce({_ERROR_COUNT}, 0) AS errors, "
            "min(request_timestamp) AS first, max(request_timestamp) AS last, "
            "coalesce(sum(request_body_bytes), 0) AS request_bytes, "
            "coalesce(sum(response_body_bytes), 0) AS response_bytes, "
            "coalesce(sum(input_tokens), 0) AS input_tokens, "
            "coalesce(sum(output_tokens), 0) AS output_tokens, "
            "count(duration_ms) AS measured",
            real,
            "",
            dialect,
        ),
        values,
    )
    (gaps,) = ask(
        _select(
            "coalesce(sum(dropped_count), 0) AS dropped",
            [*conditions, "outcome = 'dropped'"],
            "",
            dialect,
        ),
        values,
    )
    outcomes = ask(
        _select("outcome, count(*) AS count", real, " GROUP BY outcome ORDER BY 2 DESC", dialect),
        values,
    )
    statuses = ask(
        _select(
            f"{dialect.hundreds} AS class, count(*) AS count",
            [*real, "status_code IS NOT NULL"],
            " GROUP BY 1 ORDER BY 1",
            dialect,
        ),
        values,
    )
    routes = ask(
        _select(
            f"coalesce(route, path, '') AS name, count(*) AS count, {_ERROR_COUNT} AS errors, "
            f"count(duration_ms) AS measured, {_BYTES} AS bytes",
            real,
            " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
            dialect,
        ),
        values,
    )

    def percentile(share: float, measured: int, extra: str = "", *more: Any) -> float | None:
        if not measured:
            return None
        where = [*real, "duration_ms IS NOT NULL", *([extra] if extra else [])]
        (row,) = ask(
            _select(
                "duration_ms AS value", where, " ORDER BY duration_ms LIMIT 1 OFFSET ?", dialect
            ),
            [*values, *more, min(int(measured * share), measured - 1)],
        )
        return float(row["value"])

    def used(column: str) -> list[UseStats]:
        rows = ask(
            _select(
                f"{column} AS name, count(*) AS count, {_ERROR_COUNT} AS errors, "
                "sum(CASE WHEN outcome = 'quota_exceeded' THEN 1 ELSE 0 END) AS refused, "
                f"{_BYTES} AS bytes, "
                "coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) AS tokens",
                [*real, f"{column} IS NOT NULL", f"{column} <> ''"],
                " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
                dialect,
            ),
            values,
        )
        numbers = ("count", "errors", "refused", "bytes", "tokens")
        return [
            UseStats(name=row["name"], **{name: int(row[name]) for name in numbers}) for row in rows
        ]

    measured = total["measured"]
    return Stats(
        count=int(total["count"]),
        errors=int(total["errors"]),
        outcomes={row["outcome"]: row["count"] for row in outcomes},
        statuses={f"{row['class']}xx": row["count"] for row in statuses},
        first=total["first"] or None,
        last=total["last"] or None,
        duration_ms_p50=percentile(0.5, measured),
        duration_ms_p95=percentile(0.95, measured),
        duration_ms_p99=percentile(0.99, measured),
        request_bytes=int(total["request_bytes"]),
        response_bytes=int(total["response_bytes"]),
        input_tokens=int(total["input_tokens"]),
        output_tokens=int(total["output_tokens"]),
        dropped=int(gaps["dropped"]),
        paths=[
            PathStats(
                route=row["name"],
                count=row["count"],
                errors=int(row["errors"]),
                bytes=int(row["bytes"]),
                duration_ms_p50=percentile(
                    0.5, row["measured"], "coalesce(route, path, '') = ?", row["name"]
                ),
                duration_ms_p95=percentile(
                    0.95, row["measured"], "coalesce(route, path, '') = ?", row["name"]
                ),
            )
            for row in routes
        ],
        users=used("user_id"),
        keys=used("api_key_id"),
    )


def timeline(query: Query, ask: Ask, *, dialect: Dialect = SQL) -> Timeline:
    """Count and measure by stretches of time: parts of the timestamp's text, in every engine."""
    conditions, values = _where(query, dialect)
    order = " ORDER BY request_timestamp DESC LIMIT 1 OFFSET ?"
    oldest = ask(
        _select("request_timestamp AS at", conditions, order, dialect), [*values, TIMELINE_ROWS]
    )
    if oldest:  # more rows than are looked at: only the newest of them
        conditions.append("request_timestamp > ?")
        values.append(oldest[0]["at"])
    (span,) = ask(
        _select(
            "min(request_timestamp) AS first, max(request_timestamp) AS last",
            conditions,
            "",
            dialect,
        ),
        values,
    )
    if not span["first"]:
        return Timeline(bucket_s=1, from_=query.from_, to=query.to, points=[])
    seconds = _seconds(span["last"]) - _seconds(span["first"])
    bucket_s, characters = next(
        (each for each in BUCKETS if seconds / each[0] <= MOST_POINTS), BUCKETS[-1]
    )
    ranked = _select(
        f"substr(request_timestamp, 1, {characters}) AS bucket, duration_ms, dropped_count, "
        "outcome, status_code, row_number() OVER (PARTITION BY "
        f"substr(request_timestamp, 1, {characters}) ORDER BY duration_ms) AS rank, "
        "count(duration_ms) OVER (PARTITION BY "
        f"substr(request_timestamp, 1, {characters})) AS measured, "
        "CASE WHEN duration_ms IS NULL THEN 1 ELSE 0 END AS unmeasured",
        conditions,
        "",
        dialect,
    ).replace("ORDER BY duration_ms)", f"ORDER BY {dialect.nulls_last})")
    shares = ", ".join(
        f"max(CASE WHEN rank = {dialect.whole.format(number=f'measured * {share}')} + 1 "
        f"THEN duration_ms END) AS {name}"
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    )
    rows = ask(
        "SELECT bucket, sum(CASE WHEN outcome <> 'dropped' THEN 1 ELSE 0 END) AS count, "
        f"{_ERROR_COUNT} AS errors, coalesce(sum(dropped_count), 0) AS dropped, {shares} "
        f"FROM ({ranked}) AS ranked GROUP BY bucket ORDER BY bucket",
        values,
    )
    return Timeline(
        bucket_s=bucket_s,
        from_=span["first"],
        to=span["last"],
        points=[
            Point(
                at=row["bucket"] + "0000-01-01T00:00:00.000000Z"[len(row["bucket"]) :],
                count=int(row["count"]),
                errors=int(row["errors"]),
                dropped=int(row["dropped"]),
                p50=row["p50"],
                p95=row["p95"],
                p99=row["p99"],
            )
            for row in rows
        ],
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
