"""The short way of the common exchange: from what was observed to its line in one compiled call.

What isn't common (an error, a stream, a body that is cut or isn't plain JSON, a header or key
seen for the first time, tags) goes the long way through Exchange and Redactor, which give the
same line; a test compares the two.
"""

from typing import TYPE_CHECKING

from dashcam.capture.traceparent import parse_traceparent
from dashcam.native import native
from dashcam.usage import usage_of

if TYPE_CHECKING:
    from dashcam.capture.observation import Observation

REFUSED = ("quota_exceeded", "unauthenticated")
"""Outcomes whose record is small: no headers, bodies and query, unless `keep="all"` was said."""

_encode_line = None if native is None else native.encode_line


_NO_USE = (None, None, None)


def quick_line(observed: "Observation", outcome: str) -> bytes | None:
    """Give the line of a finished exchange that nothing went wrong with; None: the long way.

    Args:
        observed: the exchange.
        outcome: of it.
    """
    recorder = observed.recorder
    if _encode_line is None or not recorder.quick or observed.response_chunks > 1:
        return None
    user_id, api_key_id = observed.owner()
    route = observed.route()
    model, input_tokens, output_tokens = _NO_USE
    if recorder.is_llm_path(observed.path):
        found = _usage(observed)
        if found is None:
            return None
        model, input_tokens, output_tokens = found
    said = observed.said
    if said is not None:
        if (
            said.tags
            or said.personal
            or said.keep == "summary"
            or (said.keep is None and outcome in REFUSED)
        ):
            return None
        fields = said.fields
        if "cost" in fields:
            return None
        user_id = fields.get("user_id", user_id)
        api_key_id = fields.get("api_key_id", api_key_id)
        route = fields.get("route", route)
        model = fields.get("model", model)
        input_tokens = fields.get("input_tokens", input_tokens)
        output_tokens = fields.get("output_tokens", output_tokens)
    trace_id = span_id = None
    if observed.traceparent is not None:
        trace_id, span_id = parse_traceparent(observed.traceparent)
    redactor = recorder.redactor
    query: str | None = observed.query or None
    if query is not None:
        query = redactor.redact_query(query)
        if query is None:
            return None  # what was removed is searched for in all the rest
    line: bytes | None = _encode_line(
        observed,
        outcome,
        route,
        query,
        user_id,
        api_key_id,
        trace_id,
        span_id,
        model,
        input_tokens,
        output_tokens,
    )
    journal = recorder.journal
    if line is None or journal is None or len(line) > journal.max_line_bytes:
        return None
    return line


def _usage(observed: "Observation") -> tuple[str | None, int | None, int | None] | None:
    """Read the use of an LLM call from bodies that are whole JSON; None where they aren't."""
    is_json = observed.recorder.redactor.is_json
    bodies = []
    for body, headers in (
        (observed.request_body, observed.request_headers),
        (observed.response_body, observed.response_headers),
    ):
        if body is not None and not (isinstance(body, bytes) and is_json(headers)):
            return None
        bodies.append(body)
    found = usage_of(*bodies)
    return found.get("model"), found.get("input_tokens"), found.get("output_tokens")
