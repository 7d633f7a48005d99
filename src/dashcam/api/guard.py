"""What stands before everything that `dashcam serve` answers: Host, headers, no CORS.

A page of another site can make a browser ask this machine; by a name that is made to point
here it could even read the answer (DNS rebinding). So only known names are answered.
"""

from collections.abc import Iterable
from typing import Any

from dashcam.access.problem import problem_messages
from dashcam.capture.protocol import Message, Receive, Scope, Send
from dashcam.web import HEADERS as PAGE_HEADERS

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
HEADERS = tuple((name.encode(), value.encode()) for name, value in PAGE_HEADERS.items())


class Guard:
    """Answers known hosts only, and adds the headers of a careful page.

    Args:
        app: the ASGI app behind it.
        hosts: names that may be asked for, besides the loopback's.
    """

    def __init__(self, app: Any, hosts: Iterable[str] = ()) -> None:
        self.app = app
        self._hosts = frozenset(host.lower() for host in (*LOCAL_HOSTS, *hosts))

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"host"]
        if len(given) != 1 or not self._knows(given[0].decode("latin-1")):
            for message in problem_messages(403, "this host name is not served here"):
                await send(message)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                headers += [pair for pair in HEADERS if pair[0] not in there]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _knows(self, host: str) -> bool:
        name, colon, port = host.lower().rpartition(":")
        if not colon or not port.isdigit():
            name = host.lower()
        return name in self._hosts
