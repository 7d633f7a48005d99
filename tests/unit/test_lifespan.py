"""The lifespan through the middleware: started before the app, drained after it, its failures its own."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashcam import DashcamMiddleware, SettingsError
from dashcam.access import AccessMiddleware
from dashcam.testing import MemoryRecorder


def run(app, recorder):
    """Speak the lifespan to an app; give what it sent and what it raised."""
    sent, raised = [], []

    async def main():
        queue = asyncio.Queue()

        async def send(message):
            assert message["type"].startswith("lifespan."), "as servers do"
            sent.append((message["type"], recorder.journal is not None))

        task = asyncio.create_task(
            DashcamMiddleware(app, recorder=recorder)({"type": "lifespan"}, queue.get, send)
        )
        await queue.put({"type": "lifespan.startup"})
        await queue.put({"type": "lifespan.shutdown"})
        try:
            await task
        except Exception as error:
            raised.append(error)

    asyncio.run(main())
    return sent, raised


STARTED, ENDED = ("lifespan.startup.complete", True), ("lifespan.shutdown.complete", False)


def test_started_before_the_app_and_drained_after_it(recorder):
    """At startup.complete the journal is open, at shutdown.complete it is closed."""

    async def app(scope, receive, send):
        assert recorder.journal is not None
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return

    assert run(app, recorder) == ([STARTED, ENDED], [])


def says_so(scope):
    raise ValueError(f"this app can only handle HTTP, not {scope['type']}.")


def asserts(scope):
    assert scope["type"] == "http"


def looks_at_the_path(scope):
    return scope["path"]


@pytest.mark.parametrize("how", [says_so, asserts, looks_at_the_path])
def test_an_app_that_knows_no_lifespan_is_drained_and_raises_what_it_raised(recorder, how):
    """The protocol is spoken in its stead; its own exception, the same object, ends it."""
    kept = []

    async def app(scope, receive, send):
        try:
            how(scope)
        except Exception as error:
            kept.append(error)
            raise

    sent, raised = run(app, recorder)
    assert sent == [STARTED]
    assert recorder.journal is None, "it was not drained"
    assert raised == kept


def test_an_app_that_answers_the_lifespan_as_if_it_were_a_request(recorder):
    """The server refuses its message, which it raises: drained all the same."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent, (raised,) = run(app, recorder)
    assert (sent, recorder.journal) == ([STARTED], None)
    assert isinstance(raised, AssertionError)


def test_an_app_that_returns_at_once(recorder):
    """It leaves without a word: the protocol is spoken to its end."""

    async def app(scope, receive, send):
        pass

    assert run(app, recorder) == ([STARTED, ENDED], [])


@pytest.mark.parametrize("receives", [False, True])
def test_an_apps_own_failure_at_start_is_raised_at_once(recorder, receives):
    """Not every exception means that the protocol isn't known: nothing is said in its stead."""
    error = RuntimeError("the database is down") if not receives else AssertionError("x")

    async def app(scope, receive, send):
        if receives:
            await receive()
        raise error

    assert run(app, recorder) == ([], [error])


async def answer(request):
    return PlainTextResponse("here")


@pytest.mark.parametrize("settings", [{"batch_size": 0}, {"batch_sise": 1}, {"store": "mysql://x"}])
def test_a_wrong_setting_in_a_stack_that_is_made_late_stops_the_start(settings):
    """Starlette makes its middlewares at the first scope: the server is told not to start."""
    app = Starlette(
        routes=[Route("/", answer)], middleware=[Middleware(DashcamMiddleware, **settings)]
    )
    with pytest.raises(SettingsError, match=next(iter(settings))), TestClient(app):
        pass


def test_a_wrong_setting_of_access_stops_the_start_and_lets_nobody_in():
    """AccessMiddleware made late: the start is stopped; without a lifespan each request is refused."""
    app = Starlette(
        routes=[Route("/", answer)], middleware=[Middleware(AccessMiddleware, quota="many")]
    )
    with pytest.raises(SettingsError, match="quota"), TestClient(app):
        pass
    with pytest.raises(SettingsError, match="quota"):
        TestClient(app).get("/")


def test_without_a_lifespan_it_warns_once_and_serves(caplog, monkeypatch):
    """No start could be stopped: the app answers as it is, and the log says loudly why nothing is recorded."""
    monkeypatch.setattr("dashcam.capture.asgi._said_unusable", [])
    app = Starlette(
        routes=[Route("/", answer)], middleware=[Middleware(DashcamMiddleware, batch_size=0)]
    )
    client = TestClient(app)
    assert [client.get("/").text for _ in range(3)] == ["here"] * 3
    assert caplog.text.count("nothing is recorded: batch_size must be at least 1, got 0") == 1


def test_a_wrong_setting_is_raised_where_the_app_is_made():
    """At import, and in any code that serves nothing, the constructor raises."""
    with pytest.raises(SettingsError, match="batch_size must be at least 1, got 0"):
        DashcamMiddleware(answer, batch_size=0)


def test_two_apps_of_one_recorder_and_the_last_one_drains():
    """A recorder that two lifespans share is closed by the second that ends."""
    recorder = MemoryRecorder()
    app = Starlette(routes=[Route("/", answer)])
    with TestClient(DashcamMiddleware(app, recorder=recorder)):
        with TestClient(DashcamMiddleware(app, recorder=recorder)) as client:
            client.get("/")
        assert recorder.journal is not None
    assert recorder.journal is None
