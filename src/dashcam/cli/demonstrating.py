"""`dashcam demo`: an example gateway under `dashcam run`, real traffic, and its records."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

from dashcam.cli.show import header_line, row_line, stats_view
from dashcam.demo.traffic import Traffic
from dashcam.history.following import Follower
from dashcam.store import open_store
from dashcam.store.base import Query, Scope

START_S = 20.0
SETTLE_S = 10.0


def demo(console: Console, *, seconds: float | None, port: int, directory: str | None) -> int:
    """Run the demo; give the exit code."""
    with ExitStack() as stack:
        place = Path(directory or tempfile.mkdtemp(prefix="dashcam-demo-"))
        place.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{place.absolute()}/request_logs.db"
        port = port or _free_port()
        server = stack.enter_context(_gateway(url, place, port))
        stack.callback(_end, server)
        if not _wait_for(port, server):
            console.print(f"the gateway did not start; see {place}/gateway.log")
            return 1
        console.print(
            Text.assemble(
                ("dashcam demo", "bold"),
                f": an example gateway runs on http://127.0.0.1:{port} and "
                f"gets example traffic; its records arrive in\n{url}",
            )
        )
        traffic = Traffic(port)
        traffic.start()
        stopped = threading.Event()
        previous = signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        stack.callback(signal.signal, signal.SIGTERM, previous)
        try:
            _follow(console, url, stopped, seconds)
        except KeyboardInterrupt:
            pass
        traffic.stop()
        _end(server)
        return _summary(console, url, traffic, place)


def _gateway(url: str, place: Path, port: int) -> "subprocess.Popen[bytes]":
    env = {name: text for name, text in os.environ.items() if not name.startswith("DASHCAM_")}
    command = [sys.executable, "-m", "dashcam", "run", "dashcam.demo.gateway:app"]
    with (place / "gateway.log").open("wb") as log:
        return subprocess.Popen(
            [*command, "--port", str(port), "--store", url, "--log-level", "warning"],
            env=env,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _end(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _follow(console: Console, url: str, stopped: threading.Event, seconds: float | None) -> None:
    store = open_store(url)
    follower = Follower(store, Query(scope=Scope.all(), limit=500), last=0)
    end = None if seconds is None else time.monotonic() + seconds
    width = console.width
    console.print(header_line(width=width))
    try:
        while not stopped.is_set() and (end is None or time.monotonic() < end):
            for row, amended in follower.poll():
                console.print(row_line(row, width=width, amended=amended), no_wrap=True, crop=True)
            stopped.wait(0.2)
    finally:
        store.close()


def _summary(console: Console, url: str, traffic: Traffic, place: Path) -> int:
    """Compare what the clients have received with what is stored; give the exit code."""
    store = open_store(url)
    try:
        stats = store.stats(Query(scope=Scope.all()))
    finally:
        store.close()
    answered = sum(traffic.answered.values())
    stored = stats.outcomes.get("completed", 0) + stats.outcomes.get("failed", 0)
    console.print()
    console.print(stats_view(stats, width=console.width))
    left = stats.count - stored
    missing = answered - stored
    if missing > 0:
        console.print(
            f"\n{missing} of {answered} answers that clients received are not stored",
            style="bold red",
        )
    else:
        console.print(
            f"\nclients received {answered} answers whole, {stored} are stored as completed or failed; "
            f"{traffic.left} streams were left in the middle, {left} are stored as disconnected",
            style="green",
        )
    store_option = f"--store {json.dumps(url)[1:-1]}"
    console.print(f"\nthe data stays in {place}; look around:")
    for command in ("ls --limit 10", "ls --errors", "stats", "tail"):
        console.print(f"  dashcam {command} {store_option}", soft_wrap=True)
    return 1 if missing > 0 else 0
