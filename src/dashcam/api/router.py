"""The endpoints of history, as a FastAPI router for one's own app.

Every question carries a scope that comes from the credential alone; there is no way to ask
without one. Errors are `application/problem+json` (RFC 9457).
"""

import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

import anyio
import anyio.to_thread
import msgspec
from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from dashcam.access.problem import CONTENT_TYPE, problem_body
from dashcam.api.health import health
from dashcam.api.openapi import ERRORS, PAGE, RECORD, STATS, STREAM, TIMELINE
from dashcam.api.viewer import (
    Desk,
    Problem,
    Viewer,
    check_origin,
    cookie_header,
    session_answer,
)
from dashcam.capture.annotation import annotate
from dashcam.errors import QueryError, StoreError
from dashcam.history.display import display
from dashcam.history.filters import parse_duration_ms, parse_rfc3339, parse_status
from dashcam.history.following import Follower
from dashcam.history.grammar import narrowed, parse_filter, parse_outcomes
from dashcam.history.page import read_page, summary_item
from dashcam.recorder import Recorder
from dashcam.store import base

HEARTBEAT_S = 10.0
POLL_S = 0.5
MOST_STREAMS_REMEMBERED = 100
IDENTIFIER = re.compile(r"[0-9A-Fa-f-]{36}")
POLLED = ("/api/status", "/api/timeline", "/api/history/stream", "/metrics", "/healthz")
NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_encode = msgspec.json.encode


class ProblemRoute(APIRoute):
    """A route whose errors are problem JSON, whatever app it is included in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the endpoint."""
        serve = super().get_route_handler()

        async def serve_or_tell(request: Request) -> Response:
            # Looking at records is recorded too, but not the records in it; what an open page
            # asks again and again isn't.
            polled = request.url.path.endswith(POLLED)
            annotate(keep="nothing" if polled else "summary")
            try:
                response = await serve(request)
            except Problem as problem:
                return _problem(problem.status, problem.detail, problem.headers)
            except QueryError as error:
                return _problem(400, str(error))
            except RequestValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
                return _problem(400, f"{where}: {first['msg']}")
            except StoreError:
                return _problem(503, "the store does not answer now", {"retry-after": "5"})
            for name, value in NO_STORE.items():
                response.headers.setdefault(name, value)
            return response

        return serve_or_tell


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return Response(
        problem_body(status, detail),
        status_code=status,
        media_type=CONTENT_TYPE,
        headers={**NO_STORE, **(headers or {})},
    )


def _json(value: Any) -> Response:
    return Response(_encode(value), media_type="application/json")


async def _query(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200, description="Records of a page.")] = 50,
    from_: Annotated[
        str | None, Query(alias="from", description="Began at or after; RFC 3339.")
    ] = None,
    to: Annotated[str | None, Query(description="Began before; RFC 3339.")] = None,
    method: Annotated[str | None, Query(description="Such as GET, or GET,POST.")] = None,
    status: Annotated[str | None, Query(description="404, 4xx or 400-499.")] = None,
    path: Annotated[str | None, Query(description="How the path begins.")] = None,
    outcome: Annotated[str | None, Query(description="Such as failed,disconnected.")] = None,
    min_duration: Annotated[str | None, Query(description="Such as 500ms or 2s.")] = None,
    max_duration: Annotated[str | None, Query(description="Such as 500ms or 2s.")] = None,
    q: Annotated[
        str | None, Query(description="Text in path, query, error or bodies.", max_length=1000)
    ] = None,
    api_key_id: Annotated[str | None, Query()] = None,
    request_id: Annotated[str | None, Query()] = None,
    trace_id: Annotated[str | None, Query()] = None,
    user_id: Annotated[str | None, Query(description="For an admin only.")] = None,
    filter_: Annotated[
        str,
        Query(
            alias="filter",
            description='The grammar of the filter box: `status:5xx duration:>500ms "text"`.',
            max_length=2000,
        ),
    ] = "",
) -> base.Query:
    """Read the parameters that narrow a question; its scope is put in by `_scoped`."""
    query = parse_filter(filter_, scope=base.Scope.of(""), limit=limit)
    only_errors = (status or "").lower() == "5xx"
    query = narrowed(
        query,
        from_=parse_rfc3339(from_, name="from") if from_ is not None else None,
        to=parse_rfc3339(to, name="to") if to is not None else None,
        methods=tuple(part.strip().upper() for part in (method or "").split(",") if part.strip()),
        status=parse_status(status) if status is not None and not only_errors else None,
        errors_only=True if only_errors else None,
        path_prefix=path,
        outcomes=parse_outcomes(outcome) if outcome is not None else (),
        min_duration_ms=parse_duration_ms(min_duration) if min_duration is not None else None,
        max_duration_ms=parse_duration_ms(max_duration) if max_duration is not None else None,
        text=q,
        text_in_bodies=True if q else None,
        api_key_id=api_key_id,
        request_id=request_id,
        trace_id=trace_id,
        user_id=user_id,
    )
    unknown = set(request.query_params) - KNOWN
    if unknown:
        raise QueryError(f"there is no parameter {sorted(unknown)[0]!r}")
    return query


