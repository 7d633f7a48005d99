"""The terminal: the filter grammar, curl, HAR, sparklines, and a request sent again."""

import http.server
import json
import subprocess
import threading

import msgspec
import pytest
from typer.testing import CliRunner

from dashcam import Exchange
from dashcam.cli import app
from dashcam.cli.views import sparkline
from dashcam.exchange import timestamp
from dashcam.store import open_store

run = CliRunner().invoke


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it got; a redirect for /redirect."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.path, self.headers.items(), body))
        if self.path.startswith("/redirect"):
            self.send_response(302)
            self.send_header("location", "http://169.254.169.254/")
            self.end_headers()
            return
        answer = json.dumps({"echo": body.decode(), "version": 2}).encode()
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def echo():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def add(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/request_logs.db"
    monkeypatch.setenv("DASHCAM_STORE", url)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    store = open_store(url)
    store.migrate()
    number = iter(range(1000))

    def add(**fields):
        began = timestamp(1_700_000_000_000_000_000 + next(number) * 10**9)
        exchange = Exchange(**{"request_timestamp": began, "method": "GET", "path": "/", **fields})
        store.insert(msgspec.json.encode(exchange) + b"\n")
        return exchange.id

    yield add
    store.close()


def test_the_grammar_in_ls_and_stats(add):
    """Words are the filter box's: keys, quoted text, and a mistake is named with exit code 2."""
    add(path="/a", status_code=200, duration_ms=5.0)
    add(path="/b", status_code=404, duration_ms=500.0, query="two words")
    assert "/b" in run(app, ["ls", "status:4xx"]).stdout
    assert "/a" not in run(app, ["ls", "status:4xx"]).stdout
    assert "/b" in run(app, ["ls", "duration:>100ms", "two words"]).stdout
    assert "no records" in run(app, ["ls", "path:/a", "status:404"]).stdout
    assert json.loads(run(app, ["stats", "path:/a", "--json"]).stdout)["count"] == 1
    shown = run(app, ["stats"]).stdout
    assert "requests" in shown
    assert "p95" in shown
    wrong = run(app, ["ls", "stauts:404"])
    assert wrong.exit_code == 2
    assert "stauts" in wrong.stderr


def test_bodies_and_har(add):
    """--body shows bodies; --har is a HAR 1.2 file; --json with --body is whole records."""
    body = {"request_body": '{"needle": 1}', "request_body_encoding": "utf-8"}
    record = add(method="POST", **body, request_headers=[["content-type", "application/json"]])
    assert "needle" in run(app, ["ls", "--body"]).stdout
    assert "needle" not in run(app, ["ls"]).stdout
    assert json.loads(run(app, ["ls", "--body", "--json"]).stdout)["request_body"]
    har = json.loads(run(app, ["show", record, "--har"]).stdout)
    assert har["log"]["entries"][0]["request"]["postData"]["text"] == '{"needle": 1}'


def test_curl_runs_as_it_is_meant(add, echo):
    """Quotes, dollars, line feeds and bytes reach the server as they were recorded."""
    text = 'it\'s $(x) `y` "z" \\ \n\u00e9'
    record = add(
        method="POST",
        scheme="http",
        host=echo.url.removeprefix("http://"),
        path="/it's/\u00e9 b",
        query="a=$(x)&b='",
        request_headers=[["x-odd", "a'b;c"], ["content-length", "999"]],
        request_body=text,
        request_body_encoding="utf-8",
    )
    command = run(app, ["show", record, "--curl"]).stdout
    subprocess.run(["bash", "-c", command.strip() + " --silent"], check=True, timeout=20)
    ((path, headers, body),) = echo.seen
    assert path == "/it's/%C3%A9%20b?a=$(x)&b='"
    assert ("x-odd", "a'b;c") in headers
    assert body.decode() == text


def test_replay_shows_what_differs(add, echo):
    """The same request again: status, headers and body are compared line by line."""
    record = add(
        method="POST",
        path="/x",
        query="a=1",
        status_code=200,
        request_headers=[["content-type", "text/plain"]],
        request_body="hello",
        request_body_encoding="utf-8",
        request_body_bytes=5,
        response_headers=[["content-type", "application/json"]],
        response_body='{"echo":"hello","version":1}',
        response_body_encoding="utf-8",
    )
    shown = run(app, ["replay", record, "--to", echo.url])
    assert shown.exit_code == 0, shown.stderr
    assert echo.seen[0][0] == "/x?a=1"
    assert echo.seen[0][2] == b"hello"
    assert "201" in shown.stdout
    assert '-  "version": 1' in shown.stdout
    assert '+  "version": 2' in shown.stdout
    assert '-  "echo"' not in shown.stdout
    as_json = json.loads(run(app, ["replay", record[-12:], "--to", echo.url, "--json"]).stdout)
    assert as_json["status_code"] == 201


def test_replay_wants_secrets_anew(add, echo):
    """What was redacted must be given, or left out by a word; it is put where it was."""
    record = add(
        method="POST",
        path="/login",
        query="token=[redacted]&a=1",
        request_headers=[["content-type", "application/json"]],
        request_body='{"user":"u","password":"[redacted]"}',
        request_body_encoding="utf-8",
        request_body_bytes=30,
        redacted=["body:password", "header:authorization", "query:token"],
    )
    refused = run(app, ["replay", record, "--to", echo.url])
    assert refused.exit_code == 2
    assert "header:authorization" in refused.stderr
    assert echo.seen == []
    secrets = ["authorization=Bearer x", 'password=p"\\w', "token=t&k"]
    arguments = [part for secret in secrets for part in ("--secret", secret)]
    sent = run(app, ["replay", record, "--to", echo.url, *arguments])
    assert sent.exit_code == 0, sent.stderr
    path, headers, body = echo.seen[0]
    assert path == "/login?token=t%26k&a=1"
    assert ("authorization", "Bearer x") in headers
    assert json.loads(body) == {"user": "u", "password": 'p"\\w'}
    assert run(app, ["replay", record, "--to", echo.url, "--without-secrets"]).exit_code == 0


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254",
        "http://10.0.0.1:80",
        "http://0.0.0.0:80",
        "http://[fe80::1]:80",
        "http://127.0.0.1:8000/path",
        "http://user:pass@127.0.0.1",
        "ftp://127.0.0.1",
        "127.0.0.1:8000",
        "http://127.0.0.1:99999999",
        "file:///etc/passwd",
    ],
)
def test_replay_goes_nowhere_else(add, to):
    """Other machines, link-local addresses, paths and schemes are refused: exit code 2."""
    refused = run(app, ["replay", add(), "--to", to])
    assert refused.exit_code == 2, refused.output
    assert "Traceback" not in refused.output


