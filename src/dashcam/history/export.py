"""Records as files: JSON Lines, HAR 1.2, Parquet; streamed, in bounded memory.

HAR: http://www.softwareishard.com/blog/har-12-spec/, which browsers' network panels open.
"""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import parse_qsl

import msgspec

from dashcam.errors import MissingExtraError
from dashcam.exchange import COLUMNS, JSON_COLUMNS, Exchange
from dashcam.history.display import content_type_of
from dashcam.store.base import Query, Store, StoredExchange

STEP_ROWS = 100
PARQUET_ROWS = 2000
FORMATS = ("jsonl", "har", "parquet")

_encode = msgspec.json.encode


def every_record(store: Store, query: Query) -> Iterator[StoredExchange]:
    """Give all whole rows of a query, newest first; its limit is ignored."""
    before = query.before
    while True:
        step = msgspec.structs.replace(query, before=before, limit=STEP_ROWS)
        rows = store.records(step)
        yield from rows
        if len(rows) < STEP_ROWS:
            return
        before = (rows[-1].request_timestamp, rows[-1].id)


def to_line(record: StoredExchange) -> bytes:
    """Give a row as the line that it was in the journal."""
    return _encode(Exchange(**{name: getattr(record, name) for name in COLUMNS})) + b"\n"


def export(
    store: Store,
    query: Query,
    *,
    kind: str,
    target: IO[bytes],
    on_step: Callable[[int], None] = lambda done: None,
) -> int:
    """Write all rows of a query to a file; give how many.

    Args:
        store: where they are.
        query: which ones.
        kind: one of `FORMATS`.
        target: takes bytes; `parquet` needs one that can tell its position.
        on_step: told of each row.

    Raises:
        MissingExtraError: Parquet without its extra.
        StoreError: the store did not answer.
    """
    rows = every_record(store, query)
    if kind == "parquet":
        return _parquet(rows, target, on_step)
    count = 0
    if kind == "har":
        target.write(
            b'{"log":{"version":"1.2","creator":{"name":"dashcam","version":"1"},"entries":['
        )
    for row in rows:
        if kind == "har":
            if row.outcome == "dropped":
                continue  # a gap is no exchange
            target.write((b",\n" if count else b"\n") + _encode(har_entry(row)))
        else:
            target.write(to_line(row))
        count += 1
        on_step(1)
    if kind == "har":
        target.write(b"\n]}}\n")
    return count


def har_entry(row: StoredExchange) -> dict[str, Any]:
    """Give one row as an entry of a HAR log."""
    wait = row.ttfb_ms if row.ttfb_ms is not None else row.duration_ms or 0.0
    total = max(row.duration_ms or 0.0, wait)
    host = row.host or "unknown"
    url = f"{row.scheme or 'http'}://{host}{row.path or '/'}" + (
        f"?{row.query}" if row.query else ""
    )
    started = datetime.fromisoformat(row.request_timestamp).isoformat(timespec="milliseconds")
    request: dict[str, Any] = {
        "method": row.method or "GET",
        "url": url,
        "httpVersion": f"HTTP/{row.http_version or '1.1'}",
        "cookies": [],
        "headers": _har_headers(row.request_headers),
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(row.query or "", keep_blank_values=True)
        ],
        "headersSize": -1,
        "bodySize": -1 if row.request_body_bytes is None else row.request_body_bytes,
    }
    if row.request_body is not None:
        request["postData"] = {
            "mimeType": content_type_of(row.request_headers),
            "params": [],
            "text": _text(row.request_body, row.request_body_encoding),
        }
    content: dict[str, Any] = {
        "size": row.response_body_bytes or 0,
        "mimeType": content_type_of(row.response_headers) or "x-unknown",
    }
    if row.response_body is not None:
        content["text"] = row.response_body
        if row.response_body_encoding == "base64":
            content["encoding"] = "base64"
    status = row.status_code or 0
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    location = next((v for n, v in row.response_headers if str(n).lower() == "location"), "")
    return {
        "startedDateTime": started,
        "time": total,
        "request": request,
        "response": {
            "status": status,
            "statusText": phrase,
            "httpVersion": f"HTTP/{row.http_version or '1.1'}",
            "cookies": [],
            "headers": _har_headers(row.response_headers),
            "content": content,
            "redirectURL": location,
            "headersSize": -1,
            "bodySize": -1 if row.response_body_bytes is None else row.response_body_bytes,
        },
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": total - wait},
        "comment": f"dashcam {row.id} {row.outcome}",
    }


def _har_headers(headers: list[Any]) -> list[dict[str, str]]:
    return [{"name": str(name), "value": str(value)} for name, value in headers]


def _text(body: str, encoding: str | None) -> str:
    return base64.b64decode(body).decode("utf-8", "replace") if encoding == "base64" else body


def _parquet(
    rows: Iterator[StoredExchange], target: IO[bytes], on_step: Callable[[int], None]
) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError('parquet needs: pip install "dashcam[parquet]"') from None
    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema(
        [
            (field.name, types.get(_plain(field.type), pa.string()))
            for field in msgspec.structs.fields(StoredExchange)
        ]
    )
    count = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            fields = msgspec.structs.asdict(row)
            for name in JSON_COLUMNS:
                fields[name] = json.dumps(fields[name], ensure_ascii=False)
            batch.append(fields)
            count += 1
            on_step(1)
            if len(batch) >= PARQUET_ROWS:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        if batch or not count:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return count


def _plain(kind: Any) -> Any:
    """Give the type of a column without its None."""
    members = [each for each in getattr(kind, "__args__", (kind,)) if each is not type(None)]
    return members[0] if len(members) == 1 else str


def copy(
    source: Store,
    target: Store,
    query: Query,
    *,
    on_step: Callable[[int], None] = lambda done: None,
) -> int:
    """Insert all rows of a query into another store; harmless when done again.

    Raises:
        StoreError: one of them did not answer; what is copied stays, so it may be begun again.
    """
    count = 0
    lines: list[bytes] = []
    for row in every_record(source, query):
        lines.append(to_line(row))
        if len(lines) >= STEP_ROWS:
            target.insert(b"".join(lines))
            count += len(lines)
            on_step(len(lines))
            lines = []
    if lines:
        target.insert(b"".join(lines))
        count += len(lines)
        on_step(len(lines))
    return count
