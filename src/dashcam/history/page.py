"""Pages: summaries newest first, and where the next page begins."""

from typing import Any

import msgspec

from dashcam.history.cursor import decode_cursor, encode_cursor
from dashcam.store.base import Query, Store, Summary

TARGET_CHARACTERS = 200


class Page(msgspec.Struct, frozen=True):
    """One page of history; `next_cursor` is None on the last one."""

    items: list[dict[str, Any]]
    next_cursor: str | None


def read_page(store: Store, query: Query, *, cursor: str | None, secret: bytes) -> Page:
    """Give the page of a query that a cursor points to, or the first one.

    Raises:
        QueryError: the cursor isn't one of this question, or a condition makes no sense.
        StoreError: the store did not answer.
    """
    before = decode_cursor(cursor, query, secret) if cursor is not None else None
    rows = store.page(msgspec.structs.replace(query, before=before, limit=query.limit + 1))
    shown = rows[: query.limit]
    following = None
    if len(rows) > query.limit:
        last = shown[-1]
        following = encode_cursor((last.request_timestamp, last.id), query, secret)
    return Page([summary_item(row) for row in shown], following)


def summary_item(row: Summary) -> dict[str, Any]:
    """Give a row as the API shows it: its columns, and `target`, path and query in short."""
    item = msgspec.structs.asdict(row)
    target = (row.path or "") + (f"?{row.query}" if row.query else "")
    item["target"] = (
        target if len(target) <= TARGET_CHARACTERS else target[: TARGET_CHARACTERS - 1] + "…"
    )
    return item
