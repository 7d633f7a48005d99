"""One request being watched: what is known of it so far, and the record made of it.

`Observation` is what the ASGI and the WSGI middleware have in common. It never touches the
request or the response, never raises into them, and is used by the task (or thread) that
serves the request only.
"""

import random
import time
import traceback
from typing import TYPE_CHECKING, Any

from dashcam.capture.annotation import Annotations
from dashcam.capture.body import BodyBuffer
from dashcam.capture.observed import Observed, entry_of
from dashcam.capture.quick import REFUSED, quick_line
from dashcam.capture.traceparent import parse_traceparent
from dashcam.errors import SettingsError
from dashcam.exchange import AMENDED, FINISHED, Exchange, Identity
from dashcam.line import strip

if TYPE_CHECKING:
    from dashcam.recorder import Recorder

TIMELINE_ENTRIES = 256
TRACEBACK_CHARACTERS = 32_768
LINE_STREAMS = ("text/event-stream", "application/x-ndjson", "application/jsonl")
FINAL_EVENTS = (
    b"data: [DONE]",
    b"data:[DONE]",
    b"event: message_stop",
    b"event: response.completed",
    b"event: done",
    b"event: end",
)
"""What ends a stream for its reader, by custom: a client that leaves then has had it all."""


def recorder_for(recorder: "Recorder | None", settings: dict[str, Any]) -> "Recorder":
    """Give the recorder of a middleware: the one it was given, or the process's for settings.

    Raises:
        SettingsError: a setting is wrong, or both a recorder and settings are given.
    """
    if recorder is None:
        from dashcam.recorder import Recorder
        from dashcam.settings import Settings

        return Recorder.shared(Settings(**settings))
    if settings:
        names = ", ".join(settings)
        raise SettingsError(f"give a recorder or settings, not both; got {names} as well")
    return recorder


