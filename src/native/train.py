"""Serves requests of the common kinds, so that the compiler learns which code they run.

It runs with a module that counts what is executed (`hatch_build.py`); the counts decide what
stands together in the one that is built from them. Only what capture needs is imported.
"""

import asyncio
import json
import sys
from typing import Any

from dashcam import DashcamMiddleware, Recorder, Settings
from dashcam.native import native

REQUESTS = 3000
WORDS = " ".join(f"{number * 7919 % 100_000:08}" for number in range(90))
BODY = json.dumps(
    {"model": "example", "messages": [{"role": "user", "content": WORDS}], "n": 1, "done": True}
).encode()
HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) example/1.0"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"authorization", b"Bearer 5f0c9b1e7a3d4c2f8e6b0a9d"),
    (b"cookie", b"theme=dark; session=c2a4e6081b3d5f79"),
    (b"content-type", b"application/json"),
    (b"x-request-id", b"example-0001"),
    (b"content-length", str(len(BODY)).encode()),
]


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Answer with what came."""
    message = await receive()
    body = message.get("body", b"")
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve(recorder: Recorder) -> None:
    """Send requests through the middleware: with a body, without, and with one that waits."""
    wrapped = DashcamMiddleware(app, recorder=recorder)
    waits = False

    async def receive() -> Any:
        if waits:
            await asyncio.sleep(0)
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_message: Any) -> None:
        if waits:
            await asyncio.sleep(0)

    for number in range(REQUESTS):
        body, waits = (b"" if number % 4 == 0 else BODY), number % 8 == 1
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50_000),
            "scheme": "http",
            "root_path": "",
            "method": "POST" if body else "GET",
            "path": f"/echo/{number % 100}",
            "query_string": b"",
            "headers": HEADERS if body else HEADERS[:6],
            "state": {},
        }
        await wrapped(scope, receive, send)


if __name__ == "__main__":
    assert native is not None, "the module that counts is not the one that is used"
    trained = Recorder(
        Settings(environ={}, store=f"sqlite:///{sys.argv[1]}/request_logs.db", writer="off")
    )
    trained.start()
    long_ways: list[bool] = []
    redact = trained.redactor.redact

    def _counted(*args: Any, **more: Any) -> Any:
        long_ways.append(True)
        return redact(*args, **more)

    trained.redactor.redact = _counted  # type: ignore[method-assign]
    asyncio.run(serve(trained))
    recorded = trained.statistics()
    assert recorded.accepted == REQUESTS, recorded
    assert len(long_ways) < 20, "the common request doesn't go the short way"
    trained.close(0)
