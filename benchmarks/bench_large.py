"""History on ten million rows, SQLite and ClickHouse: pages near and far, one user, statistics.

    python -m benchmarks.bench_large [ROWS]

The rows are made by the engines themselves, so that making them doesn't take an hour.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import msgspec

from dashcam.exchange import timestamp
from dashcam.store import open_store
from dashcam.store.base import Query, Scope, Store

ROWS = 10_000_000
STEP_US = 100_000
PAGE = 50
USERS = 1000

SQLITE = """
WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
INSERT INTO request_logs (id, revision, stored_at, request_timestamp, outcome, duration_ms, method,
  path, route, status_code, user_id, request_headers, response_headers, redacted,
  request_body_truncated, response_body_truncated, tags, request_body, response_body)
SELECT printf('%08x-0000-7000-8000-%012x', i, i), 1, t, t, 'completed', i % 997, 'GET',
  '/v1/items/' || (i % 1000), '/v1/items/{{id}}',
  CASE WHEN i % 50 = 0 THEN 500 ELSE 200 END, 'example-' || (i % {users}), '[]', '[]', '[]', 0, 0,
  '{{}}', 'a body', 'an answer'
FROM (SELECT i, strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + i / 10, 'unixepoch')
  || printf('.%d00000Z', i % 10) AS t FROM n)
"""
CLICKHOUSE = """
INSERT INTO request_logs (id, revision, request_timestamp, outcome, duration_ms, method, path, route,
  status_code, user_id, request_headers, response_headers, redacted, request_body_truncated,
  response_body_truncated, tags, request_body, response_body)
SELECT concat(lower(leftPad(hex(toUInt32(number)), 8, '0')), '-0000-7000-8000-',
    lower(leftPad(hex(number), 12, '0'))), 1,
  concat(formatDateTime(toDateTime(1700000000 + intDiv(number, 10), 'UTC'), '%Y-%m-%dT%H:%i:%S',
    'UTC'), '.', toString(number % 10), '00000Z'),
  'completed', number % 997, 'GET', concat('/v1/items/', toString(number % 1000)),
  '/v1/items/{id}', if(number % 50 = 0, 500, 200), concat('example-', toString(number % USERS)),
  '[]', '[]', '[]', 0, 0, '{}', 'a body', 'an answer'
FROM numbers(ROWS) SETTINGS max_partitions_per_insert_block = 0
"""


def took_ms(ask: Callable[[], object], times: int = 7) -> float:
    """Give the median milliseconds of a question."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def at(row: int) -> str:
    """Give the time of a row."""
    return timestamp((1_700_000_000_000_000 + row * STEP_US) * 1000)


def measure(name: str, store: Store, rows: int) -> None:
    """Print how long each question takes."""
    newest = at(rows)  # the rows are old: a page looks from there, as it looks from now otherwise
    print(f"  {name}")
    for who, scope in (("everyone", Scope.all()), ("one user of 1,000", Scope.of("example-7"))):
        query = Query(scope=scope, limit=PAGE, to=newest)
        first = took_ms(lambda query=query: store.page(query))  # type: ignore[misc]
        share = 1 if scope.everyone else USERS
        back = min(PAGE * 10_000 * share, rows - PAGE * share * 2)
        deep = msgspec.structs.replace(query, before=(at(rows - back), "f"))
        assert len(store.page(deep)) == PAGE
        far = took_ms(lambda deep=deep: store.page(deep))  # type: ignore[misc]
        print(f"    {who}: first page {first:.1f} ms, page {back // share // PAGE:,} {far:.1f} ms")
    hour = Query(scope=Scope.all(), from_=at(rows - 36_000), to=newest)
    print(f"    statistics of the last hour {took_ms(lambda: store.stats(hour), 3):.0f} ms", end="")
    print(f", timeline {took_ms(lambda: store.timeline(hour), 3):.0f} ms")
    errors = Query(scope=Scope.all(), limit=PAGE, errors_only=True, to=newest)
    print(f"    newest errors {took_ms(lambda: store.page(errors)):.1f} ms")


def main(rows: int = ROWS) -> None:
    """Fill both engines and print."""
    import sqlite3

    print(f"history on {rows:,} rows")
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(f"sqlite:///{directory}/r.db")
        store.migrate()
        connection = sqlite3.connect(f"{directory}/r.db")
        connection.execute("PRAGMA synchronous=OFF")
        for first in range(0, rows, 500_000):
            last = min(first + 500_000, rows) - 1
            connection.execute(SQLITE.format(first=first, last=last, users=USERS))
            connection.commit()
        connection.close()
        measure("SQLite", store, rows)
        store.close()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        url = f"clickhousedb:///default?interface=chdb&path={directory}"
        clickhouse = open_store(url)
        clickhouse.migrate()
        statement = CLICKHOUSE.replace("ROWS", str(rows)).replace("USERS", str(USERS))
        clickhouse._command(statement)  # type: ignore[attr-defined]
        measure("ClickHouse", clickhouse, rows)
        plain = clickhouse._client()  # type: ignore[attr-defined]
        question = (
            "SELECT id FROM request_logs FINAL WHERE user_id = 'example-7' "
            "ORDER BY request_timestamp DESC, id DESC LIMIT 50 SETTINGS use_skip_indexes = %d"
        )
        for used in (0, 1):
            ms = took_ms(lambda used=used: plain.query(question % used), 3)  # type: ignore[misc]
            print(
                f"    one user, all days, skip index {'used' if used else 'not used'}: {ms:.0f} ms"
            )
        sizes = plain.query(
            "SELECT name, data_compressed_bytes FROM system.columns WHERE table = 'request_logs' "
            "AND database = 'default' ORDER BY 2 DESC LIMIT 6"
        ).result_rows
        print("    bytes a row:", ", ".join(f"{name} {size / rows:.1f}" for name, size in sizes))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
