"""Export, copy, and the erasure of one user: streams with bounded memory, and nothing left."""

import io
import json
import tracemalloc

import msgspec
import pytest
from tests.processes import wait_until
from typer.testing import CliRunner

from dashcam import Exchange, Recorder, Settings
from dashcam.cli import app
from dashcam.exchange import COLUMNS, timestamp
from dashcam.history.export import copy, every_record, export, to_line
from dashcam.store import open_store
from dashcam.store.base import Query, Scope
from dashcam.writer.erasing import erase_user
from dashcam.writer.failed_logs import FailedLogs, rewrite_failed

EVERYTHING = Query(scope=Scope.all())


def line(**fields):
    return msgspec.json.encode(Exchange(**fields)) + b"\n"


@pytest.fixture
def store(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path}/request_logs.db")
    opened.migrate()
    yield opened
    opened.close()


def fill(store, count=250):
    lines = [
        line(
            request_timestamp=timestamp(1_700_000_000_000_000_000 + number),
            method="POST",
            scheme="https",
            host="h",
            path=f"/{number}",
            query="a=1&a=2",
            status_code=200,
            duration_ms=5.0,
            ttfb_ms=2.0,
            request_headers=[["content-type", "application/json"], ["x", "1"], ["x", "2"]],
            response_headers=[["content-type", "image/png"]],
            request_body='{"a":"é"}',
            request_body_encoding="utf-8",
            request_body_bytes=10,
            response_body="AAEC",
            response_body_encoding="base64",
            response_body_bytes=3,
            tags={"n": number},
        )
        for number in range(count)
    ]
    store.insert(b"".join(lines))
    return lines


def test_jsonl_is_the_lines_as_they_were(store):
    """Exactly the keys of a line of the journal, newest first; it can be inserted again."""
    lines = fill(store)
    out = io.BytesIO()
    assert export(store, EVERYTHING, kind="jsonl", target=out) == 250
    assert out.getvalue().splitlines(keepends=True) == lines[::-1]


def test_har(store):
    """HAR 1.2 with all that the specification requires of an entry; a gap is left out."""
    fill(store, 3)
    store.insert(line(outcome="dropped", dropped_count=5))
    out = io.BytesIO()
    assert export(store, EVERYTHING, kind="har", target=out) == 3
    log = json.loads(out.getvalue())["log"]
    assert log["version"] == "1.2"
    assert {"name", "version"} <= log["creator"].keys()
    entry = log["entries"][0]
    required = {"startedDateTime", "time", "request", "response", "cache", "timings"}
    assert required <= entry.keys()
    assert entry["request"]["url"] == "https://h/2?a=1&a=2"
    assert entry["request"]["queryString"] == [
        {"name": "a", "value": "1"},
        {"name": "a", "value": "2"},
    ]
    assert entry["request"]["postData"]["text"] == '{"a":"é"}'
    assert entry["response"]["content"] == {
        "size": 3,
        "mimeType": "image/png",
        "text": "AAEC",
        "encoding": "base64",
    }
    assert entry["timings"] == {"send": 0, "wait": 2.0, "receive": 3.0}
    for part in ("request", "response"):
        assert {"cookies", "headers", "headersSize", "bodySize", "httpVersion"} <= entry[
            part
        ].keys()


def test_parquet(store, tmp_path):
    """Every column, with its type; JSON columns as text."""
    pq = pytest.importorskip("pyarrow.parquet")
    fill(store)
    with (tmp_path / "o.parquet").open("wb") as out:
        assert export(store, EVERYTHING, kind="parquet", target=out) == 250
    table = pq.read_table(tmp_path / "o.parquet")
    assert table.num_rows == 250
    assert set(table.schema.names) == {*COLUMNS, "stored_at"}
    row = table.slice(0, 1).to_pylist()[0]
    assert (row["path"], row["status_code"], json.loads(row["tags"])) == ("/249", 200, {"n": 249})


def test_an_export_has_bounded_memory(store):
    """Many large rows: no more than a few of them are held at once."""
    for _ in range(20):
        store.insert(b"".join(line(response_body="x" * 100_000) for _ in range(50)))

    class Counting:
        size = 0

        def write(self, data):
            self.size += len(data)

    target = Counting()
    tracemalloc.start()
    try:
        export(store, EVERYTHING, kind="jsonl", target=target)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert target.size > 100_000_000
    assert peak < 50_000_000


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_copy_between_stores(store, tmp_path, request, engine):
    """All rows arrive as they are; a second copy changes nothing."""
    fill(store)
    url = f"sqlite:///{tmp_path}/other.db"
    if engine == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    other = open_store(url)
    other.migrate()
    for _ in range(2):
        assert copy(store, other, EVERYTHING) == 250
        assert [to_line(row) for row in every_record(other, EVERYTHING)] == [
            to_line(row) for row in every_record(store, EVERYTHING)
        ]
    other.close()


