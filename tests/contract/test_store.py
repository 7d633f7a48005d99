"""What every store must do: one suite, each engine."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from dashcam.errors import QueryError, RowRefusedError, StoreSetupError
from dashcam.exchange import COLUMNS, Exchange, timestamp
from dashcam.store import open_store, schema
from dashcam.store.base import Query, Scope
from dashcam.store.schema import VERSIONS

ENGINES = ["memory", "sqlite", "postgresql", "clickhouse"]


@pytest.fixture(params=ENGINES)
def store(request, tmp_path):
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/logs.db"}.get(request.param)
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    elif request.param == "clickhouse":
        url = request.getfixturevalue("clickhouse")()
    opened = open_store(url)
    opened.migrate()
    yield opened
    opened.close()


def line(**fields):
    return msgspec.json.encode(Exchange(**fields)) + b"\n"


def at(second):
    return timestamp(1_700_000_000_000_000_000 + int(second * 1e9))


def everything(store, **more):
    return store.page(Query(scope=Scope.all(), **{"limit": 1000, **more}))


FULL = {
    "method": "POST",
    "scheme": "https",
    "host": "h",
    "path": "/a/%_\\b",
    "route": "/a/{x}",
    "query": "q=1",
    "http_version": "1.1",
    "status_code": 201,
    "client_ip": "::1",
    "user_agent": "ua",
    "user_id": "u",
    "api_key_id": "k",
    "request_id": "r",
    "trace_id": "t" * 32,
    "span_id": "s" * 16,
    "duration_ms": 1.5,
    "ttfb_ms": 0.25,
    "request_headers": [["a", "1"], ["a", "2"]],
    "response_headers": [["b", "\u00e9"]],
    "redacted": ["body:password"],
    "request_body": "\U0001f600 \u2028 ' \" ; --",
    "request_body_encoding": "utf-8",
    "request_body_bytes": 2**53,
    "request_body_truncated": True,
    "response_body": "",
    "response_body_encoding": "utf-8",
    "response_body_bytes": 0,
    "response_chunks": 3,
    "response_timeline": [[0.5, 10], [1.25, 0]],
    "model": "m",
    "input_tokens": 1,
    "output_tokens": 2,
    "cost": 0.125,
    "error_type": "E",
    "error_message": "msg",
    "error_traceback": "tb",
    "server": "s",
    "process_id": 7,
    "tags": {"a": {"b": [1, None, True]}},
}


def test_a_row_comes_back_as_it_went_in(store):
    """Every column, of every type, reads back equal; stored_at is added."""
    exchange = Exchange(**FULL)
    store.insert(msgspec.json.encode(exchange) + b"\n")
    found = store.get(exchange.id, Scope.all())
    assert {name: getattr(found, name) for name in COLUMNS} == json.loads(
        msgspec.json.encode(exchange)
    )
    assert len(found.stored_at) == 27
    (summary,) = everything(store)
    assert (summary.id, summary.tags, summary.request_body_truncated) == (
        exchange.id,
        FULL["tags"],
        True,
    )
    assert not hasattr(summary, "request_body")


def test_the_highest_revision_wins_in_any_order(store):
    """Sent again, later or earlier, twice or half-way: one row, that of the highest revision."""
    fields = {"id": "0" * 36, "request_timestamp": at(1)}
    for revision in (1, 0, 2, 1, 2):
        store.insert(line(revision=revision, path=f"/{revision}", **fields))
    (row,) = everything(store)
    assert (row.revision, row.path) == (2, "/2")


def test_the_same_batch_twice_and_half_way(store):
    """At-least-once delivery, exactly-once effect; stored_at stays that of the first time."""
    lines = [line(request_timestamp=at(number)) for number in range(900)]
    store.insert(b"".join(lines[:500]))
    first = {row.id: row.stored_at for row in everything(store)}
    store.insert(b"".join(lines))
    rows = everything(store)
    assert len({row.id for row in rows}) == len(rows) == 900
    if "clickhouse" in getattr(store, "url", ""):
        return  # it keeps the copy that came last
    assert {row.id: row.stored_at for row in rows if row.id in first} == first


POISON = {
    "not JSON": b"{nope}\n",
    "no exchange": b'{"id":"x"}\n',
    "wrong type": line().replace(b'"revision":1', b'"revision":"one"'),
    "unknown key": line().replace(b'"revision":1', b'"revision":1,"extra":1'),
    "NUL": line(path="/x").replace(b'"/x"', b'"/\\u0000"'),
    "lone surrogate": line(path="/x").replace(b'"/x"', b'"\\ud800"'),
    "huge integer": line().replace(b'"status_code":null', b'"status_code":99999999999999999999'),
    "null where none may be": line().replace(b'"outcome":"completed"', b'"outcome":null'),
    "unknown outcome": line(outcome="nice"),
    "NaN": line().replace(b'"cost":null', b'"cost":NaN'),
}


@pytest.mark.parametrize("poison", POISON)
def test_one_bad_row_refuses_its_batch_whole(store, poison):
    """What an engine can't take is RowRefusedError, and nothing of the batch is stored."""
    with pytest.raises(RowRefusedError):
        store.insert(line() + POISON[poison] + line())
    assert everything(store) == []


