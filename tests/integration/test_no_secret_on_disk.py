"""Secrets that a rule names never reach the disk: a search of the raw bytes of every file."""

import gzip
import json
import os
import signal
import sqlite3
import subprocess

import pytest
from tests.checker import rows, settle
from tests.integration.test_server import ask
from tests.processes import environment, read_port, running

SECRET = "Zq9-hunter2-7f3kQ"
KEY = {"x-api-key": SECRET, "authorization": f"Bearer {SECRET}", "cookie": f"sid={SECRET}"}
AS_JSON = {**KEY, "content-type": "application/json"}
NESTED = {
    "a": [{"client_secret": SECRET, "b": {"password": {"x": SECRET}}}],
    "arguments": json.dumps({"api_key": SECRET}),
}
LONG = json.dumps({"filler": "x" * 900, "password": SECRET + "y" * 600})

REQUESTS = [
    ("json", json.dumps(NESTED).encode(), AS_JSON),
    ("escaped", json.dumps({"password": SECRET}).replace("pass", "p\\u0061ss").encode(), AS_JSON),
    ("cut", LONG.encode(), AS_JSON),
    ("utf-16", json.dumps({"token": SECRET}).encode("utf-16"), AS_JSON),
    (
        "gzip",
        gzip.compress(json.dumps({"token": SECRET}).encode()),
        {**AS_JSON, "content-encoding": "gzip"},
    ),
    (
        "form",
        f"user=a&password={SECRET}".encode(),
        {**KEY, "content-type": "application/x-www-form-urlencoded"},
    ),
    (
        "multipart",
        f'--B\r\nContent-Disposition: form-data; name="token"\r\n\r\n{SECRET}\r\n--B--\r\n'.encode(),
        {**KEY, "content-type": "multipart/form-data; boundary=B"},
    ),
    (
        "ndjson",
        b'{"a":1}\n' + json.dumps({"secret": SECRET}).encode() + b"\n",
        {**KEY, "content-type": "application/x-ndjson"},
    ),
    (
        "xml",
        f"<r><password>{SECRET}</password></r>".encode(),
        {**KEY, "content-type": "application/xml"},
    ),
    ("not json", f'{{"password": {SECRET}'.encode(), AS_JSON),
    ("unknown", SECRET.encode(), {**KEY, "content-type": "application/x-unknown"}),
]


def everything(directory):
    """Every byte under a directory, also as UTF-16, compressed data left aside."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def assert_absent(directory, stderr=b""):
    for path, data in {**everything(directory), "stderr": stderr}.items():
        for size in (len(SECRET), 10):
            assert SECRET[:size].encode() not in data, path
        assert SECRET[:10].encode("utf-16-le") not in data, path


@pytest.mark.parametrize("writer", ["off", "thread"])
def test_no_file_holds_a_secret(tmp_path, writer):
    """Journal, table of open requests, database, WAL, failed file and stderr, before and after delivery."""
    env = environment(tmp_path, writer=writer, max_body_bytes=1000, batch_interval_s=0.05)
    with running(
        "-m",
        "tests.apps.leaky",
        str(tmp_path / "port"),
        env=env,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    ) as server:
        port = read_port(tmp_path / "port", server)
        for name, body, headers in REQUESTS:
            path = f"/echo?name={name.replace(' ', '-')}&token={SECRET}&signature={SECRET}"
            status, _ = ask(
                port,
                path,
                "POST",
                body,
                {**headers, "referer": f"http://u:{SECRET}@h/?api_key={SECRET}"},
            )
            assert status == 200
        assert ask(port, "/boom", headers=KEY)[0] == 500
        assert ask(port, "/refuse", headers=KEY)[0] == 429
        assert_absent(tmp_path)
        os.kill(server.pid, signal.SIGTERM)
        with server.stderr as pipe:
            stderr = pipe.read()
        server.wait(20)
    assert_absent(tmp_path, stderr)
    settle(tmp_path)
    assert_absent(tmp_path)
    found = rows(tmp_path)
    assert len(found) == len(REQUESTS) + 2
    assert {row["outcome"] for row in found} == {"completed", "failed", "quota_exceeded"}
    assert all(
        "header:x-api-key" in row["redacted"] or not row["request_headers"].strip("[]")
        for row in found
    )


def test_a_refused_record_holds_no_secret_either(tmp_path):
    """What goes to failed_logs.jsonl was redacted like everything else, and so are the messages."""
    env = environment(tmp_path, batch_interval_s=0.05)
    settle(tmp_path)
    with sqlite3.connect(tmp_path / "request_logs.db") as connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON request_logs BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    connection.close()
    with running(
        "-m",
        "tests.apps.leaky",
        str(tmp_path / "port"),
        env=env,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    ) as server:
        port = read_port(tmp_path / "port", server)
        assert (
            ask(port, f"/echo?token={SECRET}", "POST", json.dumps(NESTED).encode(), AS_JSON)[0]
            == 200
        )
        os.kill(server.pid, signal.SIGTERM)
        with server.stderr as pipe:
            stderr = pipe.read()
        server.wait(20)
    assert (tmp_path / ".dashcam" / "failed_logs.jsonl").stat().st_size > 0
    assert_absent(tmp_path, stderr)
