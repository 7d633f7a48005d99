"""What is known of one request: a bare struct, filled at the request's beginning.

The compiled `Observed` has the same slots and the same `begin`; it is read in C when the
request is recorded.
"""

from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any

import msgspec
from uuid_utils import uuid7

from dashcam.exchange import timestamp
from dashcam.native import native

ENTRY_BYTES = 480  # what a slot of the table of requests in flight holds

PASS, COMPLETE, CHUNK, OTHER = range(4)
"""What `sending` says of a message."""

_encode_entry = msgspec.json.Encoder().encode


class PythonObserved:
    """The slots of one request."""

    __slots__ = (
        "began_ns",
        "client_ip",
        "constants",
        "content_length",
        "declared_bytes",
        "disconnected",
        "duration_ns",
        "finished",
        "host",
        "http_version",
        "id",
        "identity",
        "journal",
        "method",
        "path",
        "query",
        "recorded",
        "recorder",
        "request_body",
        "request_complete",
        "request_headers",
        "request_id",
        "request_timestamp",
        "response_body",
        "response_bytes",
        "response_chunks",
        "response_headers",
        "root_path",
        "said",
        "scheme",
        "scope",
        "send_error",
        "server_receive",
        "server_send",
        "slot",
        "status_code",
        "timeline",
        "traceparent",
        "ttfb_ns",
        "user_agent",
    )

    @classmethod
    def open(cls, recorder: Any, scope: Any, receive: Any, send: Any, /) -> Any:
        """Begin to watch an ASGI request.

        Args:
            recorder: see `begin`.
            scope: the ASGI scope.
            receive: the server's.
            send: the server's.

        Raises:
            KeyError, TypeError: the scope isn't one of a request.
        """
        headers = scope.get("headers")
        if headers is not None and type(headers) is not list:
            # Any iterable is allowed, and one that can be read only once must be left whole.
            scope["headers"] = list(headers)
        observed = cls()
        observed.begin_asgi(recorder, scope, perf_counter_ns(), time_ns(), str(uuid7()))
        observed.server_receive = receive
        observed.server_send = send
        return observed

    def begin(
        self,
        recorder: Any,
        began_ns: int,
        time_ns: int,
        id: str,
        method: str,
        scheme: str,
        path: str,
        query: str,
        http_version: str,
        client_ip: str | None,
        headers: list[Any],
        /,
    ) -> None:
        """Fill the slots, and note the request as in flight.

        Args:
            recorder: whose journal the request is noted in.
            began_ns: when it began, by `time.perf_counter_ns`.
            time_ns: the same, since the epoch.
            id: of the record.
            method: of the request, as are the rest.
            scheme: …
            path: …
            query: …
            http_version: …
            client_ip: …
            headers: pairs of bytes, names in lower case; the last one of a name counts.

        Raises:
            TypeError: headers that are no pairs.
        """
        header = dict(headers)
        self.recorder = recorder
        self.constants: Any = recorder.constants
        self.scope: Any = None
        self.root_path = ""
        self.began_ns = began_ns
        self.id = id
        self.request_timestamp = timestamp(time_ns)
        self.method = method
        self.scheme = scheme
        self.path = path
        self.query = query
        self.http_version = http_version
        self.client_ip = client_ip
        self.request_headers = headers
        self.host = _text(header.get(b"host"))
        self.request_id = _text(header.get(b"x-request-id"))
        self.user_agent = _text(header.get(b"user-agent"))
        self.traceparent: bytes | None = header.get(b"traceparent")
        self.declared_bytes: bytes | None = header.get(b"content-length")
        self.said: Any = None
        self.identity: Any = None
        self.request_body: Any = None
        self.request_complete = False
        self.response_body: Any = None
        self.response_bytes = 0
        self.response_chunks = 0
        self.response_headers: list[Any] = []
        self.content_length: int | None = None
        self.status_code: int | None = None
        self.timeline: list[tuple[float, int]] | None = None
        self.ttfb_ns: int | None = None
        self.duration_ns: int | None = None
        self.disconnected = False
        self.finished = False
        self.recorded = False
        self.server_receive: Any = None
        self.server_send: Any = None
        self.send_error: BaseException | None = None
        self.slot = -1
        journal = self.journal = recorder.journal
        if journal is not None:
            self.slot = journal.begin(self._entry())

    def begin_asgi(
        self, recorder: Any, scope: Any, began_ns: int, time_ns: int, id: str, /
    ) -> None:
        """Do the same from an ASGI scope."""
        client = scope.get("client")
        self.begin(
            recorder,
            began_ns,
            time_ns,
            id,
            scope["method"],
            scope.get("scheme", "http"),
            scope["path"],
            scope.get("query_string", b"").decode("latin-1"),
            scope.get("http_version", ""),
            client[0] if client else None,
            scope.get("headers", []),
        )
        self.scope = scope
        self.root_path = scope.get("root_path", "")

    def received(self, message: Any, /) -> bool:
        """Take notice of a message that the app was given; False: look at it yourself."""
        return False

    def sending(self, message: Any, at_ns: int, /) -> int:
        """Take notice of a message that the app sends.

        Args:
            message: as it is.
            at_ns: when the app sent it, by `time.perf_counter_ns`.

        Returns:
            PASS: there is nothing more to do. COMPLETE: it completes the response. CHUNK: it is
            a piece of a longer body. OTHER: look at it yourself.
        """
        return OTHER

    def respond(self, status_code: int, headers: list[Any], /) -> None:
        """Take notice of the response's status, headers (pairs of bytes) and content length."""
        self.status_code = status_code
        self.response_headers = headers
        for name, value in headers:
            if len(name) == 14 and name.lower() == b"content-length":
                self.content_length = int(value) if value.isdigit() else None

    def append_plain(self) -> bool:
        """Append the record of the common exchange to the journal; False: do it yourself."""
        return False

    def is_over(self) -> bool:
        """Tell whether the app's end adds nothing to the record; if so, memory is given back."""
        if not self.finished or self.said is not None or self.send_error is not None:
            return False
        self._release()
        return True

    def _release(self) -> None:
        raise NotImplementedError

    def _entry(self) -> bytes:
        """Say what shall be known of this request should the process die while serving it."""
        return entry_of(self)


def entry_of(observed: Any) -> bytes:
    """Encode a request in flight; what is too long for a slot is cut."""
    redactor = observed.recorder.redactor
    path, host, request_id, client_ip = redactor.redact_in_flight(
        observed.path,
        observed.host,
        observed.request_id,
        observed.client_ip,
        observed.query,
        observed.request_headers,
    )
    fields = [
        observed.id,
        observed.request_timestamp,
        observed.method,
        observed.scheme,
        host,
        path,
        client_ip,
        request_id,
    ]
    try:
        entry = _encode_entry(fields)
    except UnicodeEncodeError:
        fields = [text and text.encode("utf-8", "replace").decode() for text in fields]
        entry = _encode_entry(fields)
    if len(entry) <= ENTRY_BYTES:
        return entry
    host, path = fields[4], fields[5]
    fields[4:] = [host and host[:60], path and path[:80], fields[6], None]
    entry = _encode_entry(fields)
    return entry if len(entry) <= ENTRY_BYTES else _encode_entry([*fields[:3], *[None] * 5])


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


Observed = PythonObserved
if not TYPE_CHECKING and native is not None:
    Observed = native.Observed
