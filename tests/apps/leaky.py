"""An app that handles secrets everywhere. Run: `python -m tests.apps.leaky PORT_FILE`."""

import json
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashcam import DashcamMiddleware, annotate


async def echo(request):
    body = await request.body()
    answer = JSONResponse({"received": len(body), "access_token": request.headers.get("x-api-key")})
    answer.set_cookie("session", request.headers.get("x-api-key", ""))
    return answer


async def boom(request):
    raise RuntimeError(
        f"cannot use {request.headers['authorization']} at postgres://u:{request.headers['x-api-key']}@db"
    )


async def refuse(request):
    key = request.headers["x-api-key"]
    annotate(outcome="quota_exceeded", tags={"api_key": key, "note": f"Bearer {key}"})
    return JSONResponse(
        {"error": "quota", "token": key}, status_code=429, headers={"location": f"/x?token={key}"}
    )


routes = [Route("/echo", echo, methods=["POST"]), Route("/boom", boom), Route("/refuse", refuse)]
app = DashcamMiddleware(Starlette(routes=routes))

if __name__ == "__main__":
    # With the protocol named, asyncio sets TCP_NODELAY: otherwise each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    partial = Path(sys.argv[1] + ".partial")
    partial.write_text(json.dumps(listener.getsockname()[1]))
    partial.rename(sys.argv[1])
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])