def test_pages_joined_equal_one_big_query(store):
    """Keyset pages over equal timestamps: none twice, none missing, newest first."""
    store.insert(b"".join(line(request_timestamp=at(number // 7)) for number in range(100)))
    whole = [(row.request_timestamp, row.id) for row in everything(store)]
    assert whole == sorted(whole, reverse=True)
    paged, before = [], None
    while rows := everything(store, limit=13, before=before):
        paged += [(row.request_timestamp, row.id) for row in rows]
        before = paged[-1]
    assert paged == whole


ROWS = [
    {
        "path": "/a",
        "method": "GET",
        "status_code": 200,
        "user_id": "u1",
        "duration_ms": 1.0,
        "request_timestamp": at(1),
    },
    {
        "path": "/a/b",
        "method": "POST",
        "status_code": 404,
        "user_id": "u2",
        "duration_ms": 9.0,
        "request_timestamp": at(2),
        "query": "Needle=1",
    },
    {
        "path": "/A%",
        "method": "GET",
        "status_code": 500,
        "user_id": "u1",
        "api_key_id": "k",
        "request_timestamp": at(3),
        "response_body": "a needle",
    },
    {
        "path": "/z",
        "method": "PUT",
        "status_code": 200,
        "outcome": "failed",
        "error_message": "NEEDLE",
        "request_timestamp": at(4),
        "trace_id": "t",
        "request_id": "r",
    },
    {"outcome": "dropped", "dropped_count": 5, "request_timestamp": at(5)},
]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"from_": at(2), "to": at(4)}, [2, 1]),
        ({"methods": ("GET",)}, [2, 0]),
        ({"status": (400, 499)}, [1]),
        ({"errors_only": True}, [3, 2]),
        ({"path_prefix": "/a"}, [1, 0]),
        ({"path_prefix": "/A%"}, [2]),
        ({"outcomes": ("failed", "dropped")}, [4, 3]),
        ({"user_id": "u1"}, [2, 0]),
        ({"api_key_id": "k"}, [2]),
        ({"trace_id": "t"}, [3]),
        ({"request_id": "r"}, [3]),
        ({"min_duration_ms": 2.0}, [1]),
        ({"max_duration_ms": 2.0}, [0]),
        ({"text": "needle"}, [3, 1]),
        ({"text": "needle", "text_in_bodies": True}, [3, 2, 1]),
        ({"text": "%"}, [2]),
        ({"scope": Scope.of("u1")}, [2, 0]),
        ({"scope": Scope.of("u1"), "user_id": "u2"}, []),
        ({"scope": Scope.of("")}, []),
        ({"scope": Scope(user_id=None, everyone=False)}, []),
    ],
    ids=str,
)
def test_filters(store, conditions, expected):
    """Each condition restricts as it says; a scope without a user is nobody's."""
    store.insert(b"".join(line(**row) for row in ROWS))
    rows = store.page(Query(**{"scope": Scope.all(), "limit": 10, **conditions}))
    assert [at(1 + number) for number in expected] == [row.request_timestamp for row in rows]


