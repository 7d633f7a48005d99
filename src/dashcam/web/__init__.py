"""The page: static files that work offline, under any prefix, with a strict policy."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashcam.capture.annotation import annotate

STATIC = Path(__file__).parent / "static"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


async def _index(_request: Request) -> FileResponse:
    annotate(keep="nothing")
    headers = {**HEADERS, "cache-control": "no-cache"}
    return FileResponse(STATIC / "index.html", media_type="text/html", headers=headers)


class _Files:
    """Static files with the page's headers; looking at them is not recorded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        annotate(keep="nothing")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                pairs = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                pairs.append((b"cache-control", b"no-cache"))
                message["headers"] = [*message["headers"], *pairs]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def web_routes() -> list[BaseRoute]:
    """Give the page's routes: the page itself, and its files below `static/`."""
    return [
        Route("/", _index, include_in_schema=False),
        Mount("/static", _Files(StaticFiles(directory=STATIC))),
    ]
