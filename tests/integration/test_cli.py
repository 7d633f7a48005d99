"""The command line, as people run it: real processes, real output."""

import json
import os
import signal
import subprocess
import sys

import msgspec
import pytest
from tests.checker import rows, tokens
from tests.integration.test_server import ask
from tests.processes import ROOT, environment, own_port, running, wait_until

from dashcam import Exchange
from dashcam.__main__ import main
from dashcam.store import open_store

EVIL = "\x1b]8;;http://evil.test\x07click\x1b[31m\u202egnp [bold]x[/bold] <b>"


@pytest.fixture
def place(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/request_logs.db")
    store.migrate()
    exchanges = [
        Exchange(
            path="/ok",
            method="GET",
            status_code=200,
            duration_ms=1.5,
            user_id="u1",
            response_body='{"a":1}',
            response_body_encoding="utf-8",
            response_body_bytes=7,
        ),
        Exchange(path="/bad", method="POST", status_code=404, duration_ms=20.0),
        Exchange(
            path="/boom",
            method="GET",
            status_code=500,
            outcome="failed",
            error_type="ValueError",
            error_message=EVIL,
            error_traceback="tb\n" + EVIL,
        ),
        Exchange(
            path=f"/{EVIL}",
            method=EVIL,
            status_code=200,
            user_agent=EVIL,
            user_id=EVIL,
            request_headers=[[EVIL, EVIL]],
            request_body=EVIL,
            request_body_encoding="utf-8",
            tags={EVIL: EVIL},
        ),
        Exchange(
            outcome="dropped",
            dropped_count=12,
            dropped_first="2026-01-01T00:00:00.000000Z",
            dropped_last="2026-01-01T00:00:09.000000Z",
        ),
    ]
    store.insert(b"".join(msgspec.json.encode(each) + b"\n" for each in exchanges))
    store.close()
    return tmp_path, [each.id for each in exchanges]


def dashcam(place, *arguments, columns=100, check=0, **env):
    done = subprocess.run(
        [sys.executable, "-m", "dashcam", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=place,
        check=False,
        env={**environment(place), "COLUMNS": str(columns), **env},
    )
    assert done.returncode == check, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout if check == 0 else done.stderr


@pytest.mark.parametrize("columns", [60, 160])
def test_ls_lists_newest_first_and_fits(place, columns):
    """A line a record, newest first, no wider than the terminal; a gap is drawn."""
    directory, _ = place
    lines = dashcam(directory, "ls", columns=columns).splitlines()
    assert "/ok" in lines[-1]
    assert any("12 records are missing" in line for line in lines)
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize(
    "command",
    [["ls"], ["show", 3], ["show", 2], ["stats"], ["ls", "--json"], ["show", 3, "--json"]],
)
def test_nothing_recorded_acts_on_the_terminal(place, command):
    """Escape sequences, bidirectional marks and markup come out as text."""
    directory, ids = place
    arguments = [ids[each] if isinstance(each, int) else each for each in command]
    output = dashcam(
        directory, *arguments, columns=200, FORCE_COLOR="1" if "--json" not in command else ""
    )
    plain = output.replace("\x1b[", "").replace("\x1b", "!") if "--json" not in command else output
    assert "\x1b]" not in output
    assert "\x07" not in output
    assert "\u202e" not in output or "--json" in command
    assert "]8;;" not in plain or "\\x1b]8;;" in output or "\\u001b]8;;" in output


def test_filters_and_json(place):
    """Filters restrict, --json gives JSON lines."""
    directory, ids = place
    found = [
        json.loads(line)["id"]
        for line in dashcam(directory, "ls", "--json", "--status", "4xx").splitlines()
    ]
    assert found == [ids[1]]
    assert [
        json.loads(line)["path"]
        for line in dashcam(directory, "ls", "--errors", "--json").splitlines()
    ] == ["/boom"]
    assert json.loads(dashcam(directory, "stats", "--json"))["dropped"] == 12
    assert json.loads(dashcam(directory, "show", ids[0][-9:], "--json"))["id"] == ids[0]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["ls", "--status", "abc"], 2, "status must be like 404"),
        (["ls", "--from", "yesterday"], 2, "a time must be like"),
        (["ls", "--outcome", "nice"], 2, "outcome must be one of"),
        (["show", "zz"], 2, "an id is"),
        (["show", "0123456789"], 1, "there is no record"),
        (["ls", "--store", "mysql://x"], 2, "store must be a SQLAlchemy URL"),
        (["ls", "--store", "sqlite:///nowhere.db"], 1, "there is no database"),
        (["prune", "--older-than", "soon"], 2, "a span must be like"),
        (["run", "nomodule:app"], 2, "there is no module 'nomodule'"),
        (["run", "tests.apps.tokens:nothing"], 2, "has no 'nothing'"),
        (["run", "tests.apps.tokens:HEADERS"], 2, "is no ASGI app"),
        (["run", "nocolon"], 2, "module:attribute"),
        (["run", "tests.apps.plain:app", "--workers", "0"], 2, "'--workers'"),
        (["run", "tests.apps.plain:app", "--port", "http"], 2, "'--port'"),
        (["run", "tests.apps.plain:app", "--writer", "fork"], 2, "writer must be one of"),
        (["run", "tests.apps.plain:app", "--log-level", "loud"], 2, "log-level must be"),
        (["run", "tests.apps.plain:app", "--app-dir", "/nowhere"], 2, "no directory '/nowhere'"),
        (["run"], 2, "Missing argument"),
        (["ls", "--limit", "many"], 2, "'--limit'"),
        (["ls", "--nope"], 2, "No such option: --nope"),
        (["journal", "verify", "/nowhere"], 2, "there is no directory"),
        (["journal", "repair", "--drry-run"], 2, "No such option: --drry-run"),
        (["journal", "look"], 2, "No such command 'look'"),
        (["demo", "--seconds", "0"], 2, "'--seconds'"),
        (["demo", "--dir", "/proc/nowhere"], 2, "can't be made"),
        (["prune"], 2, "give either --older-than or --user"),
        (["writer", "--store", "foo"], 2, "store must be a SQLAlchemy URL"),
        (["migrate", "--store", "sqlite:////proc/x/y.db"], 1, "/proc/x/y.db can't be made"),
        (["migrate", "--store", "sqlite:////proc"], 1, "SQLITE_CANTOPEN (/proc)"),
        (["migrate", "--store", "postgresql+psycopg://a@127.0.0.1:1/x"], 1, "refused"),
        (["recover", "nofile"], 2, "there is no file"),
        (["nosuchcommand"], 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_a_sentence_and_an_exit_code(told, arguments, code, says):
    """Never a traceback for a typo, but one line; 2 for wrong usage, 1 for what failed."""
    said = told(*arguments, check=code)
    assert says in said
    assert len(said.splitlines()) == 1, said


@pytest.fixture
def told(place, monkeypatch, capsys):
    """Run a command that must fail; give what it says. In this process, for thirty are slow otherwise."""

    def told(*arguments, check, **env):
        if arguments[0] == "writer":  # it takes signals
            return dashcam(place[0], *arguments, check=check, columns=200, **env)
        for name, value in {**environment(place[0], writer="thread"), **env}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(place[0])
        monkeypatch.setattr(sys, "argv", ["dashcam", *arguments])
        monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == check
        return capsys.readouterr().err

    return told


COMMANDS = [
    ["run", "tests.apps.plain:app"],
    ["ls"],
    ["show", "123456"],
    ["tail"],
    ["stats"],
    ["recover"],
    ["migrate"],
    ["prune", "--older-than", "1d"],
    ["doctor"],
    ["serve"],
    ["writer"],
    ["journal", "verify"],
    ["journal", "dump"],
    ["journal", "repair"],
    ["export"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_wrong_setting_is_a_sentence(told, command):
    """Each command says in one line which setting is wrong, with which value, and where it came from."""
    said = told(*command, check=2, DASHCAM_BATCH_SIZE="0")
    assert said == "dashcam: batch_size must be at least 1, got '0' (from DASHCAM_BATCH_SIZE)\n"


def test_a_variable_that_is_no_setting_is_told(place):
    """A typing error in a variable's name: the command works, and says in one line what was meant."""
    done = subprocess.run(
        [sys.executable, "-m", "dashcam", "stats"],
        capture_output=True,
        text=True,
        cwd=place[0],
        check=True,
        env={**environment(place[0]), "DASHCAM_BATCH_SISE": "1"},
    )
    meant = "DASHCAM_BATCH_SISE is no setting of dashcam; did you mean batch_size?"
    assert done.stderr.splitlines() == [f"dashcam: {meant}"]


def test_prune_migrate_doctor_recover(place):
    """The housekeeping commands do what they say, and say what they did."""
    directory, _ = place
    assert "is current already" in dashcam(directory, "migrate")
    assert "0 records began before" in dashcam(
        directory, "prune", "--older-than", "30d", "--dry-run"
    )
    failed = directory / ".dashcam" / "failed_logs.jsonl"
    failed.parent.mkdir()
    record = msgspec.json.encode(Exchange(path="/again"))
    failed.write_bytes(
        b'{"record":%s,"error":"e","failed_at":"t","attempts":1}\nforeign\n' % record
    )
    assert "1 refused ones are stored now" in dashcam(directory, "recover")
    assert failed.read_text() == "foreign\n"
    assert "ok" in dashcam(directory, "doctor")
    levels = [
        json.loads(line)["level"] for line in dashcam(directory, "doctor", "--json").splitlines()
    ]
    assert "fail" not in levels


def test_run_records_an_app_that_knows_nothing_of_it(tmp_path):
    """dashcam run with two workers: uvicorn, capture, and a drained end."""
    env = environment(tmp_path)
    port = own_port()
    arguments = (
        "-m",
        "dashcam",
        "run",
        "tests.apps.plain:app",
        "--port",
        str(port),
        "--workers",
        "2",
        "--log-level",
        "warning",
    )
    with running(*arguments, env=env, cwd=tmp_path) as server:

        def up():
            try:
                return ask(port, "/download")[0] == 200
            except OSError:
                return False

        wait_until(up, what="the server")
        for number in range(20):
            assert ask(port, f"/shop/items/{number}")[0] == 200
        os.kill(server.pid, signal.SIGTERM)
        server.wait(20)
    assert sorted(tokens(rows(tmp_path), "completed"), key=str) == sorted(
        ["download", *map(str, range(20))], key=str
    )


def test_tail_follows(tmp_path):
    """tail shows what is stored while it runs, once, and ends at Ctrl-C with 0."""
    store = open_store(f"sqlite:///{tmp_path}/request_logs.db")
    store.migrate()
    command = [sys.executable, "-m", "dashcam", "tail", "--json"]
    process = subprocess.Popen(
        command, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        for number in range(5):
            store.insert(msgspec.json.encode(Exchange(path=f"/{number}")) + b"\n")
            assert json.loads(process.stdout.readline())["path"] == f"/{number}"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        store.close()


def test_a_closed_pipe_ends_quietly(place):
    """dashcam ls | head: no traceback."""
    directory, _ = place
    done = subprocess.run(
        f"{sys.executable} -m dashcam ls --json --limit 1000 | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
        env=environment(directory),
        cwd=directory,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""


def test_without_the_extra_it_says_what_to_install(tmp_path):
    """typer missing: one sentence, exit code 2; `writer` works without it."""
    script = "import sys; sys.modules['typer'] = None; sys.argv[0] = 'dashcam'; from dashcam.__main__ import main; main()"
    env = {**environment(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script, "ls"],
        capture_output=True,
        text=True,
        env=env,
        check=False,
        timeout=30,
    )
    assert (done.returncode, 'pip install "dashcam[standard]"' in done.stderr) == (2, True)
    helped = subprocess.run(
        [sys.executable, "-c", script, "writer", "--help"],
        capture_output=True,
        text=True,
        env=env,
        check=False,
        timeout=30,
    )
    assert (helped.returncode, "--journal-dir" in helped.stdout) == (0, True)


def test_the_demo_ends_by_itself(tmp_path):
    """dashcam demo --seconds 3: real traffic, all of it accounted for, exit code 0; no secret on the disk."""
    output = dashcam(tmp_path, "demo", "--seconds", "3", "--dir", str(tmp_path / "demo"))
    assert "clients received" in output
    everything = b"".join(
        path.read_bytes()
        for path in (tmp_path / "demo").rglob("*")
        if path.is_file() and path.name != "gateway.log"
    )
    # (gateway.log is uvicorn's own: it prints the traceback of what the app raised.)
    for secret in (b"hunter2", b"example-key-1", b"never-kept", b"example-secret"):
        # The id of a key is no secret; it begins like one.
        assert secret not in everything.replace(b"example-key-id", b"")


def test_journal_verify_and_dump(tmp_path):
    """verify tells frames and damage (exit code 1), dump prints each record."""
    from tests.journals import abandon, open_journal

    journal = open_journal(tmp_path / "journal", segment_bytes=1 << 14)
    for number in range(5):
        journal.append(b'{"n":%d}\n' % number)
    path = abandon(journal)
    assert "5 frames, 5 records" in dashcam(tmp_path, "journal", "verify", str(path))
    assert dashcam(tmp_path, "journal", "dump", str(path)).splitlines() == [
        f'{{"n":{number}}}' for number in range(5)
    ]
    segment = path / "00000001.seg"
    data = bytearray(segment.read_bytes())
    data[100] ^= 1
    segment.write_bytes(data)
    dashcam(tmp_path, "journal", "verify", str(path), check=1)
    assert "set aside" in dashcam(tmp_path, "journal", "repair", "--dry-run", str(path))
    dashcam(tmp_path, "journal", "repair", str(path))
    dashcam(tmp_path, "journal", "verify", str(path), check=1)  # a hole is still a hole


def test_run_with_the_page(tmp_path):
    """dashcam run --ui: the app as it was, the page at /dashcam/ behind a link that works once."""
    import re

    import httpx

    env = environment(tmp_path, batch_interval_s=0.05)
    port = 20_000 + (os.getpid() * 7) % 20_000
    out = tmp_path / "out.txt"
    command = [sys.executable, "-m", "dashcam", "run", "tests.apps.plain:app", "--ui"]
    with out.open("wb") as written:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--log-level", "warning"],
            env=env,
            cwd=tmp_path,
            stdout=written,
        )
    base = f"http://127.0.0.1:{port}"

    def up():
        try:
            return httpx.get(base + "/download").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(up, what="the server")
        link = re.search(r"http\S+token=\S+", out.read_text())[0]
        assert httpx.get(base + "/dashcam/api/history").status_code == 401
        assert httpx.get(base + "/dashcam").status_code in (302, 307)
        assert "dashcam" in httpx.get(base + "/dashcam/").text
        assert httpx.get(base + "/dashcam/static/main.js").status_code == 200
        evil = {"host": "evil.example"}
        assert httpx.get(base + "/dashcam/", headers=evil).status_code == 403
        assert httpx.get(base + "/download", headers=evil).status_code == 200
        with httpx.Client(base_url=base) as client:
            assert client.get(link).status_code == 303
            items = wait_until(
                lambda: client.get("/dashcam/api/history", params={"path": "/download"}).json()[
                    "items"
                ],
                what="records",
            )
            assert items[0]["status_code"] == 200
        assert httpx.get(link).status_code == 401
    finally:
        process.terminate()
        process.wait(15)
    assert not any("/dashcam/static" in row["path"] for row in rows(tmp_path))


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("psycopg", ["ls", "--store", "postgresql+psycopg://a@127.0.0.1/x"], "postgresql"),
        ("clickhouse_connect", ["migrate", "--store", "clickhousedb://127.0.0.1/x"], "clickhouse"),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, module, arguments, extra):
    """What isn't installed: one sentence that says how to install it, exit code 2."""
    import importlib.util

    from typer.testing import CliRunner

    from dashcam.cli import app

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == module else find(name)
    )
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert f'pip install "dashcam[{extra}]"' in result.stderr


def test_doctor_says_what_to_do_for_a_new_postgresql(postgres, monkeypatch, tmp_path):
    """Tables that only `dashcam migrate` makes are missing: doctor says so and fails; then not."""
    from typer.testing import CliRunner

    from dashcam.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASHCAM_STORE", postgres.new_database())
    before = CliRunner().invoke(app, ["doctor"])
    assert before.exit_code == 1
    assert "dashcam migrate" in before.stdout
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0
