"""FAULTS, "Page and terminal", 55 to 59: what records hold never acts on who looks at them.

The page's part of 55 is tests/browser/test_page.py, `test_hostile_records_do_nothing_but_show`.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec
import pytest
from tests.processes import environment, wait_until

from dashcam import Exchange
from dashcam.store import open_store

MARKUP = '"><script>alert(1)</script><svg onload=alert(1)>'
ESCAPES = (
    "\x1b]8;;http://evil.example\x07x\x1b]52;c;AAAA\x07\x1b[2J\x9b2J\x85\u202e\u2066\u200b\ufeff"
)
ACTS = ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\x85", "\u202e", "\u2066", "\u200b", "\ufeff")


@pytest.fixture
def add(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/request_logs.db")
    store.migrate()

    def add(**fields):
        exchange = Exchange(**{"method": "GET", "path": "/", "status_code": 200, **fields})
        store.insert(msgspec.json.encode(exchange) + b"\n")
        return exchange.id

    yield add
    store.close()


@pytest.fixture
def page(add, tmp_path):
    """A running `dashcam serve --no-auth`: its base URL."""
    command = [sys.executable, "-m", "dashcam", "serve", "--no-auth", "--port", "0"]
    told = tmp_path / "serve.txt"
    with told.open("wb") as out:
        process = subprocess.Popen(command, env=environment(tmp_path), stdout=out)
    try:
        yield wait_until(
            lambda: [word for word in told.read_text().split() if word.startswith("http")],
            what="the address",
        )[0].rstrip("/")
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(15)


def dashcam(place, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "dashcam", *arguments],
        check=False,
        cwd=place,
        env={**environment(place), "COLUMNS": "200", "FORCE_COLOR": "1"},
        capture_output=True,
        timeout=60,
    )


def test_fault_55_markup_in_records_is_data(add, page):
    """No answer is a document but the page itself; each has nosniff, the page a strict policy."""
    record = add(
        path=f"/{MARKUP}",
        user_agent=MARKUP,
        request_headers=[[MARKUP, MARKUP], ["content-type", "image/svg+xml"]],
        request_body=f"<svg>{MARKUP}</svg>",
        request_body_encoding="utf-8",
        tags={MARKUP: MARKUP},
    )
    with httpx.Client(base_url=page) as client:
        for path in (
            "/api/history",
            f"/api/history/{record}",
            "/api/stats",
            "/api/timeline",
            f"/api/history/{MARKUP}",
            f"/api/history?filter={MARKUP}",
        ):
            answer = client.get(path)
            assert answer.headers["content-type"].split(";")[0] in (
                "application/json",
                "application/problem+json",
            ), path
            assert answer.headers["x-content-type-options"] == "nosniff"
        for path in ("/", "/static/main.js", "/static/app.css"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
        text = client.get("/").text
        assert "<script>" not in text
        assert " onclick=" not in text
        assert " style=" not in text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_fault_56_another_host_gets_nothing(page, host):
    """DNS rebinding: a name that isn't this machine's is a 403, for the page, its files and the API."""
    for path in ("/", "/static/main.js", "/api/history", "/api/history/stream", "/healthz"):
        answer = httpx.get(page + path, headers={"host": host})
        assert answer.status_code in (400, 403), path
        assert b"items" not in answer.content


def test_fault_56_another_origin_gets_nothing(page):
    """No CORS: no answer allows another origin, a preflight is refused, a change needs this origin."""
    evil = {"origin": "http://evil.example"}
    with httpx.Client(base_url=page) as client:
        for path in ("/", "/api/history", "/api/session"):
            headers = client.get(path, headers=evil).headers
            assert not [name for name in headers if name.startswith("access-control")]
        preflight = {**evil, "access-control-request-method": "POST"}
        answer = client.options("/api/session", headers=preflight)
        assert answer.status_code >= 400
        assert not [name for name in answer.headers if name.startswith("access-control")]
        sent = client.post("/api/session", headers=evil, json={"credential": "x"})
        assert sent.status_code == 403
        assert client.delete("/api/session", headers=evil).status_code == 403


def test_fault_56_everyone_may_look_only_at_this_machine(tmp_path):
    """Without log-in nothing but a loopback address is listened on: exit code 2."""
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        refused = dashcam(tmp_path, "serve", "--no-auth", "--host", host, "--port", "0")
        assert refused.returncode == 2, host
        assert b"loopback" in refused.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["ls"],
        ["ls", "--body"],
        ["ls", "--json", "--body"],
        ["show", "ID"],
        ["show", "ID", "--curl"],
        ["show", "ID", "--har"],
        ["show", "ID", "--json"],
        ["stats"],
        ["stats", "--json"],
        ["ls", ESCAPES],
        ["show", ESCAPES],
    ],
    ids=lambda command: "-".join(word for word in command if "\x1b" not in word),
)
def test_fault_57_nothing_recorded_acts_on_a_terminal(add, tmp_path, command):
    """ESC, OSC 8 and 52, C1, bidirectional and invisible characters come out escaped, whatever asks."""
    record = add(
        path=f"/{ESCAPES}",
        route=f"/{ESCAPES}",
        method=ESCAPES,
        user_id=ESCAPES,
        user_agent=ESCAPES,
        model=ESCAPES,
        error_type=ESCAPES,
        error_message=ESCAPES,
        request_headers=[["x-name", ESCAPES], [ESCAPES, "x"]],
        request_body=ESCAPES,
        request_body_encoding="utf-8",
        tags={ESCAPES: ESCAPES},
    )
    done = dashcam(tmp_path, *(record if word == "ID" else word for word in command))
    for text in (done.stdout.decode(), done.stderr.decode()):
        assert not [each for each in ACTS if each in text]
    if "--json" in command or "--har" in command:
        json.loads(done.stdout)


def test_fault_57_an_export_to_a_terminal_is_escaped(add, tmp_path):
    """`export` writes bytes as they are to a file or pipe, and escaped JSON to a terminal."""
    add(path=f"/{ESCAPES}")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dashcam", "export"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stdout=theirs)
    os.close(theirs)
    process.wait(30)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0
    assert not [each for each in ACTS if each in shown]
    assert json.loads(shown)["path"] == f"/{ESCAPES}"


class Seen(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.path, dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    do_GET = do_HEAD = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    running = ThreadingHTTPServer(("127.0.0.1", 0), Seen)
    running.seen = []
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize(
    "body", ["@/etc/passwd", "it's $(id) `id` \\ \n", ESCAPES, "\x1b[201~;id\n"]
)
def test_fault_58_a_copied_command_sends_what_was_recorded(add, tmp_path, server, body):
    """`--curl` in a shell: no expansion, no file of this machine, no globbing, nothing that acts."""
    record = add(
        method="POST",
        scheme="http",
        host=f"127.0.0.1:{server.server_port}",
        path="/a[1-3]{x,y}",
        query="token=[redacted]",
        request_headers=[["@/etc/passwd", "x"], ["x-empty", ""], ["x-odd", "@/etc/passwd"]],
        request_body=body,
        request_body_encoding="utf-8",
    )
    command = dashcam(tmp_path, "show", record, "--curl").stdout.decode()
    assert not [each for each in ACTS if each in command]
    subprocess.run(["bash", "-c", command.strip() + " -sS"], check=True, timeout=20)
    ((path, headers, sent),) = server.seen
    assert path == "/a%5B1-3%5D%7Bx,y%7D?token=[redacted]"
    assert sent.decode() == body
    assert headers["x-empty"] == ""
    assert headers["x-odd"] == "@/etc/passwd"
    assert "root:" not in str(headers)


def test_fault_58_a_head_request_ends(add, tmp_path, server):
    """A HEAD is asked for as one: curl does not wait for a body."""
    record = add(method="HEAD", scheme="http", host=f"127.0.0.1:{server.server_port}")
    command = dashcam(tmp_path, "show", record, "--curl").stdout.decode()
    subprocess.run(["bash", "-c", command.strip() + " -sS"], check=True, timeout=10)
    assert len(server.seen) == 1


def test_fault_58_a_replay_goes_to_one_origin(add, tmp_path, server):
    """Link-local, private and unknown targets are refused; a record can't choose where it goes."""
    record = add(path="//evil.example/x", host="evil.example")
    for target in (
        "http://169.254.169.254",
        "http://10.0.0.1",
        "http://[fe80::1]",
        "http://0.0.0.0",
    ):
        refused = dashcam(tmp_path, "replay", record, "--to", target)
        assert refused.returncode == 2, target
    origin = f"http://127.0.0.1:{server.server_port}"
    assert dashcam(tmp_path, "replay", record, "--to", origin).returncode == 0
    ((path, headers, _),) = server.seen
    assert path.lstrip("/") == "evil.example/x"  # http.server makes one slash of two
    assert headers["Host"].startswith("127.0.0.1")


