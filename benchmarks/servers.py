"""Servers to measure: uvicorn + Starlette, bare or with dashcam, each a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


async def echo(request: Request) -> JSONResponse:
    return JSONResponse(await request.json())


async def stream(request: Request) -> StreamingResponse:
    async def events() -> object:
        import asyncio

        for number in range(10):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(events(), media_type="text/event-stream")


bare = Starlette(routes=[Route("/echo", echo, methods=["POST"]), Route("/stream", stream)])


def with_dashcam() -> object:
    from dashcam import DashcamMiddleware

    return DashcamMiddleware(bare)


@contextlib.contextmanager
def serving(variant: str, directory: Path) -> Iterator[tuple[int, int]]:
    """Run a server (`bare`, `thread`, `process` or `off`); give its port and pid."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "DASHCAM_STORE": f"sqlite:///{directory}/request_logs.db"}
    target = ["benchmarks.servers:bare"]
    if variant != "bare":
        env["DASHCAM_WRITER"] = variant
        target = ["benchmarks.servers:with_dashcam", "--factory"]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", *target, "--port", str(port), "--log-level", "error"],
        env=env,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                    # Before the server listens, the client may have been given its port.
                    if connection.getsockname() != connection.getpeername():
                        break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.02)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that one process has used (its children not counted)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
