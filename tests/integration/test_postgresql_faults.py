"""PostgreSQL in trouble: whatever happens to the server, nothing accepted is lost."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import pytest
from tests.postgres import server
from tests.processes import wait_until

from dashcam import Exchange, Recorder, Settings
from dashcam.errors import RowRefusedError, StoreSetupError, StoreUnavailableError
from dashcam.exchange import timestamp
from dashcam.store import open_store
from dashcam.store.base import Query, Scope
from dashcam.store.retention import prune_all
from dashcam.store.schema import VERSIONS


def line(**fields):
    return msgspec.json.encode(Exchange(**fields)) + b"\n"


@pytest.fixture
def own():
    """A server that the test may harm."""
    with server() as running:
        yield running


@contextlib.contextmanager
def recording(url, tmp_path, **settings):
    """A recorder whose records go to `url`; what it has accepted is in `accepted`."""
    given = {
        "store": url,
        "journal_dir": str(tmp_path / "journal"),
        "batch_interval_s": 0.02,
        "retry_max_s": 0.5,
        "retry_initial_s": 0.05,
        **settings,
    }
    recorder = Recorder(Settings(environ={}, **given))
    recorder.start()
    recorder.accepted = []

    def record(count):
        for number in range(count):
            exchange = Exchange(path=f"/{number}", request_body="x" * 200)
            began = time.perf_counter()
            assert recorder.record(exchange)
            assert time.perf_counter() - began < 1
            recorder.accepted.append(exchange.id)

    recorder.add = record
    try:
        yield recorder
    finally:
        recorder.close(5)


def stored_ids(url):
    store = open_store(url)
    found = []
    before = None
    while rows := store.page(Query(scope=Scope.all(), limit=1000, before=before)):
        found += [row.id for row in rows]
        before = (rows[-1].request_timestamp, rows[-1].id)
    store.close()
    return found


def check(recorder, url, tmp_path):
    """I0: what was accepted is stored, once; nothing failed; the numbers agree."""
    assert recorder.flush(40)
    found = stored_ids(url)
    assert sorted(found) == sorted(recorder.accepted)
    now = recorder.statistics()
    assert (now.accepted, now.stored, now.failed, now.pending) == (len(found), len(found), 0, 0)
    assert not (tmp_path / "failed_logs.jsonl").exists()


def migrated(running):
    url = running.new_database()
    store = open_store(url)
    store.migrate()
    store.close()
    return url


def troubled(recorder, *states):
    wait_until(
        lambda: recorder.statistics().writer_state in states,
        what=f"the writer is {' or '.join(states)}",
        timeout_s=45,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_server_ends_and_comes_back(own, tmp_path, how):
    """Stopped, or killed hard, under load: it catches up by itself."""
    url = migrated(own)
    with recording(url, tmp_path) as recorder:
        recorder.add(200)
        own.stop(how)
        recorder.add(200)
        troubled(recorder, "retrying")
        own.start()
        recorder.add(200)
        check(recorder, url, tmp_path)


def test_the_server_hangs_for_30_s(own, tmp_path):
    """Every process of the server is stopped (SIGSTOP) and resumed: I0."""
    url = migrated(own)
    with recording(url, tmp_path) as recorder:
        recorder.add(100)
        assert recorder.flush(10)
        own.send_signal(signal.SIGSTOP)
        resume = threading.Timer(30, own.send_signal, [signal.SIGCONT])
        resume.start()
        recorder.add(1000)
        assert not recorder.flush(1)
        resume.join()
        check(recorder, url, tmp_path)


def test_connections_are_terminated(own, tmp_path):
    """pg_terminate_backend again and again: the batch is sent again."""
    url = migrated(own)
    with recording(url, tmp_path) as recorder:
        for _ in range(20):
            recorder.add(50)
            own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'dashcam'"
            )
        check(recorder, url, tmp_path)


CASES = {
    "read-only": (
        ["ALTER DATABASE {db} SET default_transaction_read_only = on"],
        ["SET default_transaction_read_only = off; ALTER DATABASE {db} RESET ALL"],
        ("retrying",),
    ),
    "password changed": (
        ["ALTER ROLE app PASSWORD 'another'"],
        ["ALTER ROLE app PASSWORD 'example'"],
        ("blocked",),
    ),
    "no rights": (
        ["REVOKE INSERT ON request_logs FROM app"],
        ["GRANT INSERT ON request_logs TO app"],
        ("blocked",),
    ),
    "table missing": (
        ["ALTER TABLE request_logs RENAME TO elsewhere"],
        ["ALTER TABLE elsewhere RENAME TO request_logs"],
        ("blocked",),
    ),
    "unknown column": (
        ["ALTER TABLE request_logs RENAME COLUMN tags TO labels"],
        ["ALTER TABLE request_logs RENAME COLUMN labels TO tags"],
        ("blocked",),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_set_up_wrongly_for_a_while(own, tmp_path, case):
    """Nothing goes to the failed file for it; when it is mended, everything arrives."""
    breaks, mends, states = CASES[case]
    admin = migrated(own)
    database = admin.rpartition("/")[2]
    own.execute("CREATE ROLE app LOGIN PASSWORD 'example'")
    own.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO app", database)
    own.execute("GRANT CREATE ON SCHEMA public TO app", database)
    own.execute("ALTER TABLE request_logs OWNER TO app", database)
    if case == "no rights":
        own.execute("ALTER TABLE request_logs OWNER TO postgres", database)
        own.execute("GRANT SELECT, INSERT, UPDATE ON request_logs TO app", database)
    url = admin.replace("postgres:example-password", "app:example")
    with recording(url, tmp_path) as recorder:
        recorder.add(50)
        assert recorder.flush(20)
        for statement in breaks:
            own.execute(statement.format(db=database), database)
        own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'dashcam'"
        )
        recorder.add(100)
        troubled(recorder, *states)
        for statement in mends:
            for part in statement.split("; "):
                own.execute(
                    part.format(db=database), "postgres" if "DATABASE" in part else database
                )
        own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'dashcam'"
        )
        check(recorder, admin, tmp_path)


def test_the_table_is_locked(own, tmp_path):
    """Somebody holds an exclusive lock for a while: the batch waits, and is stored once."""
    import psycopg

    url = migrated(own)
    database = url.rpartition("/")[2]
    with recording(url, tmp_path) as recorder:
        recorder.add(50)
        assert recorder.flush(10)
        with psycopg.connect(own.conninfo(database)) as connection:
            connection.execute("LOCK TABLE request_logs IN ACCESS EXCLUSIVE MODE")
            recorder.add(100)
            assert not recorder.flush(2)
        check(recorder, url, tmp_path)


def test_the_disk_of_the_server_is_full(tmp_path):
    """No space on a small file system: it retries, and goes on when there is room."""
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(mount)],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        pytest.skip("a tmpfs can't be mounted here")
    mount.chmod(0o777)
    try:
        with server(max_wal_size="32MB", min_wal_size="32MB", wal_recycle="off") as running:
            running.execute("SELECT 1")
            import os
            import pwd

            space = mount / "space"
            space.mkdir()
            if os.geteuid() == 0:
                entry = pwd.getpwnam("nobody")
                os.chown(space, entry.pw_uid, entry.pw_gid)
            for parent in tmp_path.parents:
                if parent != parent.parent and not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
            tmp_path.chmod(0o755)
            running.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
            running.execute("CREATE DATABASE tiny TABLESPACE small")
            url = running.url("tiny")
            store = open_store(url)
            store.migrate()
            store.close()
            with recording(url, tmp_path) as recorder:
                recorder.add(100)
                assert recorder.flush(20)
                ballast = mount / "ballast"
                with contextlib.suppress(OSError), ballast.open("wb") as file:
                    while True:
                        file.write(bytes(65536))
                recorder.add(5000)
                troubled(recorder, "retrying")
                ballast.unlink()
                check(recorder, url, tmp_path)
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)


class Proxy:
    """Passes bytes to and fro; can cut a connection when the server's answer is on its way."""

    def __init__(self, port):
        self.target = port
        self.cut_answers = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            seen = {"insert": False}
            for one, other, up in ((client, upstream, True), (upstream, client, False)):
                threading.Thread(
                    target=self.relay, args=(one, other, up, seen), daemon=True
                ).start()

    def relay(self, one, other, up, seen):
        try:
            while data := one.recv(1 << 20):
                if up and b"INSERT INTO request_logs" in data:
                    seen["insert"] = True
                if not up and seen["insert"] and self.cut_answers > 0 and b"INSERT 0" in data:
                    self.cut_answers -= 1
                    break  # it is committed, and nobody will hear of it
                other.sendall(data)
        except OSError:
            pass
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        one.close()


