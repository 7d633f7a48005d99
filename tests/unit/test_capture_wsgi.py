"""The WSGI middleware: same bytes, same calls, same exceptions; and a whole record."""

import io
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from dashcam import Identity, annotate
from dashcam.wsgi import DashcamWSGIMiddleware


def environ_of(method="GET", path="/", body=b"", **more):
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.9",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "wsgi.file_wrapper": FileWrapper,
        "SERVER_PROTOCOL": "HTTP/1.1",
        **more,
    }
    setup_testing_defaults(environ)
    return environ


class Server:
    """What a WSGI server sees: each step in order, and how many records were there then."""

    def __init__(self, recorder, *, stop_after=None):
        self.recorder = recorder
        self.steps = []
        self.stop_after = stop_after
        self.raised = None

    def note(self, step):
        self.steps.append((step, len(self.recorder.exchanges())))

    def start_response(self, status, headers, exc_info=None):
        if exc_info and any(step == "sent" for step, _ in self.steps):
            raise exc_info[1].with_traceback(exc_info[2])
        self.status, self.headers = status, headers
        return lambda data: self.note(("write", data))

    def serve(self, app, environ):
        body = None
        try:
            body = app(environ, self.start_response)
            self.body = body
            for number, chunk in enumerate(body):
                self.note(("chunk", chunk))
                if number + 1 == self.stop_after:
                    break
        except BaseException as error:
            self.raised = error
        finally:
            if hasattr(body, "close"):
                body.close()
        return self

    @property
    def chunks(self):
        return [step[1] for step, _ in self.steps]


def serve(app, recorder, *, stop_after=None, **environ):
    return Server(recorder, stop_after=stop_after).serve(
        DashcamWSGIMiddleware(app, recorder=recorder), environ_of(**environ)
    )


def only(recorder):
    (exchange,) = recorder.exchanges()
    return exchange


TEXT = [("Content-Type", "text/plain")]


def test_a_list_goes_to_the_server_as_it_is(recorder):
    """The common answer: the app's own list, recorded whole before the server has it."""
    answer = [b"hello"]

    def app(environ, start_response):
        assert environ["wsgi.input"].read() == b"what was sent"
        start_response(
            "201 Created", [*TEXT, ("Set-Cookie", "a=1"), ("X-Twice", "1"), ("X-Twice", "2")]
        )
        return answer

    server = serve(
        app,
        recorder,
        method="POST",
        path="/a/\u00c3\u00a9",
        body=b"what was sent",
        QUERY_STRING="q=1&token=hidden",
        HTTP_AUTHORIZATION="Bearer hidden",
        HTTP_X_REQUEST_ID="r-1",
        HTTP_USER_AGENT="test",
        CONTENT_TYPE="text/plain",
    )
    assert server.body is answer
    assert server.steps == [(("chunk", b"hello"), 1)]
    row = only(recorder)
    assert (row.method, row.path, row.status_code, row.outcome) == (
        "POST",
        "/a/é",
        201,
        "completed",
    )
    assert (row.request_body, row.request_body_bytes) == ("what was sent", 13)
    assert (row.response_body, row.response_body_bytes, row.response_chunks) == ("hello", 5, 1)
    assert row.query == "q=1&token=[redacted]"
    assert (row.client_ip, row.user_agent, row.request_id) == ("127.0.0.9", "test", "r-1")
    assert "header:authorization" in row.redacted
    assert "response_header:set-cookie" in row.redacted
    assert [pair for pair in row.response_headers if pair[0] == "x-twice"] == [
        ["x-twice", "1"],
        ["x-twice", "2"],
    ]


def test_a_generator_streams(recorder):
    """Chunk by chunk, nothing read ahead; the record is there when the server has the last."""
    made = []

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        for number in range(4):
            made.append(number)
            yield b"%d" % number

    server = Server(recorder)
    body = DashcamWSGIMiddleware(app, recorder=recorder)(environ_of(), server.start_response)
    assert made == []
    assert next(body) == b"0"
    assert made == [0]
    assert list(body) == [b"1", b"2", b"3"]
    row = only(recorder)
    assert (row.response_body, row.response_chunks, row.outcome) == ("0123", 4, "completed")
    assert len(row.response_timeline) == 4
    body.close()