@pytest.mark.parametrize(
    "bad",
    [
        {"limit": 0},
        {"limit": 1001},
        {"from_": "yesterday"},
        {"to": "2026-01-01"},
        {"status": (500, 400)},
        {"text": "\x00"},
    ],
    ids=str,
)
def test_a_bad_query_is_named(store, bad):
    """A value that makes no sense is a QueryError, not an empty page."""
    with pytest.raises(QueryError):
        everything(store, **bad)


def test_get_is_scoped(store):
    """Another user's row is as if absent."""
    exchange = Exchange(user_id="u1")
    store.insert(msgspec.json.encode(exchange) + b"\n")
    assert store.get(exchange.id, Scope.of("u1")) is not None
    assert store.get(exchange.id, Scope.of("u2")) is None
    assert store.get("0" * 36, Scope.all()) is None


def test_stats(store):
    """Counts, errors, percentiles, routes; a gap counts in `dropped` only."""
    store.insert(b"".join(line(**row) for row in ROWS))
    stats = store.stats(Query(scope=Scope.all()))
    assert (stats.count, stats.errors, stats.dropped) == (4, 2, 5)
    assert stats.statuses == {"2xx": 2, "4xx": 1, "5xx": 1}
    assert stats.outcomes == {"completed": 3, "failed": 1}
    assert (stats.duration_ms_p50, stats.duration_ms_p99) == (9.0, 9.0)
    assert sum(path.count for path in stats.paths) == 4
    assert store.stats(Query(scope=Scope.of("nobody"))).count == 0


def test_stats_of_users_and_keys(store):
    """Who has used how much: rows, errors, refusals, bytes, tokens."""
    mine = {"user_id": "u1", "api_key_id": "k1", "request_body_bytes": 3, "response_body_bytes": 4}
    store.insert(
        line(input_tokens=5, output_tokens=6, path="/a", **mine)
        + line(outcome="quota_exceeded", status_code=429, path="/a", **mine)
        + line(status_code=500, user_id="u2", path="/a")
        + line(path="/a")
    )
    stats = store.stats(Query(scope=Scope.all()))
    used = [(u.name, u.count, u.errors, u.refused, u.bytes, u.tokens) for u in stats.users]
    assert used == [("u1", 2, 0, 1, 14, 11), ("u2", 1, 1, 0, 0, 0)]
    assert [(key.name, key.count) for key in stats.keys] == [("k1", 2)]
    assert stats.paths[0].bytes == 14


@pytest.mark.parametrize(("step_s", "bucket_s"), [(0.1, 1), (10, 10), (60, 60), (86_400, 86_400)])
def test_timeline(store, step_s, bucket_s):
    """Counts, errors and percentiles by stretches that fit the span; a gap counts as dropped."""
    rows = [
        line(
            request_timestamp=at(number * step_s),
            duration_ms=float(number % 10),
            status_code=500 if number % 10 == 0 else 200,
        )
        for number in range(150)
    ]
    store.insert(b"".join(rows) + line(request_timestamp=at(1), outcome="dropped", dropped_count=7))
    timeline = store.timeline(Query(scope=Scope.all()))
    assert timeline.bucket_s == bucket_s
    assert sum(point.count for point in timeline.points) == 150
    assert sum(point.errors for point in timeline.points) == 15
    assert sum(point.dropped for point in timeline.points) == 7
    assert [point.at for point in timeline.points] == sorted(point.at for point in timeline.points)
    assert all(len(point.at) == 27 and point.at.endswith("Z") for point in timeline.points)
    assert timeline.points[0].at <= at(0) < timeline.points[1].at
    if step_s == 0.1:
        full = timeline.points[2]
        assert (full.count, full.p50, full.p95, full.p99) == (10, 5.0, 9.0, 9.0)
    assert store.timeline(Query(scope=Scope.of("nobody"))).points == []


