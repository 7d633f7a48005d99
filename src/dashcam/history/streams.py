"""The answer of an LLM as its reader saw it, put together from the events of its stream.

The page does the same in `web/static/bodies.js`, for the APIs of completions and of messages.
"""

from typing import Any

import msgspec


def assembled(events: str) -> str | None:
    """Join the pieces of text in server-sent events; None where there are none.

    Args:
        events: a body of `text/event-stream`.
    """
    pieces = []
    for line in events.splitlines():
        if not line.startswith("data:"):
            continue
        try:
            piece = _piece(msgspec.json.decode(line[5:].strip()))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            continue  # `[DONE]`, or something else that is no JSON
        if isinstance(piece, str):
            pieces.append(piece)
    return "".join(pieces) if pieces else None


def _piece(event: Any) -> Any:
    """Give the text that an event adds, by the shapes of the APIs that are known."""
    if not isinstance(event, dict):
        return None
    kind, delta = event.get("type"), event.get("delta")
    if kind == "content_block_delta" and isinstance(delta, dict):
        return delta.get("text")
    if kind == "response.output_text.delta":
        return delta
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        return None
    inner = first.get("delta")
    return inner.get("content") if isinstance(inner, dict) else first.get("text")
