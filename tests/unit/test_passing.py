"""What the app is given to receive and send with: an awaitable like any coroutine.

The compiled one and its twin in Python behave alike, whatever the task does to them.
"""

import asyncio
import collections.abc
import gc
import inspect
import types
import warnings

import pytest
from tests.drive import http_scope

from dashcam.capture.asgi import Capture, PythonSides
from dashcam.native import native
from dashcam.testing import MemoryRecorder

REQUEST = {"type": "http.request", "body": b"{}", "more_body": False}
START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"hello"}


@pytest.fixture
def recorder():
    recorder = MemoryRecorder()
    recorder.start()
    yield recorder
    recorder.close(timeout=0)


@pytest.fixture(params=["python", pytest.param("compiled", marks=pytest.mark.skipif(native is None, reason="not compiled"))])  # fmt: skip
def sides(request, recorder):
    """Give a function that begins a capture, and gives it with its two callables."""

    def begin(receive, send):
        capture = Capture.open(recorder, http_scope("POST", "/"), receive, send)
        if request.param == "python":
            bound = [types.MethodType(PythonSides.receive, capture)]
            return capture, *bound, types.MethodType(PythonSides.send, capture)
        return capture, capture.receive, capture.send

    return begin


async def waiting(log, result=None):
    """Wait once, as a server does when a client is slow; note how it ended."""
    try:
        await asyncio.sleep(0)
        log.append("awake")
        return result
    except BaseException as error:
        log.append(type(error).__name__)
        raise


@types.coroutine
def generator_based(result):
    yield
    return result


class Awaitable:
    """Has `__await__` alone, whose iterator has neither `throw` nor `close`."""

    def __init__(self, steps, result):
        self.steps = steps
        self.result = result

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self.steps:
            self.steps -= 1
            return
        raise StopIteration(self.result)


AWAITABLES = {
    "a coroutine": lambda: waiting([], REQUEST),
    "a generator under types.coroutine": lambda: generator_based(REQUEST),
    "an object": lambda: Awaitable(1, REQUEST),
    "an object that never waits": lambda: Awaitable(0, REQUEST),
    "a task": lambda: asyncio.ensure_future(waiting([], REQUEST)),
}


@pytest.mark.parametrize("kind", AWAITABLES)
def test_any_awaitable_of_the_server(sides, kind):
    """A server's receive and send may return whatever can be awaited."""

    async def main():
        capture, receive, send = sides(AWAITABLES[kind], lambda message: AWAITABLES[kind]())
        assert await receive() is REQUEST
        await send(START)
        await send(BODY)
        return capture

    capture = asyncio.run(main())
    assert capture.request_body == b"{}"
    assert (capture.status_code, capture.response_bytes, capture.finished) == (200, 5, True)


def test_what_can_not_be_awaited(sides):
    """The error is the one that `await` raises."""

    async def main():
        capture, receive, send = sides(lambda: 5, lambda message: 5)
        with pytest.raises(TypeError, match="int can't be used in 'await' expression"):
            await receive()
        with pytest.raises(TypeError, match="int can't be used in 'await' expression"):
            await send(START)
        return capture

    assert isinstance(asyncio.run(main()).send_error, TypeError)


def test_it_passes_for_a_coroutine(sides):
    """So it can be made a task, or handed to a task group."""

    async def main():
        log = []
        _, receive, send = sides(lambda: waiting(log, REQUEST), lambda message: waiting(log))
        one = receive()
        assert isinstance(one, collections.abc.Coroutine)
        assert inspect.isawaitable(one)
        assert inspect.iscoroutine(one)
        assert inspect.getcoroutinestate(one) != inspect.CORO_SUSPENDED
        assert "receive" in repr(asyncio.coroutines._format_coroutine(one))
        for side in (receive, send):
            assert inspect.iscoroutinefunction(side)
            assert asyncio.iscoroutinefunction(side)
        async with asyncio.TaskGroup() as group:
            got = group.create_task(one)
            group.create_task(send(START))
        assert got.result() is REQUEST
        return log

    assert asyncio.run(main()) == ["awake", "awake"]


def test_nothing_happens_before_it_is_awaited(sides, recorder):
    """A message goes on its way when it is awaited, and once."""

    async def main():
        sent = []

        async def server_send(message):
            sent.append(message)

        capture, _, send = sides(None, server_send)
        one = send(START)
        assert (sent, capture.status_code) == ([], None)
        await one
        assert (sent, capture.status_code) == ([START], 200)
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await one
        never = send(BODY)
        never.close()
        assert sent == [START]

    asyncio.run(main())
    assert recorder.statistics().accepted == 0


def test_what_the_server_raises(sides):
    """It is the same object, with the server's frames, and it is remembered."""

    async def main():
        error = OSError("gone")

        async def server_send(message):
            await asyncio.sleep(0)
            raise error

        capture, _, send = sides(None, server_send)
        with pytest.raises(OSError, match="gone") as caught:
            await send(START)
        assert caught.value is error
        assert caught.traceback[-1].name == "server_send"
        assert capture.send_error is error

    asyncio.run(main())


def test_cancellation_reaches_the_server(sides):
    """A task that is cancelled while it waits in send or receive is cancelled there."""

    async def main():
        for which in (1, 2):
            log = []
            ends = sides(
                lambda log=log: waiting(log, REQUEST), lambda message, log=log: waiting(log)
            )
            task = asyncio.ensure_future(ends[which](*[START][: which - 1]))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert log == ["CancelledError"]
            assert (type(ends[0].send_error).__name__ == "CancelledError") == (which == 2)

    asyncio.run(main())


