"""What a record says of LLM calls, and what `before_record` makes of it."""

import json

import pytest
from tests.drive import body_messages, drive, http_scope
from tests.unit.test_capture_asgi import app_that_sends, body, only, read_all, start

from dashcam import annotate

OPENAI = {"model": "m-1", "usage": {"prompt_tokens": 11, "completion_tokens": 7}, "choices": []}
RESPONSES = {"model": "m-1", "usage": {"input_tokens": 11, "output_tokens": 7}}
OPENAI_STREAM = [
    {"model": "m-1", "choices": [{"delta": {"content": "a"}}]},
    {"model": "m-1", "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}},
]
ANTHROPIC_STREAM = [
    {
        "type": "message_start",
        "message": {"model": "m-1", "usage": {"input_tokens": 11, "output_tokens": 1}},
    },
    {"type": "content_block_delta", "delta": {"text": "a"}},
    {"type": "message_delta", "usage": {"output_tokens": 7}},
]
RESPONSES_STREAM = [
    {"type": "response.created", "response": {"model": "m-1"}},
    {"type": "response.completed", "response": RESPONSES},
]
JSON = {"content-type": b"application/json"}
FORM = {"content-type": b"application/x-www-form-urlencoded"}


def post(recorder, sent, *, path="/", headers=JSON):
    return drive(
        echo,
        recorder=recorder,
        scope=http_scope("POST", path, headers=list(headers.items())),
        incoming=body_messages(sent),
    )


def answer(events, *, streamed):
    if not streamed:
        return app_that_sends(
            start(content_type="application/json"), body(json.dumps(events).encode())
        )
    chunks = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    return app_that_sends(
        start(content_type="text/event-stream"),
        *(body(chunk, more=True) for chunk in [*chunks, b"data: [DONE]\n\n"]),
        body(),
    )


@pytest.mark.parametrize(
    ("path", "events", "streamed"),
    [
        ("/v1/chat/completions", OPENAI, False),
        ("/v1/completions", OPENAI, False),
        ("/v1/responses", RESPONSES, False),
        ("/v1/messages", RESPONSES, False),
        ("/v1/chat/completions", OPENAI_STREAM, True),
        ("/v1/messages", ANTHROPIC_STREAM, True),
        ("/v1/responses", RESPONSES_STREAM, True),
    ],
)
def test_model_and_token_use_of_an_llm_call(recorder, path, events, streamed):
    """Read from the answer, whole or streamed, on the paths of llm_paths."""
    drive(answer(events, streamed=streamed), recorder=recorder, scope=http_scope("POST", path))
    seen = only(recorder)
    assert (seen.model, seen.input_tokens, seen.output_tokens) == ("m-1", 11, 7)


def test_token_use_in_the_last_event_of_a_long_stream(make_recorder):
    """The stream is longer than max_body_bytes: the use is in its tail, which is kept."""
    recorder = make_recorder(max_body_bytes=4000)
    events = [OPENAI_STREAM[0]] * 500 + [OPENAI_STREAM[1]]
    drive(
        answer(events, streamed=True),
        recorder=recorder,
        scope=http_scope("POST", "/v1/chat/completions"),
    )
    seen = only(recorder)
    assert seen.response_body_truncated
    assert (seen.model, seen.input_tokens, seen.output_tokens) == ("m-1", 11, 7)


def test_elsewhere_nothing_is_read_and_what_is_annotated_wins(make_recorder):
    """Other paths have no model; llm_paths can be others; annotate() is never overridden."""
    recorder = make_recorder(llm_paths=["/mine/*"])
    for path in ("/v1/chat/completions", "/mine/1"):
        drive(answer(OPENAI, streamed=False), recorder=recorder, scope=http_scope("POST", path))

    async def says(scope, receive, send):
        annotate(model="said", cost=0.5)
        await answer(OPENAI, streamed=False)(scope, receive, send)

    drive(says, recorder=recorder, scope=http_scope("POST", "/mine/2"))
    assert [(seen.model, seen.input_tokens, seen.cost) for seen in recorder.exchanges()] == [
        (None, None, None),
        ("m-1", 11, None),
        ("said", 11, 0.5),
    ]


async def echo(scope, receive, send):
    given = await read_all(receive)
    await send(start(content_type="application/json"))
    await send(body(given))


def test_before_record_changes_and_drops(make_recorder):
    """It sees what is redacted already; what it returns is kept, None is no record."""
    saw = []

    def before_record(exchange):
        saw.append(exchange.request_body)
        if exchange.path == "/drop":
            return None
        exchange.tags["seen"] = True
        return exchange

    recorder = make_recorder(before_record=before_record)
    for path in ("/keep", "/drop"):
        server = post(recorder, b'{"password": "hunter2"}', path=path)
        assert server.sent[1]["body"] == b'{"password": "hunter2"}'
    assert saw == ['{"password": "[redacted]"}'] * 2
    seen = only(recorder)
    assert (seen.path, seen.tags) == ("/keep", {"seen": True})
    assert recorder.statistics().accepted == 1


def test_what_before_record_returns_is_redacted_again(make_recorder):
    """A secret that it puts back, wherever, doesn't reach the journal."""

    def before_record(exchange):
        exchange.request_body = '{"token": "hunter2"}'
        exchange.query = "api_key=hunter2"
        exchange.request_headers += [["authorization", "hunter2"], ["x", "1"]]
        exchange.tags = {"password": "hunter2"}
        exchange.error_message = "Bearer hunter2hunter2"
        return exchange

    recorder = make_recorder(before_record=before_record)
    post(recorder, b"{}")
    seen = only(recorder)
    assert "hunter2" not in repr(seen)
    assert seen.request_body == '{"token": "[redacted]"}'
    assert [pair[0] for pair in seen.request_headers] == ["content-type", "x"]


@pytest.mark.parametrize(
    ("headers", "received", "put", "kept"),
    [
        (JSON, b"{}", '{"token": "hunter2"}', '{"token": "[redacted]"}'),
        (FORM, b"a=1", "a=2&password=hunter2", "a=2&password=[redacted]"),
        ({}, b"a", "Bearer hunter2hunter2hunter2", "Bearer [redacted]"),
    ],
    ids=["json", "form", "none"],
)
def test_a_body_without_its_content_type_is_redacted_again(
    make_recorder, headers, received, put, kept
):
    """before_record takes the content type away: the body is still judged by it; by none as text."""

    def before_record(exchange):
        exchange.request_headers = []
        exchange.request_body, exchange.request_body_encoding = put, "utf-8"
        return exchange

    recorder = make_recorder(before_record=before_record)
    post(recorder, received, headers=headers)
    assert only(recorder).request_body == kept


@pytest.mark.parametrize("returned", ["text", 7, {}], ids=repr)
def test_what_is_no_exchange_keeps_a_summary(make_recorder, returned):
    """before_record returns something else: counted, and nothing but what identifies it is kept."""
    recorder = make_recorder(before_record=lambda exchange: returned)
    post(recorder, b'{"a": 1}')
    seen = only(recorder)
    assert (seen.request_body, seen.request_headers, seen.response_body_bytes) == (None, [], 8)
    assert recorder.statistics().capture_errors == 1