def test_replay_follows_no_redirect(add, echo):
    """A redirect is shown as the answer that it is."""
    shown = run(app, ["replay", add(path="/redirect"), "--to", echo.url])
    assert shown.exit_code == 0
    assert "302" in shown.stdout
    assert len(echo.seen) == 1


def test_replay_of_what_was_not_kept(add, echo):
    """A body that was cut or not kept can't be sent again."""
    cut = add(method="POST", request_body="x", request_body_bytes=9, request_body_truncated=True)
    gone = add(method="POST", request_body_bytes=9)
    for record in (cut, gone):
        refused = run(app, ["replay", record, "--to", echo.url])
        assert refused.exit_code == 1
        assert "not kept whole" in refused.stderr
    assert echo.seen == []


def test_sparkline():
    """Numbers as blocks: the largest is full, zero is nothing."""
    assert sparkline([0, 1, 4, 8]) == " ▁▄█"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "  "


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dashcam l", {"ls"}),
        ("dashcam ls stat", {"status:"}),
        ("dashcam ls outcome:d", {"outcome:disconnected", "outcome:dropped"}),
        ("dashcam tail --me", {"--method"}),
    ],
)
def test_a_shell_completes(typed, offered):
    """Commands, options, and keys and values of the filter: what the installed script asks for."""
    env = {"_DASHCAM_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = run(app, [], prog_name="dashcam", env={**env, "_TYPER_COMPLETE_ARGS": typed})
    assert {line.split("\t")[0] for line in done.stdout.splitlines() if line} == offered


def test_every_command_has_an_example():
    """`--help` of each command shows how it is used; the reference shows and runs the same."""
    import typer.main

    def commands(group):
        for each in group.commands.values():
            yield from commands(each) if hasattr(each, "commands") else [each]

    for command in commands(typer.main.get_command(app)):
        assert "Examples:\n" in command.help, command.name
        assert "dashcam " in command.help.partition("Examples:")[2], command.name


@pytest.mark.parametrize(
    "events",
    [
        [{"choices": [{"delta": {"content": "Hel"}}]}, {"choices": [{"delta": {"content": "lo"}}]}],
        [{"choices": [{"text": "Hel"}]}, {"choices": [{"text": "lo"}]}, {"choices": []}],
        [
            {"type": "message_start", "message": {}},
            {"type": "content_block_delta", "delta": {"text": "Hel"}},
            {"type": "content_block_delta", "delta": {"text": "lo"}},
        ],
        [
            {"type": "response.output_text.delta", "delta": "Hel"},
            {"type": "response.output_text.delta", "delta": "lo"},
        ],
    ],
)
def test_show_puts_a_stream_together(add, events):
    """The answer of an LLM stands above its events, as its reader saw it."""
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    record = add(response_body=body, response_body_encoding="utf-8")
    shown = run(app, ["show", record]).stdout
    assert "as its reader saw it:\nHello\n" in shown


def test_show_leaves_other_streams_as_they_are(add):
    """Events without text of an LLM are shown as they came."""
    record = add(response_body='data: [1]\n\ndata: {"a": "b"}\n\n', response_body_encoding="utf-8")
    shown = run(app, ["show", record]).stdout
    assert "reader saw" not in shown
    assert 'data: {"a": "b"}' in shown
