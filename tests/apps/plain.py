"""An app that knows nothing of dashcam."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse("here")


app = Starlette(routes=[Route("/download", answer), Route("/shop/items/{number:int}", answer)])