def test_fault_59_there_is_no_csv(add, tmp_path):
    """Formulas act in spreadsheets: CSV is not a format, and that is said."""
    add(path="=cmd|' /C calc'!A0")
    refused = dashcam(tmp_path, "export", "--format", "csv")
    assert refused.returncode == 2
    assert b"jsonl" in refused.stderr


@pytest.mark.parametrize("evil", ["' OR 1=1 --", "%", "_", "'; DROP TABLE request_logs; --", "\\"])
def test_fault_59_a_filter_is_a_value(add, page, evil):
    """What is typed is compared, never run; `%` and `_` match themselves only."""
    add(path="/one", user_id="someone")
    with httpx.Client(base_url=page) as client:
        for name in ("path", "q", "user_id", "api_key_id", "request_id", "trace_id", "method"):
            answer = client.get("/api/history", params={name: evil})
            assert answer.status_code == 200, name
            assert answer.json()["items"] == [], name
        assert len(client.get("/api/history").json()["items"]) == 1


def test_fault_59_a_cursor_and_a_limit(add, page):
    """A cursor that was changed, or is another question's, and a huge limit are a 400."""
    for _ in range(3):
        add()
    with httpx.Client(base_url=page) as client:
        cursor = client.get("/api/history?limit=1").json()["next_cursor"]
        middle = len(cursor) // 2
        changed = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
        for query in (
            {"cursor": changed},
            {"cursor": cursor, "path": "/other"},
            {"limit": 201},
            {"limit": 10**18},
            {"limit": -1},
        ):
            assert client.get("/api/history", params={"limit": 1, **query}).status_code == 400, (
                query
            )
