"""The WSGI middleware: watches each HTTP exchange pass by, and touches nothing.

A body that is a list goes to the server as it is, and so does a file wrapper (PEP 3333), which
a server may send without reading it in Python. Any other iterable is passed on chunk by chunk:
a chunk is looked at when the server asks for the next one, except the one that completes the
response, before which the finished record goes into the journal.
"""

import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from uuid_utils import uuid7

from dashcam.capture.annotation import current
from dashcam.capture.observation import Observation, checked_identity, recorder_for
from dashcam.capture.route import django_route

if TYPE_CHECKING:
    from dashcam.recorder import Recorder

Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
WSGIApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class DashcamWSGIMiddleware:
    """Record every HTTP exchange of a WSGI app (Flask, Django, Bottle, …); meant to be outermost.

    Args:
        app: the WSGI app.
        recorder: where records go; without one, the process's recorder for these settings.
        settings: settings by keyword (see `Settings`), where no recorder is given.

    Raises:
        SettingsError: a setting is wrong, or both a recorder and settings are given.
    """

    def __init__(self, app: WSGIApp, recorder: "Recorder | None" = None, **settings: Any) -> None:
        self.app = app
        self.recorder = recorder_for(recorder, settings)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        recorder = self.recorder
        if recorder.journal is None:
            recorder.start_on_request()
        capture = None
        try:
            if recorder.wants is None or recorder.wants(_path(environ)):
                capture = Capture(recorder, environ, start_response)
        except Exception as error:  # the border: a failure of capture must not reach the app
            recorder.capture_failed(error)
        if capture is None:
            return self.app(environ, start_response)
        return capture.run(self.app)


class Capture(Observation):
    """One HTTP exchange: stands between app and server while the app serves it."""

    __slots__ = ("_environ", "_rule", "_start_response", "_started")

    def __init__(
        self, recorder: "Recorder", environ: Environ, start_response: Callable[..., Any]
    ) -> None:
        protocol = str(environ.get("SERVER_PROTOCOL", ""))
        self.begin(
            recorder,
            time.perf_counter_ns(),
            time.time_ns(),
            str(uuid7()),
            environ["REQUEST_METHOD"],
            environ.get("wsgi.url_scheme", "http"),
            _path(environ),
            environ.get("QUERY_STRING", ""),
            protocol.removeprefix("HTTP/"),
            environ.get("REMOTE_ADDR") or None,
            _headers(environ),
        )
        self._environ = environ
        self._start_response = start_response
        self._started = False
        self._rule: object = None
        stream = environ.get("wsgi.input")
        if stream is not None:
            environ["wsgi.input"] = _Input(stream, self)
        declared = environ.get("CONTENT_LENGTH") or "0"
        self.request_complete = declared == "0"

    def run(self, app: WSGIApp) -> Iterable[bytes]:
        """Serve the request, in this thread and context; what the app raises is raised."""
        token = current.set(self)
        try:
            body = app(self._environ, self.start_response)
        except BaseException as error:
            self.ended(error)
            raise
        finally:
            current.reset(token)
        try:
            return self._body(body)
        except Exception as error:  # the border: see DashcamWSGIMiddleware
            self.recorder.capture_failed(error)
            return body

    def _body(self, body: Iterable[bytes]) -> Iterable[bytes]:
        if self._started and isinstance(body, (list, tuple)):
            alone = len(body) == 1 and self.response_chunks == 0
            for chunk in body if self.may_have_body() else ():
                if not self.finished:
                    self.chunk(chunk, final=alone)
            if not self.finished:
                self.complete()
            self.release()
            return body
        wrapper = self._environ.get("wsgi.file_wrapper")
        if self._started and isinstance(wrapper, type) and isinstance(body, wrapper):
            self.ttfb_ns = time.perf_counter_ns()
            self.response_bytes += self.content_length or 0
            self.response_chunks += 1
            self.complete()
            return body
        return _Body(body, self)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], Any]:
        """Give the server the app's status and headers, and take notice of them."""
        write: Callable[[bytes], Any]
        if exc_info is None:
            write = self._start_response(status, headers)
        else:
            try:
                write = self._start_response(status, headers, exc_info)
            finally:
                exc_info = None  # as PEP 3333 asks, against a cycle of references
        try:
            raw = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ]
            self.content_length = None
            self.respond(int(status[:3]), raw)
            self._started = True
            # Flask takes its request out of the environ before the body is sent.
            request = self._environ.get("werkzeug.request")
            self._rule = getattr(getattr(request, "url_rule", None), "rule", None)
        except Exception as error:  # the border: see DashcamWSGIMiddleware
            self.recorder.capture_failed(error)

        def write_and_notice(data: bytes) -> Any:
            try:
                if not self.finished:
                    self.chunk(data, final=False)
            except Exception as error:  # the border: see DashcamWSGIMiddleware
                self.recorder.capture_failed(error)
            return write(data)

        return write_and_notice

    def chunk(self, data: bytes, *, final: bool) -> None:
        """Take notice of a piece of the response's body; the record is made before the last."""
        if type(data) is not bytes:
            data = bytes(data)
        at_ns = time.perf_counter_ns()
        if final and self.response_chunks == 0:
            self.whole_response(data, at_ns=at_ns)
        else:
            self.response_chunk(data, at_ns=at_ns)
        if self.content_length is not None and self.response_bytes >= self.content_length:
            self.complete()

    def may_have_body(self) -> bool:
        """Tell whether bytes may follow the headers."""
        return not (
            self.method == "HEAD"
            or self.status_code in (204, 304)
            or (self._started and self.content_length == 0)
        )

    def complete(self) -> None:
        """Make the record: the response is about to be complete."""
        if self.finished:
            return
        self._identify()
        if self.status_code is None:
            self.status_code = 500
            self.finish(message="the app returned without starting a response")
        else:
            self.finish()

    def ended(self, error: BaseException | None, *, early: bool = False) -> None:
        """Take notice of how the app ended; never raises.

        Args:
            error: what it raised.
            early: whether the server stopped asking for more.
        """
        try:
            if self.finished:
                if error is not None or (self.said is not None and self.said.changed):
                    self.amend(error=error)
                return
            if early:
                self.disconnected = True
            elif error is not None and self.status_code is None:
                self.status_code = 500
            self._identify()
            self.finish(error=error)
        except Exception as failure:  # the border: see DashcamWSGIMiddleware
            self.recorder.capture_failed(failure)
        finally:
            try:
                self.release()
            except Exception as failure:  # the border: the app's own exception may be on its way
                self.recorder.capture_failed(failure)

    def _identify(self) -> None:
        identify = self.recorder.identify
        if identify is None:
            return
        try:
            identity = identify(self._environ)
            if inspect.iscoroutine(identity):
                identity.close()
                raise TypeError("identify must not be async for a WSGI app")
            self.identity = checked_identity(identity)
        except Exception as error:  # the border: see DashcamWSGIMiddleware
            self.recorder.capture_failed(error)

    def route(self) -> str | None:
        """Give the route's template, where the framework tells it (Werkzeug, Django)."""
        if self._rule is not None:
            return f"{self._environ.get('SCRIPT_NAME', '')}{self._rule}"
        return django_route(self._environ.get("PATH_INFO", "/"))

    def framework_owner(self) -> tuple[str | None, str | None]:
        """Give user_id from what the server has authenticated."""
        user = self._environ.get("REMOTE_USER")
        return (str(user) if user else None), None


