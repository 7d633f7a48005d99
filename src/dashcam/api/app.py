"""History as an app of its own: for `dashcam serve`, or to be mounted under any prefix."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from dashcam.api.health import stalled
from dashcam.api.metrics import render
from dashcam.api.router import ProblemRoute, history_router
from dashcam.api.viewer import Desk, cookie_header
from dashcam.recorder import Recorder
from dashcam.web import web_routes


def history_app(recorder: Recorder, *, desk: Desk | None = None) -> FastAPI:
    """Make an app with the API of `history_router`, `/healthz` and `/metrics`.

    Args:
        recorder: whose records are shown.
        desk: shared with the command that serves the app.

    Raises:
        SettingsError: a setting is wrong.
    """
    at = desk or Desk(recorder)
    app = FastAPI(
        title="dashcam",
        description="What an API was asked, what it answered, and how long it took.",
        docs_url=None,
        redoc_url=None,
    )
    app.router.route_class = ProblemRoute
    app.include_router(history_router(recorder, desk=at))

    @app.get("/healthz", tags=["operation"], summary="Whether records arrive in the store")
    def healthz() -> Response:
        at.store.ping()
        trouble = stalled(recorder.statistics())
        if trouble is not None:
            return PlainTextResponse(f"{trouble}\n", status_code=503)
        return PlainTextResponse("ok\n")

    @app.get("/metrics", tags=["operation"], summary="Numbers for Prometheus")
    def metrics() -> Response:
        return Response(render(recorder), media_type="text/plain; version=0.0.4")

    @app.get("/login", include_in_schema=False)
    async def log_in_by_link(request: Request, token: str) -> Response:
        """Let the holder of a one-time link in."""
        principal = await at.log_in(request, token)
        value, lifetime_s = at.sessions.make(principal.identity)
        cookie = cookie_header(request, value, lifetime_s=lifetime_s)
        home = request.scope.get("root_path", "") + "/"
        return RedirectResponse(home, status_code=303, headers={"set-cookie": cookie})

    page = web_routes()
    app.router.routes.extend(page)
    return app
