"""A job of the demo that overruns a small journal and is killed: `python -m dashcam.demo.accident`.

It runs before the gateway, whose writer adopts what it leaves: whole records, a gap where the
journal was full, and the request that was being served when it died.
"""

import asyncio
import os
import signal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from dashcam import DashcamMiddleware, Recorder, Settings

PATH = "/batch"
IMPORTS = 12
JOURNAL_BYTES, SEGMENT_BYTES = 256 << 10, 64 << 10


async def import_rows(request: Request) -> Response:
    """Answer with most of a segment, for so small a journal."""
    return PlainTextResponse("example row; " * 4000)


async def die(request: Request) -> Response:
    """Be killed while answering."""
    os.kill(os.getpid(), signal.SIGKILL)
    return Response()


async def main() -> None:
    """Ask more than the journal holds, and then for the end."""
    settings = Settings(writer="off", journal_bytes=JOURNAL_BYTES, segment_bytes=SEGMENT_BYTES)
    routes = [Route(f"{PATH}/import", import_rows), Route(f"{PATH}/accident", die)]
    app = DashcamMiddleware(Starlette(routes=routes), recorder=Recorder(settings))
    for _ in range(IMPORTS):
        await _ask(app, f"{PATH}/import")
    await _ask(app, f"{PATH}/accident")


async def _ask(app: ASGIApp, path: str) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        """Throw the answer away."""

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"user-agent", b"dashcam-demo")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)


if __name__ == "__main__":
    asyncio.run(main())