def test_reset_after_commit_and_before_its_answer(own, tmp_path):
    """The commit happened, its answer was lost: sent again, stored once, nothing failed."""
    url = migrated(own)
    proxy = Proxy(own.port)
    proxy.cut_answers = 5
    with recording(url.replace(f":{own.port}", f":{proxy.port}"), tmp_path) as recorder:
        for _ in range(5):
            recorder.add(50)
            time.sleep(0.05)
        check(recorder, url, tmp_path)
    assert proxy.cut_answers == 0
    proxy.listener.close()


def test_one_poison_row_in_a_thousand(postgres, tmp_path):
    """A row that a constraint refuses: 999 are stored, it alone is in the failed file."""
    url = migrated(postgres)
    postgres.execute(
        "ALTER TABLE request_logs ADD CONSTRAINT no CHECK (path <> '/poison')",
        url.rpartition("/")[2],
    )
    with recording(url, tmp_path, batch_size=1000, batch_interval_s=5) as recorder:
        recorder.add(500)
        assert recorder.record(Exchange(path="/poison"))
        recorder.add(499)
        assert recorder.flush(30)
        assert sorted(stored_ids(url)) == sorted(recorder.accepted)
        assert recorder.statistics().failed == 1
    (told,) = (tmp_path / "failed_logs.jsonl").read_text().splitlines()
    told = json.loads(told)
    assert told["record"]["path"] == "/poison"
    assert "23514" in told["error"]


