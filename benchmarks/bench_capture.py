"""What capture adds to one request in process, as a share of a bare uvicorn request."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.load import REQUESTS as ON_THE_WIRE
from benchmarks.servers import bare
from dashcam import DashcamMiddleware, Recorder, Settings

ROUNDS, REQUESTS = 15, 2000
HEAD, _, BODY = ON_THE_WIRE[0].partition(b"\r\n\r\n")
SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 50000),
    "scheme": "http",
    "root_path": "",
    "method": "POST",
    "path": "/echo",
    "raw_path": b"/echo",
    "query_string": b"",
    "headers": [
        (name, value)
        for name, _, value in (line.partition(b": ") for line in HEAD.split(b"\r\n")[1:])
    ],
}
MESSAGE = {"type": "http.request", "body": BODY, "more_body": False}


async def one_round(app: object) -> float:
    async def receive() -> dict[str, object]:
        return MESSAGE

    async def send(message: dict[str, object]) -> None:
        pass

    began = time.process_time()
    for _ in range(REQUESTS):
        await app(dict(SCOPE, state={}), receive, send)  # type: ignore[operator]
    return (time.process_time() - began) / REQUESTS * 1e6


def run() -> tuple[float, float]:
    """Give CPU microseconds per request: Starlette alone, and what dashcam adds to it."""
    with tempfile.TemporaryDirectory() as directory:
        recorder = Recorder(
            Settings(
                environ={}, store=f"sqlite:///{directory}/r.db", writer="off", journal_bytes="4 GiB"
            )
        )
        recorder.start()
        wrapped = DashcamMiddleware(bare, recorder=recorder)

        async def rounds() -> tuple[list[float], list[float]]:
            await one_round(bare)
            await one_round(wrapped)
            without, added = [], []
            for _ in range(ROUNDS):
                alone = await one_round(bare)
                without.append(alone)
                added.append(await one_round(wrapped) - alone)
            return without, added

        without, added = asyncio.run(rounds())
        assert recorder.statistics().dropped == 0
        recorder.close(0)
        assert Path(directory).exists()
    return statistics.median(without), statistics.median(added)


def main(bare_request_us: float | None = None) -> None:
    """Print the cost; `bare_request_us` is what a bare uvicorn request costs in the same run."""
    alone, added = run()
    print("capture, in process, 1 KB JSON echo")
    print(f"  Starlette alone {alone:.1f} µs, dashcam adds {added:.1f} µs CPU per request")
    if bare_request_us is None:
        from benchmarks.bench_server import measure

        bare_request_us = measure("bare")[1]
    print(
        f"  of a bare uvicorn + Starlette request ({bare_request_us:.0f} µs): {added / bare_request_us:.3f}"
    )


if __name__ == "__main__":
    main()
