"""Starlette, recorded; the settings come from DASHCAM_* variables."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashcam import DashcamMiddleware


async def user(request: Request) -> JSONResponse:
    return JSONResponse({"user": request.path_params["user_id"]})


app = Starlette(
    routes=[Route("/users/{user_id:int}", user)],
    middleware=[Middleware(DashcamMiddleware)],
)
