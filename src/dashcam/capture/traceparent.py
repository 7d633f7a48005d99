"""The `traceparent` header (W3C Trace Context, level 1)."""

import re

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-..(?:-.*+)?+")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


def parse_traceparent(value: bytes) -> tuple[str | None, str | None]:
    """Read trace id and span id; None for both where the header is malformed."""
    match = _TRACEPARENT.fullmatch(value.strip())
    if match is None:
        return None, None
    trace_id, span_id = match[1].decode(), match[2].decode()
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None, None
    return trace_id, span_id
