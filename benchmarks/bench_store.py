"""Rows per second into SQLite, idle and beside a busy event loop, beside plain `executemany`."""

import asyncio
import itertools
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dashcam.exchange import COLUMNS, JSON_COLUMNS, Exchange
from dashcam.store import open_store

BATCH = 500
SECONDS = 3.0
HEADERS = [["host", "127.0.0.1"], ["user-agent", "bench"], ["accept", "*/*"]] * 3
_numbers = itertools.count()


def body_of(number: int, size: int) -> str:
    """Make a body unlike any other: what is the same in a batch would be bound once."""
    return f"{number:08} ".ljust(size, "abcdefghijklmnopqrstuvwxyz"[number % 26])


def lines() -> bytes:
    """Make a batch of records of about 3 KB each, with new ids; they differ as those of an app."""
    return b"".join(
        msgspec.json.encode(
            Exchange(
                method="POST",
                path=f"/echo/{number % 20}",
                route="/echo/{number}",
                status_code=200 if number % 50 else 404,
                duration_ms=1.5 + number % 97 / 1000,
                ttfb_ms=1.25 + number % 89 / 1000,
                host="127.0.0.1",
                user_id=f"u{number % 50}",
                api_key_id=f"k{number % 7}",
                request_id=f"r{number}",
                request_headers=[*HEADERS, ["x-request-id", f"r{number}"]],
                response_headers=[*HEADERS[:3], ["content-length", str(1000 + number % 3)]],
                request_body=body_of(number, 1000 + number % 5),
                request_body_bytes=1000 + number % 5,
                response_body=body_of(number + 1, 1000 + number % 3),
                response_body_bytes=1000 + number % 3,
                server="host",
                process_id=1,
            )
        )
        + b"\n"
        for number in itertools.islice(_numbers, BATCH)
    )


@contextmanager
def busy_event_loop() -> Iterator[None]:
    """Keep an event loop of this process busy, with the socket calls of a server."""
    import socket

    stop = threading.Event()

    async def spin() -> None:
        one, other = socket.socketpair()
        while not stop.is_set():
            for _ in range(20):
                sum(range(200))
            one.send(b"x")
            other.recv(1)
            await asyncio.sleep(0)
        one.close()
        other.close()

    thread = threading.Thread(target=lambda: asyncio.run(spin()))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def rate(insert: Callable[[bytes], None], batches: list[bytes]) -> float:
    """Insert for some seconds; give rows per second."""
    done = 0
    began = time.perf_counter()
    for batch in batches:
        insert(batch)
        done += BATCH
        if time.perf_counter() - began > SECONDS:
            break
    return done / (time.perf_counter() - began)


def naive(path: Path) -> Callable[[bytes], None]:
    """Give the usual way: a row at a time decoded, bound and executed by `executemany`."""
    connection = sqlite3.connect(path, check_same_thread=False)
    statement = (
        f"INSERT INTO request_logs ({', '.join(COLUMNS)}, stored_at) "
        f"VALUES ({', '.join('?' * len(COLUMNS))}, '2026-01-01T00:00:00.000000Z')"
    )

    def insert(batch: bytes) -> None:
        rows = []
        for line in batch.splitlines():
            row = msgspec.json.decode(line)
            for name in JSON_COLUMNS:
                row[name] = msgspec.json.encode(row[name]).decode()
            rows.append([row[name] for name in COLUMNS])
        with connection:
            connection.executemany(statement, rows)

    return insert


def main() -> None:
    """Print the table."""
    batches = [lines() for _ in range(120)]
    results: dict[tuple[str, str], float] = {}
    for name in ("executemany", "dashcam"):
        for state in ("idle", "saturated"):
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / "logs.db"
                store = open_store(f"sqlite:///{path}")
                store.migrate()
                insert = store.insert if name == "dashcam" else naive(path)
                if state == "idle":
                    results[name, state] = rate(insert, batches)
                else:
                    with busy_event_loop():
                        results[name, state] = rate(insert, batches)
                store.close()
    base = results["executemany", "idle"]
    print("rows per second into SQLite, 3 KB rows, batches of 500")
    print(f"{'':14}{'idle':>9}{'saturated':>11}{'saturated / idle executemany':>31}")
    for name in ("executemany", "dashcam"):
        idle, saturated = results[name, "idle"], results[name, "saturated"]
        print(f"{name:14}{idle:9.0f}{saturated:11.0f}{saturated / base:31.2f}")


if __name__ == "__main__":
    main()
