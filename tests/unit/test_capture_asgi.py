"""What the ASGI middleware sees, and that nobody notices it."""

import asyncio
import contextvars
import itertools

import pytest
from tests.drive import Server, body_messages, drive, http_scope

from dashcam import DashcamMiddleware, Identity, annotate

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain")],
}


def start(status=200, **headers):
    pairs = [
        (name.replace("_", "-").encode(), str(value).encode()) for name, value in headers.items()
    ]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def body(chunk=b"", *, more=False):
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def app_that_sends(*messages, read=True):
    async def app(scope, receive, send):
        if read:
            await read_all(receive)
        for message in messages:
            await send(message)

    return app


async def read_all(receive):
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def only(recorder):
    (exchange,) = recorder.exchanges()
    return exchange


# --- what is recorded -------------------------------------------------------------------


def test_a_scope_and_a_start_without_headers(recorder):
    """Both may be left out; the exchange is recorded all the same, and the scope stays as it is."""
    scope = http_scope()
    del scope["headers"]
    app = app_that_sends({"type": "http.response.start", "status": 200}, body(b"hi"))
    drive(app, recorder=recorder, scope=scope)
    exchange = only(recorder)
    assert (exchange.request_headers, exchange.response_headers) == ([], [])
    assert exchange.response_body_bytes == 2
    assert "headers" not in scope
    assert recorder.statistics().capture_errors == 0


def test_a_non_streaming_exchange_is_recorded_whole(recorder):
    """Method, path, query, headers in order with duplicates, status, bodies, sizes and times."""
    headers = [
        (b"host", b"example.test:8000"),
        (b"content-type", b"application/json"),
        (b"x-twice", b"1"),
        (b"x-twice", b"2"),
        (b"user-agent", b"probe/1.0"),
        (b"x-request-id", b"req-7"),
    ]
    scope = http_scope("POST", "/v1/echo", headers=headers, query_string=b"a=1&b=%20x")
    app = app_that_sends(start(201, content_type="application/json"), body(b'{"ok":true}'))

    drive(app, recorder=recorder, scope=scope, incoming=body_messages(b'{"n":', b"1}"))

    seen = only(recorder)
    assert seen.outcome == "completed"
    assert (seen.method, seen.scheme, seen.path, seen.query) == (
        "POST",
        "http",
        "/v1/echo",
        "a=1&b=%20x",
    )
    assert seen.host == "example.test:8000"
    assert seen.http_version == "1.1"
    assert seen.status_code == 201
    assert seen.client_ip == "127.0.0.9"
    assert seen.user_agent == "probe/1.0"
    assert seen.request_id == "req-7"
    assert [list(pair) for pair in seen.request_headers] == [
        [n.decode(), v.decode()] for n, v in headers
    ]
    assert [list(pair) for pair in seen.response_headers] == [["content-type", "application/json"]]
    assert (seen.request_body, seen.request_body_bytes) == ('{"n":1}', 7)
    assert (seen.response_body, seen.response_body_bytes) == ('{"ok":true}', 11)
    assert seen.request_body_encoding == seen.response_body_encoding == "utf-8"
    assert not seen.request_body_truncated
    assert not seen.response_body_truncated
    assert seen.response_chunks == 1
    assert seen.response_timeline is None
    assert 0 <= seen.ttfb_ms <= seen.duration_ms
    assert seen.server
    assert seen.process_id


def test_a_streaming_exchange_is_recorded_whole(recorder):
    """All chunks of a stream are one body, with their times and sizes."""
    chunks = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"]
    app = app_that_sends(
        start(content_type="text/event-stream"),
        *(body(chunk, more=True) for chunk in chunks),
        body(),
    )

    drive(app, recorder=recorder)

    seen = only(recorder)
    assert seen.response_body == b"".join(chunks).decode()
    assert seen.response_body_bytes == len(b"".join(chunks))
    assert seen.response_chunks == 4
    assert [size for _, size in seen.response_timeline] == [len(chunk) for chunk in chunks] + [0]
    offsets = [offset for offset, _ in seen.response_timeline]
    assert offsets == sorted(offsets)