class _Body:
    """The app's iterable as the server sees it."""

    __slots__ = ("_body", "_capture", "_iterator", "_pending")

    def __init__(self, body: Iterable[bytes], capture: Capture) -> None:
        self._body = body
        self._capture = capture
        self._iterator: Iterator[bytes] | None = None
        self._pending: bytes | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        capture = self._capture
        if self._pending is not None:
            self._notice()
        token = current.set(capture)
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            chunk = next(self._iterator)
        except StopIteration:
            self._end()
            raise
        except BaseException as error:
            capture.ended(error)
            raise
        finally:
            current.reset(token)
        if not capture.finished:
            try:
                total = capture.response_bytes + len(chunk)
                if not capture.may_have_body():
                    capture.complete()
                elif capture.content_length is not None and total >= capture.content_length:
                    capture.chunk(chunk, final=False)
                else:
                    self._pending = chunk
            except Exception as error:  # the border: see DashcamWSGIMiddleware
                capture.recorder.capture_failed(error)
        return chunk

    def _notice(self) -> None:
        chunk, self._pending = self._pending, None
        try:
            if chunk is not None and not self._capture.finished:
                self._capture.chunk(chunk, final=False)
        except Exception as error:  # the border: see DashcamWSGIMiddleware
            self._capture.recorder.capture_failed(error)

    def _end(self) -> None:
        try:
            self._capture.complete()
        except Exception as error:  # the border: see DashcamWSGIMiddleware
            self._capture.recorder.capture_failed(error)

    def close(self) -> None:
        """Close the app's iterable, as the server must, and take notice of an early end."""
        capture = self._capture
        self._notice()
        token = current.set(capture)
        error = None
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as raised:
            error = raised
            raise
        finally:
            current.reset(token)
            capture.ended(error, early=not capture.finished and capture.may_have_body())


class _Input:
    """The request's body as the app reads it: each byte goes by once, nothing is read ahead."""

    __slots__ = ("_capture", "_stream")

    def __init__(self, stream: Any, capture: Capture) -> None:
        self._stream = stream
        self._capture = capture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _seen(self, data: bytes, *, asked: bool) -> bytes:
        try:
            if data:
                capture = self._capture
                declared = capture.declared_bytes or b""
                bound = int(declared) if declared.isdigit() else None
                capture.request_chunk(data, final=len(data) == bound)
                if bound is not None:
                    capture.request_complete = capture.request_bytes >= bound
            elif asked:
                self._capture.request_complete = True
        except Exception as error:  # the border: see DashcamWSGIMiddleware
            self._capture.recorder.capture_failed(error)
        return data

    def read(self, *size: int) -> bytes:
        """Read bytes."""
        return self._seen(self._stream.read(*size), asked=not size or size[0] != 0)

    def readline(self, *size: int) -> bytes:
        """Read a line."""
        return self._seen(self._stream.readline(*size), asked=not size or size[0] != 0)

    def readlines(self, *hint: int) -> list[bytes]:
        """Read lines."""
        lines: list[bytes] = self._stream.readlines(*hint)
        self._seen(b"".join(lines), asked=True)
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            yield self._seen(line, asked=True)


def _path(environ: Environ) -> str:
    """Give the path as text: WSGI's strings are bytes in latin-1 (PEP 3333)."""
    raw = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    try:
        path: str = raw.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        path = raw
    return path or "/"


def _headers(environ: Environ) -> list[tuple[bytes, bytes]]:
    """Rebuild headers; WSGI has joined those of the same name, and knows no order."""
    headers = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = key[5:]
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            name = key
        else:
            continue
        if isinstance(value, str):
            headers.append(
                (
                    name.replace("_", "-").lower().encode("latin-1", "replace"),
                    value.encode("latin-1", "replace"),
                )
            )
    return headers