def test_migrate_from_each_revision_by_many_at_once(postgres):
    """Eight processes migrate an empty database, and one of each older version: one schema."""
    script = (
        "import sys\nfrom dashcam.store import open_store\n"
        "store = open_store(sys.argv[1]); store.migrate(); store.ping()"
    )
    url = postgres.new_database()
    command = [sys.executable, "-c", script, url]
    processes = [subprocess.Popen(command) for _ in range(8)]
    assert [process.wait(60) for process in processes] == [0] * 8
    from alembic import command as alembic_command
    from alembic.config import Config

    import dashcam.store.schema as schema

    for version in VERSIONS[:-1]:
        url = postgres.new_database()
        store = open_store(url)
        with store._connection(write=True) as connection:
            config = Config()
            place = schema.__file__.removesuffix("schema.py") + "migrations"
            config.set_main_option("script_location", place)
            config.attributes["connection"] = connection
            alembic_command.upgrade(config, version)
        assert store.schema_status() == "older"
        with pytest.raises(StoreSetupError, match="dashcam migrate"):
            store.ping()
        store.migrate()
        store.ping()
        store.insert(line())
        store.close()


def test_migrations_and_table_agree(postgres):
    """Alembic finds no difference between what migrations made and the Table."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from dashcam.store.table import make_metadata

    store = open_store(migrated(postgres))
    with store._connection() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": "dashcam_version",
                "compare_type": True,
                "include_name": lambda name, kind, _parents: (
                    kind != "table" or not str(name).startswith("request_logs_")
                ),
            },
        )
        differences = compare_metadata(context, make_metadata("postgresql"))
    store.close()
    assert differences == []


def test_partitions(postgres):
    """By day, made ahead; rows of any time are taken; prune drops whole days and then rows."""
    url = migrated(postgres)
    database = url.rpartition("/")[2]
    store = open_store(url)
    now_ns = time.time_ns()
    day_ns = 86_400 * 10**9
    times = [now_ns - back * day_ns for back in (0, 1, 5, 5, 40)]
    store.insert(b"".join(line(request_timestamp=timestamp(each)) for each in times))
    store.insert(line(request_timestamp="0001-01-01T00:00:00.000000Z"))
    store.insert(line(request_timestamp="9999-01-01T00:00:00.000000Z"))

    def partitions():
        return [
            name
            for (name,) in postgres.execute(
                "SELECT relname FROM pg_class WHERE relname ~ '^request_logs_p[0-9]{8}$'", database
            )
        ]

    assert len(partitions()) == 6  # four days of rows, and two to come
    assert postgres.execute("SELECT count(*) FROM request_logs_default", database) == [(2,)]
    before = timestamp(now_ns - 3 * day_ns)
    assert prune_all(store, before=before) == 4
    assert len(partitions()) == 4
    left = store.page(Query(scope=Scope.all()))
    assert len(left) == 3
    found = left[1]
    assert store.get(found.id, Scope.all()).id == found.id
    store.close()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda url: url.replace("example-password", "wrong"), StoreSetupError),
        (lambda url: url + "x", StoreSetupError),
        (lambda url: url.replace("postgres:", "nobody_here:"), StoreSetupError),
        (lambda url: "postgresql+psycopg://a:b@127.0.0.1:1/x", StoreUnavailableError),
    ],
    ids=["password", "database", "role", "port"],
)
def test_connection_errors_are_told_apart(postgres, change, error):
    """A wrong credential or name blocks; a server that isn't there is tried again."""
    store = open_store(change(postgres.new_database()))
    with pytest.raises(error) as caught:
        store.ping()
    assert "example-password" not in str(caught.value)
    store.close()


