"""A small app for crash tests, served by one process or several forked ones.

`GET /now/TOKEN` answers at once; `GET /held/TOKEN` sends a first chunk and then never ends.
`POST /echo/TOKEN` gives the body back, `GET /endless/TOKEN` sends events as long as somebody reads. Run: `python -m tests.apps.tokens PORT_FILE WORKERS`;
settings come from DASHCAM_* variables. The port is written to PORT_FILE when all are bound.
"""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from dashcam import DashcamMiddleware

HEADERS = [(b"content-type", b"text/plain")]


async def tokens(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    _, kind, token = scope["path"].split("/")
    text = token.encode()
    if kind == "echo":
        text = b""
        while True:
            message = await receive()
            text += message.get("body", b"")
            if not message.get("more_body"):
                break
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    if kind == "held":
        await send({"type": "http.response.body", "body": text, "more_body": True})
        await asyncio.sleep(3600)
    if kind == "endless":
        event = b"data: " + b"x" * 16_000 + b"\n\n"
        await receive()
        left = asyncio.ensure_future(receive())  # as Starlette's streams listen for it
        while not left.done():
            await send({"type": "http.response.body", "body": event, "more_body": True})
            await asyncio.sleep(0)  # uvicorn's send to who has left doesn't wait for anything
        return
    if kind == "exit":
        os._exit(3)
    if kind == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    await send({"type": "http.response.body", "body": text})


app = DashcamMiddleware(tokens)


def serve(listener: socket.socket, *, workers: int) -> None:
    config = uvicorn.Config(
        "tests.apps.tokens:app",
        log_level="warning",
        access_log=False,
        lifespan="on",
        loop="asyncio",
    )
    children = []
    for _ in range(workers - 1):
        child = os.fork()
        if child == 0:
            children = []
            break
        children.append(child)
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    port_file, workers = Path(sys.argv[1]), int(sys.argv[2])
    # With the protocol named, asyncio sets TCP_NODELAY: otherwise each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    listener.set_inheritable(True)
    partial = port_file.with_suffix(".partial")
    partial.write_text(str(listener.getsockname()[1]))
    partial.rename(port_file)
    serve(listener, workers=workers)


if __name__ == "__main__":
    main()
