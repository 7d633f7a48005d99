"""However much passes by, little is held: streams without end, thousands of bodies at once, bombs."""

import asyncio
import time
import tracemalloc

import pytest
from tests.drive import http_scope
from tests.unit.test_capture_asgi import body, only, start
from tests.unit.test_redaction import COMPRESSORS

from dashcam import DashcamMiddleware
from dashcam.exchange import Exchange
from dashcam.redaction import Redactor
from dashcam.settings import Settings

GIB, MIB = 1 << 30, 1 << 20


class Traced:
    """The most memory that Python objects took inside of the block, beyond what there was."""

    def __enter__(self):
        tracemalloc.start()
        return self

    def __exit__(self, *raised):
        self.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


async def ignore(message):
    pass


@pytest.mark.parametrize(
    ("content_type", "chunk"),
    [("application/octet-stream", b"x" * MIB), ("text/plain", b"x" * MIB)],
)
def test_a_stream_of_10_gb_is_bounded(make_recorder, content_type, chunk):
    """10 GiB pass by: hardly anything is held, and the size is told truly."""
    recorder = make_recorder(max_body_bytes=64 * 1024)
    message = body(chunk, more=True)

    async def app(scope, receive, send):
        await send(start(content_type=content_type))
        for _ in range(10 * GIB // len(chunk)):
            await send(message)
        await send(body())

    with Traced() as traced:
        asyncio.run(DashcamMiddleware(app, recorder=recorder)(http_scope(), None, ignore))
    seen = only(recorder)
    assert seen.response_body_bytes == 10 * GIB
    assert traced.peak < 2 * MIB
    assert len(seen.response_timeline) == 256
    assert recorder.budget.taken == 0


def test_an_upload_of_10_gb_is_bounded(make_recorder):
    """The same for a request's body that the app reads chunk by chunk."""
    recorder = make_recorder(max_body_bytes=64 * 1024)
    left = 10 * GIB // MIB
    chunk = b"x" * MIB

    async def receive():
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": chunk, "more_body": left > 0}

    async def app(scope, receive, send):
        while (await receive())["more_body"]:
            pass
        await send(start(204))

    scope = http_scope("POST", headers=[("content-type", b"text/plain")])
    with Traced() as traced:
        asyncio.run(DashcamMiddleware(app, recorder=recorder)(scope, receive, ignore))
    assert only(recorder).request_body_bytes == 10 * GIB
    assert traced.peak < 2 * MIB


def test_endless_sse_is_bounded_and_each_event_costs_the_same(make_recorder):
    """100,000 events: head and tail are kept, memory stays, and the last events cost what the first did."""
    recorder = make_recorder(max_body_bytes=64 * 1024)
    messages = [
        body(b'data: {"n": "%06d", "text": "some words"}\n\n' % n, more=True) for n in range(1000)
    ]
    spent_s = []

    async def app(scope, receive, send):
        await send(start(content_type="text/event-stream"))
        for _ in range(100):
            began = time.process_time()
            for message in messages:
                await send(message)
            spent_s.append(time.process_time() - began)
        await send(body(b"data: [DONE]\n\n"))

    with Traced() as traced:
        asyncio.run(DashcamMiddleware(app, recorder=recorder)(http_scope(), None, ignore))
    seen = only(recorder)
    assert traced.peak < MIB
    assert seen.response_body.startswith('data: {"n": "000000"')
    assert seen.response_body.endswith("data: [DONE]\n\n")
    assert len(seen.response_body) <= 65 * 1024
    # The first thousand fill the head; of the others the quickest count, since this machine is shared.
    assert min(spent_s[-20:]) < 5 * min(spent_s[:20])


def test_5000_requests_at_once_with_bodies_of_1_mb(make_recorder):
    """5,000 in flight, each with a body of 1 MB of its own: all bodies together take no more than capture_bytes."""
    recorder = make_recorder(capture_bytes=8 * MIB)
    count, kib = 5000, b"r" * (64 << 10)

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        gate, reached = scope["gate"]
        reached.release()
        await gate.wait()
        await send(start(content_type="text/plain"))
        for _ in range(3):
            await send(body(b"s" * 1000, more=True))
        await send(body())

    def receiving():
        left = 16

        async def receive():
            nonlocal left
            left -= 1
            # A new object each time, as a server's: what is not kept is gone at once.
            return {"type": "http.request", "body": bytes(bytearray(kib)), "more_body": left > 0}

        return receive

    async def serve(middleware):
        gate, reached = asyncio.Event(), asyncio.Semaphore(0)
        scopes = [
            http_scope("POST", headers=[("content-type", b"text/plain")], gate=(gate, reached))
            for _ in range(count)
        ]
        tracemalloc.start()
        tasks = [asyncio.create_task(middleware(scope, receiving(), ignore)) for scope in scopes]
        for _ in tasks:
            await reached.acquire()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        if middleware is not app:
            assert recorder.budget.taken <= 8 * MIB
        gate.set()
        await asyncio.gather(*tasks)
        return held

    bare = asyncio.run(serve(app))
    watched = asyncio.run(serve(DashcamMiddleware(app, recorder=recorder)))
    # What is held besides the bodies is what each request is known by: some 3 KB.
    assert watched - bare < 8 * MIB + count * 6_000
    assert recorder.budget.taken == 0
    seen = recorder.exchanges()
    assert len(seen) == count
    assert all(each.request_body_bytes == MIB for each in seen)
    assert sum(len(each.request_body or "") for each in seen) <= 8 * MIB
    assert all(each.request_body_truncated for each in seen)


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_bomb_costs_little_memory_and_no_time(encoding):
    """100 MB of zeros in a small body: decoding stops at the bound, so the event loop isn't held up."""
    bomb = COMPRESSORS[encoding](b'"' + b"0" * 100_000_000)
    redactor = Redactor(Settings(environ={}))
    took_s = []
    for _ in range(3):
        exchange = Exchange(
            request_headers=[
                (b"content-type", b"application/json"),
                (b"content-encoding", encoding.encode()),
            ],
            request_body=bomb,
        )
        began = time.perf_counter()
        with Traced() as traced:
            redactor.redact(exchange)
        took_s.append(time.perf_counter() - began)
    assert traced.peak < 8 * MIB
    assert min(took_s) < 0.1
    assert len(exchange.request_body or "") <= 256 * 1024
