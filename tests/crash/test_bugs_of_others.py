"""Bugs that other recorders, spools and middlewares shipped, tried here.

Those that have their place elsewhere: Vector 25570 in `test_writer_killed.py`, Vector 26035 in
`test_backlog.py`, NATS 7549 in `test_journal_damage.py`, NATS 7564 and the truncated maps (memray 116,
h2o 909, systemd 24320) in `test_syscalls.py` and `test_journal_damage.py`, Sentry 7285 and starlette 919
and 1438 in `unit/test_capture_asgi.py` and `unit/test_capture_endings.py`, mitmweb 3234, PyJWT
CVE-2022-29217 and LiteLLM 16446 in `integration/test_access.py`, LiteLLM 30670 in
`integration/test_no_secret_on_disk.py`.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.testclient import TestClient
from tests.checker import rows, settle
from tests.journals import abandon, open_journal
from tests.processes import environment, running, wait_until

from dashcam import DashcamMiddleware, Exchange, Recorder, Settings
from dashcam.api import history_app
from dashcam.exchange import timestamp
from dashcam.journal import list_directories
from dashcam.store import fingerprint, open_store
from dashcam.store.retention import STEP_ROWS, prune_all

FIVE = 5


def store_url(directory):
    return f"sqlite:///{directory}/request_logs.db"


def line(**fields):
    exchange = Exchange(**fields)
    return exchange.id, msgspec.json.encode(exchange) + b"\n"


@pytest.fixture
def leave(tmp_path):
    """Leave a dead process's directory with five records of this store in it; gives its path and their ids."""

    def leave():
        root = tmp_path / ".dashcam" / "journal"
        journal = open_journal(root, fingerprint=fingerprint(store_url(tmp_path)))
        lines = [line(path=f"/{number}") for number in range(FIVE)]
        assert all(journal.append(each) for _, each in lines)
        return abandon(journal), [id_ for id_, _ in lines]

    return leave


def stored(directory):
    return sorted(row["id"] for row in rows(directory) if row["outcome"] == "completed")


def test_vector_17644_a_partial_write_at_the_end(tmp_path, leave):
    """A frame that was written by half: the writer delivers what is whole, doesn't spin, and ends on SIGINT."""
    path, ids = leave()
    segment = path / "00000001.seg"
    data = bytearray(segment.read_bytes())
    begin = data.rindex(ids[-1].encode())
    frame = data.rindex(data[64:68], 0, begin)  # by the magic of the first frame
    data[begin:] = bytes(len(data) - begin)
    segment.write_bytes(data)
    assert frame < begin
    env = environment(tmp_path)
    with running("-m", "dashcam", "writer", env=env, cwd=tmp_path) as writer:
        wait_until(lambda: len(stored(tmp_path)) == FIVE - 1, what="the whole records")
        before = cpu_s(writer.pid)
        time.sleep(0.5)  # what is measured is what it does when nothing is to be done
        assert cpu_s(writer.pid) - before < 0.25
        os.kill(writer.pid, signal.SIGINT)
        assert writer.wait(10) == 0
    assert stored(tmp_path) == sorted(ids[:-1])


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


MISHAPS = {
    "owner.json is gone": lambda path: (path / "owner.json").unlink(),
    "owner.json is torn": lambda path: (path / "owner.json").write_bytes(b'{"journal_id": "ab'),
    "owner.json is empty": lambda path: (path / "owner.json").write_bytes(b""),
    "the header is zeroed": lambda path: overwrite(path / "00000001.seg", 0, bytes(64)),
    "the checkpoint is garbage": lambda path: (path / "checkpoint").write_bytes(os.urandom(84)),
    "open.tbl is garbage": lambda path: (path / "open.tbl").write_bytes(os.urandom(9000)),
    "open.tbl is gone": lambda path: (path / "open.tbl").unlink(),
    "the lock file is gone": lambda path: (path / "lock").unlink(),
    "a foreign file": lambda path: (path / "notes.txt").write_text("x"),
    "a directory as a segment": lambda path: (path / "00000007.seg").mkdir(),
    "an empty segment": lambda path: (path / "00000007.seg").write_bytes(b""),
    "a segment of garbage": lambda path: (path / "00000007.seg").write_bytes(os.urandom(5000)),
}


