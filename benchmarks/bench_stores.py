"""Rows per second into PostgreSQL and ClickHouse, beside other ways, and bytes a record on disk."""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.bench_store import BATCH, busy_event_loop, lines, rate
from dashcam.exchange import COLUMNS, JSON_COLUMNS
from dashcam.store import open_store
from dashcam.store.row import decode_rows

STORED_AT = "2026-01-01T00:00:00.000000Z"
_NAMES = ", ".join(COLUMNS)


def _rows(batch: bytes) -> list[list[object]]:
    """Decode as most loggers do: row by row."""
    rows = []
    for line in batch.splitlines():
        row = msgspec.json.decode(line)
        for name in JSON_COLUMNS:
            row[name] = msgspec.json.encode(row[name]).decode()
        rows.append([row[name] for name in COLUMNS])
    return rows


def postgresql_forms(conninfo: str) -> dict[str, Callable[[bytes], None]]:
    """Give the other candidates for one batch, each on a connection of its own."""
    import psycopg

    connection = psycopg.connect(conninfo, autocommit=True)
    conflict = (
        " ON CONFLICT (request_timestamp, id) DO UPDATE SET revision = excluded.revision "
        "WHERE excluded.revision > request_logs.revision"
    )
    places = ", ".join(["%s"] * len(COLUMNS))

    def executemany(batch: bytes) -> None:
        statement = (
            f"INSERT INTO request_logs ({_NAMES}, stored_at) VALUES ({places}, '{STORED_AT}')"
        )
        with connection.transaction():
            connection.cursor().executemany(statement, _rows(batch))

    def values(batch: bytes) -> None:
        rows = decode_rows(batch)
        one = f"({places}, '{STORED_AT}')"
        bound = [
            bytes(value).decode() if isinstance(value, msgspec.Raw) else value
            for row in rows
            for value in msgspec.structs.astuple(row)
        ]
        statement = f"INSERT INTO request_logs ({_NAMES}, stored_at) VALUES "
        connection.execute(statement + ", ".join([one] * len(rows)) + conflict, bound)

    kinds = {}
    for name, kind in connection.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = 'request_logs'::regclass AND attnum > 0"
    ):
        kinds[name] = "text" if kind.startswith("character") else kind
    arrays = ", ".join(f"%s::{kinds[name]}[]" for name in COLUMNS)

    def unnest(batch: bytes) -> None:
        rows = decode_rows(batch)
        columns = [
            [bytes(value).decode() if isinstance(value, msgspec.Raw) else value for value in column]
            for column in zip(*map(msgspec.structs.astuple, rows), strict=True)
        ]
        connection.execute(
            f"INSERT INTO request_logs ({_NAMES}, stored_at) SELECT *, '{STORED_AT}' "
            f"FROM unnest({arrays}){conflict}",
            columns,
        )

    def copy(batch: bytes) -> None:
        rows = decode_rows(batch)
        with connection.transaction():
            connection.execute(
                "CREATE TEMP TABLE IF NOT EXISTS batch (LIKE request_logs) ON COMMIT DELETE ROWS"
            )
            with connection.cursor().copy(f"COPY batch ({_NAMES}, stored_at) FROM STDIN") as copied:
                for row in rows:
                    copied.write_row(
                        [
                            bytes(value).decode() if isinstance(value, msgspec.Raw) else value
                            for value in msgspec.structs.astuple(row)
                        ]
                        + [STORED_AT]
                    )
            connection.execute(f"INSERT INTO request_logs SELECT * FROM batch{conflict}")

    return {
        "executemany": executemany,
        "multi-row VALUES": values,
        "unnest of arrays": unnest,
        "COPY, then INSERT": copy,
    }


def clickhouse_forms(url: str) -> dict[str, Callable[[bytes], None]]:
    """Give the usual way: rows of Python values through the driver's insert."""
    store = open_store(url)
    client = store._client()  # type: ignore[attr-defined]

    def insert(batch: bytes) -> None:
        rows = _rows(batch)
        for row in rows:
            for at, value in enumerate(row):
                if value is None and COLUMNS[at] == "user_id":
                    row[at] = ""
        client.insert("request_logs", rows, column_names=list(COLUMNS))

    return {"driver's insert": insert}