KNOWN = frozenset(
    {
        *("limit", "cursor", "from", "to", "method", "status", "path", "outcome", "q", "filter"),
        *("min_duration", "max_duration", "api_key_id", "request_id", "trace_id", "user_id"),
    }
)


def history_router(recorder: Recorder, *, desk: Desk | None = None) -> APIRouter:
    """Make the router: `/api/history`, `/api/stats`, `/api/session` and their like.

    Args:
        recorder: whose store is shown, and whose settings say who may see what.
        desk: shared with the app that includes the router (for `history_app`).

    Raises:
        SettingsError: a setting is wrong.
    """
    at = desk or Desk(recorder)
    router = APIRouter(prefix="/api", route_class=ProblemRoute, tags=["history"], responses=ERRORS)

    async def viewer(request: Request) -> Viewer:
        return await at.viewer(request)

    Known = Annotated[Viewer, Depends(viewer)]

    async def scoped(
        known: Known, narrowed_by: Annotated[base.Query, Depends(_query)]
    ) -> base.Query:
        wanted = narrowed_by.user_id
        if wanted not in (None, known.identity.user_id) and not known.identity.admin:
            raise Problem(403, "only an admin may ask for another user's records")
        return msgspec.structs.replace(narrowed_by, scope=known.scope())

    Asked = Annotated[base.Query, Depends(scoped)]

    @router.get("/history", responses=PAGE, summary="A page of records, newest first")
    async def history(
        request: Request,
        asked: Asked,
        cursor: Annotated[str | None, Query(description="next_cursor of the page before.")] = None,
    ) -> Response:
        page = await at.ask(lambda store: read_page(store, asked, cursor=cursor, secret=at.secret))
        response = _json(page)
        if page.next_cursor is not None:
            following = request.url.include_query_params(cursor=page.next_cursor)
            target = f"{following.path}?{following.query}"
            response.headers["link"] = f'<{target}>; rel="next"'
        return response

    @router.get("/history/stream", responses=STREAM, summary="Records as they are stored (SSE)")
    async def stream(
        asked: Asked,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        after, seen = _resumed(at, last_event_id)
        follower = Follower(at.store, asked, after=after, seen=seen)
        # Looked at once before the answer begins: a wrong question is answered with an error, and
        # who reads a page after the answer began misses nothing in between.
        first = await at.ask(lambda _store: follower.poll())
        events = _events(at, follower, first)
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"x-accel-buffering": "no"}
        )

    @router.get("/history/{record_id}", responses=RECORD, summary="One whole record")
    async def record(record_id: str, known: Known) -> Response:
        found = None
        if IDENTIFIER.fullmatch(record_id):
            found = await at.ask(lambda store: store.get(record_id.lower(), known.scope()))
        if found is None:
            raise Problem(404, "there is no such record")
        whole = msgspec.structs.asdict(found)
        return _json({**whole, "display": await anyio.to_thread.run_sync(display, found)})

    @router.get("/stats", responses=STATS, summary="Numbers over records")
    async def stats(asked: Asked) -> Response:
        return _json(await at.ask(lambda store: store.stats(asked)))

    @router.get("/timeline", responses=TIMELINE, summary="Records over time")
    async def timeline(asked: Asked) -> Response:
        return _json(await at.ask(lambda store: store.timeline(asked)))

    @router.get("/session", summary="Who is looking")
    async def session(known: Known) -> dict[str, Any]:
        return session_answer(known.identity)

    @router.post("/session", summary="Log in: a cookie for a key or token")
    async def log_in(
        request: Request,
        credential: Annotated[
            str,
            Body(embed=True, min_length=1, max_length=8192, examples=["dc_…"]),
        ],
    ) -> Response:
        check_origin(request)
        principal = await at.log_in(request, credential.strip())
        value, lifetime_s = at.sessions.make(principal.identity, until=principal.until)
        response = _json(session_answer(principal.identity))
        response.headers["set-cookie"] = cookie_header(request, value, lifetime_s=lifetime_s)
        return response

    @router.delete("/session", summary="Log out", status_code=204)
    async def log_out(request: Request, known: Known) -> Response:
        check_origin(request)
        if known.session_id is not None:
            at.sessions.end(known.session_id)
        gone = {"set-cookie": cookie_header(request, "", lifetime_s=0)}
        return Response(status_code=204, headers=gone)

    @router.get("/status", summary="Health of the recording, for an admin")
    async def status(known: Known) -> Response:
        if not known.identity.admin:
            raise Problem(403, "only an admin may ask for this")
        return _json(await anyio.to_thread.run_sync(health, recorder))

    return router


