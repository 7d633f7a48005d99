"""Bytes a row of ClickHouse's columns under other codecs and types, of records with words in them."""

import tempfile

import clickhouse_connect
import msgspec

from benchmarks.bench_stores import varied

CHOICES = {
    "request_timestamp": {
        "String, ZSTD(1) (chosen)": "String CODEC(ZSTD(1))",
        "String, LZ4": "String CODEC(LZ4)",
        "DateTime64(6), Delta, ZSTD(1)": "DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))",
        "DateTime64(6), DoubleDelta, ZSTD(1)": "DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1))",
    },
    "id": {
        "String, ZSTD(1) (chosen)": "String CODEC(ZSTD(1))",
        "UUID, ZSTD(1)": "UUID CODEC(ZSTD(1))",
    },
    "duration_ms": {
        "Float64, ZSTD(1) (chosen)": "Nullable(Float64) CODEC(ZSTD(1))",
        "Float64, Gorilla, ZSTD(1)": "Nullable(Float64) CODEC(Gorilla, ZSTD(1))",
    },
    "response_body": {
        "LZ4": "Nullable(String) CODEC(LZ4)",
        "ZSTD(1) (chosen)": "Nullable(String) CODEC(ZSTD(1))",
        "ZSTD(3)": "Nullable(String) CODEC(ZSTD(3))",
        "ZSTD(9)": "Nullable(String) CODEC(ZSTD(9))",
    },
    "request_headers": {
        "ZSTD(1) (chosen)": "String CODEC(ZSTD(1))",
        "ZSTD(3)": "String CODEC(ZSTD(3))",
    },
}


def main() -> None:
    """Print the table."""
    batches = [varied() for _ in range(40)]
    rows = 40 * 500
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        client = clickhouse_connect.get_client(interface="chdb", path=directory)
        print(f"bytes a row in ClickHouse, {rows:,} records in the order of time")
        for column, choices in CHOICES.items():
            for name, definition in choices.items():
                client.command("DROP TABLE IF EXISTS one")
                client.command(
                    f"CREATE TABLE one (at String, {column} {definition}) ENGINE = MergeTree "
                    "ORDER BY at SETTINGS min_bytes_for_wide_part = 0"
                )
                for batch in batches:
                    lines = []
                    for line in batch.splitlines():
                        row = msgspec.json.decode(line)
                        value = row[column]
                        if column == "request_headers":
                            value = msgspec.json.encode(value).decode()
                        lines.append(
                            msgspec.json.encode({"at": row["request_timestamp"], column: value})
                        )
                    client.raw_insert(
                        "one",
                        insert_block=b"\n".join(lines) + b"\n",
                        fmt="JSONEachRow",
                        settings={"date_time_input_format": "best_effort"},
                    )
                client.command("OPTIMIZE TABLE one FINAL")
                ((size,),) = client.query(
                    "SELECT data_compressed_bytes FROM system.columns WHERE table = 'one' "
                    f"AND name = '{column}'"
                ).result_rows
                print(f"  {column:18} {name:36} {size / rows:8.1f}")


if __name__ == "__main__":
    main()
