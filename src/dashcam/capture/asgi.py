"""The ASGI middleware: watches each HTTP exchange pass by, and touches nothing.

Every message reaches the server (or the app) as the same object, at the same moment, from
the same task. What dashcam does with it comes afterwards, except for the message that
completes the response: before that one the finished record goes into the journal.
"""

import inspect
import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from dashcam.capture.annotation import current
from dashcam.capture.lifespan import off_loop, serve_lifespan
from dashcam.capture.observation import Observation, checked_identity, recorder_for
from dashcam.capture.observed import CHUNK, COMPLETE, OTHER, PASS
from dashcam.capture.protocol import ASGIApp, Message, Receive, Scope, Send
from dashcam.capture.refusal import is_made_while_serving, refuse_to_start
from dashcam.capture.route import route_template
from dashcam.errors import SettingsError
from dashcam.native import native

if TYPE_CHECKING:
    from dashcam.recorder import Recorder

logger = logging.getLogger("dashcam")


class DashcamMiddleware:
    """Record every HTTP exchange of an ASGI app; meant to be the outermost middleware.

    Args:
        app: the ASGI app.
        recorder: where records go; without one, the process's recorder for these settings.
        settings: settings by keyword (see `Settings`), where no recorder is given.

    Raises:
        SettingsError: a setting is wrong, or both a recorder and settings are given. When a
            framework makes it while a server waits already, the server is told not to start.
    """

    def __init__(self, app: ASGIApp, recorder: "Recorder | None" = None, **settings: Any) -> None:
        self.app = app
        try:
            self.recorder = recorder_for(recorder, settings)
        except SettingsError as error:
            if not is_made_while_serving():
                raise
            self.__class__ = _Unusable  # no request pays for a test of it
            self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        kind = scope["type"]
        if kind == "http":
            recorder = self.recorder
            if recorder.journal is None:
                await off_loop(recorder.start_on_request)
            if recorder.wants is None or recorder.wants(scope.get("path", "")):
                try:
                    capture = Capture.open(recorder, scope, receive, send)
                except Exception as error:  # the border: capture's failure must not reach the app
                    recorder.capture_failed(error)
                else:
                    # In this task and context; what the app raises is raised. Another coroutine
                    # for it would be felt.
                    token = current.set(capture)
                    try:
                        await self.app(scope, capture.receive, capture.send)
                    except BaseException as error:
                        await capture.leave(error)
                        raise
                    else:
                        try:
                            over = capture.is_over()
                        except Exception as error:  # the border
                            recorder.capture_failed(error)
                            over = True
                        if not over:
                            await capture.leave(None)
                    finally:
                        try:
                            current.reset(token)
                        except ValueError:  # the coroutine is being closed from another context
                            pass
                    return
            await self.app(scope, receive, send)
        elif kind == "lifespan":
            await serve_lifespan(self.recorder, self.app, scope, receive, send)
        else:
            await self.app(scope, receive, send)


class _Unusable(DashcamMiddleware):
    """One whose settings are wrong: the server doesn't start; without a lifespan it only warns."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await refuse_to_start(self._error, receive, send)
        else:
            # No start could be stopped, and no failure of ours may reach a request.
            if not _said_unusable:
                _said_unusable.append(self._error)
                logger.error("nothing is recorded: %s", self._error)
            await self.app(scope, receive, send)


_said_unusable: list[SettingsError] = []


class PythonSides:
    """What stands between app and server: the two callables that the app is given.

    The compiled `Observed` has the same two, which make no frame of their own. They leave what
    isn't common to `_pass_on`.
    """

    __slots__ = ()

    async def receive(self: Any) -> Message:
        """Give the app the server's next message, and take notice of it."""
        message: Message = await self.server_receive()
        try:
            if not self.received(message):
                self._notice(message)
        except Exception as error:  # the border: see DashcamMiddleware
            self.recorder.capture_failed(error)
        return message

    async def send(self: Any, message: Message) -> None:
        """Give the server the app's next message, and take notice of it."""
        await self._pass_on(message, perf_counter_ns(), OTHER)


if native is not None:
    native.set_twins(PythonSides.receive, PythonSides.send)


