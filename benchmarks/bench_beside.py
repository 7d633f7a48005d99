"""What other ways of logging add to one request, beside dashcam, in one process and one run.

python -m benchmarks.bench_beside [MODULE:WRAP …]

CPU of the whole process per request, threads included, over a bare Starlette app that echoes 1 KB of
JSON. `MODULE:WRAP` is a function that puts another logger around an ASGI app: name your own.
OpenTelemetry is measured where it is installed (opentelemetry-sdk and
opentelemetry-instrumentation-asgi).
"""

import asyncio
import importlib
import json
import logging
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.bench_capture import REQUESTS, one_round
from benchmarks.servers import bare
from dashcam import DashcamMiddleware, Recorder, Settings

ROUNDS = 9

Wrap = Callable[[Any], Any]
Way = tuple[Wrap, Callable[[], object]]
"""What puts a logger around an app, and what waits until its threads have done their work."""


def nothing() -> None:
    """Wait for nothing: all was done within the request."""


def access_log(directory: str) -> Wrap:
    """A line of text in a file."""
    logger = logging.getLogger("bench.access")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.FileHandler(f"{directory}/access.log"))

    def wrap(app: Any) -> Any:
        async def logged(scope: Any, receive: Any, send: Any) -> None:
            status = 0

            async def sent(message: Any) -> None:
                nonlocal status
                status = message.get("status", status)
                await send(message)

            began = time.perf_counter()
            await app(scope, receive, sent)
            took = time.perf_counter() - began
            logger.info("%s %s %s %.6f", scope["method"], scope["path"], status, took)

        return logged

    return wrap


def row_per_request(directory: str) -> Wrap:
    """Bodies and headers as a row of SQLite, inserted and committed before the request ends."""
    database = sqlite3.connect(f"{directory}/rows.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute(
        "CREATE TABLE log (at REAL, method TEXT, path TEXT, status INT, took REAL, "
        "request_headers TEXT, request_body TEXT, response_headers TEXT, response_body TEXT)"
    )

    def headers_of(pairs: Any) -> str:
        return json.dumps([(name.decode(), value.decode()) for name, value in pairs])

    def wrap(app: Any) -> Any:
        async def logged(scope: Any, receive: Any, send: Any) -> None:
            asked, answered = [], []
            start: dict[str, Any] = {}

            async def received() -> Any:
                message = await receive()
                asked.append(message.get("body", b""))
                return message

            async def sent(message: Any) -> None:
                if message["type"] == "http.response.start":
                    start.update(message)
                answered.append(message.get("body", b""))
                await send(message)

            began = time.perf_counter()
            await app(scope, received, sent)
            row = (
                *(time.time(), scope["method"], scope["path"], start["status"]),
                *(time.perf_counter() - began, headers_of(scope["headers"])),
                *(b"".join(asked).decode(), headers_of(start["headers"])),
                b"".join(answered).decode(),
            )
            database.execute("INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?)", row)

        return logged

    return wrap


def opentelemetry() -> Way | None:
    """A span per request without bodies, batched, to an exporter that throws it away."""
    try:
        asgi = importlib.import_module("opentelemetry.instrumentation.asgi")
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        batch = importlib.import_module("opentelemetry.sdk.trace.export")
    except ImportError:
        return None

    class Nowhere(batch.SpanExporter):  # type: ignore[misc, name-defined]
        def export(self, spans: Any) -> Any:
            return batch.SpanExportResult.SUCCESS

    provider = sdk.TracerProvider()
    provider.add_span_processor(batch.BatchSpanProcessor(Nowhere()))
    return (
        lambda app: asgi.OpenTelemetryMiddleware(app, tracer_provider=provider),
        provider.force_flush,
    )


async def cost_of(app: Any, settle: Callable[[], object]) -> float:
    """Give µs of CPU per request, with what threads do for it afterwards."""
    began = time.process_time()
    await one_round(app)
    settle()
    return (time.process_time() - began) / REQUESTS * 1e6


def measure(ways: dict[str, Way]) -> tuple[float, dict[str, float]]:
    """Give the app's own CPU per request and what each way adds, in µs, as medians of rounds."""
    apps = {name: (wrap(bare), settle) for name, (wrap, settle) in ways.items()}
    added: dict[str, list[float]] = {name: [] for name in apps}
    alone: list[float] = []

    async def rounds() -> None:
        for number in range(ROUNDS + 1):
            without = await cost_of(bare, nothing)
            costs = {name: await cost_of(*each) - without for name, each in apps.items()}
            if number:  # the first is for warming
                alone.append(without)
                for name, cost in costs.items():
                    added[name].append(cost)

    asyncio.run(rounds())
    return statistics.median(alone), {
        name: statistics.median(costs) for name, costs in added.items()
    }


def main(others: list[str] | None = None) -> None:
    """Print what each adds."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/r.db"
        capture = Settings(environ={}, store=url, writer="off", journal_bytes="8 GiB")
        whole = capture.replace(store=f"sqlite:///{directory}/w.db", writer="thread")
        recorders = [Recorder(capture), Recorder(whole)]
        ways: dict[str, Way] = {
            "a line of text, no bodies": (access_log(directory), nothing),
            "a row of SQLite in the request": (row_per_request(directory), nothing),
            "dashcam, capture": (
                lambda app: DashcamMiddleware(app, recorder=recorders[0]),
                nothing,
            ),
            "dashcam, capture and writer": (
                lambda app: DashcamMiddleware(app, recorder=recorders[1]),
                lambda: recorders[1].flush(60),
            ),
        }
        traced = opentelemetry()
        if traced is not None:
            ways["OpenTelemetry, a span, no bodies"] = traced
        for other in others or []:
            module, _, name = other.partition(":")
            ways[other] = (getattr(importlib.import_module(module), name), nothing)
        alone, added = measure(ways)
        print(f"CPU added to a request of {alone:.0f} µs (Starlette alone, in process)")
        for name, cost in sorted(added.items(), key=lambda pair: pair[1]):
            print(f"  {name:<34} {cost:6.1f} µs")
        if traced is None:
            print("  (OpenTelemetry is not installed)")
        for recorder in recorders:
            recorder.close(0)


if __name__ == "__main__":
    main(sys.argv[1:])
