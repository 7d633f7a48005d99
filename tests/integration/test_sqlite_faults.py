"""SQLite in trouble: what kind of error comes out, and that nothing is lost."""

import os
import sqlite3
import subprocess
import sys
import threading

import msgspec
import pytest
from tests.processes import ROOT

from dashcam.errors import StoreSetupError, StoreUnavailableError
from dashcam.exchange import Exchange
from dashcam.store import open_store
from dashcam.store.base import Query, Scope
from dashcam.store.retention import prune_all
from dashcam.store.schema import HEAD, VERSIONS


def line():
    return msgspec.json.encode(Exchange()) + b"\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "logs.db"


@pytest.fixture
def store(path):
    opened = open_store(f"sqlite:///{path}")
    opened.migrate()
    yield opened
    opened.close()


def count(store):
    return len(store.page(Query(scope=Scope.all(), limit=1000)))


def test_locked_is_passing_trouble(store, path, monkeypatch):
    """Another connection holds the write lock: StoreUnavailableError, and later it works."""
    monkeypatch.setattr("dashcam.store.sqlite.BUSY_TIMEOUT_MS", 50)
    store.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError):
        store.insert(line())
    other.execute("ROLLBACK")
    other.close()
    store.insert(line())
    assert count(store) == 1


def test_what_is_pruned_by_hand_waits_for_a_busy_database(store, path, monkeypatch):
    """Each wait for the lock is too short, all of them together aren't; without patience it is an error."""
    monkeypatch.setattr("dashcam.store.sqlite.BUSY_TIMEOUT_MS", 50)
    store.insert(line())
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with monkeypatch.context() as patch:
        patch.setattr("dashcam.store.retention.PATIENCE_S", 0)
        with pytest.raises(StoreUnavailableError, match="SQLITE_BUSY"):
            prune_all(store, before="9999")
    release = threading.Timer(0.5, lambda: other.execute("ROLLBACK"))
    release.start()
    assert prune_all(store, before="9999") == 1
    release.join()
    other.close()
    assert count(store) == 0


@pytest.mark.parametrize("look_s", [0, 3600])
def test_a_deleted_file_is_made_anew(store, path, look_s, monkeypatch):
    """Rows are never written into a file that has lost its name: the store says what is wrong, and goes on.

    It may be seen before an insert, or behind it.
    """
    store.insert(line())
    monkeypatch.setattr("dashcam.store.sqlite.LOOK_S", look_s)
    for each in path.parent.iterdir():
        each.unlink()
    if look_s:
        with pytest.raises(StoreUnavailableError, match="deleted or replaced"):
            store.insert(line())
    with pytest.raises(StoreSetupError):
        store.insert(line())
    store.migrate()
    store.insert(line())
    assert count(store) == 1


def test_a_corrupt_file_needs_a_person(store, path):
    """A file that is no database is StoreSetupError: nothing is overwritten."""
    store.close()
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreSetupError):
        store.insert(line())
    assert path.read_bytes().startswith(b"this is no database")


def test_a_missing_table_needs_a_person(store, path):
    """No such table is StoreSetupError, not a refused row."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE request_logs")
    connection.close()
    with pytest.raises(StoreSetupError):
        store.insert(line())


def test_a_long_reader_stops_nobody(store, path):
    """A reader that holds its snapshot keeps the WAL, not the writer."""
    store.insert(line())
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM request_logs").fetchone()
    for _ in range(20):
        store.insert(line())
    assert reader.execute("SELECT count(*) FROM request_logs").fetchone() == (1,)
    assert count(store) == 21
    reader.close()


def test_the_disk_is_full(tmp_path):
    """A full disk is passing trouble; with room again the same batch is stored."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False
    ).returncode:
        pytest.skip("no right to mount a tmpfs")
    try:
        store = open_store(f"sqlite:///{place}/logs.db")
        store.migrate()
        filler = place / "filler"
        filler.write_bytes(b"x" * (os.statvfs(place).f_bavail * 4096 - 20_000))
        batch = b"".join(line() for _ in range(200))
        with pytest.raises(StoreUnavailableError):
            store.insert(batch)
        filler.unlink()
        store.insert(batch)
        assert count(store) == 200
        store.close()
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_the_database_is_for_its_owner_only(store, path):
    """A database that we make has mode 0600, and so have its WAL files."""
    store.insert(line())
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


