"""Runs the shell lines of a page of the documentation, in order, as its reader would.

Only what a reader would replace is replaced: an id, a key, a database's address, a directory of the
system, a port that may be taken. What serves is started beside the lines that follow it, and must
live until the section ends. `pip install` checks that the extras exist (tests/integration/test_wheel.py
installs for real), and `make` only checks that its targets do.
"""

import importlib.metadata
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from tests.processes import ROOT, kill_group, wait_until

from dashcam import Exchange
from dashcam.access import ApiKeys
from dashcam.exchange import timestamp
from dashcam.store import open_store

SERVES = re.compile(r"(?:\w+=\S+ )*(dashcam (?:run|serve|tail|writer)|uvicorn)\b")
DEFAULT_PORTS = {"dashcam run": 8000, "uvicorn": 8000, "dashcam serve": 8600}
DATABASE = re.compile(r"postgresql\+psycopg://\S+")
APP = """\
from fastapi import FastAPI
from dashcam import DashcamMiddleware

app = FastAPI()
app.add_middleware(DashcamMiddleware)
"""
PIP = """\
pip() { [ "$1" = install ] && "$TEST_PYTHON" -m tests.docs.shell "$2"; }
make() { for target in "$@"; do command make --dry-run -C "$TEST_ROOT" "$target" > /dev/null; done; }
"""


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def commands(block: str) -> list[tuple[str, str]]:
    """Give the commands of a block, each with the output that is shown below it."""
    lines = block.rstrip().splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if prompted and not line.startswith("$ "):
            found[-1][1].append(line)
        elif line.strip():
            found.append((line.removeprefix("$ "), []))
    return [(command, "\n".join(output)) for command, output in found]