def test_the_chunk_that_reaches_content_length_is_recorded_before(recorder):
    """With Content-Length the record is made before the chunk that completes it."""

    def app(environ, start_response):
        start_response("200 OK", [*TEXT, ("Content-Length", "4")])
        yield b"ab"
        yield b"cd"

    server = serve(app, recorder)
    assert server.steps == [(("chunk", b"ab"), 0), (("chunk", b"cd"), 1)]
    assert only(recorder).response_body == "abcd"


def test_write_and_body_together(recorder):
    """The `write` callable and the iterable are one body."""

    def app(environ, start_response):
        write = start_response("200 OK", TEXT)
        write(b"one ")
        write(b"two ")
        return [b"three"]

    server = serve(app, recorder)
    assert server.chunks == [b"one ", b"two ", b"three"]
    row = only(recorder)
    assert (row.response_body, row.response_chunks) == ("one two three", 3)


def test_file_wrapper_stays_what_it_is(recorder):
    """A server may send a file by itself: it gets the same object."""

    def app(environ, start_response):
        start_response("200 OK", [*TEXT, ("Content-Length", "3")])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"abc"))

    server = serve(app, recorder)
    assert type(server.body) is FileWrapper
    row = only(recorder)
    assert (row.response_body, row.response_body_bytes) == (None, 3)


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("HEAD", "200 OK", [("Content-Length", "100")]),
        ("GET", "204 No Content", []),
        ("GET", "304 Not Modified", []),
    ],
)
@pytest.mark.parametrize("kind", [list, iter])
def test_answers_without_a_body(recorder, method, status, headers, kind):
    """HEAD, 204 and 304 are complete without one."""

    def app(environ, start_response):
        start_response(status, headers)
        return kind([])

    serve(app, recorder, method=method)
    row = only(recorder)
    assert (row.outcome, row.response_body, row.response_body_bytes) == ("completed", None, 0)


def test_exceptions_are_the_same_object(recorder):
    """Raised in the call, or in the middle of the body: passed on, and recorded."""
    error = ValueError("broken, with sk-12345678abcdef")

    def at_once(environ, start_response):
        raise error

    def later(environ, start_response):
        start_response("200 OK", TEXT)
        yield b"half"
        raise error

    assert serve(at_once, recorder).raised is error
    assert serve(later, recorder).raised is error
    first, second = recorder.exchanges()
    assert (first.outcome, first.status_code, first.error_type) == ("failed", 500, "ValueError")
    assert (second.outcome, second.status_code, second.response_body) == ("failed", 200, "half")
    assert "sk-12345678abcdef" not in first.error_message + first.error_traceback


def test_exc_info_and_a_second_start_response(recorder):
    """An error page in place of what was begun: exc_info goes to the server; the last status counts."""
    seen = []

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        try:
            raise KeyError("x")
        except KeyError:
            import sys

            start_response("500 Oops", [*TEXT, ("Content-Length", "4")], sys.exc_info())
        return [b"oops"]

    def outer(environ, start_response):
        def noting(status, headers, exc_info=None):
            seen.append(exc_info and exc_info[0])
            return start_response(status, headers, exc_info)

        return DashcamWSGIMiddleware(app, recorder=recorder)(environ, noting)

    Server(recorder).serve(outer, environ_of())
    assert seen == [None, KeyError]
    assert only(recorder).status_code == 500


def test_close_is_called_once_and_an_early_end_is_a_disconnect(recorder):
    """The server stops asking: the app's close runs, the record says `disconnected`."""
    closed = []

    class Body:
        def __iter__(self):
            yield b"a"
            yield b"b"

        def close(self):
            closed.append(True)
            annotate(tags={"closed": True})

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return Body()

    serve(app, recorder, stop_after=1)
    serve(app, recorder)
    assert closed == [True, True]
    first, second = recorder.exchanges()
    assert (first.outcome, first.response_body) == ("disconnected", "a")
    assert (second.outcome, second.response_body) == ("completed", "ab")
    assert second.tags == {"closed": True}


def test_start_response_when_the_body_is_asked_for(recorder):
    """PEP 3333 allows start_response as late as the first chunk."""

    class Late:
        def __init__(self, start_response):
            self.start_response = start_response

        def __iter__(self):
            self.start_response("200 OK", TEXT)
            yield b"late"

    serve(lambda environ, start_response: Late(start_response), recorder)
    assert (only(recorder).status_code, only(recorder).response_body) == (200, "late")


