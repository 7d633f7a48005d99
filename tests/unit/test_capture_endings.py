"""Every way in which a request can end early, and every place where dashcam's own code can fail."""

import asyncio
import contextlib
import functools
import inspect
import sys
from pathlib import Path

import anyio
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.drive import Server, body_messages, http_scope
from tests.unit.test_capture_asgi import body, only, read_all, start

import dashcam
from dashcam import DashcamMiddleware, Identity

SOURCE = str(Path(dashcam.__file__).parent)
TEXT = {"content_type": "text/plain"}


async def echo_in_chunks(scope, receive, send):
    """Read three chunks, answer with three; tell what came."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client has left")
        if not message["more_body"]:
            break
    await send(start(**TEXT))
    for number in range(3):
        await send(body(b"%d" % number, more=True))
    await send(body())


@pytest.mark.parametrize("at", range(4))
def test_a_client_that_leaves_at_each_message_of_its_body(recorder, at):
    """http.disconnect in the place of each message: the app's exception leaves as it is; what was read is recorded."""
    scope = http_scope("POST", headers=[("content-type", b"text/plain"), ("content-length", b"3")])
    server = Server(recorder, [*body_messages(b"a", b"b", b"c")[:at]])
    if at < 3:
        server.incoming.append({"type": "http.disconnect"})

    async def main():
        with contextlib.suppress(ConnectionResetError):
            await DashcamMiddleware(echo_in_chunks, recorder=recorder)(
                scope, server.receive, server.send
            )

    asyncio.run(main())
    seen = only(recorder)
    assert seen.request_body == ("abc"[:at] or None)
    if at == 3:
        assert (seen.outcome, seen.response_body) == ("completed", "012")
    else:
        assert seen.outcome in ("disconnected", "failed")
        assert (seen.request_body_bytes, seen.request_body_truncated) == (3, True)


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize(
    "error", [ConnectionResetError("x"), BrokenPipeError("y"), OSError("z")], ids=repr
)
def test_send_raises_at_each_message_of_the_answer(recorder, at, error):
    """The server's exception reaches the app and leaves it, the same object; what was sent before is recorded."""
    server = Server(recorder, body_messages(b"a"))
    server.send_raises = {at: error}

    async def main():
        await DashcamMiddleware(echo_in_chunks, recorder=recorder)(
            http_scope("POST"), server.receive, server.send
        )

    with pytest.raises(OSError, match=str(error)) as raised:
        asyncio.run(main())
    assert raised.value is error
    assert len(server.sent) == at + 1
    seen = only(recorder)
    assert seen.outcome == "disconnected"
    assert (seen.response_body or "") == "012"[: max(at - 1, 0)]


@pytest.mark.parametrize("when", ["before the start", "in the body", "after the body"])
def test_a_task_that_is_cancelled_is_cancelled(recorder, when):
    """task.cancel(), as servers do at shutdown: it takes effect at once, the task is cancelled, the record says so."""
    reached = []

    async def app(scope, receive, send):
        if when != "before the start":
            await send(start(**TEXT))
            await send(body(b"part", more=True))
        if when == "after the body":
            await send(body())
        reached.append(when)
        await asyncio.sleep(3600)

    async def main():
        server = Server(recorder, body_messages())
        task = asyncio.create_task(
            DashcamMiddleware(app, recorder=recorder)(http_scope(), server.receive, server.send)
        )
        while not reached:
            await asyncio.sleep(0)
        task.cancel("the server ends")
        with pytest.raises(asyncio.CancelledError, match="the server ends"):
            await task
        assert task.cancelled()

    asyncio.run(main())
    seen = only(recorder)
    assert (seen.outcome, seen.error_type) == ("failed", "asyncio.exceptions.CancelledError")
    assert seen.status_code == (500 if when == "before the start" else 200)


