"""Real servers, real HTTP: start-up, hand-over, shutdown by signals, workers, frameworks."""

import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from tests.checker import rows, settle, tokens
from tests.processes import ROOT, environment, own_port, read_port, running, wait_until


def ask(port, path, method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("writer", ["thread", "process"])
@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_startup_hand_over_and_shutdown_in_uvicorn(tmp_path, writer, signal_):
    """uvicorn starts it, requests are stored, and a signal drains everything before the end."""
    env = environment(tmp_path, writer=writer, batch_interval_s=30)
    with running(
        "-m", "tests.apps.tokens", str(tmp_path / "port"), "1", env=env, cwd=tmp_path
    ) as server:
        port = read_port(tmp_path / "port", server)
        for number in range(30):
            assert ask(port, f"/now/t{number}") == (200, b"t%d" % number)
        os.kill(server.pid, signal_)
        server.wait(20)
    assert sorted(tokens(rows(tmp_path), "completed")) == sorted(
        f"t{number}" for number in range(30)
    )
    assert not list((tmp_path / ".dashcam" / "journal").glob("*/*.seg"))


def corrupt(path):
    path.write_bytes(b"no database " * 100)
    return path.unlink


def locked(path):
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA journal_mode=WAL")
    other.isolation_level = None
    other.execute("BEGIN IMMEDIATE")
    return lambda: (other.execute("ROLLBACK"), other.close())


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("store", "writer"), [(corrupt, "thread"), (locked, "thread"), (locked, "process")]
)
def test_a_dead_store_doesnt_hold_up_the_end(tmp_path, signal_, times, store, writer):
    """SIGTERM or SIGINT with a store that never answers: the end comes in time, the rest stays."""
    env = environment(tmp_path, shutdown_timeout_s=1, writer=writer)
    mend = store(tmp_path / "request_logs.db")
    with running(
        "-m", "tests.apps.tokens", str(tmp_path / "port"), "1", env=env, cwd=tmp_path
    ) as server:
        port = read_port(tmp_path / "port", server)
        assert ask(port, "/now/a")[0] == 200
        began = time.monotonic()
        for _ in range(times):
            os.kill(server.pid, signal_)
            time.sleep(0.1)  # two signals, not one that is merged with the other
        server.wait(20)
        assert time.monotonic() - began < 6
    mend()
    settle(tmp_path)
    assert tokens(rows(tmp_path), "completed") == ["a"]


def test_an_unusable_journal_stops_the_start(tmp_path):
    """journal_dir can't be used: the server doesn't start, and says why, before any request."""
    (tmp_path / "file").write_text("x")
    env = environment(tmp_path, journal_dir=tmp_path / "file" / "journal")
    with running(
        "-m",
        "tests.apps.tokens",
        str(tmp_path / "port"),
        "1",
        env=env,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    ) as server:
        _, errors = server.communicate(timeout=20)
    assert server.returncode == 3
    assert b"journal directory" in errors
    assert b"Traceback" not in errors


