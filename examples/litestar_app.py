"""Litestar, recorded: dashcam goes around the app."""

from litestar import Litestar, get

from dashcam import DashcamMiddleware


@get("/users/{user_id:int}", sync_to_thread=False)
def user(user_id: int) -> dict[str, int]:
    return {"user": user_id}


app = DashcamMiddleware(Litestar(route_handlers=[user]))