def test_task_groups_and_cancel_scopes(recorder):
    """A task group in the app fails as one group; a timeout of the app's own is its own affair."""

    async def app(scope, receive, send):
        with anyio.move_on_after(0.01) as timeout:
            await anyio.sleep(3600)
        assert timeout.cancelled_caught
        await send(start(**TEXT))

        async def fail(name):
            raise ValueError(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(fail("a"))
            group.create_task(fail("b"))

    async def main():
        server = Server(recorder, body_messages())
        await DashcamMiddleware(app, recorder=recorder)(http_scope(), server.receive, server.send)

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(main())
    assert sorted(str(each) for each in raised.value.exceptions) == ["a", "b"]
    seen = only(recorder)
    assert (seen.outcome, seen.error_type, seen.status_code) == ("failed", "ExceptionGroup", 200)
    assert "ValueError: a" in seen.error_traceback
    assert "ValueError: b" in seen.error_traceback


def test_a_background_task_outlives_the_client(recorder):
    """The client leaves when it has its answer: the task runs to its end, the record was complete before (starlette 919, 1438)."""
    done = []

    async def work():
        await asyncio.sleep(0.01)
        done.append(len(recorder.exchanges()))

    async def answer(request):
        return PlainTextResponse("here", background=BackgroundTask(work))

    app = Starlette(routes=[Route("/", answer)])

    async def main():
        server = Server(recorder, [*body_messages(), {"type": "http.disconnect"}])
        await DashcamMiddleware(app, recorder=recorder)(http_scope(), server.receive, server.send)
        assert server.records_at_send == [0, 1]

    asyncio.run(main())
    assert done == [1]
    assert (only(recorder).outcome, only(recorder).revision) == ("completed", 1)


# --- dashcam's own code fails, wherever --------------------------------------------------------


async def everything(scope, receive, send):
    """An app that gives capture a lot to do."""
    assert await read_all(receive) == b'{"password": "p", "n": 1}'
    dashcam.annotate(tags={"team": "a"}, user_id="u")
    await send(start(content_type="application/json", set_cookie="s=1", content_length=11))
    await send(body(b'{"tok', more=True))
    await send(body(b'en":1}'))
    raise LookupError("after the body")


async def identify(scope):
    return Identity("someone")


def serve_once(recorder):
    """Serve `everything` once; give the messages sent, the exception, and whether all were the app's own."""
    scope = http_scope(
        "POST",
        "/v1/messages",
        query_string=b"token=x&a=1",
        headers=[
            ("host", b"h"),
            ("content-type", b"application/json"),
            ("authorization", b"Bearer abcdefgh"),
            ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ],
        client=("127.0.0.9", 1),
        user=type("User", (), {"is_authenticated": True, "id": 7})(),
    )
    server = Server(recorder, body_messages(b'{"password": "p", ', b'"n": 1}'))
    server.records_at_send = []
    server.recorder = type(
        "None", (), {"exchanges": staticmethod(list)}
    )  # nothing of ours in the server
    raised = None

    async def main():
        await DashcamMiddleware(everything, recorder=recorder)(scope, server.receive, server.send)

    try:
        asyncio.run(main())
    except LookupError as error:
        raised = error
    return [(each["type"], each.get("body")) for each in server.sent], repr(raised)


def functions_called(recorder):
    """Give the code of every function of dashcam's (no coroutines: they pass on the app's own) that a request calls."""
    called = {}

    def note(frame, event, argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(SOURCE):
            glue = code.co_flags & (inspect.CO_COROUTINE | inspect.CO_GENERATOR)
            if not glue and not code.co_name.startswith("<"):
                called[f"{Path(code.co_filename).stem}.{code.co_qualname}"] = code

    sys.setprofile(note)
    try:
        serve_once(recorder)
    finally:
        sys.setprofile(None)
    return called


@functools.cache
def without_dashcam_failing():
    return (
        [
            ("http.response.start", None),
            ("http.response.body", b'{"tok'),
            ("http.response.body", b'en":1}'),
        ],
        repr(LookupError("after the body")),
    )


NOT_CAPTURE = (
    "asgi.DashcamMiddleware.__init__",  # before the request
    "observation.recorder_for",
    "annotation.annotate",  # called by the app itself
    "annotation.Annotations.__init__",
    "asgi.Capture._release",  # no more than the border itself
)


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError, RecursionError])
def test_any_function_of_dashcams_fails(make_recorder, monkeypatch, kind):
    """Each function that a request calls raises, one after the other: the answer and the exception are the app's."""

    def make():
        recorder = make_recorder(identify=identify, before_record=lambda exchange: exchange)
        recorder.start()
        return recorder

    called = functions_called(make())
    called = {name: code for name, code in called.items() if name not in NOT_CAPTURE}
    assert len(called) >= 5, called
    changed = {}
    monkeypatch.setattr("dashcam.recorder.logger.disabled", True)
    for name, code in called.items():
        recorder = make()
        failed = []

        def fail(frame, event, argument, code=code, failed=failed):
            if event == "call" and frame.f_code is code:
                failed.append(True)
                raise kind("on purpose")

        sys.settrace(fail)
        try:
            found = serve_once(recorder)
        except BaseException as error:
            found = repr(error)
        finally:
            sys.settrace(None)
        if not failed or found != without_dashcam_failing():
            changed[name] = found if failed else "was not called"
    assert changed == {}


@pytest.mark.parametrize("query", [b"", b"a=1"])
def test_a_request_that_outlives_its_journal_is_recorded(make_recorder, query):
    """The recorder is closed while a request is served: its record goes into the next journal."""
    recorder = make_recorder()

    async def app(scope, receive, send):
        await send(start(**TEXT))
        recorder.close(0)
        await send(body(b"late"))

    for number in (1, 2):  # by the long way, then by the short one
        server = Server(recorder, body_messages())

        async def main(server=server):
            await DashcamMiddleware(app, recorder=recorder)(
                http_scope(query_string=query), server.receive, server.send
            )

        asyncio.run(main())
        assert [each.response_body for each in recorder.exchanges()] == ["late"] * number
        assert recorder.statistics().dropped == 0
