"""The ASGI lifespan protocol: the recorder starts before the app does, and drains after it.

An app that doesn't know the protocol, such as Django's, still gets it from the server; then it
is spoken in the app's stead.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dashcam.capture.protocol import ASGIApp, Message, Receive, Scope, Send
from dashcam.capture.refusal import refuse_to_start
from dashcam.errors import JournalError

if TYPE_CHECKING:
    from dashcam.recorder import Recorder

HTTP_SCOPE_KEYS = frozenset(
    {"method", "scheme", "path", "raw_path", "query_string", "headers", "client", "server"}
    | {"http_version", "root_path", "extensions"}
)
LIFESPAN_STARTS = ("lifespan.startup.complete", "lifespan.startup.failed")
LIFESPAN_ENDS = (
    "lifespan.shutdown.complete",
    "lifespan.shutdown.failed",
    "lifespan.startup.failed",
)


async def off_loop(does_io: Callable[[], Any]) -> None:
    """Run what does I/O beside the event loop."""
    import asyncio  # loaded by whoever runs this; importing dashcam alone should stay light

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # another event loop, such as Trio's: it waits, once per process
        does_io()
    else:
        await loop.run_in_executor(None, does_io)


async def serve_lifespan(
    recorder: "Recorder", app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Start before the app does, and drain after the app has shut down."""
    try:
        await off_loop(recorder.start)
    except JournalError as error:
        await refuse_to_start(error, receive, send)
    recorder.lifespans += 1
    running = True
    spoke = False

    async def receive_and_notice() -> Message:
        nonlocal spoke
        spoke = True
        return await receive()

    async def send_and_drain(message: Message) -> None:
        nonlocal running, spoke
        if message["type"] in LIFESPAN_STARTS:
            spoke = True
        if running and message["type"] in LIFESPAN_ENDS:
            spoke = True
            running = False
            await _leave_lifespan(recorder)
        await send(message)

    try:
        unknown: Exception | None = None
        try:
            await app(scope, receive_and_notice, send_and_drain)
        except Exception as error:
            if spoke or not _knows_no_lifespan(error):
                raise
            unknown = error
        if not spoke:
            # An app that doesn't know the lifespan protocol, such as Django's: it is spoken in its
            # stead, so that there is a moment to drain before the process ends.
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            if unknown is None:
                await send_and_drain({"type": "lifespan.shutdown.complete"})
            else:
                running = False
                await _leave_lifespan(recorder)
                raise unknown
    finally:
        if running:
            recorder.lifespans -= 1


def _knows_no_lifespan(error: Exception) -> bool:
    """Tell whether an app has raised this because the scope is none of a request."""
    if isinstance(error, KeyError):
        return error.args[:1] != () and error.args[0] in HTTP_SCOPE_KEYS
    return isinstance(error, AssertionError) or "lifespan" in str(error)


async def _leave_lifespan(recorder: "Recorder") -> None:
    recorder.lifespans -= 1
    if recorder.lifespans == 0:
        await off_loop(recorder.close)
