"""Model and token use of an LLM call, read from its redacted answer.

Knows the answers of OpenAI's chat completions, completions, responses and embeddings, and of
Anthropic's messages, whole or streamed as server-sent events (the last `usage` of a stream
wins). It never raises, and never overrides what the app has annotated.
"""

from typing import Any

import msgspec

from dashcam.exchange import Exchange

_INPUT = ("prompt_tokens", "input_tokens", "prompt_eval_count")
_OUTPUT = ("completion_tokens", "output_tokens", "eval_count")


class _Usage(msgspec.Struct):
    prompt_tokens: Any = None
    input_tokens: Any = None
    completion_tokens: Any = None
    output_tokens: Any = None


class _Inner(msgspec.Struct):
    model: Any = None
    usage: _Usage | None = None


class _Answer(msgspec.Struct):
    model: Any = None
    usage: _Usage | None = None
    message: Any = None
    response: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_model = msgspec.json.Decoder(_Inner).decode


def read_usage(exchange: Exchange) -> None:
    """Fill in `model`, `input_tokens` and `output_tokens` where the bodies tell them."""
    answer = exchange.response_body
    if not isinstance(answer, str) or exchange.response_body_encoding != "utf-8":
        answer = None
    asked = exchange.request_body if isinstance(exchange.request_body, str) else None
    for name, value in usage_of(asked, answer).items():
        if getattr(exchange, name) is None:
            setattr(exchange, name, value)


def usage_of(asked: str | bytes | None, answer: str | bytes | None) -> dict[str, Any]:
    """Find `model`, `input_tokens` and `output_tokens`, as far as the bodies tell them.

    Args:
        asked: the request's body, which names the model where the answer doesn't.
        answer: the response's body: JSON, or events. Bytes must be whole JSON in UTF-8.
    """
    found: dict[str, Any] = {}
    if isinstance(answer, bytes):
        _read(answer, found)
    elif answer is not None:
        for text in _json_texts(answer):
            _read(text, found)
    if "model" not in found and asked is not None:
        try:
            model = _decode_model(asked).model
        except (msgspec.MsgspecError, UnicodeError):
            model = None
        if isinstance(model, str):
            found["model"] = model[:200]
    return found


def _json_texts(body: str) -> list[str]:
    """Give the texts that may tell: of a stream the first two events, and the last six.

    The first names the model, and the last ones the use; between them there is no news.
    """
    if body.lstrip()[:1] == "{" and "\n{" not in body:
        return [body]
    first: list[str] = []
    at = 0
    while len(first) < 2 and at < len(body):
        stop = body.find("\n", at)
        stop = len(body) if stop < 0 else stop
        _add_event(first, body[at:stop])
        at = stop + 1
    last: list[str] = []
    stop = len(body)
    while len(last) < 6 and stop > at:
        begin = max(body.rfind("\n", at, stop) + 1, at)
        _add_event(last, body[begin:stop])
        stop = begin - 1
    return first + last[::-1]


def _add_event(texts: list[str], line: str) -> None:
    text = line.removeprefix("data:").strip()
    # Only the events that carry what is looked for are decoded.
    if text.startswith("{") and ('"usage"' in text or '"model"' in text or "eval_count" in text):
        texts.append(text)


def _read(text: str | bytes, found: dict[str, Any]) -> None:
    try:
        answer = _decode_answer(text)
        for part in (answer.message, answer.response):
            if isinstance(part, dict):  # Anthropic's message_start, OpenAI's response.completed
                _take(msgspec.convert(part, _Inner), found)
    except (msgspec.MsgspecError, UnicodeError):
        return
    _take(answer, found)


def _take(answer: "_Answer | _Inner", found: dict[str, Any]) -> None:
    if isinstance(answer.model, str):
        found["model"] = answer.model[:200]
    for place in (answer, answer.usage):
        for target, names in (("input_tokens", _INPUT), ("output_tokens", _OUTPUT)):
            for name in names:
                count = getattr(place, name, None)
                if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 1 << 53:
                    found[target] = count