class Observation(Observed):
    """One request being watched: filled by a middleware, turned into a record by `finish`."""

    __slots__ = ()

    recorder: "Recorder"
    said: Annotations | None
    request_body: BodyBuffer | bytes | None
    response_body: BodyBuffer | bytes | None
    identity: Identity | None

    def _entry(self) -> bytes:
        return entry_of(self)

    def request_chunk(self, chunk: bytes, *, final: bool = False) -> None:
        """Take notice of a piece of the request's body that the app was given.

        Args:
            chunk: the bytes.
            final: whether nothing follows.
        """
        recorder = self.recorder
        budget = recorder.budget
        body = self.request_body
        if body is None and final and type(chunk) is bytes:
            size = len(chunk)
            if size <= recorder.max_body_bytes:
                granted = budget.take(size)
                if granted == size:
                    self.request_body = chunk  # the whole body: no buffer is needed
                    return
                budget.give(granted)
        if not isinstance(body, BodyBuffer):
            buffer = BodyBuffer(recorder.max_body_bytes, budget)
            if body is not None:
                budget.give(len(body))
                buffer.add(body)
            body = self.request_body = buffer
        body.add(chunk)

    @property
    def request_bytes(self) -> int:
        """Bytes of the request's body that the app was given so far."""
        body = self.request_body
        if body is None:
            return 0
        return body.total_bytes if isinstance(body, BodyBuffer) else len(body)

    def whole_response(self, body: bytes, *, at_ns: int) -> None:
        """Take notice of a response's body that comes in one piece."""
        self.response_chunks = 1
        self.response_bytes = len(body)
        if body:
            self.ttfb_ns = at_ns
            self.response_body = body  # no buffer is needed

    def response_chunk(self, chunk: bytes, *, at_ns: int) -> None:
        """Take notice of a piece of the response's body.

        Args:
            chunk: the bytes.
            at_ns: when the app sent it, by `time.perf_counter_ns`.
        """
        size = len(chunk)
        self.response_bytes += size
        self.response_chunks += 1
        if self.ttfb_ns is None and size:
            self.ttfb_ns = at_ns
        body = self.response_body
        if body is None:
            recorder = self.recorder
            body = self.response_body = BodyBuffer(
                recorder.max_body_bytes, recorder.budget, lines=self._streams_lines()
            )
            self.timeline = []
        if isinstance(body, BodyBuffer):
            body.add(chunk)
        timeline = self.timeline
        if timeline is not None and len(timeline) < TIMELINE_ENTRIES:
            timeline.append(((at_ns - self.began_ns) // 1000 / 1000, size))

    def _streams_lines(self) -> bool:
        content_type = b""
        for name, value in self.response_headers:
            lower = name.lower()
            if lower == b"content-encoding":
                return False  # lines can't be told apart in what is compressed
            if lower == b"content-type":
                content_type = value.lower()
        return content_type.decode("latin-1").startswith(LINE_STREAMS)

    def seen_final_event(self) -> bool:
        """Tell whether a stream's closing event was sent already."""
        body = self.response_body
        kept = body.body() if type(body) is BodyBuffer else None
        return kept is not None and any(event in kept[-4096:] for event in FINAL_EVENTS)

    def finish(self, *, error: BaseException | None = None, message: str | None = None) -> None:
        """Make the record and hand it over: once, before the response is complete.

        Args:
            error: what the app raised.
            message: what went wrong where nothing was raised.
        """
        self.finished = True
        self.duration_ns = time.perf_counter_ns()
        try:
            if error is not None or message is not None or not self.append_plain():
                self._record(FINISHED, error, message)
        finally:
            if self.slot >= 0 and self.journal is not None:
                self.journal.end(self.slot)
                self.slot = -1

    def amend(self, *, error: BaseException | None = None) -> None:
        """Make the record again, since something happened after it was handed over."""
        self._record(AMENDED, error, None)

    def release(self) -> None:
        """Give back the memory that the bodies took from the budget of all requests."""
        if type(self.request_body) is BodyBuffer:
            self.request_body.release()
        elif type(self.request_body) is bytes:
            self.recorder.budget.give(len(self.request_body))
            self.request_body = None
        if type(self.response_body) is BodyBuffer:
            self.response_body.release()

    def _record(self, revision: int, error: BaseException | None, message: str | None) -> None:
        said = self.said
        outcome = None
        if said is not None:
            said.changed = False
            if said.keep == "nothing":
                return
            outcome = said.outcome
        if outcome is None:
            if error is not None or message is not None:
                outcome = "failed"
            elif self.disconnected and not self.seen_final_event():
                outcome = "disconnected"
            else:
                outcome = "completed"
        recorder = self.recorder
        if (
            recorder.sample_rate < 1.0
            and not self.recorded
            and outcome == "completed"
            and (self.status_code or 0) < 400
            and random.random() >= recorder.sample_rate
        ):
            return
        if revision == FINISHED and error is None and message is None and not self.recorded:
            line = quick_line(self, outcome)
            if line is not None:
                recorder.append(line)
                self.recorded = True
                return
        exchange = self._exchange(revision, outcome)
        if error is not None:
            exchange.error_type = _type_name(error)
            exchange.error_message = _message_of(error)
            exchange.error_traceback = format_traceback(error)
        elif message is not None:
            exchange.error_message = message
        if said is not None:
            for name, value in said.fields.items():
                setattr(exchange, name, value)
            exchange.tags = dict(said.tags)
            if said.keep == "summary" or (said.keep is None and outcome in REFUSED):
                strip(exchange)
        personal = () if said is None else said.personal
        recorder.record(exchange, amended=self.recorded, personal=personal)
        self.recorded = True

    def _exchange(self, revision: int, outcome: str) -> Exchange:
        began_ns = self.began_ns
        exchange = Exchange(
            id=self.id,
            revision=revision,
            request_timestamp=self.request_timestamp,
            outcome=outcome,
            duration_ms=((self.duration_ns or began_ns) - began_ns) // 1000 / 1000,
            ttfb_ms=None if self.ttfb_ns is None else (self.ttfb_ns - began_ns) // 1000 / 1000,
            method=self.method,
            scheme=self.scheme,
            host=self.host,
            path=self.path,
            route=self.route(),
            query=self.query or None,
            http_version=self.http_version,
            status_code=self.status_code,
            client_ip=self.client_ip,
            user_agent=self.user_agent,
            request_id=self.request_id,
            request_headers=self.request_headers,
            response_headers=self.response_headers,
            response_body_bytes=self.response_bytes,
            response_chunks=self.response_chunks,
            server=self.recorder.server,
            process_id=self.recorder.process_id,
        )
        exchange.user_id, exchange.api_key_id = self.owner()
        if self.traceparent is not None:
            exchange.trace_id, exchange.span_id = parse_traceparent(self.traceparent)
        if exchange.request_id is None:
            exchange.request_id = exchange.trace_id or self.id
        self._add_request_body(exchange)
        self._add_response_body(exchange)
        if self.response_chunks > 1:
            exchange.response_timeline = self.timeline
        return exchange

    def _add_request_body(self, exchange: Exchange) -> None:
        body = self.request_body
        exchange.request_body_bytes = self.request_bytes
        if isinstance(body, BodyBuffer):
            exchange.request_body = body.body() or None
            exchange.request_body_truncated = body.truncated
        else:
            exchange.request_body = body or None
        if not self.request_complete:
            # The app didn't read it to the end: the client's own word is the better size.
            declared = self.declared_bytes or b""
            if declared.isdigit() and int(declared) > exchange.request_body_bytes:
                exchange.request_body_bytes = int(declared)
                exchange.request_body_truncated = True

    def _add_response_body(self, exchange: Exchange) -> None:
        body = self.response_body
        if type(body) is BodyBuffer:
            exchange.response_body = body.body() or None
            exchange.response_body_truncated = body.truncated
        elif isinstance(body, bytes) and body:
            limit = self.recorder.max_body_bytes
            exchange.response_body = body[:limit] or None
            exchange.response_body_truncated = len(body) > limit

    def route(self) -> str | None:
        """Give the route's template, where the framework tells it."""
        return None

    def owner(self) -> tuple[str | None, str | None]:
        """Give user_id and api_key_id: by `identify`, else from where the framework keeps them."""
        user_id, api_key_id = self.framework_owner()
        identity = self.identity
        if identity is None:
            return user_id, api_key_id
        return identity.user_id or user_id, identity.api_key_id or api_key_id

    def framework_owner(self) -> tuple[str | None, str | None]:
        """Give user_id and api_key_id from where the framework keeps them."""
        return None, None


def checked_identity(identity: object) -> Identity | None:
    """Check what a user's `identify` has returned.

    Raises:
        TypeError: it is neither an Identity nor None.
    """
    if identity is None or isinstance(identity, Identity):
        return identity
    raise TypeError(f"identify must return dashcam.Identity or None, got {type(identity).__name__}")


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # the app's own `__str__`
        return f"[{type(error).__name__}: its message can't be read]"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def format_traceback(error: BaseException) -> str:
    """Format an exception with its causes and groups, bounded; its end is what matters most."""
    text = "".join(traceback.format_exception(error, limit=-60))
    if len(text) <= TRACEBACK_CHARACTERS:
        return text
    half = TRACEBACK_CHARACTERS // 2
    return f"{text[:half]}\n[…]\n{text[-half:]}"
