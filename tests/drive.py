"""Drives an ASGI app by hand, as a server would, and keeps what passed."""

import asyncio
import contextlib
from typing import Any

from dashcam import DashcamMiddleware
from dashcam.testing import MemoryRecorder


def http_scope(method: str = "GET", path: str = "/", **more: Any) -> dict[str, Any]:
    headers = [
        (name.encode().lower() if isinstance(name, str) else name, value)
        for name, value in more.pop("headers", [(b"host", b"example.test")])
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.9", 1234),
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": b"",
        "headers": headers,
        "state": {},
        **more,
    }


def body_messages(*chunks: bytes) -> list[dict[str, Any]]:
    return [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks or (b"",), 1)
    ]


class Server:
    """What a server sees of one request: the messages, and how many records were there then."""

    def __init__(self, recorder: MemoryRecorder, incoming: list[dict[str, Any]]) -> None:
        self.recorder = recorder
        self.incoming = list(incoming)
        self.given: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.records_at_send: list[int] = []
        self.raised: BaseException | None = None
        self.send_raises: dict[int, BaseException] = {}
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self.incoming:
            message = self.incoming.pop(0)
        else:
            await self.left.wait()
            message = {"type": "http.disconnect"}
        self.given.append(message)
        return message

    async def send(self, message: dict[str, Any]) -> None:
        number = len(self.sent)
        self.sent.append(message)
        self.records_at_send.append(len(self.recorder.exchanges()))
        if number in self.send_raises:
            raise self.send_raises[number]


def drive(
    app: Any,
    *,
    recorder: MemoryRecorder,
    scope: dict[str, Any] | None = None,
    incoming: list[dict[str, Any]] | None = None,
    send_raises: dict[int, BaseException] | None = None,
) -> Server:
    """Serve one request with dashcam around the app; what the app raises is kept in `raised`."""

    async def main() -> Server:
        server = Server(recorder, body_messages() if incoming is None else incoming)
        server.send_raises = send_raises or {}
        middleware = DashcamMiddleware(app, recorder=recorder)
        try:
            await middleware(scope or http_scope(), server.receive, server.send)
        except BaseException as error:
            server.raised = error
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
        return server

    return asyncio.run(main())


@contextlib.contextmanager
def closing(recorder: MemoryRecorder) -> Any:
    try:
        yield recorder
    finally:
        recorder.close(timeout=0)