def test_one_users_records_are_erased_everywhere(tmp_path):
    """Store, live and delivered journal, failed file: no byte of theirs is left; others' stay."""
    settings = Settings(
        environ={}, store=f"sqlite:///{tmp_path}/request_logs.db", batch_interval_s=0.02
    )
    recorder = Recorder(settings)
    recorder.start()
    for number in range(50):
        user = "alice" if number % 2 else "bob"
        recorder.record(Exchange(user_id=user, path=f"/of-{user}", request_body=f"by-{user}"))
    recorder.flush(10)
    failed = settings.failed_logs_path()
    entries = [
        {"record": {"id": "x", "user_id": user, "path": f"/of-{user}"}, "error": "e",
         "failed_at": timestamp(0), "attempts": 1}
        for user in ("alice", "bob")
    ]  # fmt: skip
    failed.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    store = open_store(settings.store)
    done = erase_user(settings, store, "alice", timeout_s=10)
    assert (done.rows, done.journal, done.failed, done.waiting) == (25, 25, 1, 0)
    assert {row.user_id for row in store.page(EVERYTHING)} == {"bob"}
    store.close()
    recorder.record(Exchange(user_id="carol", path="/after"))
    recorder.flush(10)
    now = recorder.statistics()
    assert (now.accepted, now.stored, now.damaged_frames) == (51, 51, 0)
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix in (".seg", ".jsonl"):
            assert b"of-alice" not in path.read_bytes(), path
    assert b"of-bob" in failed.read_bytes()
    recorder.close(5)


def test_what_is_on_its_way_is_waited_for(tmp_path):
    """Lines of a live process that aren't stored yet are counted, and erased once they are."""
    settings = Settings(environ={}, store=f"sqlite:///{tmp_path}/request_logs.db", writer="off")
    recorder = Recorder(settings)
    recorder.start()
    recorder.record(Exchange(user_id="alice"))
    store = open_store(settings.store)
    store.migrate()
    assert erase_user(settings, store, "alice", timeout_s=0).waiting == 1
    store.close()
    recorder.close(0)


def test_the_commands(store, tmp_path, monkeypatch):
    """export, copy and prune --user from the command line; wrong usage is 2, with a sentence."""
    fill(store)
    monkeypatch.setenv("DASHCAM_STORE", f"sqlite:///{tmp_path}/request_logs.db")
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    assert run(app, ["export", "--path", "/1", "-o", "out.jsonl"]).exit_code == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 111
    assert len(run(app, ["export", "--path", "/1"]).stdout.splitlines()) == 111
    for arguments in (
        ["export", "--format", "xml"],
        ["export", "--format", "parquet"],
        ["prune"],
        ["prune", "--user", "a", "--older-than", "1d"],
        ["prune", "--older-than", "soon"],
    ):
        result = run(app, arguments)
        assert result.exit_code == 2, arguments
        assert "Traceback" not in result.output
    assert run(app, ["export", "-o", "/nowhere/out.jsonl"]).exit_code == 1
    source, target = f"sqlite:///{tmp_path}/request_logs.db", f"sqlite:///{tmp_path}/new.db"
    assert run(app, ["copy", "--from", source, "--to", target]).exit_code == 0
    other = open_store(target)
    wait_until(lambda: len(list(every_record(other, EVERYTHING))) == 250, what="copied")
    other.close()
    assert run(app, ["prune", "--user", "nobody"]).exit_code == 0


def test_what_is_refused_while_the_failed_file_is_rewritten_stays(tmp_path):
    """A line that comes in the middle of it is in the new file once, unread."""
    path = tmp_path / "failed_logs.jsonl"
    logs = FailedLogs(path)
    for number in range(3):
        logs.add(line(path=f"/{number}"), error="e", attempts=1)
    seen = []

    def keep(failed):
        seen.append(json.loads(bytes(failed.record))["path"])
        if len(seen) == 3:
            logs.add(line(path="/meanwhile"), error="e", attempts=1)
        return seen[-1] != "/1"

    rewrite_failed(path, keep)
    assert seen == ["/0", "/1", "/2"]
    left = [json.loads(each)["record"]["path"] for each in path.read_text().splitlines()]
    assert left == ["/0", "/2", "/meanwhile"]
