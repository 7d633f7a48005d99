"""A small API behind AccessMiddleware, with history mounted: for tests of who may see what."""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from dashcam import DashcamMiddleware, Recorder
from dashcam.access import AccessMiddleware, charge
from dashcam.api import history_app, history_router

recorder = Recorder()
app = FastAPI()


@app.get("/hello")
def hello() -> dict[str, str]:
    return {"hello": "world"}


@app.get("/v1/items/{number}")
def item(number: int) -> dict[str, int]:
    if number == 500:
        raise RuntimeError("the item broke")
    return {"item": number}


@app.post("/echo")
async def echo(request: Request) -> dict[str, str]:
    return {"echo": (await request.body()).decode()}


@app.get("/spend/{amount}")
def spend(amount: int) -> dict[str, int]:
    charge(amount, unit="tokens")
    return {"spent": amount}


@app.get("/stream/{amount}")
async def stream(amount: int) -> StreamingResponse:
    async def chunks():
        yield b"a"
        charge(amount, unit="tokens")
        yield b"b"

    return StreamingResponse(chunks(), media_type="text/plain")


app.include_router(history_router(recorder))
app.mount("/admin", history_app(recorder))
app.add_middleware(AccessMiddleware, recorder=recorder)
app.add_middleware(DashcamMiddleware, recorder=recorder)


if __name__ == "__main__":
    import socket

    bound = socket.create_server(("127.0.0.1", 0))
    Path(sys.argv[1] + ".new").write_text(str(bound.getsockname()[1]))
    Path(sys.argv[1] + ".new").rename(sys.argv[1])
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)).run(
        [bound]
    )