def test_a_newer_database_is_refused(store, path):
    """Written by a newer version: a clear error that says what to do, and nothing is changed."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE dashcam_version SET version_num = '9999'")
    connection.close()
    assert store.schema_status() == "newer"
    with pytest.raises(StoreSetupError, match=f"version 9999.*knows {HEAD}.*newer dashcam"):
        store.migrate()


def test_a_migration_that_was_interrupted_half_way(tmp_path):
    """The table is there but not the version: migrating again completes it."""
    path = tmp_path / "logs.db"
    first = open_store(f"sqlite:///{path}")
    first.migrate()
    first.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM dashcam_version")
        connection.execute("DROP INDEX ix_request_logs_key")
    connection.close()
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    store.insert(line())
    indexes = sqlite3.connect(path)
    assert indexes.execute(
        "SELECT count(*) FROM sqlite_master WHERE name = 'ix_request_logs_key'"
    ).fetchone() == (1,)
    indexes.close()
    store.close()


def test_eight_processes_migrate_at_once(tmp_path):
    """One schema, and every process can insert."""
    script = (
        "import sys; from dashcam.store import open_store; from tests.integration.test_sqlite_faults import line;"
        "store = open_store(sys.argv[1]); store.migrate(); store.insert(line()); store.close()"
    )
    url = f"sqlite:///{tmp_path}/logs.db"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen([sys.executable, "-c", script, url], env=env) for _ in range(8)]
    assert [process.wait(60) for process in processes] == [0] * 8
    store = open_store(url)
    assert count(store) == 8
    store.close()


def test_migrations_and_table_agree(tmp_path):
    """Alembic finds no difference between what migrations made and the Table; HEAD is its head."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from dashcam.store import schema
    from dashcam.store.table import metadata

    migrated = open_store(f"sqlite:///{tmp_path}/migrated.db")
    with migrated._connection(write=True) as connection:
        schema.migrate(connection)
    created = open_store(f"sqlite:///{tmp_path}/created.db")
    created.migrate()
    columns = []
    for each in (migrated, created):
        assert each.schema_status() == "current"
        with each._current_engine().connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"version_table": "dashcam_version", "compare_type": True}
            )
            differences = compare_metadata(context, metadata)
            found = connection.exec_driver_sql(
                "SELECT m.name, c.* FROM sqlite_master m, pragma_table_info(m.name) c ORDER BY 1, 2"
            )
            columns.append([tuple(row) for row in found])
        assert [each for each in differences if "ix_request_logs_errors" not in str(each)] == []
        each.close()
    assert columns[0] == columns[1]
    script = ScriptDirectory(str(ROOT / "src/dashcam/store/migrations"))
    assert [revision.revision for revision in script.walk_revisions()][::-1] == list(VERSIONS)
    assert script.get_current_head() == HEAD


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (Query(scope=Scope.all()), "ix_request_logs_time"),
        (
            Query(scope=Scope.all(), before=("2026-01-01T00:00:00.000000Z", "x")),
            "ix_request_logs_time",
        ),
        (Query(scope=Scope.of("u")), "ix_request_logs_user"),
        (Query(scope=Scope.all(), api_key_id="k"), "ix_request_logs_key"),
        (Query(scope=Scope.all(), errors_only=True), "ix_request_logs_errors"),
    ],
    ids=["plain", "at depth", "user", "key", "errors"],
)
def test_pages_are_read_from_an_index(store, query, index):
    """A page is a walk along an index, never a sort of the table."""
    from dashcam.store import sql

    statement, values = sql.page(query)
    with store._connection() as connection:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, tuple(values)).all()
    assert index in plan[0][3], plan
    if index != "ix_request_logs_key":
        assert not any("TEMP B-TREE" in row[3] for row in plan), plan
