"""`dashcam demo`: an example gateway under `dashcam run`, real traffic, and its records."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

from dashcam.access import ApiKeys
from dashcam.access.sessions import secret_key
from dashcam.api.viewer import make_ticket
from dashcam.cli.common import UsageError
from dashcam.cli.views import header_line, row_line, stats_view
from dashcam.demo.accident import PATH as JOB_PATH
from dashcam.demo.traffic import Traffic
from dashcam.history.following import Follower
from dashcam.settings import DEFAULT_BODY_CONTENT_TYPES, Settings
from dashcam.store import open_store
from dashcam.store.base import Query, Scope

USERS = ("example-user-1", "example-user-2")
QUOTA = "30/minute;tokens:5000/day"
"""Of the second user, who will run into it."""
ANSWERED = ("completed", "failed", "quota_exceeded", "unauthenticated")
START_S = 20.0
SETTLE_S = 10.0


def demo(
    console: Console,
    *,
    seconds: float | None,
    port: int,
    directory: str | None,
    open_browser: bool = False,
) -> int:
    """Run the demo; give the exit code."""
    with ExitStack() as stack:
        place = Path(directory or tempfile.mkdtemp(prefix="dashcam-demo-"))
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{place} can't be made (--dir): {error.strerror}") from error
        url = f"sqlite:///{place.absolute()}/request_logs.db"
        port = port or _free_port()
        keys = _make_keys(url)
        _accident(url, place)
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
        ticket = make_ticket(secret_key(Settings(environ={}, store=url)))
        console.print("\nopen the page (the link works once):\n", style="bold")
        page = f"http://127.0.0.1:{port}/dashcam/login?token={ticket}"
        console.print(f"    {page}\n", soft_wrap=True, style="cyan")
        if open_browser:
            webbrowser.open(page)
        traffic = Traffic(port, keys=[*keys.values(), keys[USERS[0]]])
        traffic.start()
        stopped = threading.Event()
        previous = signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        stack.callback(signal.signal, signal.SIGTERM, previous)
        try:
            _follow(console, url, stopped, seconds)
        except KeyboardInterrupt:
            pass
        traffic.stop()
        history = {user: _read_back(port, key, traffic) for user, key in keys.items()}
        _end(server)
        return _summary(console, url, traffic, place, history)


def _gateway(url: str, place: Path, port: int) -> "subprocess.Popen[bytes]":
    env = _environment()
    kept = (*DEFAULT_BODY_CONTENT_TYPES, "image/*", "application/octet-stream")
    env["DASHCAM_BODY_CONTENT_TYPES"] = ",".join(kept)  # so that there are images and bytes to see
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


def _accident(url: str, place: Path) -> None:
    """Let a process overrun its journal and die, so that a gap can be seen."""
    with (place / "accident.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "dashcam.demo.accident"],
            check=False,
            env={**_environment(), "DASHCAM_STORE": url},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            timeout=START_S,
        )


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("DASHCAM_")}


def _make_keys(url: str) -> dict[str, str]:
    api_keys = ApiKeys(open_store(url))
    return {
        USERS[0]: api_keys.create(USERS[0], name="example").key,
        USERS[1]: api_keys.create(USERS[1], name="example", quota=QUOTA).key,
    }


def _read_back(port: int, key: str, traffic: Traffic) -> str:
    """Read history over HTTP as one user, page by page, and say what there is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    outcomes: Counter[str] = Counter()
    path: str | None = "/dashcam/api/history?limit=100"
    try:
        while path is not None:
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            page = json.loads(answer.read())
            traffic.answered["/dashcam/api/history"] += 1
            outcomes.update(item["outcome"] for item in page["items"])
            link = answer.getheader("Link", "")
            path = link[1 : link.index(">")] if link else None
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return f"could not be read ({type(error).__name__})"
    finally:
        connection.close()
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                # Where nobody listens yet, the kernel may give the client the very same port.
                if connection.getsockname() != connection.getpeername():
                    return True
        except OSError:
            time.sleep(0.05)
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


def _summary(
    console: Console, url: str, traffic: Traffic, place: Path, history: dict[str, str]
) -> int:
    """Compare what the clients have received with what is stored; give the exit code."""
    store = open_store(url)
    try:
        stats = store.stats(Query(scope=Scope.all()))
        job = store.stats(Query(scope=Scope.all(), path_prefix=JOB_PATH)).outcomes
    finally:
        store.close()
    answered = sum(traffic.answered.values())
    stored = sum(stats.outcomes.get(outcome, 0) - job.get(outcome, 0) for outcome in ANSWERED)
    console.print()
    console.print(stats_view(stats, width=console.width))
    left = stats.outcomes.get("disconnected", 0)
    missing = answered - stored
    if missing > 0:
        console.print(
            f"\n{missing} of {answered} answers that clients received are not stored",
            style="bold red",
        )
    else:
        console.print(
            f"\nclients received {answered} answers whole, {stored} are stored; "
            f"{traffic.left} streams were left in the middle, {left} are stored as disconnected",
            style="green",
        )
    if job.get("interrupted"):
        console.print(
            f"a job before it was killed in the middle of a request, which is stored as interrupted; "
            f"{stats.dropped} records found no room in its small journal, and that is stored too"
        )
    for user, told in history.items():
        console.print(f"GET /api/history as {user}: {told}")
    store_option = f"--store {json.dumps(url)[1:-1]}"
    console.print(f"\nthe data stays in {place}; look around:")
    for command in ("serve", "ls status:5xx", "stats", "tail"):
        console.print(f"  dashcam {command} {store_option}", soft_wrap=True)
    return 1 if missing > 0 else 0