def test_a_body_is_bounded_and_says_so(make_recorder):
    """A body over max_body_bytes is cut; its true size and the flag tell."""
    recorder = make_recorder(max_body_bytes=10)
    app = app_that_sends(START, body(b"x" * 25, more=True), body(b"y" * 25))

    drive(
        app,
        recorder=recorder,
        scope=http_scope("POST", headers=[("content-type", b"text/plain")]),
        incoming=body_messages(b"r" * 30),
    )

    seen = only(recorder)
    assert (seen.response_body, seen.response_body_bytes, seen.response_body_truncated) == (
        "x" * 10,
        50,
        True,
    )
    assert (seen.request_body, seen.request_body_bytes, seen.request_body_truncated) == (
        "r" * 10,
        30,
        True,
    )


def test_max_body_bytes_0_keeps_no_bodies(make_recorder):
    """With max_body_bytes=0 only sizes are kept."""
    recorder = make_recorder(max_body_bytes=0)
    drive(app_that_sends(START, body(b"x" * 25)), recorder=recorder)
    seen = only(recorder)
    assert (seen.response_body, seen.response_body_bytes) == (None, 25)


def test_an_unread_request_body_has_its_declared_size(recorder):
    """An app that doesn't read the body: the size is the client's own word, marked as cut."""
    scope = http_scope("POST", headers=[("content-length", b"99"), ("content-type", b"text/plain")])
    drive(app_that_sends(START, body(b"no"), read=False), recorder=recorder, scope=scope)
    seen = only(recorder)
    assert (seen.request_body, seen.request_body_bytes, seen.request_body_truncated) == (
        None,
        99,
        True,
    )


@pytest.mark.parametrize(
    ("value", "trace_id", "span_id"),
    [
        (
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0af7651916cd43dd8448eb211c80319c",
            "b7ad6b7169203331",
        ),
        (b"00-00000000000000000000000000000000-b7ad6b7169203331-01", None, None),
        (b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", None, None),
        (b"garbage", None, None),
        (b"\xff\xfe", None, None),
    ],
)
def test_traceparent_gives_trace_span_and_request_id(recorder, value, trace_id, span_id):
    """A valid traceparent gives trace and span id, and the request id when there is none."""
    drive(
        app_that_sends(START, body(b"x")),
        recorder=recorder,
        scope=http_scope(headers=[("traceparent", value)]),
    )
    seen = only(recorder)
    assert (seen.trace_id, seen.span_id) == (trace_id, span_id)
    assert seen.request_id == (trace_id or seen.id)


# --- when it is recorded ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "messages", "completing"),
    [
        ("GET", [START, body(b"abc")], 1),
        ("GET", [START, body(b"abc", more=True), body(b"d", more=True), body()], 3),
        (
            "GET",
            [start(content_length=4), body(b"ab", more=True), body(b"cd", more=True), body()],
            2,
        ),
        ("GET", [start(content_length=0), body()], 0),
        ("HEAD", [start(content_length=4), body()], 0),
        ("GET", [start(204), body()], 0),
        ("GET", [start(304), body()], 0),
        ("GET", [start(content_length=9), {"type": "http.response.pathsend", "path": "/x"}], 1),
        (
            "GET",
            [
                START,
                body(b"a", more=True),
                body(b"b"),
                {"type": "http.response.trailers", "headers": []},
            ],
            2,
        ),
        ("GET", [{"type": "http.response.early_hint", "links": []}, START, body(b"a")], 2),
        ("GET", [{"type": "http.response.debug", "info": {}}, START, body(b"a")], 2),
        ("GET", [START, {"type": "http.response.zerocopysend", "file": 3, "count": 7}], 1),
        ("GET", [{"type": "x.unknown", "x": object()}, START, body(b"a")], 2),
    ],
)
def test_the_record_is_there_before_the_message_that_completes_the_response(
    recorder, method, messages, completing
):
    """Earlier messages pass first; the completing one passes after the append. All untouched."""
    server = drive(app_that_sends(*messages), recorder=recorder, scope=http_scope(method))
    assert server.raised is None
    assert [id(message) for message in server.sent] == [id(message) for message in messages]
    assert server.records_at_send == [int(number >= completing) for number in range(len(messages))]
    assert only(recorder).outcome == "completed"