def test_rows_that_the_server_refuses(postgres):
    """Refused for what is in it: RowRefusedError, the batch is not stored."""
    store = open_store(migrated(postgres))
    good = line()
    for bad in (
        good.replace(b'"path":null', b'"path":"\\u0000"'),
        good.replace(b'"status_code":null', b'"status_code":9999999999'),
    ):
        with pytest.raises(RowRefusedError):
            store.insert(line() + bad)
    assert store.page(Query(scope=Scope.all())) == []
    store.close()


def test_pgbouncer_in_transaction_mode(own, tmp_path):
    """Behind PgBouncer, which gives each transaction another connection: all is stored and found."""
    import os
    import pwd

    pgbouncer = shutil.which("pgbouncer")
    if pgbouncer is None:
        pytest.skip("pgbouncer is not installed")
    url = own.new_database()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="dashcam-pgb-") as directory:
        place = Path(directory)
        place.chmod(0o777)
        (place / "users").write_text('"postgres" "example-password"\n')
        (place / "config.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={own.port}\n[pgbouncer]\n"
            f"listen_addr=127.0.0.1\nlisten_port={port}\nauth_type=scram-sha-256\n"
            f"auth_file={place}/users\npool_mode=transaction\ndefault_pool_size=2\n"
            f"unix_socket_dir=\nlogfile={place}/log\n"
        )
        user = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("nobody")
            user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        process = subprocess.Popen([pgbouncer, "-q", place / "config.ini"], **user)
        try:
            behind = url.replace(f":{own.port}/", f":{port}/")
            store = open_store(behind)

            def answers():
                try:
                    store.migrate()
                except StoreUnavailableError:
                    return False
                return True

            wait_until(answers, what="pgbouncer")
            with recording(behind, tmp_path) as recorder:
                threads = [
                    threading.Thread(
                        target=lambda: [store.page(Query(scope=Scope.all())) for _ in range(100)]
                    )
                    for _ in range(4)
                ]
                for thread in threads:
                    thread.start()
                recorder.add(2000)
                for thread in threads:
                    thread.join()
                check(recorder, url, tmp_path)
                assert recorder.statistics().retries == 0
            assert store.stats(Query(scope=Scope.all())).count == 2000
            store.close()
        finally:
            process.terminate()
            process.wait(10)