def table(title: str, base: str, forms: dict[str, Callable[[bytes], None]], scale: int = 1) -> None:
    """Measure each form idle and beside a busy event loop, and print a row for each."""
    batches = [b"".join(lines() for _ in range(scale)) for _ in range(120 // scale)]
    results = {}
    for name, insert in forms.items():
        insert(batches[0])
        with_ids = iter(batches)
        results[name, "idle"] = rate(insert, fresh(with_ids, scale)) * scale
        with busy_event_loop():
            results[name, "saturated"] = rate(insert, fresh(iter(batches), scale)) * scale
    print(f"rows per second into {title}, 3 KB rows, batches of {BATCH * scale}")
    print(f"{'':20}{'idle':>9}{'saturated':>11}{f'saturated / idle {base}':>32}")
    for name in forms:
        idle, saturated = results[name, "idle"], results[name, "saturated"]
        print(f"{name:20}{idle:9.0f}{saturated:11.0f}{saturated / results[base, 'idle']:32.2f}")


def fresh(batches: object, scale: int) -> list[bytes]:
    """Make batches with ids that no other form has used."""
    return [b"".join(lines() for _ in range(scale)) for _ in range(120 // scale)]


def varied() -> bytes:
    """Make a batch whose bodies are JSON of random words, as compressible as text is."""
    choose = random.Random()
    words = ["".join(choose.choices("etaoinshrdlu", k=choose.randrange(2, 9))) for _ in range(2000)]

    def body() -> str:
        return msgspec.json.encode({"text": " ".join(choose.choices(words, k=150))}).decode()

    out = []
    for line in lines().splitlines():
        row = msgspec.json.decode(line)
        row["request_body"], row["response_body"] = body(), body()
        row["path"] = f"/v1/items/{choose.randrange(10_000)}"
        row["duration_ms"] = choose.expovariate(0.02)
        out.append(msgspec.json.encode(row) + b"\n")
    return b"".join(out)


def disk() -> None:
    """Print bytes a record for each store, of the same records."""
    import clickhouse_connect
    from tests.postgres import server

    records = [varied() for _ in range(40)]
    raw = sum(map(len, records)) / (40 * BATCH)
    print(f"bytes a record on disk ({raw:.0f} as a line of JSON, bodies of random words)")
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(f"sqlite:///{directory}/r.db")
        store.migrate()
        for batch in records:
            store.insert(batch)
        store.close()
        size = sum(path.stat().st_size for path in Path(directory).iterdir())
        print(f"  SQLite {size / (40 * BATCH):.0f}", end="")
        with server() as running:
            url = running.new_database()
            store = open_store(url)
            store.migrate()
            for batch in records:
                store.insert(batch)
            store.close()
            ((size,),) = running.execute(f"SELECT pg_database_size('{url.rpartition('/')[2]}')")
            print(f", PostgreSQL {size / (40 * BATCH):.0f}", end="")
        client = clickhouse_connect.get_client(interface="chdb", path=CLICKHOUSE.name)
        client.command("CREATE DATABASE disk")
        store = open_store(f"clickhousedb:///disk?interface=chdb&path={CLICKHOUSE.name}")
        store.migrate()
        for batch in records:
            store.insert(batch)
        client.command("OPTIMIZE TABLE disk.request_logs FINAL")
        ((size,),) = client.query(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'disk'"
        ).result_rows
        print(f", ClickHouse {size / (40 * BATCH):.0f}")


CLICKHOUSE = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def main() -> None:
    """Print the tables."""
    import clickhouse_connect
    from tests.postgres import server

    with server() as running:
        url = running.new_database()
        store = open_store(url)
        store.migrate()
        store.insert(lines())  # makes the partitions
        forms = postgresql_forms(running.conninfo(url.rpartition("/")[2]))
        table("PostgreSQL 18 (fsync off)", "executemany", {**forms, "dashcam": store.insert})
        store.close()
    print()
    client = clickhouse_connect.get_client(interface="chdb", path=CLICKHOUSE.name)
    client.command("CREATE DATABASE bench")
    url = f"clickhousedb:///bench?interface=chdb&path={CLICKHOUSE.name}"
    store = open_store(url)
    store.migrate()
    began = time.perf_counter()
    table(
        "ClickHouse (in process)",
        "driver's insert",
        {**clickhouse_forms(url), "dashcam": store.insert},
        scale=10,
    )
    assert time.perf_counter() - began < 600
    print()
    disk()


if __name__ == "__main__":
    main()
