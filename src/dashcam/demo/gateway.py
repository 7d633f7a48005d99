"""An example gateway: what `dashcam demo` records. All of its data is example data."""

import asyncio
import json
import struct
import zlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route

from dashcam import Recorder, Settings, annotate
from dashcam.access import AccessMiddleware, charge
from dashcam.api import history_app

WORDS = [
    "This",
    "answer",
    "is",
    "example",
    "data",
    "and",
    "was",
    "made",
    "word",
    "by",
    "word",
    "as",
    "a",
    "model",
    "would",
    "make",
    "it",
    ".",
]


async def echo(request: Request) -> Response:
    """Give the JSON back."""
    return JSONResponse({"example": True, "echo": await request.json()})


async def item(request: Request) -> Response:
    """Give an item, when there is one."""
    number = request.path_params["item_id"]
    if number > 90:
        return JSONResponse({"example": True, "error": "no such item"}, status_code=404)
    return JSONResponse({"example": True, "item": number, "price": number * 1.5})


async def chat(request: Request) -> Response:
    """Answer like a chat completion, whole or as a stream."""
    asked = await request.json()
    usage = {"prompt_tokens": 12, "completion_tokens": len(WORDS), "total_tokens": 12 + len(WORDS)}
    model = "example-model"
    annotate(tags={"example": True})
    charge(usage["total_tokens"], unit="tokens")
    if not asked.get("stream"):
        message = {"role": "assistant", "content": " ".join(WORDS)}
        return JSONResponse({"model": model, "choices": [{"message": message}], "usage": usage})

    async def events() -> AsyncIterator[str]:
        for word in WORDS:
            delta = {"model": model, "choices": [{"delta": {"content": word + " "}}]}
            yield f"data: {json.dumps(delta)}\n\n"
            await asyncio.sleep(0.03)
        yield f"data: {json.dumps({'model': model, 'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def messages(request: Request) -> Response:
    """Stream an answer as events of messages with content blocks."""
    await request.body()
    annotate(tags={"example": True})

    async def events() -> AsyncIterator[str]:
        start = {
            "type": "message_start",
            "message": {"model": "example-model-2", "usage": {"input_tokens": 9}},
        }
        yield f"event: message_start\ndata: {json.dumps(start)}\n\n"
        for word in WORDS:
            delta = {"type": "content_block_delta", "index": 0, "delta": {"text": word + " "}}
            yield f"event: content_block_delta\ndata: {json.dumps(delta)}\n\n"
            await asyncio.sleep(0.02)
        end = {"type": "message_delta", "usage": {"output_tokens": len(WORDS)}}
        yield f"event: message_delta\ndata: {json.dumps(end)}\n\n"
        yield 'event: message_stop\ndata: {"type": "message_stop"}\n\n'

    return StreamingResponse(events(), media_type="text/event-stream")


async def report(request: Request) -> Response:
    """Give a page of HTML, or rows as NDJSON."""
    if request.query_params.get("format") == "ndjson":
        rows = "".join(json.dumps({"example": True, "row": number}) + "\n" for number in range(20))
        return Response(rows, media_type="application/x-ndjson")
    html = "<!doctype html><title>Example</title><h1>Example report</h1><script>alert('never run')</script>"
    return Response(html, media_type="text/html")


async def fail(request: Request) -> Response:
    """Fail, with a secret in the message that must not be kept."""
    raise RuntimeError("example failure: could not reach postgres://example:hunter2@db/example")


async def slow(request: Request) -> Response:
    """Take its time."""
    await asyncio.sleep(0.4)
    return PlainTextResponse("slow, but there: example data\n")


async def upload(request: Request) -> Response:
    """Take a file."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return JSONResponse({"example": True, "received_bytes": size}, status_code=201)


async def download(request: Request) -> Response:
    """Give bytes that are no text."""
    return Response(bytes(range(256)) * 16, media_type="application/octet-stream")


def _png(width: int = 160, height: int = 60) -> bytes:
    """Draw bars in two colours as a PNG (RFC 2083: chunks of length, name, data, CRC-32)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    lines = b"".join(
        b"\x00"  # no filter
        + b"".join(
            b"\x2b\x5f\xd9" if (x * 7 // 10) % 60 > y and x % 10 < 7 else b"\xe3\xec\xff"
            for x in range(width)
        )
        for y in range(height - 1, -1, -1)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


async def chart(request: Request) -> Response:
    """Give an image: a PNG, or an SVG with a script that must never run."""
    if request.query_params.get("format") == "svg":
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="60">'
            '<rect width="90" height="60" fill="#2b5fd9"/><script>alert("never run")</script></svg>'
        )
        return Response(svg, media_type="image/svg+xml")
    return Response(_png(), media_type="image/png")


async def catalogue(request: Request) -> Response:
    """Give JSON with depth, to fold and to search; changes of an item have other methods."""
    if request.method == "DELETE":
        return Response(status_code=204)
    if request.method in ("PUT", "PATCH"):
        return JSONResponse({"example": True, "changed": await request.json()})
    names = ("lamp", "chair", "table", "shelf")
    items = [
        {
            "id": number,
            "name": f"example {names[number % 4]}",
            "prices": [{"currency": "EUR", "amount": number * 9.5}, {"currency": "USD"}],
            "stock": {"here": number % 7, "elsewhere": {"north": number, "south": None}},
        }
        for number in range(40)
    ]
    return JSONResponse({"example": True, "count": len(items), "items": items})


async def moved(request: Request) -> Response:
    """Lead to another place."""
    return RedirectResponse("/shop/catalogue", status_code=308)


async def login(request: Request) -> Response:
    """Take a password and give a token: neither is kept."""
    await request.body()
    response = JSONResponse({"example": True, "access_token": "example-token-never-kept"})
    response.set_cookie("session", "example-cookie-never-kept")
    return response


recorder = Recorder.shared(Settings())
app = AccessMiddleware(
    Starlette(
        routes=[
            Route("/v1/echo", echo, methods=["POST"]),
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Mount(
                "/shop",
                routes=[
                    Route("/items/{item_id:int}", item),
                    Route("/upload", upload, methods=["POST"]),
                    Route("/catalogue", catalogue, methods=["GET", "PUT", "PATCH", "DELETE"]),
                    Route("/chart", chart),
                    Route("/old-catalogue", moved),
                ],
            ),
            Route("/v1/messages", messages, methods=["POST"]),
            Route("/report", report),
            Route("/fail", fail),
            Route("/slow", slow),
            Route("/download", download),
            Route("/login", login, methods=["POST"]),
            Mount("/dashcam", history_app(recorder)),
        ]
    ),
    store=recorder.settings.store,
    public_paths=["/login", "/dashcam/*"],
)