@pytest.mark.parametrize("how", ["read", "read 2", "readline", "readlines", "iterate", "nothing"])
def test_the_request_body_as_the_app_reads_it(recorder, how):
    """Every way of reading; what isn't read isn't read ahead."""
    sent = b"one\ntwo\nthree"
    stream = io.BytesIO(sent)

    def app(environ, start_response):
        body = environ["wsgi.input"]
        if how == "read":
            body.read()
        elif how == "read 2":
            while body.read(2):
                pass
        elif how == "readline":
            while body.readline():
                pass
        elif how == "readlines":
            body.readlines()
        elif how == "iterate":
            list(body)
        start_response("200 OK", TEXT)
        return [b""]

    environ = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(sent)), "CONTENT_TYPE": "text/plain"}
    serve(app, recorder, method="POST", **environ)
    row = only(recorder)
    assert row.request_body_bytes == len(sent)
    if how == "nothing":
        assert stream.tell() == 0
        assert (row.request_body, row.request_body_truncated) == (None, True)
    else:
        assert (row.request_body, row.request_body_truncated) == (sent.decode(), False)


def test_it_is_a_valid_wsgi_middleware(recorder):
    """wsgiref's validator around and inside finds nothing to say."""

    def app(environ, start_response):
        environ["wsgi.input"].read(5)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a", b"b"])

    wrapped = validator(DashcamWSGIMiddleware(validator(app), recorder=recorder))
    environ = environ_of(method="POST", body=b"hello")
    body = wrapped(environ, lambda status, headers, exc_info=None: lambda data: None)
    assert list(body) == [b"a", b"b"]
    body.close()
    assert only(recorder).response_body == "ab"


def test_who_it_was(make_recorder):
    """REMOTE_USER, `identify` with the environ, and annotate: the last said wins."""

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        if environ["PATH_INFO"] == "/said":
            annotate(user_id="said")
        return [b""]

    plain = make_recorder()
    serve(app, plain, REMOTE_USER="remote")
    assert only(plain).user_id == "remote"
    known = make_recorder(identify=lambda environ: Identity("known", environ["HTTP_X_TEAM"]))
    serve(app, known, path="/said", HTTP_X_TEAM="k")
    serve(app, known, HTTP_X_TEAM="k", REMOTE_USER="remote")
    assert [row.user_id for row in known.exchanges()] == ["said", "known"]
    assert known.exchanges()[1].api_key_id == "k"

    def broken(environ):
        raise RuntimeError

    for bad in (broken, lambda environ: "alice"):
        failing = make_recorder(identify=bad)
        assert serve(app, failing).chunks == [b""]
        assert only(failing).user_id is None
        assert failing.statistics().capture_errors == 1


def test_annotations_dont_leak_to_the_next_request_of_the_thread(recorder):
    """A thread serves one request after the other: the context is reset after each step."""

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        if environ["PATH_INFO"] == "/one":
            annotate(user_id="one")
            yield b"a"
            annotate(tags={"a": 1})
        yield b"b"

    middleware = DashcamWSGIMiddleware(app, recorder=recorder)
    server = Server(recorder)
    first = middleware(environ_of(path="/one"), server.start_response)
    next(first)
    annotate(user_id="outside")
    second = middleware(environ_of(path="/two"), server.start_response)
    assert list(second) == [b"b"]
    assert list(first) == [b"b"]
    by_path = {row.path: row for row in recorder.exchanges()}
    assert (by_path["/one"].user_id, by_path["/one"].tags) == ("one", {"a": 1})
    assert by_path["/two"].user_id is None


def test_dashcams_own_failures_change_nothing(make_recorder):
    """Encode, redact and append raise: the app's answer is the same, and it is counted."""
    recorder = make_recorder()
    recorder.start()

    def app(environ, start_response):
        start_response("200 OK", [*TEXT, ("Content-Length", "2")])
        yield b"a"
        yield b"b"

    def broken(*_args, **_more):
        raise MemoryError

    recorder.record = broken
    assert serve(app, recorder).chunks == [b"a", b"b"]
    assert recorder.statistics().capture_errors >= 1