class Capture(Observation, PythonSides):
    """One HTTP exchange: stands between app and server while the app serves it."""

    __slots__ = ()

    def _notice(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.request":
            body = message.get("body", b"")
            final = not message.get("more_body", False)
            if body:
                self.request_chunk(body, final=final)
            if final:
                self.request_complete = True
        elif kind == "http.disconnect" and not self.finished:
            self.disconnected = True

    async def _pass_on(self, message: Message, at_ns: int, what: int) -> None:
        """Give the server a message that `sending` has said `what` of."""
        chunk = None
        if not self.finished:
            try:
                if what == OTHER:
                    what = self._look_at(message, at_ns)
                if what == COMPLETE:
                    if self.recorder.identify is not None:
                        await self._identify(may_wait=True)
                    self.finish()
                elif what == CHUNK:
                    chunk = message.get("body", b"")
                    if type(chunk) is not bytes:
                        chunk = bytes(chunk)  # the app may reuse its buffer while we wait
            except Exception as error:  # the border: see DashcamMiddleware
                self.recorder.capture_failed(error)
        try:
            await self.server_send(message)
        except BaseException as error:
            self.send_error = error
            raise
        if chunk is not None:
            try:
                self.response_chunk(chunk, at_ns=at_ns)
            except Exception as error:  # the border: see DashcamMiddleware
                self.recorder.capture_failed(error)

    def _look_at(self, message: Message, at_ns: int) -> int:
        """Take notice of a message that the app sends, as `sending` does of the common ones."""
        kind = message["type"]
        if kind == "http.response.body":
            chunk = message.get("body", b"")
            final = not message.get("more_body", False) or (
                self.content_length is not None
                and self.response_bytes + len(chunk) >= self.content_length
            )
            if not final:
                return CHUNK
            if self.response_chunks == 0 and type(chunk) is bytes:
                self.whole_response(chunk, at_ns=at_ns)
            else:
                self.response_chunk(chunk, at_ns=at_ns)
            return COMPLETE
        if kind == "http.response.start":
            return COMPLETE if self._start(message) else PASS
        if kind == "http.response.pathsend":
            self._sent_by_server(self.content_length, at_ns)
            return COMPLETE
        if kind == "http.response.zerocopysend":
            self._sent_by_server(message.get("count"), at_ns)
            return PASS if message.get("more_body", False) else COMPLETE
        return PASS

    def _start(self, message: Message) -> bool:
        """Take notice of the response's start; tell whether no body may follow it."""
        headers = message.get("headers", ())
        if type(headers) is not list:
            headers = list(headers)
            if type(message.get("headers", ())) is not tuple:
                message["headers"] = headers  # see Observed.open
        status_code = int(message["status"])
        self.respond(status_code, headers)
        return self.method == "HEAD" or status_code in (204, 304) or self.content_length == 0

    def _sent_by_server(self, size: int | None, at_ns: int) -> None:
        """Count a part of the body that the server reads from a file itself."""
        if self.ttfb_ns is None:
            self.ttfb_ns = at_ns
        self.response_bytes += size or 0
        self.response_chunks += 1

    async def _identify(self, *, may_wait: bool) -> None:
        identify = self.recorder.identify
        if identify is None:
            return
        try:
            identity = identify(self.scope)
            if inspect.isawaitable(identity):
                if not may_wait:
                    return  # this task is being cancelled
                identity = await identity
            self.identity = checked_identity(identity)
        except Exception as error:  # the border: see DashcamMiddleware
            self.recorder.capture_failed(error)

    async def leave(self, error: BaseException | None) -> None:
        """Take notice of how the app ended; never raises."""
        try:
            left = self.send_error is not None and (
                isinstance(self.send_error, OSError) or error is None
            )
            if error is not None and left and _comes_from(error, self.send_error):
                error = None  # the client's leaving, as the app passed it on
            cancelled = error is not None and _is_cancellation(error)
            if cancelled and self.disconnected:
                error = None
            if self.finished:
                self._leave_finished(error, left=left)
                return
            self.disconnected = self.disconnected or left
            message = None
            if self.status_code is None:
                if error is not None:
                    self.status_code = 500  # what every server then answers
                elif not self.disconnected:
                    self.status_code = 500
                    message = "the app returned without starting a response"
            elif error is None and not self.disconnected:
                message = "the app returned without completing its response"
            await self._identify(may_wait=not cancelled)
            self.finish(error=error, message=message)
        except Exception as failure:  # the border: see DashcamMiddleware
            self.recorder.capture_failed(failure)
        finally:
            self._release()

    def _release(self) -> None:
        try:
            self.release()
        except Exception as failure:  # the border: the app's own exception may be on its way
            self.recorder.capture_failed(failure)

    def _leave_finished(self, error: BaseException | None, *, left: bool) -> None:
        said_more = self.said is not None and self.said.changed
        if left:
            self.disconnected = True
        if error is not None or left or said_more:
            self.amend(error=error)

    def route(self) -> str | None:
        """Give the route's template, where the framework tells it."""
        return route_template(self.scope, self.root_path)

    def framework_owner(self) -> tuple[str | None, str | None]:
        """Give user_id and api_key_id from `scope["state"]`, else `scope["user"]`."""
        scope = self.scope
        user_id = api_key_id = None
        state = scope.get("state")
        if state:
            user_id = state.get("user_id")
            api_key_id = state.get("api_key_id")
            user_id = None if user_id is None else str(user_id)
            api_key_id = None if api_key_id is None else str(api_key_id)
        if user_id is None and "user" in scope:
            user_id = _name_of(scope["user"])
        return user_id, api_key_id


def _name_of(user: Any) -> str | None:
    """Read the id of an authenticated user object (Starlette's, Django's and their like)."""
    try:
        if not getattr(user, "is_authenticated", False):
            return None
        for attribute in ("identity", "id", "pk", "username", "display_name"):
            try:
                value = getattr(user, attribute, None)
            except NotImplementedError:  # Starlette's BaseUser.identity, when not overridden
                continue
            if value:
                return str(value)
    except Exception:  # foreign code, asked for a courtesy; the record goes without
        return None
    return None


def _is_cancellation(error: BaseException) -> bool:
    return type(error).__name__ in ("CancelledError", "Cancelled", "GeneratorExit")


def _comes_from(error: BaseException, origin: BaseException | None) -> bool:
    """Tell whether an exception is another one, or was raised because of it."""
    seen = 0
    link: BaseException | None = error
    while link is not None and seen < 20:
        if link is origin:
            return True
        if isinstance(link, BaseExceptionGroup):
            return all(_comes_from(inner, origin) for inner in link.exceptions)
        link = link.__cause__ or link.__context__
        seen += 1
    return False
