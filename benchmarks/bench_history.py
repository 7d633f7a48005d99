"""The first page of history and page 10,000, with and without a user's scope, on many rows.

python -m benchmarks.bench_history [ROWS]
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from dashcam.exchange import Exchange, timestamp
from dashcam.history.page import read_page
from dashcam.store import open_store
from dashcam.store.base import Query, Scope, Store

ROWS = 1_000_000
BATCH = 500
PAGE = 50
SECRET = b"s" * 32
HEADERS = [["host", "127.0.0.1"], ["user-agent", "bench"], ["accept", "*/*"]]


def fill(store: Store, rows: int) -> None:
    """Insert rows through the store's own insert: one second apart at most, two users."""
    choose = random.Random(1)
    began_ns = 1_700_000_000 * 10**9
    for at in range(0, rows, BATCH):
        store.insert(
            b"".join(
                msgspec.json.encode(
                    Exchange(
                        request_timestamp=timestamp(began_ns + number * 10_000_000),
                        method=choose.choice(("GET", "POST")),
                        path=f"/v1/items/{number % 1000}",
                        route="/v1/items/{id}",
                        status_code=choose.choice((200, 200, 200, 201, 404, 500)),
                        duration_ms=choose.expovariate(0.02),
                        user_id="example-1" if number % 5 < 3 else "example-2",
                        request_headers=HEADERS,
                        response_headers=HEADERS,
                        request_body="x" * 200,
                        response_body="y" * 400,
                    )
                )
                + b"\n"
                for number in range(at, min(at + BATCH, rows))
            )
        )


def position(store: Store, query: Query, page: int) -> tuple[str, str]:
    """Find where a page far behind begins, in big steps."""
    left = PAGE * (page - 1)
    before = None
    while left:
        step = min(left, 1000)
        rows = store.page(msgspec.structs.replace(query, limit=step, before=before))
        before = (rows[-1].request_timestamp, rows[-1].id)
        left -= step
    assert before is not None
    return before


def measure(store: Store, query: Query) -> float:
    """Give the median milliseconds of a page."""
    times = []
    for _ in range(50):
        began = time.perf_counter()
        page = read_page(store, query, cursor=None, secret=SECRET)
        times.append((time.perf_counter() - began) * 1e3)
        assert len(page.items) == PAGE
    return statistics.median(times)


def main(rows: int = ROWS) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(f"sqlite:///{directory}/r.db")
        store.migrate()
        began = time.perf_counter()
        fill(store, rows)
        size = sum(path.stat().st_size for path in Path(directory).iterdir())
        print(
            f"history, SQLite, {rows:,} rows (made in {time.perf_counter() - began:.0f} s, "
            f"{size / rows:.0f} bytes a row)"
        )
        for name, scope in (("everyone", Scope.all()), ("one user", Scope.of("example-1"))):
            query = Query(scope=scope, limit=PAGE)
            first = measure(store, query)
            deep = msgspec.structs.replace(query, before=position(store, query, 10_000))
            times = []
            for _ in range(50):
                began = time.perf_counter()
                found = store.page(deep)
                times.append((time.perf_counter() - began) * 1e3)
                assert len(found) == PAGE
            print(
                f"  {name}: first page {first:.2f} ms, page 10,000 {statistics.median(times):.2f} ms"
            )
        store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