def test_a_server_may_swallow_a_cancellation(sides):
    """What is thrown in may be caught further down; then it goes on."""

    async def stubborn():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return REQUEST

    async def main():
        _, receive, _ = sides(stubborn, None)
        task = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        task.cancel()
        assert await task is REQUEST

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["a coroutine", "an object"])
def test_driven_by_hand(sides, kind):
    """`send`, `throw` and `close` do as those of a coroutine, also over a plain iterator."""
    log = []

    def make():
        return waiting(log, REQUEST) if kind == "a coroutine" else Awaitable(3, REQUEST)

    capture, receive, send = sides(make, lambda message: make())
    one = receive()
    with pytest.raises(TypeError, match="non-None value"):
        one.send(5)
    one.send(None)
    error = KeyError("thrown")
    with pytest.raises(KeyError) as caught:
        one.throw(error)
    assert caught.value is error
    with pytest.raises(RuntimeError, match="already awaited"):
        one.send(None)

    other = send(START)
    other.send(None)
    other.close()
    assert isinstance(capture.send_error, GeneratorExit)
    other.close()

    third = receive()
    with pytest.raises(ZeroDivisionError):
        third.throw(ZeroDivisionError)
    with pytest.raises(RuntimeError, match="already awaited"):
        third.send(None)
    if kind == "a coroutine":
        assert log == ["KeyError", "GeneratorExit"]


def test_a_failure_of_ours_is_counted_and_the_message_passes(sides, recorder, caplog):
    """The border holds here, too."""

    async def main():
        sent = []

        async def server_send(message):
            sent.append(message)

        async def server_receive():
            return {"type": "http.request", "body": 5}

        _, receive, send = sides(server_receive, server_send)
        assert await receive() == {"type": "http.request", "body": 5}
        wrong = {"type": "http.response.start", "status": 200, "headers": [5]}
        await send(wrong)
        assert sent == [wrong]

    asyncio.run(main())
    assert recorder.statistics().capture_errors == 2


def test_chunks_of_a_stream(sides):
    """Each is passed on first, and noticed when the server has taken it."""

    async def main():
        seen = []

        async def server_send(message):
            seen.append(capture.response_bytes)

        capture, _, send = sides(None, server_send)
        await send(START)
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"12", "more_body": True})
        await send({"type": "http.response.body"})
        assert seen == [0, 0, 2, 4, 6]
        assert capture.finished
        assert capture.is_over()

    asyncio.run(main())


def test_identify_is_awaited_before_the_end_is_sent(sides, recorder):
    """The message that completes the response waits for it."""

    async def identify(scope):
        await asyncio.sleep(0)
        log.append("identified")

    async def server_send(message):
        log.append(message["type"])

    log = []
    recorder.identify = identify

    async def main():
        capture, _, send = sides(None, server_send)
        await send(START)
        await send(BODY)
        assert capture.response_bytes == 5

    asyncio.run(main())
    assert log == ["http.response.start", "identified", "http.response.body"]


@pytest.mark.parametrize("how", ["send", "throw", "close"])
@pytest.mark.parametrize("when", ["at once", "later"])
def test_driven_while_it_runs(sides, how, when):
    """From within it can't be driven, and the message is passed and noticed all the same."""
    errors = []

    def drive():
        try:
            one.throw(KeyError()) if how == "throw" else getattr(one, how)(*[None][: how == "send"])
        except ValueError as error:
            errors.append(str(error))

    async def server_send(message):
        if when == "later":
            await asyncio.sleep(0)
        drive()

    async def main():
        nonlocal one
        capture, _, send = sides(None, server_send)
        await_start = send(START)
        one = await_start
        await await_start
        one = send({"type": "http.response.body", "body": b"12", "more_body": True})
        await one
        assert capture.response_bytes == 2

    one = None
    asyncio.run(main())
    assert errors == ["coroutine already executing"] * 2


def test_a_chunk_is_what_it_was_when_it_was_sent(sides):
    """The server may take the body out of the message, and the app use its dict again."""

    async def main():
        async def server_send(message):
            if message["type"] == "http.response.body":
                message.pop("body", None)

        capture, _, send = sides(None, server_send)
        await send(START)
        await send({"type": "http.response.body", "body": b"123", "more_body": True})
        await send({"type": "http.response.body", "more_body": True})
        assert (capture.response_bytes, capture.response_chunks) == (3, 2)

    asyncio.run(main())


def test_stop_iteration_never_leaves(sides):
    """As from any coroutine it comes out as RuntimeError, never as a message."""

    async def main():
        messages = iter([])
        capture, receive, send = sides(lambda: next(messages), lambda message: next(messages))
        for one in (receive(), send(START)):
            with pytest.raises(RuntimeError, match="coroutine raised StopIteration") as caught:
                await one
            assert isinstance(caught.value.__cause__, StopIteration)
        assert isinstance(capture.send_error, StopIteration)

    asyncio.run(main())


def test_one_that_is_never_awaited_is_warned_about(sides):
    """So that a forgotten `await` is found."""
    _, _, send = sides(None, None)
    with pytest.warns(RuntimeWarning, match="was never awaited"):
        send(START)


def test_one_that_is_dropped_is_closed(sides):
    """The server's own coroutine ends then, too, and it is noted."""
    log = []
    capture, _, send = sides(None, lambda message: waiting(log))
    one = send(START)
    one.send(None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del one
        gc.collect()
    assert log == ["GeneratorExit"]
    assert isinstance(capture.send_error, GeneratorExit)


def test_a_message_that_fails_to_be_looked_at(sides, recorder):
    """A key whose comparison raises is our failure, not the request's."""

    class Key(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            raise ZeroDivisionError

    async def main():
        message = {Key("type"): "http.request"}

        async def server_receive():
            return message

        _, receive, _ = sides(server_receive, None)
        assert await receive() is message

    asyncio.run(main())
    assert recorder.statistics().capture_errors == 1
