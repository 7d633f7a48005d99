"""ClickHouse: each row once though merges come late, a cluster's statements, retention, a recorder."""

import time

import msgspec
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from dashcam import Exchange, Recorder, Settings
from dashcam.exchange import timestamp
from dashcam.store import open_store
from dashcam.store.base import Query, Scope
from dashcam.store.clickhouse_schema import Layout, statements, version_table
from dashcam.store.schema import VERSIONS

DAY_NS = 86_400 * 10**9


def line(**fields):
    return msgspec.json.encode(Exchange(**fields)) + b"\n"


@pytest.fixture
def store(clickhouse):
    opened = open_store(clickhouse())
    opened.migrate()
    yield opened
    opened.close()


def test_merges_come_late(store):
    """With merges stopped every question gives each row once, in its highest revision."""
    store._command("SYSTEM STOP MERGES request_logs")
    exchanges = [Exchange(user_id=None, outcome="interrupted", revision=0) for _ in range(20)]
    store.insert(b"".join(msgspec.json.encode(each) + b"\n" for each in exchanges))
    for revision in (1, 1, 2):
        for each in exchanges:
            each.revision, each.outcome, each.user_id = revision, "completed", "u"
            each.path, each.status_code, each.duration_ms = f"/{revision}", 200, 1.0
        store.insert(b"".join(msgspec.json.encode(each) + b"\n" for each in exchanges))
    (parts,) = store._ask(
        "SELECT sum(rows) AS rows FROM system.parts WHERE active AND table = ? AND "
        "database = currentDatabase()",
        ["request_logs"],
    )
    assert parts["rows"] == 80
    rows = store.page(Query(scope=Scope.all(), limit=100))
    assert len(rows) == 20
    assert {(row.revision, row.path, row.user_id) for row in rows} == {(2, "/2", "u")}
    stats = store.stats(Query(scope=Scope.of("u")))
    assert (stats.count, stats.outcomes) == (20, {"completed": 20})
    assert store.page(Query(scope=Scope.all(), outcomes=("interrupted",))) == []
    assert store.get(exchanges[0].id, Scope.of("u")).revision == 2
    assert len(store.since(Query(scope=Scope.all(), limit=100), stored_after="")) == 20


@pytest.mark.parametrize("cluster", [None, "main", "it's"])
def test_the_statements_are_valid(store, cluster):
    """What is sent to a cluster is checked by the engine's own parser."""
    layout = Layout(cluster=cluster)
    texts = [version_table(layout)]
    for version in VERSIONS:
        texts += statements(version, layout)
    for text in texts:
        assert "CreateQuery" in str(store._client().command(f"EXPLAIN AST {text}"))
    joined = "\n".join(texts)
    if cluster == "main":
        assert joined.count("ON CLUSTER 'main'") == len(texts)
        assert "ReplicatedReplacingMergeTree(" in joined
        assert (
            "Distributed('main', currentDatabase(), request_logs_local, cityHash64(id))" in joined
        )
    elif cluster is None:
        assert "CLUSTER" not in joined
    with pytest.raises(DatabaseError):
        store._client().command("EXPLAIN AST CREATE TABLE nonsense ON ON")


def test_retention_is_the_engines(store):
    """A TTL from the settings; and whole days are dropped at once."""
    now_ns = time.time_ns()
    for back in (0, 3, 40):
        store.insert(line(request_timestamp=timestamp(now_ns - back * DAY_NS), request_body="x"))
    store.apply_retention(days=30, body_days=2)
    definition = store._definition()
    assert "TTL day + toIntervalSecond(2592000)" in definition
    assert "TTL day + toIntervalSecond(172800)" in definition
    ran = []
    command = store._command
    store._command = lambda statement, **more: ran.append(statement) or command(statement, **more)
    store.apply_retention(days=30, body_days=2)
    assert ran == []  # nothing is to be changed
    before = timestamp(now_ns - 30 * DAY_NS)[:10] + "T00:00:00.000000Z"
    assert store.prune(before=before, limit=500) == 1
    assert store.prune(before=before, limit=500) == 0
    store.apply_retention(days=0, body_days=0)
    assert "TTL day + toIntervalSecond(2592000)" not in store._definition()


def test_a_recorder_stores_in_it(clickhouse, tmp_path):
    """From accepted to stored, in the large batches that this engine wants."""
    url = clickhouse()
    settings = Settings(environ={}, store=url, journal_dir=str(tmp_path / "journal"))
    assert (settings.batch_size, settings.batch_interval_s) == (10_000, 2.0)
    assert Settings(environ={}, store=url, batch_size=7).batch_size == 7
    store = open_store(url)
    store.migrate()
    recorder = Recorder(settings)
    recorder.start()
    ids = []
    for number in range(3000):
        exchange = Exchange(path=f"/{number}", tags={"n": number, "text": "\U0001f600 '\\ ?"})
        ids.append(exchange.id)
        assert recorder.record(exchange)
    assert recorder.flush(30)
    assert recorder.statistics().batches < 4
    recorder.close(10)
    found = []
    before = None
    while rows := store.page(Query(scope=Scope.all(), limit=1000, before=before)):
        found += [row.id for row in rows]
        before = (rows[-1].request_timestamp, rows[-1].id)
    assert sorted(found) == sorted(ids)
    assert rows == []
    store.close()


def test_keys(store):
    """API keys are stored, found and revoked here too."""
    from dashcam.access import ApiKeys

    keys = ApiKeys(store)
    made = keys.create("alice", quota="5/minute")
    assert store.find_key(key_id=made.row.id) == made.row
    assert [row.id for row in keys.all(user_id="alice")] == [made.row.id]
    assert keys.revoke(made.row.id)
    assert not keys.revoke(made.row.id)
    assert store.find_key(key_hash=made.row.key_hash).revoked_at is not None
    assert keys.find_id(made.row.id) is None