def test_sizes_of_what_the_server_sends_from_files(recorder):
    """pathsend and zero-copy bodies aren't seen, but measured."""
    drive(
        app_that_sends(start(content_length=9), {"type": "http.response.pathsend", "path": "/x"}),
        recorder=recorder,
    )
    assert only(recorder).response_body_bytes == 9


def test_a_background_task_doesnt_delay_the_record(recorder):
    """The record is complete at the last body byte, while the app still runs."""
    seen_by_app = []

    async def app(scope, receive, send):
        await send(START)
        await send(body(b"x"))
        seen_by_app.extend(recorder.exchanges())

    drive(app, recorder=recorder)
    assert [seen.response_body for seen in seen_by_app] == ["x"]
    assert only(recorder).revision == 1


# --- how it ended ---------------------------------------------------------------------------


def raising(error, *messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        raise error

    return app


ERRORS = [
    ValueError("bad"),
    asyncio.CancelledError(),
    ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
    BaseException("base"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("messages", "status", "revisions"),
    [
        ([], 500, [1]),
        ([START], 200, [1]),
        ([START, body(b"x", more=True)], 200, [1]),
        ([START, body(b"x")], 200, [1, 2]),
    ],
    ids=["before start", "after start", "in the body", "after the body"],
)
def test_what_the_app_raises_is_raised_and_recorded(recorder, error, messages, status, revisions):
    """The same object leaves; the record is `failed`, amended when it was made already."""
    server = drive(raising(error, *messages), recorder=recorder)
    assert server.raised is error
    assert [seen.revision for seen in recorder.lines()] == revisions
    seen = only(recorder)
    assert seen.outcome == "failed"
    assert seen.status_code == status
    assert seen.error_type in (
        type(error).__name__,
        f"{type(error).__module__}.{type(error).__name__}",
    )
    assert type(error).__name__ in seen.error_traceback


def test_the_exceptions_context_is_its_own(recorder):
    """dashcam adds neither cause nor context to the app's exception."""
    error = ValueError("bad")
    server = drive(raising(error), recorder=recorder)
    assert server.raised.__context__ is None
    assert server.raised.__cause__ is None


@pytest.mark.parametrize(
    ("messages", "status"), [([], 500), ([START], 200), ([START, body(b"x", more=True)], 200)]
)
def test_an_app_that_returns_too_early_has_failed(recorder, messages, status):
    """No start, or no last body message: `failed`, with a message and no exception."""
    server = drive(app_that_sends(*messages), recorder=recorder)
    assert server.raised is None
    seen = only(recorder)
    assert (seen.outcome, seen.status_code, seen.error_type) == ("failed", status, None)
    assert "without" in seen.error_message


def test_a_client_that_leaves_during_the_request_body(recorder):
    """Disconnect before the body is read: `disconnected`, no status, what was read is kept."""
    incoming = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def app(scope, receive, send):
        assert await read_all(receive) is None

    scope = http_scope("POST", headers=[("content-type", b"text/plain"), ("content-length", b"8")])
    drive(app, recorder=recorder, scope=scope, incoming=incoming)
    seen = only(recorder)
    assert (seen.outcome, seen.status_code) == ("disconnected", None)
    assert (seen.request_body, seen.request_body_bytes, seen.request_body_truncated) == (
        "half",
        8,
        True,
    )


def stream_until_disconnect(chunks, content_type="text/plain"):
    async def app(scope, receive, send):
        await receive()
        await send(start(content_type=content_type))
        for chunk in chunks:
            await send(body(chunk, more=True))
        assert (await receive())["type"] == "http.disconnect"

    return app


def test_a_stream_that_the_client_leaves_is_recorded_as_far_as_it_went(recorder):
    """Disconnect in the middle of a stream: `disconnected`, with what was sent."""
    incoming = [*body_messages(), {"type": "http.disconnect"}]
    drive(stream_until_disconnect([b"one", b"two"]), recorder=recorder, incoming=incoming)
    seen = only(recorder)
    assert (seen.outcome, seen.status_code, seen.response_body) == ("disconnected", 200, "onetwo")


@pytest.mark.parametrize(
    "final", [b"data: [DONE]\n\n", b'event: message_stop\ndata: {"type":"message_stop"}\n\n']
)
def test_an_sse_client_that_leaves_after_the_final_event_has_had_it_all(recorder, final):
    """Leaving after the stream's closing event counts as completed."""
    incoming = [*body_messages(), {"type": "http.disconnect"}]
    app = stream_until_disconnect([b"data: 1\n\n", final], "text/event-stream")
    drive(app, recorder=recorder, incoming=incoming)
    assert only(recorder).outcome == "completed"


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("wrapped", [False, True], ids=["as it is", "as the framework's own"])
def test_a_send_that_raises_is_recorded_and_reraised(recorder, at, wrapped):
    """OSError out of send is the client's leaving, also when a framework raises its own for it."""

    class ClientDisconnect(Exception):
        pass

    async def app(scope, receive, send):
        try:
            for message in (START, body(b"x", more=True), body(b"y")):
                await send(message)
        except OSError as error:
            if wrapped:
                raise ClientDisconnect from error
            raise

    error = ConnectionResetError("gone")
    server = drive(app, recorder=recorder, send_raises={at: error})
    assert server.raised is error or (wrapped and server.raised.__cause__ is error)
    assert only(recorder).outcome == "disconnected"
    assert len(server.sent) == at + 1


def test_an_apps_own_mistake_in_send_is_its_failure(recorder):
    """A RuntimeError out of send (a protocol mistake of the app) is `failed`."""
    error = RuntimeError("Response content longer than Content-Length")
    server = drive(app_that_sends(START, body(b"x")), recorder=recorder, send_raises={1: error})
    assert server.raised is error
    assert only(recorder).outcome == "failed"


def test_an_annotated_outcome_wins_over_a_failure(recorder):
    """Outcome precedence: annotated, failed, disconnected, completed."""

    async def app(scope, receive, send):
        annotate(outcome="quota_exceeded")
        raise ValueError("over")

    drive(app, recorder=recorder)
    assert only(recorder).outcome == "quota_exceeded"


# --- nobody notices ---------------------------------------------------------------------------


def test_nothing_is_read_ahead(recorder):
    """An app that doesn't read its body: no message is taken from the server for it."""
    server = drive(
        app_that_sends(START, body(b"x"), read=False),
        recorder=recorder,
        incoming=body_messages(b"a", b"b"),
    )
    assert server.given == []


def test_a_body_read_late_or_twice(recorder):
    """Reading after the response has begun, and once more, gives what the server gives."""

    async def app(scope, receive, send):
        await send(START)
        assert await read_all(receive) == b"ab"
        await send(body(b"x"))
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()

    server = drive(app, recorder=recorder, incoming=body_messages(b"a", b"b"))
    assert server.raised is None
    assert only(recorder).request_body_bytes == 2


def test_messages_are_the_same_objects_for_the_app(recorder):
    """receive gives the app the server's own message objects."""
    incoming = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "x.unknown"},
        {"type": "http.request"},
    ]
    got = []

    async def app(scope, receive, send):
        got.extend([await receive() for _ in range(3)])
        await send(START)
        await send(body(b"x"))

    drive(app, recorder=recorder, incoming=list(incoming))
    assert [id(message) for message in got] == [id(message) for message in incoming]


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_buffer_that_the_app_reuses_is_copied_in_time(recorder, kind):
    """The record holds what was sent, though the buffer changed while the server waited."""
    buffer = bytearray(b"first")

    async def app(scope, receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": kind(buffer), "more_body": True})
        buffer[:] = b"SECND"
        await send({"type": "http.response.body", "body": kind(buffer), "more_body": True})
        buffer[:] = b"third"
        await send(body())

    drive(app, recorder=recorder)
    assert only(recorder).response_body == "firstSECND"


@pytest.mark.parametrize("kind", ["websocket", "lifespan2", "x-custom"])
def test_other_scopes_pass_through(recorder, kind):
    """Websocket and unknown scopes: the very same scope, receive and send; nothing recorded."""
    passed = []

    async def app(*arguments):
        passed.append(arguments)

    async def main():
        arguments = ({"type": kind}, object(), object())
        await DashcamMiddleware(app, recorder=recorder)(*arguments)
        assert [id(each) for each in passed[0]] == [id(each) for each in arguments]

    asyncio.run(main())
    assert recorder.exchanges() == []


def test_context_variables_stay_in_task_and_context(recorder):
    """The app runs in the server's task and context; nothing leaks to the next request."""
    variable = contextvars.ContextVar("variable", default="unset")
    tasks = []

    async def app(scope, receive, send):
        tasks.append(asyncio.current_task())
        variable.set("set by the app")
        annotate(user_id="someone", tags={"a": 1})
        await send(START)
        await send(body(b"x"))

    async def quiet(scope, receive, send):
        await send(START)
        await send(body(b"y"))

    async def main():
        server = Server(recorder, body_messages())
        await DashcamMiddleware(app, recorder=recorder)(http_scope(), server.receive, server.send)
        assert tasks == [asyncio.current_task()]
        assert variable.get() == "set by the app"
        annotate(user_id="nobody: no request is being served")
        await DashcamMiddleware(quiet, recorder=recorder)(http_scope(), server.receive, server.send)

    asyncio.run(main())
    first, second = recorder.exchanges()
    assert (first.user_id, first.tags) == ("someone", {"a": 1})
    assert (second.user_id, second.tags) == (None, {})


def test_back_pressure_reaches_the_app(recorder):
    """The app's send returns when the server's does, not before."""
    order = []

    async def slow_send(message):
        order.append("server begins")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        order.append("server ends")

    async def app(scope, receive, send):
        for message in (START, body(b"x", more=True), body(b"y")):
            await send(message)
            order.append("app goes on")

    async def main():
        server = Server(recorder, [])
        await DashcamMiddleware(app, recorder=recorder)(http_scope(), server.receive, slow_send)

    asyncio.run(main())
    assert order == ["server begins", "server ends", "app goes on"] * 3


@pytest.mark.parametrize(
    "broken",
    [
        "record",
        "redactor.redact",
        "encode_line",
        "journal.append",
        "journal.begin",
        "journal.end",
        "identify",
        "before_record",
    ],
)
def test_dashcams_own_failure_changes_no_answer(make_recorder, monkeypatch, broken, caplog):
    """Whatever of dashcam raises, the client gets the same messages and the app no exception."""
    calls = itertools.count()

    def fail(*arguments, **keywords):
        next(calls)
        raise RuntimeError("broken on purpose")

    recorder = make_recorder(**({broken: fail} if broken in ("identify", "before_record") else {}))
    recorder.start()
    if broken == "encode_line":
        monkeypatch.setattr("dashcam.recorder.encode_line", fail)
    elif broken not in ("identify", "before_record"):
        owner, _, name = broken.rpartition(".")
        monkeypatch.setattr(getattr(recorder, owner) if owner else recorder, name, fail)
    messages = [START, body(b"a", more=True), body(b"b")]
    server = drive(app_that_sends(*messages), recorder=recorder)
    assert next(calls) > 0
    assert server.raised is None
    assert [id(message) for message in server.sent] == [id(message) for message in messages]
    assert recorder.statistics().capture_errors > 0
    assert "broken on purpose" not in caplog.text


def test_a_before_record_that_raises_keeps_only_a_summary(make_recorder):
    """It may have been meant to remove secrets: headers and bodies aren't kept then."""

    def before_record(exchange):
        raise KeyError("oops")

    recorder = make_recorder(before_record=before_record)
    drive(app_that_sends(START, body(b"private")), recorder=recorder)
    seen = only(recorder)
    assert (seen.response_body, seen.response_headers, seen.response_body_bytes) == (None, [], 7)


# --- owners, words, choices -----------------------------------------------------------------


def test_owner_from_state(recorder):
    """user_id and api_key_id are read from scope["state"], where auth middlewares put them."""

    async def app(scope, receive, send):
        scope["state"]["user_id"] = 42
        scope["state"]["api_key_id"] = "k_1"
        await send(START)
        await send(body(b"x"))

    drive(app, recorder=recorder)
    seen = only(recorder)
    assert (seen.user_id, seen.api_key_id) == ("42", "k_1")


def test_owner_from_user(recorder):
    """Else from scope["user"], as Starlette's AuthenticationMiddleware leaves it."""
    from starlette.authentication import SimpleUser, UnauthenticatedUser

    for user in (SimpleUser("example-user-1"), UnauthenticatedUser()):

        async def app(scope, receive, send, user=user):
            scope["user"] = user
            await send(START)
            await send(body(b"x"))

        drive(app, recorder=recorder)
    assert [seen.user_id for seen in recorder.exchanges()] == ["example-user-1", None]


async def identify_later(scope):
    await asyncio.sleep(0)
    return Identity(user_id=scope["path"])


@pytest.mark.parametrize(
    "identify", [lambda scope: Identity(user_id=scope["path"]), identify_later]
)
@pytest.mark.parametrize("fails", [False, True])
def test_owner_from_identify(make_recorder, identify, fails):
    """The identify callable, sync or async, says who it was; also of a request that failed."""
    recorder = make_recorder(identify=identify)
    app = raising(ValueError()) if fails else app_that_sends(START, body(b"x"))
    drive(app, recorder=recorder, scope=http_scope(path="/u"))
    assert only(recorder).user_id == "/u"


def test_annotate_wins_and_adds(make_recorder):
    """annotate() overrides the other sources; tags add up."""
    recorder = make_recorder(identify=lambda scope: Identity(user_id="identified"))

    async def app(scope, receive, send):
        annotate(user_id="annotated", tags={"a": 1})
        annotate(tags={"b": [2]}, model="m", input_tokens=3, output_tokens=4, cost=0.5)
        await send(START)
        await send(body(b"x"))

    drive(app, recorder=recorder)
    seen = only(recorder)
    assert (seen.user_id, seen.tags) == ("annotated", {"a": 1, "b": [2]})
    assert (seen.model, seen.input_tokens, seen.output_tokens, seen.cost) == ("m", 3, 4, 0.5)


def test_annotate_after_the_response_amends_the_record(recorder):
    """Said in a background task: the same record again, with revision 2."""

    async def app(scope, receive, send):
        await send(START)
        await send(body(b"x"))
        annotate(tags={"later": True})

    drive(app, recorder=recorder)
    assert [(seen.revision, seen.tags) for seen in recorder.lines()] == [
        (1, {}),
        (2, {"later": True}),
    ]
    assert recorder.statistics().accepted == 1


@pytest.mark.parametrize("keep", ["all", "summary", "nothing"])
def test_annotate_keep(recorder, keep):
    """keep: all; summary (no headers, no bodies, no query, sizes stay); nothing (no record)."""

    async def app(scope, receive, send):
        annotate(keep=keep)
        await send(START)
        await send(body(b"xyz"))

    drive(app, recorder=recorder, scope=http_scope(query_string=b"q=1"))
    seen = recorder.exchanges()
    if keep == "nothing":
        assert seen == []
    else:
        expected = ("xyz", "q=1", 3) if keep == "all" else (None, None, 3)
        assert [(each.response_body, each.query, each.response_body_bytes) for each in seen] == [
            expected
        ]
        assert all(bool(each.response_headers) == (keep == "all") for each in seen)


@pytest.mark.parametrize("bad", [{"outcome": "nice"}, {"keep": "some"}])
def test_annotate_names_a_bad_value(bad):
    """A value that isn't allowed is a ValueError that names it."""
    with pytest.raises(ValueError, match=f"got '{next(iter(bad.values()))}'"):
        annotate(**bad)


def test_sampling_keeps_errors_and_refusals(make_recorder):
    """sample_rate=0 leaves out what went well, and nothing else."""
    recorder = make_recorder(sample_rate=0.0)

    async def refused(scope, receive, send):
        annotate(outcome="quota_exceeded")
        await send(start(200))
        await send(body(b"x"))

    drive(app_that_sends(START, body(b"x")), recorder=recorder)
    drive(app_that_sends(start(429), body(b"x")), recorder=recorder)
    drive(app_that_sends(start(500), body(b"x")), recorder=recorder)
    drive(raising(ValueError(), START, body(b"x")), recorder=recorder)
    drive(refused, recorder=recorder)
    assert [seen.outcome for seen in recorder.exchanges()] == [
        "completed",
        "completed",
        "failed",
        "quota_exceeded",
    ]
    assert recorder.statistics().accepted == 4


@pytest.mark.parametrize(
    ("settings", "recorded"),
    [
        ({}, ["/a/1", "/b", "/health"]),
        ({"exclude_paths": ["/health", "/a/*"]}, ["/b"]),
        ({"include_paths": ["/a/*"]}, ["/a/1"]),
    ],
)
def test_paths_can_be_chosen(make_recorder, settings, recorded):
    """include_paths and exclude_paths are globs over the path."""
    recorder = make_recorder(**settings)
    for path in ("/a/1", "/b", "/health"):
        drive(app_that_sends(START, body(b"x")), recorder=recorder, scope=http_scope(path=path))
    assert [seen.path for seen in recorder.exchanges()] == recorded


# --- bounds and odd input -----------------------------------------------------------------------


HOSTILE = [
    "\r\nSet-Cookie: x",
    "a\u2028b\u2029c",
    "\u202egnp.exe",
    "nul\x00nul",
    "\x1b[31m",
    "\ud800lone",
    "\U0001f600",
    "'; DROP TABLE request_logs; --",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_stays_one_line_and_comes_back(recorder, text):
    """Any path, header or body text is one line in the journal and reads back (NUL and lone surrogates as U+FFFD)."""
    raw = text.encode("utf-8", "surrogatepass")
    scope = http_scope(path=f"/{text}", headers=[("x-odd", raw), ("content-type", b"text/plain")])
    drive(app_that_sends(START, body(raw)), recorder=recorder, scope=scope)
    seen = only(recorder)
    assert seen.path == "/" + text.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    written = text.replace("\x00", "\ufffd")
    if "\ud800" in text:  # no UTF-8, so it is read as Latin-1
        written = raw.decode("latin-1")
    assert dict(map(tuple, seen.request_headers))["x-odd"] == written
    assert seen.response_body_bytes == len(raw)


def test_10000_headers(recorder):
    """A request with 10,000 headers is recorded with all of them."""
    headers = [(b"x-%d" % number, b"v" * 10) for number in range(10_000)]
    drive(app_that_sends(START, body(b"x")), recorder=recorder, scope=http_scope(headers=headers))
    assert len(only(recorder).request_headers) == 10_000


@pytest.mark.parametrize(
    "path",
    ["//double//slash", "/a/../b", "/%2e%2e/", "http://other.test/absolute", "/" + "x" * 70_000],
)
def test_the_path_is_the_scopes(recorder, path):
    """The path is scope["path"] as it is; a Host header with a path in it changes nothing."""
    scope = http_scope(path=path, headers=[("host", b"evil.test/with/a/path?x=1")])
    drive(app_that_sends(START, body(b"x")), recorder=recorder, scope=scope)
    seen = only(recorder)
    assert (seen.path, seen.host) == (path, "evil.test/with/a/path?x=1")


def test_headers_that_can_be_read_only_once_reach_both(recorder):
    """ASGI allows any iterable for headers: app, server and record all get them."""
    scope = http_scope()
    scope["headers"] = iter([(b"host", b"h"), (b"x-a", b"1")])
    got = []

    async def app(scope, receive, send):
        got.extend(scope["headers"])
        await send(
            {"type": "http.response.start", "status": 200, "headers": iter([(b"x-b", b"2")])}
        )
        await send(body(b"x"))

    server = drive(app, recorder=recorder, scope=scope)
    assert got == [(b"host", b"h"), (b"x-a", b"1")]
    assert list(server.sent[0]["headers"]) == [(b"x-b", b"2")]
    seen = only(recorder)
    assert [list(pair) for pair in seen.response_headers] == [["x-b", "2"]]