class Shell:
    """One reader, in a directory of their own."""

    def __init__(self, place: Path, page: str, *, database: Callable[[], str]) -> None:
        self.place = self.cwd = place
        self.database = database
        saved = re.search(r"as `main\.py`:\n\n```python\n(.*?)```", page, re.DOTALL)
        mounted = re.search(r"```python\n([^`]*history_router.*?)```", page, re.DOTALL)
        self.app = (saved or mounted or [None, APP])[1]
        self.ports: dict[int, int] = {}
        self.served: list[tuple[str, subprocess.Popen[bytes], Path]] = []
        self.asked = 0
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        clean = {name: text for name, text in os.environ.items() if not name.startswith("DASHCAM_")}
        self.env = {
            **clean,
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "TEST_PYTHON": sys.executable,
            "TEST_ROOT": str(ROOT),
            "BROWSER": "true",
            "COLUMNS": "100",
        }
        self.stage()

    def stage(self) -> None:
        """Put down what a reader has: an app, and a database in which something was recorded."""
        (self.cwd / "main.py").write_text(self.app)
        url = f"sqlite:///{self.cwd}/request_logs.db"
        store = open_store(url)
        store.migrate()
        exchange = Exchange(
            request_timestamp=timestamp(time.time_ns()),
            method="GET",
            path="/v1/items",
            query="page=2",
            status_code=500,
            duration_ms=700.0,
            user_id="u_1",
            request_headers=[["accept", "*/*"]],
            redacted=["header:authorization"],
        )
        store.insert(msgspec.json.encode(exchange) + b"\n")
        self.id = exchange.id
        self.key = ApiKeys(store).create("u_1").key
        store.close()
        (self.cwd / ".dashcam" / "journal").mkdir(parents=True, exist_ok=True)

    def run(self, command: str, output: str) -> None:
        """Run one command; compare what it prints with what the page shows, `…` being anything."""
        command = self.meant(command)
        if SERVES.match(command):
            self.serve(command)
            return
        if "127.0.0.1:8000" in command and 8000 not in self.ports:
            self.serve("uvicorn main:app")
        for written, real in self.ports.items():
            command = command.replace(f"127.0.0.1:{written}", f"127.0.0.1:{real}")
        state, where = self.place / "env.bin", self.place / "cwd.txt"
        script = f'{PIP}set -euo pipefail\n{command}\nenv -0 > "{state}"\npwd > "{where}"\n'
        done = subprocess.run(
            ["bash", "-c", script],
            check=False,
            cwd=self.cwd,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        for line in output.splitlines():
            wanted = re.escape(line).replace("…", ".*")
            assert re.search(wanted, done.stdout, re.DOTALL), f"{command}\n{done.stdout}\n!= {line}"
        pairs = state.read_text().split("\0")
        self.env = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        cwd = Path(where.read_text().strip())
        if cwd != self.cwd:
            self.cwd = cwd
            (cwd / "main.py").write_text(self.app)
        if key := re.search(r"^(dc_\w{40,})", done.stdout, re.MULTILINE):
            self.key = key[1]
        if command.startswith("curl"):
            self.asked += 1
            wait_until(lambda: len(self.recorded()) >= self.asked, what="what was asked is stored")

    def recorded(self) -> list[str]:
        """Give the ids that are stored, newest first."""
        command = [sys.executable, "-m", "dashcam", "ls", "--json"]
        done = subprocess.run(
            command, check=False, cwd=self.cwd, env=self.env, capture_output=True, text=True
        )
        return [json.loads(line)["id"] for line in done.stdout.splitlines()]

    def meant(self, command: str) -> str:
        """Put in what a reader puts in."""
        if "51df0e2a" in command or "<the id" in command:
            found = self.id if self.cwd == self.place else self.recorded()[0]
            command = re.sub(r"51df0e2a|<the id[^>]*>", found[-12:], command)
        command = command.replace("dc_Ab3dEf9h", self.key[:11]).replace("dc_…", self.key)
        command = command.replace("/var/lib/dashcam", str(self.place / "journal"))
        if DATABASE.search(command):
            command = DATABASE.sub(self.database(), command)
        return re.sub(r"--seconds \d+", "--seconds 3", command)

    def serve(self, command: str) -> None:
        """Start what serves, and wait until it does."""
        kind = SERVES.match(command)[1]  # type: ignore[index]
        command = command.partition(" #")[0].strip()
        real = 0
        if kind in DEFAULT_PORTS:
            real = free_port()
            written = re.search(r" --port (\d+)", command)
            self.ports[int(written[1]) if written else DEFAULT_PORTS[kind]] = real
            command = re.sub(r" --port \d+", "", command) + f" --port {real}"
        told = self.place / f"served-{time.monotonic_ns()}.txt"
        with told.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec env {command}"],
                cwd=self.cwd,
                env={**self.env, "PYTHONUNBUFFERED": "1"},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.served.append((command, process, told))

        def is_there() -> bool:
            assert process.poll() is None, f"{command} ended:\n{told.read_text()}"
            if not real:
                return kind == "dashcam writer" or told.stat().st_size > 0
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", real)) == 0

        wait_until(is_there, what=command)

    def close(self) -> None:
        """End what still serves; it must not have ended by itself."""
        ended = [shlex.join([command]) for command, process, _ in self.served if process.poll()]
        told = "\n".join(path.read_text() for _, _, path in self.served)
        for _, process, _ in self.served:
            process.send_signal(signal.SIGTERM)
        for _, process, _ in self.served:
            try:
                process.wait(20)
            finally:
                kill_group(process)
        self.served, self.ports = [], {}
        assert not ended, told
        assert "Traceback" not in told, told


def check_requirement(requirement: str) -> None:
    """Fail unless a requirement is this project, with extras that it has."""
    name, _, extras = requirement.removesuffix("]").partition("[")
    assert name == "dashcam", requirement
    known = importlib.metadata.metadata("dashcam").get_all("Provides-Extra") or []
    assert set(filter(None, extras.split(","))) <= set(known), requirement


if __name__ == "__main__":
    check_requirement(sys.argv[1])