@pytest.mark.parametrize("lifespan", ["auto", "on"])
@pytest.mark.parametrize("framework", ["fastapi.FastAPI", "starlette.applications.Starlette"])
def test_a_wrong_setting_stops_the_start(tmp_path, framework, lifespan):
    """add_middleware with a wrong setting: uvicorn doesn't start, and says why in one line."""
    module, _, name = framework.rpartition(".")
    (tmp_path / "late.py").write_text(
        f"from {module} import {name}\nfrom dashcam import DashcamMiddleware\n"
        f"app = {name}()\napp.add_middleware(DashcamMiddleware)\n"
    )
    env = environment(tmp_path, batch_size=0)
    arguments = ("-m", "uvicorn", "late:app", "--port", "0", "--lifespan", lifespan)
    done = subprocess.run(
        [sys.executable, *arguments],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "batch_size must be at least 1, got '0' (from DASHCAM_BATCH_SIZE)" in done.stderr
    assert "Traceback" not in done.stderr


def test_workers_of_one_host_share_one_writer(tmp_path):
    """Four workers, the leader killed under load: one successor, every answer stored exactly once."""
    env = environment(tmp_path, batch_interval_s=0.05)
    with running(
        "-m", "tests.apps.tokens", str(tmp_path / "port"), "4", env=env, cwd=tmp_path
    ) as server:
        port = read_port(tmp_path / "port", server)
        answered = []
        for number in range(300):
            try:
                ask(port, f"/now/t{number}")
                answered.append(f"t{number}")
            except (OSError, http.client.HTTPException):
                pass
            if number in (100, 200):
                journals = [
                    path.name for path in (tmp_path / ".dashcam" / "journal").glob("*-*-*/")
                ]
                pids = {int(name.rsplit("-", 2)[1]) for name in journals} - {server.pid}
                os.kill(min(pids), signal.SIGKILL)
        wait_until(
            lambda: set(answered) <= set(tokens(rows(tmp_path), "completed")),
            what="all answers to be stored",
        )
    found = tokens(rows(tmp_path), "completed")
    assert len(found) == len(set(found))


def test_a_stopped_leader_is_not_replaced_and_goes_on(tmp_path):
    """SIGSTOP the leader, record meanwhile, SIGCONT: everything arrives, once."""
    env = environment(tmp_path, batch_interval_s=0.05)
    with (
        running(
            "-m", "tests.apps.tokens", str(tmp_path / "port1"), "1", env=env, cwd=tmp_path
        ) as leader,
        running(
            "-m", "tests.apps.tokens", str(tmp_path / "port2"), "1", env=env, cwd=tmp_path
        ) as other,
    ):
        first = read_port(tmp_path / "port1", leader)
        second = read_port(tmp_path / "port2", other)
        ask(first, "/now/a")
        wait_until(
            lambda: (tmp_path / "request_logs.db").exists() and len(rows(tmp_path)) == 1,
            what="a row",
        )
        os.kill(leader.pid, signal.SIGSTOP)
        for number in range(20):
            ask(second, f"/now/b{number}")
        os.kill(leader.pid, signal.SIGCONT)
        ask(first, "/now/c")
        wait_until(lambda: len(rows(tmp_path)) == 22, what="all rows")
    assert len(set(tokens(rows(tmp_path), "completed"))) == 22


def test_two_leaders_by_force_store_nothing_twice(tmp_path):
    """Two writers on the same directory (a lock that failed): every record once."""
    quiet = environment(tmp_path, writer="off")
    with running(
        "-m", "tests.apps.tokens", str(tmp_path / "port"), "1", env=quiet, cwd=tmp_path
    ) as server:
        port = read_port(tmp_path / "port", server)
        for number in range(200):
            ask(port, f"/now/t{number}")
        script = (
            "import dashcam.journal.lock as lock; lock.Lock.acquire = lambda self: 'leader' in self.path.name\n"
            "from dashcam.writer.loop import WriterLoop; WriterLoop.leads = True\n"
            "from dashcam.writer.thread import WriterThread; from dashcam import Settings\n"
            "writer = WriterThread(Settings(batch_size=7), None); writer.start(); assert writer.stop(20)\n"
        )
        env = environment(tmp_path)
        both = [
            subprocess.Popen([sys.executable, "-c", script], env=env, cwd=tmp_path)
            for _ in range(2)
        ]
        assert [each.wait(40) for each in both] == [0, 0]
        found = tokens(rows(tmp_path), "completed")
    assert len(found) == len(set(found)) == 200


def test_import_is_quick_and_light():
    """`import dashcam` imports neither SQLAlchemy nor Alembic nor FastAPI."""
    script = "import sys, dashcam; print([name for name in ('sqlalchemy', 'alembic', 'fastapi', 'starlette', 'typer') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "[]"


def test_routes_of_starlette_and_fastapi(make_recorder):
    """The template is found below mounts, in included routers, and for parameters of mounts."""
    from fastapi import APIRouter, FastAPI
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route
    from tests.drive import drive, http_scope

    from dashcam import DashcamMiddleware

    async def endpoint(request):
        return PlainTextResponse("x")

    inner = Starlette(routes=[Route("/things/{thing}", endpoint)])
    starlette = Starlette(
        routes=[
            Route("/users/{id:int}", endpoint),
            Mount("/api", routes=[Route("/a/{b}", endpoint)]),
            Mount("/t/{tenant}", app=inner),
        ]
    )
    fastapi = FastAPI()
    router = APIRouter(prefix="/v1")

    @router.get("/items/{item_id}")
    def item(item_id: str):
        return item_id

    fastapi.include_router(router, prefix="/api")
    fastapi.mount("/sub", starlette)
    cases = [
        (starlette, "/users/7", "/users/{id}"),
        (starlette, "/api/a/x", "/api/a/{b}"),
        (starlette, "/t/acme/things/9", "/t/{tenant}/things/{thing}"),
        (starlette, "/nowhere", None),
        (fastapi, "/api/v1/items/5", "/api/v1/items/{item_id}"),
        (fastapi, "/sub/users/3", "/sub/users/{id}"),
    ]
    for app, path, route in cases:
        recorder = make_recorder()
        assert drive(app, recorder=recorder, scope=http_scope(path=path)).raised is None
        assert [seen.route for seen in recorder.exchanges()] == [route], path
    assert DashcamMiddleware


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
def test_gunicorn_with_and_without_preload(tmp_path, preload):
    """gunicorn forks its workers, before or after the import: each records into a journal of its own."""
    env = environment(tmp_path, batch_interval_s=0.05)
    port = own_port()
    arguments = [
        "-m",
        "gunicorn",
        "-k",
        "asgi",
        "-w",
        "2",
        *preload,
        "--graceful-timeout",
        "5",
        "-b",
        f"127.0.0.1:{port}",
        "--log-level",
        "error",
        "tests.apps.tokens:app",
    ]
    with running(*arguments, env=env, cwd=tmp_path) as server:

        def up():
            try:
                return ask(port, "/now/up")[0] == 200
            except OSError:
                return False

        wait_until(up, what="gunicorn")
        for number in range(60):
            assert ask(port, f"/now/t{number}") == (200, b"t%d" % number)
        os.kill(server.pid, signal.SIGTERM)
        server.wait(40)  # a worker that was still booting is waited for by gunicorn
    settle(tmp_path)
    found = [token for token in tokens(rows(tmp_path), "completed") if token != "up"]
    assert sorted(found) == sorted(f"t{number}" for number in range(60))
    assert len({row["process_id"] for row in rows(tmp_path)} - {server.pid}) >= 1
