"""A middleware that can't be made as it is told: a clear end at start-up, never a server of 500s.

Starlette and FastAPI make their middlewares when the first scope arrives. What is raised there
during the lifespan is taken by servers for "this app doesn't know the lifespan protocol": they
start, and each request raises it anew. So where a server is waiting already, the error is kept,
and told in the words of the protocol that stop the start.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType

from dashcam.capture.protocol import Message

SCOPE_TYPES = frozenset({"lifespan", "http", "websocket"})


def is_made_while_serving() -> bool:
    """Tell whether this call comes from within an ASGI call: some caller has a scope in hand."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        scope = frame.f_locals.get("scope")
        if isinstance(scope, MutableMapping) and scope.get("type") in SCOPE_TYPES:
            return True
        frame = frame.f_back
    return False


async def refuse_to_start(
    error: Exception,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer a lifespan with "startup failed", and raise the error as an app does that fails so.

    Raises:
        Exception: `error`, for who runs the lifespan without a server, such as a test client.
    """
    await receive()
    await send({"type": "lifespan.startup.failed", "message": f"dashcam: {error}"})
    raise error