async def _events(
    at: Desk, follower: Follower, new: list[tuple[base.Summary, bool]]
) -> AsyncIterator[bytes]:
    """Give the live tail as server-sent events; a slow reader only holds up itself."""
    key = secrets.token_hex(6)
    yield b"retry: 2000\n\n"
    sent_at = time.monotonic()
    try:
        while True:
            for row, _amended in new:
                event_id = f"{row.stored_at}~{row.id}~{key}"
                yield b"id: %b\nevent: record\ndata: %b\n\n" % (
                    event_id.encode(),
                    _encode(summary_item(row)),
                )
                sent_at = time.monotonic()
            if time.monotonic() - sent_at >= HEARTBEAT_S:
                yield b": still here\n\n"
                sent_at = time.monotonic()
            await anyio.sleep(POLL_S)
            try:
                new = await anyio.to_thread.run_sync(follower.poll)
            except StoreError:
                new = []
    finally:
        at.streams[key] = follower.seen
        while len(at.streams) > MOST_STREAMS_REMEMBERED:
            del at.streams[next(iter(at.streams))]


def _resumed(
    at: Desk, last_event_id: str | None
) -> tuple[tuple[str, str] | None, dict[str, tuple[int, str]] | None]:
    if last_event_id is None:
        return None, None
    parts = last_event_id.split("~")
    if len(parts) != 3 or len(parts[0]) != 27 or len(parts[1]) != 36:
        raise QueryError("Last-Event-ID must be the id of an event of this stream")
    stored_at = parse_rfc3339(parts[0], name="Last-Event-ID")
    shown = at.streams.get(parts[2])
    if shown is None:
        return (stored_at, parts[1]), None
    seen: dict[str, tuple[int, str]] = {}
    for each, known in shown.items():  # what was sent after that event may not have arrived
        seen[each] = known
        if each == parts[1]:
            break
    return (stored_at, parts[1]), seen