def test_prune_goes_in_steps(store):
    """prune deletes the oldest, at most `limit` at once; prune_bodies keeps rows and sizes."""
    store.insert(
        b"".join(
            line(request_timestamp=at(number), request_body="b", request_body_bytes=1)
            for number in range(20)
        )
    )
    assert store.prune_bodies(before=at(8), limit=5) == 5
    assert store.prune_bodies(before=at(8), limit=5) == 3
    assert store.prune_bodies(before=at(8), limit=5) == 0
    kept = [store.get(row.id, Scope.all()).request_body for row in everything(store)]
    assert kept == ["b"] * 12 + [None] * 8
    assert {row.request_body_bytes for row in everything(store)} == {1}
    assert store.prune(before=at(6), limit=4) == 4
    assert store.prune(before=at(6), limit=4) == 2
    assert len(everything(store)) == 14


def test_prune_user(store):
    """One user's rows, and nobody else's."""
    store.insert(b"".join(line(user_id=f"u{number % 2}") for number in range(6)))
    assert store.prune_user("u1", limit=10) == 3
    assert {row.user_id for row in everything(store)} == {"u0"}


def test_since_follows_what_is_stored(store):
    """The live tail sees each row by when it was stored, also one that began long ago."""
    store.insert(line(request_timestamp=at(9)))
    first = everything(store)[0].stored_at
    store.insert(line(request_timestamp=at(1)))
    rows = store.since(Query(scope=Scope.all(), limit=10), stored_after=first)
    assert [row.request_timestamp for row in rows] == [at(9), at(1)]


def test_two_writers_at_once(store):
    """Threads that insert overlapping batches: every id once."""
    lines = [line(request_timestamp=at(number)) for number in range(300)]
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda start: store.insert(b"".join(lines[start : start + 150])), range(0, 151, 10)
            )
        )
    ids = [row.id for row in everything(store)]
    assert len(ids) == len(set(ids)) == 300


def test_migrate_is_idempotent(store):
    """Migrating again changes nothing; the schema is current, and ping says so."""
    store.insert(line())
    store.migrate()
    assert store.schema_status() == "current"
    store.ping()
    assert len(everything(store)) == 1


def make_older(store, version):
    """Bring an empty store to an older version, as the dashcam of that time did."""
    if hasattr(store, "_layout"):
        from dashcam.store.clickhouse_schema import statements, version_table

        store._command(version_table(store._layout))
        for each in VERSIONS[: VERSIONS.index(version) + 1]:
            for statement in statements(each, store._layout):
                store._command(statement)
        store._command(f"INSERT INTO dashcam_version VALUES (1, '{version}', 1)")
        return
    from alembic import command
    from alembic.config import Config

    with store._connection(write=True) as connection:
        config = Config()
        place = str(Path(schema.__file__).parent / "migrations")
        config.set_main_option("script_location", place)
        config.attributes["connection"] = connection
        command.upgrade(config, version)


@pytest.mark.parametrize("version", VERSIONS[:-1])
@pytest.mark.parametrize("engine", ENGINES)
def test_migrate_from_each_older_revision(request, tmp_path, engine, version):
    """Rows stay, the schema becomes current, and what is new works."""
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/logs.db"}.get(engine)
    if engine == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    elif engine == "clickhouse":
        url = request.getfixturevalue("clickhouse")()
    store = open_store(url)
    make_older(store, version)
    assert store.schema_status() == "older"
    with pytest.raises(StoreSetupError):
        store.ping()
    store.insert(line(path="/old"))
    store.migrate()
    store.ping()
    assert [row.path for row in everything(store)] == ["/old"]
    assert store.keys() == []
    store.close()


def test_sqlite_library_is_new_enough():
    """Upserts need SQLite 3.24, row values 3.15."""
    assert sqlite3.sqlite_version_info >= (3, 24)