def overwrite(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize("mishap", MISHAPS)
def test_fluent_bit_10952_damaged_metadata_costs_no_record(tmp_path, leave, mishap):
    """Whatever happens to the files around the frames: intact records are delivered (also Filebeat 3537: empty files)."""
    path, ids = leave()
    MISHAPS[mishap](path)
    settle(tmp_path)
    assert stored(tmp_path) == sorted(ids)


def test_fluent_bit_5265_a_bad_directory_blocks_nobody(tmp_path, leave):
    """A directory of nothing but garbage beside a good one: the start isn't stopped, the good one is delivered."""
    (good, ids), (bad, _), (torn, _) = leave(), leave(), leave()
    for each in bad.iterdir():
        each.write_bytes(os.urandom(3000))
    shutil.copy(good / "owner.json", bad / "owner.json")
    for each in torn.iterdir():
        each.write_bytes(b"")
    app = FastAPI()
    recorder = Recorder(Settings(environ={}, store=store_url(tmp_path)))
    with TestClient(DashcamMiddleware(app, recorder=recorder)) as client:
        assert client.get("/nowhere").status_code == 404
        wait_until(lambda: set(ids) <= set(stored(tmp_path)), what="the good ones")


def test_fluent_bit_11847_doing_nothing_doesnt_look_healthy(tmp_path, monkeypatch):
    """A store that takes nothing more, though it answers: the state, the age of what waits and /healthz tell."""
    monkeypatch.setattr("dashcam.api.health.STALLED_S", 0.3)
    settings = Settings(environ={}, store=store_url(tmp_path), batch_interval_s=0.02)
    recorder = Recorder(settings)
    recorder.start()
    recorder.record(Exchange())
    assert recorder.flush(10)
    app = history_app(recorder)
    client = TestClient(app, base_url="http://127.0.0.1")
    assert client.get("/healthz").status_code == 200
    other = sqlite3.connect(tmp_path / "request_logs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    recorder.record(Exchange())
    now = wait_until(
        lambda: (seen := recorder.statistics()).oldest_pending_age_s and seen, what="an age"
    )
    assert now.pending == 1
    answer = wait_until(
        lambda: (seen := client.get("/healthz")).status_code == 503 and seen, what="a 503"
    )
    assert "has waited for" in answer.text
    other.execute("ROLLBACK")
    other.close()
    assert recorder.flush(20)
    assert client.get("/healthz").status_code == 200
    with sqlite3.connect(tmp_path / "request_logs.db") as connection:
        connection.execute("ALTER TABLE request_logs RENAME TO elsewhere")
    connection.close()
    recorder.record(Exchange())
    wait_until(lambda: recorder.statistics().writer_state == "blocked", what="blocked")
    assert "the writer is blocked" in client.get("/healthz").text
    recorder.close(0)


def test_filebeat_19634_killed_while_a_directory_gets_its_name(tmp_path):
    """SIGKILL just before the rename that makes a directory known: the next start isn't disturbed by what is left."""
    script = "from dashcam import Recorder; Recorder().start()"
    env = environment(tmp_path, failpoint="publish_directory")
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    root = tmp_path / ".dashcam" / "journal"
    (left,) = root.glob(".new-*")
    assert list_directories(root) == []
    os.utime(left, (0, 0))  # long ago
    settle(tmp_path)
    assert not left.exists()


def test_slowapi_260_a_stream_starts_once(tmp_path):
    """FileResponse and its like send many body messages: one start, each byte once."""
    (tmp_path / "file").write_bytes(os.urandom(300_000))
    app = FastAPI()

    @app.get("/file")
    def file():
        return FileResponse(tmp_path / "file")

    recorder = Recorder(Settings(environ={}, store="memory://", journal_dir="memory"))
    with TestClient(DashcamMiddleware(app, recorder=recorder)) as client:
        assert client.get("/file").content == (tmp_path / "file").read_bytes()
        part = client.get("/file", headers={"range": "bytes=100-199,5000-5999"})
        assert part.status_code == 206


def test_litestar_3063_and_4855_errors_stay_what_they_are():
    """Malformed bodies, headers and credentials: the app's own 400, 401, 413, 415 and 422, not a 500 of the recorder's."""

    class Item(BaseModel):
        n: int

    def make():
        app = FastAPI()

        @app.post("/item")
        def item(item: Item):
            return item

        @app.post("/form")
        async def form(request: Request):
            return dict(await request.form())

        @app.get("/refused")
        def refused():
            raise HTTPException(401, headers={"www-authenticate": "Bearer"})

        return app

    requests = [
        ("POST", "/item", b'{"a": "b",}', {"content-type": "application/json"}),
        ("POST", "/item", b"\xff\xfe", {"content-type": "application/json"}),
        ("POST", "/item", b"{", {"content-type": "application/json; charset=nonsense"}),
        ("POST", "/item", b"x", {"content-encoding": "gzip", "content-type": "application/json"}),
        ("POST", "/item", b'{"n": 1}', {"content-type": "APPLICATION/JSON; ;;="}),
        ("POST", "/form", b"--x", {"content-type": "multipart/form-data"}),
        ("POST", "/form", b"--x\r\nbad", {"content-type": "multipart/form-data; boundary=x"}),
        ("POST", "/form", b"%zz&&==", {"content-type": "application/x-www-form-urlencoded"}),
        ("GET", "/refused", b"", {"authorization": "Bearer \xff\xfe", "cookie": "=;;=\x7f"}),
        ("GET", "/refused?%ff=%fe&&==", b"", {"traceparent": "\xff", "x-request-id": ""}),
        ("PUT", "/item", b"", {}),
        ("GET", "/none", b"", {"host": "[::1"}),
    ]
    recorder = Recorder(Settings(environ={}, store="memory://", journal_dir="memory", writer="off"))
    bare = TestClient(make(), raise_server_exceptions=False)
    watched = TestClient(
        DashcamMiddleware(make(), recorder=recorder), raise_server_exceptions=False
    )
    for method, path, content, headers in requests:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answers = [
            client.request(method, path, content=content, headers=raw) for client in (bare, watched)
        ]
        assert answers[0].status_code == answers[1].status_code != 500, (method, path)
        assert answers[0].content == answers[1].content
        assert answers[0].headers == answers[1].headers
    statistics = recorder.statistics()
    assert (statistics.accepted, statistics.capture_errors) == (len(requests), 0)
    recorder.close(0)


def test_litellm_6633_no_id_of_the_clients_is_a_key(tmp_path):
    """Many requests with the same, or an empty, X-Request-ID: a row each."""
    settings = Settings(environ={}, store=store_url(tmp_path))
    recorder = Recorder(settings)
    with TestClient(DashcamMiddleware(FastAPI(), recorder=recorder)) as client:
        for value in ("", "", "same", "same", "same"):
            client.get("/x", headers={"x-request-id": value})
    found = rows(tmp_path)
    assert sorted(row["request_id"] for row in found if row["request_id"] == "same") == ["same"] * 3
    assert len({row["id"] for row in found}) == FIVE


def test_django_silk_774_pruning_stops_nobody(tmp_path):
    """20,000 old rows are deleted in small steps: inserts go on beside it, each within a moment."""
    store = open_store(store_url(tmp_path))
    store.migrate()
    old = timestamp(1_500_000_000_000_000_000)
    body = "x" * 2000
    for _ in range(10):
        store.insert(
            b"".join(line(request_timestamp=old, response_body=body)[1] for _ in range(2000))
        )
    other = open_store(store_url(tmp_path))
    took_s, deleted = [], []

    def prune():
        prune_all(other, before="2020", on_step=deleted.append)

    thread = threading.Thread(target=prune)
    thread.start()
    while thread.is_alive():
        began = time.monotonic()
        store.insert(line(path="/new")[1])
        took_s.append(time.monotonic() - began)
    thread.join()
    store.close()
    other.close()
    assert sum(deleted) == 20_000
    assert max(deleted) <= STEP_ROWS
    assert len(took_s) > 5
    assert max(took_s) < 1.5
    assert len(rows(tmp_path)) == len(took_s)
