"""What OpenAPI says of the answers: schemas from the structs, and examples."""

from typing import Any

import msgspec

from dashcam.store.base import Stats, StoredExchange, Summary, Timeline

EXAMPLE_ID = "019a0000-0000-7000-8000-000000000001"
EXAMPLE_SUMMARY: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "request_timestamp": "2026-01-31T12:00:00.000000Z",
    "outcome": "completed",
    "method": "GET",
    "target": "/v1/example?page=2",
    "status_code": 200,
    "duration_ms": 12.5,
    "user_id": "example-user",
}


def _schema(kind: type) -> dict[str, Any]:
    (schema,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    found = schema.get("$ref", "")
    inlined: dict[str, Any] = components.get(found, schema)
    properties = inlined.get("properties", {})
    for name, each in properties.items():
        if "$ref" in str(each):
            properties[name] = {"type": "array", "items": {"type": "object"}}
    return inlined


def _answer(schema: dict[str, Any], example: Any, description: str) -> dict[int | str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {200: {"description": description, "content": content}}


PAGE = _answer(
    {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": _schema(Summary)},
            "next_cursor": {"type": ["string", "null"]},
        },
    },
    {"items": [EXAMPLE_SUMMARY], "next_cursor": None},
    "At most `limit` records, without bodies and headers",
)
RECORD = _answer(
    _schema(StoredExchange),
    {**EXAMPLE_SUMMARY, "request_headers": [["accept", "*/*"]], "response_body": "example"},
    "The record, and its bodies made readable under `display`",
)
STATS = _answer(_schema(Stats), {"count": 1, "errors": 0}, "Counts, percentiles and top routes")
TIMELINE = _answer(
    _schema(Timeline),
    {
        "bucket_s": 60,
        "points": [{"at": "2026-01-31T12:00:00.000000Z", "count": 5, "errors": 1, "p95": 80.5}],
    },
    "Counts, errors, gaps and percentiles by stretches of time",
)
STREAM: dict[int | str, Any] = {
    200: {
        "description": "Events `record`, whose data is a summary; resumes from Last-Event-ID",
        "content": {"text/event-stream": {"example": "id: …\nevent: record\ndata: {…}\n\n"}},
    }
}
_PROBLEM = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
            },
        },
        "example": {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "status must be like 404, 4xx or 400-499, got 'abc'",
        },
    }
}
ERRORS: dict[int | str, Any] = {
    400: {"description": "A parameter makes no sense", "content": _PROBLEM},
    401: {"description": "No credential, or one that doesn't hold", "content": _PROBLEM},
    403: {"description": "Not allowed", "content": _PROBLEM},
    404: {"description": "No such record in what you may see", "content": _PROBLEM},
    422: {"description": "Not used: a wrong parameter is a 400", "content": _PROBLEM},
    429: {"description": "Too many failed log-ins", "content": _PROBLEM},
    503: {"description": "The store does not answer now", "content": _PROBLEM},
}
